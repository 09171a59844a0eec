"""Times as conditions on a date column, or on columns for year, month and day."""

from __future__ import annotations

import datetime
from typing import Any

from sqlglot import exp

from pluto_duck.agent.planners.builtin.dates import Day
from pluto_duck.agent.planners.builtin.emit.names import Names, as_date
from pluto_duck.agent.planners.builtin.form import Period


def period_sql(period: Period, names: Names) -> list[Any]:
    """All of them hold."""
    parts = {column.part: names.column(period.table, column) for column in period.columns if column.part}
    if not parts:
        column = period.columns[0]
        return _on_date(period, as_date(names.column(period.table, column), column))
    if period.side == "in":
        return _on_parts(period.first, parts)
    if set(parts) >= {"year", "month", "day"}:
        whole = exp.Anonymous(this="make_date", expressions=[parts["year"], parts["month"], parts["day"]])
        if any(day.month or day.quarter for day in (period.first, period.last) if day):
            return _on_date(period, whole)
    year = parts["year"]
    bound = exp.Literal.number(period.first.year)
    if period.side == "between":
        assert period.last is not None
        return [exp.Between(this=year, low=bound, high=exp.Literal.number(period.last.year))]
    kinds = {"since": exp.GTE, "after": exp.GT, "before": exp.LT, "until": exp.LTE}
    return [kinds[period.side](this=year, expression=bound)]


def _on_parts(day: Day, parts: dict[Any, exp.Column]) -> list[Any]:
    found: list[Any] = []
    for name in ("year", "month", "day"):
        value = getattr(day, name)
        if value is not None:
            found.append(exp.EQ(this=parts[name], expression=exp.Literal.number(value)))
    if day.quarter is not None:
        if "quarter" in parts:
            found.append(exp.EQ(this=parts["quarter"], expression=exp.Literal.number(day.quarter)))
        else:
            found.append(
                exp.Between(
                    this=parts["month"],
                    low=exp.Literal.number(3 * day.quarter - 2),
                    high=exp.Literal.number(3 * day.quarter),
                )
            )
    return found


def _on_date(period: Period, column: exp.Expression) -> list[Any]:
    first, last = period.first, period.last
    if first.year is None:
        found: list[Any] = []
        for name in ("quarter", "month", "day"):
            value = getattr(first, name)
            if value is not None:
                part = exp.Anonymous(this=name, expressions=[column.copy()])
                found.append(exp.EQ(this=part, expression=exp.Literal.number(value)))
        return found

    def compare(kind: type[exp.Binary], day: datetime.date) -> Any:
        return kind(this=column.copy(), expression=date(day))

    if period.side == "since":
        return [compare(exp.GTE, first.first())]
    if period.side == "after":
        return [compare(exp.GTE, first.after())]
    if period.side == "before":
        return [compare(exp.LT, first.first())]
    if period.side == "until":
        return [compare(exp.LT, first.after())]
    return [compare(exp.GTE, first.first()), compare(exp.LT, (last or first).after())]


def date(day: datetime.date) -> Any:
    return exp.cast(exp.Literal.string(day.isoformat()), "DATE", dialect="duckdb")
