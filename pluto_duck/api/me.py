"""GET /api/v1/me: who I am to this server, and what I may do with which tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pluto_duck.api.handler import PlutoHandler, guarded

if TYPE_CHECKING:
    from pluto_duck.governance import Actor
    from pluto_duck.session import Session


class MeHandler(PlutoHandler):
    scopes: ClassVar = {"GET": ""}

    @guarded
    async def get(self) -> None:
        """Tables with `schema:read` alone, as /tables has them."""
        place = await self.place()
        if self.caller is None:
            from pluto_duck.governance.keys import SCOPES

            self.send({"kind": "owner", "name": self.current_user.username, "workspace": place.name, "roles": None,
                       "scopes": sorted(SCOPES), "claims": {}, "tables": None})
            return
        actor, scopes = self.caller.actor, self.caller.scopes
        tables = None
        if "schema:read" in scopes:
            tables = await self.in_thread(place.ask, lambda session: _may(session, actor))
        self.send({"kind": actor.kind, "name": actor.name, "workspace": place.name, "roles": list(actor.roles or ()),
                   "scopes": sorted(scopes), "claims": dict(actor.claims), "tables": tables, **await self.mind(place)})


def _may(session: Session, actor: Actor) -> list[dict[str, Any]]:
    """Of the tables that the policy grants it anything on: which actions."""
    from pluto_duck.governance.policy.model import ACTIONS
    from pluto_duck.session import policies

    found: dict[str, list[str]] = {}
    for action in ACTIONS:
        for one in policies.explain(session, actor, action):
            if one.allowed:
                found.setdefault(one.table, []).append(action)
    return [{"name": name, "actions": actions} for name, actions in sorted(found.items())]
