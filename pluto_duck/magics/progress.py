"""How far a load is, in the cell that waits for it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from pluto_duck.commands.progress import Tally, TerminalProgress

if TYPE_CHECKING:
    from pluto_duck.ingest import Progress as TableProgress


class Progress:
    """Called from the threads that load; shown by the waiting cell, in one output that the outcome then replaces.
    A load quicker than a tick shows nothing."""

    def __init__(self, *, terminal: bool) -> None:
        self._tally = Tally()
        self._shown = 0
        self._output: Any = None
        self._terminal = TerminalProgress() if terminal else None
        """Where an output can't be replaced, but lines can."""

    def __call__(self, progress: TableProgress) -> None:
        if self._terminal is not None:
            self._terminal(progress)
        else:
            self._tally.tell(progress)

    def tick(self) -> None:
        """On the main thread."""
        if self._tally.changes != self._shown:
            self._shown = self._tally.changes
            self._put(self._picture())

    def settle(self, bundle: dict[str, Any]) -> None:
        """The outcome takes the place of what was shown; once."""
        from IPython.display import display

        self._end()
        self._tally, self._shown = Tally(), 0  # a later load of the same cell has an output of its own
        if self._output is None:
            display(bundle, raw=True)
        else:
            self._put(bundle)
            self._output = None

    def stop(self) -> None:
        """There is no outcome: what stands in the notebook from now on must not look as if it still ran."""
        self._end()
        if self._output is not None:
            self._put(self._picture("Stopped at:"))
            self._output = None

    def _end(self) -> None:
        if self._terminal is not None:
            self._terminal.clear()

    def _picture(self, above: str = "") -> dict[str, Any]:
        from pluto_duck.display.values import visible

        lines = [tuple(visible(cell) for cell in cells) for cells in self._tally.lines()]
        text = "\n".join(filter(None, (above, *("  ".join(filter(None, cells)) for cells in lines),
                                       self._tally.summary())))
        rows = "".join("<tr>" + "".join(
            f'<td style="text-align:{"left" if i == 0 else "right"};white-space:nowrap">{escape(cell)}</td>'
            for i, cell in enumerate(cells)) + "</tr>" for cells in lines)
        before, after = (f"<div>{escape(one)}</div>" if one else "" for one in (above, self._tally.summary()))
        table = f'<table class="dataframe tex2jax_ignore mathjax_ignore">{rows}</table>'
        return {"text/plain": text, "text/html": before + table + after}

    def _put(self, bundle: dict[str, Any]) -> None:
        from IPython.display import display

        if self._output is None:
            self._output = display(bundle, raw=True, display_id=True)
        else:
            self._output.update(bundle, raw=True)
