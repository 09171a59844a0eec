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
    cursor.bind(mark)
    if filtered(cursor, mark):
        cursor.last, cursor.head = "filter", False
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


STEPS: Steps = {"mention": on_mention}
