"""A change looks at the period before, so more rows are read than are shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlglot import exp

from pluto_duck.agent.planners.builtin.dates import Day
from pluto_duck.agent.planners.builtin.emit.figures import moments
from pluto_duck.agent.planners.builtin.emit.names import Names, field_sql
from pluto_duck.agent.planners.builtin.emit.periods import date
from pluto_duck.agent.planners.builtin.form import Form, Period
from pluto_duck.agent.planners.builtin.relative import shift


def wider(form: Form, names: Names) -> tuple[Form, list[Any]]:
    """The form whose rows are read, and what the groups that are shown have to meet."""
    when = moments(form)
    if not form.change or not when or when[0].grain is None:
        return form, []
    unit = "year" if form.change == "year" else when[0].grain
    late: list[Any] = []
    periods: list[Period] = []
    for one in form.periods:
        if one.columns != (when[0].column,) or one.first.year is None or one.side not in ("in", "since", "between"):
            periods.append(one)
            continue
        start = one.first.first()
        first = shift(unit, start, -1)
        periods.append(_from(one, Day(first.year, None, first.month, first.day)))
        bound = exp.Literal.number(start.year) if when[0].grain == "year" else date(start)
        late.append(exp.GTE(this=field_sql(when[0], names), expression=bound))
    return replace(form, periods=tuple(periods)), late


def _from(period: Period, first: Day) -> Period:
    if period.side == "since":
        return replace(period, first=first)
    return replace(period, side="between", first=first, last=period.last or period.first)
