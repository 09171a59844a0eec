"""What an attached DuckDB database holds: tables and views, columns, keys, defaults, comments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pluto_duck.ingest.connectors import SourceKey
from pluto_duck.workspace import TableRef


@dataclass(frozen=True)
class Declared:
    name: str
    type: str
    nullable: bool
    default: str
    """SQL that means the same in any database; "" for none, or one that reads a sequence."""
    comment: str


@dataclass
class Keys:
    primary: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    foreign: tuple[SourceKey, ...] = field(default_factory=tuple)


class Catalog:
    def __init__(self, connection: Any, database: str) -> None:
        self._connection = connection
        self._database = database

    def _rows(self, sql: str, *values: str) -> list[tuple[Any, ...]]:
        quoted = ["'" + one.replace("'", "''") + "'" for one in (self._database, *values)]
        return list(self._connection.execute(sql.format(*quoted)).fetchall())

    def schemas(self) -> list[str]:
        return [row[0] for row in self._rows(
            "SELECT schema_name FROM duckdb_schemas() WHERE database_name = {} AND NOT internal ORDER BY 1")]

    def tables(self, schema: str) -> dict[str, str]:
        """Name -> "table" or "view"."""
        return dict(self._rows(
            "SELECT table_name, 'table' FROM duckdb_tables() WHERE database_name = {0} AND schema_name = {1} UNION ALL "
            "SELECT view_name, 'view' FROM duckdb_views() WHERE database_name = {0} AND schema_name = {1} "
            "AND NOT internal ORDER BY 1", schema))

    def columns(self, ref: TableRef) -> list[Declared]:
        rows = self._rows(
            "SELECT column_name, data_type, is_nullable, column_default, comment FROM duckdb_columns() "
            "WHERE database_name = {} AND schema_name = {} AND table_name = {} ORDER BY column_index",
            ref.schema, ref.name)
        generated = self.generated(ref)
        return [Declared(name, kind, bool(nullable), "" if name in generated else self._default(default), comment or "")
                for name, kind, nullable, default, comment in rows]

    def generated(self, ref: TableRef) -> set[str]:
        """duckdb_columns() tells the formula of a generated column as if it were a default."""
        rows = self._rows("SELECT sql FROM duckdb_tables() WHERE database_name = {} AND schema_name = {} "
                          "AND table_name = {}", ref.schema, ref.name)
        if not rows or "GENERATED ALWAYS AS" not in rows[0][0]:
            return set()
        return {row[0] for row in self._rows(
            "SELECT column_name FROM duckdb_columns() WHERE database_name = {} AND schema_name = {} "
            "AND table_name = {}", ref.schema, ref.name)}

    def _default(self, text: str | None) -> str:
        if not text or text.upper() == "NULL" or "nextval" in text.lower():
            return ""
        try:  # what reads neither columns nor anything of its own file
            self._connection.execute(f"EXPLAIN SELECT {text}").fetchall()
        except Exception:
            return ""
        return text

    def keys(self, ref: TableRef) -> Keys:
        keys = Keys()
        for kind, columns, other, referenced in self._rows(
                "SELECT constraint_type, constraint_column_names, referenced_table, referenced_column_names "
                "FROM duckdb_constraints() WHERE database_name = {} AND schema_name = {} AND table_name = {} "
                "ORDER BY constraint_index", ref.schema, ref.name):
            if kind == "PRIMARY KEY":
                keys.primary = tuple(columns)
            elif kind == "UNIQUE":
                keys.unique += (tuple(columns),)
            elif kind == "FOREIGN KEY" and other:
                keys.foreign += (SourceKey(tuple(columns), ref.schema, other, tuple(referenced)),)
        return keys

    def estimate(self, ref: TableRef) -> int | None:
        rows = self._rows("SELECT estimated_size FROM duckdb_tables() WHERE database_name = {} AND schema_name = {} "
                          "AND table_name = {}", ref.schema, ref.name)
        return int(rows[0][0]) if rows else None

    def comment(self, ref: TableRef) -> str:
        rows = self._rows(
            "SELECT comment FROM duckdb_tables() WHERE database_name = {0} AND schema_name = {1} AND table_name = {2} "
            "UNION ALL SELECT comment FROM duckdb_views() WHERE database_name = {0} AND schema_name = {1} "
            "AND view_name = {2}", ref.schema, ref.name)
        return str(rows[0][0] or "") if rows else ""
