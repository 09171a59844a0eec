"""`fix`: SQL that did not run, and what would."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import UsageError
from pluto_duck.panel.protocol import Request

if TYPE_CHECKING:
    from pluto_duck.agent.fixing import Fix
    from pluto_duck.commands.workbench import Workbench
    from pluto_duck.panel.desk import Desk


def fix(desk: Desk, request: Request, session: Workbench) -> None:
    """By rules, which asks nobody; with `planner` as that one proposes it."""
    from pluto_duck.agent import fixing

    sql, planner, meant = request.text("sql"), request.text("planner", ""), request.frame.get("meant") or {}
    if not isinstance(meant, dict) or not all(isinstance(one, str) for one in meant.values()):
        raise UsageError("meant is an object of words and what stands for them.")
    found = fixing.asked(session, sql, planner) if planner else fixing.fix(session, sql, meant=meant)
    request.reply("fixed", end=True, **_told(found))


def _told(found: Fix) -> dict[str, Any]:
    return {"sql": found.sql, "problem": found.problem.to_dict() if found.problem else None, "raw": found.raw,
            "swaps": [{"kind": one.kind, "old": one.old, "new": one.new, "others": one.others} for one in found.swaps],
            "fixed": found.fixed, "trial": asdict(found.trial) if found.trial else None, "planner": found.planner,
            "share": found.share, "remark": found.remark}
