"""What a model has used so far, in the cell that waits for its answer."""

from __future__ import annotations

import threading
from html import escape
from typing import TYPE_CHECKING, Any

from pluto_duck.commands.meter import Meter, TerminalMeter

if TYPE_CHECKING:
    from pluto_duck.agent import Event


class LiveMeter:
    """Told from the thread that works, shown by the waiting cell, in one output that the answer then replaces."""

    def __init__(self, *, terminal: bool) -> None:
        self._meter = Meter()
        self._lock = threading.Lock()
        self._fresh = False
        self._output: Any = None
        self._terminal = TerminalMeter() if terminal else None

    def __call__(self, event: Event) -> None:
        if self._terminal is not None:
            self._terminal(event)
            return
        with self._lock:
            self._fresh = self._meter.tell(event) or self._fresh

    def tick(self) -> None:
        """On the main thread."""
        with self._lock:
            fresh, self._fresh = self._fresh, False
            line = str(self._meter)
        if fresh:
            self._put(_bundle(line))

    def settle(self, bundle: dict[str, Any]) -> None:
        """The first part of the answer takes its place; the others follow."""
        from IPython.display import display

        if self._terminal is not None:
            self._terminal.clear()
        if self._output is None:
            display(bundle, raw=True)
        else:
            self._put(bundle)
            self._output = None

    def stop(self) -> None:
        """There is no answer: what was spent until then stays."""
        if self._terminal is not None:
            self._terminal.clear()
        if self._output is not None:
            self._put(_bundle(f"Stopped after {self._meter.spent}"))

    def _put(self, bundle: dict[str, Any]) -> None:
        from IPython.display import display

        if self._output is None:
            self._output = display(bundle, raw=True, display_id=True)
        else:
            self._output.update(bundle, raw=True)


def _bundle(line: str) -> dict[str, Any]:
    from pluto_duck.display.values import visible

    told = visible(line)
    return {"text/plain": told, "text/html": f'<div style="opacity:0.75">{escape(told)}</div>'}
