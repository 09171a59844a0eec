"""How good a planner is: questions with known answers, asked and counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pluto_duck.agent.evaluation.cases import Case, Turn, read_cases
from pluto_duck.agent.evaluation.report import Report, shown
from pluto_duck.agent.evaluation.running import Outcome, run_cases
from pluto_duck.agent.evaluation.tape import Tape, recorded, replayed
from pluto_duck.agent.planners import Planner
from pluto_duck.catalog import Catalog
from pluto_duck.catalog.semantics import FILE
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
    record: Path | None = None,
    replay: Path | None = None,
) -> Report:
    """`forced`: the planner gives its best guess where it would rather not; its caveats still count as such.

    `record`: a file for what the planner's model says; `replay`: such a file, in place of the model.
    """
    if semantics is not None and not semantics.exists():
        raise UsageError(f"There is no file or folder {semantics}.")
    cases = read_cases(file, question_field=question_field)
    name = planner or str(here().settings["agent.planner"])
    tape = None if record is None and replay is None else Tape() if replay is None else Tape.read(replay)
    worker: str | Planner = name if tape is None else replayed(name, tape) if replay else recorded(name, tape)
    try:
        outcomes = run_cases(
            file, cases, here, planner=worker, forced=forced, semantics=semantics, on_outcome=on_outcome
        )
    finally:
        if record is not None and tape is not None:
            tape.write(record)
    notes = () if tape is None or replay is None else _notes(tape)
    return Report(file.name, name, forced, question_field, outcomes, notes)


def evaluate_verified(
    here: Callable[[], Session], *, planner: str | None = None, forced: bool = False,
    on_outcome: Callable[[Outcome], None] = lambda outcome: None,
) -> Report:
    """What a planner by itself answers to the verified questions of the workspace, held against their SQL."""
    session = here()
    there = Catalog.of(session).semantics.questions
    if not there:
        raise UsageError(f"No question is verified in {FILE}.", hint="`verified add` makes one of the last answer.")
    cases = [Case((Turn(f"verified/{number}", one.question, (one.sql,)),)) for number, one in enumerate(there, 1)]
    name = planner or str(session.settings["agent.planner"])
    outcomes = run_cases(session.workspace.root / FILE, cases, here, planner=name, forced=forced,
                         on_outcome=on_outcome)
    return Report(FILE, name, forced, "question", outcomes)


def _notes(tape: Tape) -> tuple[str, ...]:
    """What makes numbers from a recording doubtful."""
    notes = []
    if tape.missing:
        notes.append(f"{len(tape.missing)} questions have no recorded reply, the first: {tape.missing[0]}")
    if tape.drifted:
        notes.append(f"{tape.drifted} questions are put to a model in other words than when they were recorded")
    return tuple(notes)


__all__ = ["Case", "Outcome", "Report", "Turn", "evaluate", "evaluate_verified", "read_cases", "shown"]
