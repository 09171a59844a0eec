"""Tables and columns by their names: asked for, spoken of, or the beginning of a condition."""

from __future__ import annotations

from pluto_duck.agent.planners.builtin.marks import Mark, beside, has_figure, has_table, tables
from pluto_duck.agent.planners.builtin.outline.conditions import filtered
from pluto_duck.agent.planners.builtin.outline.connectives import on_light
from pluto_duck.agent.planners.builtin.outline.cursor import Cursor, Steps
from pluto_duck.agent.planners.builtin.outline.slots import FilterSlot, MeasureSlot
from pluto_duck.catalog.words import split


def on_mention(cursor: Cursor, mark: Mark) -> None:
    if has_figure(mark):
        on_figure(cursor, mark)
        return
    if cursor.peek().kind == "mention" and has_figure(cursor.peek()) and not has_table(mark):
        pass  # a column, and then a figure: two things that are asked for
    elif cursor.peek().kind == "mention" and not cursor.out.ranked:
        if has_table(mark):
            cursor.out.things.append(mark)
            cursor.out.bound.append((cursor.peek(), mark))
        elif cursor.head and has_table(cursor.peek()) and tables(mark) & tables(cursor.peek()):
            cursor.out.projections.append(mark)  # the names [of] all districts
            cursor.out.bound.append((mark, cursor.peek()))
            cursor.out.things.append(cursor.take())
            cursor.last, cursor.head = "thing", False
        elif not beside(mark, cursor.peek()):
            cursor.out.left_over.append(mark)
        else:
            _loosely(cursor, mark)
        return
    if _opening(cursor, mark):
        cursor.out.things.append(mark)
        cursor.head = True
        return
    cursor.bind(mark)
    if filtered(cursor, mark):
        cursor.last, cursor.head = "filter", False
        return
    if cursor.peek().kind == "value" and not cursor.head and _names_its_column(mark, cursor.peek()):
        return  # of the type Debit
    last = cursor.out.projections[-1] if cursor.out.projections else None
    if last is not None and last in cursor.unbound and _is_its_name(cursor, last, mark):
        cursor.out.projections[-1] = mark
        cursor.unbound.remove(last)
        return
    if cursor.last == "where" and not cursor.head and _presence(cursor, mark):
        cursor.filter(FilterSlot(mark, "present", []))
        cursor.last = "filter"
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
    elif _theirs(cursor, mark):
        cursor.project(mark)
    elif _of_rows(cursor, mark):
        _loosely(cursor, mark)
    elif mark.text.lower().endswith(("ed", "ing")) and mark.readings[0].how:
        on_light(cursor, mark)  # hosted, where there is a column host_city
    else:
        cursor.out.left_over.append(mark)


def _theirs(cursor: Cursor, mark: Mark) -> bool:
    """The names of games and their types: another column of what was just named."""
    if cursor.before(mark) != "and" or cursor.last != "thing" or not cursor.out.projections or cursor.out.measures:
        return False
    if not tables(mark) & tables(cursor.out.things[-1]):
        cursor.out.loose.append(mark.text)  # of something else, which the joins must find
    return not cursor.out.filters


def _of_rows(cursor: Cursor, mark: Mark) -> bool:
    """The enrollment of all schools, where a school is a column of the rows that are gone through."""
    asked = cursor.out.measures or cursor.out.projections or cursor.out.groups
    return cursor.before(mark) == "prep" and mark.plural and bool(asked) and cursor.last == "prep"


def _loosely(cursor: Cursor, mark: Mark) -> None:
    """It only says whose rows are meant, as far as we can tell."""
    cursor.out.things.append(mark)
    cursor.out.loose.append(mark.text)


def _names_its_column(mark: Mark, value: Mark) -> bool:
    said = set(split(mark.text))
    return any(said <= set(split(r.column.name)) for r in value.readings if r.column is not None)


def on_figure(cursor: Cursor, mark: Mark) -> None:
    """A figure with a name: asked for, or what a comparison is about."""
    slot = MeasureSlot("metric", mark)
    out = cursor.out
    nxt, after = cursor.peek(), cursor.peek(1)
    if nxt.kind == "prep" and nxt.value in ("of", "at", "in") and after.kind == "cmp":
        cursor.take()
        nxt, after = cursor.peek(), cursor.peek(1)
    if nxt.kind == "cmp" and after.kind == "number":
        operator, number = cursor.take(), cursor.take()
        out.having.append((slot, str(operator.value), float(number.value)))
        cursor.last, cursor.head = "filter", False
    elif nxt.kind == "cmpavg" or (nxt.kind == "cmp" and after.kind == "agg" and after.value in ("avg", "median")):
        operator = cursor.take()
        kind = str(cursor.take().value) if nxt.kind == "cmp" else "avg"
        out.above.append((slot, str(operator.value), kind))
        cursor.last, cursor.head = "filter", False
    else:
        out.measures.append(slot)
        cursor.said_measure()


def _presence(cursor: Cursor, mark: Mark) -> bool:
    """Customers with an e-mail: a column of theirs that holds something."""
    before = cursor.marks[cursor.at - 2].text.lower() if cursor.at > 1 else ""
    own = mark.readings[0].column if mark.readings else None
    said = before in ("with", "have", "has", "having", "that have", "who have", "that has", "who has")
    spoken = [*cursor.out.projections, *cursor.out.things, *(one.target for one in cursor.out.measures if one.target)]
    near = {key for one in spoken for key in tables(one)}
    ends = cursor.peek().kind in ("end", "and", "comma", "where", "without", "not", "or")
    mine = own is not None and not own.unique and own.role != "measure" and mark.readings[0].table.ref.key in near
    return said and mine and ends and not has_table(mark)


def _is_its_name(cursor: Cursor, name: Mark, mark: Mark) -> bool:
    """The names of studios, where a studio is no more than its name."""
    of = cursor.preposition == "of" and cursor.last == "prep"
    return of and name.text.lower() in ("name", "names") and not has_table(mark)


def _opening(cursor: Cursor, mark: Mark) -> bool:
    """From the trip records, find ...: says where to look, not what for."""
    first = cursor.marks[0].kind == "prep" and cursor.at == 2
    return first and has_table(mark) and any(one.kind in ("show", "count", "agg") for one in cursor.marks[2:5])


STEPS: Steps = {"mention": on_mention}
