"""What somebody other than the owner may see of the proposals, and decide: those of tables that a policy gives
`approve` on as a whole. Everything else is not there for them.

They approve or reject. An edit would be SQL of their own that runs with the owner's rights: it stays the owner's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pluto_duck.agent.approvals import Approval, Approvals, Entry, must_be_seen
from pluto_duck.errors import (
    Cancelled,
    Outdated,
    PlutoError,
    Refused,
    StatementError,
    TimedOut,
    WorkspaceError,
    unknown_name,
)
from pluto_duck.governance import Actor
from pluto_duck.governance.audit import current
from pluto_duck.session import Session, TableRef, policies

TOLD = (Refused, Outdated, WorkspaceError, Cancelled, TimedOut)
"""Errors whose words are our own; others may quote data, a path or an address."""


class Approver:
    def __init__(self, owner: Session, actor: Actor) -> None:
        """`owner`: a session of the owner's; what is approved runs as the owner's own."""
        self._session, self._actor, self._known = owner, actor, Approvals(owner)

    @property
    def who(self) -> str:
        return f"{self._actor.name} ({self._actor.kind})"

    def all(self, *, waiting: bool = False) -> list[Approval]:
        """Newest first."""
        return self._let(self._known.all(waiting=waiting))

    def get(self, id: str) -> Approval:
        """Raises UnknownName also for one that is there and not theirs to decide."""
        there = self.all()
        found = [one for one in there if one.id == id] or [one for one in there if id and one.id.startswith(id)]
        if len(found) != 1:
            raise unknown_name("approval", id, [one.id for one in there])
        trail = current()
        if trail is not None:
            trail.note(on=[TableRef.parse(found[0].target).key])
        return found[0]

    def log(self, id: str) -> list[Entry]:
        """Of people it tells their part; what failed is told in words that may quote data."""
        return [replace(one, who=one.who if one.who == self.who or one.what == "proposed" else "owner",
                        detail="" if one.what == "failed" else one.detail) for one in self._known.log(self.get(id).id)]

    def looked_at(self, id: str, seen: str) -> Approval:
        one = self.get(id)
        self._must_be_anothers(one)
        must_be_seen(one, seen)
        return one

    def approve(self, id: str, seen: str) -> Approval:
        """As Approvals.approve. What was granted may have changed since it was looked at: it is looked up anew."""
        one = self.looked_at(id, seen)
        try:
            return self._known.approve(one.id, seen, self.who)
        except TOLD:
            raise
        except PlutoError as error:
            raise StatementError("The change can't be made as it was proposed.", hint="Its owner can see why.",
                                 kind=error.code) from None

    def reject(self, id: str, reason: str = "") -> Approval:
        one = self.get(id)
        self._must_be_anothers(one)
        return self._known.reject(one.id, self.who, reason)

    def _must_be_anothers(self, one: Approval) -> None:
        if one.proposer == self._actor.identity:
            why = "Nobody decides about a proposal of their own."
            trail = current()
            if trail is not None:
                trail.denied = why
            raise Refused(why, hint="Somebody else with the action approve may, or the owner.")

    def _let(self, some: Sequence[Approval]) -> list[Approval]:
        """An entry of semantics.yaml speaks to everybody, and a dbt model is code: they are the owner's."""
        about = [one for one in some if one.kind not in ("semantics", "model")]
        tables = [TableRef.parse(one.target) for one in about]
        return [one for one, allowed in zip(about, policies.may(self._session, self._actor, "approve", tables),
                                            strict=True) if allowed]
