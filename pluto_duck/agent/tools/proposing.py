"""What the writing tools share: they make an Approval and say so."""

from __future__ import annotations

from pluto_duck.agent.approvals import Approvals
from pluto_duck.agent.changes import Kind
from pluto_duck.agent.tools import Desk, Reply
from pluto_duck.errors import Refused

MAX_PROPOSED = 3
"""For one question: a person is to read them."""


def propose(desk: Desk, kind: Kind, name: str, body: str) -> Reply:
    if len(desk.proposed) >= MAX_PROPOSED:
        raise Refused(f"{MAX_PROPOSED} changes were proposed for this question; that is the most.")
    made = Approvals(desk.context.session).propose(kind, name, body, question=desk.question, planner=desk.planner)
    desk.proposed.append(made.id)
    if kind == "semantics":
        return Reply.of("Proposed; a person decides about it.")
    return Reply.of(f"Proposed; a person decides about it. It does not exist until then: don't use {name} in SQL.")
