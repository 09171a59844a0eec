"""Why so high? The figure by the column that tells most of it, found by rules in the data."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from pluto_duck.agent.planners.builtin.dates import Day
from pluto_duck.agent.planners.builtin.form import Facet, Field, Form, Order, Period
from pluto_duck.agent.planners.builtin.joins import Paths
from pluto_duck.agent.planners.builtin.marks import Mark, has_figure
from pluto_duck.agent.planners.builtin.relative import shift
from pluto_duck.agent.planners.builtin.wording import full_name
from pluto_duck.catalog import Catalog, Relation
from pluto_duck.errors import StatementError
from pluto_duck.workspace import Result

MAX_GROUPS = 40
MAX_COLUMNS = 24
MAX_HOPS = 2
COVERED = 0.9
"""A column must tell of so much of the figure."""
_OPENINGS = ("why", "what explains", "what drives")


def why(question: str) -> bool:
    return question.strip().lower().startswith(_OPENINGS)


def asks_why(question: str, marks: Sequence[Mark]) -> bool:
    """It asks for a reason, and names nothing but the figure that was told before."""
    telling = ("mention", "value", "number", "day", "relative")
    return why(question) and all(mark.kind not in telling or has_figure(mark) for mark in marks)


def broken_down(form: Form, catalog: Catalog, run: Callable[[Form], Result]) -> tuple[Form, str] | None:
    """The first figure of the form by the column that tells most of it, and what to say of that.

    With a period: the column whose groups have shifted most against each other since the period before. Without one:
    the column over which the figure is spread least evenly.
    """
    if not form.measures or not form.measures[0].adds_up or form.sides or form.beside or form.typical:
        return None
    whole = Form(form.root, form.joins, (), form.measures[:1], form.conditions, form.periods, either=form.either,
                 members=form.members, terms=form.terms, spans=form.spans)
    sides = _then_and_now(form.periods)
    total = float(str(run(whole).rows()[0][0] or 0))
    found: list[tuple[float, Form, str]] = []
    tried = 0
    for field, joins in _columns(form, catalog):
        order = (Order(form.measures[0], True),)
        grouped = replace(whole, joins=joins, select=(field,), order=order)
        grouped = replace(grouped, sides=sides, periods=()) if sides else replace(grouped, share="total", percent=True)
        try:
            rows = run(grouped).rows()
        except StatementError:
            continue
        tried += 1
        if sum(float(str(row[2 if sides else 1] or 0)) for row in rows) < COVERED * total:
            continue  # most rows have no such thing: it can't tell of the whole
        score = (_shifted(rows) if sides else _uneven(rows)) if 2 <= len(rows) <= MAX_GROUPS else None
        if score is not None:
            found.append((score, grouped, full_name(field.table, field.column, grouped)))
    if not found:
        return None
    _score, best, name = max(found, key=lambda one: one[0])
    if not sides:
        return best, f"of {tried} columns, the figure is spread least evenly over {name}"
    rose = sum(float(row[2] or 0) - float(row[1] or 0) for row in run(best).rows()) >= 0
    best = replace(best, order=(Order(form.measures[0], rose),))
    return best, f"of {tried} columns, {name} is the one whose groups have shifted most since the period before"


def _then_and_now(periods: Sequence[Period]) -> tuple[Facet, ...]:
    """The period and the one of the same length before it; empty where there is no such period."""
    if len(periods) != 1 or periods[0].first.year is None or periods[0].side not in ("in", "between"):
        return ()
    period = periods[0]
    first, end = period.first.first(), (period.last or period.first).after()
    if period.last is None and not period.first.day:
        days = period.first
        unit = "month" if days.month else "quarter" if days.quarter else "year"
        start = shift(unit, first, -6) if days.half else shift(unit, first, -1)
    else:
        start = first - (end - first)
    last = first - datetime.timedelta(days=1)
    before = replace(period, side="between", first=_day(start), last=_day(last))
    return Facet("before", (before,)), Facet("now", (period,))


def _day(one: datetime.date) -> Day:
    return Day(one.year, None, one.month, one.day)


def _shifted(rows: Sequence[tuple[object, ...]]) -> float | None:
    """How far the shares of the groups are from those before: 0 the same, 1 nothing in common."""
    before, now = ([float(str(row[at] or 0)) for row in rows] for at in (1, 2))
    if min(before + now) < 0 or not sum(before) or not sum(now):
        return None
    return sum(abs(b / sum(before) - n / sum(now)) for b, n in zip(before, now, strict=True)) / 2


def _uneven(rows: Sequence[tuple[object, ...]]) -> float | None:
    """0: all groups alike; 1: one has all. (The Herfindahl index, made comparable between numbers of groups.)"""
    shares = [float(str(row[-1])) / 100 for row in rows if row[-1] is not None]
    if len(shares) < 2 or min(shares) < 0:
        return None
    even = 1 / len(shares)
    return (sum(one * one for one in shares) - even) / (1 - even)


def _columns(form: Form, catalog: Catalog) -> Iterator[tuple[Field, tuple[Relation, ...]]]:
    """Columns of few values: of the table itself and of those its rows belong to, and the joins that reach them."""
    fixed = {(one.field.table.ref.key, one.field.column.name) for one in form.conditions if one.operator == "="}
    fixed |= {(one.table.ref.key, one.column.name) for one in form.select}
    count = 0
    for key, ways in sorted(Paths.of(catalog).start(form.root.ref.key).items()):
        way = min(ways, key=len) if ways else ()
        table = catalog.table(key)
        if len(way) > MAX_HOPS:
            continue
        joins = (*form.joins, *(one for one in way if one.parent.key not in {j.parent.key for j in form.joins}))
        for column in table.columns:
            few = column.role == "dimension" and 2 <= column.distinct <= MAX_GROUPS
            if few and (key, column.name) not in fixed and count < MAX_COLUMNS:
                count += 1
                yield Field(table, column), joins
