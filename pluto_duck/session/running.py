"""The call that a session runs now: how to stop it, and why it stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from pluto_duck.errors import Cancelled, HostLost, PlutoError, TimedOut
from pluto_duck.workspace.database import Cursor, Watchdog

Reason = Literal["cancel", "timeout", "moved", "gone"]


class Running:
    """Begun and ended by the session's thread; `stop` and `progress` come from any other."""

    def __init__(self, watchdog: Watchdog) -> None:
        self._watchdog = watchdog
        self._cursor: Cursor | None = None
        self._reason: Reason | None = None
        self.text = ""
        """What the call does, in SQL; "" for the small work of our own that nobody needs to see."""
        self.since = 0.0
        self.call = 0
        """Counts the calls: what belongs to an older one must not touch the one that runs."""

    def begin(self, cursor: Cursor, timeout_s: float | None, text: str = "") -> None:
        self.call += 1
        self.text, self.since = text, time.monotonic()
        self._reason, self._cursor = None, cursor
        if timeout_s:
            self._watchdog.after(timeout_s, self._stopper("timeout"))

    @property
    def busy(self) -> bool:
        return self._cursor is not None

    def stopped(self) -> bool:
        """Whether somebody wants the call to end: for one that waits for something else than a cursor."""
        return self._reason is not None

    def on(self, cursor: Cursor) -> None:
        """The call goes on with another cursor: that one is to be interrupted."""
        self._cursor = cursor

    def end(self, call: int | None = None) -> None:
        if call is None or call == self.call:
            self._cursor = None

    def stop(self, reason: Reason) -> None:
        if self._cursor is not None:
            self._watchdog.after(0, self._stopper(reason))

    def _stopper(self, reason: Reason) -> Callable[[], bool]:
        call = self.call

        def stop() -> bool:
            cursor = self._cursor
            if call != self.call or cursor is None:
                return False
            self._reason = self._reason or reason
            cursor.interrupt()
            return True  # again in 50 ms: one early interrupt can be lost

        return stop

    def progress(self) -> float:
        cursor = self._cursor
        return cursor.progress() if cursor is not None else -1.0

    def explained(self, error: PlutoError) -> PlutoError:
        """An interrupted statement's error, told by who interrupted it."""
        if not isinstance(error, Cancelled):
            return error
        if self._reason == "timeout":
            return TimedOut("The statement ran longer than it may.", hint="Ask for less, or raise timeout_s.")
        if self._reason == "moved":
            return HostLost("The database moved to another process while the statement ran; it did not finish.",
                            hint="Run it again.", outcome="rolled_back")
        return error
