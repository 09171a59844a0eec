"""Tables and columns by their names: asked for, spoken of, or the beginning of a condition."""

from __future__ import annotations

from pluto_duck.agent.planners.builtin.marks import Mark, has_table
from pluto_duck.agent.planners.builtin.outline.conditions import filtered
from pluto_duck.agent.planners.builtin.outline.cursor import Cursor, Steps


def on_mention(cursor: Cursor, mark: Mark) -> None:
    if cursor.peek().kind == "mention" and not cursor.out.ranked:
        if has_table(mark):
            cursor.out.things.append(mark)
            cursor.out.bound.append((cursor.peek(), mark))
        else:
            cursor.out.left_over.append(mark)
        return
    if _opening(cursor, mark):
        cursor.out.things.append(mark)
        cursor.head = True
        return
    cursor.bind(mark)
    if filtered(cursor, mark):
        cursor.last, cursor.head = "filter", False
        return
    last = cursor.out.projections[-1] if cursor.out.projections else None
    if last is not None and last in cursor.unbound and _is_its_name(cursor, last, mark):
        cursor.out.projections[-1] = mark
        cursor.unbound.remove(last)
        return
    if cursor.head or (cursor.last == "projection" and not has_table(mark)):
        cursor.project(mark)
    elif has_table(mark) and cursor.before(mark) == "and":
        # "names of parties and their regions": the second is asked for, or we don't know what it does.
        if cursor.out.projections and not cursor.out.measures and cursor.last != "filter":
            cursor.project(mark)
        else:
            cursor.out.left_over.append(mark)
    elif has_table(mark):
        cursor.out.things.append(mark)
        cursor.last = "thing"
    else:
        cursor.out.left_over.append(mark)


def _is_its_name(cursor: Cursor, name: Mark, mark: Mark) -> bool:
    """The names of studios, where a studio is no more than its name."""
    of = cursor.preposition == "of" and cursor.last == "prep"
    return of and name.text.lower() in ("name", "names") and not has_table(mark)


def _opening(cursor: Cursor, mark: Mark) -> bool:
    """From the trip records, find ...: says where to look, not what for."""
    first = cursor.marks[0].kind == "prep" and cursor.at == 2
    return first and has_table(mark) and any(one.kind in ("show", "count", "agg") for one in cursor.marks[2:5])


STEPS: Steps = {"mention": on_mention}
