"""control.sqlite: what need not commit with the user's data, shared by many processes at once.

Each room that keeps something here declares its migrations beside its own code:

    MIGRATIONS = ("CREATE TABLE runs (...)", "ALTER TABLE runs ADD COLUMN ...")
    with store.connection("runs", MIGRATIONS) as db: ...

A migration is never edited once released: the store counts how many of a room's list have run.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pluto_duck.errors import ControlBusy, WorkspaceError, WorkspaceUnusable
from pluto_duck.workspace.sqlite import connect

_inherited: list[object] = []

HURRY_S, HURRIED_MS = 2.0, 100
"""After one has waited in vain, others wait only so long for a while: they would hold every thread there is."""


class _Busy(ControlBusy, sqlite3.OperationalError):
    pass


class _Unwritable(WorkspaceUnusable, sqlite3.OperationalError):
    pass


class ControlStore:
    """One SQLite file in WAL mode; a connection per thread, closed with the store."""

    def __init__(self, path: Path, *, busy_s: float = 30.0, durable: bool = False) -> None:
        """`busy_s`: how long to wait for another process's transaction. `durable`: a commit outlives a machine that
        loses power; else it outlives the process."""
        self.path = path
        self._busy_until = 0.0
        self._busy_s, self._durable = busy_s, durable
        self._local = threading.local()
        self._migrated: set[str] = set()
        self._all: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def _open(self) -> sqlite3.Connection:
        try:
            if not self.path.exists():
                os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            db = connect(self.path, timeout=self._busy_s, isolation_level=None, check_same_thread=False)
            db.execute(f"PRAGMA busy_timeout = {int(self._busy_s * 1_000)}")
            if db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                self._set_wal(db)
            db.execute(f"PRAGMA synchronous = {'FULL' if self._durable else 'NORMAL'}")
        except (sqlite3.Error, OSError) as error:
            raise WorkspaceUnusable(f"{self.path} can't be opened: {error}.",
                                    hint="Check the folder's permissions and free space.") from error
        db.row_factory = sqlite3.Row
        return db

    @staticmethod
    def _set_wal(db: sqlite3.Connection) -> None:
        # Changing the mode needs the file alone; busy_timeout does not cover it, so many first
        # openers at once must try again.
        for _ in range(200):
            try:
                db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError:
                time.sleep(0.02)
        db.execute("PRAGMA journal_mode = WAL")

    def _mine(self) -> sqlite3.Connection:
        if os.getpid() != self._pid:  # a forked child must not use its parent's connections
            _inherited.append((self._local, self._all))  # closing one would be using it
            self._pid, self._local, self._all = os.getpid(), threading.local(), []
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        if db is None:
            db = self._local.db = self._open()
            with self._lock:
                self._all.append(db)
        return db

    @contextmanager
    def connection(self, room: str, migrations: Sequence[str]) -> Iterator[sqlite3.Connection]:
        """A connection in a write transaction that commits at the end of the block."""
        db = self._mine()
        hurried = time.monotonic() < self._busy_until
        try:
            if hurried:
                db.execute(f"PRAGMA busy_timeout = {HURRIED_MS}")
            if room not in self._migrated:
                self._migrate(db, room, migrations)
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise self._told(error) from error
        finally:
            if hurried:
                db.execute(f"PRAGMA busy_timeout = {int(self._busy_s * 1_000)}")
        try:
            yield db
            db.execute("COMMIT")
        except BaseException as error:
            if db.in_transaction:  # a full disk has taken it back already
                db.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError) and not isinstance(error, WorkspaceError):
                raise self._told(error) from error
            raise

    def _told(self, error: sqlite3.OperationalError) -> sqlite3.OperationalError:
        """The same in words of ours where it is the machine's fault, for doors and for who knows sqlite3 alike."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            self._busy_until = time.monotonic() + HURRY_S
            return _Busy("The workspace's control store is locked by another program.", hint="Try again in a moment.")
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
            return _Unwritable(f"The workspace's control store can't be written: {error}.",
                               hint="Check the folder's permissions and free space.")
        return error

    def read(self, room: str, migrations: Sequence[str]) -> sqlite3.Connection:
        """A connection for single reads, outside any transaction."""
        db = self._mine()
        if room not in self._migrated:
            self._migrate(db, room, migrations)
        return db

    def _migrate(self, db: sqlite3.Connection, room: str, migrations: Sequence[str]) -> None:
        db.execute("CREATE TABLE IF NOT EXISTS migrations (room TEXT PRIMARY KEY, applied INTEGER NOT NULL)")
        db.execute("BEGIN IMMEDIATE")
        try:
            row = db.execute("SELECT applied FROM migrations WHERE room = ?", (room,)).fetchone()
            applied = row[0] if row else 0
            for statement in migrations[applied:]:
                db.execute(statement)
            if applied < len(migrations):
                db.execute("INSERT OR REPLACE INTO migrations (room, applied) VALUES (?, ?)", (room, len(migrations)))
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")
        self._migrated.add(room)

    def close(self) -> None:
        with self._lock:
            for db in self._all:
                db.close()
            self._all.clear()
        self._local = threading.local()
