"""The one door to data: everything above asks a Session, none opens DuckDB."""

from __future__ import annotations

import datetime as dt
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from pluto_duck import plugins
from pluto_duck.errors import HostLost, PlutoError, Refused, SessionReset, StatementError, UnknownName, UsageError
from pluto_duck.session.activity import Activity as Activity
from pluto_duck.session.merging import MergeColumn as MergeColumn
from pluto_duck.session.merging import Merged as Merged
from pluto_duck.session.merging import Mix as Mix
from pluto_duck.session.native import NativeSource as NativeSource
from pluto_duck.session.native import Part as Part
from pluto_duck.session.native import Scan as Scan
from pluto_duck.session.watch import GROUP, watched
from pluto_duck.settings import Settings
from pluto_duck.workspace import Column, ControlStore, Reply, Request, Result, Role, TableRef, Workspace, find
from pluto_duck.workspace.link import Link
from pluto_duck.workspace.literals import encode
from pluto_duck.workspace.node import join

if TYPE_CHECKING:
    import pyarrow

    from pluto_duck.events.model import ChangeBatch, Position
    from pluto_duck.governance.actor import Actor
    from pluto_duck.session.changes.asking import Asking
    from pluto_duck.session.dbapi import Connection
    from pluto_duck.session.rows.model import Aggregate, Change, Changed, Found, Page, Select, TextsFound
    from pluto_duck.session.views import Views
    from pluto_duck.workspace.database import Database
    from pluto_duck.workspace.protocol import Handler


@dataclass(frozen=True)
class WriteColumn:
    """One column of a table that `Session.write` makes or fills."""

    name: str
    type: str
    """DuckDB type text."""
    expression: str
    """SQL over the incoming columns; made by our own code, never by a user."""
    nullable: bool = True
    default: str = ""
    """SQL of our own making; both count where the table is made, not where rows are appended."""


@dataclass(frozen=True)
class TableInfo:
    ref: TableRef
    kind: Literal["table", "view"]
    columns: tuple[ColumnInfo, ...]
    row_estimate: int | None
    """DuckDB's own estimate, exact for tables without deleted rows; None for a view."""
    version: int
    """Moves with every committed write; 0 before the first one through a Session."""
    primary_key: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    """Those that DuckDB enforces, and those that a load knows from the source."""
    comment: str = ""


@dataclass(frozen=True)
class ColumnInfo:
    name: str
    type: str
    nullable: bool = True
    comment: str = ""


@dataclass(frozen=True)
class ForeignKey:
    columns: tuple[str, ...]
    table: TableRef
    referenced: tuple[str, ...]


@dataclass(frozen=True)
class Stamp:
    key: str
    """"" where no answer can be kept."""
    why: str = ""
    """Then: the reason, for a reader."""
    guard: tuple[int, ...] = ()
    """Moves, too, with what comes back to where it was: policies and the views of a role."""
    tables: Mapping[str, int] = field(default_factory=dict)
    """TableRef.key -> the version of each table and view that is read."""


class Stream:
    """Rows as they come. Close it (or use `with`) when leaving early, so that the statement stops."""

    def __init__(self, reply: Reply, columns: tuple[Column, ...]) -> None:
        self._reply = reply
        self.columns = columns
        self.schema = reply.schema
        self.statement = str(reply.header.get("statement", ""))
        self.affected_rows: int | None = reply.header.get("affected")
        self.notices: tuple[str, ...] = ()
        """What the reader should be told once: a session that moved to a new host, temp tables lost."""
        self.as_of: dt.datetime | None = None
        """UTC; of rows that came from a snapshot. None: they are as the statement found them."""
        self.versions: Mapping[str, int] | None = reply.header.get("versions")
        """Of the tables in that snapshot, by TableRef.key."""

    def __iter__(self) -> Iterator[Any]:
        """pyarrow.RecordBatch, in order."""
        return self._reply.batches

    @property
    def truncated(self) -> bool:
        """Known once the last batch has been taken."""
        return bool(self._reply.trailer.get("truncated"))

    def close(self) -> None:
        self._reply.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Session:
    """One actor's door to a workspace. Threads take turns (`interrupt` and `progress` do not wait); for work
    side by side open a session for each."""

    def __init__(self, workspace: Workspace, settings: Settings, *, role: Role = "shell", label: str = "",
                 actor: Actor | None = None) -> None:
        """`role` is the process's part in hosting; `actor` who asks, None for the owner."""
        self.workspace = workspace
        self.settings = settings
        self.role: Role = role
        self.actor = actor if actor is not None and actor.governed else None
        """None: the owner, who may do everything. Else it sees what policy.yaml grants its roles."""
        self._link = join(workspace, settings, _handler(role), role, label,
                          self.actor.to_dict() if self.actor is not None else None)
        if self.actor is not None:
            from pluto_duck.session.noted import NotedLink

            self._link = cast(Link, NotedLink(self._link, workspace, self.actor, role))
        self._looking: Session | None = None
        self._looking_lock = threading.Lock()
        self._whole = threading.RLock()
        self._moment = ""
        """The token of the one that `rows` reads of."""
        """One query at a time, up to its last row."""
        self.watching = self.actor is None
        """False: nothing happens for watched names (`session/watch.py`) before a statement."""
        self._on_interrupt: list[Callable[[], None]] = []

    @classmethod
    def open(cls, path: Path | str | None = None, *, role: Role = "shell", label: str = "",
             actor: Actor | None = None, **settings: Any) -> Session:
        """The session of the workspace at `path` (or above it; None: from the current folder, else the
        personal one). Settings by keyword, `workspace__host="server"`."""
        workspace = find(path)
        from pluto_duck.governance.trust import is_trusted

        return cls(workspace, Settings.load(workspace.toml, trusted=is_trusted(workspace), **settings),
                   role=role, label=label, actor=actor)

    @cached_property
    def asking(self) -> Session:
        """The session that SQL written for questions runs in: this one, but for a governed actor, of whose tables
        the agent may have fewer. Closed with this one."""
        if self.actor is None or self.actor.kind == "agent":
            return self
        return Session(self.workspace, self.settings, role=self.role, label="questions", actor=self.actor.as_agent())

    @cached_property
    def views(self) -> Views:
        """Views, plain ones and those whose rows are kept; the owner's."""
        from pluto_duck.session.views import Views

        self._owners()
        return Views(self)

    @property
    def hosting(self) -> str:
        """"host" when this process has the file open, "guest" when another one has."""
        return self._link.role

    @property
    def closed(self) -> bool:
        return self._link.closed

    @property
    def in_transaction(self) -> bool:
        return self._link.in_transaction

    def connection(self) -> Connection:
        """This session as a DB-API 2.0 connection; it works for host and guest alike."""
        from pluto_duck.session.dbapi import Connection

        return Connection(self)

    @contextmanager
    def lend(self, label: str) -> Iterator[Path]:
        """The database file, closed by everybody while the block lasts, for a program that wants it alone.

        Waits for a moment when nothing runs; raises DatabaseBusy, naming who is busy, when none comes.
        """
        self._owners()
        with self._link.node.lend(label) as path:
            yield path

    def _owners(self) -> None:
        if self.actor is not None:
            raise Refused("Only the owner of the workspace may do this.")

    @cached_property
    def control(self) -> ControlStore:
        self._owners()
        return ControlStore(self.workspace.control)

    @cached_property
    def records(self) -> ControlStore:
        """Where an actor's own questions are kept, for `agent.memory` alone, which shows it nobody else's."""
        return ControlStore(self.workspace.control)

    # -- reading and writing ----------------------------------------------------------------------

    def query(
        self, sql: str, params: Mapping[str, Any] | Sequence[Any] | None = None, *,
        namespace: Mapping[str, Any] | None = None, max_rows: int | None = None,
        timeout_s: float | None = None, read_only: bool = False,
    ) -> Result:
        """Runs SQL; with several statements the result is the last one's.

        `params` are bound by name ($name) or position ($1, ?). Tables that the workspace does not
        have are looked up in `namespace`: DataFrames (pandas, polars), Arrow tables, Results.
        `max_rows` cuts and says so; `timeout_s` stops the statement with TimedOut; `read_only`
        passes the Gate and sees the agent's catalog.
        """
        started = time.perf_counter()
        request = _query_request(sql, params, max_rows, timeout_s, read_only)
        with self._whole:
            return self._query(request, namespace, started)

    def _query(self, request: Request, namespace: Mapping[str, Any] | None, started: float) -> Result:
        while True:
            with self._open(request, namespace) as stream:
                table = None
                if stream.schema is not None:
                    import pyarrow

                    try:
                        table = pyarrow.Table.from_batches(list(stream), schema=stream.schema)
                    except HostLost as lost:
                        if lost.facts.get("outcome") != "partial":
                            raise
                        # Nobody has seen a row yet, and the token keeps writes from running twice.
                        request = replace(request, args={**request.args, "again": True})
                        continue
                return Result(
                    columns=stream.columns, table=table, sql=request.args["sql"], statement=stream.statement,
                    elapsed_s=time.perf_counter() - started, truncated=stream.truncated,
                    affected_rows=stream.affected_rows, workspace=str(self.workspace.root),
                    notices=(*stream.notices, *self._link.take_notices()))

    def stream(
        self, sql: str, params: Mapping[str, Any] | Sequence[Any] | None = None, *,
        namespace: Mapping[str, Any] | None = None, max_rows: int | None = None,
        timeout_s: float | None = None, read_only: bool = False,
    ) -> Stream:
        """As `query`, but the rows come batch by batch while the statement runs."""
        return self._open(_query_request(sql, params, max_rows, timeout_s, read_only), namespace)

    def stream_apart(
        self, sql: str, params: Mapping[str, Any] | Sequence[Any] | None = None, *, max_rows: int | None = None,
        timeout_s: float | None = None, max_age_s: float | None = None,
    ) -> Stream:
        """As `stream`, for SQL that a stranger wrote, a key's or a token's: it runs in a process that can be killed,
        over a snapshot at most `max_age_s` old (0: as of now; None: the setting reader.max_age_s). Governed only."""
        from pluto_duck.session.apart import read_apart

        reply, as_of = read_apart(self, sql, _encoded(params), max_rows=max_rows, timeout_s=timeout_s,
                                  max_age_s=max_age_s)
        stream = Stream(reply, tuple(Column(name, kind) for name, kind in reply.header.get("columns", ())))
        stream.as_of = dt.datetime.fromtimestamp(as_of, dt.UTC)
        stream.notices = tuple(self._link.take_notices())
        return stream

    def query_apart(
        self, sql: str, params: Mapping[str, Any] | Sequence[Any] | None = None, *, max_rows: int | None = None,
        timeout_s: float | None = None, max_age_s: float | None = None,
    ) -> Result:
        """As `query`, in the manner of `stream_apart`."""
        started = time.perf_counter()
        with self.stream_apart(sql, params, max_rows=max_rows, timeout_s=timeout_s, max_age_s=max_age_s) as stream:
            import pyarrow

            table = pyarrow.Table.from_batches(list(stream), schema=stream.schema)
            return Result(columns=stream.columns, table=table, sql=sql, statement=stream.statement,
                          elapsed_s=time.perf_counter() - started, truncated=stream.truncated,
                          workspace=str(self.workspace.root), notices=stream.notices, as_of=stream.as_of)
    def stamp(self, sql: str, params: Mapping[str, Any] | Sequence[Any] | None = None, *,
              max_rows: int | None = None, max_bytes: int | None = None, read_only: bool = False) -> Stamp:
        """What the rows of a statement hang on: `stream` gives the same ones as long as the stamp is the same.
        `max_bytes`: where the caller cuts them."""
        if self.watching and self.actor is None and watched(self.control, sql):
            return Stamp("", "it reads a source that is looked at each time")
        request = _query_request(sql, params, max_rows, None, read_only)
        args = {**request.args, "max_bytes": max_bytes}
        found = self._link.call(replace(request, op="stamp", args=args, retry="read")).header
        return Stamp(str(found["key"]), str(found["why"]), tuple(found["guard"]), dict(found.get("tables") or {}))


    def _open(self, request: Request, namespace: Mapping[str, Any] | None) -> Stream:
        lent: set[str] = set()
        request, told = self._prepared(request, request.args["sql"])
        while True:
            try:
                reply = self._call_query(request)
                break
            except UnknownName as error:
                name = str(error.facts.get("name", ""))
                frame = (namespace or {}).get(name)
                wanted = error.facts.get("kind") == "table" and not request.args["read_only"] and self.actor is None
                if not wanted or name in lent or not _is_frame(frame):
                    self._take_back(lent)
                    raise
                self._link.call(Request("frame", {"name": name, "anew": error.facts.get("anew", False)},
                                        rows=_arrow(frame, self._link.is_local)))
                lent.add(name)
                # What stands before it in the text has run.
                request = replace(request, args={**request.args, "start": error.facts.get("ran", 0)})
            except BaseException:
                self._take_back(lent)
                raise
        columns = tuple(Column(name, kind) for name, kind in reply.header.get("columns", ()))
        stream = _Lent(reply, columns, self) if lent else Stream(reply, columns)
        stream.notices = (*told, *self._link.take_notices())
        return stream

    def _prepared(self, request: Request, text: str, only: str = "") -> tuple[Request, tuple[str, ...]]:
        """After what must happen for the watched names in a text: the request to send, what to tell."""
        told: list[str] = []
        for hook, names in watched(self.control, text).items() if self.watching and self.actor is None else ():
            if only in ("", hook):
                request, notices = plugins.load(GROUP, hook)(self, request, names)
                told += notices
        return request, tuple(told)

    def _call_query(self, request: Request) -> Reply:
        try:
            return self._link.call(request)
        except (StatementError, UnknownName) as error:
            # A view may read a live source that the statement does not name.
            several = ";" in request.args["sql"].rstrip("; \n")
            if request.args["read_only"] or self.actor is not None or self.in_transaction or several:
                raise
            again, _told = self._prepared(request, error.message, "live")
            if again.args.get("live") == request.args.get("live"):
                raise
            return self._link.call(again)

    def _take_back(self, lent: set[str]) -> None:
        if lent:
            try:
                self._link.call(Request("unframe", retry="read"))
            except PlutoError:
                pass

    def write(
        self, table: TableRef, rows: Any, columns: Iterable[WriteColumn], *,
        mode: Literal["create", "replace", "append"] = "create", primary_key: Sequence[str] = (),
        temporary: bool = False, part: Part | None = None,
    ) -> int:
        """Fills a table from an Arrow stream (`pyarrow.RecordBatchReader`) or a Scan; the number of rows.

        All or nothing: in a transaction of its own, or in the one that is open. An error raised by
        the stream itself comes out unchanged. `temporary`: a temp table of this session, `temp.main.NAME`.
        """
        args: dict[str, Any] = {
            "schema": table.schema, "name": table.name, "mode": mode, "primary_key": list(primary_key),
            "columns": [[c.name, c.type, c.expression, _constraints(c)] for c in columns], "temporary": temporary,
            "token": uuid.uuid4().hex}
        if part is not None:
            args["part"] = {"where": part.where, "limit": part.limit, "sample": part.sample}
        if isinstance(rows, Scan):
            args["scan"] = {"sql": rows.sql, "begin": list(rows.begin)}
            return int(self._link.call(Request("write", args)).header["rows"])
        watched = _Watched(rows)
        try:
            return int(self._link.call(Request("write", args, rows=watched.reader())).header["rows"])
        except PlutoError:
            if watched.error is not None:
                raise watched.error from None
            raise

    def merge(self, table: TableRef, rows: Any, columns: Iterable[MergeColumn], *, key: Sequence[str], mix: Mix,
              truncate: bool = False, anew: bool = False) -> Merged:
        """Brings rows (a `pyarrow.Table`) that are gone, changed or new into a table, in the open transaction.

        Without a `key` rows are told apart by all their values, and none may have changed. `truncate`: the table is
        emptied first. `anew`: rows that changed are written anew, which costs places in the file, not memory.
        """
        args = {"schema": table.schema, "name": table.name, "key": list(key), "deletes": mix.deletes,
                "upserts": [[count, list(kept)] for count, kept in mix.upserts], "inserts": mix.inserts,
                "truncate": truncate, "anew": anew, "columns": [[c.name, c.type, c.expression] for c in columns]}
        return Merged(*self._link.call(Request("merge", args, rows=rows.to_reader())).header["merged"])

    @contextmanager
    def bulk(self) -> Iterator[None]:
        """While the block lasts many commits follow each other, of whatever sessions: the host writes its log
        into the file less often, and once at the end."""
        self._link.call(Request("bulk", {"on": True}))
        try:
            yield
        finally:
            try:
                self._link.call(Request("bulk", {"on": False}))
            except PlutoError:
                pass  # a host that is gone has nothing to write

    def trim(self, *, room: int = 0) -> None:
        """While a load writes: the host lets go of pages that stand in the file, if nothing else is running.

        `room`: bytes that DuckDB may have from now on beside what it can't let go of, whatever the statements of
        this session need; until the next call without it, or until anybody else asks for anything."""
        self._link.call(Request("trim", {"room": room}, retry="read"))

    @contextmanager
    def open_source(self, source: NativeSource) -> Iterator[bool]:
        """Opens a source in the host while the block lasts, for the Scans of every session of this workspace.

        False, with nothing opened, where one of its extensions does not load.
        """
        opened = bool(self._link.call(Request("open_source", {
            "extensions": list(source.extensions), "open": list(source.open),
            "close": list(source.close)})).header["opened"])
        try:
            yield opened
        finally:
            if opened:
                try:
                    self._link.call(Request("close_source", {"close": list(source.close)}))
                except PlutoError:
                    pass  # the host that had it open is gone, and it with it

    def internal(self, statements: Sequence[str], *, writes: Iterable[str] = (),
                 notes: Iterable[str] = ()) -> list[list[list[Any]]]:
        """Runs SQL of our own making in one call; the rows of each statement. Nothing of a person's may
        stand in it but as a literal or a quoted name.

        `writes`: keys of the tables it changes, which must happen in an open transaction. Cast what is
        neither number, text nor bool to VARCHAR. `notes`: keys of tables of which it notes a key or a state.
        """
        args = {"statements": list(statements), "writes": list(writes), "notes": list(notes)}
        rows: list[list[list[Any]]] = self._link.call(Request("internal", args)).header["rows"]
        return rows

    def inside(self, table: TableRef, sql: str) -> Result:
        """Rows of a SELECT, which passes the Gate, within the open transaction that fills `table`; there it is called
        `session.inside.alias(table)`. An error while it runs may end what the transaction can do but ROLLBACK."""
        args = {"sql": sql, "schema": table.schema, "name": table.name, "read_only": True}
        with self._whole:
            return self._query(Request("inside", args), None, time.perf_counter())

    @contextmanager
    def transaction(self, token: str = "") -> Iterator[None]:
        """BEGIN ... COMMIT; ROLLBACK when the block raises (Ctrl-C included).

        `token`: what the commit is known by in `_pluto.commits`, unique; chosen here when empty.
        """
        self.query("BEGIN TRANSACTION")
        try:
            yield
        except BaseException:
            try:
                self.query("ROLLBACK")
            except PlutoError:
                pass
            raise
        request = _query_request("COMMIT", None, None, None, False)
        if token:
            request.args["token"] = token
        with self._whole:
            self._query(request, None, time.perf_counter())

    # -- changes ----------------------------------------------------------------------------------

    def track(self, tables: TableRef | Iterable[TableRef], *, before: bool = False, full_row: bool = False) -> None:
        """Keeps every change of these tables from now on. `before`: and the rows as they were; `full_row`: for
        tables without a primary key, whose whole rows are told apart. Raises UsageError for views and missing keys."""
        self._owners()
        refs = [tables] if isinstance(tables, TableRef) else list(tables)
        self._link.call(Request("track", {"tables": [[one.schema, one.name] for one in refs], "before": before,
                                          "full_row": full_row}))

    def untrack(self, tables: TableRef | Iterable[TableRef]) -> list[str]:
        """Keeps their changes no longer; what was kept stays until it is trimmed. The keys of those that were
        tracked."""
        self._owners()
        refs = [tables] if isinstance(tables, TableRef) else list(tables)
        args = {"tables": [[one.schema, one.name] for one in refs]}
        return [str(one) for one in self._link.call(Request("untrack", args)).header["tables"]]

    def tracked(self) -> dict[str, Any]:
        """{tables: what is tracked and kept of each, head: the newest commit, oldest: the newest one whose changes
        are gone}."""
        self._owners()
        return dict(self._link.call(Request("tracked", retry="read")).header)

    def changes(self, after: Position, *, tables: Sequence[TableRef] = (), limit: int = 1000,
                wait_s: float = 0.0) -> ChangeBatch:
        """As `events.model.ChangeReader` says. A role reads what its policy shows of each change. While it waits, this
        session may be used for something else. Raises HistoryGone; UsageError for tables that are not tracked."""
        return self._asking_changes.changes(after, tables, limit, wait_s)

    def snapshot_changes(self, table: TableRef) -> tuple[Position, pyarrow.RecordBatchReader]:
        """The rows of a tracked table as changes `r`, and the position that they are of."""
        return self._asking_changes.snapshot(table)

    def changes_head(self, seen: int = 0, *, wait_s: float = 0.0) -> int:
        """The newest commit with changes, waiting for one after `seen`; the owner's."""
        self._owners()
        return self._asking_changes.head(seen, wait_s)

    @cached_property
    def _asking_changes(self) -> Asking:
        from pluto_duck.session.changes.asking import Asking

        return Asking(self)

    # -- what is there ----------------------------------------------------------------------------

    def look_at_live(self, wanted: Any) -> list[tuple[str, str, str, str]]:
        """Attaches a live source (`session.live.asked`) for a moment: (schema, table, column, type) of all it shows."""
        return [tuple(row) for row in self._link.call(Request("look_at_live", {"live": wanted})).header["columns"]]

    def tables(self, only: Iterable[TableRef] | None = None) -> list[TableInfo]:
        """Tables and views by schema and name, all or those of `only` that are there; ours in `_pluto` are left out."""
        only = None if only is None else list(only)
        args = {} if only is None else {"only": [[ref.schema, ref.name] for ref in only]}
        found = _tables(self._link.call(Request("tables", args, retry="read")).header)
        if only is None:
            return found
        keys = {ref.key for ref in only}
        return [table for table in found if table.ref.key in keys]

    def versions(self) -> dict[str, int]:
        """TableRef.key -> version of what was written through a Session; `*` counts for every table."""
        return dict(self._link.call(Request("versions", retry="read")).header["versions"])

    def policy(self, what: Literal["check", "explain", "may"], **args: Any) -> dict[str, Any]:
        """For `session.policies`, which gives it a shape."""
        return dict(self._link.call(Request("policy", {"what": what, **args}, retry="read")).header)

    # -- rows, without SQL --------------------------------------------------------------------------

    def rows(self, wanted: Select | Aggregate, *, timeout_s: float | None = None) -> Result:
        """Rows of one table. Names and conditions are those of what the actor sees: of a masked column, the mask.
        Raises UnknownName, and UsageError for a value that a column can't hold."""
        return self._asked_rows(wanted, timeout_s)[0]

    @contextmanager
    def moment(self) -> Iterator[None]:
        """What `rows` reads within is of one moment, whoever writes meanwhile; after an error, of another one. Raises
        SessionReset where what the actor may see, or the host, changes in between."""
        if self.in_transaction or self._moment:
            yield  # which is one already
            return
        self._begin_moment()
        try:
            yield
        finally:
            self._moment = ""
            with suppress(PlutoError):
                self._link.call(Request("moment", {"token": ""}, retry="read"))

    def _begin_moment(self) -> None:
        token = uuid.uuid4().hex
        self._link.call(Request("moment", {"token": token}, retry="read"))
        self._moment = token

    def page(self, wanted: Select, *, timeout_s: float | None = None) -> Page:
        """As `rows`, in the order asked for and then by the primary key, with where the next page begins. A table
        without a key has no next page: count with `offset` there."""
        from pluto_duck.session.rows.paging import page

        return page(self, wanted, timeout_s)

    def by_key(self, table: TableRef, keys: Sequence[Sequence[str]], columns: Sequence[str] | None = None) -> Found:
        """Rows by their primary keys, each a list of texts, in one statement."""
        from pluto_duck.session.rows.paging import by_key

        return by_key(self, table, keys, columns)

    def texts_by_key(self, table: TableRef, keys: Sequence[Sequence[str]],
                     columns: Sequence[str] | None = None) -> TextsFound | Found:
        """The same as JSON and tags where they are plain, which a few rows are sooner so; else as `by_key`."""
        from pluto_duck.session.rows.paging import texts_by_key

        return texts_by_key(self, table, keys, columns)

    def change(self, changes: Sequence[Change], *, token: str = "") -> list[Changed]:
        """Writes rows, all or nothing: in a transaction of its own, or in the one that is open. What a `token` has
        done once (within the hour) it does not do again. Raises Conflict, PreconditionFailed, Refused."""
        done = self.change_each([changes], tokens=[token])[0]
        if isinstance(done, PlutoError):
            raise done
        return done

    def change_each(self, groups: Sequence[Sequence[Change]], *,
                    tokens: Sequence[str] = (), texts: bool = False) -> list[list[Changed] | PlutoError]:
        """Several such changes that wait together, as cheap as one: each comes to what it would alone. `texts`: the
        rows as JSON and tags where they are plain."""
        from pluto_duck.session.rows.paging import change_each

        return change_each(self, groups, tokens, texts)

    def _asked_rows(self, wanted: Select | Aggregate, timeout_s: float | None,
                    paged: bool = False) -> tuple[Result, dict[str, Any]]:
        from pluto_duck.session.rows.model import to_dict
        from pluto_duck.session.rows.paging import result_of

        request = Request("rows", {"wanted": to_dict(wanted), "timeout_s": timeout_s, "paged": paged,
                                   **({"moment": self._moment} if self._moment else {})}, retry="read")
        try:
            return result_of(self, request)
        except PlutoError as error:
            if self._moment and not isinstance(error, SessionReset):
                with suppress(PlutoError):
                    self._begin_moment()  # a statement that failed has ended its transaction
            raise

    # -- control ----------------------------------------------------------------------------------

    def interrupt(self) -> None:
        """Stops the running statement, from another thread; it fails with Cancelled."""
        self._link.interrupt()
        if "_asking_changes" in self.__dict__:
            self._asking_changes.interrupt()
        for stop in list(self._on_interrupt):
            stop()

    @contextmanager
    def interrupting(self, stop: Callable[[], None]) -> Iterator[None]:
        """While the block lasts, `interrupt` calls `stop` too: for work that this session has others do."""
        self._on_interrupt.append(stop)
        try:
            yield
        finally:
            self._on_interrupt.remove(stop)

    def progress(self) -> float:
        """Percent of the running statement, -1 when not known; from another thread."""
        return self._link.progress()

    def activity(self) -> list[Activity]:
        """The statements that run in the workspace now, of whatever process, this session's too, the oldest first."""
        found = self._beside().call(Request("activity", retry="read")).header["statements"]
        return [Activity(**one) for one in found]

    def stop(self, statement: str) -> bool:
        """Stops a statement by its `Activity.id`; whoever runs it reads Cancelled. False when it has ended."""
        return bool(self._beside().call(Request("stop", {"id": statement}, retry="read")).header["stopped"])

    def _beside(self) -> Link:
        """A way to the host that neither waits for what this session runs nor ends the rows it reads."""
        if self._link.closed:
            self._link.connect()  # tells so
        with self._looking_lock:
            if self._looking is None:
                self._looking = Session(self.workspace, self.settings, role=self.role, label=self._link.hello.label,
                                        actor=self.actor)
            return self._looking._link

    def close(self) -> None:
        """Rolls back what is open and leaves the workspace; the last session of the process lets go of
        the file. May be called twice."""
        if "asking" in self.__dict__ and self.asking is not self:
            self.asking.close()
        if "_asking_changes" in self.__dict__:
            self._asking_changes.close()
        if self._looking is not None:
            self._looking.close()
        if self._link is not None:
            self._link.close()
        for store in ("control", "records"):
            if store in self.__dict__:
                self.__dict__[store].close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Lent(Stream):
    """A stream over frames of the namespace: they are taken back when it ends."""

    def __init__(self, reply: Reply, columns: tuple[Column, ...], session: Session) -> None:
        super().__init__(reply, columns)
        self._session = session

    def close(self) -> None:
        super().close()
        self._session._take_back({"*"})


class _Watched:
    """An Arrow stream that keeps what it raised: DuckDB would hand back only the text."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows
        self.error: BaseException | None = None

    def reader(self) -> Any:
        import pyarrow

        return pyarrow.RecordBatchReader.from_batches(self._rows.schema, self._batches())

    def _batches(self) -> Iterator[Any]:
        try:
            yield from self._rows
        except BaseException as error:
            self.error = error
            raise


def _handler(role: Role) -> Callable[[Database], Handler]:
    """The host's side of sessions. A shell is most often a guest, that goes without it and its imports."""
    def made(database: Database) -> Handler:
        from pluto_duck.session.handler import SessionHandler

        return SessionHandler(database)

    if role != "shell":  # who may take over from a host should not have to import first
        import pluto_duck.session.handler  # noqa: F401
    return made


def _query_request(sql: str, params: Mapping[str, Any] | Sequence[Any] | None, max_rows: int | None,
                   timeout_s: float | None, read_only: bool) -> Request:
    args: dict[str, Any] = {"sql": sql, "params": _encoded(params), "max_rows": max_rows,
                            "timeout_s": timeout_s, "read_only": read_only, "token": uuid.uuid4().hex}
    return Request("query", args, retry="read" if read_only else "token")


def _encoded(params: Mapping[str, Any] | Sequence[Any] | None) -> dict[str, Any]:
    if params is None:
        return {}
    try:
        return _each_encoded(params)
    except RecursionError:
        raise UsageError("A parameter is nested too deep.") from None


def _each_encoded(params: Mapping[str, Any] | Sequence[Any]) -> dict[str, Any]:
    if isinstance(params, Mapping):
        return {str(name): encode(value, name=str(name)) for name, value in params.items()}
    if isinstance(params, str | bytes):
        raise UsageError("params must be a mapping or a list of values.")
    return {str(i): encode(value, name=str(i)) for i, value in enumerate(params, 1)}


def _constraints(column: WriteColumn) -> str:
    default = f" DEFAULT {column.default}" if column.default else ""
    return ("" if column.nullable else "NOT NULL") + default


def _is_frame(value: Any) -> bool:
    library = type(value).__module__.split(".")[0]
    return hasattr(value, "__arrow_c_stream__") or library in ("pandas", "polars", "pyarrow")


def _arrow(frame: Any, local: bool) -> Any:
    if isinstance(frame, Result):
        return frame.arrow()
    if type(frame).__module__.startswith("pandas"):
        if local:
            return frame  # DuckDB reads pandas without a copy
        import pyarrow

        return pyarrow.Table.from_pandas(frame, preserve_index=False)
    import pyarrow

    return frame if isinstance(frame, pyarrow.Table) else pyarrow.table(frame)


def _tables(header: Mapping[str, Any]) -> list[TableInfo]:
    columns: dict[tuple[str, str], list[ColumnInfo]] = {}
    for schema, table, name, kind, nullable, comment in header["columns"]:
        columns.setdefault((schema, table), []).append(ColumnInfo(name, kind, bool(nullable), comment or ""))
    primary: dict[tuple[str, str], tuple[str, ...]] = {}
    unique: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    foreign: dict[tuple[str, str], list[ForeignKey]] = {}
    for schema, table, kind, names, other, referenced in header["keys"]:
        if kind == "PRIMARY KEY":
            primary[schema, table] = tuple(names)
        elif kind == "UNIQUE":
            unique.setdefault((schema, table), []).append(tuple(names))
        else:
            foreign.setdefault((schema, table), []).append(
                ForeignKey(tuple(names), TableRef(other, schema), tuple(referenced or ())))
    for schema, table, names, to_schema, to_table, referenced in header.get("known_keys", ()):
        key = ForeignKey(tuple(names), TableRef(to_table, to_schema), tuple(referenced))
        if key not in foreign.setdefault((schema, table), []):
            foreign[schema, table].append(key)
    found = []
    for schema, name, kind, estimate, comment in header["tables"]:
        ref, at = TableRef(name, schema), (schema, name)
        found.append(TableInfo(
            ref, kind, tuple(columns.get(at, ())), estimate,
            max(header["versions"].get(ref.key, 0), header["versions"].get("*", 0)),
            primary.get(at, ()), tuple(unique.get(at, ())), tuple(foreign.get(at, ())), comment or ""))
    return found


__all__ = ["Activity", "ColumnInfo", "ForeignKey", "MergeColumn", "Merged", "Mix", "Result", "Session", "Stamp",
           "Stream", "TableInfo", "TableRef", "WriteColumn"]
