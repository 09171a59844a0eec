"""A question as a turn of a conversation: what every door calls, so that all of them give the same Answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pluto_duck.agent.answer import Answer, Event
from pluto_duck.agent.asking import ask
from pluto_duck.agent.memory import Door, Memory
from pluto_duck.agent.over_frames import asked_over
from pluto_duck.agent.planners import Context, Planner
from pluto_duck.agent.telling import told
from pluto_duck.errors import UsageError
from pluto_duck.session import Session

if TYPE_CHECKING:
    from pluto_duck.runs import RunContext, Runs


def converse(
    session: Session,
    question: str,
    *,
    conversation: str = "",
    planner: str | Planner | None = None,
    model: str = "",
    on_event: Callable[[Event], None] | None = None,
    door: Door = "python",
    namespace: Mapping[str, Any] | None = None,
) -> Answer:
    """As `ask`, with what was asked before in that conversation, and kept as its next turn.

    `conversation`: its id, or the beginning of it; "": a new one. Where the last answer offers choices, their number
    is an answer to it. `namespace`: where DataFrames that the question mentions (`@routes`) are found. Others than
    the owner go on with what they asked themselves. Raises UnknownName for a conversation that is not there (to the
    session's actor), and what `ask` raises.
    """
    memory = Memory(session)
    if not conversation:
        with asked_over(session, question, namespace) as there:
            found = ask(there, question, planner=planner, model=model, on_event=on_event)
        return memory.keep(found, door=door)
    id = memory.mine(conversation).id
    history = memory.history(id)
    number = re.fullmatch(r"\s*(\d)\s*[.)]?\s*", question)
    if number and history and history[-1].choices:
        return choose(session, history[-1].id, int(number[1]), on_event=on_event, door=door,
                      namespace=namespace)
    with asked_over(session, question, namespace, history) as there:
        found = ask(there, question, planner=planner, model=model, history=history, on_event=on_event)
    return memory.keep(found, conversation=id, door=door)


def choose(
    session: Session,
    answer_id: str,
    number: int,
    *,
    on_event: Callable[[Event], None] | None = None,
    door: Door = "python",
    namespace: Mapping[str, Any] | None = None,
) -> Answer:
    """One of the readings that an answer offered, counted from 1; the next turn of its conversation."""
    memory = Memory(session)
    asked = memory.answer(answer_id).answer
    memory.mine(asked.conversation)
    if not 1 <= number <= len(asked.choices):
        raise UsageError(f"There is no choice {number} for this question.",
                         hint=_offered(asked) or "Its answer offers none.")
    with asked_over(session, asked.question, namespace) as there:
        chosen = chosen_of(there, asked, number, on_event=on_event)
    return memory.keep(chosen, conversation=asked.conversation, door=door)


def without(
    session: Session,
    answer_id: str,
    number: int,
    *,
    on_event: Callable[[Event], None] | None = None,
    door: Door = "python",
) -> Answer:
    """The question of an answer without one of its assumptions, by the place in `Answer.otherwise`, counted from 1;
    the next turn of its conversation."""
    memory = Memory(session)
    asked = memory.answer(answer_id).answer
    memory.mine(asked.conversation)
    if not 1 <= number <= len(asked.otherwise):
        raise UsageError(f"There is no other reading {number} of this question.",
                         hint="Ask in other words." if not asked.otherwise else f"1 to {len(asked.otherwise)}.")
    one = asked.otherwise[number - 1]
    result = Context(session.asking, emit=on_event or (lambda event: None)).run(one.sql)
    made = Answer("assumed" if one.assumptions else "answered", asked.question, asked.planner, one.text, one.sql,
                  one.assumptions, 1.0, (*asked.evidence, f"you took away: {one.assumption}"), result=result,
                  share=asked.share, elapsed_s=result.elapsed_s)
    return memory.keep(made, conversation=asked.conversation, door=door)


def chosen_of(
    session: Session, asked: Answer, number: int, *, on_event: Callable[[Event], None] | None = None
) -> Answer:
    """The answer by one of the choices, not kept."""
    one = asked.choices[number - 1]
    result = Context(session.asking, emit=on_event or (lambda event: None)).run(one.sql)
    return Answer("answered", asked.question, asked.planner, one.text, one.sql, confidence=1.0,
                  evidence=(*asked.evidence, f"you chose: {one.text}"), result=result, share=asked.share,
                  elapsed_s=result.elapsed_s, chosen=number)


def _offered(asked: Answer) -> str:
    return "\n".join(f"{number}. {one.text}" for number, one in enumerate(asked.choices, 1))


def attended(
    runs: Runs,
    session: Session,
    question: str,
    *,
    conversation: str = "",
    planner: str | Planner | None = None,
    model: str = "",
    on_event: Callable[[Event], None] | None = None,
    door: Door = "python",
    namespace: Mapping[str, Any] | None = None,
) -> Answer:
    """As `converse`, as a run in the history of the workspace: followed and cancelled from anywhere, ended by the
    setting agent.deadline_s, and told as failed where its process dies."""

    def work(run: RunContext) -> tuple[Answer, int, dict[str, Any]]:
        def tell(event: Event) -> None:
            run.emit(event.type, event.subtype, text=event.text, **event.data)
            if on_event is not None:
                on_event(event)

        answer = converse(session, question, conversation=conversation, planner=planner, model=model,
                          on_event=tell, door=door, namespace=namespace)
        return answer, answer.result.row_count if answer.result is not None else 0, {"answer": told(answer, rows=False)}

    return runs.attend("question", question, session, work, deadline_s=session.settings["agent.deadline_s"])
