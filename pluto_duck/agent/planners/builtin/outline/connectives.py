"""The small words between the things that are named."""

from __future__ import annotations

from pluto_duck.agent.planners.builtin.marks import Mark
from pluto_duck.agent.planners.builtin.outline.cursor import Cursor, Steps


def on_show(cursor: Cursor, mark: Mark) -> None:
    if mark.text.lower() in ("which", "that") and not cursor.head:
        return
    cursor.head = True


def on_where(cursor: Cursor, mark: Mark) -> None:
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


def on_not(cursor: Cursor, mark: Mark) -> None:
    nxt = cursor.peek()
    if nxt.kind in ("value", "text", "number") or (nxt.kind == "prep" and cursor.peek(1).kind in ("value", "text")):
        cursor.negated = True
    else:
        cursor.out.left_over.append(mark)


def on_verb(cursor: Cursor, mark: Mark) -> None:
    cursor.out.verbs.append(mark)


def on_distinct(cursor: Cursor, mark: Mark) -> None:
    cursor.out.distinct = True


STEPS: Steps = {
    "show": on_show,
    "where": on_where,
    "prep": on_prep,
    "comma": on_comma,
    "and": on_and,
    "not": on_not,
    "verb": on_verb,
    "distinct": on_distinct,
}
