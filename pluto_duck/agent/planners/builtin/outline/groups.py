"""By month, per carrier: what the rows are put together by."""

from __future__ import annotations

from pluto_duck.agent.planners.builtin.lexicon import SUPERLATIVES
from pluto_duck.agent.planners.builtin.marks import Mark, has_figure, has_measure, names_table
from pluto_duck.agent.planners.builtin.outline.cursor import Cursor, Steps
from pluto_duck.agent.planners.builtin.outline.measures import measure
from pluto_duck.agent.planners.builtin.outline.mentions import on_mention
from pluto_duck.agent.planners.builtin.outline.rankings import on_order
from pluto_duck.agent.planners.builtin.outline.slots import MeasureSlot, OrderSlot
from pluto_duck.agent.planners.builtin.vocabulary import full_name_columns


def on_by(cursor: Cursor, mark: Mark) -> None:
    pending = cursor.out.orders and cursor.out.orders[-1].by == (None, ()) and cursor.out.ranked
    if pending:
        order = cursor.out.orders[-1]
        if cursor.peek().kind == "super":  # top 5 by highest price
            order.direction = SUPERLATIVES[str(cursor.take().value)][0]
        slot = measure(cursor)
        if slot is not None:
            order.by = slot
        elif cursor.peek().kind == "mention":
            order.by = cursor.take()
        else:
            cursor.out.left_over.append(mark)
        cursor.last, cursor.head = "order", False
    elif cursor.peek().kind in ("dir", "order"):
        on_order(cursor, mark)
    elif _by_figure(cursor) and (slot := measure(cursor)) is not None:
        # customers by revenue: each with its own, the highest first
        cursor.out.measures.append(slot)
        cursor.out.orders.append(OrderSlot(slot, "desc", "by"))
        cursor.said_measure()
    elif cursor.peek().kind == "where" and cursor.peek().text.lower() == "that":
        cursor.preposition = "by"
    elif cursor.peek().kind in ("super", "cmp", "agg", "top"):
        cursor.preposition, cursor.last, cursor.head = "by", "prep", False  # shared by the greatest number of shops
    elif cursor.before(mark) in ("light", "verb") and names_table(cursor.peek()):
        cursor.out.things.append(cursor.take())  # owned by a company
        cursor.last, cursor.head = "thing", False
    elif _measured_rows(cursor, cursor.peek()):
        cursor.out.things.append(cursor.take())
        cursor.last = "thing"
    elif cursor.peek().kind in ("mention", "grain"):
        on_group(cursor, mark)
    elif cursor.peek().kind in ("value", "text", "day"):
        cursor.preposition = "by"
    else:
        cursor.out.left_over.append(mark)


def _by_figure(cursor: Cursor) -> bool:
    nxt = cursor.peek()
    return has_figure(nxt) or (nxt.kind == "count" and bool(cursor.out.projections) and not cursor.out.measures)


def _measured_rows(cursor: Cursor, thing: Mark) -> bool:
    """The money requested by founders: theirs all together, where the money stands in their own table."""
    if not (thing.plural and names_table(thing) and cursor.out.measures):
        return False
    target = cursor.out.measures[-1].target
    own = {r.table.ref.key for r in thing.readings if r.column is None}
    measured = [r.table.ref.key for r in target.readings if r.column is not None] if target is not None else []
    ends = cursor.peek(1).kind in ("where", "mention", "value", "day", "prep", "end")
    return bool(measured) and measured[0] in own and ends


def on_group(cursor: Cursor, mark: Mark) -> None:
    cursor.skip("distinct", "prep")
    counted = cursor.out.measures or any(isinstance(one.by, MeasureSlot) for one in cursor.out.orders)
    if cursor.out.projections and counted and cursor.peek().kind in ("end", "comma", "order", "where", "dir"):
        return  # the statuses, and how many cities have each: each of those
    if cursor.peek().kind not in ("mention", "grain"):
        cursor.out.left_over.append(mark)
        return
    later = any(one.kind in ("by", "group") for one in cursor.marks[cursor.at :])
    per_amount = mark.text.lower() == "per" and later and has_measure(cursor.peek()) and not has_figure(cursor.peek())
    if _average_of_rows(cursor, mark) or (per_amount and bool(cursor.out.measures)):
        cursor.out.left_over.append(mark)
        return
    if _per_rows(cursor, mark):
        cursor.out.measures.append(MeasureSlot("count", cursor.take()))
        cursor.out.quotient = True
        cursor.last = "group"
        return
    if mark.text.lower() in ("of each", "for each", "of every", "for every", "each"):
        cursor.bind(cursor.peek(), said=True)
    while True:
        cursor.out.groups.append(cursor.take())
        ahead = 0
        while cursor.peek(ahead).kind in ("and", "comma", "by", "group"):
            ahead += 1
        again = cursor.peek(ahead)
        if (
            not ahead
            or again.kind not in ("mention", "grain")
            or has_measure(again)
            or cursor.peek(ahead + 1).kind in ("cmp", "value", "like", "between")
        ):
            break
        cursor.at += ahead
    cursor.last = "group"


def _average_of_rows(cursor: Cursor, mark: Mark) -> bool:
    """The average quantity per order by channel: of what each order has in all, or of its lines? A figure that does
    not add up, divided by a number of rows, is nothing at all."""
    averaged = cursor.last == "measure" and [one.function for one in cursor.out.measures] in (
        ["avg"], ["median"], ["min"], ["max"], ["quantile"])
    later = any(one.kind in ("by", "group") for one in cursor.marks[cursor.at + 1 :])
    return averaged and later and mark.text.lower() == "per" and names_table(cursor.peek()) and not cursor.out.over


def _per_rows(cursor: Cursor, mark: Mark) -> bool:
    """Refunds per order, by month; tickets per account by industry: a figure divided by a number of rows."""
    thing = cursor.peek()
    later = any(one.kind in ("by", "group") for one in cursor.marks[cursor.at + 1 :])
    bare = later and not cursor.out.measures and cursor.out.projections == cursor.marks[:1]
    if mark.text.lower() != "per" or not (bare or (cursor.last == "measure" and len(cursor.out.measures) == 1)):
        return False
    if not names_table(thing) or cursor.out.over or (cursor.out.projections and not bare):
        return False
    if not cursor.out.measures and cursor.out.projections == cursor.marks[:1] and names_table(cursor.marks[0]):
        cursor.out.measures.append(MeasureSlot("count", cursor.out.projections.pop()))
    rows = [r.table for r in thing.readings if r.column is None and r.metric is None]
    nameless = all(one.label is None and full_name_columns(one)[0] is None for one in rows)
    return later or (nameless and has_figure(cursor.out.measures[0].target or thing))


def on_grain(cursor: Cursor, mark: Mark) -> None:
    if cursor.peek().kind == "prep" and cursor.peek().value == "of" and cursor.peek(1).kind == "day":
        if getattr(cursor.peek(1).value, str(mark.value), None) is None and cursor.head:
            cursor.project(mark)  # in which month of 2025
        cursor.take()
    elif cursor.peek().kind == "day":
        return
    elif cursor.peek().kind in ("cmp", "side", "number", "between") and mark.readings:
        on_mention(cursor, mark)
    elif cursor.head or cursor.last == "projection":
        cursor.project(mark)
    else:
        cursor.out.left_over.append(mark)


STEPS: Steps = {"by": on_by, "group": on_group, "grain": on_grain}
