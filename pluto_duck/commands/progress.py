"""A line in the terminal that says how far a load is."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from typing import TextIO

EVERY_S = 0.1


class ProgressLine:
    """Called with a table and its rows so far, from any thread; rewrites one line of stderr."""

    def __init__(self, into: TextIO | None = None) -> None:
        self._into = into or sys.stderr
        self._lock = threading.Lock()
        self._table = ""
        self._began = self._shown = 0.0
        self._width = 0

    def __call__(self, table: str, rows: int) -> None:
        now = time.monotonic()
        with self._lock:
            if table != self._table:
                self._table, self._began = table, now
            elif now - self._shown < EVERY_S:
                return
            self._shown = now
            rate = f", {rows / (now - self._began):,.0f} a second" if now - self._began >= 1 else ""
            self._write(f"{table}: {rows:,} rows{rate}")

    def clear(self) -> None:
        """Wipes the line, so that what comes next starts on a clean one."""
        with self._lock:
            if self._width:
                self._write("")

    def _write(self, text: str) -> None:
        text = text[:shutil.get_terminal_size().columns - 1]
        self._into.write("\r" + text.ljust(self._width) + ("\r" if not text else ""))
        self._into.flush()
        self._width = len(text)
