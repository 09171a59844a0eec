"""Live sources in the host: attached while a statement that names them runs, and no longer.

One that stayed attached would take the whole workspace along when it goes down: DuckDB asks every attached
database for its tables whenever anybody lists tables, makes a view or mistypes a name (measured, 1.5 and 2.0).
The session that names a source brings what opens it, so it is the caller's environment and keyring that
count, and a new host needs to know nothing.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from pluto_duck.errors import DatabaseBusy, MissingExtra, PlutoError, Refused, SourceError, UsageError, from_dict
from pluto_duck.session.live_views import FileSql, look, refuse_reaching, with_views
from pluto_duck.session.live_writes import refuse_writes
from pluto_duck.session.native import NativeSource
from pluto_duck.workspace.database import Cursor, Database
from pluto_duck.workspace.literals import to_sql
from pluto_duck.workspace.protocol import Json, Reply, Request
from pluto_duck.workspace.tableref import fold


def asked(name: str, shown: str, source: NativeSource) -> Json:
    """How a session asks for a source, in `Request.args["live"]`."""
    return {"name": name, "shown": shown, "extensions": list(source.extensions), "open": list(source.open),
            "close": list(source.close)}


def lacking(name: str, error: PlutoError) -> Json:
    """The same for a source that can't be opened. Told only if the statement fails: its word may be a column."""
    return {"name": name, "error": error.to_dict()}


@dataclass
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    users: int = 0
    opened: str = ""
    close: tuple[str, ...] = ()
    sql: FileSql = field(default_factory=FileSql)
    """Of a DuckDB file, which can't change while it is attached."""


class LiveSources:
    """One for each open database: who uses what."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.parser = database.parser
        self._slots: dict[str, _Slot] = {}
        self._lock = threading.Lock()

    def acquire(self, wanted: Json) -> None:
        """Attaches a source, or shares it with the statements that use it now. Raises PlutoError."""
        with self._lock:
            slot = self._slots.setdefault(str(wanted["name"]), _Slot())
        with slot.lock:  # connecting may take seconds, and is nobody else's business
            opened = _essence(wanted["open"])
            if slot.users and slot.opened != opened:
                raise DatabaseBusy(f"Another session reads the live source {wanted['name']} from another address.",
                                   hint="Run it again when that statement has ended.")
            if not slot.users:
                slot.sql = self._attach(wanted)
                slot.opened, slot.close = opened, tuple(str(one) for one in wanted["close"])
            slot.users += 1

    def release(self, name: str) -> None:
        slot = self._slots[name]
        with slot.lock:
            slot.users -= 1
            if not slot.users:
                cursor = self._database.cursor()
                try:
                    _run_all(cursor, slot.close)
                finally:
                    cursor.close()
                self._database.relock()

    def columns(self, name: str) -> list[list[str]]:
        """Of an attached source: schema, table, column and type."""
        cursor = self._database.cursor()
        try:
            return [list(row) for row in cursor.fetchall(
                "SELECT schema_name, table_name, column_name, data_type FROM system.main.duckdb_columns() "
                f"WHERE database_name = {_text(name)} AND NOT internal")]
        finally:
            cursor.close()

    def check(self, names: Iterable[str], sql: str, standing: str) -> None:
        """Raises Refused for a statement that would run SQL of an attached file which reaches beyond it."""
        for name in names:
            found = self._slots[name].sql
            if found.written:
                cursor = self._database.cursor()
                try:
                    views = dict(cursor.fetchall("SELECT view_name, sql FROM system.main.duckdb_views() WHERE "
                                                 "database_name = system.main.current_database() AND NOT internal"))
                finally:
                    cursor.close()
                refuse_reaching(self.parser, found, name, with_views(sql, views),
                                standing=fold(standing) == fold(name))

    def _attach(self, wanted: Json) -> FileSql:
        name, shown = str(wanted["name"]), str(wanted["shown"])
        missing = [one for one in wanted["extensions"] if not self._database.load_extension(str(one))]
        if missing:
            raise MissingExtra(f"The live source {name} needs DuckDB's extension {missing[0]}, which does not load.",
                               hint="pip install 'pluto-duck[extensions]', or copy its tables instead: ingest without "
                                    "--live.", package=missing[0], extra="extensions")
        cursor = self._database.cursor()
        try:
            _refuse_clash(cursor, name)
            try:
                for statement in wanted["open"]:
                    cursor.execute(str(statement))
                rows = cursor.fetchall("SELECT readonly, type FROM system.main.duckdb_databases() "
                                       f"WHERE database_name = {_text(name)}")
                if [row[0] for row in rows] != [True]:
                    raise Refused(f"The live source {name} was not attached for reading only.")
                return look(cursor, name) if rows[0][1] == "duckdb" else FileSql()
            except BaseException as error:
                _run_all(cursor, [str(one) for one in wanted["close"]])
                if isinstance(error, Refused) or not isinstance(error, PlutoError):
                    raise
                said = re.sub(r' at "[^"]*"', "", error.message)  # the address in libpq's words; `shown` has it in ours
                raise SourceError(f"The live source {name} ({shown}) can't be opened: {said}",
                                  hint="Everything else works without it. Check that it runs and lets you in.",
                                  live=name) from error
        finally:
            cursor.close()
            self._database.relock()


def _essence(opening: Sequence[str]) -> str:
    """What opens a source, without the names that are made up anew each time."""
    return re.sub(r"pluto_source_[0-9a-f]+", "", "\n".join(opening))


def _run_all(cursor: Cursor, statements: Sequence[str]) -> None:
    for statement in statements:
        try:
            cursor.execute(statement)
        except PlutoError:
            pass


def _refuse_clash(cursor: Cursor, name: str) -> None:
    """Raises UsageError where the name already leads elsewhere."""
    if cursor.fetchall(f"SELECT 1 FROM system.main.duckdb_databases() WHERE database_name = {_text(name)}"):
        raise UsageError(f"A database is attached as {name}, which is also the name of a live source.",
                         hint=f"DETACH {name}; or give the live source another name.")
    schema = (f"SELECT 1 FROM system.main.duckdb_schemas() WHERE database_name = system.main.current_database() "
              f"AND schema_name = {_text(name)}")
    try:
        clash = bool(cursor.fetchall(schema))
    except PlutoError:  # it asks every attached database, and one may be down
        return
    if clash:
        raise UsageError(f"{name} is a schema of this workspace and a live source as well.",
                         hint=f"Detach the live source {name} and attach it under another name.")


def _text(value: str) -> str:
    return to_sql({"t": "str", "v": value})


class LiveHold:
    """What one session holds of them: for a statement, and on while its transaction is open or it stands there."""

    def __init__(self, sources: LiveSources, needed: Callable[[], bool], standing: Callable[[], str]) -> None:
        """`needed`: whether a transaction is open; `standing`: the catalog that USE led into."""
        self._sources = sources
        self._needed = needed
        self._standing = standing
        self._held: set[str] = set()

    def around(self, call: Callable[[Request], Reply], request: Request) -> Reply:
        wanted = request.args.get("live") or ()
        if not request.args.get("read_only"):
            refuse_writes(self._sources.parser, str(request.args["sql"]),
                          {*self._held, *(str(one["name"]) for one in wanted)})
        if not wanted and not self._held:
            return call(request)
        problem: PlutoError | None = None
        for one in wanted:
            try:
                if "error" in one:
                    raise from_dict(one["error"])
                if one["name"] not in self._held:
                    self._sources.acquire(one)
                    self._held.add(one["name"])
            except PlutoError as error:
                problem = problem or error
        try:
            self._sources.check(sorted(self._held), str(request.args["sql"]), self._standing())
            reply = call(request)
        except PlutoError as error:
            self._settle()
            if problem is not None and error.code in ("statement", "unknown_name"):
                raise problem from error
            raise
        except BaseException:
            self._settle()
            raise
        if reply.schema is None:
            self._settle()
            return reply
        closing = reply.on_close

        def end() -> None:
            if closing is not None:
                closing()
            self._settle()

        reply.on_close = end
        return reply

    def look(self, request: Request) -> Reply:
        """Attaches a source for a moment: {columns: [[schema, table, column, type]]}."""
        wanted = request.args["live"]
        self._sources.acquire(wanted)
        try:
            return Reply({"columns": self._sources.columns(str(wanted["name"]))})
        finally:
            self._sources.release(str(wanted["name"]))

    def _settle(self) -> None:
        if not self._needed():
            self._let_go(self._held - {self._standing()})

    def close(self) -> None:
        self._let_go(set(self._held))

    def _let_go(self, names: set[str]) -> None:
        for name in names:
            self._held.discard(name)
            try:
                self._sources.release(name)
            except PlutoError:
                pass  # the database has stopped, and they with it
