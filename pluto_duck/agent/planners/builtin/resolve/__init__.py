"""Third step: every way to read the marks becomes a Form with a cost; the cheapest come first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, product
from math import prod

from pluto_duck.agent.planners.builtin.form import Form
from pluto_duck.agent.planners.builtin.marks import Mark
from pluto_duck.agent.planners.builtin.outline import Outline
from pluto_duck.agent.planners.builtin.resolve.attempt import Attempt, Candidate, Impossible
from pluto_duck.agent.planners.builtin.resolve.beside import beside
from pluto_duck.agent.planners.builtin.resolve.forms import forms
from pluto_duck.agent.planners.builtin.resolve.readings import marks_to_read, measured, options
from pluto_duck.agent.planners.builtin.vocabulary import Reading
from pluto_duck.catalog import Catalog

MAX_COMBINATIONS = 500
NEAR = 0.3
"""How much likelier a column is meant of a table that is named beside it, before all are tried."""
WIDTHS = (6, 4, 3, 2, 1)


def candidates(out: Outline, catalog: Catalog, *, limit: int = 8) -> list[Candidate]:
    if len(out.measures) > 1 and not (out.having or out.above or out.change or out.running or out.typical):
        if out.quotient:
            return beside(out, lambda one: _plain(one, catalog, limit))
        if len({_timed(one) for one in measured(out)}) > 1 and (out.periods or _by_time(out)):
            return beside(out, lambda one: _plain(one, catalog, limit))
        return _plain(out, catalog, limit) or beside(out, lambda one: _plain(one, catalog, limit))
    return _plain(out, catalog, limit)


def _timed(mark: Mark) -> tuple[str, str]:
    """What puts a figure into time: figures of one table may each go by another date."""
    told = next((one for one in mark.readings if one.metric is not None), None)
    return ("", "") if told is None or told.metric is None else (told.table.ref.key, told.metric.date or "")


def _by_time(out: Outline) -> bool:
    return any(one.kind == "grain" for one in [*out.groups, *out.projections])


def _plain(out: Outline, catalog: Catalog, limit: int) -> list[Candidate]:
    marks = marks_to_read(out, catalog)
    things = {id(one) for one in [*out.things, *(thing for _column, thing in out.bound)]} - {
        id(one) for one in [*out.projections, *out.groups]
    }
    figures = {id(one) for one in measured(out)}
    open_to = [options(one, thing=id(one) in things, figure=id(one) in figures) for one in marks]
    if not all(open_to):
        return []
    spoken = {r.table.ref.key for one in marks for r in one.readings if r.column is None and r.strength > 0.95}
    found: dict[Form, Candidate] = {}
    for combination in islice(product(*_cut(open_to, spoken)), MAX_COMBINATIONS):
        chosen = {id(mark): reading for mark, reading in zip(marks, combination, strict=True)}
        for candidate in _possible(Attempt(out, catalog, chosen, marks)):
            known = found.get(candidate.form)
            if known is None or candidate.cost < known.cost:
                found[candidate.form] = candidate
    return sorted(found.values(), key=lambda one: one.cost)[:limit]


def _cut(open_to: Sequence[Sequence[Reading]], spoken: set[str]) -> list[Sequence[Reading]]:
    """The best readings of each mark, as many as can all be tried with one another."""
    for width in WIDTHS:
        cut = [_best(one, width, spoken) for one in open_to]
        if prod(map(len, cut)) <= MAX_COMBINATIONS:
            break
    return cut


def _best(readings: Sequence[Reading], width: int, spoken: set[str]) -> Sequence[Reading]:
    """In their old order, so that equals keep theirs."""
    if len(readings) <= width:
        return readings
    order = sorted(
        range(len(readings)),
        key=lambda at: -readings[at].strength - NEAR * (readings[at].table.ref.key in spoken),
    )
    return [readings[at] for at in sorted(order[:width])]


def _possible(attempt: Attempt) -> Iterator[Candidate]:
    try:
        yield from forms(attempt)
    except Impossible:
        return


__all__ = ["Candidate", "candidates"]
