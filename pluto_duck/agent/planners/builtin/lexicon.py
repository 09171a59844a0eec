"""The words the grammar itself knows. Nothing here may name a particular database."""

from __future__ import annotations

from typing import Any

# phrase -> (kind of mark, value)
PHRASES: dict[str, tuple[str, Any]] = {}


def _words(text: str) -> set[str]:
    return set(text.split())


def _put(kind: str, value: Any, *phrases: str) -> None:
    for phrase in phrases:
        PHRASES[phrase] = (kind, value)


_put("count", None, "how many", "number of", "the number of", "total number of", "count", "count of",
     "count the", "how many different", "amount of times", "number of times")
_put("sum", None, "how much")
_put("agg", "avg", "average", "avg", "mean", "average of")
_put("agg", "sum", "total", "sum", "sum of", "combined", "overall")
_put("agg", "max", "maximum", "max")
_put("agg", "min", "minimum", "min")
_put("distinct", None, "distinct", "different", "unique")
_put("top", "desc", "top", "first")
_put("top", "asc", "bottom")
_put("group", None, "per", "for each", "for every", "in each", "at each", "of each", "on each", "by each",
     "each", "every", "grouped by", "group by", "broken down by", "from each", "to each", "with each",
     "in every", "of every", "split by")
_put("by", None, "by")
_put("order", None, "sort the results by", "sort the result by", "order the results by", "order the result by",
     "sort results by",
     "sort the list by", "order the list by", "sort them in", "ordered by", "sorted by", "order by", "sort by",
     "ranked by", "in order of",
     "order them by", "sort them by", "arranged by", "listed by")
_put("dir", "asc", "ascending", "in ascending order", "ascending order", "alphabetically",
     "in alphabetical order", "alphabetical order", "in ascending alphabetical order",
     "from lowest to highest", "from smallest to largest", "from oldest to newest",
     "in ascending order of", "alphabetical", "in increasing order", "from low to high", "increasing")
_put("dir", "desc", "descending", "in descending order", "descending order", "from highest to lowest",
     "decreasing", "from largest to smallest", "in decreasing order", "in descending order of",
     "from high to low", "from newest to oldest", "from most to least",
     "in descending alphabetical order", "in reverse alphabetical order", "in descending lexicographical order",
     "in descending order by", "reverse alphabetical order")
_put("cmp", ">", "more expensive than", "later than", "more", "greater", "higher", "deeper than", "wider than",
     "faster than",
     "richer than", "more than the", "higher than the", "greater than the", "larger than the", "above the",
     "older than the")
_put("cmp", "<", "earlier than", "slower than", "less", "fewer", "lower", "below the", "less than the",
     "lower than the",
     "smaller than the", "shorter than the", "younger than the", "less expensive than")
_put("cmp", ">", "more than", "greater than", "larger than", "higher than", "bigger than", "over", "above",
     "exceeding", "longer than", "older than", "exceeds", "exceed", "heavier than", "taller than", ">",
     "bigger", "beyond")
_put("cmp", ">=", "at least", "no less than", "not less than", "greater than or equal to", ">=",
     "minimum of", "a minimum of")
_put("cmp", "<", "less than", "fewer than", "smaller than", "lower than", "below", "under", "shorter than",
     "younger than", "lighter than", "cheaper than", "<")
_put("cmp", "<=", "at most", "no more than", "not more than", "less than or equal to", "<=", "up to",
     "maximum of", "a maximum of")
_put("cmp", "=", "equal to", "equals", "equal", "=", "exactly", "is exactly")
_put("like", "contains", "has the word", "have the word", "have the substring", "contains the substring",
     "contain the substring", "containing the substring", "includes the word", "contains the letter",
     "contain the letter", "containing the letter", "the substring", "contains", "contain", "containing",
     "including the word", "with the substring",
     "has the substring", "include", "includes", "including", "contains the word", "contain the word",
     "containing the word", "with the word")
_put("like", "starts", "starts with", "start with", "starting with", "begins with", "begin with",
     "beginning with", "starts with the letter", "start with the letter", "starting with the letter")
_put("like", "ends", "ends with", "end with", "ending with", "ending in")
_put("between", None, "in the range of", "in range of", "in the range between", "in the range from", "between",
     "ranging from")
_put("ormore", ">=", "or more", "or greater", "or higher", "or above", "or over", "or larger", "or older",
     "and above")
_put("ormore", "<=", "or fewer", "or less", "or lower", "or below", "or under", "or smaller", "or younger",
     "and below")
_put("and", None, "and", "&", "as well as", "along with", "and also", "together with", "plus", "and the")
_put("or", None, "or")
_put("not", None, "not", "is not", "are not", "other than", "except", "except for", "excluding", "was not",
     "were not", "isn't", "aren't", "apart from", "does not equal", "is not equal to", "not equal to")
_put("without", None, "never", "without", "without any", "no", "have no", "has no", "had no", "with no",
     "there is no",
     "there are no", "do not have any", "does not have any", "did not have any", "don't have any", "doesn't have any",
     "didn't have any", "do not have", "does not have", "did not have", "don't have", "doesn't have", "didn't have",
     "have not", "has not", "had not", "haven't", "hasn't", "have never", "has never", "had never", "did not",
     "does not",
     "do not", "didn't", "doesn't", "don't", "that have no", "who have no", "but not", "have not been",
     "has not been",
     "were never", "was never", "are never", "is never", "not have any", "not have", "not any", "lack", "lacks")
_put("share", "share", "share", "share of", "proportion", "proportion of", "fraction", "fraction of", "as a share",
     "share of the total", "share of total")
_put("share", "percent", "percentage", "percentage of", "percent", "percent of", "what percent of",
     "what percentage of",
     "as a percentage", "percentage share", "percentage of the total", "percentage of total")
_put("change", None, "growth", "growth of", "growth in", "change in", "change of", "change", "increase in",
     "period over period", "month over month", "year over year", "quarter over quarter", "growth rate")
_put("trend", None, "trend", "trend of", "trend in", "over time", "development of", "evolution of")
_put("both", None, "both")
_put("either", None, "either")
_put("show", None, "what about", "how about", "show", "show me", "list", "list all", "list the", "give",
     "give me", "tell me", "find",
     "display", "return", "what is", "what are", "what's", "which", "what", "what was", "what were",
     "get", "show all", "print", "please show", "which are", "which is", "give the", "report",
     "find out", "present", "fetch", "retrieve", "tell", "provide", "what kind of", "what kinds of",
     "compute", "calculate", "find all", "return all")
_put("where", None, "where", "with", "whose", "that", "who", "having", "that have", "which have", "that has",
     "who have", "who has", "when", "for which", "if", "have", "has", "had")
for _prep in (
    "of",
    "in",
    "for",
    "on",
    "at",
    "during",
    "within",
    "among",
    "from",
    "to",
    "into",
    "through",
    "departing",
    "via",
    "out of",
    "leaving",
    "arriving",
    "towards",
):
    _put("prep", _prep, _prep)
_put("prep", "from", "departing from", "leaving from", "out of")
_put("prep", "to", "bound for", "arriving at", "heading to", "going to", "arriving in")

# Superlatives: direction, and the column words an adjective speaks of ("expensive" -> price).
_SIZE = ("size", "area", "population", "capacity")
COMPARATIVES: dict[str, tuple[str, ...]] = {
    "older": ("age",), "younger": ("age",), "longer": ("length", "duration", "distance"), "shorter": ("height",
     "length"),
    "heavier": ("weight",), "lighter": ("weight",), "taller": ("height",), "cheaper": ("price", "cost", "fee"),
    "expensive": ("price", "cost", "fee"), "larger": _SIZE, "bigger": _SIZE, "smaller": _SIZE, "deeper": ("depth",),
    "wider": ("width",), "faster": ("speed",), "slower": ("speed",), "richer": ("income", "salary"),
}
"""The column that a comparison speaks of when none is named: older than 30."""

SUPERLATIVES: dict[str, tuple[str, tuple[str, ...]]] = {
    "most": ("desc", ()), "highest": ("desc", ()), "largest": ("desc", _SIZE), "biggest": ("desc", _SIZE),
    "greatest": ("desc", ()), "maximal": ("desc", ()), "least": ("asc", ()), "fewest": ("asc", ()),
    "lowest": ("asc", ()), "smallest": ("asc", _SIZE), "worst": ("worst", ()), "best": ("best", ()),
    "longest": ("desc", ("length", "duration")), "shortest": ("asc", ("length", "duration", "height")),
    "oldest": ("age", ()), "youngest": ("youth", ()), "newest": ("late", ()), "latest": ("late", ()),
    "earliest": ("early", ()), "most recent": ("late", ()), "least recent": ("early", ()),
    "tallest": ("desc", ("height",)), "heaviest": ("desc", ("weight",)), "lightest": ("asc", ("weight",)),
    "fastest": ("desc", ("speed",)), "slowest": ("asc", ("speed",)), "cheapest": ("asc",
    ("price", "cost", "fee")), "most expensive": ("desc", ("price", "cost", "fee")),
    "least expensive": ("asc", ("price", "cost", "fee")), "richest": ("desc",
    ("income", "salary", "wealth")), "most populous": ("desc", ("population",)), "deepest": ("desc",
    ("depth",)), "widest": ("desc", ("width",)), "busiest": ("desc", ("#",)), "most common": ("desc",
    ("#",)), "most frequent": ("desc", ("#",)), "least common": ("asc", ("#",)), "most often": ("desc", ("#",)),
     "the most often": ("desc", ("#",)), "most commonly": ("desc", ("#",)),
    "least often": ("asc", ("#",)), "most prevalent": ("desc", ("#",)), "most numerous": ("desc", ("#",)),
    "most popular": ("desc",
    ("#",)), "most frequently": ("desc", ("#",)), "least frequent": ("asc", ("#",)),
    "least popular": ("asc", ("#",)),
}
DELAY_LIKE = {
    "delay",
    "latency",
    "error",
    "defect",
    "complaint",
    "cost",
    "loss",
    "lateness",
    "churn",
    "failure",
    "wait",
    "cancellation",
    "return",
    "debt",
    "overdue",
    "downtime",
    "bug",
    "incident",
    "fault",
    "risk",
}
"""Measures of which less is better; for all others more is."""

GRAINS = {
    "month": "month",
    "months": "month",
    "year": "year",
    "years": "year",
    "quarter": "quarter",
    "quarters": "quarter",
    "day": "day",
    "days": "day",
    "week": "week",
    "weeks": "week",
    "date": "day",
}
ADVERBS = {
    "monthly": "month",
    "yearly": "year",
    "annually": "year",
    "annual": "year",
    "daily": "day",
    "quarterly": "quarter",
    "weekly": "week",
}

STOP = _words(
    "some any the a an is are was were be been being there do does did me i we you please all their its his her "
    "them they it this these those can could would you'd us our my much also so as then "
    "each's will 's s ? ! . : ; shall just "
    "corresponding respective respectively together ever"
)
LIGHT = _words(
    "make made have had give gave take took get got call called named belong belongs occur occurred happen happened "
    "locate located place placed record recorded register registered associate associated list listed stored "
    "value values table database data row rows record records entry entries exist exists found "
    "correspond corresponds involve involved appear appears appeared related relate "
    "come comes based use used using see seen know known want like total "
    "information overall run ran go goes went do done done held hold "
    "usd billions sorted "
    "across everybody everyone someone but whose"
)
PASSING = _words("available taken reached side member results result contain")
"""They may say something: an answer that passes over them says so, and only between two things that it knows."""
"""Verbs and nouns that say nothing about which data are meant."""

UNITS = _words(
    "feet foot ft miles mile km kilometers kilometres meters metres m minutes minute min hours hour hrs dollars dollar "
    "usd euros euro eur $ % percent kg pounds lbs years old seconds degrees"
)
"""After a number they repeat what the column is in; we can't check that, so nothing is converted."""

EVENTS = {"departure": "origin", "takeoff": "origin", "arrival": "dest", "landing": "dest"}
ORIGIN_WORDS = {"origin", "source", "from", "departure", "start", "dep"}
DEST_WORDS = {"dest", "destination", "to", "arrival", "end", "target", "arr"}

SEXES = {"male": "m", "males": "m", "man": "m", "men": "m", "female": "f", "females": "f", "woman": "f", "women": "f"}

VERBS = {
    "flight": "fly flew flown flies flying operate operated",
    "sale": "sell sold sells selling",
    "order": "ordered ordering",
    "purchase": "buy bought buys purchased",
    "payment": "pay paid pays",
    "shipment": "ship shipped ships",
    "delivery": "deliver delivered",
    "employee": "employ employed employs work works worked",
    "visit": "visited visits",
    "booking": "book booked",
    "enrollment": "enroll enrolled",
    "registration": "register registered",
    "rental": "rent rented",
    "return": "returned",
    "subscription": "subscribe subscribed",
    "trip": "travel travelled",
    "loan": "borrow borrowed lend lent",
    "review": "reviewed",
    "manufacturer": "manufacture manufactured built build produce produced",
    "producer": "produced produce",
    "maker": "produce produced",
    "author": "write wrote written",
    "director": "direct directed",
    "publisher": "publish published",
    "birth": "born",
    "departure": "depart departed leave left",
    "arrival": "arrive arrived",
    "owner": "own owned owns",
    "founded": "found founded established",
    "opening": "open opened",
    "price": "cost costs",
    "city": "live lives",
    "salary": "earn earned earns",
    "customer": "buy bought",
    "hire": "hired",
    "signup": "signed",
    "invoice": "invoiced billed",
}
"""A verb says nothing new beside a table or column that its noun names."""

SYNONYMS: tuple[tuple[str, ...], ...] = (
    ("salary", "pay", "wage", "compensation"), ("price", "cost"), ("revenue", "turnover"),
    ("customer", "client", "buyer"), ("employee", "worker", "staff"), ("carrier", "airline"),
    ("plane", "aircraft", "airplane"), ("product", "item", "article"), ("company", "firm", "business"),
    ("city", "town"), ("country", "nation"), ("manufacturer", "maker", "producer", "brand"),
    ("quantity", "qty"), ("amount", "amt"), ("number", "num", "nr", "no"), ("average", "avg"),
    ("department", "dept"), ("destination", "dest"), ("departure", "dep"), ("arrival", "arr"),
    ("scheduled", "sched"), ("description", "desc"), ("category", "cat"), ("identifier", "id"),
    ("telephone", "phone"), ("e-mail", "email", "mail"), ("manager", "mgr"),
    ("organization", "organisation", "org"), ("temperature", "temp"), ("latitude", "lat"),
    ("longitude", "lon", "long", "lng"), ("altitude", "alt", "elevation"), ("address", "addr"),
    ("transaction", "txn", "trx"), ("account", "acct"), ("balance", "bal"), ("discount", "disc"),
    ("gender", "sex"), ("title", "headline"), ("car", "automobile"), ("movie", "film"),
    ("doctor", "physician"), ("teacher", "instructor"), ("student", "pupil"), ("state", "province"),
    ("zip", "zipcode", "postcode"), ("size", "capacity"), ("population", "inhabitants"),
    ("age", "years old"), ("shop", "store"), ("begin", "start"), ("finish", "end"), ("order", "purchase"),
    ("rating", "score"), ("date", "dt"), ("signup", "sign-up", "registration"), ("region", "area"),
    ("plan", "tier"), ("subscription", "sub"), ("payment", "pmt"), ("supplier", "vendor"),
    ("segment", "seg"), ("speed", "velocity"), ("flight", "flt"), ("airport", "airfield"),
)

UNSUPPORTED: dict[str, str] = {}
for _listed, _what in (
    ("ratio rate", "ratios"),
    (
        "grew changed increased decreased compared compare comparison versus vs difference correlation forecast "
        "predict prediction",
        "comparisons and forecasts",
    ),
    (
        "none neither nor nobody cannot",
        "what is missing (never, without, no)",
    ),
    (
        "median mode percentile quartile variance deviation stddev running cumulative rolling moving",
        "that statistic",
    ),
    (
        "today yesterday tomorrow now current last previous next recently recent ago past ytd weekday weekend "
        "weekdays weekends",
        "dates relative to today",
    ),
    ("why how who when whom because explain reason", "questions of this kind"),
    ("than", "comparisons of one thing with another"),
    ("same similar", "comparisons of one thing with another"),
    ("second third fourth fifth 2nd 3rd 4th 5th", "a place in a ranking other than the first"),
    ("update delete insert drop create alter remove", "changing data"),
    ("only", "restrictions with 'only'"),
    ("if else", "conditions of this kind"),
):
    for _word in _listed.split():
        UNSUPPORTED[_word] = _what
