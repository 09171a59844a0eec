"""A period that the data does not reach the end of: beside whole ones it looks like a fall."""

from __future__ import annotations

import datetime as dt

from pluto_duck.agent.planners.builtin.form import Form, Grain, Period
from pluto_duck.catalog import Column

MONTHS: dict[Grain, int] = {"year": 12, "quarter": 3, "month": 1}
SLACK = 0.1
"""Of a period: data that ends so much earlier may well be all there is of it."""


def unfinished(form: Form) -> str:
    """A note where figures of several periods are held against each other, and the last one is not over; "" else."""
    if form.change:
        for field in form.select:
            last = _last(field.column)
            if field.grain in MONTHS and last is not None and _reaches(form.periods, field.column, last):
                return _note(last, *_around(last, MONTHS[field.grain]))
    for side in form.sides:
        for period in side.periods:
            last = _last(period.columns[0])
            if len(period.columns) == 1 and period.side == "in" and period.first.year and last is not None:
                first, after = period.first.first(), period.first.after()
                if first <= last < after:
                    return _note(last, first, after)
    return ""


def _last(column: Column) -> dt.date | None:
    high = column.high
    if isinstance(high, dt.datetime):
        return high.date()
    return high if isinstance(high, dt.date) else None


def _around(day: dt.date, months: int) -> tuple[dt.date, dt.date]:
    """The first day of its period, and the first one after it."""
    first = day.replace(month=(day.month - 1) // months * months + 1, day=1)
    month = first.month - 1 + months
    return first, first.replace(year=first.year + month // 12, month=month % 12 + 1)


def _reaches(periods: tuple[Period, ...], column: Column, last: dt.date) -> bool:
    return all(one.columns != (column,) or one.side != "in" or not one.first.year
               or one.first.after() > last for one in periods)


def _note(last: dt.date, first: dt.date, after: dt.date) -> str:
    if (after - last).days - 1 <= SLACK * (after - first).days:
        return ""
    return f"the data ends on {last:%d %B %Y}, before the last of these periods is over"
