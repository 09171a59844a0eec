"""/api/v1/sinks: where the changes of tracked tables go, for the owner alone.

Besides `pluto_duck`, an Authorizer of Jupyter rules on the resource `pluto_duck_sinks`.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, ClassVar

from pluto_duck.api.handler import PlutoHandler, guarded
from pluto_duck.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from pluto_duck.api.places import Place
    from pluto_duck.events.sinkstore import Dead, SinkRecord, Sinks

RESOURCE = "pluto_duck_sinks"
WANTED: dict[str, tuple[type, ...]] = {
    "name": (str,), "kind": (str,), "tables": (list,), "options": (dict,), "secrets": (dict,), "from": (str,)}


class SinksHandler(PlutoHandler):
    actions: ClassVar = {"GET": "sinks", "POST": "sinks"}

    @guarded
    async def get(self) -> None:
        """By name; never a secret, only where it is."""
        await self.must_be_let(RESOURCE)
        place = await self.place()
        self.send({"workspace": place.name, **await self.in_thread(_all, place)})

    @guarded
    async def post(self) -> None:
        await self.must_be_let(RESOURCE)
        body = self.json_object(WANTED)
        place = await self.place()
        made = await self.in_thread(_made, place, body)
        self.send_made(place, ("sinks", made["name"]), made)


class SinkHandler(PlutoHandler):
    actions: ClassVar = {"GET": "sinks", "PATCH": "sinks", "DELETE": "sinks"}

    @guarded
    async def get(self, name: str) -> None:
        await self.must_be_let(RESOURCE)
        place = await self.place()
        self.send({"workspace": place.name, **await self.in_thread(_one, place, name)})

    @guarded
    async def patch(self, name: str) -> None:
        """`state` pauses it or lets it go on."""
        await self.must_be_let(RESOURCE)
        body = self.json_object({"state": (str,)})
        if body.get("state") not in ("active", "paused"):
            raise unknown_name("state", str(body.get("state", "")), ("active", "paused"))
        place = await self.place()
        found = await self.in_thread(_changed, place, name, body["state"] == "paused")
        self.send({"workspace": place.name, **found})

    @guarded
    async def delete(self, name: str) -> None:
        await self.must_be_let(RESOURCE)
        place = await self.place()
        self.send({"workspace": place.name, **await self.in_thread(_removed, place, name)})


class DeadLettersHandler(PlutoHandler):
    actions: ClassVar = {"GET": "sinks", "POST": "sinks", "DELETE": "sinks"}

    @guarded
    async def get(self, name: str) -> None:
        """Oldest first, with why and what would have been sent."""
        await self.must_be_let(RESOURCE)
        place = await self.place()
        found = await self.in_thread(lambda: place.sinks.dead(place.sinks.get(name).name))
        self.send({"workspace": place.name, "dead": [_dead(one) for one in found]})

    @guarded
    async def post(self, name: str) -> None:
        """They are tried again."""
        await self.must_be_let(RESOURCE)
        ids = _ids(self.json_object({"ids": (list,)}) if self.request.body else {})
        place = await self.place()
        count = await self.in_thread(lambda: place.sinks.retry(name, ids))
        self.send({"workspace": place.name, "again": count}, 202)

    @guarded
    async def delete(self, name: str) -> None:
        """They are forgotten."""
        await self.must_be_let(RESOURCE)
        one = self.integer("id", None, least=1, most=2**62)
        place = await self.place()
        count = await self.in_thread(lambda: place.sinks.drop(name, () if one is None else (one,)))
        self.send({"workspace": place.name, "dropped": count})


def _all(place: Place) -> dict[str, Any]:
    from pluto_duck.commands.relaying import sync

    known = place.sinks
    why = sync(place.workspace, known)
    return {"mind": why, "sinks": [told(place, known, one) for one in known.all()]}


def _one(place: Place, name: str) -> dict[str, Any]:
    from pluto_duck.commands.relaying import sync

    known = place.sinks
    sync(place.workspace, known)
    return told(place, known, known.get(name))


def _made(place: Place, body: dict[str, Any]) -> dict[str, Any]:
    from pluto_duck.commands.sink_wishes import added

    name, kind, tables = body.get("name"), body.get("kind"), body.get("tables", [])
    options, secrets, begin = dict(body.get("options", {})), dict(body.get("secrets", {})), body.get("from", "snapshot")
    if not name or not kind:
        raise UsageError('A sink needs a "name" and a "kind".', hint='{"name": "archive", "kind": "file", "options": '
                                                                     '{"folder": "changes"}}')
    if not all(isinstance(one, str) for one in tables):
        raise UsageError('"tables" must be a list of texts.')
    if not all(isinstance(one, str) and one for one in secrets.values()):
        raise UsageError('"secrets" must be an object of texts.')
    if not all(isinstance(one, str | int | float) for one in options.values()):
        raise UsageError('"options" must be an object of texts, numbers, true and false.')
    if begin not in ("snapshot", "now"):
        raise unknown_name("beginning", begin, ("snapshot", "now"))
    from pluto_duck.events.sinks import secrets_of

    if wrong := [one for one in secrets if one not in secrets_of(kind)]:
        raise UsageError(f"The option {wrong[0]} of a {kind} sink is no secret.", hint='It belongs to "options".')

    def secret(option: str) -> str:
        if option not in secrets:
            raise UsageError(f"The {option} was not given.", hint=f'In "secrets", or as "{option}": "env:NAME" in '
                                                                  '"options".')
        return str(secrets[option])

    known = place.sinks
    made = place.ask(lambda session: added(
        session, known, name, kind, tables=tables, options={**options, **dict.fromkeys(secrets, "keyring")},
        begin=begin, secret=secret))
    return told(place, known, made)


def _changed(place: Place, name: str, paused: bool) -> dict[str, Any]:
    known = place.sinks
    return told(place, known, known.pause(name, paused))


def _removed(place: Place, name: str) -> dict[str, Any]:
    from pluto_duck.commands.sink_wishes import removed

    known = place.sinks
    found = told(place, known, known.get(name))
    removed(known, place.workspace, name)
    return found


def told(place: Place, known: Sinks, one: SinkRecord) -> dict[str, Any]:
    from pluto_duck.commands.relaying import is_ours, not_ours
    from pluto_duck.commands.sinks import state_of

    ours = is_ours(place.workspace, one)
    return {"name": one.name, "kind": one.kind, "tables": [str(table) for table in one.tables],
            "options": dict(one.options), "origin": one.origin, "state": state_of(one, place.workspace),
            "trouble": str(not_ours(one)) if not ours else one.error if one.state in ("retrying", "failed") else "",
            "position": str(one.position), "behind": one.lag, "delivered": one.delivered,
            "delivered_at": _when(one.delivered_at), "dead": known.dead_count(one.name),
            "added_at": _when(one.added_at), "seen_at": _when(one.seen_at)}


def _dead(one: Dead) -> dict[str, Any]:
    return {"id": one.id, "position": str(one.position), "table": str(one.table), "op": one.op, "key": one.key,
            "event": one.event, "reason": one.reason, "attempts": one.attempts, "at": _when(one.at),
            "again": one.wanted}


def _ids(body: dict[str, Any]) -> tuple[int, ...]:
    ids = body.get("ids", [])
    if not all(type(one) is int and 0 < one <= 2**62 for one in ids):
        raise UsageError('"ids" must be a list of numbers.')
    return tuple(ids)


def _when(seconds: float | None) -> str | None:
    return None if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat()
