"""How far a load is: what is known of each table, and the terminal that shows it."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from pluto_duck.commands.load_report import count, size

if TYPE_CHECKING:
    from pluto_duck.ingest import Progress

SHOWN = 12
"""Tables that are shown at once; the rest is a number."""
RATE_AFTER_S = 1.0
"""Before that, rows a second are a guess."""
LINE_EVERY_S = 5.0
EVERY_S = 0.15


@dataclass
class TableState:
    latest: Progress
    began: float
    seen: float

    @property
    def rate(self) -> float | None:
        """Rows a second; None while it can't be told."""
        elapsed = self.seen - self.began
        return self.latest.rows / elapsed if elapsed >= RATE_AFTER_S and self.latest.rows else None

    @property
    def remaining_s(self) -> float | None:
        total, rate = self.latest.total_rows, self.rate
        if self.latest.done or not total or not rate or total <= self.latest.rows:
            return None
        return (total - self.latest.rows) / rate

    @property
    def percent(self) -> int | None:
        total = self.latest.total_rows
        return None if not total else 100 if self.latest.done else min(99, self.latest.rows * 100 // total)

    def cells(self) -> tuple[str, str, str, str, str, str]:
        """(table, part, rows, rows a second, bytes, what remains)"""
        one = self.latest
        rows = f"{one.rows:,}" + (f" of ~{one.total_rows:,}" if one.total_rows and not one.done else "") + " rows"
        return (one.table, "done" if one.done else "" if self.percent is None else f"{self.percent} %", rows,
                "" if self.rate is None else f"{self.rate:,.0f}/s", "" if one.bytes is None else size(one.bytes),
                "" if self.remaining_s is None else f"{clock(self.remaining_s)} left")


def clock(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02} h"


class Tally:
    """The state of every table of a load; told from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tables: dict[str, TableState] = {}
        self.changes = 0

    def tell(self, progress: Progress) -> TableState:
        now = time.monotonic()
        with self._lock:
            state = self._tables.get(progress.table)
            if state is None:
                state = self._tables[progress.table] = TableState(progress, now, now)
            state.latest, state.seen = progress, now
            self.changes += 1
            return state

    def lines(self) -> list[tuple[str, str, str, str, str, str]]:
        """Those at work first, then those that ended, the latest above; at most SHOWN."""
        with self._lock:
            states = sorted(self._tables.values(), key=lambda one: (
                one.latest.done, -one.seen if one.latest.done else one.began))
        return [one.cells() for one in states[:SHOWN]]

    def summary(self) -> str:
        """A line for all of them; "" for one table alone."""
        with self._lock:
            states = list(self._tables.values())
        if len(states) < 2:
            return ""
        done = sum(one.latest.done for one in states)
        return f"{done} of {count(len(states), 'table')} done, {count(sum(one.latest.rows for one in states), 'row')}"


class TerminalProgress:
    """A few lines below the cursor that are rewritten; gone when the load ends. On a terminal that can't move its
    cursor a plain line now and then."""

    def __init__(self, into: TextIO | None = None) -> None:
        self._into = into or sys.stderr
        self._tally = Tally()
        self._lock = threading.Lock()
        self._live: Any = None
        self._drawn = 0.0
        self._plain = os.environ.get("TERM", "") in ("dumb", "")

    def __call__(self, progress: Progress) -> None:
        from pluto_duck.display.values import visible

        state = self._tally.tell(progress)
        now = time.monotonic()
        with self._lock:
            if self._plain:
                if progress.done or now - self._drawn >= LINE_EVERY_S:
                    self._drawn = now
                    print(visible(" ".join(filter(None, state.cells()))), file=self._into, flush=True)
            elif now - self._drawn >= EVERY_S or progress.done:
                self._drawn = now
                self._draw()

    def _draw(self) -> None:
        if self._live is None:
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(file=self._into, highlight=False), transient=True, auto_refresh=False)
            self._live.start()
        self._live.update(self._picture(), refresh=True)

    def _picture(self) -> Any:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        from pluto_duck.display.values import visible

        grid = Table.grid(padding=(0, 2))
        for name in ("table", "part", "rows", "rate", "bytes", "left"):
            grid.add_column(justify="left" if name == "table" else "right", no_wrap=True,
                            overflow="ellipsis", style="" if name == "table" else "dim" if name != "rows" else "")
        for cells in self._tally.lines():
            grid.add_row(*(Text(visible(one)) for one in cells))
        return Group(grid, Text(self._tally.summary(), style="dim")) if self._tally.summary() else grid

    def clear(self) -> None:
        """Wipes what was drawn, so that what comes next starts on a clean line. A later load begins anew."""
        with self._lock:
            live, self._live = self._live, None
            self._tally = Tally()
        if live is not None:
            live.stop()
