"""A role's own catalog: an attached in-memory database of views over what the role may see."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from pluto_duck.errors import PlutoError, Refused
from pluto_duck.governance.limits import macros
from pluto_duck.governance.names import Names
from pluto_duck.governance.views import Views
from pluto_duck.workspace.database import Cursor, Instance
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

    def __init__(self, database: Instance, role: str) -> None:
        self._database = database
        self.catalog = f"pluto_role_{role}"
        self.names = Names()
        """What a statement may name."""
        self._views: dict[TableRef, tuple[object, frozenset[str]]] = {}
        """What its view was made from, and the base tables behind it, as `Cursor.table_names` writes them."""
        self._behind: dict[str, frozenset[str]] = {}
        self._so_far: dict[TableRef, tuple[object, frozenset[str]]] = {}
        """While they are made: tables first."""
        self.readable: dict[TableRef, object] = {}
        """The owner's tables with what they were made by, then the harmless views (None), each after those it reads."""
        self._version: object = None
        self.generation = 0
        """Odd while the views are being made anew: whatever is read then may be half old, half new."""
        self._lock = threading.Lock()

    def refresh(self, version: object) -> None:
        """Rebuilds the views when the version moved: of the schema, or the rules; cheap otherwise."""
        with self._lock:
            if version == self._version:
                return
            # Where it fails, nothing may be named.
            self._version, self.names = None, Names()
            self.generation += 1
            cursor = self._database.cursor()
            try:
                self._rebuild(cursor)
            finally:
                cursor.close()
                self.generation += 1
            self._version = version

    def _rebuild(self, cursor: Cursor) -> None:
        file_catalog = str(cursor.fetchall(f"SELECT {_CURRENT}")[0][0])
        attached = {fold(row[0]) for row in cursor.fetchall(_ATTACHED)}
        if self.catalog not in attached:
            cursor.execute(f"ATTACH ':memory:' AS {quote(self.catalog)}")
            # Only here are macros made in this catalog: one called lower or sum would shadow the built-in.
            for macro in macros(quote(self.catalog)):
                cursor.execute(macro)
        self.readable = there = self._readable(cursor)
        self._prepare(file_catalog, list(there))
        self._so_far = views = dict[TableRef, tuple[object, frozenset[str]]]()
        for table, print_ in there.items():
            known = self._views.get(table)
            if print_ is not None and known is not None and known[0] == print_ and self._keeps(table):
                views[table] = known
                continue
            behind = self._view(cursor, file_catalog, table, stored=print_ is None)
            if behind is not None:
                views[table] = (print_, behind)
        wanted = {one.key for one in views}
        for made in self._made(cursor):
            if made.key not in wanted:
                cursor.execute(f"DROP VIEW IF EXISTS {quote(self.catalog)}.{made.sql}")
        self._views = views
        self._behind = {table.key: behind for table, (_print, behind) in views.items()}
        self.names = Names(views)

    def _readable(self, cursor: Cursor) -> dict[TableRef, object]:
        """The owner's tables with what they were made by, then the harmless views (None), each after those it reads."""
        found: dict[TableRef, object] = {}
        stored: dict[TableRef, str] = {}
        for schema, name, oid, created in cursor.fetchall(_WANTED):
            table = TableRef(name, schema)
            if fold(schema) == _HIDDEN:
                continue
            if oid is None:
                stored[table] = str(created)
            else:
                found[table] = (oid, created)
        looked = Views(cursor, self._database.parser)
        while stored:  # a view may stand on a view
            passed = [one for one, created in stored.items() if looked.harmless(created, set(found))]
            for view in passed:
                del stored[view]
                found[view] = None
            if not passed:
                break
        return found

    def _prepare(self, file_catalog: str, tables: list[TableRef]) -> None:
        """Before the views of a rebuild are made; `tables`: all that the owner has."""

    def _keeps(self, table: TableRef) -> bool:
        """Whether the view of a table that did not change may stay as it is."""
        return True

    def _body(self, cursor: Cursor, source: str, table: TableRef, *, stored: bool) -> tuple[str, bool] | None:
        """What the view reads of its source (SQL text), and whether it must be a barrier; None for no view.
        `stored`: the source is a view itself."""
        return f"FROM {source}", False

    def _view(self, cursor: Cursor, file_catalog: str, table: TableRef, *, stored: bool) -> frozenset[str] | None:
        """Makes the view and returns the base tables behind it; None when there is none, or nobody could read it."""
        try:
            made = self._body(cursor, f"{quote(file_catalog)}.{table.sql}", table, stored=stored)
            if made is None:
                return None
            body, barrier = made
            if fold(table.schema) != DEFAULT_SCHEMA:
                cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(self.catalog)}.{quote(table.schema)}")
            # In place: a statement that is running keeps the snapshot it began with. A plain view would be no
            # barrier: the optimiser runs the reader's condition below it, whose error texts show hidden rows.
            secure = barrier and self._database.is_two
            cursor.execute(f"CREATE OR REPLACE {'SECURE ' if secure else ''}VIEW {quote(self.catalog)}.{table.sql} "
                           f"AS {body}{' OFFSET 0' if barrier and not secure else ''}")
            try:
                return frozenset(cursor.table_names(f"FROM {quote(self.catalog)}.{table.sql}"))
            except PlutoError:
                if not stored:
                    raise
                return self._unresolved()
        except PlutoError as error:
            self._failed(table, error)
            return None  # its base table is gone, or a temporary one of another cursor

    def _unresolved(self) -> frozenset[str] | None:
        """The base tables behind a view that can be made and whose names DuckDB can't tell: it binds them without
        columns, and so fails for USING. All of the owner's, since all of them may be named here anyway."""
        return frozenset().union(*(behind for print_, behind in self._so_far.values() if print_ is not None))

    def _failed(self, table: TableRef, error: PlutoError) -> None:
        """Told of a view that could not be made."""

    def _made(self, cursor: Cursor) -> list[TableRef]:
        found = cursor.fetchall("SELECT schema_name, view_name FROM system.main.duckdb_views() "
                                f"WHERE database_name = '{self.catalog}' AND NOT internal")
        return [TableRef(view, schema) for schema, view in found]

    def behind(self, tables: Iterable[TableRef]) -> frozenset[str]:
        """The base tables behind the views of `tables`, in DuckDB's writing."""
        return frozenset().union(*(self._behind.get(one.key, frozenset()) for one in tables))

    def cursor(self) -> Cursor:
        """A cursor that stands in the role's catalog; the caller closes it."""
        cursor = self._database.cursor()
        # With its schema: alone it would lead into a schema of the user's that has the same name.
        cursor.execute(f"USE {quote(self.catalog)}.{quote(DEFAULT_SCHEMA)}")
        return cursor

    def check_resolved(self, cursor: Cursor, sql: str, named: Iterable[TableRef] | None = None,
                       also: frozenset[str] = frozenset()) -> None:
        """Raises Refused unless every base table that DuckDB itself finds behind `sql` is one that the views read
        which it names (`named`; None: any of the role's), or one of `also`. It binds the statement, so only after the
        Gate, on a cursor of this catalog: a schema that is also the name of an attached database resolves elsewhere
        than the Gate thinks."""
        behind = self._behind.values() if named is None else (
            self._behind.get(one.key, frozenset()) for one in named)
        try:
            elsewhere = cursor.table_names(sql) - frozenset().union(also, *behind)
        except PlutoError:
            # It binds with tables that have no columns, and so fails for USING, COLUMNS and some more.
            # Then what could lead elsewhere is looked for itself; names of one part find the role's view.
            attached = {fold(name) for (name,) in cursor.fetchall(_ATTACHED)}
            elsewhere = attached & {fold(table.schema) for table in self.names} - {DEFAULT_SCHEMA}
        if elsewhere:
            raise self._leads_elsewhere(sorted(elsewhere))

    def _leads_elsewhere(self, names: list[str]) -> Refused:
        return Refused(f"The statement would read {', '.join(names)}, which is not granted.",
                       hint="A database is attached under the name of a schema: detach it, or attach it "
                            "under another name.")
