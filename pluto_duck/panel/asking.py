"""`ask`, `query`, `conversations`, `conversation`, `rate`, `verify`: the conversation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pluto_duck.display.page import Page
from pluto_duck.panel.protocol import Request

if TYPE_CHECKING:
    from pluto_duck.agent import Answer, Event
    from pluto_duck.commands.workbench import Workbench
    from pluto_duck.panel.desk import Desk
    from pluto_duck.workspace import Result

ROWS = 1_000
"""Of an answer, sent with it; a grid fetches more."""


def ask(desk: Desk, request: Request, session: Workbench) -> None:
    """A frame for each step, then the answer."""
    from pluto_duck.agent.conversing import attended

    def tell(event: Event) -> None:
        request.reply("step", type=event.type, subtype=event.subtype, text=event.text, data=dict(event.data))

    found = attended(session.runs, session, request.text("question"), conversation=request.text("conversation", ""),
                     planner=request.text("planner", "") or None, model=request.text("model", ""),
                     on_event=tell, door="panel", namespace=desk.namespace())
    request.reply("answer", end=True, answer=answered(found))


def answered(answer: Answer) -> dict[str, Any]:
    """With every chart that fits its rows, the one that is drawn first."""
    from pluto_duck.agent.telling import told

    rows = Page.of(answer.result, ROWS).json() if answer.result is not None else None
    return told(answer) | {"rows": rows, "charts": charts(answer.result, answer.drawing)}


def charts(result: Result | None, picked: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    from pluto_duck.display import chart_of, fitting_charts

    if result is None or not result.has_rows:
        return []
    first = chart_of(picked, [one.name for one in result.columns]) if picked else None
    return [one.spec() for one in fitting_charts(result, first)]


def query(desk: Desk, request: Request, session: Workbench) -> None:
    """SQL of the person's own, as a cell would run it: any statement may."""
    sql = request.text("sql")
    limit = request.whole("limit", ROWS, least=1, most=10_000)
    result = session.runs.attend("sql", sql, session, lambda run: (
        found := session.query(sql, max_rows=limit), found.row_count, {"statement": found.statement}))
    request.reply("rows", end=True, offset=0, statement=result.statement, affected_rows=result.affected_rows,
                  elapsed_s=result.elapsed_s, charts=charts(result), **Page.of(result, limit).json())


def conversations(desk: Desk, request: Request, session: Workbench) -> None:
    from pluto_duck.agent.memory import Memory

    found = Memory(session).conversations(request.whole("limit", 50, least=1, most=500),
                                          search=request.text("search", ""))
    request.reply("conversations", end=True, conversations=[vars(one) for one in found])


def conversation(desk: Desk, request: Request, session: Workbench) -> None:
    """Its questions and answers; their rows come again when they are asked for."""
    from pluto_duck.agent.memory import Memory
    from pluto_duck.agent.telling import told

    memory = Memory(session)
    found = memory.conversation(request.text("conversation"))
    turns = memory.turns(found.id)
    request.reply("conversation", end=True, title=found.title,
                  turns=[told(one.answer) | {"rating": one.rating} for one in turns])


def rename(desk: Desk, request: Request, session: Workbench) -> None:
    from pluto_duck.agent.memory import Memory

    found = Memory(session).rename(request.text("conversation"), request.text("title"))
    request.reply("renamed", end=True, conversation=vars(found))


def forget(desk: Desk, request: Request, session: Workbench) -> None:
    """A conversation and its answers; verified questions stay."""
    from pluto_duck.agent.memory import Memory

    request.reply("forgotten", end=True, conversation=vars(Memory(session).delete(request.text("conversation"))))


def markdown(desk: Desk, request: Request, session: Workbench) -> None:
    from pluto_duck.agent.memory import Memory

    request.reply("markdown", end=True, text=Memory(session).markdown(request.text("conversation")))


def models(desk: Desk, request: Request, session: Workbench) -> None:
    """The names that a planner's server gives; it is asked only for this."""
    from pluto_duck.agent.planners.choosing import models as found

    request.reply("models", end=True, models=found(session, request.text("planner")))


def rate(desk: Desk, request: Request, session: Workbench) -> None:
    from pluto_duck.agent.memory import Memory

    rating: Any = request.text("rating")
    Memory(session).rate(request.text("answer"), rating, request.text("note", ""))
    request.reply("done", end=True)


def verify(desk: Desk, request: Request, session: Workbench) -> None:
    """`question` and `sql`: better ones than the answer's; `replace`: instead of the SQL it is verified with."""
    from pluto_duck.agent.memory import Memory

    made = Memory(session).verify(request.text("answer"), request.text("question", ""), request.text("sql", ""),
                                  replace=request.flag("replace"))
    request.reply("done", end=True, question=made.question)
