"""One tracked table, as its changes are kept: its columns, its key, and the SQL of its rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from pluto_duck.events.layout import changes_table
from pluto_duck.workspace.database import Cursor
from pluto_duck.workspace.literals import encode, to_sql
from pluto_duck.workspace.tableref import TableRef, fold, quote

_EQUAL_IS_SAME = re.compile(r"U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DECIMAL\(\d+,\s*\d+\)|BOOLEAN|BLOB|UUID|DATE|TIME|"
                            r"TIMESTAMP(_S|_MS|_NS| WITH TIME ZONE)?|ENUM\(.*\)")
"""Types whose equal values are the same. (0.0 equals -0.0, a month 30 days, and texts by their collation.)"""
_NOT_IN_ARROW = re.compile(r"\b(UHUGEINT|BIGNUM|TIME WITH TIME ZONE|VARIANT|GEOMETRY|BIT)\b")
"""What Arrow would change on its way from one cursor to another, also within other types."""
_TEXT_IS_EXACT = re.compile(r"U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|UHUGEINT|FLOAT|DOUBLE|DECIMAL\(\d+,\s*\d+\)|BOOLEAN|"
                            r"VARCHAR|JSON|BLOB|UUID|DATE|TIME|TIMESTAMP(_S|_MS|_NS| WITH TIME ZONE)?")
"""Types whose values come back the same from their text."""


@dataclass(frozen=True)
class Tracked:
    ref: TableRef
    declared: tuple[str, ...]
    """The key it was tracked by; () where whole rows are told apart."""
    before: bool
    """Whether the rows as they were are kept."""
    started_seq: int
    shape: int
    version: int
    columns: tuple[tuple[str, str], ...]
    """Names and types."""
    key_columns: tuple[str, ...]
    """Of this shape: () also where a table made anew lacks the declared ones, or has rows that share them."""

    @property
    def key(self) -> str:
        return self.ref.key

    @cached_property
    def row_type(self) -> str:
        return "STRUCT(" + ", ".join(f"{quote(name)} {kind}" for name, kind in self.columns) + ")"

    @cached_property
    def types(self) -> dict[str, str]:
        return dict(self.columns)

    def source(self, catalog: str) -> str:
        return f"{quote(catalog)}.{self.ref.sql}"

    def changes(self, catalog: str) -> str:
        return f"{quote(catalog)}._pluto.{changes_table(self.shape)}"

    def row(self, alias: str) -> str:
        """A row of it as the STRUCT that is kept."""
        return self.packed({name: f"{alias}.{quote(name)}" for name, _kind in self.columns})

    def packed(self, values: dict[str, str]) -> str:
        return "system.main.struct_pack(" + ", ".join(
            f"{quote(name)} := {value}" for name, value in values.items()) + ")"

    def literal(self, name: str, value: str | None) -> str:
        """SQL of a value of that column, from its text."""
        kind = self.types[name]
        shown = "NULL" if value is None else text(value)
        return shown if kind == "VARCHAR" and value is not None else f"CAST({shown} AS {kind})"

    @cached_property
    def _key_at(self) -> tuple[int, ...]:
        names = [name for name, _kind in self.columns]
        return tuple(names.index(one) for one in self.key_columns)

    def key_of(self, row: tuple[str | None, ...]) -> tuple[str | None, ...]:
        """Of a row, given as the texts of its columns."""
        return tuple(row[i] for i in self._key_at)

    def with_key(self, key: tuple[str | None, ...]) -> tuple[str | None, ...]:
        """A row that has nothing but its key."""
        found: list[str | None] = [None] * len(self.columns)
        for i, one in zip(self._key_at, key, strict=True):
            found[i] = one
        return tuple(found)

    def gone(self, alias: str) -> str:
        """What is kept as `before` of a row that is deleted."""
        if self.before or not self.key_columns:
            return self.row(alias)
        return self.key_alone({name: f"{alias}.{quote(name)}" for name in self.key_columns})

    def key_alone(self, values: dict[str, str]) -> str:
        return self.packed({name: values.get(name) or f"CAST(NULL AS {kind})" for name, kind in self.columns})

    def same_key(self, left: str, right: str) -> str:
        """By what the values are, whatever a collation calls equal."""
        return self.same({name: f"{left}.{quote(name)}" for name in self.key_columns},
                         {name: f"{right}.{quote(name)}" for name in self.key_columns})

    def same(self, left: dict[str, str], right: dict[str, str]) -> str:
        tests = [f"{left[name]} = {right[name]}" for name in self.key_columns]
        tests += [f"system.main.encode({left[name]}) = system.main.encode({right[name]})"
                  for name in self.key_columns if self.types[name] == "VARCHAR"]
        return " AND ".join(tests)

    def chosen(self, *cases: tuple[str, str]) -> str:
        """The row of the first condition that holds, else NULL."""
        cases = tuple((condition, row) for condition, row in cases if row != "NULL")
        if not cases:
            return "NULL"
        if not self._has_arrays:
            return "CASE " + " ".join(f"WHEN {condition} THEN {row}" for condition, row in cases) + " END"
        # DuckDB 1.5 can't choose between arrays of a fixed length, but between members of a list.
        number = " ".join(f"WHEN {condition} THEN {i}" for i, (condition, _row) in enumerate(cases, 1))
        return f"system.main.list_extract([{', '.join(row for _condition, row in cases)}], CASE {number} END)"

    @cached_property
    def _has_arrays(self) -> bool:
        return any(re.search(r"\[\d+\]", kind) for _name, kind in self.columns)

    @cached_property
    def by_arrow(self) -> bool:
        """Whether its rows can pass from one cursor to another unchanged."""
        return not any(_NOT_IN_ARROW.search(kind) for _name, kind in self.columns)

    @cached_property
    def by_text(self) -> bool:
        return all(_TEXT_IS_EXACT.fullmatch(kind) for _name, kind in self.columns)

    @cached_property
    def key_by_text(self) -> bool:
        return all(_TEXT_IS_EXACT.fullmatch(self.types[name]) for name in self.key_columns)


def differs(kind: str, one: str, other: str) -> str:
    """Whether two values of one type are not the same, to the letter."""
    if _EQUAL_IS_SAME.fullmatch(kind):
        return f"{one} IS DISTINCT FROM {other}"
    return f"{exactly(kind, one)} IS DISTINCT FROM {exactly(kind, other)}"


def exactly(kind: str, value: str) -> str:
    """What equals another only where both values are the same."""
    if _EQUAL_IS_SAME.fullmatch(kind):
        return value
    return f"system.main.encode({value})" if kind == "VARCHAR" else f"CAST({value} AS VARCHAR)"


def text(value: str) -> str:
    return to_sql(encode(value))


def columns_of(cursor: Cursor, catalog: str, ref: TableRef) -> tuple[tuple[str, str], ...] | None:
    """Names and types as the cursor's transaction has them; None where there is no such table."""
    return columns_of_many(cursor, catalog, [ref]).get(ref.key)


def columns_of_many(cursor: Cursor, catalog: str, refs: list[TableRef]) -> dict[str, tuple[tuple[str, str], ...]]:
    # DuckDB's lower() is Unicode's, its comparing of names is not: both forms.
    names = ", ".join(text(form) for form in sorted(
        {form for ref in refs for form in (fold(ref.name), ref.name.lower())})) or "NULL"
    rows = cursor.fetchall(
        "SELECT c.schema_name, c.table_name, c.column_name, c.data_type FROM system.main.duckdb_columns() AS c "
        "JOIN system.main.duckdb_tables() AS t USING (database_name, schema_name, table_name) "
        f"WHERE c.database_name = {text(catalog)} AND NOT c.internal AND system.main.lower(c.table_name) IN ({names}) "
        "ORDER BY c.schema_name, c.table_name, c.column_index")
    found: dict[str, list[tuple[str, str]]] = {}
    for schema, name, column, kind in rows:
        found.setdefault(TableRef(name, schema).key, []).append((column, kind))
    return {ref.key: tuple(found[ref.key]) for ref in refs if ref.key in found}


@dataclass(frozen=True)
class Standing:
    """What is true of a table now and can change without its shape."""

    constrained: bool
    """Its key is a PRIMARY KEY, so that it names one row."""
    referenced: bool
    """Foreign keys refer to it: an UPDATE with RETURNING would fail."""
    generates: bool = False
    """Perhaps it has columns that are made of others."""


def standing_of(cursor: Cursor, catalog: str, table: Tracked) -> Standing:
    rows = cursor.fetchall(
        "SELECT schema_name, table_name, constraint_type, constraint_column_names, referenced_table "
        f"FROM system.main.duckdb_constraints() WHERE database_name = {text(catalog)} "
        f"AND constraint_type IN ('PRIMARY KEY', 'FOREIGN KEY') AND schema_name = {text(table.ref.schema)}")
    key = [fold(one) for one in table.key_columns]
    constrained = bool(key) and any(
        kind == "PRIMARY KEY" and TableRef(name, schema).key == table.key and sorted(map(fold, columns)) == sorted(key)
        for schema, name, kind, columns, _other in rows)
    referenced = any(kind == "FOREIGN KEY" and other and TableRef(other, schema).key == table.key
                     for schema, _name, kind, _columns, other in rows)
    generates = bool(cursor.fetchall(
        f"SELECT 1 FROM system.main.duckdb_tables() WHERE database_name = {text(catalog)} AND schema_name = "
        f"{text(table.ref.schema)} AND table_name = {text(table.ref.name)} AND sql NOT ILIKE '%generated%'")) is False
    return Standing(constrained, referenced, generates)
