"""A choice of readings as Forms: one for each way to join the tables and to read the dates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Literal

from pluto_duck.agent.planners.builtin.emit.figures import moments
from pluto_duck.agent.planners.builtin.form import Condition, Facet, Field, Form, Grain, Measure, Named, Period
from pluto_duck.agent.planners.builtin.resolve.attempt import Attempt, Candidate, Impossible
from pluto_duck.agent.planners.builtin.resolve.costs import readings_cost
from pluto_duck.agent.planners.builtin.resolve.fields import repeats
from pluto_duck.agent.planners.builtin.resolve.grains import grain_choices
from pluto_duck.agent.planners.builtin.resolve.measures import check_groups, rooted
from pluto_duck.agent.planners.builtin.resolve.notes import evidence, places, words
from pluto_duck.agent.planners.builtin.resolve.parts import Parts, parts
from pluto_duck.agent.planners.builtin.resolve.periods import on_days, period_choices
from pluto_duck.agent.planners.builtin.resolve.tables import Tree, dated_tables, trees

BRIDGE_COST = 0.05


def forms(attempt: Attempt) -> Iterator[Candidate]:
    """Raises Impossible when the readings make no sense together."""
    found = parts(attempt)
    some = False
    for tree in trees(attempt, found):
        try:
            turn = {one: rooted(one, tree.root) for one in found.counted}
            check_groups(list(turn.values()), found.select, tree.root)
        except Impossible:
            continue
        some = True
        yield from _over(attempt, found, tree, turn)
    if not some and _measured_alone(attempt, found):
        for tree in trees(attempt, found, bridged=True):
            for one in _over(attempt, found, tree, {measure: measure for measure in found.counted}):
                yield replace(one, cost=one.cost + BRIDGE_COST)


def _measured_alone(attempt: Attempt, found: Parts) -> bool:
    """Nothing but figures of one table with a key: they can be taken over any choice of its rows."""
    tables = {one.table.ref.key for one in found.measures}
    plain = not (attempt.out.groups or attempt.out.projections or found.having or found.orders or attempt.out.share)
    return plain and len(tables) == 1 and found.measures[0].table.key is not None


def _over(attempt: Attempt, found: Parts, tree: Tree, turn: dict[Measure, Measure]) -> Iterator[Candidate]:
    """All forms over one tree of tables; `turn`: the measures as they must be taken there."""
    grouped = bool(attempt.out.groups or attempt.out.projections)
    if found.having and not grouped:
        return  # a count of groups: needs a query inside a query
    reached = tree.reached(attempt.catalog)
    limit, notes = _limit(attempt)
    cost = attempt.cost + readings_cost(attempt, tree.root, tree.joins)
    said = (*attempt.assumptions, *words(attempt), *notes, *tree.losses())
    dated = dated_tables(attempt, reached)
    choices = product(period_choices(attempt, dated), list(grain_choices(attempt, dated, bool(turn))))
    for (periods, period_cost, period_notes), (grains, grain_cost) in choices:
        if grouped and not found.select and not grains:
            continue
        form = _form(attempt, found, tree, turn, periods, grains, limit)
        if _crossed(form):
            continue
        if attempt.out.days:
            form = replace(form, conditions=(*form.conditions, on_days(attempt, dated, form.periods)))
        for shaped in _shapes(attempt, form):
            yield Candidate(
                shaped,
                cost + period_cost + grain_cost,
                (*said, *period_notes),
                evidence(attempt),
                tuple(attempt.guesses),
                places(attempt),
            )


def _crossed(form: Form) -> bool:
    """Who bought books but no toys: of one row of what they bought that says nothing, and of all their rows the
    joins can't tell."""
    told = {one.table.ref.key for one in form.select} | {one.table.ref.key for one in form.measures}
    wanted = {one.field for one in form.conditions if one.operator in ("=", "in")}
    refused = {one.field for one in form.conditions if one.operator in ("<>", "not in")}
    return bool(told) and form.root.ref.key not in told and bool(wanted & refused)


def _shapes(attempt: Attempt, form: Form) -> Iterator[Form]:
    """The form as it is; for a share, each way in which it may be one."""
    out = attempt.out
    if out.change or (out.versus and form.spans):
        yield from _changes(attempt, form)
        return
    if out.quotient:
        if len(form.measures) == 2:
            yield replace(form, quotient=True, percent=out.share == "percent")
        return
    if out.running:
        if moments(form) and all(one.adds_up for one in form.measures) and form.measures:
            yield replace(form, running=True, order=(), limit=None)
        return
    if not out.share:
        yield form
        return
    yield from _shares(attempt, form)


def _shares(attempt: Attempt, form: Form) -> Iterator[Form]:
    out = attempt.out
    percent = out.share == "percent"
    if len(form.measures) != 1 or not form.measures[0].adds_up:
        return
    if form.limit is not None and form.select and not out.of_whole:
        yield replace(form, share="top", percent=percent)
        return
    if (form.conditions or form.terms) and not form.within and not (out.of_whole and form.select):
        part: tuple[Condition | Named, ...] = (*form.conditions, *form.terms)
        yield replace(form, share="part", percent=percent, part=part, conditions=(), terms=())
        if form.select and all(one.grain for one in form.select):
            return  # what was ordered online, month by month: of the orders of that month
    if form.select and not out.inside:
        kind: Literal["within", "total"] = "within" if form.within else "total"
        yield replace(form, share=kind, percent=percent)


def _changes(attempt: Attempt, form: Form) -> Iterator[Form]:
    """From each period to the next; or between the two that were named."""
    out = attempt.out
    pair = form.spans[0] if len(form.spans) == 1 and len(form.spans[0]) == 2 else ()
    when = moments(form)
    if not form.measures:
        return  # rows can't stand beside each other, only figures of them
    if pair and not when:
        sides = tuple(Facet(str(one.first), (one,)) for one in sorted(pair, key=lambda one: one.first.first()))
        yield replace(form, sides=sides, spans=())
    elif out.change == "year" and not when and len(form.periods) == 1:
        sides_of_year = _a_year_apart(form.periods[0])
        if sides_of_year is not None:
            yield replace(form, sides=sides_of_year, periods=())
    elif len(when) == 1:
        order = tuple(one for one in form.order if isinstance(one.by, Measure)) if form.limit is not None else ()
        yield replace(form, change="year" if out.change == "year" else "before", order=order)


def _a_year_apart(period: Period) -> tuple[Facet, ...] | None:
    first, last = period.first, period.last
    if first.year is None or period.side not in ("in", "between"):
        return None
    before = replace(period, first=replace(first, year=first.year - 1))
    if last is not None and last.year is not None:
        before = replace(before, last=replace(last, year=last.year - 1))
    return Facet("a_year_earlier", (before,)), Facet("now", (period,))


def _form(
    attempt: Attempt,
    found: Parts,
    tree: Tree,
    turn: dict[Measure, Measure],
    periods: tuple[Period, ...],
    grains: tuple[Field, ...],
    limit: int | None,
) -> Form:
    plain, spans = _alternatives(attempt, periods)
    each_of = [mark.value for mark in attempt.out.over if mark.kind == "grain"]
    over = tuple(one for one in grains if one.grain in each_of)
    grains = tuple(one for one in grains if one not in over)
    if spans and attempt.out.apart and not attempt.out.versus and not attempt.out.change and found.measures:
        grains = (*grains, *(one for one in _told_apart(spans) if one not in grains))
    once = attempt.out.distinct or (tree.fanned and bool(found.select)) or repeats(found.select, attempt.out)
    return Form(
        tree.root,
        tree.joins,
        tuple(dict.fromkeys((*grains, *found.within, *found.select))),
        tuple(dict.fromkeys(turn[one] for one in found.measures)),
        tuple(dict.fromkeys(found.conditions)),
        plain,
        tuple(replace(one, measure=turn[one.measure]) for one in found.having),
        tuple(replace(one, by=turn[one.by]) if isinstance(one.by, Measure) else one for one in found.orders),
        limit,
        distinct=not turn and once,
        rows=not found.select and not grains and not found.measures,
        either=found.either,
        terms=found.terms,
        within=tuple(dict.fromkeys(found.within)),
        each=tuple(dict.fromkeys((*found.each, *(one for one in grains if attempt.out.each)))),
        spans=spans,
        typical=attempt.out.typical,  # type: ignore[arg-type]
        over=tuple(dict.fromkeys((*over, *found.over))),
    )


def _alternatives(
    attempt: Attempt, periods: tuple[Period, ...]
) -> tuple[tuple[Period, ...], tuple[tuple[Period, ...], ...]]:
    """Those that have to hold, and those of which one has to."""
    groups: list[list[Period]] = []
    for slot, period in zip(attempt.out.periods, periods, strict=True):
        if slot.alternative and groups:
            groups[-1].append(period)
        else:
            groups.append([period])
    return tuple(one[0] for one in groups if len(one) == 1), tuple(tuple(one) for one in groups if len(one) > 1)


def _told_apart(spans: tuple[tuple[Period, ...], ...]) -> Iterator[Field]:
    """In 2023 and 2024: a figure for each of the two."""
    for span in spans:
        day, column = span[0].first, span[0].columns[0]
        if column.part is None:
            grain: Grain = "day" if day.day else "month" if day.month else "quarter" if day.quarter else "year"
            yield Field(span[0].table, column, grain)


def _limit(attempt: Attempt) -> tuple[int | None, list[str]]:
    out = attempt.out
    if out.limit is not None or not out.ranked:
        return out.limit, []
    if not out.single:
        return None, ["no number was given: all are ranked"]
    return 1, []
