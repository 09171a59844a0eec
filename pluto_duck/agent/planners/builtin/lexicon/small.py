"""Words that say nothing about which data are meant, and those that say more than this grammar can."""

from __future__ import annotations


def _words(text: str) -> set[str]:
    return set(text.split())


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
    "still currently already "
    "corresponding respective respectively together ever"
)
LIGHT = _words(
    "make made have had give gave take took get got call called named belong belongs occur occurred happen happened "
    "locate located place placed record recorded register registered associate associated list listed stored "
    "value values table database data row rows record records entry entries exist exists found "
    "correspond corresponds involve involved appear appears appeared related relate "
    "come comes based use used using see seen know known want like total "
    "information overall run ran go goes went do done done held hold "
    "usd billions sorted brought bring brings bringing generate generated generates "
    "everybody everyone someone but whose"
)
ROWS = _words("record records row rows entry entries time times")
TAILS = _words("score scores number numbers type types code codes level levels amount value values rate size")
"""After the name of a column they say no more than it does: the snatch score, where there is a column snatch."""
PASSING = _words(
    "available taken reached side member results result contain "
    "serve serves served carry carries spend spends spent attend attends teach teaches taught accommodate support "
    "supports play plays played join joins earn live lives stay stays participate participates produce produces "
    "write writes wrote written study studies drive drives cost costs own owns manage manages lead leads led "
    "win wins won lose loses lost cover covers offer offers prescribe prescribes treat treats perform performs sing "
    "sings sang host hosts visit visits use uses buy buys make makes born grow grows grew sit sits lie lies "
    "come comes came coming sent send sends sending reach reaches contact contacts arrive arrives look looks looking "
    "handle handles deal deals stand stands meet meets met receive receives remain remains keep keeps kept "
    "turn pay pays turns touch touches"
)
PARTICLES = _words("in up out off back away after over down on with through to")
"""After such a verb, and with nothing of its own behind, they belong to it: came in by phone, looks after."""
"""They may say something: an answer that passes over them says so, and only between two things that it knows."""
"""Verbs and nouns that say nothing about which data are meant."""

UNITS = _words(
    "feet foot ft miles mile km kilometers kilometres meters metres m minutes minute min hours hour hrs dollars dollar "
    "usd euros euro eur $ % percent kg pounds lbs years old seconds degrees"
)
"""After a number they repeat what the column is in; we can't check that, so nothing is converted."""

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
