"""How far a load is, in the cell that waits for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Progress:
    """Called from the worker with a table and its rows so far; shown by the waiting cell, in one output
    that the outcome then replaces. A load quicker than a tick shows nothing."""

    def __init__(self, *, terminal: bool) -> None:
        self._latest = self._shown = ""
        self._output: Any = None
        self._line: Callable[[str, int], None] | None = None
        self._clear: Callable[[], None] = lambda: None
        if terminal:  # where an output can't be replaced, but a line can
            from pluto_duck.commands.progress import ProgressLine

            self._line = line = ProgressLine()
            self._clear = line.clear

    def __call__(self, table: str, rows: int) -> None:
        if self._line is not None:
            self._line(table, rows)
        else:
            self._latest = f"{table}: {rows:,} rows"

    def tick(self) -> None:
        """On the main thread."""
        if self._latest == self._shown:
            return
        self._shown = self._latest
        self._put({"text/plain": self._shown})

    def settle(self, bundle: dict[str, Any]) -> None:
        """The outcome takes the place of what was shown; once."""
        from IPython.display import display

        self._clear()
        if self._output is None:
            display(bundle, raw=True)
        else:
            self._put(bundle)
            self._output = None

    def _put(self, bundle: dict[str, Any]) -> None:
        from IPython.display import display

        if self._output is None:
            self._output = display(bundle, raw=True, display_id=True)
        else:
            self._output.update(bundle, raw=True)
