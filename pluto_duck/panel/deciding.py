"""`approvals`, `approve`, `reject`, `edit`: changes that wait for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pluto_duck.panel.protocol import Request

if TYPE_CHECKING:
    from pluto_duck.agent.approvals import Approval
    from pluto_duck.commands.workbench import Workbench
    from pluto_duck.panel.desk import Desk


def told(one: Approval) -> dict[str, Any]:
    return {"id": one.id, "kind": one.kind, "target": one.target, "version": one.version,
            "sql": one.sql, "body": one.body, "diff": one.diff,
            "dry_run": one.dry_run, "rollback": one.rollback, "question": one.question, "planner": one.planner,
            "created_at": one.created_at, "expires_at": one.expires_at, "status": one.status}


def approvals(desk: Desk, request: Request, session: Workbench) -> None:
    from pluto_duck.agent.approvals import Approvals

    found = Approvals(session).all(waiting=request.flag("waiting"))
    request.reply("approvals", end=True, approvals=[told(one) for one in found])


def approve(desk: Desk, request: Request, session: Workbench) -> None:
    from pluto_duck.agent.approvals import Approvals

    request.reply("approved", end=True, approval=told(
        Approvals(session).approve(request.text("approval"), request.text("version"))))


def reject(desk: Desk, request: Request, session: Workbench) -> None:
    from pluto_duck.agent.approvals import Approvals

    one = Approvals(session).reject(request.text("approval"), reason=request.text("reason", ""))
    request.reply("rejected", end=True, approval=told(one))


def edit(desk: Desk, request: Request, session: Workbench) -> None:
    from pluto_duck.agent.approvals import Approvals

    one = Approvals(session).edit(request.text("approval"), request.text("sql"), seen=request.text("version"))
    request.reply("edited", end=True, approval=told(one))
