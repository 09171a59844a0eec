"""When the Journal is trimmed: in the host, beside everything else, some minutes after changes were made."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pluto_duck.errors import PlutoError
from pluto_duck.events.retention import Keep, drop_shapes, drop_some, limit

if TYPE_CHECKING:
    from pluto_duck.session.ledger import Ledger
    from pluto_duck.settings import Settings
    from pluto_duck.workspace.database import Cursor

EVERY_S = 300.0


class Retaining:
    """One for each open database. Only commits with changes set it going: what is quiet costs nothing."""

    def __init__(self, ledger: Ledger, settings: Settings) -> None:
        self._ledger = ledger
        self.keep = Keep(float(settings["changes.keep_days"]), int(settings["changes.max_rows"]),
                         float(settings["changes.keep_at_most_days"]))
        self.slowest: Callable[[], int | None] = lambda: None
        """Up to which commit all consumers have read; None where there are none."""
        self._next = time.monotonic() + EVERY_S
        self._busy = threading.Lock()
        ledger.journal.listeners.append(self._look)

    def _look(self, _seq: int) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + EVERY_S
            threading.Thread(target=self._trim_quietly, name="pluto-duck-retention", daemon=True).start()

    def _trim_quietly(self) -> None:
        try:
            self.trim()
        except PlutoError:
            pass  # the workspace closes, or its disk is full: the next time

    def trim(self, now_ms: int | None = None) -> int:
        """Drops what need not be kept; up to which commit that is."""
        journal = self._ledger.journal
        with self._busy:
            cursor = journal.database.cursor()
            try:
                until = limit(journal, cursor, self.keep, int(time.time() * 1000) if now_ms is None else now_ms,
                              self.slowest())
                while until and self._committed(cursor, lambda: drop_some(journal, cursor, until)):
                    pass
                if until:
                    self._committed(cursor, lambda: drop_shapes(journal, cursor))
                oldest = journal.oldest(cursor)
                journal.recent.forget(oldest)
                return oldest
            finally:
                cursor.close()

    def _committed(self, cursor: Cursor, work: Callable[[], bool]) -> bool:
        cursor.execute("BEGIN TRANSACTION")
        try:
            if work():
                self._ledger.commit(cursor, frozenset())
                return True
            cursor.execute("ROLLBACK")
            return False
        except BaseException:
            try:
                cursor.execute("ROLLBACK")
            except PlutoError:
                pass
            raise
