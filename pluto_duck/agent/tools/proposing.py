"""What the writing tools share: they make an Approval and say so."""

from __future__ import annotations

from pluto_duck.agent.approvals import Approvals, Kind
from pluto_duck.agent.tools import Desk, Reply
from pluto_duck.errors import Refused

MAX_PROPOSED = 3
"""For one question: a person is to read them."""


def propose(desk: Desk, kind: Kind, name: str, sql: str) -> Reply:
    if len(desk.proposed) >= MAX_PROPOSED:
        raise Refused(f"{MAX_PROPOSED} changes were proposed for this question; that is the most.")
    made = Approvals(desk.context.session).propose(kind, name, sql, question=desk.question, planner=desk.planner)
    desk.proposed.append(made.id)
    return Reply.of(f"Proposed; a person decides about it. It does not exist until then: don't use {name} in SQL.")
