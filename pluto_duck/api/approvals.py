"""GET /api/v1/approvals, GET and POST /api/v1/approvals/{id}: what was proposed, and a person's word on it.

Besides `pluto_duck`, an Authorizer of Jupyter rules on the resource `pluto_duck_approvals`: who may ask need not be who
may decide.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from pluto_duck.api.handler import PlutoHandler, guarded
from pluto_duck.errors import UsageError

if TYPE_CHECKING:
    from pluto_duck.agent.approvals import Approval, Approvals, Entry
    from pluto_duck.api.places import Place
    from pluto_duck.runs import Run, RunContext
    from pluto_duck.session import Session

DECISIONS = ("approve", "reject", "edit")
DECISION: dict[str, tuple[type, ...]] = {"decision": (str,), "reason": (str,), "body": (str,),
                                        "version": (str,)}


class ApprovalsHandler(PlutoHandler):
    @guarded
    async def get(self) -> None:
        """Newest first; `waiting=1`: only those that can be decided."""
        place = await self.place()
        waiting = self.integer("waiting", 0, least=0, most=1)
        found = await self.in_thread(place.ask, lambda session: _of(session).all(waiting=bool(waiting)))
        named = self.get_query_argument("workspace", None)
        self.send({"workspace": place.name, "approvals": [
            told(one) | {"links": {"self": self.url("approvals", one.id, workspace=named)}} for one in found]})


class ApprovalHandler(PlutoHandler):
    @guarded
    async def get(self, id: str) -> None:
        place = await self.place()
        one, log = await self.in_thread(place.ask, lambda session: _seen(session, id))
        self.send({"workspace": place.name, **told(one), "log": [
            {"at": _when(entry.at), "what": entry.what, "who": entry.who, "detail": entry.detail} for entry in log]})

    @guarded
    async def post(self, id: str) -> None:
        """Approving starts a run (202); rejecting and editing are done at once."""
        await self.must_be_let("pluto_duck_approvals")
        body = self.json_object(DECISION)
        decision = body.get("decision")
        if decision not in DECISIONS:
            raise UsageError(f'"decision" must be one of {", ".join(DECISIONS)}.')
        if ("body" in body) != (decision == "edit") or ("reason" in body and decision != "reject"):
            raise UsageError('"body" belongs to edit, "reason" to reject.')
        if ("version" not in body and decision == "approve") or ("version" in body and decision == "reject"):
            raise UsageError('"version" says which text was seen: it belongs to approve, and may stand in edit.',
                             hint="Take it from GET approvals/{id}.")
        place, who = await self.place(), f"{self.current_user.username} (REST)"
        if decision == "approve":
            one = await self.in_thread(place.ask, lambda session: _looked_at(session, id, body["version"]))
            run = await self.in_thread(_approve, place, one, body["version"], who)
            url = self.url("query", run.run_id, workspace=self.get_query_argument("workspace", None))
            self.set_header("Location", url)
            self.send({"run_id": run.run_id, "status": run.status, "workspace": place.name, "links": {"self": url}},
                      202)
            return

        def decide(session: Session) -> Approval:
            known = _of(session)
            if decision == "edit":
                return known.edit(id, body["body"], who, seen=body.get("version"))
            return known.reject(id, who, body.get("reason", ""))

        self.send({"workspace": place.name, **told(await self.in_thread(place.ask, decide))})


def _of(session: Session) -> Approvals:
    from pluto_duck.agent.approvals import Approvals

    return Approvals(session)


def _seen(session: Session, id: str) -> tuple[Approval, list[Entry]]:
    known = _of(session)
    one = known.get(id)
    return one, known.log(one.id)


def _looked_at(session: Session, id: str, version: str) -> Approval:
    from pluto_duck.agent.approvals import must_be_seen

    one = _of(session).get(id)
    must_be_seen(one, version)
    return one


def _approve(place: Place, one: Approval, seen: str, who: str) -> Run:
    def work(run: RunContext) -> dict[str, Any]:
        place.keep_open()
        return {"approval": told(_of(run.session).approve(one.id, seen, who))}

    # Detached: a change that was approved is not taken back because somebody stopped looking.
    return place.runs.start("approval", f"approve {one.id}: {one.kind} {one.target}", work)


def told(one: Approval) -> dict[str, Any]:
    return {"id": one.id, "kind": one.kind, "target": one.target, "status": one.status, "version": one.version,
            "sql": one.sql,
            "body": one.body, "diff": one.diff, "dry_run": one.dry_run, "rollback": one.rollback,
            "question": one.question, "planner": one.planner, "created_at": _when(one.created_at),
            "expires_at": _when(one.expires_at)}


def _when(at: float) -> str:
    return dt.datetime.fromtimestamp(at, dt.UTC).isoformat()
