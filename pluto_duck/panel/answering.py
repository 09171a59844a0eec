"""`reread`, `show`, `follow_ups`, `propose`, `python`: what a person does with an answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pluto_duck.errors import PlutoError, UsageError
from pluto_duck.panel.protocol import Request

if TYPE_CHECKING:
    from pluto_duck.agent import Event
    from pluto_duck.agent.approvals import Approval
    from pluto_duck.commands.workbench import Workbench
    from pluto_duck.panel.desk import Desk


def reread(desk: Desk, request: Request, session: Workbench) -> None:
    """By one of the readings that an answer offered (`choice`), or without one of its assumptions (`without`)."""
    from pluto_duck.agent.conversing import choose, without
    from pluto_duck.agent.memory import Memory
    from pluto_duck.panel.asking import answered

    if ("choice" in request.frame) == ("without" in request.frame):
        raise UsageError("reread needs either choice or without.")
    id = request.text("answer")
    read = choose if "choice" in request.frame else without
    number = request.whole("choice" if read is choose else "without", 0, least=1)

    def tell(event: Event) -> None:
        request.reply("step", type=event.type, subtype=event.subtype, text=event.text, data=dict(event.data))

    found = session.runs.attend("question", Memory(session).answer(id).answer.question, session, lambda run: (
        one := read(session, id, number, on_event=tell, door="panel"),
        one.result.row_count if one.result is not None else 0, {}))
    request.reply("answer", end=True, answer=answered(found))


def show(desk: Desk, request: Request, session: Workbench) -> None:
    """The rows of an answer that was kept without them, with its charts and its finding."""
    from dataclasses import replace

    from pluto_duck.agent.memory import Memory
    from pluto_duck.agent.planners import Context
    from pluto_duck.panel.asking import answered

    kept = Memory(session).answer(request.text("answer")).answer
    if not kept.sql:
        raise UsageError("This answer has no SQL.")
    request.reply("answer", end=True, answer=answered(replace(kept, result=Context(session).run(kept.sql))))


def follow_ups(desk: Desk, request: Request, session: Workbench) -> None:
    """What may be asked after an answer; `value`: one of its rows, for "only ..."."""
    from pluto_duck.agent.memory import Memory
    from pluto_duck.agent.next_questions import next_questions

    memory = Memory(session)
    answer = memory.answer(request.text("answer")).answer
    before = [one.answer for one in memory.turns(answer.conversation)]
    at = [one.id for one in before].index(answer.id)
    found = next_questions(session, answer, before[:at], value=request.text("value", ""))
    request.reply("follow_ups", end=True, questions=[{"question": one.question, "table": one.table} for one in found])


def propose(desk: Desk, request: Request, session: Workbench) -> None:
    """A view, an entry of semantics.yaml or a dbt model that waits for a person: `body` is a SELECT, or an object."""
    import json

    from pluto_duck.agent.approvals import Approvals
    from pluto_duck.panel.deciding import told

    kind = request.text("kind")
    if kind == "model":
        request.reply("proposed", end=True, approval=told(_model(desk, request, session), session))
        return
    if kind not in ("view", "semantics"):
        raise UsageError("A view or an entry of semantics.yaml can be proposed here.", hint="kind: view or semantics")
    body = request.frame.get("body")
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    made = Approvals(session).propose("view" if kind == "view" else "semantics", request.text("target"), text,
                                      question=request.text("question", ""), planner="sidebar")
    request.reply("proposed", end=True, approval=told(made, session))


def _model(desk: Desk, request: Request, session: Workbench) -> Approval:
    """`answer`: whose SQL it is; where a person has changed that, `body` has it."""
    from pluto_duck.agent.keeping import FORMS, Kept, Origin, origin_of, propose

    sql, answer = request.text("body", ""), request.text("answer", "")
    if not (sql or answer):
        raise UsageError("There is no SQL.")
    origin = (replace(origin_of(session, desk.runs(session), answer), **({"sql": sql} if sql else {})) if answer
              else Origin(sql, request.text("question", "")))
    form = next((one for one in FORMS if one == request.text("as", "view")), None)
    if form is None:
        raise UsageError("It can't be kept as that.", hint=", ".join(FORMS))
    key = tuple(str(one) for one in request.items("key"))
    return propose(session, origin, Kept(request.text("target"), form, request.text("description", ""), None, key,
                                         request.flag("replace")))


def python(desk: Desk, request: Request, session: Workbench) -> None:
    """The source of a cell that gives the rows of some SQL as a DataFrame, by the workspace that the cells use."""
    sql = request.text("sql").strip().rstrip(";")
    if not sql:
        raise UsageError("There is no SQL.")
    text = sql.replace("\\", "\\\\").replace('"""', '\\"""')
    # Its folder stands in the cell only where pluto_duck.open() would open another one.
    folder = str(session.workspace.root)
    opened = "pluto_duck.open()" if _found_from_here(folder) else f"pluto_duck.open({folder!r})"
    request.reply("python", end=True, source=(
        f'import pluto_duck\n\nwith {opened} as session:\n    df = session.query("""\n{text}\n""").df()\ndf'))


def _found_from_here(folder: str) -> bool:
    from pluto_duck.workspace import find

    try:
        return str(find(create_personal=False).root) == folder
    except PlutoError:
        return False
