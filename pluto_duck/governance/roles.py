"""A role's own catalog: an attached in-memory database of views over what the role may see."""

from __future__ import annotations

import threading

from pluto_duck.errors import PlutoError
from pluto_duck.workspace.database import Cursor, Database
from pluto_duck.workspace.tableref import DEFAULT_SCHEMA, TableRef, fold, quote


class RoleCatalog:
    """Views over every table and view of the user's schemas, under the names the user knows."""

    def __init__(self, database: Database, role: str) -> None:
        self._database = database
        self.catalog = f"pluto_role_{role}"
        self.names: frozenset[str] = frozenset()
        """Keys `schema.table` a statement may name."""
        self._version = -1
        self._lock = threading.Lock()

    def refresh(self, version: int) -> None:
        """Rebuilds the views when the schema version moved; cheap otherwise."""
        with self._lock:
            if version == self._version:
                return
            cursor = self._database.cursor()
            try:
                self._rebuild(cursor)
            finally:
                cursor.close()
            self._version = version

    def _rebuild(self, cursor: Cursor) -> None:
        file_catalog = str(cursor.fetchall("SELECT current_database()")[0][0])
        known = {row[0] for row in cursor.fetchall("SELECT database_name FROM duckdb_databases()")}
        if self.catalog not in known:
            cursor.execute(f"ATTACH ':memory:' AS {quote(self.catalog)}")
        # Old views stay while new ones come: a statement that is running keeps its own snapshot.
        wanted = cursor.fetchall(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = current_database() "
            "AND NOT internal AND NOT temporary AND schema_name <> '_pluto' UNION ALL "
            "SELECT schema_name, view_name FROM duckdb_views() WHERE database_name = current_database() "
            "AND NOT internal AND NOT temporary AND schema_name <> '_pluto'")
        have = set(cursor.fetchall("SELECT schema_name, view_name FROM duckdb_views() "
                                   f"WHERE database_name = '{self.catalog}' AND NOT internal"))
        names = set()
        for schema, table in wanted:
            if fold(schema) != DEFAULT_SCHEMA:
                cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(self.catalog)}.{quote(schema)}")
            target = TableRef(table, schema)
            try:
                cursor.execute(f"CREATE OR REPLACE VIEW {quote(self.catalog)}.{target.sql} AS "
                               f"FROM {quote(file_catalog)}.{target.sql}")
            except PlutoError:
                continue  # a view whose base table is gone: nobody can read it, the role can't either
            names.add(target.key)
        for schema, view in have - {(s, t) for s, t in wanted}:
            cursor.execute(f"DROP VIEW IF EXISTS {quote(self.catalog)}.{TableRef(view, schema).sql}")
        self.names = frozenset(names)

    def cursor(self) -> Cursor:
        """A cursor that stands in the role's catalog; the caller closes it."""
        cursor = self._database.cursor()
        cursor.execute(f"USE {quote(self.catalog)}")
        return cursor
