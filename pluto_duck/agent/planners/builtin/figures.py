"""Figures said one after the other: the highest, lowest and average cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pluto_duck.agent.planners.builtin.lexicon import SUPERLATIVES
from pluto_duck.agent.planners.builtin.marks import Mark
from pluto_duck.agent.planners.builtin.vocabulary import Vocabulary

_COUNTING = ("most", "least", "fewest")


def without_doubles(marks: Sequence[Mark], vocabulary: Vocabulary) -> Iterator[Mark]:
    """The average total score: the second word is part of a name, or says nothing more."""
    before = ""
    for at, mark in enumerate(marks):
        if mark.kind == "super" and _in_a_row(marks, at):
            mark = Mark("agg", mark.text, "max" if SUPERLATIVES[str(mark.value)][0] == "desc" else "min")
        if mark.kind == before == "agg":
            readings = vocabulary.look_up([mark.text.lower()])
            if not readings:
                continue
            mark = Mark("mention", mark.text, None, readings)
        before = mark.kind
        yield mark


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
