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
from pluto_duck.session.rows.texts import Odd, Text, texts
from pluto_duck.session.rows.values import Tries, literal
from pluto_duck.workspace.database import Cursor
from pluto_duck.workspace.result import Column
from pluto_duck.workspace.tableref import quote

if TYPE_CHECKING:
    import pyarrow

_SAME = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
                   "UBIGINT", "VARCHAR", "UUID", "DATE", "BOOLEAN"})
"""Types whose every value has one literal alone, by which a row is told to be a key's."""
_AS_PYTHON = _SAME - {"DATE"}
"""Those that come as Python values without exception."""
KEY = "pluto_key_"
MOST = 512
"""Keys in one statement."""
MOST_TEXT = 4_000_000
"""Characters; larger rows go as Arrow."""


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

    asked = _Asked(shape, keys, columns, tries)
    key, shown, values = asked.key, asked.shown, asked.values
    distinct = list(values)
    same = all(one.type in _SAME for one in key)
    tables, at, count = [], dict[tuple[str, ...], int](), 0
    for start in range(0, len(distinct), MOST if same else 1):
        some = distinct[start:start + (MOST if same else 1)]
        table = _read(shape, key, shown, [values[one] for one in some], tries, cursor)
        made = _literals(table, key, len(shown), tries) if len(some) > 1 else some[:table.num_rows]
        at |= {one: count + i for i, one in enumerate(made) if one in values}
        tables.append(table.select(range(len(shown))))
        count += table.num_rows
        if len(some) > 1 and any(one not in values for one in made):
            # Equal by a collation, and not the same text: each by itself.
            for one in [one for one in some if one not in at]:
                alone = _read(shape, key, shown, [values[one]], tries, cursor)
                at |= {one: count} if alone.num_rows else {}
                tables.append(alone.select(range(len(shown))))
                count += alone.num_rows
    found = pyarrow.concat_tables(tables) if tables else _read(shape, key, shown, [], tries, cursor)
    return ByKeys(tuple(Column(one.name, one.type) for one in shown), found,
                  [at.get(one) if one is not None else None for one in asked.wanted], asked.errors)


@dataclass(frozen=True)
class TextsByKeys:
    rows: list[Text | None]
    """For each key; None where there is no row."""
    errors: dict[int, UsageError]


def find_texts(shape: Shape, keys: Sequence[Sequence[str]], columns: Sequence[str] | None, tries: Tries,
               cursor: Cursor) -> TextsByKeys | None:
    """The same as JSON with tags; None where `find` must tell it. Raises as it does."""
    asked = _Asked(shape, keys, columns, tries)
    form, distinct = texts(asked.shown), list(asked.values)
    if form is None or len(distinct) > MOST or not all(one.type in _AS_PYTHON for one in asked.key):
        return None
    there: dict[tuple[str, ...], Text] = {}
    if distinct:
        rows = cursor.fetchall(_sql(shape, asked.key, asked.shown, list(asked.values.values()), tries))
        width, alone = len(asked.shown), len(distinct) == 1
        try:
            for row in rows:
                made = distinct[0] if alone else tuple(
                    literal(one.type, plain(value), one.name, tries)
                    for one, value in zip(asked.key, row[width:], strict=True))
                if made not in asked.values:
                    return None  # equal by a collation
                there[made] = form.of(row[:width])
        except Odd:
            return None
    if sum(len(one) for one, _tag in there.values()) > MOST_TEXT:
        return None
    return TextsByKeys([there.get(one) if one is not None else None for one in asked.wanted], asked.errors)


class _Asked:
    """Which rows: the literals of each key, and each of them once."""

    def __init__(self, shape: Shape, keys: Sequence[Sequence[str]], columns: Sequence[str] | None,
                 tries: Tries) -> None:
        self.key = key_of(shape, shape.key)[0]
        self.shown = picked(columns, shape)
        self.wanted: list[tuple[str, ...] | None] = []
        self.errors: dict[int, UsageError] = {}
        self.values: dict[tuple[str, ...], list[str]] = {}
        """Literals -> the texts of the first key that they are of."""
        for i, parts in enumerate(keys):
            try:
                _columns, given = key_of(shape, parts)
                made = tuple(literal(one.type, part, one.name, tries)
                             for one, part in zip(self.key, given, strict=True))
            except UsageError as error:
                self.errors[i] = error
                self.wanted.append(None)
                continue
            self.values.setdefault(made, given)
            self.wanted.append(made)


def _read(shape: Shape, key: Sequence[Col], shown: Sequence[Col], keys: Sequence[Sequence[str]], tries: Tries,
          cursor: Cursor) -> pyarrow.Table:
    return cursor.execute(_sql(shape, key, shown, keys, tries), select=True).reader().read_all()


def _sql(shape: Shape, key: Sequence[Col], shown: Sequence[Col], keys: Sequence[Sequence[str]], tries: Tries) -> str:
    """More than one key: theirs stand behind the columns."""
    assert shown
    more = [f"{quote(one.name)} AS {KEY}{i}" for i, one in enumerate(key)] if len(keys) > 1 else []
    rows = rows_of(shape, among(key, keys), Conditions(shape, tries))
    return f"SELECT {', '.join([one.shown for one in shown] + more)} {rows}"


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
