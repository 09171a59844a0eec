"""Whether an answer needs a caveat: a few features of it, weighed by how often answers that had them were right.

The weights are those of a logistic regression over every answer to the half of the development questions whose
failures were looked at; the threshold was chosen there, too. `docs/evaluation.md` has the numbers of both halves.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import exp
from typing import Literal

from pluto_duck.agent.planners.builtin.form import Form

Kind = Literal["passed", "lost", "summed", "goes", "typo", "table", "column"]


class Doubt(str):
    """A note on one choice. Alone it need not make a caveat, as a note of any other kind does."""

    kind: Kind

    def __new__(cls, kind: Kind, text: str) -> Doubt:
        self = super().__new__(cls, text)
        self.kind = kind
        return self


BIAS = 2.98
COST = -0.79
"""For each point that the readings and joins cost (`resolve/costs.py`)."""
JOIN = -0.53
"""For each table beside the first."""
WEIGHTS: dict[str, float] = {
    "distinct count": -0.67,
    "three columns": -0.64,
    "empty": -3.04,
    "period": -0.57,
    "groups": -0.32,
    "passed": -0.83,
    "lost": -0.38,
    "summed": -1.32,
    "goes": -0.61,
    "typo": -0.8,
    "table": -0.3,
    "column": -0.44,
}
SURE = 1.4
"""In log odds: above it no caveat is needed."""


def score(form: Form, cost: float, row_count: int, notes: Iterable[str]) -> float:
    """The log odds that this is what was asked for."""
    found = {
        "distinct count": any(one.function == "count_distinct" for one in form.measures),
        "three columns": len(form.select) > 2,
        "empty": row_count == 0,
        "period": bool(form.periods),
        "groups": form.grouped,
    }
    kinds = {name for name, there in found.items() if there} | {one.kind for one in notes if isinstance(one, Doubt)}
    return BIAS + COST * cost + JOIN * len(form.joins) + sum(WEIGHTS[kind] for kind in kinds)


def likelihood(score: float) -> float:
    return 1 / (1 + exp(-score))


def needs_caveat(score: float, notes: Iterable[str]) -> bool:
    return score < SURE or any(not isinstance(one, Doubt) for one in notes)
