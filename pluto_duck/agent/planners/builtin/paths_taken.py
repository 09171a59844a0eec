"""Two ways to join the same tables: the one that loses rows is the lesser one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from pluto_duck.agent.planners.builtin.form import Form, Measure
from pluto_duck.agent.planners.builtin.guesses import Settled
from pluto_duck.agent.planners.builtin.resolve import Candidate
from pluto_duck.workspace import Result

KEPT = 0.9
"""A way that keeps fewer of the rows than this, beside one that keeps more, was not meant."""
Near = list[tuple[Candidate, Settled]]


def best_kept(near: Near, run: Callable[[Form], Result]) -> Near:
    """Without the readings that differ from another one in their joins alone, and lose rows by them.

    Revenue by region: every order has a customer, not every one a sales rep, and both have regions.
    """
    if len(near) < 2:
        return near
    kept: Near = []
    for same in _groups(near):
        if len(same) > 1:
            counts = [_rows(one.form, run) for one, _settled in same]
            most = max(counts)
            told = [pair for pair, count in zip(same, counts, strict=True) if count >= KEPT * most]
            if len(told) < len(same):
                told = [(_by_way_of(one), settled) for one, settled in told]
            same = told
        kept += same
    return sorted(kept, key=lambda pair: pair[0].cost)


def _groups(near: Near) -> Sequence[Near]:
    """Those that are the same but for their joins, together."""
    found: dict[Form, Near] = {}
    for one, settled in near:
        found.setdefault(replace(one.form, joins=()), []).append((one, settled))
    return list(found.values())


def _rows(form: Form, run: Callable[[Form], Result]) -> int:
    counted = Form(form.root, form.joins, (), (Measure("count", form.root),))
    return int(run(counted).rows()[0][0])


def _by_way_of(one: Candidate) -> Candidate:
    ways = ", ".join(f"{join.child}.{join.child_column}" for join in one.form.joins)
    return replace(one, assumptions=(*one.assumptions, f"the tables meet by way of {ways}"))
