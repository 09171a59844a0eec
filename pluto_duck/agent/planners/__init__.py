"""The seam for planners: one class with a name and `plan`, registered under `pluto_duck.planners`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pluto_duck.agent.answer import Answer, Event
from pluto_duck.catalog import Catalog
from pluto_duck.session import Session
from pluto_duck.workspace import Result


@dataclass(frozen=True)
class Context:
    """What a planner may use. SQL of a planner runs through `run` and nowhere else."""

    session: Session
    history: Sequence[Answer] = ()
    """Earlier answers of the conversation, oldest first."""
    emit: Callable[[Event], None] = field(default=lambda event: None)
    forced: bool = False
    """The best guess is wanted where the planner would rather clarify or decline: for measuring, not for people."""
    model: str = ""
    """The model that is to be asked; "": the one of the settings. Nothing to planners that ask none."""

    def catalog(self) -> Catalog:
        return Catalog.of(self.session)

    def run(self, sql: str, *, max_rows: int | None = None) -> Result:
        """Read-only, through the Gate, within agent.timeout_s and agent.max_rows (or fewer). Raises PlutoError."""
        settings = self.session.settings
        most = min(settings["agent.max_rows"], settings["agent.max_rows"] if max_rows is None else max_rows)
        self.emit(Event("tool", "start", "run_sql", {"sql": sql}))
        result = self.session.query(
            sql, read_only=True, timeout_s=settings["agent.timeout_s"], max_rows=most
        )
        self.emit(Event("tool", "end", "run_sql", {"rows": result.row_count, "truncated": result.truncated}))
        return result


class Planner(Protocol):
    """Made without arguments, once for each question."""

    name: str

    def plan(self, question: str, context: Context) -> Answer:
        """Must not raise for a question it can't answer: that is an Answer with status declined."""
        ...


__all__ = ["Answer", "Context", "Event", "Planner"]
