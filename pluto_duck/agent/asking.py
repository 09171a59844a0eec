"""`ask`: the one way a question becomes an Answer, whichever planner works on it."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from pluto_duck.agent.about_lineage import pointed_out
from pluto_duck.agent.answer import Answer, Event
from pluto_duck.agent.caveats import caveats
from pluto_duck.agent.mentions import held, mentions, unloaded, unused
from pluto_duck.agent.planners import Context, Planner
from pluto_duck.errors import PlutoError, Refused, RunError, UsageError
from pluto_duck.plugins import load
from pluto_duck.session import Session

MAX_QUESTION = 2_000
"""Characters; a longer text is no question, and every planner pays for its length."""


def ask(
    session: Session,
    question: str,
    *,
    planner: str | Planner | None = None,
    history: Sequence[Answer] = (),
    on_event: Callable[[Event], None] | None = None,
    forced: bool = False,
    model: str = "",
    verified: bool = True,
) -> Answer:
    """Answers in the words of `Answer.status`; a question that can't be answered is no error.

    `planner`: a name from the entry points, or a planner itself; None: the setting agent.planner.
    `forced`, `model`: see `Context`. `verified`: a question that somebody vouched for is answered by its SQL, and no
    planner asked; False where the planner itself is measured. What the question points at with @ is used, or the
    answer says that it is not.
    Raises UsageError for an empty or endless question, and what the database raises (TimedOut, Cancelled).
    """
    text = " ".join(question.split())
    if not text:
        raise UsageError("The question is empty.", hint="Ask, for example: how many rows are in ...?")
    if len(text) > MAX_QUESTION:
        raise UsageError(
            f"The question has {len(text)} characters; {MAX_QUESTION} is the most.",
            hint="Ask in a sentence or two.",
        )
    chosen = planner if planner is not None else str(session.settings["agent.planner"])
    if session.actor is not None:
        session, chosen, verified = session.asking, _of_a_role(planner), False
    worker: Planner = load("pluto_duck.planners", chosen)() if isinstance(chosen, str) else chosen
    emit = on_event or (lambda event: None)
    started = time.perf_counter()
    context, remarks = Context(session, tuple(history), emit, forced, model), list[str]()
    pointed = mentions(text, context.catalog()) if "@" in text else []
    # Whether a file is there is the owner's to know.
    looks = "@" in text and not pointed and session.actor is None
    answer = _unloaded(text, session, worker.name) if looks else None
    if answer is None and verified:
        answer = _recognised(text, context, remarks)
        answer = None if answer is not None and unused(answer.sql, pointed) else answer
    if answer is None:
        answer = _worked_out(worker, text, context)
        answer = pointed_out(held(answer, pointed, context), session)
        answer = _remarked(answer, [*remarks, *caveats(text, session)])
    answer = replace(answer, elapsed_s=time.perf_counter() - started)
    emit(Event("message", "final", answer.text, {"status": answer.status, "sql": answer.sql}))
    return answer


def _unloaded(question: str, session: Session, planner: str) -> Answer | None:
    path = unloaded(question, session)
    if not path:
        return None
    return Answer("declined", question, planner, f"{path} is a file that is not in the workspace yet. Load it first, "
                  f"then ask about its table: pluto-duck ingest {shlex.quote(path)}")


def _of_a_role(planner: str | Planner | None) -> str | Planner:
    """SQL that a model writes for others than the owner could hold up the process that everybody's data is in."""
    if planner is not None and planner != "builtin":
        raise Refused("Questions of others than the owner are answered by the builtin planner alone.",
                      hint="Leave the planner out.")
    return "builtin"


def _recognised(question: str, context: Context, remarks: list[str]) -> Answer | None:
    from pluto_duck.agent.memory.verified import recognised

    return recognised(question, context, remarks.append)


def _worked_out(worker: Planner, question: str, context: Context) -> Answer:
    context.emit(Event("reasoning", "start", f"Asking the planner {worker.name}."))
    try:
        return worker.plan(question, context)
    except PlutoError:
        raise
    except Exception as error:  # a plug-in's code: whoever asked must read what happened, and the run must tell it
        raise RunError(f"The planner {worker.name} stopped with an unexpected {type(error).__name__}.",
                       hint="Ask in other words, or choose another planner.") from error


def _remarked(answer: Answer, remarks: Sequence[str]) -> Answer:
    """With what the person must know besides: a verified question that was not used, words that were left out."""
    if not remarks:
        return answer
    if answer.status in ("answered", "assumed"):
        return replace(answer, status="assumed", assumptions=(*remarks, *answer.assumptions))
    return replace(answer, text=" ".join((answer.text, *(f"Besides, {one}." for one in remarks))))
