"""Which date column a July or a 2013 is about."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, product
from typing import Any

from pluto_duck.agent.planners.builtin.dates import Day
from pluto_duck.agent.planners.builtin.form import Condition, Field, Period, Side
from pluto_duck.agent.planners.builtin.outline import PeriodSlot
from pluto_duck.agent.planners.builtin.relative import Relative, present
from pluto_duck.agent.planners.builtin.resolve.attempt import Attempt, Impossible
from pluto_duck.catalog import Column, Table
from pluto_duck.catalog.model import is_date
from pluto_duck.catalog.words import singular, split

MAX_YEARS = 10
"""Data over more years are no running business: there, July is every July."""


def period_choices(attempt: Attempt, reached: Sequence[Table]) -> Iterator[tuple[tuple[Period, ...], float, list[str]]]:
    """In the order of their slots."""
    if not attempt.out.periods:
        yield (), 0.0, []
        return
    per_slot = [list(_period_options(attempt, slot, reached)) for slot in attempt.out.periods]
    for choice in islice(product(*per_slot), 6):
        slots = zip(attempt.out.periods, choice, strict=True)
        alone = [one for slot, one in slots if not slot.alternative]
        inside = [(one[0].table.ref.key, one[0].columns) for one in alone if one[0].side == "in" and one[0].first.year]
        if len(set(inside)) < len(inside):
            continue  # nothing happens in two years at once
        if len({(one[0].table.ref.key, one[0].columns) for one in choice}) > 1 and len(alone) < len(choice):
            continue  # alternatives are of one date
        yield (
            tuple(one[0] for one in choice),
            sum(one[1] for one in choice),
            [note for one in choice for note in one[2]],
        )


def _period_options(
    attempt: Attempt, slot: PeriodSlot, reached: Sequence[Table]
) -> Iterator[tuple[Period, float, list[str]]]:
    for depth, table in enumerate(reached):
        for columns, cost in _date_columns(attempt, table):
            told = _told(slot, columns, last_day(attempt, columns[0]))
            if told is None:
                continue
            (side, first, last), notes = told[0], list(told[1])
            if first.year is None and (latest := _latest(first, last, columns)) is not None:
                first, last, several = latest
                if several:
                    span = f"{first} to {last}" if last else str(first)
                    notes.append(f"no year was given: {span} is meant, the latest there is")
            period = Period(table, columns, side, first, last)
            if not _expressible(period):
                continue
            if any(mark.kind == "value" and mark.text.lower().endswith("ed") for mark in attempt.marks):
                notes.append(f"the date is {columns[0].name}")  # "shipped in May" may speak of another date
            years = _years(columns)
            if period.first.year is None and (years is None or years[0] != years[1]):
                notes.append(f"no year was given: {period.first} of every year counts")
            yield period, cost + 0.15 * depth, notes


def last_day(attempt: Attempt, column: Column) -> Any:
    """Where the data end: the last day of all dates that questions mean, where the semantic file names such."""
    if column.part is not None or column.high is None:
        return column.high
    today = datetime.date.today().isoformat()
    usual = [table.column(table.date).high for table in attempt.catalog.tables if table.date is not None]
    ends = [str(one)[:10] for one in usual if one is not None and str(one)[:10] <= today]
    return max([*ends, str(column.high)[:10]]) if ends else column.high


def _told(
    slot: PeriodSlot, columns: Sequence[Column], high: Any
) -> tuple[tuple[Side, Day, Day | None], list[str]] | None:
    """The slot in days of the calendar, and what to say of it."""
    if not isinstance(slot.first, Relative):
        return (slot.side, slot.first, slot.last), []  # type: ignore[return-value]
    if slot.side != "in":
        return _told_from(slot.side, slot.first, columns, high)
    if columns[0].part == "year" and slot.first.unit == "year" and not slot.first.rolling and high is not None:
        now: tuple[datetime.date, bool] | None = (datetime.date(int(high), 12, 31), True)
    else:
        now = present(high) if columns[0].part is None else None
    if now is None:
        return None
    first, last = slot.first.days(now[0])
    where = f"the data's last date, {now[0]}" if now[1] else f"today, {now[0]}"
    span = f"{first} to {last}" if last is not None else str(first)
    return ("between" if last is not None else "in", first, last), [f"{slot.first} is {span}, counted from {where}"]


def _told_from(
    side: str, said: Relative, columns: Sequence[Column], high: Any
) -> tuple[tuple[Side, Day, Day | None], list[str]] | None:
    """Since last month, before this year."""
    now = present(high) if columns[0].part is None else None
    if now is None or said.rolling or said.to_date:
        return None
    first, _last = said.days(now[0])
    where = f"the data's last date, {now[0]}" if now[1] else f"today, {now[0]}"
    return (side, first, None), [f"{said} is {first}, counted from {where}"]  # type: ignore[return-value]


def _latest(first: Day, last: Day | None, columns: Sequence[Column]) -> tuple[Day, Day | None, bool] | None:
    """The same with the last year in which the data have got so far; True: there are others. None: it isn't known."""
    years = _years(columns)
    high = columns[0].high
    if years is None or columns[0].part is not None or high is None:
        return None
    if years[1] - years[0] > MAX_YEARS:
        return None  # birthdays: every year is meant
    end = datetime.date.fromisoformat(str(high)[:10])
    year = years[1] if replace(first, year=years[1]).first() <= end else years[1] - 1
    until = None
    if last is not None:
        until = last if last.year else replace(last, year=year)
    return replace(first, year=year), until, years[0] != years[1]


def usual_date(attempt: Attempt, table: Table) -> str | None:
    """The column that a date means where none is named: that of the figure asked for, or of the table."""
    for reading in attempt.chosen.values():
        if reading.metric is not None and reading.table.ref == table.ref and reading.metric.date is not None:
            return reading.metric.date
    return table.date


def _date_columns(attempt: Attempt, table: Table) -> Iterator[tuple[tuple[Column, ...], float]]:
    named = {r.column.name for mark in attempt.out.dated for r in mark.readings
             if r.column is not None and r.table.ref == table.ref}
    if attempt.out.dated:
        for column in table.columns:
            if column.name in named:
                yield (column,), 0.0
        return
    done = {mark.text.lower() for mark in attempt.marks if mark.kind == "value"}
    acted = [one for one in table.columns if one.role == "date" and one.name.lower().split("_")[0] in done]
    if acted:  # canceled in May: that is when it was canceled
        yield (acted[0],), 0.0
        return
    usual = usual_date(attempt, table)
    if usual is not None and any(one.name == usual for one in table.columns):
        yield (table.column(usual),), 0.0
        return
    parts = tuple(column for column in table.columns if column.part and column.part == split(column.name)[-1])
    if any(one.part in ("year", "month") for one in parts):
        yield parts, 0.0
    dates = [c for c in table.columns if is_date(c.type) or c.text_date]
    spoken = {word for verb in attempt.out.verbs for word in (verb.value, singular(verb.text.lower()))}
    spoken |= {verb.text.lower().removesuffix("ed") for verb in attempt.out.verbs}
    for column in dates:
        said = bool(spoken & set(split(column.name)))
        yield (
            (column,),
            (0.05 if parts and any(p.part == "year" for p in parts) and len(parts) > 1 else 0.0)
            + (0.0 if said or len(dates) == 1 else 0.02)
            + (0.2 if parts and len(parts) > 1 else 0.0),
        )
    if not parts and not dates:
        for column in table.columns:
            if column.part == "year":
                yield (column,), 0.1


def on_days(attempt: Attempt, reached: Sequence[Table], periods: Sequence[Period]) -> Condition:
    """On days of the week, by the date that the periods are about, or the first one there is."""
    for one in periods:
        if one.columns[0].part is None:
            return Condition(Field(one.table, one.columns[0], "weekday"), "in", attempt.out.days)
    for table in reached:
        for columns, _cost in _date_columns(attempt, table):
            if columns[0].part is None:
                return Condition(Field(table, columns[0], "weekday"), "in", attempt.out.days)
    raise Impossible


def _expressible(period: Period) -> bool:
    days = [period.first, *([period.last] if period.last else [])]
    if any(day.year is None for day in days) and period.side != "in":
        return False
    kinds = {column.part for column in period.columns}
    if kinds == {None}:
        return True
    if period.side == "in":
        day = period.first
        return (
            (day.year is None or "year" in kinds)
            and (day.month is None or "month" in kinds)
            and (day.day is None or "day" in kinds)
            and (day.quarter is None or bool({"quarter", "month"} & kinds))
        )
    plain = all(day.month is None and day.quarter is None for day in days)
    return "year" in kinds and (plain or {"year", "month", "day"} <= kinds)


def _years(columns: Sequence[Column]) -> tuple[int, int] | None:
    """First and last year in the data; None when it isn't known."""
    for column in columns:
        if column.low is None or column.high is None:
            continue
        if column.part == "year":
            return int(column.low), int(column.high)
        if column.part is None:
            return int(str(column.low)[:4]), int(str(column.high)[:4])
    return None
