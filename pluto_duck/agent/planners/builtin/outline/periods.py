"""When: in July, since 2020, between two dates."""

from __future__ import annotations

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
        _period(cursor, "between", mark.value, cursor.take().value)
    elif nxt.kind in ("and", "or", "comma") and cursor.peek(1).kind == "day":
        cursor.out.left_over.append(mark)
    else:
        _period(cursor, "in", mark.value)


def on_relative(cursor: Cursor, mark: Mark) -> None:
    cursor.out.periods.append(PeriodSlot("in", mark.value))
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
        _period(cursor, "between", first.value, last.value)
    else:
        cursor.out.left_over.append(mark)


def _period(cursor: Cursor, side: str, first: Any, last: Any = None) -> None:
    if cursor.either:
        cursor.out.left_over.append(Mark("or", "or"))
    if side == "between" and first.year is None and last.year is not None:
        first = Day(last.year, first.quarter, first.month, first.day)
    cursor.out.periods.append(PeriodSlot(side, first, last))
    cursor.preposition = ""
    cursor.last = "period"
    if cursor.out.projections or cursor.out.measures:
        cursor.head = False


STEPS: Steps = {"day": on_day, "relative": on_relative, "side": on_side, "between": on_between}
