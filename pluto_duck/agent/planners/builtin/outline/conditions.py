"""Which rows are meant: a column and its value, a comparison, a value alone."""

from __future__ import annotations

from pluto_duck.agent.planners.builtin.lexicon import COMPARATIVES
from pluto_duck.agent.planners.builtin.marks import (
    Mark,
    columns,
    has_figure,
    has_measure,
    has_table,
    names_table,
    says_amount,
)
from pluto_duck.agent.planners.builtin.outline.cursor import Cursor, Steps, rows_of
from pluto_duck.agent.planners.builtin.outline.slots import FilterSlot, MeasureSlot
from pluto_duck.agent.planners.builtin.vocabulary import Reading


def filtered(cursor: Cursor, mark: Mark) -> bool:
    """Takes the comparison that follows a column, if one does."""
    start = cursor.at
    negated = False
    cursor.skip("either")
    if cursor.peek().kind == "not":
        negated = True
        cursor.take()
    nxt = cursor.peek()
    if nxt.kind == "prep" and cursor.peek(1).kind in ("cmp", "between") and nxt.value in ("of", "in"):
        cursor.take()
        nxt = cursor.peek()
    if (
        nxt.kind in ("cmp", "side")
        and cursor.peek(1).kind in ("number", "day")
        and not (names_table(mark) or cursor.peek(2).kind == "mention")
    ):
        return _compared(cursor, mark, negated, start)
    if nxt.kind == "cmpavg" and not names_table(mark):
        operator = str(cursor.take().value)
        _repeated(cursor, mark)
        cursor.filter(FilterSlot(mark, operator, [Mark("agg", "average", "avg")]))
        return not negated
    if nxt.kind == "cmp" and cursor.peek(1).kind == "agg" and not names_table(mark):
        operator, statistic = str(cursor.take().value), cursor.take()
        _repeated(cursor, mark)
        if cursor.peek().kind in ("light", "verb", "where", "value"):
            cursor.out.left_over.append(statistic)  # the average of some of them only
        cursor.filter(FilterSlot(mark, operator, [statistic]))
        return not negated
    if (
        nxt.kind == "between"
        and cursor.peek(1).kind == "number"
        and cursor.peek(2).kind == "and"
        and cursor.peek(3).kind == "number"
    ):
        cursor.take()
        low, _and, high = cursor.take(), cursor.take(), cursor.take()
        cursor.filter(FilterSlot(mark, "between", [low, high]))
        return not negated
    if nxt.kind == "like" and cursor.peek(1).kind in ("text", "value", "unknown", "mention"):
        operator = str(cursor.take().value)
        cursor.filter(FilterSlot(mark, operator, [cursor.take()]))
        return not negated
    if nxt.kind == "cmp" and nxt.value == "=" and cursor.peek(1).kind in ("value", "text"):
        cursor.take()
        nxt = cursor.peek()
    if _of_value(cursor, mark, nxt):
        cursor.take()  # in the city of Oslo
        nxt = cursor.peek()
    if nxt.kind in ("value", "text") and _binds(mark, nxt) and not _own_column(nxt, cursor.peek(1)):
        values = _listed(cursor, cursor.take())
        cursor.filter(FilterSlot(mark, "not in" if negated else "in", values))
        return True
    if (
        nxt.kind == "number"
        and cursor.peek(1).kind not in ("mention", "super")
        and any(
            r.column is not None and (r.column.role in ("key", "dimension", "date") or not cursor.head)
            for r in mark.readings
        )
    ):
        cursor.filter(FilterSlot(mark, "not in" if negated else "in", _listed(cursor, cursor.take())))
        return True
    cursor.at = start
    return False


def _of_value(cursor: Cursor, mark: Mark, nxt: Mark) -> bool:
    value = cursor.peek(1)
    of = nxt.kind == "prep" and nxt.value == "of" and value.kind == "value"
    return of and not names_table(mark) and bool(columns(mark) & columns(value))


def _repeated(cursor: Cursor, target: Mark) -> None:
    """`the average [salary] [of all employees]`: said again, it adds nothing."""
    if cursor.peek().kind == "mention" and columns(cursor.peek()) & columns(target):
        cursor.take()
    if cursor.peek().kind == "prep" and cursor.peek(1).kind == "mention" and has_table(cursor.peek(1)):
        cursor.take()
        cursor.take()


def _hints(mark: Mark) -> tuple[str, ...]:
    return next((COMPARATIVES[word] for word in mark.text.lower().split() if word in COMPARATIVES), ())


def _compared(cursor: Cursor, mark: Mark, negated: bool, start: int) -> bool:
    sign = cursor.take()
    number = cursor.take()
    operator = {"after": ">", "since": ">=", "before": "<", "until": "<="}.get(
        str(sign.value or sign.text).lower(), str(sign.value)
    )
    if negated:
        cursor.at = start
        return False
    cursor.filter(FilterSlot(mark, operator, [number]))
    return True


def _binds(mark: Mark, value: Mark) -> bool:
    """A column followed by one of its values; by any text in quotes."""
    if value.kind == "text":
        return any(r.column is not None and r.column.textual for r in mark.readings)
    held = {v.table.ref for v in value.readings if v.term is None}
    return bool(columns(mark) & columns(value)) or any(r.column is None and r.table.ref in held for r in mark.readings)


def _own_column(value: Mark, after: Mark) -> bool:
    """ships with Malta flags: the value's column follows it."""
    return after.kind == "mention" and bool(columns(after) & columns(value)) and not has_table(after)


def _listed(cursor: Cursor, first: Mark) -> list[Mark]:
    values = [first]
    while True:
        ahead = 0
        while cursor.peek(ahead).kind in ("comma", "or", "and"):
            ahead += 1
        nxt = cursor.peek(ahead)
        if (
            not ahead
            or nxt.kind not in ("value", "text", "number")
            or (nxt.kind == "number") != (first.kind == "number")
        ):
            return values
        if first.kind == "value" and nxt.kind == "value" and not columns(first) & columns(nxt):
            return values
        if nxt.kind == "number" and (cursor.peek(ahead + 1).kind == "mention" or cursor.peek(ahead - 1).kind == "and"):
            return values
        if cursor.peek(ahead - 1).kind == "and" and first.kind == "value" and cursor.out.measures:
            cursor.out.notes.append(f"'{first.text}' and '{nxt.text}' are taken together")
        cursor.at += ahead
        values.append(cursor.take())


def on_value(cursor: Cursor, mark: Mark) -> None:
    values = _listed(cursor, mark)
    target = None
    of = cursor.peek().kind == "prep" and cursor.peek().value == "of" and has_table(cursor.peek(1))
    elsewhere = not {r.table.ref.key for r in mark.readings} & {r.table.ref.key for r in cursor.peek(1).readings}
    asked = all(one.kind in ("show", "where") for one in cursor.marks[: cursor.at - 1])
    if of and elsewhere and asked and mark.readings:
        rows = {r.table.ref.key: Reading(r.table, None, 1.0, "") for r in mark.readings}
        cursor.project(Mark("mention", mark.text, readings=list(rows.values()), plural=True))  # the owners of accounts
    if cursor.peek().kind == "mention" and _binds(cursor.peek(), mark) and not has_table(cursor.peek()):
        target = cursor.take()  # "the LAX destination": the column follows
    cursor.filter(FilterSlot(target, "not in" if cursor.negated else "in", values, cursor.preposition))
    cursor.negated = False
    cursor.last = "filter"
    if cursor.out.projections or cursor.out.measures:
        cursor.head = False


def on_cmp(cursor: Cursor, mark: Mark) -> None:
    """`more than 300 seats`: the number stands before its column; with a table it counts rows."""
    if cursor.peek().kind == "number" and cursor.peek(1).kind == "mention":
        number, target = cursor.take(), cursor.take()
        if not names_table(target) and (has_measure(target) or says_amount(target)):
            cursor.filter(FilterSlot(target, str(mark.value), [number]))
        else:
            cursor.out.having.append((MeasureSlot("count", target), str(mark.value), float(number.value)))
        cursor.last = "filter"
    elif _in_figure(cursor):
        number = cursor.take()
        cursor.skip("prep")
        cursor.out.having.append((MeasureSlot("metric", cursor.take()), str(mark.value), float(number.value)))
        cursor.last, cursor.head = "filter", False
    elif mark.value == ">=" and cursor.peek().kind == "mention" and names_table(cursor.peek()):
        cursor.out.things.append(cursor.take())  # at least a member
        cursor.last = "thing"
    elif cursor.peek().kind == "number" and cursor.peek(1).kind == "rows":
        _counted_rows(cursor, str(mark.value))
    elif cursor.peek().kind == "agg":
        statistic = cursor.take()
        if cursor.peek().kind == "mention" and has_figure(cursor.peek()):
            cursor.out.above.append((MeasureSlot("metric", cursor.take()), str(mark.value), str(statistic.value)))
        elif cursor.out.measures and not _hints(mark) and cursor.peek().kind != "mention":
            cursor.out.above.append((None, str(mark.value), str(statistic.value)))
        elif cursor.peek().kind == "mention" and has_measure(cursor.peek()):
            cursor.filter(FilterSlot(cursor.take(), str(mark.value), [statistic]))
        else:
            cursor.filter(FilterSlot(None, str(mark.value), [statistic], hints=_hints(mark)))
        cursor.last = "filter"
    elif cursor.peek().kind == "number" and len(cursor.peek().text.split()) > 1 and not _hints(mark):
        cursor.filter(FilterSlot(None, str(mark.value), [cursor.take()], hints=("$",)))  # over 1000 euros
        cursor.last = "filter"
    elif cursor.peek().kind == "number" and _hints(mark):
        cursor.filter(FilterSlot(None, str(mark.value), [cursor.take()], hints=_hints(mark)))
        cursor.last = "filter"
    else:
        cursor.out.left_over.append(mark)


def _in_figure(cursor: Cursor) -> bool:
    """At least 2 million in revenue."""
    of = cursor.peek(1).kind == "prep" and cursor.peek(1).value in ("in", "of")
    return cursor.peek().kind == "number" and of and has_figure(cursor.peek(2))


def _counted_rows(cursor: Cursor, operator: str) -> None:
    """more than 2 records: of what was named first."""
    number, said = cursor.take(), cursor.take()
    rows = _done(cursor) if said.text.lower() in ("times", "time") else None
    rows = rows or rows_of(cursor)
    if rows is None:
        cursor.out.left_over.append(number)
        return
    cursor.out.having.append((MeasureSlot("count", rows), operator, float(number.value)))
    cursor.last = "filter"


def _done(cursor: Cursor) -> Mark | None:
    """Who bought more than 50 times: the rows that the verb speaks of."""
    out = cursor.out
    for verbs in (out.dated, out.verbs):
        if verbs:
            best = max((r.strength for r in verbs[-1].readings), default=0)
            rows = [Reading(r.table, None, r.strength, "as its rows") for r in verbs[-1].readings if r.strength == best]
            if rows:
                return Mark("mention", verbs.pop().text, readings=rows)
    return None


def on_like(cursor: Cursor, mark: Mark) -> None:
    """`have the substring "x" in their titles`: the column comes last."""
    if cursor.peek().kind in ("text", "value") and cursor.peek(1).kind == "prep" and cursor.peek(2).kind == "mention":
        text, _prep, target = cursor.take(), cursor.take(), cursor.take()
        cursor.filter(FilterSlot(target, str(mark.value), [text]))
        cursor.last = "filter"
    else:
        cursor.out.left_over.append(mark)


STEPS: Steps = {"value": on_value, "cmp": on_cmp, "like": on_like}
