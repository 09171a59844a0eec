"""Shares of a whole, and how a figure went from one period to the next."""

from __future__ import annotations

from pluto_duck.agent.planners.builtin.lexicon import GRAINS
from pluto_duck.agent.planners.builtin.marks import Mark, has_measure, has_table
from pluto_duck.agent.planners.builtin.outline.cursor import Cursor, Steps
from pluto_duck.agent.planners.builtin.outline.measures import measure
from pluto_duck.agent.planners.builtin.outline.slots import FilterSlot, MeasureSlot


def on_share(cursor: Cursor, mark: Mark) -> None:
    cursor.out.share = str(mark.value)
    if not cursor.out.measures and not _figure(cursor):
        cursor.out.left_over.append(mark)


def on_change(cursor: Cursor, mark: Mark) -> None:
    cursor.out.change = True
    cursor.out.notes.append("each period is compared with the one before it that has rows")
    unit = next((word for word in mark.text.lower().split() if word in GRAINS), None)
    if unit is not None and not any(one.kind == "grain" for one in cursor.out.groups):
        cursor.out.groups.append(Mark("grain", unit, GRAINS[unit]))
    if not cursor.out.measures and not _figure(cursor) and unit is None:
        cursor.out.left_over.append(mark)


def on_trend(cursor: Cursor, mark: Mark) -> None:
    """By month, where nothing else is said."""
    if not cursor.out.measures:
        _figure(cursor)
    if not any(one.kind in ("grain", "by") for one in [*cursor.out.groups, *cursor.marks[cursor.at :]]):
        cursor.out.groups.append(Mark("grain", "month", "month"))
        cursor.out.notes.append("the trend is told by month")


def _figure(cursor: Cursor) -> bool:
    """What the part is taken of: rows are counted, a measure is added up."""
    cursor.skip("prep", "show")
    if cursor.peek().kind == "value" and cursor.peek(1).kind == "mention" and has_table(cursor.peek(1)):
        cursor.filter(FilterSlot(None, "in", [cursor.take()]))  # the share of shipped orders
        cursor.out.inside = True
    slot = measure(cursor)
    if slot is None and cursor.peek().kind == "mention":
        target = cursor.take()
        slot = MeasureSlot("sum" if has_measure(target) else "count", target)
    if slot is None:
        return False
    cursor.out.measures.append(slot)
    cursor.said_measure()
    return True


STEPS: Steps = {"share": on_share, "change": on_change, "trend": on_trend}
