"""Asks the questions of a file and holds each answer against its gold."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from pluto_duck.agent.answer import Answer, Cost, Status
from pluto_duck.agent.asking import ask
from pluto_duck.agent.evaluation.cases import Case, Turn
from pluto_duck.agent.evaluation.compare import same_rows
from pluto_duck.agent.evaluation.places import open_place, warm
from pluto_duck.agent.planners import Planner
from pluto_duck.errors import PlutoError
from pluto_duck.session import Session
from pluto_duck.workspace import Result

GOLD_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Outcome:
    """What became of one question."""

    turn: Turn
    db: str
    status: Status
    sql: str
    text: str
    correct: bool
    """With gold: the rows are right. Without: it was not answered."""
    confidence: float
    latency_s: float
    cost: Cost = field(default_factory=Cost)
    assumptions: tuple[str, ...] = ()
    error: str = ""
    """Why nothing could be compared: the planner failed, or every gold did."""
    gold_failed: bool = False

    @property
    def answerable(self) -> bool:
        return bool(self.turn.golds)

    @property
    def given(self) -> bool:
        """SQL was given, with or without a caveat."""
        return self.status in ("answered", "assumed")


def run_cases(
    file: Path,
    cases: Iterable[Case],
    here: Callable[[], Session],
    *,
    planner: str | Planner | None = None,
    forced: bool = False,
    semantics: Path | None = None,
    on_outcome: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """In the order of the file; database by database underneath, so that each is opened once."""
    numbered = sorted(enumerate(cases), key=lambda one: (one[1].db or "", one[0]))
    found: dict[int, list[Outcome]] = {}
    for db, group in groupby(numbered, key=lambda one: one[1].db):
        with open_place(file, db, here, semantics) as session:
            warm(session)
            for number, case in group:
                found[number] = []
                for outcome in _conversation(session, case, planner, forced):
                    found[number].append(outcome)
                    on_outcome(outcome)
    return [outcome for _number, outcomes in sorted(found.items()) for outcome in outcomes]


def _conversation(session: Session, case: Case, planner: str | Planner | None, forced: bool) -> Iterator[Outcome]:
    history: list[Answer] = []
    for turn in case.turns:
        started = time.perf_counter()
        try:
            answer = ask(session, turn.question, planner=planner, history=history, forced=forced, verified=False)
        except PlutoError as error:
            elapsed = time.perf_counter() - started
            yield Outcome(turn, case.db or "", "declined", "", "", not turn.golds, 0.0, elapsed, error=error.message)
            continue
        elapsed = time.perf_counter() - started
        yield _judged(session, case.db or "", turn, answer, elapsed)
        history.append(answer)


def _judged(session: Session, db: str, turn: Turn, answer: Answer, elapsed: float) -> Outcome:
    given = answer.status in ("answered", "assumed") and bool(answer.sql)
    correct, error, gold_failed = not given, "", False
    if turn.golds:
        golds, error = _golds(session, turn)
        gold_failed = not golds
        rows = _rows(session, answer) if given and golds else None
        correct = rows is not None and any(same_rows(rows, gold, ordered=turn.ordered) for gold in golds)
    return Outcome(turn, db, answer.status, answer.sql, answer.text, correct, answer.confidence, elapsed,
                   answer.cost, answer.assumptions, error, gold_failed)


def _golds(session: Session, turn: Turn) -> tuple[list[Result], str]:
    found, error = [], ""
    for sql in turn.golds:
        try:
            found.append(session.query(sql, read_only=True, timeout_s=GOLD_TIMEOUT_S))
        except PlutoError as failure:
            error = f"gold SQL: {failure.message}"
    return found, "" if found else error


def _rows(session: Session, answer: Answer) -> Result | None:
    """All rows of the answer: what an answer keeps is cut at agent.max_rows."""
    if answer.result is not None and not answer.result.truncated:
        return answer.result
    try:
        return session.query(answer.sql, read_only=True, timeout_s=GOLD_TIMEOUT_S)
    except PlutoError:
        return None
