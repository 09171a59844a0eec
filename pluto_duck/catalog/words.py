"""Names as words: `dep_delay`, `DepDelay` and "departure delays" must be able to meet."""

from __future__ import annotations

import re
from functools import lru_cache

_PIECES = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+|\d+")
_PREFIXES = {"dim", "fact", "fct", "tbl", "stg", "ref", "vw", "mart", "raw"}
"""Layer marks in front of a table's name; nobody says them."""

ID_WORDS = {"id", "key", "no", "nr", "num", "code", "cd", "uuid", "guid", "pk", "sk"}
"""A column that ends so names a thing, it does not measure it."""

_IRREGULAR = {
    "people": "person",
    "children": "child",
    "men": "man",
    "women": "woman",
    "feet": "foot",
    "mice": "mouse",
    "indices": "index",
    "analyses": "analysis",
    "crises": "crisis",
    "lives": "life",
    "wives": "wife",
    "leaves": "leaf",
    "movies": "movie",
    "series": "series",
    "species": "species",
    "status": "status",
    "address": "address",
    "data": "data",
    "news": "news",
    "bus": "bus",
    "gas": "gas",
    "ids": "id",
    "campuses": "campus",
    "statuses": "status",
    "buses": "bus",
    "viruses": "virus",
    "bonuses": "bonus",
    "campus": "campus",
    "aircraft": "aircraft",
    "cookies": "cookie",
    "ties": "tie",
}


@lru_cache(maxsize=20_000)
def singular(word: str) -> str:
    """The singular of an English noun in lower case; other words come back unchanged."""
    word = word.lower()
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and re.search(r"(ss|sh|ch|x|zz)es$", word):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


@lru_cache(maxsize=20_000)
def split(name: str) -> tuple[str, ...]:
    """A column's or table's name as lower-case singular words."""
    return tuple(singular(piece) for piece in _PIECES.findall(name)) or (name.lower(),)


def pieces(name: str) -> list[str]:
    """The words of a name in lower case, as they stand in it: sales_reps -> sales, reps."""
    return [piece.lower() for piece in _PIECES.findall(name)] or [name.lower()]


@lru_cache(maxsize=5_000)
def entity(table: str) -> tuple[str, ...]:
    """What a row of the table is called: `dim_customers` -> (customer,)."""
    words = split(table)
    while len(words) > 1 and words[0] in _PREFIXES:
        words = words[1:]
    return words
