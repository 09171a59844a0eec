"""Refreshes views soon after what they read has changed: one thread of the host, never the writer's."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from pluto_duck.errors import PlutoError
from pluto_duck.session.targets import EVERYTHING

if TYPE_CHECKING:
    from pluto_duck.session.ledger import Ledger
    from pluto_duck.session.views.refreshing import Refreshing
    from pluto_duck.session.views.store import View
    from pluto_duck.workspace.database import Cursor

TOGETHER_S = 0.05
"""Commits that follow each other so quickly are refreshed as one."""
REST = 4.0
"""After a refresh, so many times what it took: it takes a fifth of one thread at most."""
LONGEST_REST_S = 60.0
LEAVING_S = 0.8
"""What a host that leaves gives to views that are due: all of its leaving should stay within a second."""


class ViewWorker:
    """One for each open database; its thread begins with the first view that is refreshed on change."""

    def __init__(self, views: Refreshing, ledger: Ledger) -> None:
        self._views, self._ledger = views, ledger
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._touched = True
        self._rests: dict[str, float] = {}
        """TableRef.key -> when it may be refreshed again."""
        self._cursor: Cursor | None = None
        ledger.listeners.append(self._committed)
        self.look()

    def look(self) -> None:
        """There may be something to do."""
        if not any(one.refresh == "on-change" for one in self._views.known.values()):
            return
        with self._wake:
            self._touched = True
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._work, name="pluto-duck-views", daemon=True)
                self._thread.start()
            self._wake.notify()

    def _committed(self, keys: frozenset[str]) -> None:
        known = self._views.known
        if known and any(one.refresh == "on-change" and (EVERYTHING in keys or not keys.isdisjoint(one.sources))
                         for one in known.values()):
            self.look()

    def close(self) -> None:
        """A shell that wrote is gone before the thread has done its work: what is quickly done is done here."""
        self._finish()
        with self._wake:
            self._closed = True
            self._wake.notify()
        thread = self._thread
        while thread is not None and thread.is_alive() and thread is not threading.current_thread():
            cursor = self._cursor
            if cursor is not None:
                cursor.interrupt()
            thread.join(0.05)

    def _finish(self) -> None:
        end = time.monotonic() + LEAVING_S
        tried = set[str]()
        while not self._closed and time.monotonic() < end:
            view = next((one for one in self._due() if one.key not in tried), None)
            if view is None:
                return
            tried.add(view.key)
            left = end - time.monotonic()
            if view.elapsed_ms / 1e3 > 3 * left:  # once it may have been the machine
                continue
            try:
                with self._views.alone(lambda: time.monotonic() > end):
                    if view.key in self._views.known and self._views.changed(view):
                        self._until(end, view.key)
            except PlutoError:
                pass  # it took longer than the last time, or its error is kept with it

    def _until(self, end: float, key: str) -> None:
        timers: list[threading.Timer] = []

        def limited(cursor: Cursor) -> None:
            timers.append(threading.Timer(max(0.0, end - time.monotonic()), cursor.interrupt))
            timers[-1].daemon = True
            timers[-1].start()

        try:
            self._views.refresh(key, on=limited)
        finally:
            for one in timers:
                one.cancel()

    def _on(self, cursor: Cursor) -> None:
        self._cursor = cursor
        if self._closed:
            raise _Closed

    def _work(self) -> None:
        while True:
            with self._wake:
                while not self._closed and not self._touched:
                    self._wake.wait(self._until_rested())
                    self._touched = self._touched or self._until_rested() == 0
                if self._closed:
                    return
                self._wake.wait(TOGETHER_S)
                self._touched = False
            try:
                while self._one():
                    pass
            except _Closed:
                return

    def _until_rested(self) -> float | None:
        now = time.monotonic()
        left = [max(0.0, self._rests.get(one.key, 0.0) - now) for one in self._due()]
        return min(left, default=None)

    def _due(self) -> list[View]:
        """Stale ones, those first that others are made of. One that failed waits for another commit."""
        views = self._views
        found = [one for one in views.known.values() if one.refresh == "on-change" and views.changed(one)
                 and not (one.error and one.error_seq >= self._newest(one))]
        stale = {one.key for one in found}
        return sorted(found, key=lambda one: len(stale.intersection(one.sources)))

    def _newest(self, view: View) -> int:
        return max((self._ledger.version(key) for key in view.sources), default=0)

    def _one(self) -> bool:
        """Refreshes one view; False where none is due now."""
        now = time.monotonic()
        view = next((one for one in self._due() if self._rests.get(one.key, 0.0) <= now), None)
        if view is None or self._closed:
            return False
        try:
            with self._views.alone(lambda: self._closed):
                if view.key in self._views.known:
                    self._views.refresh(view.key, on=self._on)
        except PlutoError:
            if self._closed:
                return False  # it was interrupted
        finally:
            self._cursor = None
            took = time.monotonic() - now
            self._rests[view.key] = time.monotonic() + min(LONGEST_REST_S, max(TOGETHER_S, REST * took))
        return True


class _Closed(Exception):
    """The host leaves."""
