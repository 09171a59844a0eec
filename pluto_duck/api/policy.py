"""GET /api/v1/policy and /policy/explain: what is in force, whether it fits, and which rule decides. For the owner."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar

from pluto_duck.api.handler import PlutoHandler, guarded
from pluto_duck.errors import UsageError

if TYPE_CHECKING:
    from pluto_duck.governance import Actor
    from pluto_duck.session import Session
    from pluto_duck.session.policies import Explained


class PolicyHandler(PlutoHandler):
    actions: ClassVar = {"GET": "policy"}

    @guarded
    async def get(self) -> None:
        place = await self.place()
        found = await self.in_thread(place.ask, _checked)
        self.send({"workspace": place.name, **found})


class ExplainHandler(PlutoHandler):
    actions: ClassVar = {"GET": "policy"}

    @guarded
    async def get(self) -> None:
        """For one table, or for all of them."""
        from pluto_duck.commands.policy import actor

        roles = tuple(self.get_query_arguments("role"))
        if not all(roles) or not roles:
            raise UsageError("For whom? Give at least one role.", hint="policy/explain?role=analyst&table=orders")
        who = actor(roles, tuple(self.get_query_arguments("claim")))
        action, table = self.get_query_argument("action", "read"), self.get_query_argument("table", None)
        place = await self.place()
        found = await self.in_thread(place.ask, lambda session: _explained(session, who, action, table))
        self.send({"workspace": place.name, "roles": list(roles), "action": action,
                   "tables": [told(one) for one in found]})


def told(one: Explained) -> dict[str, Any]:
    return {"table": one.table, "action": one.action, "allowed": one.allowed, "why": one.why,
            "rows": [{"rule": rule, "where": where} for rule, where in one.rows], "missing_claims": list(one.missing),
            "columns": [{"name": name, "shown": shown, "rule": rule} for name, shown, rule in one.columns]}


def _checked(session: Session) -> dict[str, Any]:
    from pluto_duck.session import policies

    found = policies.check(session)
    return {"in_force": not found.why, "why": found.why, "findings": [asdict(one) for one in found.findings],
            "roles": [{"name": one.name, "description": one.description, "sees": list(one.tables),
                       "approves": list(one.approves)} for one in found.roles]}


def _explained(session: Session, who: Actor, action: str, table: str | None) -> list[Explained]:
    from pluto_duck.session import policies

    return policies.explain(session, who, action, table)
