"""Short looks that nobody keeps: each with a session of its own, stopped when whoever asked is gone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from pluto_duck.errors import Cancelled, PlutoError, SessionReset
from pluto_duck.session import Session

if TYPE_CHECKING:
    from pluto_duck.api.handler import PlutoHandler
    from pluto_duck.api.places import Place

T = TypeVar("T")
AT_ONCE = 4
"""Of a workspace: the threads of this door must do for others, too."""
AGAIN_S = 0.05


class Looks:
    """The sessions of one workspace for them."""

    def __init__(self, open: Callable[[], Session]) -> None:
        self._open = open
        self._lock = threading.Lock()
        self._idle: list[Session] = []
        self._closed = False
        self.going = 0
        """Looks that have a session now."""
        self.turn = asyncio.Semaphore(AT_ONCE)

    def take(self) -> Session:
        with self._lock:
            idle = self._idle.pop() if self._idle else None
        session = idle or self._open()
        with self._lock:
            self.going += 1
        return session

    def put_back(self, session: Session) -> None:
        with self._lock:
            self.going -= 1
            if not self._closed and not session.closed:
                self._idle.append(session)
                return
        session.close()

    def close(self) -> None:
        with self._lock:
            self._closed, idle, self._idle = True, self._idle, []
        for one in idle:
            one.close()


class Look:
    def __init__(self, looks: Looks) -> None:
        self._looks = looks
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._stopped = threading.Event()

    def do(self, question: Callable[[Session], T]) -> T:
        """In the thread that calls; raises Cancelled once it was stopped."""
        session = self._looks.take()
        with self._lock:
            self._session = session
        try:
            self._check()
            try:
                return question(session)
            except SessionReset:
                return question(session)  # it moved to a new host; nothing of ours was lost
        finally:
            with self._lock:
                self._session = None
            self._looks.put_back(session)

    def _check(self) -> None:
        if self._stopped.is_set():
            raise Cancelled("Stopped.")

    def stop(self) -> None:
        if not self._stopped.is_set():
            self._stopped.set()
            threading.Thread(target=self._interrupt, name="pluto-duck-api-stop", daemon=True).start()

    def _interrupt(self) -> None:
        """Again and again until it has ended: an interrupt that comes between two statements stops neither."""
        pause = threading.Event()
        while True:
            with self._lock:  # so that it never hits whoever has the session next
                if self._session is None:
                    return
                try:
                    self._session.interrupt()
                except PlutoError:
                    pass  # the host went away: the statement fails by itself
            pause.wait(AGAIN_S)


async def look(handler: PlutoHandler, place: Place, question: Callable[[Session], T]) -> T:
    """The answer to it; the client that hangs up stops it."""
    async with place.looks.turn:
        one = Look(place.looks)
        handler.on_gone = one.stop
        return await handler.in_thread(one.do, question)
