"""POST, GET /api/v1/query and GET, DELETE /api/v1/query/{run_id}"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from pluto_duck.api.forms import RunForms, summary, waiting
from pluto_duck.api.handler import guarded
from pluto_duck.api.openapi_parts import LEAST_S
from pluto_duck.errors import UsageError

if TYPE_CHECKING:
    from pluto_duck.api.places import Place
    from pluto_duck.api.work import Spend
    from pluto_duck.governance import Actor
    from pluto_duck.governance.allowance import Allowance
    from pluto_duck.runs import Run
    from pluto_duck.session import Session

STATUSES = ("queued", "running", "succeeded", "failed", "cancelled", "timed_out")

_BODY: dict[str, tuple[type, ...]] = {
    "sql": (str,), "question": (str,), "params": (dict, list), "workspace": (str,), "max_rows": (int,),
    "timeout_s": (int, float), "max_age": (int, float), "detach": (bool,), "conversation": (str,),
    "planner": (str,),
}


class QueriesHandler(RunForms):
    scopes: ClassVar = {"POST": "", "GET": ""}  # by what is asked: the methods look
    counts_as: ClassVar = {"POST": "runs", "GET": "runs"}
    actions: ClassVar = {"POST": "query", "GET": "look"}

    @property
    def begins_something(self) -> bool:
        return super().begins_something or "sql" in self.request.query_arguments

    @guarded
    async def post(self) -> None:
        """Starts a run and answers 202 before it has done anything."""
        body = self.json_object(_BODY)
        if ("sql" in body) == ("question" in body):
            raise UsageError('Give either "sql" or "question".', hint='For example: {"sql": "select 42"}')
        kind = "sql" if "sql" in body else "question"
        self.trail.action = "query" if kind == "sql" else "ask"
        self.must_have("query:run" if kind == "sql" else "query:ask")
        text = body[kind].strip()
        if not text:
            raise UsageError(f'"{kind}" is empty.')
        if kind == "question" and "params" in body:
            raise UsageError('"params" belong to "sql".')
        if kind == "question" and "max_age" in body:
            raise UsageError('"max_age" belongs to "sql": a question is answered as of now.')
        for name in ("conversation", "planner"):
            if kind == "sql" and name in body:
                raise UsageError(f'A "{name}" belongs to a "question".')
        place = await self.place(body.get("workspace"))
        if body.get("conversation"):
            body["conversation"] = await self.in_thread(place.ask_as, self.actor, partial(mine, body["conversation"]))
        run = await self.in_thread(start, place, kind, text, body, self.actor, self.allowance,
                                   self.spender(), self.looks())
        self.trail.run = run.run_id
        url = self.url("query", run.run_id, workspace=await self._named(place))
        self.set_header("Location", url)
        self.send({"run_id": run.run_id, "status": run.status, "workspace": place.name,
                   **waiting(place, run), "links": {"self": url}}, 202)

    async def _named(self, place: Place) -> str | None:
        """The workspace for links; None when it is the default one."""
        named = await self.in_thread(self.app.places.named)
        return None if next(iter(named)) == place.name else place.name

    @guarded
    async def get(self) -> None:
        """The runs of a workspace, newest first; with `sql` the rows of a SELECT."""
        sql = self.get_query_argument("sql", None)
        if sql is not None:
            from pluto_duck.api.select import select

            await select(self, sql)
            return
        self.must_be_owner()
        from pluto_duck.api.select import asked

        asked(self)  # nothing that is wrong is passed over, where it does nothing either
        if "format" in self.request.query_arguments:
            self.form(without=("events",))
        place = await self.place()
        limit = self.integer("limit", 50, least=1, most=500) or 50
        before = self.integer("cursor", None, least=1, most=2**62)
        status = self.get_query_argument("status", None)
        if status is not None and status not in STATUSES:
            raise UsageError(f"status={status} is no state of a run.", hint=f"Known: {', '.join(STATUSES)}.")
        runs = await self.in_thread(lambda: place.runs.list(limit + 1, before=before, status=status))
        page, named = runs[:limit], self.get_query_argument("workspace", None)
        links: dict[str, str] = {}
        if len(runs) > limit:
            links["next"] = self.url("query", limit=limit, cursor=page[-1].number, status=status, workspace=named)
            self.set_header("Link", f'<{links["next"]}>; rel="next"')
        self.send({"workspace": place.name, "links": links,
                   "runs": [summary(one) | {"links": {"self": self.url("query", one.run_id, workspace=named)}}
                            for one in page]})


class QueryHandler(RunForms):
    paid = True
    scopes: ClassVar = {"GET": "", "DELETE": ""}  # of its own runs
    actions: ClassVar = {"DELETE": "cancel"}

    async def _run(self, run_id: str) -> tuple[Place, Run]:
        self._followed = await self.place_of_run(run_id)
        return self._followed

    @guarded
    async def get(self, run_id: str) -> None:
        """The run in the form that Accept asks for."""
        place, run = await self._run(run_id)
        await self.answer(place, run, self.form())

    @guarded
    async def delete(self, run_id: str) -> None:
        """Cancels: 202 while it is stopping, 200 when it had ended or was only waiting."""
        place, _run = await self._run(run_id)
        run = await self.in_thread(place.runs.cancel, run_id)
        self.send({**summary(run), "workspace": place.name}, 200 if run.done else 202)


def start(place: Place, kind: str, text: str, body: dict[str, Any], actor: Actor | None,
           allowance: Allowance | None, spend: Spend | None, look: bool = True, *, reads: bool = False) -> Run:
    """`reads`: SQL must be one that only reads, also the owner's."""
    from pluto_duck.api.work import answer_question, counted, run_sql
    from pluto_duck.runs import Share

    max_rows, timeout_s = limits(place, body, allowance)
    if kind == "question" and "timeout_s" not in body:
        timeout_s = min(timeout_s, place.settings["agent.deadline_s"])
    if kind == "sql":
        work = run_sql(place, text, body.get("params"), max_rows=max_rows, max_age_s=_age(body), look=look,
                       reads=reads)
    else:
        work = answer_question(place, text, body.get("conversation", ""), body.get("planner") or None)
    if allowance is not None and spend is not None:
        work = counted(work, spend, max_bytes=int(allowance.max_mb * 1e6))
    share = Share(allowance.running, allowance.waiting) if allowance is not None else None
    run = place.runs.start(kind, text, work, deadline_s=timeout_s, actor=actor, share=share)
    if not body.get("detach", False):
        place.attach(run.run_id)
    return run


def limits(place: Place, body: dict[str, Any], allowance: Allowance | None) -> tuple[int, float]:
    """(rows, seconds) of a request."""
    return (int(_capped(place, "query.max_rows", "max_rows", body, allowance.max_rows if allowance else None)),
            _capped(place, "query.timeout_s", "timeout_s", body, allowance.timeout_s if allowance else None))


def mine(id: str, session: Session) -> str:
    """The whole id of a conversation. Raises UnknownName before a run is begun in vain."""
    from pluto_duck.agent.memory import Memory

    return Memory(session).mine(id).id


def _age(body: dict[str, Any]) -> float | None:
    wanted = body.get("max_age")
    if wanted is not None and not 0 <= wanted <= 10**9:
        raise UsageError('"max_age" must be 0 or more seconds.', name="max_age", hint="0: as of now.")
    return None if wanted is None else float(wanted)


def _capped(place: Place, setting: str, name: str, body: dict[str, Any], allowed: float | None) -> float:
    """`allowed`: what the caller may at most, where it is not the owner."""
    most = place.settings[setting]
    if allowed is not None and allowed < most:
        most, setting = allowed, f"limits.{name}"
    wanted = body.get(name, most)
    least = LEAST_S if name == "timeout_s" else 0
    if not min(least, most) <= wanted <= most:
        raise UsageError(f'"{name}" must be from {min(least, most):g} to {most:.15g}.', name=name,
                         hint=f"The setting {setting} is the limit.")
    return float(wanted)
