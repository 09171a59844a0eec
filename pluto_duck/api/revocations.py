"""GET, POST /api/v1/revocations: access tokens that count here no longer, for the owner alone."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, ClassVar

from pluto_duck.api.handler import PlutoHandler, guarded

if TYPE_CHECKING:
    from pluto_duck.governance.tokens.revoking import Revoked

WANTED: dict[str, tuple[type, ...]] = {"id": (str,), "subject": (str,), "issuer": (str,)}


class RevocationsHandler(PlutoHandler):
    actions: ClassVar = {"GET": "keys", "POST": "keys"}

    @guarded
    async def get(self) -> None:
        """Newest first."""
        await self.must_be_let("pluto_duck_keys")
        place = await self.place()
        found = await self.in_thread(place.revocations.list)
        self.send({"workspace": place.name, "revocations": [told(one) for one in found]})

    @guarded
    async def post(self) -> None:
        """One token by its `id` (jti), or all that were issued to a `subject` until now."""
        await self.must_be_let("pluto_duck_keys")
        body = self.json_object(WANTED)
        place = await self.place()
        made = await self.in_thread(lambda: place.revocations.revoke(**body))
        self.send({"workspace": place.name, **told(made)}, 201)


def told(one: Revoked) -> dict[str, Any]:
    return {"kind": one.kind, "value": one.value, "issuer": one.issuer,
            "at": dt.datetime.fromtimestamp(one.at, dt.UTC).isoformat()}
