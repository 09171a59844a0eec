"""One choice of a meaning for each mark, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pluto_duck.agent.planners.builtin.form import Form
from pluto_duck.agent.planners.builtin.guesses import Guess
from pluto_duck.agent.planners.builtin.marks import Mark
from pluto_duck.agent.planners.builtin.outline import Outline
from pluto_duck.agent.planners.builtin.vocabulary import Reading
from pluto_duck.catalog import Catalog


@dataclass(frozen=True)
class Candidate:
    form: Form
    cost: float
    """0 is a question whose every word is a full name; each doubt adds to it."""
    assumptions: tuple[str, ...]
    evidence: tuple[str, ...]
    guesses: tuple[Guess, ...] = ()
    """Conditions on values that were not said as they stand; they hold only once they are settled."""
    places: tuple[tuple[str, str], ...] = ()
    """Where each value that was said as it stands was found."""
    others: tuple[tuple[str, Form], ...] = ()
    """For an assumption the form that would be without it, as far as it is known."""
    plain: Form | None = None
    """The form before its joins became conditions."""


class Impossible(Exception):
    """This combination of readings makes no sense; another one may."""


@dataclass
class Attempt:
    out: Outline
    catalog: Catalog
    chosen: Mapping[int, Reading]
    """By the identity of the mark: two marks may look the same."""
    marks: Sequence[Mark]
    assumptions: list[str] = field(default_factory=list)
    guesses: list[Guess] = field(default_factory=list)
    cost: float = 0.0

    def reading(self, mark: Mark) -> Reading:
        if id(mark) not in self.chosen:
            raise Impossible  # a day or a word without a meaning, where a name has to be
        return self.chosen[id(mark)]
