"""`approvals`, `approve`, `reject`, `edit`: changes that wait for a person."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import PlutoError
from pluto_duck.panel.protocol import VERSION, Frame, Request

if TYPE_CHECKING:
    from pluto_duck.agent.approvals import Approval, Approvals, Entry
    from pluto_duck.commands.workbench import Workbench
    from pluto_duck.panel.desk import Desk


SHOWN = 200
"""The newest ones: a person looks at what waits, and a little of what was."""


def _told(one: Approval, last: Entry, moved: bool, build: dict[str, str] | None) -> dict[str, Any]:
    return {"id": one.id, "kind": one.kind, "target": one.target, "version": one.version,
            "sql": one.sql, "body": one.body, "diff": one.diff,
            "dry_run": one.dry_run, "rollback": one.rollback, "question": one.question, "planner": one.planner,
            "moved": moved, "build": build,
            "created_at": one.created_at, "expires_at": one.expires_at, "status": one.status, "last": vars(last)}


class Proposals:
    """Tells the sidebars when something has happened to one of them, here or elsewhere."""

    def __init__(self, push: Callable[[Frame], None]) -> None:
        self._push = push
        self._mark: tuple[Path, int] | None = None

    def look(self, session: Workbench) -> None:
        mark = (session.workspace.root, _known(session).mark())
        if mark != self._mark:
            self._mark = mark
            with suppress(Exception):  # a sidebar that went away meanwhile
                self._push({"v": VERSION, "op": "proposals"})


def approvals(desk: Desk, request: Request, session: Workbench) -> None:
    known = _known(session)
    found = known.all(waiting=request.flag("waiting"))
    found = [one for one in found if one.status == "waiting"] + [one for one in found if one.status != "waiting"]
    request.reply("approvals", end=True, approvals=_all(known, found[:SHOWN]))


def approve(desk: Desk, request: Request, session: Workbench) -> None:
    known = _known(session)
    one = known.approve(request.text("approval"), request.text("version"))
    request.reply("approved", end=True, approval=told(one, session))


def reject(desk: Desk, request: Request, session: Workbench) -> None:
    known = _known(session)
    one = known.reject(request.text("approval"), reason=request.text("reason", ""))
    request.reply("rejected", end=True, approval=told(one, session))


def edit(desk: Desk, request: Request, session: Workbench) -> None:
    known = _known(session)
    one = known.edit(request.text("approval"), request.text("sql"), seen=request.text("version"))
    request.reply("edited", end=True, approval=told(one, session))


def told(one: Approval, session: Workbench) -> dict[str, Any]:
    return _all(_known(session), [one])[0]


def _all(known: Approvals, some: list[Approval]) -> list[dict[str, Any]]:
    last = known.last([one.id for one in some])
    return [_told(one, last[one.id], one.kind == "model" and known.moved(one),
                  _build(known, one)) for one in some]


def _build(known: Approvals, one: Approval) -> dict[str, str] | None:
    """What the operation `build` takes to build a model that was approved."""
    if one.kind != "model" or one.status != "done":
        return None
    from pluto_duck.agent.changes.model import built_by

    try:
        project, words = built_by(known.session, one)
    except PlutoError:  # it was moved since
        return None
    root = known.session.workspace.root.resolve()
    key = project.relative_to(root).as_posix() if project.is_relative_to(root) else str(project)
    return {"project": key, "select": words[-1]}


def _known(session: Workbench) -> Approvals:
    from pluto_duck.agent.approvals import Approvals

    return Approvals(session)
