"""Whether a question is one that was verified: the same words, not the same meaning.

It errs on the side of no: a planner works out what is not recognised, but nobody checks what is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from pluto_duck.catalog.words import singular

Likeness = Literal["same", "near"]

_TOKEN = re.compile(r""""[^"]*"|'[^']*'|[-+]?\d+(?:[.,:/-]\d+)*|\w+(?:'\w+)?|[^\w\s]""")
_OPENINGS = tuple(tuple(one.split()) for one in (
    "please", "can you", "could you", "show me", "show", "give me", "tell me", "what is", "what's", "what are",
    "what was", "what were"))
_EMPTY = {"the"}
"""Not "a": class a and vitamin a are more than that."""
_ENDS = {"?", ".", "!"}
_PREPOSITIONS = {"in", "on", "at", "for", "since", "during", "from", "within", "until"}
_MOVING = re.compile(
    r"\b(?:today|yesterday|now|current|currently|so far|to date|ytd|mtd|qtd|ago|recent|recently|latest|this|last|past|"
    r"previous|prior|next)\b")
_LATEST = re.compile(
    r"(?i)\bcurrent_(?:date|timestamp)\b|\b(?:now|today|get_current_timestamp)\s*\(|\(\s*select\s+max\b")
_DATE = re.compile(r"'\d{4}(?:-\d{1,2}){0,2}[^']*'|(?<![\w.])(?:19|20)\d\d(?![\w.])")


@lru_cache(maxsize=5_000)
def words(question: str) -> tuple[str, ...]:
    """Without politeness, "the" and the mark at the end; quoted words as they are, others in lower case."""
    found = [one if one[0] in "\"'" else one.casefold() for one in _TOKEN.findall(question)]
    while found and found[-1] in _ENDS:
        found.pop()
    opened = True
    while opened:
        opened = False
        for opening in _OPENINGS:
            if tuple(found[:len(opening)]) == opening and len(found) > len(opening):
                found, opened = found[len(opening):], True
                break
    return tuple(one for one in found if one not in _EMPTY)


def likeness(asked: Sequence[str], verified: Sequence[str]) -> Likeness | None:
    """Of two questions as `words` has them. near: singular for plural, or "in 2023" in front instead of behind."""
    if not asked or not verified:
        return None
    if tuple(asked) == tuple(verified):
        return "same"
    (one, bag), (other, same) = _loosened(tuple(asked)), _loosened(tuple(verified))
    if bag != same:
        return None
    return "near" if one == other or _turned(one, other) or _turned(other, one) else None


@lru_cache(maxsize=5_000)
def _loosened(words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Nouns in the singular; as they stand, and in order of the alphabet."""
    loose = tuple(singular(word) if word.isalpha() else word for word in words)
    return loose, tuple(sorted(word for word in loose if word != ","))


def _turned(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether a part that begins with a preposition stands in front of the one and at the end of the other."""
    one, other = (tuple(word for word in words if word != ",") for words in (one, other))
    if len(one) != len(other) or one[:1] == () or one[0] not in _PREPOSITIONS:
        return False
    return any(one[at:] + one[:at] == other for at in range(2, len(one)))


def moves(question: str) -> bool:
    """It speaks of a time that goes on with the clock: last month."""
    return bool(_MOVING.search(question.casefold()))


def stands_still(sql: str) -> bool:
    """It names dates and does not look at the clock, nor at the last date of the data."""
    return bool(_DATE.search(sql)) and not _LATEST.search(sql)
