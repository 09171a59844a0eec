"""/api/v1/webhooks: who else is told of changes, for the owner alone.

Besides `pluto_duck`, an Authorizer of Jupyter rules on the resource `pluto_duck_webhooks`.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, ClassVar

from pluto_duck.api.handler import PlutoHandler, guarded
from pluto_duck.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from pluto_duck.api.places import Place
    from pluto_duck.events.webhooks.model import Attempt, Delivery, Webhook
    from pluto_duck.session.webhooks import Asked

WANTED: dict[str, tuple[type, ...]] = {
    "url": (str,), "tables": (list,), "ops": (list,), "when": (list,), "roles": (list,), "claims": (dict,),
    "concurrency": (int,)}
RESOURCE = "pluto_duck_webhooks"


class WebhooksHandler(PlutoHandler):
    actions: ClassVar = {"GET": "webhooks", "POST": "webhooks"}

    @guarded
    async def get(self) -> None:
        """Oldest first; never a secret, and addresses without what may be one."""
        await self.must_be_let(RESOURCE)
        place = await self.place()
        found = await self.in_thread(place.hooks.store.all)
        self.send({"workspace": place.name, "webhooks": [told(one) for one in found]})

    @guarded
    async def post(self) -> None:
        await self.must_be_let(RESOURCE)
        body = self.json_object(WANTED)
        place = await self.place()
        made, secret, mind = await self.in_thread(_made, place, _asked(body))
        self.send_made(place, ("webhooks", made.id), {**told(made), "secret": secret, "mind": mind})


class WebhookHandler(PlutoHandler):
    actions: ClassVar = {"GET": "webhooks", "PATCH": "webhooks", "DELETE": "webhooks"}

    @guarded
    async def get(self, id: str) -> None:
        await self.must_be_let(RESOURCE)
        place = await self.place()
        self.send({"workspace": place.name, **told(await self.in_thread(place.hooks.store.find, id))})

    @guarded
    async def patch(self, id: str) -> None:
        """What is given changes; `state` pauses and resumes."""
        await self.must_be_let(RESOURCE)
        body = self.json_object({**WANTED, "state": (str,)})
        place = await self.place()
        found, mind = await self.in_thread(_changed, place, id, body)
        self.send({"workspace": place.name, **told(found), "mind": mind})

    @guarded
    async def delete(self, id: str) -> None:
        await self.must_be_let(RESOURCE)
        place = await self.place()
        self.send({"workspace": place.name, **told(await self.in_thread(place.hooks.store.delete, id))})


class RotateHandler(PlutoHandler):
    actions: ClassVar = {"POST": "webhooks"}

    @guarded
    async def post(self, id: str) -> None:
        from pluto_duck.commands.keys import span

        await self.must_be_let(RESOURCE)
        body = self.json_object({"overlap": (str,)}) if self.request.body else {}
        place = await self.place()
        found, secret = await self.in_thread(place.hooks.store.rotate, id, overlap_s=span(body.get("overlap", "1d")))
        self.send({"workspace": place.name, **told(found), "secret": secret, "mind": ""})


class TryHandler(PlutoHandler):
    actions: ClassVar = {"POST": "webhooks"}

    @guarded
    async def post(self, id: str) -> None:
        """The answer is 200 whatever the endpoint says: what it said is in it."""
        await self.must_be_let(RESOURCE)
        place = await self.place()
        delivery, attempt = await self.in_thread(place.hooks.test, id)
        self.send({"workspace": place.name, **of_delivery(delivery), "log": [of_attempt(attempt)]})


class DeliveriesHandler(PlutoHandler):
    actions: ClassVar = {"GET": "webhooks"}

    @guarded
    async def get(self, id: str) -> None:
        await self.must_be_let(RESOURCE)
        state = self.get_query_argument("state", "")
        if state not in ("", "pending", "delivered", "failed"):
            raise unknown_name("state", state, ("pending", "delivered", "failed"))
        limit = self.integer("limit", 50, least=1, most=1_000) or 50
        before = self.integer("before", None, least=1, most=2**62)
        place = await self.place()
        await self.in_thread(place.hooks.store.find, id)
        found = await self.in_thread(place.hooks.queue.log, id, state=state, before=before, limit=limit)
        self.send({"workspace": place.name, "deliveries": [of_delivery(one) for one in found]})


class DeliveryHandler(PlutoHandler):
    actions: ClassVar = {"GET": "webhooks"}

    @guarded
    async def get(self, id: str, number: str) -> None:
        """With the body that is sent, and each attempt."""
        await self.must_be_let(RESOURCE)
        place = await self.place()
        delivery, attempts = await self.in_thread(place.hooks.queue.get, id, _number(number))
        self.send({"workspace": place.name, **of_delivery(delivery), "body": delivery.body,
                   "log": [of_attempt(one) for one in attempts]})


class RedeliverHandler(PlutoHandler):
    actions: ClassVar = {"POST": "webhooks"}

    @guarded
    async def post(self, id: str, numbers: str) -> None:
        """One, or a range of them: 10-40."""
        from pluto_duck.commands.webhooks import reach

        await self.must_be_let(RESOURCE)
        body = self.json_object({"failed": (bool,)}) if self.request.body else {}
        first, last = reach(numbers)
        place = await self.place()
        if first == last:
            await self.in_thread(place.hooks.queue.get, id, first)
        await self.in_thread(place.hooks.store.find, id)
        count = await self.in_thread(place.hooks.queue.again, id, first, last, failed_only=body.get("failed", False))
        self.send({"workspace": place.name, "again": count}, 202)


class SkipHandler(PlutoHandler):
    actions: ClassVar = {"POST": "webhooks"}

    @guarded
    async def post(self, id: str, number: str) -> None:
        """It is given up, and what comes after it is sent."""
        await self.must_be_let(RESOURCE)
        place, n = await self.place(), _number(number)
        await self.in_thread(place.hooks.store.find, id)
        await self.in_thread(place.hooks.queue.skip, id, n)
        delivery, attempts = await self.in_thread(place.hooks.queue.get, id, n)
        self.send({"workspace": place.name, **of_delivery(delivery), "log": [of_attempt(one) for one in attempts]})


def _number(text: str) -> int:
    from pluto_duck.commands.webhooks import reach

    first, last = reach(text)
    if first != last:
        raise UsageError(f"{text!r} is not the number of one delivery.")
    return first


def _asked(body: dict[str, Any]) -> Asked:
    from pluto_duck.session.webhooks import Asked

    for name in ("tables", "ops", "when", "roles"):
        if not all(isinstance(one, str) for one in body.get(name, [])):
            raise UsageError(f'"{name}" must be a list of texts.')
    return Asked(**{name: body[name] for name in WANTED if name in body})


def _made(place: Place, asked: Asked) -> tuple[Webhook, str, str]:
    from pluto_duck.session.webhooks import wish

    wanted, position, mind = place.ask(lambda session: wish(session, place.hooks, asked))
    made, secret = place.hooks.store.create(wanted, position)
    return made, secret, mind


def _changed(place: Place, id: str, body: dict[str, Any]) -> tuple[Webhook, str]:
    from pluto_duck.session.webhooks import wish

    store, state, mind = place.hooks.store, body.pop("state", None), ""
    if state not in (None, "active", "paused"):
        raise unknown_name("state", str(state), ("active", "paused"))
    found = store.find(id)
    if body:
        asked = _asked(body)
        wanted, _, mind = place.ask(lambda session: wish(session, place.hooks, asked, found.wish))
        found = store.change(id, wanted)
    if state is not None:
        found = store.resume(id) if state == "active" else store.pause(id)
    return found, mind


def told(webhook: Webhook) -> dict[str, Any]:
    wish = webhook.wish
    return {"id": webhook.id, "url": wish.url.shown, "tables": list(wish.filter.tables), "ops": list(wish.filter.ops),
            "when": [str(one) for one in wish.filter.when], "roles": None if wish.roles is None else list(wish.roles),
            "claims": dict(wish.claims), "concurrency": wish.concurrency,
            "state": webhook.state if webhook.sealed else "disabled",
            "reason": webhook.reason if webhook.sealed else "It was not made by you on this machine.",
            "trouble": webhook.trouble, "created_at": _when(webhook.created_at),
            "failing_since": _when(webhook.failing_since), "position": str(webhook.position),
            "waiting": webhook.pending}


def of_delivery(one: Delivery) -> dict[str, Any]:
    return {"n": one.n, "message": one.message, "type": one.type, "position": one.position, "state": one.state,
            "attempts": one.attempts, "status": one.status, "error": one.error, "created_at": _when(one.created_at),
            "due_at": _when(one.due_at) if one.state == "pending" else None, "done_at": _when(one.done_at)}


def of_attempt(one: Attempt) -> dict[str, Any]:
    return {"at": _when(one.at), "status": one.status, "ms": one.ms, "error": one.error, "said": one.said}


def _when(seconds: float | None) -> str | None:
    return None if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat()
