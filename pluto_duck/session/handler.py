"""The host's side of a Session: where the rules are applied, whoever asks and from wherever."""

from __future__ import annotations

import re
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import Cancelled, HostLost, PlutoError, Refused, StatementError, UnknownName, UsageError
from pluto_duck.events.kept import Shapes as KeptShapes
from pluto_duck.events.model import Position
from pluto_duck.events.recording import Ran, Recording, plainly
from pluto_duck.governance import Gate, GovernedCatalogs, RoleCatalog
from pluto_duck.governance.binding import Bound, missing
from pluto_duck.governance.policy import PolicyFile
from pluto_duck.session import activity as at_work
from pluto_duck.session.capturing import Capturing
from pluto_duck.session.changes.waiting import Waiting
from pluto_duck.session.consumers import slowest
from pluto_duck.session.execute import exact, execute
from pluto_duck.session.ledger import Ledger
from pluto_duck.session.live import LiveHold, LiveSources
from pluto_duck.session.retaining import Retaining
from pluto_duck.session.rows.shapes import Shapes
from pluto_duck.session.running import Reason, Running
from pluto_duck.session.stamps import Stamps
from pluto_duck.session.tables import listing, store
from pluto_duck.session.targets import EVERYTHING, SCHEMA, WRITES, Target, may_write, target
from pluto_duck.session.trimming import Trimming
from pluto_duck.session.views.refreshing import Refreshing
from pluto_duck.session.views.working import ViewWorker
from pluto_duck.workspace.blot import blotted
from pluto_duck.workspace.database import Cursor, Database, Rows
from pluto_duck.workspace.engine_errors import is_aborted
from pluto_duck.workspace.literals import to_sql
from pluto_duck.workspace.parser import Statement
from pluto_duck.workspace.protocol import Hello, Json, Reply, Request
from pluto_duck.workspace.snapshots import Snapshots
from pluto_duck.workspace.tableref import DEFAULT_SCHEMA, TableRef, fold, quote

if TYPE_CHECKING:
    from pluto_duck.session.changes.views import OwnersViews
    from pluto_duck.session.rows.host import OwnersRows

CONFLICT_TRIES = 6
"""Autocommit statements are run again when another session wrote the same row first."""

TIDY_S = 60.0
"""Between two looks at copies that were made for readers."""

ASIDE = ("_pluto.failed_", "_pluto.held_")
"""Where a load may put rows that nobody is to take for the table's."""

LOADING = "ingest"
"""The label of the sessions that do the work of a load."""

_WHERE = ("SELECT system.main.current_database(), system.main.current_schema(), "
          "system.main.current_setting('search_path')")


class SessionHandler:
    """One for each open database; makes a HostSession for each session, local or guest."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.ledger = Ledger(database)
        self.retaining = Retaining(self.ledger, database.settings)
        self.retaining.slowest = self._slowest
        self.gate = Gate(database.parser, [database.path, f"{database.path}.wal"])
        self.agent = RoleCatalog(database, "agent")
        self.policy = PolicyFile(database.workspace)
        self.governed = GovernedCatalogs(database)
        self.live = LiveSources(database)
        self.trimming = Trimming(database)
        self.shapes = Shapes(self.ledger, database)
        self.snapshots = Snapshots(database.workspace, self.ledger.catalog)
        self.snapshots.tidy(self.ledger.versions, at_once=True)
        self._tidy_later()
        self.stamps = Stamps(self)
        self.kept = KeptShapes(self.ledger.journal.ours)
        self.views = Refreshing(self)
        self.view_worker = ViewWorker(self.views, self.ledger)
        self.sessions: weakref.WeakSet[HostSession] = weakref.WeakSet()

    def _slowest(self) -> int | None:
        self.views.forward()
        found = [one for one in (slowest(self.database.workspace), self.views.waits()) if one is not None]
        return min(found, default=None)

    def open(self, hello: Hello) -> HostSession:
        if hello.actor is None:
            session = HostSession(self, hello)
        else:
            from pluto_duck.session.governed import GovernedSession

            session = GovernedSession(self, hello)
        with self.trimming.gate:  # which whoever walks through the set holds
            self.sessions.add(session)
        return session

    def tend(self) -> None:
        self.ledger.tend()

    def _tidy_later(self) -> None:
        def tidy() -> bool:
            self.snapshots.tidy(self.ledger.versions)
            self._tidy_later()
            return False

        self.database.watchdog.after(TIDY_S, tidy)

    def everyone(self) -> list[HostSession]:
        with self.trimming.gate:
            return list(self.sessions)

    def close(self) -> None:
        self.view_worker.close()
        self.views.close()
        self.trimming.close()
        try:
            self.ledger.leave()
        except PlutoError:
            pass  # the disk is full, or another program has the file: the next host looks at it


class HostSession:
    """One session in the host: a cursor, its transaction, its temp tables."""

    def __init__(self, handler: SessionHandler, hello: Hello) -> None:
        self._handler = handler
        self._database = handler.database
        self._hello = hello
        self._cursor = self._database.cursor(progress=True)
        self._running = Running(self._database.watchdog)
        self._lock = threading.RLock()
        self._open_reply: Reply | None = None
        self._transaction: set[str] | None = None
        """Table keys written in the open transaction; None outside one."""
        self._transaction_affected = 0
        self._capturing = Capturing(handler, hello)
        self._waiting = Waiting(handler.ledger.journal)
        self._recording: Recording | None = None
        """Of the open transaction."""
        self._moment: tuple[str, Cursor, tuple[int, int]] | None = None
        """(token, its cursor, what could be seen): within it rows are read as they were when it began."""
        self._temp_tables: set[str] = set()
        self._temp_before: set[str] = set()
        """As they were at BEGIN: a ROLLBACK takes later ones away."""
        self._frames: set[str] = set()
        self._stale: list[str] = []
        self._schema = DEFAULT_SCHEMA
        self._path_has_ours = False
        """Where a bare table name stands; moved by USE."""
        self._own_catalog = self._catalog = str(self._cursor.fetchall(_WHERE)[0][0])
        self._opened: dict[str, str] = {}
        """What else this session opened, by name, in words: attached databases, prepared statements."""
        self._sources: list[list[str]] = []
        """For each source that is open: what closes it again."""
        self._in_bulk = False
        self._looked_inside: TableRef | None = None
        """Of an aborted transaction, which keeps the cursor in the agent's catalog until it has ended."""
        self._begun: set[str] = set()
        """What ran in the open transaction to take a source to its moment."""
        self._live = LiveHold(handler.live, self.in_transaction, lambda: self._catalog)
        self._ops: dict[str, Callable[[Request], Reply]] = {
            "open_source": self._open_source, "close_source": self._close_source,
            "query": lambda request: self._live.around(self._query, request),
            "look_at_live": self._live.look, "write": self._write, "merge": self._merge,
            "frame": self._frame, "unframe": self._unframe,
            "internal": self._internal, "inside": self._inside, "bulk": self._bulk, "trim": self._trim,
            "stamp": self._stamp,
            "tables": self._tables, "versions": self._versions, "outcome": self._outcome, "backup": self._backup,
            "activity": self._activity, "stop": self._stop,
            "policy": self._policy, "views": self._views,
            "track": self._track, "untrack": self._track, "tracked": self._tracked,
            "changes": self._changes, "snapshot_changes": self._changes, "changes_head": self._changes_head,
            "rows": lambda request: self._rows().rows(request),
            "by_key": lambda request: self._rows().by_key(request),
            "moment": lambda request: self._rows().moment(request),
            "change": lambda request: self._rows().change(request),
        }

    # -- the HandlerSession protocol --------------------------------------------------------------

    def hold(self, request: Request) -> None:
        seconds = float(request.args.get("wait_s") or 0)
        if seconds > 0 and request.op in ("changes", "changes_head") and request.op in self._ops:
            seq, n = request.args["after"]
            if n == Position.LAST:  # of the rest of a commit it must be looked whether there is any
                self._waiting.until(int(seq), seconds)

    def release(self) -> None:
        self._waiting.end()

    def handle(self, request: Request) -> Reply:
        with self._lock:
            if self._open_reply is not None:
                self._open_reply.close()
                self._open_reply = None
            op = self._ops.get(request.op)
            if op is None:
                raise UsageError(f"There is no operation {request.op!r}.")
            for name in [self._stale.pop() for _ in range(len(self._stale))]:
                self._forget(name)
            self._come_back()
            with self._handler.trimming.gate:
                self._handler.trimming.meet(self)
                self._running.begin(self._cursor, request.args.get("timeout_s"), _seen(request))
            try:
                try:
                    reply = op(request)
                except StatementError as error:
                    if self._transaction is not None or not is_aborted(error):
                        raise
                    self._end_leftover()
                    reply = op(request)
            except PlutoError as error:
                self._running.end()
                raise self._running.explained(error) from error.__cause__
            if reply.schema is None:
                self._running.end()
            else:
                self._open_reply = reply
            return reply

    def _end_leftover(self) -> None:
        """An interrupt that comes with the end of a stream may leave a transaction behind that nobody began: each
        statement is refused then, and closing it unended ends the process."""
        try:
            self._cursor.execute("ROLLBACK")
        except Exception:
            pass  # there is none, or it can't be ended

    def _told(self, error: PlutoError, bound: Bound) -> PlutoError:
        """What becomes of an error on its way to whoever asked."""
        return bound.told(error)

    def interrupt(self, reason: Reason) -> None:
        self._waiting.end(cancel=reason == "cancel")
        self._running.stop(reason)

    def progress(self) -> float:
        return self._running.progress()

    def at_work(self) -> dict[str, Json] | None:
        """The call that runs, as `Activity` tells it; from any thread. None for none, and for our own small work."""
        running, call = self._running, self._running.call
        if not running.busy or not running.text:
            return None
        hello = self._hello
        return {"id": f"{hello.session_id}:{call}", "label": hello.label, "role": hello.role, "pid": hello.pid,
                "sql": blotted(running.text)[:at_work.LONGEST], "elapsed_s": time.monotonic() - running.since,
                "progress": running.progress()}

    def in_transaction(self) -> bool:
        return self._transaction is not None

    def holdings(self) -> list[str]:
        held = ["the open transaction (rolled back)"] if self._transaction is not None else []
        held += [f"temp table {name}" for name in sorted(self._temp_tables)]
        held += self._opened.values()
        held += ["the source that is being loaded"] * len(self._sources)
        return held

    def close(self) -> None:
        # Not under the lock: closing must not wait for a statement that ignores interrupts.
        self._waiting.end()
        if self._open_reply is not None:
            try:
                self._open_reply.close()
            except Exception:
                pass
        self._end_leftover()
        self._transaction = None
        for closing in self._sources:
            self._run_all(closing)
        if self._in_bulk:
            self._in_bulk = False
            self._handler.ledger.bulk(False)
        self._handler.trimming.leave(self)
        self.leave_moment()
        self._live.close()
        self._capturing.close()
        self._cursor.close()

    def leave_moment(self) -> None:
        """Closing its cursor ends its transaction."""
        moment, self._moment = self._moment, None
        if moment is not None:
            moment[1].close()

    # -- query ------------------------------------------------------------------------------------

    def _query(self, request: Request) -> Reply:
        args = request.args
        sql = str(args["sql"])
        if args.get("read_only"):
            return self._read_only(sql, args)
        parameters: dict[str, Json] = args.get("params") or {}
        statements = self._handler.gate.statements(sql)
        if not statements:
            return Reply({"statement": "", "sql": sql, "affected": None})
        missing(statements, parameters)
        token = str(args.get("token") or "")
        done = self._done_before(statements, args) if args.get("again") else {}
        setup: list[tuple[str, str]] = []
        start, begun = int(args.get("start") or 0), None
        for i, statement in enumerate(statements):
            if i < start:
                reply = Reply({})  # it ran when the text was sent without the frame that a later one names
            elif i in done:
                reply = Reply({"statement": statement.type, "sql": statement.sql, "affected": done[i],
                               "notices": ["The host ended during this statement; it had been committed "
                                           "and was not run again."]})
            else:
                try:
                    reply = self._run(statement, parameters, {**args, "token": f"{token}:{i}" if token else ""})
                except UnknownName as error:
                    # 2.0 aborts a transaction for this: one that this text began is begun again.
                    anew = begun is not None and self._transaction is not None
                    error.facts.update(ran=begun if anew else i, anew=anew)
                    raise
                if statement.type == "TRANSACTION":
                    begun = i
            if statement.type == "SET":
                self._catalog, self._schema, path = self._cursor.fetchall(_WHERE)[0]
                self._path_has_ours = "_pluto" in fold(path)
                if "," in path:
                    self._schema = ""  # any of them
                setup.append((_setup_key(statement.sql), statement.sql))
            if i < len(statements) - 1:
                reply.close()
        reply.header["setup"] = setup
        self._tell(reply, sql)
        return reply

    def _tell(self, reply: Reply, sql: str) -> None:
        if stale := self._handler.views.stale(sql):
            reply.header["notices"] = [*reply.header.get("notices", ()), *stale]

    def _done_before(self, statements: list[Statement], args: dict[str, Json]) -> dict[int, int | None]:
        """For a call that is sent again after its host was lost: the statements that had committed, with
        their row counts. Raises HostLost where running the others again could do something twice."""
        commits = self._handler.ledger.find(self._cursor, str(args.get("token") or ""))
        for i, statement in enumerate(statements):
            if i < int(args.get("start") or 0):
                continue
            certain = i in commits or (statement.type in WRITES | {"SELECT", "SET", "EXPLAIN", "TRANSACTION"}
                                       and not may_write(statement, self._database.parser))
            if statement.type == "COPY" and not target(statement, self._database.parser).keys:
                certain = False
            if not certain or (commits and statement.type == "TRANSACTION" and i not in commits
                               and not self._only_begin(statement)):
                raise HostLost(f"The host ended during {statement.type}; whether it ran is not known.",
                               hint="Look before you run it again.", outcome="unknown")
        if commits and any(s.type == "TRANSACTION" for s in statements):
            last = max(commits)  # BEGIN ... COMMIT in one call: all up to the commit that is known ran
            return {i: commits.get(i) for i in range(last + 1)}
        return commits

    def _only_begin(self, statement: Statement) -> bool:
        return self._database.parser.tokens(statement.sql)[0].text.lower() in ("begin", "start")

    def _read_only(self, sql: str, args: dict[str, Json]) -> Reply:
        handler = self._handler
        handler.ledger.notice()
        handler.agent.refresh(handler.ledger.version(SCHEMA))
        bound = handler.gate.bound(sql, args.get("params") or {})
        approved = handler.gate.approved(bound.sql, handler.agent.names)
        cursor = handler.agent.cursor()
        self._running.on(cursor)
        try:
            handler.agent.check_resolved(cursor, approved.sql, approved.tables)
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            rows = cursor.execute(approved.sql, select=True)
            reply = self._streamed(rows, "SELECT", sql, args, finish=cursor.close, bound=bound)
            self._tell(reply, sql)
            return reply
        except BaseException as error:
            cursor.close()
            if isinstance(error, PlutoError):
                bound.told(error)
            raise

    def _run(self, statement: Statement, parameters: dict[str, Json], args: dict[str, Json]) -> Reply:
        if statement.type == "TRANSACTION":
            return self._transaction_statement(statement, args)
        if statement.type in WRITES:
            return self._written(statement, parameters, args)
        if statement.type == "ATTACH" and any(fold(token.text.strip('"')).startswith("pluto_role_")
                                              for token in self._database.parser.tokens(statement.sql)):
            raise Refused("Names that begin with pluto_role_ are kept for the catalogs of roles.",
                          hint="Attach it under another name.")
        ran = self._hidden(statement, parameters, args)
        if ran is not None:
            return ran
        rows = execute(self._cursor, self._database.parser, statement, parameters)
        if statement.type == "SELECT":
            rows = exact(rows, self._cursor, self._database.parser, statement, parameters)
        if statement.type in ("ATTACH", "DETACH", "PREPARE"):
            rows = rows.keep() if rows.columns else rows
            self._note_opened(statement)
        if statement.type in ("ATTACH", "DETACH", "LOAD", "EXPORT", "COPY_DATABASE", "CALL"):
            self._database.relock()
        if not may_write(statement, self._database.parser):
            return self._streamed(rows, statement.type, statement.sql, args)
        if self._transaction is not None:
            self._transaction |= {EVERYTHING, SCHEMA}
            return self._streamed(rows, statement.type, statement.sql, args)
        return self._streamed(rows, statement.type, statement.sql, args,
                              finish=self._notice)

    def _hidden(self, statement: Statement, parameters: dict[str, Json], args: dict[str, Json]) -> Reply | None:
        """Runs what hides a write that tracked tables may be concerned by; None where it is not so."""
        tracked = bool(self._handler.ledger.journal.tracked)
        if not (tracked and statement.type == "SELECT" and self._database.is_two) \
                and not may_write(statement, self._database.parser):
            return None
        found = self._capturing.hidden(statement, self._schema)
        if found is None:
            return None
        keys, text = found
        self._leave_ours(keys)
        if not tracked:
            return None

        def work(recording: Recording) -> Ran:
            return self._capturing.run_hidden(recording, self._cursor, keys, text, statement, lambda sql: execute(
                self._cursor, self._database.parser, replace(statement, sql=sql), parameters))

        everything = frozenset({EVERYTHING, SCHEMA})
        if self._recording is not None and self._transaction is not None:
            ran = work(self._recording)
            self._transaction |= everything
        else:
            ran = self._autocommit(work, everything, str(args.get("token") or ""))
        if ran.table is None:
            return Reply({"statement": statement.type, "sql": statement.sql, "affected": None})
        return self._kept(ran.rows, ran.table, statement, args)

    def _notice(self) -> None:
        self._handler.ledger.notice()

    def _leave_ours(self, keys: frozenset[str]) -> None:
        """Raises Refused for what would write to our own tables."""
        bare = EVERYTHING in keys and self._path_has_ours  # a bare name may be one of them
        if bare or any(key.startswith("_pluto.") for key in keys):
            raise Refused("The schema _pluto keeps this workspace's own records; it can be read, not written.",
                          hint="Take it out of the search path, or name the schema of the table." if bare else "")
        self._leave_views(keys)

    def _leave_views(self, keys: Iterable[str]) -> None:
        """Raises Refused for what would write to a view whose rows are kept."""
        view = next((view for key in keys if (view := self._handler.views.known.get(key)) is not None), None)
        if view is not None:
            name = view.ref.shell
            raise Refused(f"{view.ref} is a materialized view: its rows come from what it is made of.",
                          hint=f"Write to that, then: pluto-duck view refresh {name}. To be rid of it: "
                               f"pluto-duck view drop {name}.")

    # -- writes -----------------------------------------------------------------------------------

    def _written(self, statement: Statement, parameters: dict[str, Json], args: dict[str, Json]) -> Reply:
        written = target(statement, self._database.parser, schema=self._schema)
        temporary = written.temporary or fold(written.table) in self._temp_tables or self._elsewhere(written)
        if not args.get("internal"):
            self._leave_ours(written.keys)

        def execute_as(sql: str) -> Rows:
            return execute(self._cursor, self._database.parser, replace(statement, sql=sql), parameters)

        def work(recording: Recording | None = None) -> Ran:
            ran = self._captured(recording, written, statement, execute_as)
            if statement.type in ("CREATE", "DROP") and not temporary:
                self._let_go(written.keys)
            return ran

        if temporary or not written.keys:
            ran = work()
        elif self._transaction is not None:
            ran = work(self._recording)
            self._transaction |= written.keys
            self._transaction_affected += ran.affected or 0
        else:
            ran = self._autocommit(work, written.keys, str(args.get("token") or ""))
        if written.temporary and written.parts:
            self._temp_tables.add(fold(written.parts[-1]))
        elif temporary and statement.type == "DROP":
            self._temp_tables.discard(fold(written.table))
        if statement.type == "COPY":
            self._database.relock()
        if ran.table is not None:
            return self._kept(ran.rows, ran.table, statement, args)
        return Reply({"statement": statement.type, "sql": statement.sql, "affected": ran.affected})

    def _captured(self, recording: Recording | None, written: Target, statement: Statement,
                  execute_as: Callable[[str], Rows]) -> Ran:
        """Runs a writing statement; what it changes of tracked tables is taken down."""
        if recording is not None:
            tables = self._capturing.written(recording, written, statement, self._schema)
            if tables:
                return self._capturing.run(recording, self._cursor, tables, written, statement, execute_as)
        return plainly(statement.sql, execute_as, statement.type)

    def _elsewhere(self, written: Target) -> bool:
        """True when the target is in another database: its commit can't carry our row."""
        if len(written.parts) == 1:
            return self._catalog != self._own_catalog
        if len(written.parts) < 2:
            return False
        first = fold(written.parts[0])
        return first != fold(self._own_catalog) and first in {fold(str(row[0])) for row in self._cursor.fetchall(
            "SELECT database_name FROM system.main.duckdb_databases()")}

    def _note_opened(self, statement: Statement) -> None:
        if statement.type == "PREPARE":
            name = self._database.parser.tokens(statement.sql)[1].text
            self._capturing.note_prepared(statement)
            self._opened[f"prepared {name}"] = f"prepared statement {name}"
            return
        there = {str(row[0]) for row in self._cursor.fetchall(
            "SELECT database_name FROM system.main.duckdb_databases() WHERE NOT internal")}
        there = {one for one in there if one != self._own_catalog
                 and not one.startswith(("pluto_role_", "pluto_source_"))}
        before = {key for key in self._opened if key.startswith("attached ")}
        for key in before - {f"attached {one}" for one in there}:
            del self._opened[key]
        if statement.type == "ATTACH":
            self._opened.update({f"attached {one}": f"attached database {one}" for one in there})

    def _autocommit(self, work: Callable[[Recording], Ran], keys: frozenset[str], token: str) -> Ran:
        for attempt in range(CONFLICT_TRIES):
            recording = self._capturing.recording()
            self._cursor.execute("BEGIN TRANSACTION")
            try:
                done = work(recording)
                self._handler.ledger.commit(self._cursor, keys, token=token, affected=done.affected,
                                            recording=recording)
                return done
            except BaseException as error:
                self._roll_back()
                conflict = isinstance(error, StatementError) and "onflict" in error.message \
                    and error.facts.get("engine") == "Transaction"
                if not conflict or attempt == CONFLICT_TRIES - 1:
                    raise
                time.sleep(0.002 * 2 ** attempt)
        raise AssertionError

    def _roll_back(self) -> None:
        try:
            self._cursor.execute("ROLLBACK")
        except PlutoError:
            pass  # a failed COMMIT has already ended it

    def _kept(self, rows: Rows, table: Any, statement: Statement, args: dict[str, Json]) -> Reply:
        return Reply({"statement": statement.type, "sql": statement.sql, "affected": None,
                      "columns": [[c.name, c.type] for c in rows.columns]},
                     schema=table.schema, batches=iter(table.to_batches()),
                     trailer={"truncated": False}, on_close=self._ended(lambda: None))

    def _transaction_statement(self, statement: Statement, args: dict[str, Json]) -> Reply:
        word = self._database.parser.tokens(statement.sql)[0].text.lower()
        if word in ("commit", "end"):
            if self._transaction is None:
                raise UsageError("There is no open transaction to commit.")
            keys, affected = frozenset(self._transaction), self._transaction_affected
            recording, self._recording = self._recording, None
            self._transaction = None
            try:
                if keys:
                    self._handler.ledger.commit(self._cursor, keys, token=str(args.get("token") or ""),
                                                affected=affected, recording=recording)
                else:
                    self._cursor.execute(statement.sql)
            except BaseException:
                self._roll_back()
                raise
        elif word in ("rollback", "abort"):
            self._transaction, self._temp_tables, self._recording = None, self._temp_before, None
            self._cursor.execute(statement.sql)
        else:
            recording = self._capturing.recording(str(args.get("run") or ""))
            self._cursor.execute(statement.sql)
            self._transaction, self._transaction_affected, self._recording = set(), 0, recording
            self._begun = set()
            self._temp_before = set(self._temp_tables)
        return Reply({"statement": "TRANSACTION", "sql": statement.sql, "affected": None})

    # -- rows out ---------------------------------------------------------------------------------

    def _ended(self, finish: Callable[[], None]) -> Callable[[], None]:
        call = self._running.call

        def end() -> None:
            self._running.end(call)
            finish()

        return end

    def _streamed(self, rows: Rows, kind: str, sql: str, args: dict[str, Json],
                  finish: Callable[[], None] = lambda: None, bound: Bound | None = None) -> Reply:
        if not rows.columns:
            finish()
            return Reply({"statement": kind, "sql": sql, "affected": None})
        max_rows = args.get("max_rows")
        reader = rows.reader(min(int(max_rows) + 1, 65_536) if max_rows is not None else 65_536)
        reply = Reply({"statement": kind, "sql": sql, "affected": None,
                       "columns": [[c.name, c.type] for c in rows.columns]}, schema=reader.schema)

        def let_go() -> None:
            reader.close()  # 2.0: an open result owns the connection
            finish()

        end, call = self._ended(let_go), self._running.call

        def batches() -> Iterator[Any]:
            left, truncated = (int(max_rows) if max_rows is not None else None), False
            try:
                while True:
                    try:
                        with self._lock:
                            if call != self._running.call:
                                raise StatementError("Another statement of this session ended these rows.",
                                                     hint="Read them first, or use a session of its own.")
                            batch = reader.read_next_batch()
                    except StopIteration:
                        break
                    except Exception as error:
                        found = self._running.explained(_reader_error(error, sql))
                        raise self._told(found, bound or Bound(sql, sql)) from error
                    if left is not None:
                        if batch.num_rows > left:
                            truncated, batch = True, batch.slice(0, left)
                        left -= batch.num_rows
                    if batch.num_rows:
                        yield batch
                    if truncated:
                        break
                reply.trailer["truncated"] = truncated
            finally:
                reply.close()

        reply.batches = batches()
        reply.on_close = end
        return reply

    # -- rows in ----------------------------------------------------------------------------------

    def _frame(self, request: Request) -> Reply:
        """{name, anew}: a table by this name; `anew`: the open transaction will be sent again from its BEGIN."""
        name = str(request.args["name"])
        if request.args.get("anew") and self._transaction is not None:
            self._transaction_statement(Statement("TRANSACTION", "ROLLBACK", frozenset()), request.args)
        rows = request.rows
        if hasattr(rows, "read_all"):
            rows = rows.read_all()
        self._cursor.register(name, rows)
        self._frames.add(name)
        return Reply({})

    def _forget(self, name: str) -> None:
        """Unregisters now, or with the next call where an aborted transaction forbids it (2.0)."""
        try:
            self._cursor.unregister(name)
        except PlutoError:
            self._stale.append(name)

    def _unframe(self, request: Request) -> Reply:
        for name in list(self._frames):
            self._cursor.unregister(name)
        self._frames.clear()
        return Reply({})

    def _open_source(self, request: Request) -> Reply:
        """{extensions, open, close}, SQL of our own making; {opened} is False where an extension does not load."""
        if not all(self._database.load_extension(str(name)) for name in request.args["extensions"]):
            return Reply({"opened": False})
        closing = [str(one) for one in request.args["close"]]
        try:
            for statement in request.args["open"]:
                self._cursor.execute(str(statement))
        except BaseException:
            self._run_all(closing)
            raise
        self._sources.append(closing)
        return Reply({"opened": True})

    def _close_source(self, request: Request) -> Reply:
        if request.args["close"] in self._sources:
            self._sources.remove(request.args["close"])
            self._run_all(request.args["close"])
        return Reply({})

    def _run_all(self, statements: list[str]) -> None:
        """Each of them, whatever becomes of the others."""
        for statement in statements:
            try:
                self._cursor.execute(statement)
            except PlutoError:
                pass

    def _internal(self, request: Request) -> Reply:
        """{statements, writes, notes}: SQL of our own making, for which no gate is needed; {rows} of each statement."""
        writes = {str(key) for key in request.args["writes"]}
        if writes and self._transaction is None:
            raise UsageError("Only an open transaction can write this.")
        rows = []
        for sql in request.args["statements"]:
            rows.append(self._capturing.internal(self._recording, self._cursor, str(sql)))
        if self._transaction is not None:
            self._transaction |= writes
        self._handler.ledger.noted.update(map(str, request.args["notes"]))
        return Reply({"rows": rows})

    def _inside(self, request: Request) -> Reply:
        """{sql, schema, name}: a statement that reads only, of a table that the open transaction has filled
        (`session/inside.py`)."""
        from pluto_duck.session import inside

        if self._transaction is None:
            raise UsageError("Nothing is being written: there is no transaction to look into.")
        table, sql = TableRef(str(request.args["name"]), str(request.args["schema"])), str(request.args["sql"])
        self._looked_inside = table
        try:
            rows = inside.look(self._handler, self._cursor, self._own_catalog, table, sql)
        finally:
            self._come_back()
        return self._kept(rows, rows.reader().read_all(), Statement("SELECT", sql, frozenset()), request.args)

    def _come_back(self) -> None:
        from pluto_duck.session import inside

        if self._looked_inside is not None and inside.leave(
                self._cursor, self._catalog, self._schema, self._looked_inside):
            self._looked_inside = None

    def _bulk(self, request: Request) -> Reply:
        """{on}: many commits are about to follow each other, or have ended."""
        on = bool(request.args["on"])
        if on != self._in_bulk:
            self._in_bulk = on
            self._handler.ledger.bulk(on)
        return Reply({})

    def _trim(self, request: Request) -> Reply:
        """{room}: between the writes of a load, whose own sessions may go on meanwhile; with room not even those."""
        room = int(request.args.get("room") or 0)

        def others_run() -> bool:
            return any(one._running.busy for one in self._handler.sessions
                       if one is not self and (room or one._hello.label != LOADING))

        self._handler.trimming.trim(others_run, self, room)
        return Reply({})

    def _let_go(self, keys: frozenset[str] | set[str]) -> None:
        """What is known of tables goes with them when they are dropped or made anew, in the same transaction."""
        tables = [key for key in keys if key in self._handler.ledger.noted]
        if tables:
            listed = ", ".join(to_sql({"t": "str", "v": key}) for key in tables)
            own = quote(self._own_catalog)
            self._cursor.execute(f"DELETE FROM {own}._pluto.known_keys WHERE table_key IN ({listed})")
            self._cursor.execute(f"UPDATE {own}._pluto.ingest_state SET target_gone = true "
                                 f"WHERE table_key IN ({listed}) AND NOT target_gone")

    def _write(self, request: Request) -> Reply:
        """Rows into a table: {schema, name, mode: create|replace|append, columns: [[name, type, expression,
        constraints]], primary_key: [...], temporary, part: {where, limit, sample}}; an expression reads the
        incoming columns, a type is what it is cast to.
        The rows come with the request, or `scan` says how to read them: {sql, begin}."""
        args = request.args
        where = str((args.get("part") or {}).get("where") or "")
        if where and [one.type for one in self._handler.gate.statements(f"SELECT 1 WHERE ({where}\n)")] != ["SELECT"]:
            raise UsageError(f"{where!r} is not one condition.")
        table = TableRef(str(args["name"]), str(args["schema"]))
        if table.key.startswith("_pluto.") and not table.key.startswith(ASIDE):
            raise Refused("The schema _pluto keeps this workspace's own records.")
        temporary = bool(args.get("temporary"))
        if not temporary:
            self._leave_views([table.key])
        keys = frozenset({table.key} | ({SCHEMA} if args["mode"] != "append" else set()))

        def work(recording: Recording | None = None) -> tuple[None, int]:
            if temporary:
                return None, self._store(f"temp.main.{quote(table.name)}", request)
            if recording is not None and table.key in recording.tracked:
                return None, self._capturing.stored(recording, self._cursor, table, str(args["mode"]), into)
            return None, into()

        def into() -> int:
            if fold(table.schema) != DEFAULT_SCHEMA:
                self._cursor.execute(
                    f"CREATE SCHEMA IF NOT EXISTS {quote(self._own_catalog)}.{quote(table.schema)}")
            if args["mode"] != "append":
                self._let_go(keys)
            return self._store(f"{quote(self._own_catalog)}.{table.sql}", request)

        if temporary:
            _none, count = work()
            self._temp_tables.add(fold(table.name))
        elif self._transaction is not None:
            _none, count = work(self._recording)
            self._transaction |= keys
            self._transaction_affected += count
        else:
            recording = self._capturing.recording(str(args.get("run") or ""))
            self._cursor.execute("BEGIN TRANSACTION")
            self._begun = set()
            try:
                _none, count = work(recording)
                self._handler.ledger.commit(self._cursor, keys, token=f"{args['token']}:0", affected=count,
                                            recording=recording)
            except BaseException:
                self._roll_back()
                raise
        return Reply({"rows": count})

    def _merge(self, request: Request) -> Reply:
        """The rows of the request into a table that is there: {schema, name, columns: [[name, type, expression]],
        key: [...], deletes, upserts: [[count, columns kept]], inserts, truncate, anew} (`session/merging.py`); in the
        open transaction."""
        from pluto_duck.session.merging import Incoming, merge

        args = request.args
        table = TableRef(str(args["name"]), str(args["schema"]))
        if table.key.startswith("_pluto."):
            raise Refused("The schema _pluto keeps this workspace's own records.")
        self._leave_views([table.key])
        if self._transaction is None:
            raise UsageError("Only an open transaction can merge rows.")
        incoming = f"pluto_in_{uuid.uuid4().hex}"
        rows = Incoming(request.rows.read_all())
        self._cursor.register(incoming, rows)
        try:
            def run(sql: str) -> list[list[Any]]:
                return self._capturing.internal(self._recording, self._cursor, sql)

            recorded = self._recording is not None and table.key in self._recording.tracked
            # Whoever reads the changes of a table that is tracked sees an UPDATE as an UPDATE.
            done = merge(run, f"{quote(self._own_catalog)}.{table.sql}", incoming, rows, args,
                         anew=bool(args["anew"]) and not recorded)
        finally:
            rows.empty()
            self._forget(incoming)
        self._transaction.add(table.key)
        self._transaction_affected += done.rows
        return Reply({"merged": [done.inserted, done.upserted, done.deleted, done.missing]})

    def _store(self, table: str, request: Request) -> int:
        """What a write brings, into a table given as SQL; how many rows."""
        scan = request.args.get("scan")
        if scan is not None:
            for statement in [str(one) for one in scan["begin"] if one not in self._begun]:
                self._cursor.execute(statement)
                self._begun.add(statement)
            return store(self._cursor, table, f"({scan['sql']})", request.args)
        incoming = f"pluto_in_{uuid.uuid4().hex}"
        # A stream can be read once; a second try after a conflict would find it empty.
        self._cursor.register(incoming, request.rows)
        try:
            return store(self._cursor, table, incoming, request.args)
        finally:
            self._forget(incoming)

    def _backup(self, request: Request) -> Reply:
        """The database into a new file, as it stands committed now, on a cursor that no open transaction binds."""
        from pluto_duck.workspace.backup import copy_database

        self._handler.ledger.notice()
        cursor = self._database.cursor()
        self._running.on(cursor)
        try:
            found = copy_database(cursor, self._own_catalog, Path(str(request.args["path"])))
        finally:
            cursor.close()
            self._database.relock()
        return Reply({"rows": [[schema, name, rows] for (schema, name), rows in found.rows.items()],
                      "versions": found.versions, "seq": found.seq})

    def _rows(self) -> OwnersRows:
        from pluto_duck.session.rows.host import OwnersRows

        return OwnersRows(self)

    # -- changes ------------------------------------------------------------------------------------

    def _changes(self, request: Request) -> Reply:
        """`Session.changes` and `Session.snapshot_changes`."""
        from pluto_duck.session.changes.remembering import remembered
        from pluto_duck.session.changes.views import OwnersViews

        self._handler.ledger.notice()
        if request.op == "changes":
            reply = remembered(self._handler, request)
            if reply is not None:
                reply.on_close = self._ended(lambda: None)
                return reply
        return self._read_changes(self._database.cursor(), OwnersViews(self._handler), request)

    def _read_changes(self, cursor: Cursor, views: OwnersViews, request: Request) -> Reply:
        """On a cursor of its own, which it closes: an open transaction of the session sees no newer ones."""
        from pluto_duck.session.changes.reading import Reading

        self._running.on(cursor)
        reading = Reading(self._handler, cursor, views)

        def let_go() -> None:
            self._running.on(self._cursor)  # nobody may interrupt one that is closed
            cursor.close()

        try:
            if request.op == "snapshot_changes":
                return reading.snapshot(request, lambda rows: self._streamed(
                    rows, "SELECT", "", {}, finish=cursor.close))
            reply = reading.changes(request)
        except BaseException:
            let_go()
            raise
        let_go()
        reply.on_close = self._ended(lambda: None)
        return reply

    def _changes_head(self, request: Request) -> Reply:
        return Reply({"head": self._handler.ledger.journal.head})

    # -- small questions --------------------------------------------------------------------------

    def _tables(self, request: Request) -> Reply:
        ledger = self._handler.ledger
        ledger.notice()
        found = listing(self._cursor, self._own_catalog, request.args.get("only"))
        return Reply({**found, "versions": dict(ledger.versions)})

    def _versions(self, request: Request) -> Reply:
        self._handler.ledger.notice()
        return Reply({"versions": dict(self._handler.ledger.versions)})

    def _stamp(self, request: Request) -> Reply:
        """{sql, params, max_rows, read_only}: what an answer to it hangs on, or why none can be kept."""
        handler, args, sql = self._handler, request.args, str(request.args["sql"])
        why = self._unsettled()
        if why:
            return Reply({"key": "", "why": why, "guard": []})
        if args.get("read_only"):
            handler.ledger.notice()
            handler.agent.refresh(handler.ledger.version(SCHEMA))
            return Reply(handler.stamps.agent(self._cursor, handler.agent, self._own_catalog, sql, args))
        return Reply(handler.stamps.owner(self._cursor, self._own_catalog, sql, args))

    def _unsettled(self) -> str:
        """What of this session itself a statement could see, and others not."""
        if self._transaction is not None:
            return "a transaction is open"
        if self._temp_tables or self._frames or self._sources:
            return "the session has tables of its own"
        if self._opened:
            return f"the session has an {min(self._opened.values())}"
        if self._catalog != self._own_catalog or self._schema != DEFAULT_SCHEMA:
            return "the session stands in another schema"
        return ""

    def _activity(self, request: Request) -> Reply:
        return Reply({"statements": at_work.activity(self._handler.everyone())})

    def _stop(self, request: Request) -> Reply:
        """{id}: of a statement that `activity` told of, whosever it is."""
        return Reply({"stopped": at_work.stop(self._handler.everyone(), str(request.args["id"]))})

    def _policy(self, request: Request) -> Reply:
        """{what: check} or {what: explain, actor, action, table}: `policies.py`."""
        from pluto_duck.session.policies import answer

        found = listing(self._cursor, self._own_catalog)
        tables: dict[TableRef, list[str]] = {TableRef(row[1], row[0]): [] for row in found["tables"]}
        for row in found["columns"]:
            if TableRef(row[1], row[0]) in tables:
                tables[TableRef(row[1], row[0])].append(row[2])
        return answer(self._handler, request, tables)

    def _track(self, request: Request) -> Reply:
        """track {tables: [[schema, name]], before, full_row}; untrack {tables}."""
        from pluto_duck.session.tracking import track, untrack

        if self._transaction is not None:
            raise UsageError("What is tracked can't be changed in a transaction.", hint="COMMIT or ROLLBACK first.")
        refs = [TableRef(name, schema) for schema, name in request.args["tables"]]
        if request.op == "untrack":
            return Reply({"tables": untrack(self._handler.ledger, self._capturing.recording(), refs)})
        return Reply({"tables": track(self._handler.ledger, self._capturing.recording(), refs,
                                      before=bool(request.args.get("before")),
                                      full_row=bool(request.args.get("full_row")))})

    def _views(self, request: Request) -> Reply:
        """{verb, schema, name, ...}: `session/views/`."""
        from pluto_duck.session.views.host import HostViews

        if self._transaction is not None and request.args["verb"] not in ("list", "definitions", "show"):
            raise UsageError("Views can't be made or refreshed in a transaction.", hint="COMMIT or ROLLBACK first.")
        return HostViews(self._handler, self._capturing, self._running.on, self._running.stopped).answer(request)

    def _tracked(self, request: Request) -> Reply:
        from pluto_duck.session.tracking import status

        return Reply(status(self._handler.ledger))

    def _outcome(self, request: Request) -> Reply:
        found = self._handler.ledger.find(self._cursor, str(request.args["token"]))
        return Reply({"committed": bool(found), "affected": found[max(found)] if found else None})


def _seen(request: Request) -> str:
    """What others may see of a call while it runs."""
    if request.op == "query":
        return str(request.args["sql"])
    if request.op in ("rows", "by_key", "change"):
        return f"-- {'writes' if request.op == 'change' else 'reads'} rows"
    if request.op == "views" and request.args["verb"] in ("create", "refresh"):
        return f"-- refreshes {request.args['schema']}.{request.args['name']}"
    return f"-- loads {request.args['schema']}.{request.args['name']}" if request.op == "write" else ""


def _setup_key(sql: str) -> str:
    """What a SET or USE statement sets, so that a later one of the same replaces it."""
    words = re.split(r"=|\s(?i:to)\s", sql, maxsplit=1)[0].lower().split()
    return words[0] if words[0] == "use" else " ".join(words)


def _reader_error(error: Exception, sql: str) -> PlutoError:
    if isinstance(error, PlutoError):
        return error
    text = str(error)
    if "INTERRUPT" in text.upper():
        return Cancelled("The statement was cancelled.")
    from pluto_duck.workspace.engine_errors import translate

    return translate(error, sql)


__all__ = ["HostSession", "SessionHandler"]
