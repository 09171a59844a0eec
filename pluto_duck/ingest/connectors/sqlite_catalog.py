"""What a SQLite database holds: tables and views, their columns as declared, keys and defaults."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from typing import Any

from pluto_duck.ingest.connectors import SourceKey
from pluto_duck.workspace import quote


@dataclass(frozen=True)
class Declared:
    """One column as its table declares it."""

    name: str
    type: str
    nullable: bool
    default: str | None
    """SQL text."""
    key_place: int
    """From 1 in the primary key, 0 outside it."""


class Catalog:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def _rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return list(self._connection.execute(sql, values).fetchall())

    def names(self) -> dict[str, str]:
        """Name -> "table" or "view". What SQLite keeps for itself, and for a virtual table, is left out."""
        if sqlite3.sqlite_version_info < (3, 37):
            return dict(self._rows("SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') "
                                   "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"))
        rows = self._rows("SELECT name, type FROM pragma_table_list WHERE schema = 'main' "
                          "AND type IN ('table', 'view', 'virtual') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
                          "ORDER BY name")
        return {name: "view" if kind == "view" else "table" for name, kind in rows}

    def columns(self, table: str) -> list[Declared]:
        # Hidden 1 is a virtual table's own; 2 and 3 are generated ones, whose values come like any other.
        rows = self._rows('SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_xinfo(?) '
                          "WHERE hidden <> 1 ORDER BY cid", table)
        return [Declared(name, kind or "", not notnull, default, place) for name, kind, notnull, default, place in rows]

    def primary_key(self, table: str, columns: list[Declared]) -> tuple[str, ...]:
        """() too where a key column holds NULL, which SQLite allows."""
        key = sorted((column for column in columns if column.key_place), key=lambda column: column.key_place)
        loose = [column for column in key if column.nullable and not _is_rowid(column, len(key))]
        if loose:
            missing = " OR ".join(f"{quote(column.name)} IS NULL" for column in loose)
            if self._rows(f"SELECT 1 FROM {quote(table)} WHERE {missing} LIMIT 1"):
                return ()
        return tuple(column.name for column in key)

    def unique(self, table: str) -> tuple[tuple[str, ...], ...]:
        """Of whole columns and all rows: an index over a part or an expression says nothing about the table."""
        found = []
        for name, in self._rows("SELECT name FROM pragma_index_list(?) WHERE \"unique\" AND NOT partial "
                                "AND origin <> 'pk' ORDER BY seq DESC", table):
            columns = tuple(row[0] for row in self._rows("SELECT name FROM pragma_index_info(?) ORDER BY seqno", name))
            if None not in columns:
                found.append(columns)
        return tuple(found)

    def foreign_keys(self, table: str) -> tuple[SourceKey, ...]:
        keys: dict[int, list[tuple[Any, ...]]] = {}
        for row in self._rows('SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id DESC, seq',
                              table):
            keys.setdefault(row[0], []).append(row)
        found = []
        for rows in keys.values():
            other, to = rows[0][1], tuple(row[3] for row in rows)
            if None in to:  # "REFERENCES other" alone means its primary key
                to = tuple(one.name for one in sorted(self.columns(other), key=lambda one: one.key_place)
                           if one.key_place)
            found.append(SourceKey(tuple(row[2] for row in rows), "", other, to))
        return tuple(found)


def default(text: str | None, duckdb_type: str) -> str:
    """A default that is a plain number or text, as DuckDB writes it; "" for any other."""
    text = (text or "").strip()
    if re.fullmatch(r"[+-]?\d+(\.\d+)?", text):
        return text if not duckdb_type.startswith(("VARCHAR", "BLOB", "DATE", "TIME", "JSON")) else ""
    if re.fullmatch(r"'(?:[^']|'')*'", text):
        return text if duckdb_type == "VARCHAR" else ""
    if text.upper() in ("TRUE", "FALSE"):
        return text if duckdb_type in ("BOOLEAN", "BIGINT") else ""
    return ""


def _is_rowid(column: Declared, parts: int) -> bool:
    """INTEGER PRIMARY KEY is the row's own number, never NULL."""
    return parts == 1 and column.type.upper() == "INTEGER"
