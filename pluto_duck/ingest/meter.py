"""How far each table is, told at most ten times a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from pluto_duck.errors import PlutoError
from pluto_duck.ingest.connectors import SourceTable
from pluto_duck.ingest.options import Progress
from pluto_duck.session import Session

EVERY_S = 0.1


class Meter:
    """`told` is called by whichever thread loads, one at a time."""

    def __init__(self, told: Callable[[Progress], None] | None) -> None:
        self._told = told
        self._lock = threading.Lock()
        self._said: dict[str, float] = {}
        self._scanning: dict[str, tuple[SourceTable, Session]] = {}

    def begin(self, table: SourceTable) -> None:
        self._tell(Progress(table.name, 0, table.row_estimate, table.size_bytes))

    def rows(self, table: SourceTable, rows: int) -> None:
        self._tell(Progress(table.name, rows, table.row_estimate, table.size_bytes))

    def native(self, table: SourceTable, worker: Session) -> None:
        with self._lock:
            self._scanning[table.name] = table, worker

    def native_ended(self, table: SourceTable) -> None:
        with self._lock:
            self._scanning.pop(table.name, None)

    def tick(self) -> None:
        """Asks the host how far its own scans are; without an estimate of the rows it can't be told."""
        if self._told is None:
            return
        with self._lock:
            scanning = list(self._scanning.values())
        for table, worker in scanning:
            if table.row_estimate:
                with suppress(PlutoError):
                    percent = worker.progress()
                    if percent >= 0:
                        self._tell(Progress(table.name, int(table.row_estimate * percent / 100), table.row_estimate,
                                            table.size_bytes))

    def done(self, table: SourceTable, rows: int) -> None:
        self._tell(Progress(table.name, rows, table.row_estimate, table.size_bytes, done=True))

    def _tell(self, progress: Progress) -> None:
        if self._told is None:
            return
        now = time.monotonic()
        with self._lock:
            if not progress.done and now - self._said.get(progress.table, 0.0) < EVERY_S:
                return
            self._said[progress.table] = now
            self._told(progress)
