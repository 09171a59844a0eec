"""The small words between the things that are named."""

from __future__ import annotations

from pluto_duck.agent.planners.builtin.marks import Mark, has_figure, names_table
from pluto_duck.agent.planners.builtin.outline.cursor import Cursor, Steps
from pluto_duck.agent.planners.builtin.vocabulary import Reading
from pluto_duck.catalog.words import singular


def on_show(cursor: Cursor, mark: Mark) -> None:
    if mark.text.lower() in ("which", "that") and not cursor.head:
        return
    cursor.head = True


def on_where(cursor: Cursor, mark: Mark) -> None:
    if cursor.at == 1 and mark.text.lower() == "where":
        cursor.out.left_over.append(mark)  # where is ...?
    nxt = cursor.peek()
    if cursor.at == 1 and mark.text.lower() == "who" and (nxt.kind in ("number", "super", "top") or names_table(nxt)):
        return  # who's the rep with ...
    if mark.text.lower() == "that" and nxt.kind == "mention" and cursor.peek(1).kind in ("end", "comma", "order"):
        named = [*cursor.out.groups, *cursor.out.projections, *cursor.out.things]
        if any(singular(one.text) == singular(nxt.text) for one in named):
            cursor.take()  # authorised by that employee
            return
    cursor.head = False
    cursor.preposition = ""
    cursor.last = "where"


def on_prep(cursor: Cursor, mark: Mark) -> None:
    cursor.preposition = str(mark.value)
    if cursor.out.projections or cursor.out.measures or cursor.out.orders or cursor.out.things:
        cursor.head = False
    cursor.last = "prep"


def on_comma(cursor: Cursor, mark: Mark) -> None:
    pass


def on_and(cursor: Cursor, mark: Mark) -> None:
    if cursor.last in ("projection", "measure"):
        cursor.head = cursor.last == "projection" or cursor.head


def on_or(cursor: Cursor, mark: Mark) -> None:
    if cursor.last != "filter":
        cursor.out.left_over.append(mark)
    cursor.either = True


def on_both(cursor: Cursor, mark: Mark) -> None:
    """Where it says more than an "and", the question was taken apart before; else that could not be done."""
    if mark.kind == "both" and any(
        one.kind in ("value", "text", "number", "day") for one in cursor.marks[cursor.at :]
    ):
        cursor.out.left_over.append(mark)


def on_not(cursor: Cursor, mark: Mark) -> None:
    nxt = cursor.peek()
    if nxt.kind in ("value", "text", "number") or (nxt.kind == "prep" and cursor.peek(1).kind in ("value", "text")):
        cursor.negated = True
    else:
        cursor.out.left_over.append(mark)


def on_dated(cursor: Cursor, mark: Mark) -> None:
    """A verb for a date: signed up, in May. Who signed up: the rows of its own table are asked for."""
    out = cursor.out
    asked = out.projections or out.things or out.measures
    if not asked and cursor.at == 2 and cursor.marks[0].text.lower() == "who":
        best = max(r.strength for r in mark.readings)
        rows = [Reading(r.table, None, r.strength, "") for r in mark.readings if r.strength == best]
        out.projections.append(Mark("mention", mark.text, readings=rows))
    out.dated.append(mark)


def on_verb(cursor: Cursor, mark: Mark) -> None:
    cursor.out.verbs.append(mark)
    rows = [one for one in mark.readings if one.column is None and one.metric is None and one.strength >= 0.95]
    asked = [*cursor.out.projections, *cursor.out.things, *(one.target for one in cursor.out.measures if one.target)]
    known = {r.table.ref.key for one in asked for r in one.readings if r.column is None}
    if rows and cursor.before(mark) == "where" and asked and not {r.table.ref.key for r in rows} & known:
        cursor.out.things.append(Mark("mention", mark.text, readings=rows))  # customers who ordered


def on_distinct(cursor: Cursor, mark: Mark) -> None:
    cursor.out.distinct = True
    if cursor.out.measures and cursor.last == "prep" and cursor.peek().kind in ("mention", "grain"):
        cursor.out.groups.append(cursor.take())  # the average price for different years
        cursor.last = "group"


def on_light(cursor: Cursor, mark: Mark) -> None:
    """wines produced in 2008: it only links two parts, but it may say more than that, so it is told."""
    links = ("prep", "by", "day", "relative", "side", "value", "text", "number", "cmp", "between", "super", "both")
    before = cursor.before(mark)
    if cursor.peek().kind == "end" and cursor.last == "group" and cursor.out.measures:
        cursor.out.passed_over.append(mark.text)  # how many accounts each manager looks after
        return
    linking = cursor.peek().kind in links or (cursor.peek().kind == "mention" and before in ("where", "mention", "and"))
    if not linking or has_figure(cursor.peek()) or before in ("", "show", "count", "agg", "share"):
        cursor.out.left_over.append(mark)  # "refunded orders" are not all orders
    else:
        cursor.out.passed_over.append(mark.text)


def on_everything(cursor: Cursor, mark: Mark) -> None:
    cursor.out.whole = cursor.head = True


STEPS: Steps = {
    "everything": on_everything,
    "show": on_show,
    "where": on_where,
    "prep": on_prep,
    "comma": on_comma,
    "and": on_and,
    "or": on_or,
    "both": on_both,
    "without": on_not,
    "light": on_light,
    "either": on_both,
    "not": on_not,
    "verb": on_verb,
    "dated": on_dated,
    "distinct": on_distinct,
}
