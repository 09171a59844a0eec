"""Waiting for a commit with changes, by one call of one session: nothing runs meanwhile, and no lock is held."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pluto_duck.errors import Cancelled

if TYPE_CHECKING:
    from pluto_duck.events.journal import Journal


class Waiting:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._bell: threading.Event | None = None
        self._cancelled = False

    def until(self, seq: int, seconds: float) -> None:
        """Until there are changes after commit `seq`, but no longer than `seconds`. Raises Cancelled."""
        bell = threading.Event()
        self._cancelled, self._bell = False, bell

        def heard(_seq: int) -> None:
            bell.set()

        self._journal.listeners.append(heard)
        try:
            if self._journal.head <= seq:
                bell.wait(seconds)
        finally:
            self._bell = None
            self._journal.listeners.remove(heard)
        if self._cancelled:
            raise Cancelled("The waiting was cancelled.")

    def end(self, *, cancel: bool = False) -> None:
        """From another thread."""
        bell = self._bell
        if bell is not None:
            self._cancelled = cancel
            bell.set()


__all__ = ["Waiting"]
