"""Second step: which part each mark plays. A mark that finds no part stays over, and the question is declined."""

from __future__ import annotations

from collections.abc import Sequence

from pluto_duck.agent.planners.builtin.marks import Mark, has_measure, names_table
from pluto_duck.agent.planners.builtin.outline import (
    conditions,
    connectives,
    groups,
    measures,
    mentions,
    parts_of,
    periods,
    rankings,
)
from pluto_duck.agent.planners.builtin.outline.cursor import Cursor, Steps
from pluto_duck.agent.planners.builtin.outline.slots import FilterSlot, MeasureSlot, OrderSlot, Outline, PeriodSlot

_STEPS: Steps = {
    kind: step
    for steps in (
        connectives.STEPS,
        measures.STEPS,
        rankings.STEPS,
        groups.STEPS,
        mentions.STEPS,
        conditions.STEPS,
        periods.STEPS,
        parts_of.STEPS,
    )
    for kind, step in steps.items()
}


def outline(marks: Sequence[Mark]) -> Outline:
    cursor = Cursor(marks)
    while cursor.peek().kind != "end":
        mark = cursor.take()
        _STEPS.get(mark.kind, _left_over)(cursor, mark)
    _finish(cursor)
    return cursor.out


def _left_over(cursor: Cursor, mark: Mark) -> None:
    cursor.out.left_over.append(mark)


def _finish(cursor: Cursor) -> None:
    out = cursor.out
    pending = [one for one in out.orders if one.by == (None, ())]
    if pending and len(pending) < len(out.orders):  # top 10, of what was ranked before
        out.orders = [one for one in out.orders if one not in pending]
        out.orders[0].direction = pending[-1].direction
    _rank_in_each(cursor)
    grains = any(one.kind == "grain" for one in [*out.groups, *out.projections, *out.over])
    if out.running and not grains:
        out.groups.append(Mark("grain", "month", "month"))
        out.notes.append("the running total is told by month")
    if out.dated and not (out.periods or grains):
        for one in out.dated:
            _happened(cursor, one)
    if out.versus and not out.filters and not any(one.alternative for one in out.periods) and len(out.measures) < 2:
        out.left_over.append(Mark("versus", "compare"))
    if cursor.negated:
        out.left_over.append(Mark("unsupported", "not", "this use of 'not'"))
    asked_for = out.measures or out.projections or out.things or out.orders or out.having or out.filters
    if out.groups and not asked_for and any(one.kind in ("by", "group") for one in cursor.marks[:2]):
        out.left_over += out.groups  # by region: of what?
    if _adds_up(cursor):
        out.measures.append(MeasureSlot("sum", out.projections.pop()))
        out.notes.append(f"'{out.measures[-1].target.text}' is added up")  # type: ignore[union-attr]
    if not (out.measures or out.having or out.orders) and out.projections:
        # "the payment methods used by customers": theirs, not one for each of them
        out.things += [
            one for one in out.groups if one.kind == "mention" and names_table(one) and not _straight(cursor, one)
        ]
        out.groups = [one for one in out.groups if one not in out.things]
    asked = out.measures or out.projections or out.things or out.groups or out.orders
    if not asked and len(out.filters) == 1 and out.filters[0].target is not None:
        out.projections = [out.filters[0].target]  # which title contains "duck"
    _count_the_rows(cursor)
    counting = out.measures or out.having or out.above or any(isinstance(order.by, MeasureSlot) for order in out.orders)
    if counting:
        out.groups = [*out.projections, *out.groups]
        out.projections = []
    elif out.groups and out.orders:
        out.projections, out.groups = [*out.projections, *out.groups], []
    if not counting and not out.projections and out.things:
        out.projections = out.things[:1]


def _straight(cursor: Cursor, group: Mark) -> bool:
    """Subscriptions by plan: rows, and right after them what they are told by."""
    at = next((i for i, mark in enumerate(cursor.marks) if mark is group), 0)
    rows = cursor.marks[at - 2] if at >= 2 else Mark("end", "")
    before = all(mark.kind in ("show", "value") for mark in cursor.marks[: max(at - 2, 0)])
    named = rows.kind == "mention" and names_table(rows) and rows.plural and rows in cursor.out.projections
    return named and before and cursor.marks[at - 1].kind in ("by", "group")


def _adds_up(cursor: Cursor) -> bool:
    """Seats by plan: all of them together."""
    out = cursor.out
    if out.measures or out.having or out.orders or len(out.projections) != 1 or not out.groups or out.share:
        return False
    asked = out.projections[0]
    at = next((i for i, mark in enumerate(cursor.marks) if mark is asked), None)
    first = at is not None and all(mark.kind == "show" for mark in cursor.marks[:at])
    if at is None or not first or not (asked.kind == "mention" and has_measure(asked)):
        return False
    apart = at + 1 < len(cursor.marks) and cursor.marks[at + 1].kind in ("by", "group")
    if apart and not at and not asked.plural:
        out.left_over.append(asked)  # order value by currency: added up, or on average?
    return apart and asked.plural


def _happened(cursor: Cursor, mark: Mark) -> None:
    """Reps who have left: the date is there."""
    if cursor.before(mark) in ("where", "mention") and not cursor.negated:
        column = Mark("mention", mark.text, readings=mark.readings)
        cursor.out.filters.append(FilterSlot(column, "present", []))
    else:
        cursor.out.left_over.append(mark)


def _count_the_rows(cursor: Cursor) -> None:
    """Orders by status, orders per month: how many there are of each. Orders in 2024 and 2025 compared: in both."""
    out = cursor.out
    named = [mark for mark in cursor.marks if mark.kind not in ("value", "not", "compare")]
    first = named[0] if named else Mark("end", "")
    pending = all(one.by == (None, ()) for one in out.orders)
    alone = pending and not (out.measures or out.having or out.above or out.share or out.running)
    asked = out.projections or out.things
    apart = out.groups or (out.versus and out.periods)
    if not (alone and apart and asked[:1] == [first] and len(asked) == 1):
        return
    if first.kind == "mention" and names_table(first) and first.plural:
        out.measures.append(MeasureSlot("count", first))
        out.projections, out.things = [], []


def _rank_in_each(cursor: Cursor) -> None:
    """The top 3 products in each category; the most expensive one per brand."""
    out = cursor.out
    asked = bool(out.projections) and bool(out.groups) and out.ranked and (out.limit is not None or out.single)
    if asked and out.orders and all(one.kind == "mention" for one in out.projections):
        out.each = list(out.groups)


__all__ = ["FilterSlot", "MeasureSlot", "OrderSlot", "Outline", "PeriodSlot", "outline"]
