"""Who asks over HTTP: Jupyter's own login is the owner; a key or a token is whoever its roles say.

Both count at our addresses alone: the provider of the server itself stays as it is, so that they open no kernel and no
file. Whoever sends one is judged by it: a bad one never falls back on a cookie.
"""

from __future__ import annotations

import hmac
import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from jupyter_server.auth import User

from pluto_duck.errors import PlutoError, Unauthenticated

if TYPE_CHECKING:
    from pluto_duck.api.handler import PlutoHandler
    from pluto_duck.api.places import Place, Places
    from pluto_duck.governance import Actor
    from pluto_duck.governance.keys import Key
    from pluto_duck.governance.tokens.rules import Rules

SCHEMES = ("bearer", "token")
PREFIX = "pdk_"

MOST_CALLERS = 1_000

_log = logging.getLogger("pluto_duck.api")


@dataclass(frozen=True)
class Caller:
    """Who is not the owner."""

    actor: Actor
    scopes: frozenset[str]
    workspace: str
    """The one place that its key or token opens, as `workspace=` names it."""

    @property
    def what(self) -> str:
        return self.actor.kind


def credentials(handler: PlutoHandler) -> str:
    """What stands in the Authorization header behind a scheme of ours; "" for nothing."""
    scheme, _, text = handler.request.headers.get("Authorization", "").strip().partition(" ")
    return text.strip() if scheme.lower() in SCHEMES else ""


class OurProvider:
    """The server's IdentityProvider for one request, with keys and tokens before it."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def get_user(self, handler: PlutoHandler) -> User | None:
        if handler.is_open:
            return None
        caller = await self._caller(handler)
        if caller is None:
            found = self._inner.get_user(handler)
            return await found if hasattr(found, "__await__") else found
        handler.caller = caller
        # What the server goes by: who sends a token needs neither an XSRF cookie nor the server's own origin.
        handler._token_authenticated = True
        name = caller.actor.name
        return User(username=username(caller.actor), name=name, display_name=name)

    async def _caller(self, handler: PlutoHandler) -> Caller | None:
        """None where what was sent is for Jupyter to judge."""
        from pluto_duck.governance.tokens.parts import looks_like_one

        text = credentials(handler)
        if text.startswith(PREFIX):
            places = handler.app.places
            known, caller = remembered(places, text)
            if not known:
                caller = await handler.in_thread(_of_key, places, text)
            if caller is None:
                raise Unauthenticated("The key is not valid: it is unknown, revoked or expired.",
                                      hint="Ask the owner of the workspace for another one: pluto-duck keys create")
            return caller
        if not looks_like_one(text) or self._is_the_servers(text):
            return None
        return await _of_token(handler, text)

    def _is_the_servers(self, text: str) -> bool:
        token = getattr(self._inner, "token", "")
        return bool(token) and hmac.compare_digest(str(token).encode(), text.encode())


def username(actor: Actor) -> str:
    return f"pluto-{actor.kind}:{actor.name}"


def remembered(places: Places, text: str) -> tuple[bool, Caller | None]:
    """(whether that is certain, who a key is). Its record is looked at with each request; for who was here a moment ago
    that needs no thread."""
    return places.moment.once(("key", text), partial(_remembered, places, text))


def _remembered(places: Places, text: str) -> tuple[bool, Caller | None]:
    from pluto_duck.governance.keys import digest

    made = digest(text)
    for name, place in places.opened():
        certain, key = place.keys.again(made)
        if certain:
            return True, None if key is None else places.callers.get(name, key)
    return False, None


def _of_key(places: Places, text: str) -> Caller | None:
    from pluto_duck.governance.keys import is_whole

    if not is_whole(text):
        return None  # before any workspace is looked at
    for name in places.named():
        try:
            key = places.get(name).keys.verify(text)
        except PlutoError:
            continue  # a workspace that can't be opened has no keys
        if key is not None:
            return places.callers.get(name, key)
    return None


class Callers:
    """Made once for each key, as long as its record stays as it is."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[Key, Caller]] = {}

    def get(self, workspace: str, key: Key) -> Caller:
        found = self._made.get(id(key))
        if found is not None and found[0] is key and found[1].workspace == workspace:
            return found[1]
        if len(self._made) >= MOST_CALLERS:
            self._made.clear()
        made = Caller(key.actor, frozenset(key.scopes), workspace)
        self._made[id(key)] = key, made
        return made


async def _of_token(handler: PlutoHandler, text: str) -> Caller | None:
    """None where no workspace takes tokens at all. Raises Unauthenticated."""
    from pluto_duck.governance.tokens import bearer
    from pluto_duck.governance.tokens.parts import parts, refused

    offered = await handler.in_thread(_takers, handler.app.places, handler.get_query_argument("workspace", None))
    if offered is None:
        return None
    taken = parts(text)
    why = refused("another issuer made it")
    for place, rules, roles in offered:
        if taken.issuer in rules.issuers:
            try:
                found = await place.tokens.verified(text, taken, rules, handler.app.issuer(taken.issuer),
                                                    handler.in_thread)
            except Unauthenticated as error:
                why = error
            else:
                if await handler.in_thread(place.revocations.hold, found):
                    raise refused("the owner of the workspace has revoked it")
                return Caller(bearer.actor(found, rules, roles), bearer.scopes(found, rules), place.name)
    raise why


def _takers(places: Places, named: str | None) -> list[tuple[Place, Rules, frozenset[str]]] | None:
    """The places that take tokens, with their rules and roles, as far as `named` lets them; None for none at all."""
    found, any_rules = [], False
    for name in places.named():
        try:
            place = places.get(name)
            rules = place.tokens.rules()
            if rules is not None:
                any_rules = True
                if named in (None, name):
                    policy = place.policy.current().policy
                    found.append((place, rules, frozenset(policy.roles if policy is not None else ())))
        except PlutoError as error:
            any_rules = True
            _log.warning("The workspace %s takes no tokens: %s", name, error)
    return found if any_rules else None


def issuers(places: Places) -> list[str]:
    """Whose tokens this server takes, for any of its workspaces."""
    return list(dict.fromkeys(url for _place, rules, _roles in _takers(places, None) or () for url in rules.issuers))
