"""How good a planner is: questions with known answers, asked and counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pluto_duck.agent.evaluation.cases import Case, Turn, read_cases
from pluto_duck.agent.evaluation.report import Report, shown
from pluto_duck.agent.evaluation.running import Outcome, run_cases
from pluto_duck.errors import UsageError
from pluto_duck.session import Session


def evaluate(
    file: Path,
    here: Callable[[], Session],
    *,
    planner: str | None = None,
    forced: bool = False,
    question_field: str = "question",
    semantics: Path | None = None,
    on_outcome: Callable[[Outcome], None] = lambda outcome: None,
) -> Report:
    """`forced`: the planner gives its best guess where it would rather not; its caveats still count as such."""
    if semantics is not None and not semantics.exists():
        raise UsageError(f"There is no file or folder {semantics}.")
    cases = read_cases(file, question_field=question_field)
    outcomes = run_cases(
        file, cases, here, planner=planner, forced=forced, semantics=semantics, on_outcome=on_outcome
    )
    return Report(file.name, planner or "the planner of the settings", forced, question_field, outcomes)


__all__ = ["Case", "Outcome", "Report", "Turn", "evaluate", "read_cases", "shown"]
