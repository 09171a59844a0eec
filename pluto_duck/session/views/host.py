"""What a session asks about views, answered in the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pluto_duck.errors import PlutoError, Refused, UsageError, unknown_name
from pluto_duck.events.tracked import Tracked, text
from pluto_duck.session.capturing import Capturing
from pluto_duck.session.targets import SCHEMA
from pluto_duck.session.tracking import track, untrack
from pluto_duck.session.views import store
from pluto_duck.session.views.definition import body, catalog_of, checked, sources
from pluto_duck.session.views.refreshing import On, Refreshing, refuse_cycle
from pluto_duck.session.views.store import View
from pluto_duck.workspace.database import Cursor
from pluto_duck.workspace.protocol import Json, Reply, Request
from pluto_duck.workspace.tableref import TableRef, fold, quote

if TYPE_CHECKING:
    from pluto_duck.session.handler import SessionHandler


class HostViews:
    """Of one call. `on`: told of the cursor that works; `stopped`: whether somebody wants it to end."""

    def __init__(self, handler: SessionHandler, capturing: Capturing, on: On, stopped: Callable[[], bool]) -> None:
        self._handler, self._capturing, self._on, self._stopped = handler, capturing, on, stopped
        self._refreshing: Refreshing = handler.views
        self._catalog = handler.ledger.catalog

    def answer(self, request: Request) -> Reply:
        args = request.args
        if args["verb"] == "list":
            return Reply({"views": self.listed()})
        if args["verb"] == "definitions":
            return Reply({"sql": {key: one.sql for key, one in self._refreshing.known.items()}})
        ref = TableRef(str(args["name"]), str(args["schema"]))
        verbs: dict[str, Callable[[TableRef, dict[str, Json]], dict[str, Json]]] = {
            "create": self.create, "show": lambda ref, _args: self.show(ref), "refresh": self.refresh,
            "drop": self.drop}
        return Reply({"view": verbs[str(args["verb"])](ref, args)})

    # -- looking ------------------------------------------------------------------------------------

    def listed(self) -> list[Json]:
        self._handler.ledger.notice()
        cursor = self._handler.database.cursor()
        try:
            tracked = self._handler.ledger.journal.tracked
            found = [self._told(cursor, one, tracked) for one in self._refreshing.known.values()]
            found += [self._plain(*row) for row in self._plain_views(cursor)]
        finally:
            cursor.close()
        return sorted(found, key=lambda one: (one["schema"], one["name"]))

    def show(self, ref: TableRef) -> dict[str, Json]:
        self._handler.ledger.notice()
        cursor = self._handler.database.cursor()
        try:
            view = self._refreshing.known.get(ref.key)
            if view is not None:
                past = store.history(cursor, self._refreshing.ours, ref.key)
                return {**self._told(cursor, view, self._handler.ledger.journal.tracked),
                        "history": [vars(one) for one in past]}
            for row in self._plain_views(cursor):
                if TableRef(row[1], row[0]).key == ref.key:
                    return self._plain(*row)
            raise self._unknown(cursor, ref)
        finally:
            cursor.close()

    def _unknown(self, cursor: Cursor, ref: TableRef) -> PlutoError:
        names = [str(one.ref) for one in self._refreshing.known.values()]
        return unknown_name("view", str(ref), names + [str(TableRef(row[1], row[0]))
                                                       for row in self._plain_views(cursor)])

    def _plain_views(self, cursor: Cursor) -> list[tuple[str, str, str]]:
        return [(str(schema), str(name), str(sql)) for schema, name, sql in cursor.fetchall(
            f"SELECT schema_name, view_name, sql FROM system.main.duckdb_views() WHERE database_name = "
            f"{text(self._catalog)} AND NOT internal AND NOT temporary AND schema_name <> '_pluto'")]

    def _plain(self, schema: str, name: str, made: str) -> dict[str, Json]:
        try:
            sql = body(self._handler.database.parser, made)
        except UsageError:
            sql = made
        return {"schema": schema, "name": name, "materialized": False, "sql": sql, "refresh": None, "state": "plain",
                "why": "", "at_ms": None, "seq": 0, "behind": None, "rows": None, "sources": [], "incremental": ""}

    def _told(self, cursor: Cursor, view: View, tracked: dict[str, Tracked]) -> dict[str, Json]:
        changed = self._refreshing.changed(view)
        state, why = "stale" if changed else "fresh", ""
        if view.error:
            state, why = "broken", view.error
        elif view.steady and not changed:
            state, why = "unknown", view.steady
        behind = self._behind(cursor, view, tracked) if changed else 0
        return {"schema": view.ref.schema, "name": view.ref.name, "materialized": True, "sql": view.sql,
                "refresh": view.refresh, "state": state, "why": why, "at_ms": view.at_ms, "seq": view.seen_seq,
                "behind": None if state == "unknown" else behind, "rows": view.rows, "sources": list(view.sources),
                "incremental": f"full: because {view.kept}" if view.kept else "incremental"}

    def _behind(self, cursor: Cursor, view: View, tracked: dict[str, Tracked]) -> int | None:
        """None where one of its tables tells no changes."""
        ledger, journal = self._handler.ledger, self._handler.ledger.journal
        count = 0
        for key in view.sources:
            if ledger.version(key) <= view.seen_seq:
                continue
            table = tracked.get(key)
            if table is None or journal.oldest(cursor) > view.seen_seq:
                return None
            count += int(cursor.fetchall(
                f"SELECT system.main.count_star() FROM {table.changes(journal.catalog)} WHERE tx IN (SELECT tx FROM "
                f"{journal.ours}.change_log WHERE seq > {view.seen_seq})")[0][0])
        return count or None

    # -- doing ----------------------------------------------------------------------------------------

    def create(self, ref: TableRef, args: dict[str, Json]) -> dict[str, Json]:
        if fold(ref.schema) == "_pluto":
            raise Refused("The schema _pluto keeps this workspace's own records.")
        if fold(ref.schema) in ("temp", "system"):
            raise Refused(f"{ref.schema} is a database of DuckDB's own, and would hide a schema of that name.",
                          hint="Choose another schema.")
        sql = checked(self._handler.database.parser, str(args["sql"]))
        with self._refreshing.alone(self._stopped):
            old = self._free(ref, bool(args["replace"]))
            if not args["materialized"]:
                self._create_plain(ref, sql, old)
                return self.show(ref)
            began = self._tracked_for(ref, sql, str(args["refresh"]), bool(args["track"]))
            try:
                self._create(ref, sql, str(args["refresh"]), old)
            except BaseException:
                if began is not None:
                    untrack(self._handler.ledger, self._capturing.recording(), [began])
                raise
        self._handler.view_worker.look()
        return {**self.show(ref), "tracked": "" if began is None else str(began)}

    def _free(self, ref: TableRef, replace: bool) -> str:
        """"materialized" or "plain" where a view is to be replaced. Raises UsageError for a name that is taken."""
        cursor = self._handler.database.cursor()
        try:
            there = catalog_of(cursor, self._catalog)
        finally:
            cursor.close()
        if ref.key in self._refreshing.known:
            kind = "materialized"
        elif ref.key in there.tables:
            kind = "plain" if ref.key in there.views else "table"
        else:
            return ""
        if kind == "table" or not replace:
            raise UsageError(f"There is a {'table' if kind == 'table' else 'view'} {ref} already.",
                             hint="Choose another name." if kind == "table" else
                             f"pluto-duck view create {ref.shell} --replace ... makes it anew.")
        return kind

    def _create_plain(self, ref: TableRef, sql: str, old: str) -> None:
        if old == "materialized":
            self._drop_kept(self._refreshing.known[ref.key])

        def work(cursor: Cursor) -> None:
            catalog = quote(self._catalog)
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {catalog}.{quote(ref.schema)}")
            cursor.execute(f"CREATE OR REPLACE VIEW {catalog}.{ref.sql} AS {sql}")

        self._committed(work, frozenset({ref.key, SCHEMA}))

    def _create(self, ref: TableRef, sql: str, refresh: str, old: str) -> None:
        ours, known = self._refreshing.ours, self._refreshing.known

        def work(cursor: Cursor) -> None:
            store.set_up(cursor, ours)

        self._committed(work, frozenset())
        number = known[ref.key].id if old == "materialized" else max((one.id for one in known.values()), default=0) + 1
        if old == "plain":
            self._committed(lambda cursor: _run(cursor, f"DROP VIEW {quote(self._catalog)}.{ref.sql}"),
                            frozenset({ref.key, SCHEMA}))
        self._refreshing.refresh(ref.key, on=self._on, made=View(number, ref, sql, refresh))

    def _tracked_for(self, ref: TableRef, sql: str, refresh: str, wanted: bool) -> TableRef | None:
        """The table whose changes are kept from now on, since the view could be kept from them."""
        cursor = self._handler.database.cursor()
        try:
            ledger = self._handler.ledger
            catalog = catalog_of(cursor, self._catalog)
            read = sources(self._refreshing._steady, self._handler.database.parser, catalog, sql)
            refuse_cycle(self._refreshing.known, ref.key, read.keys)
            if refresh == "on-change" and not read.keys:
                raise UsageError("It reads no table whose changes could refresh it.",
                                 hint='--refresh schedule --cron "0 6 * * *" refreshes it at fixed times.')
            found = self._refreshing.possible(cursor, sql, catalog, read)
            if not wanted or found is None or found.key in ledger.journal.tracked:
                return None
            keyed = cursor.fetchall(
                "SELECT schema_name, table_name FROM system.main.duckdb_constraints() WHERE constraint_type = "
                f"'PRIMARY KEY' AND database_name = {text(self._catalog)}")
            full_row = found.key not in {TableRef(name, schema).key for schema, name in keyed}
        finally:
            cursor.close()
        track(ledger, self._capturing.recording(), [found], before=False, full_row=full_row)
        return found

    def refresh(self, ref: TableRef, args: dict[str, Json]) -> dict[str, Json]:
        self._known(ref)
        with self._refreshing.alone(self._stopped):
            self._known(ref)
            return vars(self._refreshing.refresh(ref.key, full=bool(args["full"]), run=str(args["run"]), on=self._on))

    def drop(self, ref: TableRef, _args: dict[str, Json]) -> dict[str, Json]:
        with self._refreshing.alone(self._stopped):
            view = self._refreshing.known.get(ref.key)
            if view is not None:
                self._drop_kept(view)
                return {}
            self._known(ref, plain=True)
            self._committed(lambda cursor: _run(cursor, f"DROP VIEW {quote(self._catalog)}.{ref.sql}"),
                            frozenset({ref.key, SCHEMA}))
        return {}

    def _known(self, ref: TableRef, *, plain: bool = False) -> None:
        if ref.key in self._refreshing.known:
            return
        cursor = self._handler.database.cursor()
        try:
            if any(TableRef(row[1], row[0]).key == ref.key for row in self._plain_views(cursor)):
                if plain:
                    return
                raise UsageError(f"{ref} is a plain view: it is always as its tables are.")
            raise self._unknown(cursor, ref)
        finally:
            cursor.close()

    def _drop_kept(self, view: View) -> None:
        ours = self._refreshing.ours
        recording = self._capturing.recording()

        def work(cursor: Cursor) -> None:
            self._capturing.internal(recording, cursor, f"DROP TABLE IF EXISTS {quote(self._catalog)}.{view.ref.sql}")
            cursor.execute(f"DROP TABLE IF EXISTS {ours}.{view.state_table}")
            store.forget(cursor, ours, view.key)

        cursor = self._handler.database.cursor()
        try:
            with cursor.transaction():
                work(cursor)
                self._handler.ledger.commit(cursor, frozenset({view.key, SCHEMA}), recording=recording)
        finally:
            cursor.close()
        self._refreshing.known = {key: one for key, one in self._refreshing.known.items() if key != view.key}

    def _committed(self, work: Callable[[Cursor], None], keys: frozenset[str]) -> None:
        cursor = self._handler.database.cursor()
        self._on(cursor)
        try:
            with cursor.transaction():
                work(cursor)
                self._handler.ledger.commit(cursor, keys)
        finally:
            cursor.close()


def _run(cursor: Cursor, sql: str) -> None:
    cursor.execute(sql)


__all__ = ["HostViews"]
