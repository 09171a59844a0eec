"""Reads the values of large tables beside everything else: one thread a workspace, on a session of its own.

Each table is one short read and one short write into the cache; a question never waits for it, a writer neither.
Among processes a lock decides who reads; the others find the values in the cache.
"""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path

from pluto_duck.catalog.model import Table
from pluto_duck.catalog.store import FILE, Kept, ValueStore
from pluto_duck.catalog.values import MAX_VALUES, TableValues, read_values, shape
from pluto_duck.errors import PlutoError, StatementError, TimedOut, UnknownName
from pluto_duck.session import Session
from pluto_duck.workspace.locks import FileLock

MAX_ALL = 300_000
"""Values of a workspace; above it only columns with FEW are read."""
FEW = 500
_READERS: dict[Path, _Reader] = {}
_GUARD = threading.Lock()


class _Reader:
    def __init__(self, session: Session, tables: Sequence[Table]) -> None:
        self._owner = weakref.ref(session)
        self._workspace, self._settings, self._role = session.workspace, session.settings, session.role
        self.tables = tables
        self._stopped = threading.Event()
        self._session: Session | None = None
        self.thread = threading.Thread(target=self._run, name="pluto-duck values", daemon=True)

    def stop(self) -> None:
        self._stopped.set()
        session = self._session
        if session is not None:
            try:
                session.interrupt()
            except PlutoError:
                pass
        self.thread.join(5.0)

    def _run(self) -> None:
        try:
            lock = FileLock.try_acquire(self._workspace.folder / "values.lock")
            if lock is None:
                return  # another process is reading
            try:
                self._read_all()
            finally:
                lock.close()
        except (PlutoError, OSError):
            pass  # the workspace is going away; whoever asks next begins again
        finally:
            with _GUARD:
                _READERS.pop(self._workspace.root, None)

    def _read_all(self) -> None:
        store = ValueStore(self._workspace.folder / FILE)
        try:
            with Session(self._workspace, self._settings, role=self._role, label="values") as session:
                self._session, session.watching = session, False
                count = sum(number for _table, _column, number in store.count())
                for table in self.tables:
                    owner = self._owner()
                    if self._stopped.is_set() or owner is None or owner.closed:
                        return
                    del owner
                    count += keep(session, store, table, MAX_VALUES if count < MAX_ALL else FEW)
        finally:
            self._session = None
            store.close()


def keep(session: Session, store: ValueStore, table: Table, most: int = MAX_VALUES) -> int:
    """Reads the values of a table into the cache; how many."""
    try:
        found = read_values(session, table, most)
    except (StatementError, UnknownName, TimedOut):  # a view that is broken or slow: without values it is known, too
        found = TableValues(Kept(table.version, shape(table), ()))
    store.put(table.ref.key, found.kept, found.values)
    return len(found.values)


def read(session: Session, tables: Sequence[Table]) -> None:
    """Begins, unless this process is at it already."""
    root = session.workspace.root
    with _GUARD:
        if root in _READERS:
            return
        reader = _READERS[root] = _Reader(session, tables)
        reader.thread.start()


def pending(root: Path) -> frozenset[str]:
    """The keys of the tables that are being read in this process: a question must not read them once more."""
    with _GUARD:
        reader = _READERS.get(root)
    return frozenset(one.ref.key for one in reader.tables) if reader is not None else frozenset()


def wait(root: Path, timeout_s: float) -> bool:
    """Until nothing is being read; False when that takes longer."""
    with _GUARD:
        reader = _READERS.get(root)
    if reader is None:
        return True
    reader.thread.join(timeout_s)
    return not reader.thread.is_alive()


def _stop_all() -> None:
    with _GUARD:
        readers = list(_READERS.values())
    for one in readers:
        one.stop()


atexit.register(_stop_all)
