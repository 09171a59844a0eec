"""When: in July, since 2020, between two dates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pluto_duck.agent.planners.builtin.dates import Day
from pluto_duck.agent.planners.builtin.marks import Mark
from pluto_duck.agent.planners.builtin.outline.cursor import Cursor, Steps
from pluto_duck.agent.planners.builtin.outline.slots import PeriodSlot


def on_day(cursor: Cursor, mark: Mark) -> None:
    nxt = cursor.peek()
    if (
        cursor.preposition == "from"
        and nxt.kind in ("prep", "side")
        and str(nxt.value) in ("to", "until", "through")
        and cursor.peek(1).kind == "day"
    ):
        cursor.take()
        grains = any(one.kind == "grain" for one in [*cursor.marks, *cursor.out.groups])
        if cursor.out.change and not grains:  # it grew from 2024 to 2025
            _period(cursor, "in", mark.value)
            _period(cursor, "in", cursor.take().value)
            cursor.out.periods[-1].alternative = True
        else:
            _period(cursor, "between", mark.value, cursor.take().value)
    elif nxt.kind in ("and", "or", "comma", "versus") and _next_day(cursor) is not None:
        _several(cursor, mark)
    else:
        _period(cursor, "in", mark.value)


def _next_day(cursor: Cursor) -> int | None:
    """How far ahead another day is, past the words that list it."""
    ahead = 0
    while cursor.peek(ahead).kind in ("and", "or", "comma", "versus", "prep"):
        ahead += 1
    return ahead if ahead and cursor.peek(ahead).kind == "day" else None


def _several(cursor: Cursor, mark: Mark) -> None:
    """In 2023, 2024 or 2025; March vs April 2025."""
    days = [mark.value]
    either = False
    while (ahead := _next_day(cursor)) is not None:
        for _one in range(ahead):
            word = cursor.take()
            cursor.out.versus |= word.kind == "versus"
            either |= word.kind == "or"
        days.append(cursor.take().value)
    year = next((day.year for day in reversed(days) if day.year), None)
    for number, day in enumerate(days):
        told = day if day.year else replace(day, year=year)
        _period(cursor, "in", told)
        cursor.out.periods[-1].alternative = number > 0
    cursor.out.apart |= not either


def on_relative(cursor: Cursor, mark: Mark) -> None:
    later = cursor.before(mark) in ("versus", "same", "and", "or") and bool(cursor.out.periods)
    cursor.out.periods.append(PeriodSlot("in", mark.value, alternative=later))
    cursor.out.apart |= later and cursor.before(mark) != "or"
    cursor.last, cursor.preposition = "period", ""
    if cursor.out.projections or cursor.out.measures:
        cursor.head = False


def on_days(cursor: Cursor, mark: Mark) -> None:
    cursor.out.days = mark.value
    cursor.last, cursor.preposition = "period", ""
    if cursor.out.projections or cursor.out.measures:
        cursor.head = False


def on_side(cursor: Cursor, mark: Mark) -> None:
    if cursor.peek().kind == "grain" and "day" in (cursor.peek(1).kind, cursor.peek(2).kind):
        cursor.skip("grain", "prep")  # before the year 2000
    if cursor.peek().kind == "day":
        _period(cursor, str(mark.value), cursor.take().value)
    else:
        cursor.out.left_over.append(mark)


def on_between(cursor: Cursor, mark: Mark) -> None:
    if cursor.peek().kind == "day" and cursor.peek(1).kind == "and" and cursor.peek(2).kind == "day":
        first, _and, last = cursor.take(), cursor.take(), cursor.take()
        grains = any(one.kind == "grain" for one in [*cursor.marks, *cursor.out.groups])
        if cursor.out.change and not grains:
            _period(cursor, "in", first.value)
            _period(cursor, "in", last.value)
            cursor.out.periods[-1].alternative = True
            return
        _period(cursor, "between", first.value, last.value)
    else:
        cursor.out.left_over.append(mark)


def _period(cursor: Cursor, side: str, first: Any, last: Any = None) -> None:
    if cursor.either:
        cursor.out.left_over.append(Mark("or", "or"))
    if side == "between" and first.year is None and last.year is not None:
        first = Day(last.year, first.quarter, first.month, first.day)
    before = cursor.out.versus and cursor.last in ("period", "versus") and bool(cursor.out.periods)
    cursor.out.periods.append(PeriodSlot(side, first, last, alternative=before))
    cursor.preposition = ""
    cursor.last = "period"
    if cursor.out.projections or cursor.out.measures:
        cursor.head = False


def on_span(cursor: Cursor, mark: Mark) -> None:
    """The first three months of 2025."""
    _period(cursor, "between", *mark.value)


STEPS: Steps = {
    "span": on_span,
    "days": on_days,
    "day": on_day,
    "relative": on_relative,
    "side": on_side,
    "between": on_between,
}
