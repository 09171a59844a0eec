"""A mark: one or several words of a question, with everything they may mean."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pluto_duck.agent.planners.builtin.guesses import Likeness
from pluto_duck.agent.planners.builtin.vocabulary import Reading
from pluto_duck.catalog import Value
from pluto_duck.catalog.words import split


@dataclass
class Mark:
    kind: str
    """mention, value, number, text, day, grain, event, an operator of the lexicon, or unknown."""
    text: str
    value: Any = None
    readings: list[Reading] = field(default_factory=list)
    plural: bool = False
    typo: str = ""
    """What the word was taken for, when it was misspelt."""
    likeness: Likeness | None = None
    """How a value was guessed from what was said; None: it stands in the data as it was said."""
    start: int = -1
    end: int = -1
    """Which words of the question it is: from start up to end."""
    longer: tuple[Value, ...] = ()
    """Other values that contain the one that was said."""


def beside(mark: Mark, other: Mark) -> bool:
    """Nothing stands between the two, not even a small word."""
    return 0 <= mark.end == other.start


def tables(mark: Mark) -> set[str]:
    """The tables that the words may name, or name a column of."""
    return {reading.table.ref.key for reading in mark.readings}


def says_amount(mark: Mark) -> bool:
    """A column that is called a number of something, whatever its type."""
    best = mark.readings[0].column if mark.readings else None
    return best is not None and split(best.name)[-1] in ("amount", "number", "count", "total")


def numeric(mark: Mark) -> bool:
    return any(r.column is not None and r.column.numeric and r.column.role != "key" for r in mark.readings)


def has_measure(mark: Mark) -> bool:
    """The words may name something that can be added up or averaged."""
    if has_figure(mark):
        return True
    return any(r.column is not None and r.column.role == "measure" for r in mark.readings) and not names_table(mark)


def has_figure(mark: Mark) -> bool:
    """The words name a figure of the semantic file, and nothing else better."""
    told = [r.strength for r in mark.readings if r.metric is not None]
    return bool(told) and max(told) >= max((r.strength for r in mark.readings if r.metric is None), default=0)


def has_table(mark: Mark) -> bool:
    return any(r.column is None and r.metric is None for r in mark.readings)


def names_table(mark: Mark) -> bool:
    """The words name a table better than any column."""
    things = [r.strength for r in mark.readings if r.column is None and r.metric is None]
    return bool(things) and max(things) >= max((r.strength for r in mark.readings if r.column is not None), default=0)


def has_date(mark: Mark) -> bool:
    return any(r.column is not None and r.column.role == "date" for r in mark.readings)


def columns(mark: Mark) -> set[tuple[str, str]]:
    return {(r.table.ref.key, r.column.name) for r in mark.readings if r.column is not None}
