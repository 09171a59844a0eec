"""Rows by their primary keys, as many as are asked for at once, in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import UsageError
from pluto_duck.session.rows.conditions import Conditions, key_of, rows_of
from pluto_duck.session.rows.model import All, AnyOf, Compare, Condition, plain
from pluto_duck.session.rows.reading import picked
from pluto_duck.session.rows.shapes import Col, Shape
from pluto_duck.session.rows.values import Tries, literal
from pluto_duck.workspace.database import Cursor
from pluto_duck.workspace.result import Column
from pluto_duck.workspace.tableref import fold, quote

if TYPE_CHECKING:
    import pyarrow

_SAME = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
                   "UBIGINT", "VARCHAR", "UUID", "DATE", "BOOLEAN"})
"""Types whose every value has one literal alone, by which a row is told to be a key's."""
KEY = "pluto_key_"
MOST = 512
"""Keys in one statement."""


@dataclass(frozen=True)
class ByKeys:
    columns: tuple[Column, ...]
    table: pyarrow.Table
    at: list[int | None]
    errors: dict[int, UsageError]


def find(shape: Shape, keys: Sequence[Sequence[str]], columns: Sequence[str] | None, tries: Tries,
         cursor: Cursor) -> ByKeys:
    """Raises UsageError for a table that has no key, and what `Select` raises."""
    import pyarrow

    key = key_of(shape, shape.key)[0]
    shown = picked(columns, shape)
    wanted: dict[int, tuple[str, ...]] = {}
    errors: dict[int, UsageError] = {}
    texts: dict[int, list[str]] = {}
    for i, parts in enumerate(keys):
        try:
            _columns, texts[i] = key_of(shape, parts)
            wanted[i] = tuple(literal(one.type, part, one.name, tries)
                              for one, part in zip(key, texts[i], strict=True))
        except UsageError as error:
            errors[i] = error
    distinct = list(dict.fromkeys(wanted.values()))
    first = {made: i for i, made in reversed(wanted.items())}
    values = {made: texts[first[made]] for made in distinct}
    same = all(one.type in _SAME for one in key)
    tables, at, count = [], dict[tuple[str, ...], int](), 0
    for start in range(0, len(distinct), MOST if same else 1):
        some = distinct[start:start + (MOST if same else 1)]
        table = _read(shape, key, shown, [values[one] for one in some], tries, cursor)
        made = _literals(table, key, len(shown), tries) if len(some) > 1 else some[:table.num_rows]
        at |= {one: count + i for i, one in enumerate(made) if one in values}
        tables.append(table)
        count += table.num_rows
        if len(some) > 1 and any(one not in values for one in made):
            # Equal by a collation, and not the same text: each by itself.
            for one in [one for one in some if one not in at]:
                alone = _read(shape, key, shown, [values[one]], tries, cursor)
                at |= {one: count} if alone.num_rows else {}
                tables.append(alone)
                count += alone.num_rows
    found = pyarrow.concat_tables(tables) if tables else _read(shape, key, shown, [], tries, cursor)
    return ByKeys(tuple(Column(one.name, one.type) for one in shown), found.select(range(len(shown))),
                  [at.get(wanted[i]) if i in wanted else None for i in range(len(keys))], errors)


def _read(shape: Shape, key: Sequence[Col], shown: Sequence[Col], keys: Sequence[Sequence[str]], tries: Tries,
          cursor: Cursor) -> pyarrow.Table:
    there = {fold(one.name) for one in shown}
    more = [f"{quote(one.name)} AS {KEY}{i}" for i, one in enumerate(key)] if len(keys) > 1 else []
    assert there
    rows = rows_of(shape, among(key, keys), Conditions(shape, tries))
    sql = f"SELECT {', '.join([one.shown for one in shown] + more)} {rows}"
    return cursor.execute(sql, select=True).reader().read_all()


def among(key: Sequence[Col], keys: Sequence[Sequence[Any]]) -> Condition:
    if len(key) == 1:
        if len(keys) == 1:
            return Compare(key[0].name, "=", keys[0][0])
        return Compare(key[0].name, "in", [one[0] for one in keys])
    return AnyOf(tuple(All(tuple(Compare(one.name, "=", part) for one, part in zip(key, parts, strict=True)))
                       for parts in keys))


def _literals(table: pyarrow.Table, key: Sequence[Col], start: int, tries: Tries) -> list[tuple[str, ...]]:
    from pluto_duck.workspace.values import python_values

    columns = [[literal(one.type, plain(value), one.name, tries)
                for value in python_values(table.column(start + i), one.type)] for i, one in enumerate(key)]
    return list(zip(*columns, strict=True))
