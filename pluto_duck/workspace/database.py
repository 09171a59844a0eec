"""The open DuckDB file: cursors, the guard on its lock, one watchdog, bounded WAL, and the fork hook.

Only this module and parser.py touch the duckdb package.
"""

from __future__ import annotations

import heapq
import itertools
import os
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pluto_duck.errors import DatabaseBusy, PlutoError, SettingError, StatementError, WorkspaceUnusable
from pluto_duck.settings import Settings
from pluto_duck.workspace import extensions
from pluto_duck.workspace.engine_errors import translate, translated
from pluto_duck.workspace.folder import Workspace, personal_root
from pluto_duck.workspace.parser import Parser, own_parser
from pluto_duck.workspace.result import Column
from pluto_duck.workspace.sweep import sweep_spilled

STORAGE_VERSION = "v1.5.0"
"""Readable by DuckDB 1.5 and 2.0; what 2.0 writes by default 1.5 can't open."""

BATCH_ROWS = 65_536

# Replaying the WAL is the whole cost of a fail-over: 12,000 small commits (2.7 MB, far below
# DuckDB's default of 16 MB) take 1.7 s; 256 KB keeps it near 0.15 s. research: hosting, section 2.
# The ledger looks at the log itself: DuckDB, told 256 KB, counts the pages of a key's index of each
# commit, too, and wrote the whole table into the file with every single row (0.1 s for 100,000 rows).
WAL_BYTES = 262_144
CHECKPOINT_THRESHOLD = "16MB"

CLOSING_S = 5.0


_ITERATIONS = (4096 + 8, 8192 + 8)
"""Where the two headers of a DuckDB file, after their checksums, count its checkpoints."""


class Rows:
    """An executed statement whose rows have not been fetched yet. Belongs to its cursor: the next
    `execute` there ends it."""

    def __init__(self, connection: Any, sql: str, relation: Any = None) -> None:
        self._connection = connection
        self._relation = relation
        self._sql = sql
        self._kept: Any = None
        if relation is not None:
            self.columns = tuple(Column(n, str(t)) for n, t in zip(relation.columns, relation.types, strict=True))
        else:
            described = connection.description or []
            self.columns = tuple(Column(str(d[0]), str(d[1])) for d in described)

    @property
    def _source(self) -> Any:
        # Not `or`: the length of a relation is the number of its rows, and asking runs the query.
        return self._relation if self._relation is not None else self._connection

    def keep(self) -> Rows:
        """Fetches the rows now, so that the cursor may run something else."""
        table = self.reader().read_all()
        self._kept = table
        return self

    def fetchall(self) -> list[tuple[Any, ...]]:
        if self._kept is not None:
            return [tuple(row.values()) for row in self._kept.to_pylist()]
        with translated(self._sql):
            return self._source.fetchall()  # type: ignore[no-any-return]

    def reader(self, batch_rows: int = BATCH_ROWS) -> Any:
        """A pyarrow.RecordBatchReader."""
        if self._kept is not None:
            return self._kept.to_reader(batch_rows)
        with translated(self._sql), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return self._source.to_arrow_reader(batch_rows)


class Cursor:
    """One DuckDB cursor; never used by two threads at once, except for `interrupt` and `progress`."""

    def __init__(self, connection: Any, owner: Instance) -> None:
        self._connection = connection
        self._owner = owner
        # A typo in SQL must not read a variable of whichever Python frame is on the stack: names
        # that SQL does not know are looked up by us, in the namespace the caller gave. Per cursor.
        if not owner.locked:
            connection.execute("SET python_enable_replacements = false")

    def execute(self, sql: str, *, select: bool = False) -> Rows:
        """Runs one statement. `select=True` lets 2.0 stream what it would otherwise copy."""
        self._owner.check_process()
        try:
            with translated(sql):
                if select and self._owner.is_two:
                    relation = self._connection.sql(sql)
                    if relation is not None:
                        return Rows(self._connection, sql, relation)
                self._connection.execute(sql)
                return Rows(self._connection, sql)
        except KeyboardInterrupt:
            self._connection.interrupt()  # 1.5 would go on with the statement in the background
            raise

    def fetchall(self, sql: str) -> list[tuple[Any, ...]]:
        """Without the names and types of the columns, which cost as much again where there are few rows."""
        self._owner.check_process()
        try:
            with translated(sql):
                return self._connection.execute(sql).fetchall()  # type: ignore[no-any-return]
        except KeyboardInterrupt:
            self._connection.interrupt()
            raise

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Rolled back where the block raises; to commit is the block's own part."""
        self.execute("BEGIN TRANSACTION")
        try:
            yield
        except BaseException:
            try:
                self.execute("ROLLBACK")
            except PlutoError:
                pass  # a failed COMMIT has ended it
            raise

    def register(self, name: str, rows: Any) -> None:
        """Makes an Arrow stream, table or DataFrame readable as `name` on this cursor."""
        with translated():
            self._connection.register(name, rows)

    def unregister(self, name: str) -> None:
        with translated():
            self._connection.unregister(name)

    def table_names(self, sql: str) -> set[str]:
        """The base tables behind a statement, qualified as catalog.schema.table."""
        import duckdb

        with translated(sql):
            try:
                return set(self._connection.get_table_names(sql, qualified=True))
            finally:
                # It binds views with tables that have no columns, and DuckDB keeps what types came of it for all to
                # see: duckdb_columns() calls a VARCHAR an INTEGER until the view is bound again.
                with suppress(duckdb.Error):
                    self._connection.execute(f"DESCRIBE {sql}").fetchall()

    def native(self) -> Any:
        """The DuckDB cursor itself, for jupysql and for the caller's own risk."""
        self._owner.lent_natively = True
        return self._connection

    def interrupt(self) -> None:
        """Of one that is closed meanwhile there is nothing left to stop."""
        import duckdb

        with suppress(duckdb.ConnectionException):
            self._connection.interrupt()

    def progress(self) -> float:
        try:
            percent = float(self._connection.query_progress())
        except Exception:
            return -1.0
        return percent if 0 <= percent <= 100 else -1.0

    def close(self) -> None:
        try:
            self._connection.close()
        except Exception:  # closing is best effort: the connection may be in any state
            pass


class Watchdog:
    """One thread for all deadlines: a Timer for each statement costs 4-13 ms."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[], bool]]] = []
        self._counter = itertools.count()
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def after(self, seconds: float, action: Callable[[], bool]) -> None:
        """Calls `action` then; while it answers True, again every 50 ms (one interrupt can be lost)."""
        with self._condition:
            heapq.heappush(self._heap, (time.monotonic() + seconds, next(self._counter), action))
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop, name="pluto-duck-watchdog", daemon=True)
                self._thread.start()
            self._condition.notify()

    def _loop(self) -> None:
        while True:
            with self._condition:
                while not self._closed and (not self._heap or self._heap[0][0] > time.monotonic()):
                    self._condition.wait(self._heap[0][0] - time.monotonic() if self._heap else None)
                if self._closed:
                    return
                _at, _n, action = heapq.heappop(self._heap)
            if action():
                self.after(0.05, action)

    def close(self) -> None:
        with self._condition:
            self._closed = True
            self._condition.notify()


_open: weakref.WeakSet[Database] = weakref.WeakSet()


class Instance:
    """A DuckDB that is open in this process: its cursors, its parser, one watchdog."""

    def __init__(self, parser: Parser | None = None, watchdog: Watchdog | None = None) -> None:
        import duckdb

        self.parser = parser or own_parser()
        self.watchdog = watchdog or Watchdog()
        self.is_two = int(duckdb.__version__.split(".")[0]) >= 2
        self._pid = os.getpid()
        self._root: Any = None
        self.locked = False
        """No cursor may set anything any more."""
        self._cursor_lock = threading.Lock()
        self.lent_natively = False
        """A DuckDB cursor was handed out, on which anything may run unseen."""

    def check_process(self) -> None:
        if os.getpid() != self._pid:
            from pluto_duck.errors import Forked

            raise Forked("This process was forked from the one that has the database open.",
                         hint="Open a session of its own here: pluto_duck.open()")

    def cursor(self, *, progress: bool = False) -> Cursor:
        """A cursor of its own for one thread; with `progress` it can be asked how far it is."""
        self.check_process()
        with self._cursor_lock, translated():
            cursor = Cursor(self._root.cursor(), self)
        if progress:
            # DuckDB counts only for a bar that it would draw.
            cursor.execute("SET enable_progress_bar = true")
            cursor.execute("SET enable_progress_bar_print = false")
        return cursor


class Database(Instance):
    """The workspace's file, open for writing in this process."""

    def __init__(self, workspace: Workspace, settings: Settings) -> None:
        import duckdb

        super().__init__()
        self.workspace = workspace
        self.settings = settings
        self.path = workspace.database
        self.on_closed: list[Callable[[], None]] = []
        """Called when DuckDB has let go of the file, while `mark` can still be asked."""
        self.commit_lock = threading.Lock()
        """Held from the bookkeeping row to the end of COMMIT: sequence order is commit order."""
        self._closed = False
        self._intruder = False
        config = {
            "storage_compatibility_version": STORAGE_VERSION,
            "checkpoint_threshold": CHECKPOINT_THRESHOLD,
            "autoinstall_known_extensions": "false",
            "allow_community_extensions": "false",
            "temp_directory": str(workspace.folder / "tmp"),
            "extension_directory": settings["duckdb.extension_directory"] or str(personal_root() / "extensions"),
        }
        if settings["duckdb.memory_limit"]:
            config["memory_limit"] = settings["duckdb.memory_limit"]
        if settings["duckdb.threads"]:
            config["threads"] = str(settings["duckdb.threads"])
        fresh = not self.path.exists()
        try:
            self._root = duckdb.connect(str(self.path), config=config)
        except duckdb.Error as error:
            if "memory_limit" in config and "emory" in str(error):
                raise SettingError(f"duckdb.memory_limit = {config['memory_limit']!r} is no size of memory.",
                                   hint="For example: PLUTODUCK_DUCKDB__MEMORY_LIMIT=4GB") from error
            raise open_error(error, self.path) from error
        sweep_spilled(workspace.folder / "tmp")
        if fresh and sys.platform != "win32":
            os.chmod(self.path, 0o600)  # the folder is 0700 already; DuckDB offers no mode
        self._guard = self._open_guard()
        self._extensions: set[str] = set()
        _open.add(self)

    # -- DuckDB's own lock ----------------------------------------------------------------------
    # It is a POSIX record lock: any close of any descriptor on the file by this process (a hash, a
    # copy, read_blob) drops it, and an outsider could then write unseen. One more descriptor, closed
    # after DuckDB, takes the lock again each second and after each statement that names the path.

    def _open_guard(self) -> int | None:
        if sys.platform == "win32":
            return None
        return os.open(self.path, os.O_RDWR | os.O_CLOEXEC)

    def relock(self) -> None:
        if sys.platform == "win32" or self._guard is None or self._closed:
            return
        import fcntl

        try:
            fcntl.lockf(self._guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._intruder = False
        except OSError:
            self._intruder = True

    def refuse_intruder(self) -> None:
        """Raises DatabaseBusy while another program has the file: what both write would be lost."""
        if self._intruder:
            raise DatabaseBusy(
                f"Another program opened {self.path} while its lock was gone; nothing is written until it closes.",
                hint="Close that program; do not open the database file from inside the process that hosts it.")

    def load_extension(self, name: str) -> bool:
        """Loads a DuckDB extension for the whole instance; False where it can't be had without a network."""
        if name in self._extensions:
            return True
        with self._cursor_lock:
            connection = self._root.cursor()
            try:
                loaded = extensions.load(connection, name)
            finally:
                connection.close()
        if loaded:
            self._extensions.add(name)
            self.relock()
        return loaded

    def wal_size(self) -> int:
        """Bytes of the write-ahead log, 0 when there is none; by stat only (see relock)."""
        try:
            return os.stat(f"{self.path}.wal").st_size
        except FileNotFoundError:
            return 0

    def mark(self) -> tuple[int, bytes]:
        """Another one after every commit, whoever made it: the size of the WAL, and the numbers in the file's own
        headers that count its checkpoints (a large commit goes straight there). Read through the guard: opening
        the file to look would drop the lock."""
        if self._guard is None:
            return self.wal_size(), b""
        counts = b"".join(os.pread(self._guard, 8, place) for place in _ITERATIONS)
        return self.wal_size(), counts

    def checkpoint(self) -> None:
        """Writes the WAL into the file; skipped when a transaction is in the way."""
        try:
            cursor = self.cursor()
        except WorkspaceUnusable:
            return  # it has stopped (a full disk): what is committed stands in the WAL
        try:
            cursor.execute("CHECKPOINT")
        except (StatementError, WorkspaceUnusable):
            pass
        finally:
            cursor.close()

    def close(self) -> None:
        if self._closed or os.getpid() != self._pid:
            return
        self._closed = True
        self.watchdog.close()
        try:
            self._close_root()
            for told in self.on_closed:
                told()
        finally:
            if self._guard is not None:
                os.close(self._guard)
                self._guard = None
            _open.discard(self)

    def _close_root(self) -> None:
        """2.0 refuses while another thread takes a cursor from it, which lasts a moment."""
        import duckdb

        until = time.monotonic() + CLOSING_S
        while True:
            try:
                self._root.close()
                return
            except duckdb.Error as error:
                if "busy with another call" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.002)

    # -- fork -----------------------------------------------------------------------------------

    def after_fork_in_child(self) -> None:
        """Makes the inherited handle immortal and read-only.

        The last handle of a copied instance checkpoints and removes the WAL that the parent still
        writes to: a forked child that merely exits destroyed acknowledged commits (measured).
        """
        _immortal.append(self._root)
        targets = {os.path.realpath(self.path), os.path.realpath(f"{self.path}.wal")}
        for descriptor, target in _descriptors():
            if target in targets or target.removesuffix(" (deleted)") in targets:
                try:
                    read_only = os.open(target if os.path.exists(target) else os.devnull, os.O_RDONLY)
                    os.dup2(read_only, descriptor)
                    if read_only != descriptor:
                        os.close(read_only)
                except OSError:
                    pass
        self._closed = True


_immortal: list[Any] = []


def _descriptors() -> Iterator[tuple[int, str]]:
    if sys.platform.startswith("linux"):
        for name in os.listdir("/proc/self/fd"):
            try:
                yield int(name), os.readlink(f"/proc/self/fd/{name}")
            except OSError:
                continue
    elif sys.platform == "darwin":
        import fcntl

        for descriptor in range(3, 1024):
            try:
                raw = fcntl.fcntl(descriptor, fcntl.F_GETPATH, b"\0" * 1024)  # type: ignore[attr-defined,unused-ignore]
            except OSError:
                continue
            yield descriptor, raw.rstrip(b"\0").decode(errors="replace")


def _after_fork() -> None:
    for database in list(_open):
        # One extra reference that nobody drops: the child must never run DuckDB's destructor.
        import ctypes

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(database._root))
        database.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def open_error(error: Exception, path: Path) -> Exception:
    text = str(error)
    if "Could not set lock" in text or "Conflicting lock" in text or "being used by another process" in text:
        import re

        holder = re.search(r"held in (.*?) \(PID (\d+)\)", text)
        who = f" by {holder[1]} (pid {holder[2]})" if holder and holder[2] != "0" else ""
        return DatabaseBusy(f"The database {path} is held by another program{who}.",
                            hint="Close it there, or let it borrow the file: pluto-duck lend -- COMMAND",
                            holder=who.strip())
    if "read only versions between" in text or "version number" in text:
        return WorkspaceUnusable(f"The database {path} was written by a newer DuckDB than the one installed.",
                                 hint="pip install -U 'duckdb>=2'  (a file made by DuckDB 2.0's own defaults "
                                      "can't be opened by 1.5)")
    if "Permission denied" in text or "Read-only file system" in text:
        return WorkspaceUnusable(f"The database {path} can't be written.",
                                 hint="Give yourself write access, or choose another folder: pluto-duck init FOLDER")
    if "Corrupt database file" in text:
        return WorkspaceUnusable(f"The database {path} is damaged: {text.splitlines()[0]}",
                                 hint="Move it away and restore a backup; keep the damaged file.")
    if "not a valid DuckDB" in text:
        return WorkspaceUnusable(f"{path} is not a DuckDB database.",
                                 hint="Restore it from a backup or move it away; a new one is made then.")
    return translate(error)


def open_memory(statements: Sequence[str] = ()) -> Any:
    """A private in-memory instance, for connectors that read files on the caller's side."""
    import duckdb

    with translated():
        connection = duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false"})
        connection.execute("SET python_enable_replacements = false")
        for statement in statements:
            connection.execute(statement)
    return connection


def is_open_here(path: Path) -> bool:
    """True for the file of a workspace that this process hosts: opening it once more would drop its lock."""
    for database in list(_open):
        try:
            if not database._closed and os.path.samefile(path, database.path):
                return True
        except OSError:
            continue
    return False
