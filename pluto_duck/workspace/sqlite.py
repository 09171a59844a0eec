"""SQLite connections whose process may fork.

SQLite guards its memory and its list of open files with locks of the process. A fork copies them as they are:
while another thread was in a call, the child found them held by nobody, and its first `connect` never returned
(measured: 3 of 100 forks beside a thread that asks the store every 10 ms). So a fork waits until no call is at
work, and calls that would begin meanwhile wait for the fork.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType
from typing import Any

FORK_WAIT_S = 5.0
"""A call may itself wait for another process's transaction; a fork does not stand still for that."""


class _Calls:
    """How many calls are at work, counted by thread: one call may come back into Python and make another."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._one_fork = threading.RLock()
        self._changed = threading.Condition(threading.RLock())
        self._inside: dict[int, int] = {}
        self._forking: int | None = None

    def __enter__(self) -> None:
        me = threading.get_ident()
        with self._changed:
            while self._forking not in (None, me) and me not in self._inside:
                self._changed.wait()
            self._inside[me] = self._inside.get(me, 0) + 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        me = threading.get_ident()
        with self._changed:
            left = self._inside.get(me, 1) - 1
            if left:
                self._inside[me] = left
            else:
                self._inside.pop(me, None)
                if self._forking is not None:
                    self._changed.notify_all()

    def before_fork(self) -> None:
        me = threading.get_ident()
        self._one_fork.acquire()
        with self._changed:
            self._forking = me
            until = time.monotonic() + FORK_WAIT_S
            while self._inside.keys() - {me} and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)

    def after_fork_in_parent(self) -> None:
        with self._changed:
            self._forking = None
            self._changed.notify_all()
        self._one_fork.release()


_calls = _Calls()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_calls.before_fork, after_in_parent=_calls.after_fork_in_parent,
                        after_in_child=_calls.reset)


class _Cursor(sqlite3.Cursor):
    def execute(self, sql: str, parameters: Any = (), /) -> _Cursor:
        with _calls:
            return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> _Cursor:
        with _calls:
            return super().executemany(sql, parameters)

    def executescript(self, sql: str, /) -> sqlite3.Cursor:
        with _calls:
            return super().executescript(sql)

    def fetchone(self) -> Any:
        with _calls:
            return super().fetchone()

    def fetchmany(self, size: int | None = 1) -> list[Any]:
        with _calls:
            return super().fetchmany(size)

    def fetchall(self) -> list[Any]:
        with _calls:
            return super().fetchall()

    def __next__(self) -> Any:
        with _calls:
            return super().__next__()

    def __del__(self) -> None:
        # A SELECT whose rows were not all fetched ends only here.
        with _calls, suppress(sqlite3.Error):
            super().close()


class _Connection(sqlite3.Connection):
    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)

    # The three of sqlite3.Connection make a plain cursor.
    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        return self.cursor().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Any:
        return self.cursor().executemany(sql, parameters)

    def executescript(self, sql: str, /) -> Any:
        return self.cursor().executescript(sql)

    def close(self) -> None:
        with _calls:
            super().close()


def connect(database: Any, **options: Any) -> sqlite3.Connection:
    """As `sqlite3.connect`."""
    with _calls:
        return sqlite3.connect(database, factory=_Connection, **options)
