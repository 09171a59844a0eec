"""A role's own catalog: an attached in-memory database of views over what the role may see."""

from __future__ import annotations

import threading

from pluto_duck.errors import PlutoError, Refused
from pluto_duck.governance.limits import macros
from pluto_duck.governance.names import Names
from pluto_duck.governance.views import Views
from pluto_duck.workspace.database import Cursor, Database
from pluto_duck.workspace.tableref import DEFAULT_SCHEMA, TableRef, fold, quote

_HIDDEN = "_pluto"

# Only the workspace's own file, and nothing temporary: that belongs to one cursor. Functions by their full
# names: a macro of the user's may be called as they are.
_CURRENT = "system.main.current_database()"
_WANTED = f"""
    SELECT schema_name, table_name, table_oid, sql FROM system.main.duckdb_tables()
    WHERE database_name = {_CURRENT} AND NOT internal AND NOT temporary
    UNION ALL
    SELECT schema_name, view_name, NULL, sql FROM system.main.duckdb_views()
    WHERE database_name = {_CURRENT} AND NOT internal AND NOT temporary
"""
_ATTACHED = "SELECT database_name FROM system.main.duckdb_databases()"


class RoleCatalog:
    """Views over every table of the user's schemas and over its harmless views, under the names the user knows."""

    def __init__(self, database: Database, role: str) -> None:
        self._database = database
        self.catalog = f"pluto_role_{role}"
        self.names = Names()
        """What a statement may name."""
        self._behind: frozenset[str] = frozenset()
        """The base tables that the views read, as `Cursor.table_names` writes them."""
        self._views: dict[TableRef, tuple[object, frozenset[str]]] = {}
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
        file_catalog = str(cursor.fetchall(f"SELECT {_CURRENT}")[0][0])
        attached = {fold(row[0]) for row in cursor.fetchall(_ATTACHED)}
        if self.catalog not in attached:
            cursor.execute(f"ATTACH ':memory:' AS {quote(self.catalog)}")
            # Only here are macros made in this catalog: one called lower or sum would shadow the built-in.
            for macro in macros(quote(self.catalog)):
                cursor.execute(macro)
        views: dict[TableRef, tuple[object, frozenset[str]]] = {}
        stored: dict[TableRef, str] = {}
        for schema, name, oid, created in cursor.fetchall(_WANTED):
            if fold(schema) == _HIDDEN:
                continue
            table = TableRef(name, schema)
            if oid is None:
                stored[table] = str(created)
                continue
            print_ = (oid, created)
            known = self._views.get(table)
            if known is not None and known[0] == print_:
                views[table] = known
                continue
            behind = self._view(cursor, file_catalog, table)
            if behind is not None:
                views[table] = (print_, behind)
        looked = Views(cursor, self._database.parser)
        while stored:  # a view may stand on a view
            passed = [one for one, created in stored.items() if looked.harmless(created, set(views))]
            for view in passed:
                del stored[view]
                behind = self._view(cursor, file_catalog, view)
                if behind is not None:
                    views[view] = (None, behind)
            if not passed:
                break
        wanted = {one.key for one in views}
        for made in self._made(cursor):
            if made.key not in wanted:
                cursor.execute(f"DROP VIEW IF EXISTS {quote(self.catalog)}.{made.sql}")
        self._views = views
        self._behind = frozenset().union(*(behind for _print, behind in views.values()))
        self.names = Names(views)

    def _view(self, cursor: Cursor, file_catalog: str, table: TableRef) -> frozenset[str] | None:
        """Makes the view and returns the base tables behind it; None when nobody could read it."""
        source = f"{quote(file_catalog)}.{table.sql}"
        try:
            if fold(table.schema) != DEFAULT_SCHEMA:
                cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(self.catalog)}.{quote(table.schema)}")
            # In place: a statement that is running keeps the snapshot it began with.
            cursor.execute(f"CREATE OR REPLACE VIEW {quote(self.catalog)}.{table.sql} AS FROM {source}")
            return frozenset(cursor.table_names(f"FROM {quote(self.catalog)}.{table.sql}"))
        except PlutoError:
            return None  # its base table is gone, or a temporary one of another cursor

    def _made(self, cursor: Cursor) -> list[TableRef]:
        found = cursor.fetchall("SELECT schema_name, view_name FROM system.main.duckdb_views() "
                                f"WHERE database_name = '{self.catalog}' AND NOT internal")
        return [TableRef(view, schema) for schema, view in found]

    def cursor(self) -> Cursor:
        """A cursor that stands in the role's catalog; the caller closes it."""
        cursor = self._database.cursor()
        # With its schema: alone it would lead into a schema of the user's that has the same name.
        cursor.execute(f"USE {quote(self.catalog)}.{quote(DEFAULT_SCHEMA)}")
        return cursor

    def check_resolved(self, cursor: Cursor, sql: str) -> None:
        """Raises Refused unless every base table that DuckDB itself finds behind `sql` is one that the
        role's views read. It binds the statement, so only after the Gate, on a cursor of this catalog:
        a schema that is also the name of an attached database resolves elsewhere than the Gate thinks."""
        try:
            elsewhere = cursor.table_names(sql) - self._behind
        except PlutoError:
            # It binds with tables that have no columns, and so fails for USING, COLUMNS and some more.
            # Then what could lead elsewhere is looked for itself; names of one part find the role's view.
            attached = cursor.fetchall(_ATTACHED)
            elsewhere = {name for (name,) in attached} & {table.schema for table in self.names} - {DEFAULT_SCHEMA}
        if elsewhere:
            raise Refused(f"The statement would read {', '.join(sorted(elsewhere))}, which is not granted.",
                          hint="A database is attached under the name of a schema: detach it, or attach it "
                               "under another name.")
