"""POST, GET /api/v1/query and GET, DELETE /api/v1/query/{run_id}"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from pluto_duck.api.handler import HTTPProblem, PlutoHandler, guarded
from pluto_duck.api.tags import matches, tag_of
from pluto_duck.errors import UsageError

if TYPE_CHECKING:
    from pluto_duck.api.places import Place
    from pluto_duck.api.work import Spend
    from pluto_duck.governance import Actor
    from pluto_duck.governance.allowance import Allowance
    from pluto_duck.runs import Run
    from pluto_duck.session import Session

PAGE, MAX_PAGE = 1_000, 10_000
"""Rows of a JSON page."""
MAX_WAIT_S = 60.0

STATUSES = ("queued", "running", "succeeded", "failed", "cancelled", "timed_out")

_BODY: dict[str, tuple[type, ...]] = {
    "sql": (str,), "question": (str,), "params": (dict, list), "workspace": (str,), "max_rows": (int,),
    "timeout_s": (int, float), "max_age": (int, float), "detach": (bool,), "conversation": (str,),
    "planner": (str,),
}


class QueriesHandler(PlutoHandler):
    scopes: ClassVar = {"POST": ""}  # by what is asked: `post` looks
    counts_as: ClassVar = {"POST": "runs"}
    actions: ClassVar = {"POST": "query", "GET": "look"}

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
        if body.get("conversation") and self.caller is not None:
            raise HTTPProblem(403, "Conversations are kept for the owner alone.", hint="Ask without one.")
        if body.get("conversation"):
            found = await self.in_thread(place.ask, lambda session: _conversation(session, body["conversation"]))
            body["conversation"] = found
        run = await self.in_thread(_start, place, kind, text, body, self.actor, self.allowance,
                                   self.spender(), self.looks())
        self.trail.run = run.run_id
        url = self.url("query", run.run_id, workspace=await self._named(place))
        self.set_header("Location", url)
        self.send({"run_id": run.run_id, "status": run.status, "workspace": place.name,
                   **waiting(place, run), "links": {"self": url}}, 202)

    def looks(self) -> bool:
        """Whether an answer that was computed before will do (RFC 9111 5.2.1)."""
        asked = self.request.headers.get("Cache-Control", "").lower().replace(" ", "").split(",")
        return not {"no-cache", "no-store", "max-age=0"} & set(asked)

    async def _named(self, place: Place) -> str | None:
        """The workspace for links; None when it is the default one."""
        named = await self.in_thread(self.app.places.named)
        return None if next(iter(named)) == place.name else place.name

    @guarded
    async def get(self) -> None:
        """The runs of a workspace, newest first."""
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


class QueryHandler(PlutoHandler):
    scopes: ClassVar = {"GET": "", "DELETE": ""}  # of its own runs
    _tag: str | None = None

    actions: ClassVar = {"DELETE": "cancel"}
    _followed: tuple[Place, Run] | None = None

    async def _run(self, run_id: str) -> tuple[Place, Run]:
        self._followed = await self.place_of_run(run_id)
        return self._followed

    def stalled(self) -> None:
        super().stalled()
        if self._followed is not None:
            place, run = self._followed
            said = f"A client that followed it took nothing for {self.app.client_timeout_s:g} s and was cut off."
            self.app.soon(place.runs.note, run.run_id, said)

    @guarded
    async def get(self, run_id: str) -> None:
        """The run in the form that Accept asks for."""
        from pluto_duck.api import download, sse

        place, run = await self._run(run_id)
        self.set_header("Vary", "Accept, Accept-Encoding, Authorization, Cookie")
        kind = self._form({"json": "application/json", "events": "text/event-stream", **download.FORMATS})
        if kind == "application/json":
            await self._json(place, run)
        elif kind == "text/event-stream":
            with self.app.protecting.stream(self.caller, self.allowance):
                await sse.stream(self, place, run)
        else:
            with self.app.protecting.stream(self.caller, self.allowance):
                await download.stream(self, place, run, kind)

    def _form(self, known: dict[str, str]) -> str:
        named = self.get_query_argument("format", None)
        if named is None:
            return self.accepted(tuple(known.values()))
        if named not in known:
            raise UsageError(f"format={named} is no form of a run.", hint=f"Known: {', '.join(known)}.")
        return known[named]

    def unchanged(self, tag: str) -> bool:
        """Tags the answer; True where the client has it already, and gets 304."""
        self._tag = tag
        self.caching = "private, no-cache"  # kept, but asked about each time
        self.set_header("ETag", tag)
        self.set_header("Cache-Control", self.caching)
        if not matches(self.request.headers.get("If-None-Match", ""), tag):
            return False
        self.set_status(304)
        return True

    def compute_etag(self) -> str | None:
        """Ours, or none: tornado's own hash of the body would come after all the work."""
        return self._tag

    async def _json(self, place: Place, run: Run) -> None:
        from pluto_duck.api.follow import Follower

        offset = self.integer("offset", 0, least=0, most=2**62) or 0
        limit = self.integer("limit", PAGE, least=0, most=MAX_PAGE)
        wait_s = self._wait_s()
        if wait_s and not run.done:
            follower = Follower(self.app, place, run.run_id, counts=False)
            self.on_gone = follower.leave
            async with follower:
                try:
                    async with asyncio.timeout(wait_s):
                        async for state in follower.states():
                            run = state
                except TimeoutError:
                    pass
        cut = self.integer("cut", None, least=1, most=2**31)
        named = self.get_query_argument("workspace", None)
        form = ("json", run.run_id, offset, limit, cut, named, self.base_url)
        if run.done and self.unchanged(tag_of(place, run, *form)):
            return
        rows = await self.in_thread(_page, place, run, offset, PAGE if limit is None else limit, cut)
        links = {"self": self.url("query", run.run_id, workspace=named)}
        if rows is not None and offset + len(rows) < run.row_count and rows:
            links["next"] = self.url("query", run.run_id, offset=offset + len(rows), limit=limit, workspace=named)
            self.set_header("Link", f'<{links["next"]}>; rel="next"')
        self.say_age(run)
        self.send({**summary(run), **waiting(place, run), "workspace": place.name,
                   "columns": None if run.columns is None else [{"name": c.name, "type": c.type} for c in run.columns],
                   "offset": offset, "limit": limit, "rows": rows, "links": links})

    def _wait_s(self) -> float:
        text = self.get_query_argument("wait", "0")
        try:
            wait_s = float(text)
        except ValueError:
            wait_s = -1.0
        if not 0 <= wait_s <= MAX_WAIT_S:
            raise UsageError(f"wait={text} must be seconds from 0 to {MAX_WAIT_S:g}.", name="wait")
        return wait_s

    @guarded
    async def delete(self, run_id: str) -> None:
        """Cancels: 202 while it is stopping, 200 when it had ended or was only waiting."""
        place, _run = await self._run(run_id)
        run = await self.in_thread(place.runs.cancel, run_id)
        self.send({**summary(run), "workspace": place.name}, 200 if run.done else 202)


def summary(run: Run) -> dict[str, Any]:
    """What JSON says of a run, without its rows."""
    return {
        "run_id": run.run_id, "kind": run.kind, "text": run.text, "status": run.status,
        "created_at": run.created_at.isoformat(),
        "started_at": run.started_at.isoformat() if run.started_at else None,
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
        "elapsed_s": round(run.elapsed_s, 6), "row_count": run.row_count, "error": run.error,
        **{name: value for name, value in run.facts.items() if name != "data"},  # what its ETags are made of
    }


def waiting(place: Place, run: Run) -> dict[str, Any]:
    """How many runs begin before it, while it waits in this process."""
    position = place.runs.position(run.run_id) if run.status == "queued" else None
    return {} if position is None else {"position": position}


def _page(place: Place, run: Run, offset: int, limit: int, cut: int | None) -> list[Any] | None:
    from pluto_duck.display.jsonable import json_rows
    from pluto_duck.display.page import short

    table = place.runs.page(run, offset, limit)
    if table is None:
        return None
    types = [one.type for one in run.columns or ()]
    rows = [row for batch in table.to_batches() for row in json_rows(batch, types)]
    return rows if cut is None else [[short(value, cut) for value in row] for row in rows]


def _start(place: Place, kind: str, text: str, body: dict[str, Any], actor: Actor | None,
           allowance: Allowance | None, spend: Spend | None, look: bool) -> Run:
    from pluto_duck.api.work import answer_question, counted, run_sql
    from pluto_duck.runs import Share

    max_rows = _capped(place, "query.max_rows", "max_rows", body, allowance.max_rows if allowance else None)
    timeout_s = _capped(place, "query.timeout_s", "timeout_s", body, allowance.timeout_s if allowance else None)
    if kind == "question" and "timeout_s" not in body:
        timeout_s = min(timeout_s, place.settings["agent.deadline_s"])
    if kind == "sql":
        work = run_sql(place, text, body.get("params"), max_rows=int(max_rows), max_age_s=_age(body), look=look)
    else:
        work = answer_question(place, text, body.get("conversation", ""), body.get("planner") or None)
    if allowance is not None and spend is not None:
        work = counted(work, spend, max_bytes=int(allowance.max_mb * 1e6))
    share = Share(allowance.running, allowance.waiting) if allowance is not None else None
    run = place.runs.start(kind, text, work, deadline_s=timeout_s, actor=actor, share=share)
    if not body.get("detach", False):
        place.attach(run.run_id)
    return run


def _conversation(session: Session, id: str) -> str:
    """The whole id. Raises UnknownName before a run is begun in vain."""
    from pluto_duck.agent.memory import Memory

    return Memory(session).conversation(id).id


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
    if not 0 <= wanted <= most or (name == "timeout_s" and wanted == 0):
        raise UsageError(f'"{name}" must be from 0 to {most:.15g}.', name=name,
                         hint=f"The setting {setting} is the limit.")
    return float(wanted)
