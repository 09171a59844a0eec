"""GET, POST /api/v1/keys, POST /keys/{key}/rotate, DELETE /keys/{key}: who else gets in, for the owner alone.

Besides `pluto_duck`, an Authorizer of Jupyter rules on the resource `pluto_duck_keys`.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING, Any, ClassVar

from pluto_duck.api.handler import PlutoHandler, guarded
from pluto_duck.errors import UsageError

if TYPE_CHECKING:
    from pluto_duck.api.places import Place
    from pluto_duck.governance.keys import Key

NEW: dict[str, tuple[type, ...]] = {
    "name": (str,), "roles": (list,), "claims": (dict,), "scopes": (list,), "expires": (str,)}
AGAIN: dict[str, tuple[type, ...]] = {"overlap": (str,)}


class KeysHandler(PlutoHandler):
    actions: ClassVar = {"GET": "keys", "POST": "keys"}

    @guarded
    async def get(self) -> None:
        """Newest first, those that are over, too; never a secret."""
        await self.must_be_let("pluto_duck_keys")
        place = await self.place()
        found = await self.in_thread(place.keys.list)
        self.send({"workspace": place.name, "keys": [told(one) for one in found]})

    @guarded
    async def post(self) -> None:
        await self.must_be_let("pluto_duck_keys")
        body = self.json_object(NEW)
        place = await self.place()
        key, secret, mind = await self.in_thread(_made, place, body)
        self.send_made(place, ("keys", key.id), {**told(key), "secret": secret, "mind": mind})


class RotationHandler(PlutoHandler):
    actions: ClassVar = {"POST": "keys"}

    @guarded
    async def post(self, wanted: str) -> None:
        """Another secret for the same; the old one is good for a while still."""
        from pluto_duck.commands.keys import span

        await self.must_be_let("pluto_duck_keys")
        body = self.json_object(AGAIN) if self.request.body else {}
        place = await self.place()
        key, secret = await self.in_thread(place.keys.rotate, wanted, overlap_s=span(body.get("overlap", "1d")))
        self.send_made(place, ("keys", key.id), {**told(key), "secret": secret, "mind": ""})


class KeyHandler(PlutoHandler):
    actions: ClassVar = {"GET": "keys", "DELETE": "keys"}

    @guarded
    async def get(self, wanted: str) -> None:
        await self.must_be_let("pluto_duck_keys")
        place = await self.place()
        self.send({"workspace": place.name, **told(await self.in_thread(place.keys.find, wanted))})

    @guarded
    async def delete(self, wanted: str) -> None:
        """By id that one, by name all that have it. They open nothing from now on."""
        await self.must_be_let("pluto_duck_keys")
        place = await self.place()
        ended = await self.in_thread(place.keys.revoke, wanted)
        self.send({"workspace": place.name, "keys": [told(one) for one in ended]})


def told(key: Key) -> dict[str, Any]:
    return {"id": key.id, "name": key.name, "roles": list(key.roles), "claims": dict(key.claims),
            "scopes": list(key.scopes), "good": not key.is_over(time.time()), "created_at": _when(key.created_at),
            "expires_at": _when(min((at for at in (key.expires_at, key.ends_at) if at is not None), default=None)),
            "last_used_at": _when(key.last_used_at), "successor": key.successor}


def _when(seconds: int | None) -> str | None:
    return None if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat()


def _made(place: Place, body: dict[str, Any]) -> tuple[Key, str, str]:
    from pluto_duck.commands.keys import missing, span
    from pluto_duck.governance.keys import DEFAULT_SCOPES

    for name in ("roles", "scopes"):
        if not all(isinstance(one, str) for one in body.get(name, [])):
            raise UsageError(f'"{name}" must be a list of texts.')
    expires = body.get("expires")
    key, secret = place.keys.create(
        body.get("name", ""), body.get("roles", []), claims=body.get("claims"),
        scopes=body.get("scopes") or DEFAULT_SCOPES, expires_s=None if expires is None else span(expires))
    return key, secret, place.ask(lambda session: missing(session, key))
