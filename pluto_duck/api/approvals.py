"""GET and POST /api/v1/approvals, GET and POST /api/v1/approvals/{id}: what was proposed, and a person's word on it.

Besides `pluto_duck`, an Authorizer of Jupyter rules on the resource `pluto_duck_approvals`: who may ask need not be who
may decide. Keys and tokens see and decide what the policy gives `approve` on.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, ClassVar

from pluto_duck.api.handler import PlutoHandler, guarded
from pluto_duck.errors import Refused, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from pluto_duck.agent.approvals import Approval, Approvals, Entry
    from pluto_duck.agent.approving import Approver
    from pluto_duck.agent.keeping import Kept, Origin
    from pluto_duck.api.places import Place
    from pluto_duck.governance import Actor
    from pluto_duck.runs import Run, RunContext
    from pluto_duck.session import Session

DECISIONS = ("approve", "reject", "edit")
DECISION: dict[str, tuple[type, ...]] = {"decision": (str,), "reason": (str,), "body": (str,),
                                        "version": (str,)}


PROPOSED: dict[str, tuple[type, ...]] = {
    "name": (str,), "as": (str,), "answer": (str,), "sql": (str,), "question": (str,), "description": (str,),
    "project": (str,), "key": (list,), "replace": (bool,), "workspace": (str,)}


class ApprovalsHandler(PlutoHandler):
    scopes: ClassVar = {"GET": "approvals:write", "POST": "query:ask"}
    actions: ClassVar = {"GET": "look", "POST": "propose"}
    counts_as: ClassVar = {"POST": "runs"}

    @guarded
    async def get(self) -> None:
        """Newest first; `waiting=1`: only those that can be decided."""
        place = await self.place()
        waiting = self.integer("waiting", 0, least=0, most=1)
        found = await self.in_thread(place.ask, lambda session: _of(session, self.actor).all(waiting=bool(waiting)))
        named = self.get_query_argument("workspace", None)
        self.send({"workspace": place.name, "approvals": [
            told(one, self._root(place)) | {"links": {"self": self.url("approvals", one.id, workspace=named)}}
            for one in found]})

    @guarded
    async def post(self) -> None:
        """An answer or SQL as a dbt model or a view, for a person to decide: 201, and nothing is changed."""
        body, actor = self.json_object(PROPOSED), self.actor
        if not body.get("name") or ("answer" in body) == ("sql" in body):
            raise UsageError('Give "name", and "answer" or "sql".', hint='{"name": "late_flights", "answer": "8c1f"}')
        if not all(isinstance(one, str) for one in body.get("key", ())):
            raise UsageError('"key" must be names of columns.', name="key")
        place = await self.place(body.get("workspace"))
        if actor is None:
            one, sample = await self.in_thread(_proposed, place, body)
            self.send({"workspace": place.name, **told(one), "sample": sample}, 201)
            return
        if "sql" in body or "project" in body:
            raise Refused("A key or token proposes what it asked, by the id of the answer or of the run.",
                          hint='Run the SQL first; then {"name": ..., "answer": RUN_ID, "as": "workspace-view"}')
        origin = await self.in_thread(place.ask_as, actor, lambda session: _origin(session, place, body))
        one = await self.in_thread(_proposed_for, place, actor, origin, body)
        self.send({"workspace": place.name, "id": one.id, "kind": one.kind, "name": body["name"],
                   "status": one.status}, 201)

    def _root(self, place: Place) -> str:
        return "" if self.actor is None else str(place.workspace.root)


class ApprovalHandler(ApprovalsHandler):
    scopes: ClassVar = {"GET": "approvals:write", "POST": "approvals:write"}
    actions: ClassVar = {"GET": "look", "POST": "approve"}
    counts_as: ClassVar = {"POST": "runs"}

    @guarded
    async def get(self, id: str) -> None:  # type: ignore[override]
        place = await self.place()
        one, log, more = await self.in_thread(place.ask, lambda session: _seen(session, id, self.actor))
        self.send({"workspace": place.name, **told(one, self._root(place)), **more, "log": [
            {"at": _when(entry.at), "what": entry.what, "who": entry.who,
             "detail": _without(entry.detail, self._root(place))} for entry in log]})

    @guarded
    async def post(self, id: str) -> None:  # type: ignore[override]
        """Approving starts a run (202); rejecting and editing are done at once."""
        if self.actor is None:
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
        place, actor = await self.place(), self.actor
        who = f"{self.current_user.username} (REST)" if actor is None else ""
        if decision == "approve":
            one = await self.in_thread(place.ask, lambda session: _looked_at(session, id, body["version"], actor))
            run = await self.in_thread(_approve, place, one, body["version"], who, actor)
            self.send_started(place, run)
            return

        def decide(session: Session) -> Approval:
            if actor is not None:
                if decision == "edit":
                    _approver(session, actor).get(id)  # what is not there for them is not there
                    raise Refused("Only the owner edits a proposal: what it says runs with the owner's rights.",
                                  hint="Reject it, with a reason.")
                return _approver(session, actor).reject(id, body.get("reason", ""))
            if decision == "edit":
                return _known(session).edit(id, body["body"], who, seen=body.get("version"))
            return _known(session).reject(id, who, body.get("reason", ""))

        self.send({"workspace": place.name, **told(await self.in_thread(place.ask, decide), self._root(place))})


def _known(session: Session) -> Approvals:
    from pluto_duck.agent.approvals import Approvals

    return Approvals(session)


def _approver(session: Session, actor: Actor) -> Approver:
    from pluto_duck.agent.approving import Approver

    return Approver(session, actor)


def _of(session: Session, actor: Actor | None) -> Approvals | Approver:
    return _known(session) if actor is None else _approver(session, actor)


def _seen(session: Session, id: str, actor: Actor | None) -> tuple[Approval, list[Entry], dict[str, Any]]:
    """And what only the owner sees: a few rows, and whether it is too late."""
    if actor is not None:
        theirs = _approver(session, actor)
        one = theirs.get(id)
        return one, theirs.log(one.id), {}
    known = _known(session)
    one = known.get(id)
    return one, known.log(one.id), {"sample": _rows(known, one), "moved": known.moved(one)}


def _origin(session: Session, place: Place, body: dict[str, Any]) -> Origin:
    from pluto_duck.agent.keeping import Origin, origin_of

    return (origin_of(session, place.runs, body["answer"]) if "answer" in body
            else Origin(body["sql"], body.get("question", "")))


def _kept(body: dict[str, Any], project: Path | None = None) -> Kept:
    from pluto_duck.agent.keeping import Kept

    return Kept(body["name"], body.get("as", "view"), body.get("description", ""), project,
                tuple(body.get("key", ())), body.get("replace", False))


def _proposed(place: Place, body: dict[str, Any]) -> tuple[Approval, Any]:
    from pluto_duck.agent.keeping import propose
    from pluto_duck.transform.dbt.project import project_inside

    project = project_inside(place.workspace, body["project"]) if "project" in body else None
    with _own(place) as session:
        one = propose(session, _origin(session, place, body), _kept(body, project))
        return one, _rows(_known(session), one)


def _proposed_for(place: Place, actor: Actor, origin: Origin, body: dict[str, Any]) -> Approval:
    from pluto_duck.agent.keeping import propose_for

    with _own(place) as owner:
        return propose_for(owner, actor, origin, _kept(body))


def _own(place: Place) -> Session:
    """Trying what is proposed takes as long as its SQL: nobody else's looks wait for it."""
    from pluto_duck.session import Session

    place.keep_open()
    return Session(place.workspace, place.settings, role="server", label="proposal")


def _rows(known: Approvals, one: Approval) -> dict[str, Any] | None:
    import json

    from pluto_duck.agent.memory.kept import cells

    found = known.sample(one)
    return None if found is None else {"columns": [column.name for column in found.columns],
                                       "rows": json.loads(cells(found))}


def _looked_at(session: Session, id: str, version: str, actor: Actor | None) -> Approval:
    from pluto_duck.agent.approvals import must_be_seen

    if actor is not None:
        return _approver(session, actor).looked_at(id, version)
    one = _known(session).get(id)
    must_be_seen(one, version)
    return one


def _approve(place: Place, one: Approval, seen: str, who: str, actor: Actor | None) -> Run:
    def work(run: RunContext) -> dict[str, Any]:
        place.keep_open()
        if actor is None:
            return {"approval": told(_known(run.session).approve(one.id, seen, who))}
        from pluto_duck.session import Session

        with Session(place.workspace, place.settings, role="server", label="approval") as owner:
            run.lend(owner)
            return {"approval": told(_approver(owner, actor).approve(one.id, seen), str(place.workspace.root))}

    # Detached: a change that was approved is not taken back because somebody stopped looking.
    return place.runs.start("approval", f"approve {one.id}: {one.kind} {one.target}", work, actor=actor)


def told(one: Approval, root: str = "") -> dict[str, Any]:
    """`root`: the workspace's folder, which stays out of what others than the owner read."""
    texts = {"sql": one.sql, "body": one.body, "diff": one.diff, "dry_run": one.dry_run, "rollback": one.rollback,
             "question": one.question}
    if root and one.kind == "publish":
        from pluto_duck.ingest.held import Held

        # Where the rows came from, by which options and cursor, is for those who load them.
        shown = Held.read(one.body).shown
        texts = {name: text.replace(shown, shown.rpartition("/")[2]) for name, text in texts.items()} | {"body": ""}
    return {"id": one.id, "kind": one.kind, "target": one.target, "status": one.status, "version": one.version,
            **{name: _without(text, root) for name, text in texts.items()},
            "planner": one.planner, "created_at": _when(one.created_at), "expires_at": _when(one.expires_at)}


def _without(text: str, root: str) -> str:
    return text.replace(root + "/", "") if root else text


def _when(at: float) -> str:
    return dt.datetime.fromtimestamp(at, dt.UTC).isoformat()
