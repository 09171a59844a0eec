"""A choice of readings as Forms: one for each way to join the tables and to read the dates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from pluto_duck.agent.planners.builtin.form import Field, Form, Measure, Period
from pluto_duck.agent.planners.builtin.resolve.attempt import Attempt, Candidate, Impossible
from pluto_duck.agent.planners.builtin.resolve.costs import readings_cost
from pluto_duck.agent.planners.builtin.resolve.fields import repeats
from pluto_duck.agent.planners.builtin.resolve.grains import grain_choices
from pluto_duck.agent.planners.builtin.resolve.measures import check_groups, rooted
from pluto_duck.agent.planners.builtin.resolve.notes import evidence, places, words
from pluto_duck.agent.planners.builtin.resolve.parts import Parts, parts
from pluto_duck.agent.planners.builtin.resolve.periods import period_choices
from pluto_duck.agent.planners.builtin.resolve.tables import Tree, trees


def forms(attempt: Attempt) -> Iterator[Candidate]:
    """Raises Impossible when the readings make no sense together."""
    found = parts(attempt)
    for tree in trees(attempt, found):
        try:
            turn = {one: rooted(one, tree.root) for one in found.counted}
            check_groups(list(turn.values()), found.select, tree.root)
        except Impossible:
            continue
        yield from _over(attempt, found, tree, turn)


def _over(attempt: Attempt, found: Parts, tree: Tree, turn: dict[Measure, Measure]) -> Iterator[Candidate]:
    """All forms over one tree of tables; `turn`: the measures as they must be taken there."""
    grouped = bool(attempt.out.groups or attempt.out.projections)
    if found.having and not grouped:
        return  # a count of groups: needs a query inside a query
    reached = tree.reached(attempt.catalog)
    limit, notes = _limit(attempt)
    cost = attempt.cost + readings_cost(attempt, tree.root, tree.joins)
    said = (*attempt.assumptions, *words(attempt), *notes, *tree.losses())
    choices = product(period_choices(attempt, reached), list(grain_choices(attempt, reached, bool(turn))))
    for (periods, period_cost, period_notes), (grains, grain_cost) in choices:
        if grouped and not found.select and not grains:
            continue
        form = _form(attempt, found, tree, turn, periods, grains, limit)
        for shaped in _shapes(attempt, form):
            yield Candidate(
                shaped,
                cost + period_cost + grain_cost,
                (*said, *period_notes),
                evidence(attempt),
                tuple(attempt.guesses),
                places(attempt),
            )


def _shapes(attempt: Attempt, form: Form) -> Iterator[Form]:
    """The form as it is; for a share, each way in which it may be one."""
    out = attempt.out
    if out.change:
        if len([one for one in form.select if one.grain or one.column.part]) == 1 == len(form.select) and form.measures:
            yield replace(form, change="before", order=())
        return
    if not out.share:
        yield form
        return
    if len(form.measures) != 1 or form.measures[0].function not in ("count", "sum"):
        return
    if form.conditions:
        yield replace(form, share="part", percent=out.share == "percent", part=form.conditions, conditions=())
    if form.select and not out.inside:
        yield replace(form, share="total", percent=out.share == "percent")


def _form(
    attempt: Attempt,
    found: Parts,
    tree: Tree,
    turn: dict[Measure, Measure],
    periods: tuple[Period, ...],
    grains: tuple[Field, ...],
    limit: int | None,
) -> Form:
    once = attempt.out.distinct or (tree.fanned and bool(found.select)) or repeats(found.select, attempt.out)
    return Form(
        tree.root,
        tree.joins,
        (*grains, *dict.fromkeys(found.select)),
        tuple(dict.fromkeys(turn[one] for one in found.measures)),
        tuple(dict.fromkeys(found.conditions)),
        periods,
        tuple(replace(one, measure=turn[one.measure]) for one in found.having),
        tuple(replace(one, by=turn[one.by]) if isinstance(one.by, Measure) else one for one in found.orders),
        limit,
        distinct=not turn and once,
        rows=not found.select and not grains and not found.measures,
        either=found.either,
    )


def _limit(attempt: Attempt) -> tuple[int | None, list[str]]:
    out = attempt.out
    if out.limit is not None or not out.ranked:
        return out.limit, []
    if not out.single:
        return None, ["no number was given: all are ranked"]
    return 1, []
