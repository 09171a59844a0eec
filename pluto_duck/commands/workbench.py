"""`pluto_duck.open()`: a Session with the verbs a script wants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pluto_duck.session import Session

if TYPE_CHECKING:
    from pluto_duck.agent import Answer
    from pluto_duck.agent.planners import Planner
    from pluto_duck.ingest import LoadOptions, LoadReport, Progress
    from pluto_duck.runs import Runs


class Workbench(Session):
    """One workspace, open: `.query(sql)`, `.ask(question)`, `.ingest(uri)`, `.tables()`, `.runs`."""

    @classmethod
    def open(cls, path: Path | str | None = None, **options: Any) -> Self:
        return super().open(path, **options)  # type: ignore[return-value]

    def ask(self, question: str, *, planner: str | Planner | None = None,
            history: Sequence[Answer] = (), on_event: Callable[..., None] | None = None) -> Answer:
        """Answers a question about the tables; see `Answer.status` before using `Answer.result`."""
        from pluto_duck.agent import ask

        return ask(self, question, planner=planner, history=history, on_event=on_event)

    def ingest(self, source: Any, options: LoadOptions | None = None, *,
               on_progress: Callable[[Progress], None] | None = None, **keywords: Any) -> LoadReport:
        """Brings tables in from a file, a database or a DataFrame, each whole or not at all.

        Keywords are the fields of LoadOptions: `tables`, `into`, `mode`, `cursor`, ...
        """
        from pluto_duck.commands.load_run import apart, perform
        from pluto_duck.ingest.told import told

        shown, secret = apart(source) if isinstance(source, str) else ("a DataFrame", None)
        return perform(self, source, told(options, keywords), shown=shown, secret=secret, on_progress=on_progress)

    @cached_property
    def runs(self) -> Runs:
        """What was run here, from any door."""
        from pluto_duck.runs import Runs

        return Runs(self, self.workspace)

    def close(self) -> None:
        if "runs" in self.__dict__:
            self.runs.close()
        super().close()


def open(path: Path | str | None = None, **settings: Any) -> Workbench:
    """The workspace of a folder (None: the current one, else the personal one), as a context manager.

    Settings by keyword with `__` for the dot: `pluto_duck.open(duckdb__threads=2)`.
    """
    return Workbench.open(path, **settings)
