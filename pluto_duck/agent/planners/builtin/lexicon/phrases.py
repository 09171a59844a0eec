"""Phrases that say what is done with what is named: count, group, compare, restrict."""

from __future__ import annotations

from typing import Any

# phrase -> (kind of mark, value)
PHRASES: dict[str, tuple[str, Any]] = {}


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
     "each", "every", "grouped by", "group by", "broken down by", "from each", "to each", "with each", "each one",
     "for each one", "to each one", "of each one", "each of them", "for each of them",
     "in every", "of every", "split by")
_put("by", None, "by")
_put("order", None, "sort the results by", "sort the result by", "order the results by", "order the result by",
     "sort results by",
     "sort the list by", "order the list by", "sort them in", "ordered by", "sorted by",
     "order by", "sort by",
     "ranked by", "in order of",
     "order them by", "sort them by", "arranged by", "listed by", "and sort by", "sort")
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
    "across",
):
    _put("prep", _prep, _prep)
_put("prep", "from", "departing from", "leaving from", "out of")
_put("prep", "to", "bound for", "arriving at", "heading to", "going to", "arriving in")

_put("filler", None, "in total", "in all", "at all", "his or her", "him or her", "he or she", "in charge of",
     "as their", "of any kind")
_put("dir", "desc", "from the highest to the lowest", "from the most to the least", "from the largest to the smallest",
     "from the best to the worst", "starting from the highest")
_put("dir", "asc", "from the lowest to the highest", "from the least to the most", "from the smallest to the largest",
     "starting from the lowest")
_put("everything", None, "all the information about", "all information about", "the information about",
     "all info of", "all info about", "all the details of", "all details of", "all the information of",
     "all attributes of",
     "everything about", "all columns of", "all the info of", "full information about", "complete information about")
_put("quantity", None, "amount of", "the amount of", "total amount of", "the total amount of")
_put("distinct", None, "kinds of", "kind of", "different kinds of", "different types of", "distinct types of")
_put("order", None, "in the order of", "in order of the", "by order of", "in the order by")
_put("like", "ends", "end with the letter", "ends with the letter", "ending with the letter")
_put("like", "contains", "have the letter", "has the letter", "having the letter", "contain the string",
     "contains the string", "containing the string", "have the string", "has the string", "contained the word",
     "include the word")
for _phrase, (_kind, _value) in list(PHRASES.items()):
    if _kind == "dir" and _phrase.startswith(("in ", "from ")):
        for _verb in ("ordered", "sorted", "listed", "arranged", "order", "order them", "sort them"):
            _put("dir", _value, f"{_verb} {_phrase}")
