"""Rings on the event loop when there are new changes: one thread for a workspace, however many follow it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from pluto_duck.errors import PlutoError

if TYPE_CHECKING:
    from pluto_duck.session import Session

LONG_S = 60.0
AGAIN_S = 0.5
"""After an error: a host that is on its way."""


class Bell:
    """Touched on the event loop only, but for its thread, which lives while somebody listens."""

    def __init__(self, open: Callable[[], Session]) -> None:
        self._open = open
        self._listeners: set[Callable[[], None]] = set()
        self._stop: threading.Event | None = None
        self._session: Session | None = None
        self.head = 0
        """The newest commit with changes that was heard of."""

    def listen(self, ring: Callable[[], None]) -> Callable[[], None]:
        """Calls it after each commit with changes; returns what takes it off again."""
        self._listeners.add(ring)
        if self._stop is None:
            self._stop = threading.Event()
            threading.Thread(target=self._wait, args=(self._stop, asyncio.get_running_loop()),
                             name="pluto-duck-changes", daemon=True).start()

        def off() -> None:
            self._listeners.discard(ring)
            if not self._listeners:
                self.close()

        return off

    def close(self) -> None:
        stop, self._stop = self._stop, None
        if stop is not None:
            stop.set()
            threading.Thread(target=self._interrupt, name="pluto-duck-changes-stop", daemon=True).start()

    def _interrupt(self) -> None:
        session = self._session
        if session is not None:
            try:
                session.interrupt()
            except PlutoError:
                pass  # the host went away: its wait has ended

    def _wait(self, stop: threading.Event, loop: asyncio.AbstractEventLoop) -> None:
        head = 0
        session: Session | None = None
        try:
            while not stop.is_set():
                try:
                    if session is None:
                        session = self._session = self._open()
                    now = session.changes_head(head, wait_s=LONG_S)
                except PlutoError:
                    stop.wait(AGAIN_S)
                    continue
                if now != head and not stop.is_set():
                    head = now
                    loop.call_soon_threadsafe(self._ring, head)
        except RuntimeError:
            pass  # the loop has ended with the server
        finally:
            if self._session is session:
                self._session = None
            if session is not None:
                session.close()

    def _ring(self, head: int) -> None:
        self.head = head
        for ring in list(self._listeners):
            ring()


__all__ = ["Bell"]
