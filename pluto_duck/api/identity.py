"""Who asks over HTTP: Jupyter's own login is the owner; an API key is whoever its roles say.

A key counts at our addresses alone: the provider of the server itself stays as it is, so that a key opens no kernel and
no file. Whoever sends one is judged by it: a bad one never falls back on a cookie.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_server.auth import User

from pluto_duck.errors import PlutoError

if TYPE_CHECKING:
    from pluto_duck.api.handler import PlutoHandler
    from pluto_duck.governance import Actor

SCHEMES = ("bearer", "token")
PREFIX = "pdk_"


@dataclass(frozen=True)
class Caller:
    """Who is not the owner."""

    actor: Actor
    scopes: frozenset[str]
    workspace: str
    """The one place that its key belongs to, as `workspace=` names it."""


def sent_key(handler: PlutoHandler) -> str:
    """The key in the Authorization header, good or bad; "" for none."""
    scheme, _, text = handler.request.headers.get("Authorization", "").strip().partition(" ")
    text = text.strip()
    return text if scheme.lower() in SCHEMES and text.startswith(PREFIX) else ""


class KeyProvider:
    """The server's IdentityProvider for one request, with keys before it."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def get_user(self, handler: PlutoHandler) -> User | None:
        from pluto_duck.api.handler import HTTPProblem

        text = sent_key(handler)
        if not text:
            found = self._inner.get_user(handler)
            return await found if hasattr(found, "__await__") else found
        caller = await handler.in_thread(_caller, handler.app.places, text)
        if caller is None:
            raise HTTPProblem(401, "The key is not good: it is unknown, revoked or over.",
                              hint="Ask the owner of the workspace for another one: pluto-duck keys create")
        handler.caller = caller
        # What the server goes by: who sends a token needs neither an XSRF cookie nor the server's own origin.
        handler._token_authenticated = True
        return User(username=f"pluto-key:{caller.actor.name}", name=caller.actor.name, display_name=caller.actor.name)


def _caller(places: Any, text: str) -> Caller | None:
    from pluto_duck.governance.keys import is_whole

    if not is_whole(text):
        return None  # before any workspace is looked at
    for name in places.named():
        try:
            key = places.get(name).keys.verify(text)
        except PlutoError:
            continue  # a workspace that can't be opened has no keys
        if key is not None:
            return Caller(key.actor, frozenset(key.scopes), name)
    return None
