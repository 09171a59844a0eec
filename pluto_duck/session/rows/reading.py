"""Select and Aggregate as SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pluto_duck.errors import UsageError, unknown_name
from pluto_duck.session.rows.conditions import Conditions, rows_of, text_literal
from pluto_duck.session.rows.model import FUNCTIONS, Aggregate, Measure, Order, Select
from pluto_duck.session.rows.shapes import Col, Shape
from pluto_duck.session.rows.values import Tries, is_number
from pluto_duck.workspace.result import Column
from pluto_duck.workspace.tableref import fold, quote

MOST_ROWS = 2**62
CURSOR = "pluto_next_"
"""Of the columns that tell where a page ended."""


@dataclass(frozen=True)
class Compiled:
    sql: str
    columns: tuple[Column, ...]
    """As the table has them, whatever Arrow makes of them; without those of the cursor."""
    cursor: int = 0
    """So many more columns at the end, as text, tell where to go on."""


def select(wanted: Select, shape: Shape, tries: Tries, *, paged: bool = False) -> Compiled:
    conditions = Conditions(shape, tries)
    columns = picked(wanted.columns, shape)
    order = _order(wanted.order, shape)
    if paged or wanted.after is not None:
        order += tuple(Order(one) for one in shape.key if fold(one) not in {fold(o.column) for o in order})
    shown = [one.shown for one in columns]
    ends = 0
    if paged and shape.key:
        ends = len(order)
        shown += [f"CAST({quote(shape.column(one.column).name)} AS VARCHAR) AS {CURSOR}{i}"
                  for i, one in enumerate(order)]
    more = [] if wanted.after is None else [_after(wanted.after, order, shape, tries)]
    made = f"SELECT {', '.join(shown)} {rows_of(shape, wanted.where, conditions, more=more)}"
    offset = amount(wanted.offset, "offset")
    if wanted.each is not None:
        made, offset = made + _each(wanted, shape, order, offset), 0
    # Terms by their table: an alias of the same name would be the text that Arrow gets.
    at = "seen" if shape.select != "*" or shape.barrier else quote(shape.ref.name)
    made += _ordered(order, shape, at) + _window(wanted.limit, offset)
    return Compiled(made, tuple(Column(one.name, one.type) for one in columns), ends)


def picked(columns: Sequence[str] | None, shape: Shape) -> tuple[Col, ...]:
    if columns is None:
        return shape.columns
    found = {fold(one): shape.column(one) for one in columns}
    if not found:
        raise UsageError("No column is asked for.", hint=", ".join(one.name for one in shape.columns))
    return tuple(found.values())


def _order(order: Sequence[Order], shape: Shape) -> tuple[Order, ...]:
    first: dict[str, Order] = {}
    for one in order:
        first.setdefault(fold(one.column), Order(shape.column(one.column).name, one.descending))
    return tuple(first.values())


def _ordered(order: Sequence[Order], shape: Shape, at: str) -> str:
    terms = [f"{at}.{quote(shape.column(one.column).name)}{' DESC' if one.descending else ''} NULLS LAST"
             for one in order]
    return f" ORDER BY {', '.join(terms)}" if terms else ""


def _window(limit: int | None, offset: int) -> str:
    made = "" if limit is None else f" LIMIT {amount(limit, 'limit')}"
    return made + (f" OFFSET {offset}" if offset else "")


def amount(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_ROWS:
        raise UsageError(f'"{name}" must be a whole number, 0 or more.', name=name)
    return value


def _each(wanted: Select, shape: Shape, order: Sequence[Order], offset: int) -> str:
    assert wanted.each is not None
    columns, limit = wanted.each
    by = ", ".join(quote(shape.column(one).name) for one in columns)
    within = ", ".join(f"{quote(one.column)}{' DESC' if one.descending else ''} NULLS LAST" for one in order)
    number = f"system.main.row_number() OVER (PARTITION BY {by}{' ORDER BY ' + within if within else ''})"
    most = "" if limit is None else f" AND {number} <= {amount(limit, 'limit') + offset}"
    return f" QUALIFY {number} > {offset}{most}"


def _after(values: Sequence[str | None], order: Sequence[Order], shape: Shape, tries: Tries) -> str:
    """The rows behind those values, in this order, in which NULLs come last."""
    if len(values) != len(order) or not shape.key:
        raise UsageError("This is no cursor of these rows.", hint="The order must be that of the page before.")
    same: list[str] = []
    behind: list[str] = []
    for one, text in zip(order, values, strict=True):
        column = shape.column(one.column)
        name, value = quote(column.name), text_literal(column, text, tries)
        if text is not None:
            further = f"({name} {'<' if one.descending else '>'} {value} OR {name} IS NULL)"
            behind.append(f"({' AND '.join([*same, further])})")
        same.append(f"({name} IS NULL)" if text is None else f"({name} = {value})")
    return f"({' OR '.join(behind)})" if behind else "false"


# -- aggregates ---------------------------------------------------------------------------------------

def aggregate(wanted: Aggregate, shape: Shape, tries: Tries) -> Compiled:
    conditions = Conditions(shape, tries)
    groups = picked(wanted.group_by, shape) if wanted.group_by else ()
    if not wanted.measures and not groups:
        raise UsageError("Nothing is asked for.", hint=f"A measure is one of {', '.join(FUNCTIONS)}.")
    names = [one.name for one in groups] + [one.called for one in wanted.measures]
    if len({fold(one) for one in names}) < len(names):
        raise UsageError("Two columns of the answer would have the same name.", hint="Name the measures.")
    by = ", ".join(quote(one.name) for one in groups)
    made = [f"{quote(one.name)} AS {quote(one.name)}" for one in groups]
    made += [f"{_measure(one, shape)} AS {quote(one.called)}" for one in wanted.measures]
    sql = (f"SELECT {', '.join(made)} {rows_of(shape, wanted.where, conditions)}"
           + (f" GROUP BY {by}" if by else ""))
    terms = []
    for one in wanted.order:
        found = next((i for i, name in enumerate(names, 1) if fold(name) == fold(one.column)), None)
        if found is None:
            raise unknown_name("column", one.column, names, where="the answer")
        terms.append(f"{found}{' DESC' if one.descending else ''} NULLS LAST")
    sql += f" ORDER BY {', '.join(terms)}" if terms else ""
    return Compiled(sql + _window(wanted.limit, amount(wanted.offset, "offset")), ())


def _measure(one: Measure, shape: Shape) -> str:
    if one.function not in FUNCTIONS:
        raise unknown_name("measure", str(one.function), FUNCTIONS)
    if one.column is None:
        if one.function != "count":
            raise UsageError(f'"{one.function}" needs a column.')
        return "system.main.count_star()"
    column = shape.column(one.column)
    if one.function in ("sum", "avg") and not is_number(column.type) and column.type != "INTERVAL":
        raise UsageError(f'"{one.function}" is of numbers; the column "{column.name}" is {column.type[:80]}.',
                         column=column.name)
    if one.function == "count distinct":
        return f"system.main.count(DISTINCT {quote(column.name)})"
    return f"system.main.{one.function}({quote(column.name)})"
