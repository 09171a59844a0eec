"""Figures said one after the other: the highest, lowest and average cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pluto_duck.agent.planners.builtin.lexicon import SUPERLATIVES
from pluto_duck.agent.planners.builtin.marks import Mark, has_measure, has_table, numeric
from pluto_duck.agent.planners.builtin.vocabulary import Vocabulary

_COUNTING = ("most", "least", "fewest")
_PARTS = ("name", "code", "id", "type", "number", "date", "year", "description", "status", "title", "names", "codes",
          "ids", "types", "dates", "descriptions", "titles", "detail", "details", "address")


def without_doubles(marks: Sequence[Mark], vocabulary: Vocabulary) -> Iterator[Mark]:
    """The average total score: the second word is part of a name, or says nothing more."""
    before = ""
    for at, mark in enumerate(marks):
        if mark.kind == "super" and _in_a_row(marks, at):
            mark = Mark("agg", mark.text, "max" if SUPERLATIVES[str(mark.value)][0] == "desc" else "min")
        if mark.kind == "quantity":
            nxt = marks[at + 1] if at + 1 < len(marks) else mark
            if nxt.kind == "mention" and not has_table(nxt) and (has_measure(nxt) or numeric(nxt)):
                continue  # the amount of sugar
            mark = replace(mark, kind="count")
        if mark.kind == before == "agg":
            readings = vocabulary.look_up([mark.text.lower()])
            if not readings:
                continue
            mark = Mark("mention", mark.text, None, readings)
        before = mark.kind
        yield _same_thing(mark, marks[at - 2 : at], vocabulary) if at > 1 else mark


def _same_thing(mark: Mark, two: Sequence[Mark], vocabulary: Vocabulary) -> Mark:
    """The location name and code: the code of the location."""
    first, link = two
    words = first.text.lower().split()
    if mark.kind != first.kind or mark.kind != "mention" or link.kind not in ("and", "comma") or len(words) < 2:
        return mark
    if mark.text.lower() not in _PARTS or words[-1] not in _PARTS:
        return mark
    readings = vocabulary.look_up([*words[:-1], mark.text.lower()])
    return replace(mark, readings=readings) if readings and readings[0].strength >= 0.9 else mark


def _in_a_row(marks: Sequence[Mark], at: int) -> bool:
    """The highest, lowest and average cost: three figures, no ranking."""
    word = str(marks[at].value)
    if SUPERLATIVES[word][0] not in ("asc", "desc") or word in _COUNTING:
        return False
    figures = ("super", "agg", "comma", "and", "mention")
    start, end = at, at + 1
    while start and marks[start - 1].kind in figures:
        start -= 1
    while end < len(marks) and marks[end].kind in figures:
        end += 1
    while start < at and marks[start].kind in ("mention", "comma", "and"):
        start += 1
    row = marks[start:end]
    follows = row[-1].kind == "mention"
    again = sum(one.kind == "mention" for one in row) > 1
    if again and not any(one.kind == "agg" for one in row):
        return False
    if not any(one.kind in ("comma", "and") for one in row):
        return False
    return follows and sum(one.kind in ("super", "agg") for one in row) > 1
