"""What is counted, added up or averaged."""

from __future__ import annotations

from pluto_duck.agent.planners.builtin.form import Measure
from pluto_duck.agent.planners.builtin.marks import (
    Mark,
    beside,
    has_figure,
    has_measure,
    has_table,
    names_table,
    numeric,
    tables,
)
from pluto_duck.agent.planners.builtin.outline.cursor import Cursor, Steps, rows_of
from pluto_duck.agent.planners.builtin.outline.slots import FilterSlot, MeasureSlot, OrderSlot
from pluto_duck.agent.planners.builtin.vocabulary import Reading


def measure(cursor: Cursor) -> MeasureSlot | None:
    """A measure that begins here, or None; leaves the marks alone when there is none."""
    start = cursor.at
    mark = cursor.take()
    if mark.kind == "mention" and has_figure(mark):
        return MeasureSlot("metric", mark)
    if mark.kind == "count":
        cursor.skip("distinct", "show", "prep", "count")
        if cursor.peek().kind == "agg" and cursor.peek().value == "sum" and cursor.peek(1).kind == "mention":
            cursor.take()  # the number of total papers
        if cursor.peek().kind == "value" and cursor.peek(1).kind == "mention" and has_table(cursor.peek(1)):
            cursor.filter(FilterSlot(None, "in", [cursor.take()]))  # the number of shipped orders
        if cursor.peek().kind in ("mention", "event"):
            return MeasureSlot("count", counted(cursor))
        if (rows := _named_rows(cursor.peek())) is not None:
            cursor.filter(FilterSlot(None, "in", [cursor.take()]))
            return MeasureSlot("count", rows)
        cursor.at = start
        return None
    if mark.kind in ("agg", "sum"):
        cursor.skip("distinct", "prep", "show")
        if cursor.peek().kind == "mention":
            return slot_of(mark, counted(cursor))
        if cursor.peek().kind == "count" and mark.value == "sum":
            return measure(cursor)
    if mark.kind == "event":
        return MeasureSlot("count", event(cursor, mark))
    cursor.at = start
    return None


def _named_rows(mark: Mark) -> Mark | None:
    """How many win-backs: the rows for which that condition holds."""
    if mark.kind != "value" or not mark.readings or any(r.term is None for r in mark.readings):
        return None
    return Mark("mention", mark.text, readings=[Reading(r.table, None, r.strength, "") for r in mark.readings])


def slot_of(mark: Mark, target: Mark | None) -> MeasureSlot:
    """A function and what it is taken of; "quantile 0.9" says which one."""
    name, _space, at = str(mark.value or "sum").partition(" ")
    return MeasureSlot(name, target, float(at) if at else 0.5)


def counted(cursor: Cursor) -> Mark:
    mark = cursor.take()
    nxt = cursor.peek()
    pair = mark.kind == nxt.kind == "mention" and beside(mark, nxt) and has_table(mark) and not has_table(nxt)
    if pair and tables(mark) & tables(nxt):
        cursor.out.bound.append((nxt, mark))
        cursor.out.things.append(mark)
        return cursor.take()  # room price, game types
    return event(cursor, mark) if mark.kind == "event" else mark


def event(cursor: Cursor, mark: Mark) -> Mark:
    cursor.out.hints.add(str(mark.value))
    return mark


def on_count(cursor: Cursor, mark: Mark) -> None:
    cursor.at -= 1
    slot = measure(cursor)
    if slot is None:
        cursor.take()
        rows = rows_of(cursor)
        follows = cursor.peek().kind in ("end", "cmp", "comma", "and", "group", "order", "dir")
        if rows is None or cursor.out.measures or not follows:
            cursor.out.left_over.append(mark)
        elif cursor.peek().kind == "cmp" and cursor.peek(1).kind == "number":
            operator, number = cursor.take(), cursor.take()  # with count more than 1
            cursor.out.having.append((MeasureSlot("count", rows), str(operator.value), float(number.value)))
        else:
            cursor.out.measures.append(MeasureSlot("count", rows))  # the categories and the count
            cursor.said_measure()
        return
    cursor.out.measures.append(slot)
    cursor.said_measure()
    # "how many flights and passengers": both are counted.
    if (
        cursor.peek().kind == "and"
        and cursor.peek(1).kind == "mention"
        and cursor.peek(2).kind not in ("cmp", "value", "number")
    ):
        cursor.take()
        cursor.out.measures.append(MeasureSlot("count", cursor.take()))


def on_event(cursor: Cursor, mark: Mark) -> None:
    cursor.out.things.append(event(cursor, mark))


_EXTREMES = {"lowest": "min", "smallest": "min", "highest": "max", "largest": "max", "biggest": "max"}


def on_agg(cursor: Cursor, mark: Mark) -> None:
    functions = [mark]
    while cursor.peek().kind in ("and", "comma", "agg", "super"):
        ahead = 0
        while cursor.peek(ahead).kind in ("and", "comma"):
            ahead += 1
        extreme = _EXTREMES.get(cursor.peek(ahead).text.lower()) if cursor.peek(ahead).kind == "super" else None
        if not ahead or (cursor.peek(ahead).kind != "agg" and extreme is None):
            break
        cursor.at += ahead
        said = cursor.take()
        functions.append(said if extreme is None else Mark("agg", said.text, extreme))
    cursor.skip("prep", "show")
    if len(functions) == 1 and _typical(cursor, mark):
        return
    counts = len(cursor.out.measures) == 1 and cursor.out.measures[0].function == "count"
    if mark.value == "avg" and counts and names_table(cursor.peek()) and not cursor.out.over:
        cursor.out.over.append(cursor.take())  # how many orders the average customer places
        cursor.out.typical = "avg"
        return
    if _ranks(cursor, mark) and len(functions) == 1:
        cursor.out.orders.append(OrderSlot(cursor.take(), "desc" if mark.value == "max" else "asc", mark.text))
        cursor.out.ranked, cursor.last = True, "order"
        return
    if cursor.peek().kind == "count" and mark.value == "sum" and len(functions) == 1:
        on_count(cursor, cursor.take())
        return
    if cursor.peek().kind == "count" and has_measure(cursor.peek(1)):
        cursor.take()  # the average number of followers, where followers is a number already
    if cursor.peek().kind not in ("mention", "event"):
        cursor.out.left_over.append(mark)
        return
    targets = [counted(cursor)]
    if cursor.peek().kind == "cmp" and cursor.peek(1).kind == "number" and len(functions) == 1:
        operator, number = cursor.take(), cursor.take()
        slot = slot_of(mark, targets[0])
        cursor.out.having.append((slot, str(operator.value), float(number.value)))
        cursor.last, cursor.head = "filter", False
        return
    while (
        cursor.peek().kind in ("and", "comma")
        and cursor.peek(1).kind == "mention"
        and (has_measure(cursor.peek(1)) or numeric(cursor.peek(1)))
        and cursor.peek(2).kind not in ("cmp", "value", "number", "between", "like", "mention")
    ):
        cursor.take()
        targets.append(cursor.take())
    for target in targets:
        cursor.out.measures += [slot_of(one, target) for one in functions]
    cursor.said_measure()


def _typical(cursor: Cursor, mark: Mark) -> bool:
    """The average monthly revenue; the average number of orders per customer: of what each of them has."""
    if mark.value not in ("avg", "median", "min", "max"):
        return False
    start = cursor.at
    over: list[Mark] = []
    if cursor.peek().kind == "group" and cursor.peek(1).kind == "grain":
        cursor.take()
        over.append(cursor.take())
    rows = bool(over) and cursor.peek().kind == "mention" and names_table(cursor.peek())
    slot = MeasureSlot("count", cursor.take()) if rows else measure(cursor)
    counts = slot is not None and slot.function == "count" and slot.target is not None
    if slot is None or (counts and slot.target is not None and has_measure(slot.target)):
        cursor.at = start
        return False
    rate = slot.target is not None and slot.function == "metric" and not _adds_up(slot.target)
    whole = cursor.peek(1).kind == "grain" or names_table(cursor.peek(1))
    if not over and not rate and cursor.peek().kind == "group" and whole:
        cursor.take()
        over.append(cursor.take())
    if not over:
        cursor.at = start
        return False
    cursor.out.measures.append(slot)
    cursor.out.over += over
    cursor.out.typical = str(mark.value)
    cursor.said_measure()
    return True


def _adds_up(mark: Mark) -> bool:
    """The figure of the whole is the sum of those of its parts; a rate is not."""
    told = [r for r in mark.readings if r.metric is not None]
    return all(Measure("metric", r.table, metric=r.metric).adds_up for r in told)


def _is_average(mark: Mark) -> bool:
    told = [r.metric for r in mark.readings if r.metric is not None]
    return bool(told) and all(one.expression.lower().startswith("avg(") for one in told)


def on_on_average(cursor: Cursor, mark: Mark) -> None:
    """How many tickets per month on average: of what each month has."""
    out = cursor.out
    if len(out.measures) == 1 and out.measures[0].target is not None and _is_average(out.measures[0].target):
        return  # how long does it take on average
    if len(out.measures) == 1 and len(out.groups) == 1 and not out.orders:
        out.over, out.groups, out.typical = out.groups, [], "avg"
    else:
        out.left_over.append(mark)


def _ranks(cursor: Cursor, mark: Mark) -> bool:
    """The employee with the maximum salary: not the maximum of each, but whoever has it."""
    asked = cursor.out.projections and not cursor.out.groups and not cursor.out.measures
    column = cursor.peek().kind == "mention" and has_measure(cursor.peek())
    return mark.value in ("max", "min") and cursor.before(mark) == "where" and bool(asked) and column


STEPS: Steps = {"onavg": on_on_average, "count": on_count, "event": on_event, "sum": on_agg, "agg": on_agg}
