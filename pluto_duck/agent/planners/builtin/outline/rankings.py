"""Top ten, the most, ordered by: what comes first, and how many."""

from __future__ import annotations

from pluto_duck.agent.planners.builtin.lexicon import SUPERLATIVES
from pluto_duck.agent.planners.builtin.marks import (
    Mark,
    beside,
    has_date,
    has_figure,
    has_measure,
    has_table,
    names_table,
    numeric,
)
from pluto_duck.agent.planners.builtin.outline.cursor import Cursor, Steps, rows_of
from pluto_duck.agent.planners.builtin.outline.measures import counted, measure
from pluto_duck.agent.planners.builtin.outline.slots import FilterSlot, MeasureSlot, OrderSlot


def on_top(cursor: Cursor, mark: Mark) -> None:
    nxt = cursor.peek()
    if nxt.kind == "number":
        cursor.out.limit = int(cursor.take().value)
        if cursor.peek().kind == "end" and cursor.out.measures:
            cursor.out.ranked, cursor.out.single = True, False
            cursor.out.orders.append(OrderSlot((None, ()), str(mark.value), mark.text))
            return
        if cursor.peek().kind == "super":
            on_super(cursor, cursor.take())
            return
        cursor.out.ranked, cursor.out.single = True, False
        if cursor.before(mark) == "where" and cursor.out.projections and cursor.peek().kind == "mention":
            cursor.out.orders.append(OrderSlot(cursor.take(), str(mark.value), mark.text))
            cursor.last, cursor.head = "order", False
            return  # the trips with the top 3 durations
        counted_ = _counted_kinds(cursor)
        if counted_:
            cursor.out.notes.append(f"'{mark.text}' goes by how often each occurs")
        cursor.out.orders.append(OrderSlot((None, ("#",) if counted_ else ()), str(mark.value), mark.text))
        cursor.head = True
    elif nxt.kind == "mention" and names_table(nxt) and any(one.kind == "by" for one in cursor.marks[cursor.at :]):
        cursor.out.ranked, cursor.out.single = True, not nxt.plural  # the top customers by revenue
        cursor.out.orders.append(OrderSlot((None, ()), str(mark.value), mark.text))
        cursor.head = True
    elif cursor.last == "order" and mark.text.lower() == "first":
        pass  # the highest first
    else:
        cursor.out.left_over.append(mark)


def _counted_kinds(cursor: Cursor) -> bool:
    """The top three reasons for returns: those that occur most."""
    kind, of, rows = (cursor.peek(ahead) for ahead in range(3))
    plain = kind.kind == "mention" and not has_table(kind) and not has_measure(kind)
    later = any(one.kind in ("by", "order", "super", "agg", "count") or has_figure(one) for one in cursor.marks)
    return plain and of.kind == "prep" and rows.kind == "mention" and names_table(rows) and not later


def on_number(cursor: Cursor, mark: Mark) -> None:
    nxt = cursor.peek()
    if nxt.kind == "top" and cursor.out.limit is None and cursor.peek(1).kind == "mention":
        cursor.out.limit = int(mark.value)
        on_top(cursor, cursor.take())
    elif nxt.kind == "super" and cursor.out.limit is None:
        cursor.out.limit = int(mark.value)
        on_super(cursor, cursor.take())
    elif (
        cursor.head
        and nxt.kind == "mention"
        and cursor.out.limit is None
        and not cursor.out.projections
        and any(one.kind == "super" for one in cursor.marks[cursor.at :])
    ):
        cursor.out.limit = int(mark.value)
    elif not cursor.head and nxt.kind == "mention" and beside(mark, nxt) and not has_table(nxt) and numeric(nxt):
        cursor.filter(FilterSlot(cursor.take(), "in", [mark]))  # that had 7 bikes available
        cursor.last = "filter"
    else:
        cursor.out.left_over.append(mark)


def on_super(cursor: Cursor, mark: Mark) -> None:
    direction, hints = SUPERLATIVES[str(mark.value)]
    out = cursor.out
    if cursor.peek().kind == "number" and out.limit is None and cursor.peek(1).kind in ("mention", "super"):
        out.limit = int(cursor.take().value)
        if cursor.peek().kind == "super":  # the 3 most expensive: the adjective follows
            on_super(cursor, cursor.take())
            return
    if cursor.peek().kind == "number" and cursor.last == "prep" and cursor.peek(1).kind == "end":
        out.left_over.append(mark)
        return
    if not out.ranked:
        follows = cursor.peek().kind == "mention" and names_table(cursor.peek()) and bool(hints)
        spoken = cursor.peek() if follows or cursor.spoken is None else cursor.spoken
        out.single = not spoken.plural or cursor.before(mark) == "where"
    out.ranked = True
    if cursor.peek().kind == "prep" and not hints:
        cursor.skip("prep", "show")
    slot = measure(cursor)
    if slot is not None:
        out.orders.append(OrderSlot(slot, direction, mark.text))
        cursor.said_measure()
        return
    nxt = cursor.peek()
    if nxt.kind in ("verb", "dated") and names_table(cursor.peek(1)) and not hints:
        rows = [r for r in nxt.readings if r.column is None]
        if rows:  # the least used features
            cursor.take()
            cursor.project(cursor.take())
            out.single = not out.projections[-1].plural
            done = Mark("mention", nxt.text, readings=rows)
            slot = MeasureSlot("metric" if has_figure(done) else "count", done)
            out.orders.append(OrderSlot(slot, _end(direction), mark.text))
            return
    if nxt.kind == "top" and nxt.text.lower() == "first" and cursor.peek(1).kind in ("end", "comma"):
        cursor.take()  # most frequent first
        out.ranked = bool(out.limit)
        nxt = cursor.peek()
        if out.orders or len(out.measures) == 1:
            by = out.orders[-1].by if out.orders else out.measures[0]
            out.orders[-1:] = [OrderSlot(by, direction if direction in ("asc", "desc") else "desc", mark.text)]
            return
    if nxt.kind == "grain" and not hints and any(has_figure(one) for one in cursor.marks[cursor.at :]):
        cursor.project(cursor.take())  # the best day for revenue
        out.orders.append(OrderSlot((None, ()), _end(direction), mark.text))
        return
    doing = out.verbs[-1] if out.verbs else None
    if nxt.kind in ("end", "day", "relative", "prep") and doing is not None and not out.measures and not hints:
        rows = [r for r in doing.readings if r.column is None]
        if rows:  # which feature is used most
            target = Mark("mention", doing.text, readings=rows)
            slot = MeasureSlot("metric" if has_figure(target) else "count", target)
            out.orders.append(OrderSlot(slot, _end(direction), mark.text))
            return
    if nxt.kind in ("end", "day", "relative", "prep") and len(out.measures) == 1 and not hints:
        out.orders.append(OrderSlot(out.measures[0], _end(direction), mark.text))  # when was revenue highest
        return
    if nxt.kind == "mention":
        _super_mention(cursor, mark, direction, hints)
    elif hints or direction in ("age", "youth", "late", "early"):
        out.orders.append(OrderSlot((None, hints), direction, mark.text))
    else:
        out.left_over.append(mark)


def _super_mention(cursor: Cursor, mark: Mark, direction: str, hints: tuple[str, ...]) -> None:
    target = cursor.take()
    cursor.bind(target)
    out = cursor.out
    if names_table(target) and _ranked_by(cursor, direction, hints):
        cursor.project(target)  # the best customer by revenue
        out.single = not target.plural
        out.orders.append(OrderSlot((None, ()), _end(direction), mark.text))
        return
    measured = has_measure(target)
    word = mark.text.lower()
    per_group = cursor.out.groups and any(r.column is not None and r.column.numeric for r in target.readings)
    if (measured or per_group) and not (has_table(target) and hints):
        alone = not out.orders and out.limit is None
        by_group = bool(out.groups) or any(one.kind == "group" for one in cursor.marks[cursor.at :])
        if alone and (by_group or (cursor.head and not out.projections)):
            out.measures.append(
                MeasureSlot("max" if direction == "desc" else "min", target)
                if direction in ("desc", "asc")
                else MeasureSlot("max", target)
            )
            if direction not in ("desc", "asc"):
                out.left_over.append(mark)
            out.ranked = False
            cursor.said_measure()
            return
        out.orders.append(OrderSlot(target, direction, mark.text))
    elif word in ("most", "least", "fewest", "highest number of"):
        out.orders.append(OrderSlot(MeasureSlot("count", target), direction, mark.text))
    elif hints or direction in ("age", "youth", "late", "early"):
        out.orders.append(OrderSlot((target, hints), direction, mark.text))
        if cursor.head:
            cursor.project(target)
    elif has_date(target) or measured or any(r.column is not None and r.column.numeric for r in target.readings):
        out.orders.append(OrderSlot(target, direction, mark.text))
    else:
        out.left_over.append(mark)
    cursor.last = "order"


def _ranked_by(cursor: Cursor, direction: str, hints: tuple[str, ...]) -> bool:
    """The best customer by revenue; the ten biggest clients in Sweden by turnover."""
    if direction in ("best", "worst") and cursor.peek().kind == "by":
        return True
    later = range(cursor.at, len(cursor.marks) - 1)
    by = next((cursor.marks[at + 1] for at in later if cursor.marks[at].kind == "by"), None)
    sized = direction in ("desc", "asc") and "#" not in hints
    return sized and by is not None and (has_figure(by) or has_measure(by))


def _end(direction: str) -> str:
    return {"best": "desc", "worst": "asc"}.get(direction, direction)


def on_dir(cursor: Cursor, mark: Mark) -> None:
    if cursor.out.orders and not cursor.out.ranked:
        cursor.out.orders[-1].direction = str(mark.value)
        cursor.skip("prep")
        if cursor.peek().kind == "mention" and cursor.out.orders[-1].by == (None, ()):
            cursor.out.orders[-1].by = cursor.take()
    elif not cursor.out.orders:
        cursor.skip("prep")
        slot = measure(cursor)
        if slot is None and cursor.peek().kind == "count":
            slot = _count_said(cursor)
        if slot is not None:
            cursor.out.orders.append(OrderSlot(slot, str(mark.value), mark.text))
        elif cursor.peek().kind in ("mention", "grain"):
            cursor.out.orders.append(OrderSlot(counted(cursor), str(mark.value), mark.text))
        elif len(cursor.out.measures) == 1 and cursor.out.groups and "alphabet" not in mark.text.lower():
            cursor.out.orders.append(OrderSlot(cursor.out.measures[0], str(mark.value), mark.text))
        elif cursor.out.projections and mark.text.lower().endswith(
            ("alphabetically", "alphabetical order", "alphabetical")
        ):
            cursor.out.orders.append(OrderSlot(cursor.out.projections[0], str(mark.value), mark.text))
        else:
            cursor.out.left_over.append(mark)
    else:
        cursor.out.left_over.append(mark)


def on_order(cursor: Cursor, mark: Mark) -> None:
    if cursor.peek().kind == "by":
        cursor.skip("by", "prep", "dir")
    direction = "asc"
    if cursor.peek().kind == "dir":
        direction = str(cursor.take().value)
        cursor.skip("by", "prep")
    _order_terms(cursor, mark, direction)


def _count_said(cursor: Cursor) -> MeasureSlot | None:
    """ordered by the count: the one that is told, or that of the rows."""
    count = cursor.take()
    if cursor.out.measures:
        return cursor.out.measures[-1]
    rows = rows_of(cursor)
    if rows is None:
        cursor.out.left_over.append(count)
        return None
    return MeasureSlot("count", rows)


def _order_terms(cursor: Cursor, mark: Mark, direction: str) -> None:
    cursor.skip("show")
    if cursor.peek().kind == "super" and SUPERLATIVES[str(cursor.peek().value)][0] in ("asc", "desc"):
        direction = SUPERLATIVES[str(cursor.take().value)][0]  # by the highest rating first
        cursor.skip("prep", "show")
    slot = measure(cursor)
    counting = _count_said(cursor) if slot is None and cursor.peek().kind == "count" else None
    if counting is not None:
        by: MeasureSlot | Mark = counting
    elif slot is None and cursor.peek().kind in ("mention", "grain"):
        by = counted(cursor)
    elif slot is not None:
        by = slot
    elif cursor.before(cursor.peek(-1)) != "" and cursor.peek(-1).kind == "dir" and cursor.out.projections:
        by = cursor.out.projections[0]  # ordered in alphabetical order
    else:
        cursor.out.left_over.append(mark)
        return
    cursor.out.orders.append(OrderSlot(by, direction, mark.text))
    while cursor.peek().kind in ("and", "comma") and cursor.peek(1).kind == "mention" and not has_table(cursor.peek(1)):
        if cursor.peek(2).kind not in ("end", "dir", "and", "prep"):
            break
        cursor.take()  # by sales and profits
        cursor.out.orders.append(OrderSlot(cursor.take(), direction, mark.text))
    if cursor.peek().kind == "dir":
        direction = str(cursor.take().value)
        for one in cursor.out.orders:
            one.direction = direction
    cursor.last = "order"
    cursor.head = False


STEPS: Steps = {"top": on_top, "number": on_number, "super": on_super, "dir": on_dir, "order": on_order}
