"""What must be known of a request before it may take the lane."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from jupyter_server.auth.authorizer import AllowAllAuthorizer
from jupyter_server.log import log_request

from pluto_duck.api.actors import who
from pluto_duck.api.audited import TRACEPARENT
from pluto_duck.api.identity import PREFIX, SCHEMES, remembered, username
from pluto_duck.api.problems import HTTPProblem
from pluto_duck.governance.audit.trail import Trail, who_of

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest

    from pluto_duck.api.app import PlutoDuckApp
    from pluto_duck.api.identity import Caller
    from pluto_duck.api.places import Place
    from pluto_duck.api.rows.desk import Asked
    from pluto_duck.governance.allowance import Allowance
    from pluto_duck.governance.audit import Who

HANDLERS_OWN = ("Origin", "Cookie", "Transfer-Encoding", "Content-Encoding", "Expect", "Upgrade",
                "Access-Control-Request-Method", "X-Xsrftoken")
"""Headers that the handler decides by."""
CONNECTION = ("", "keep-alive", "close")
MOST = 1_000
MOST_TABLES = 200


@dataclass
class Known:
    """What is the same for each request of a caller."""

    caller: Caller
    text: str
    who: Who
    user: str
    """As Jupyter's log names it."""
    asked: dict[tuple[str, str], Asked] = field(default_factory=dict)
    """(method, table as the address names it) -> the group of requests that may become one."""

    def group(self, method: str, name: str, change: str = "") -> Asked:
        """Raises what TableRef.parse raises."""
        found = self.asked.get((method, name))
        if found is None:
            from pluto_duck.api.rows.desk import Asked
            from pluto_duck.session import TableRef

            if len(self.asked) >= MOST_TABLES:
                self.asked.clear()
            found = Asked(self.text, self.caller.actor, TableRef.parse(name), None, change)
            self.asked[method, name] = found
        return found


@dataclass
class Admitted:
    known: Known
    place: Place
    allowance: Allowance
    limits: dict[str, str]
    trail: Trail
    request_id: str


class Gate:
    """Of one server, on its event loop."""

    def __init__(self, app: PlutoDuckApp) -> None:
        self._app = app
        self._plain: bool | None = None
        self._known: dict[int, Known] = {}

    @property
    def is_open(self) -> bool:
        """Whether this server has nothing between its requests and ours but what Jupyter brings along."""
        if self._plain is None:
            web = self._app.serverapp.web_app
            told = web.settings.get("log_function")
            self._plain = (type(self._app.serverapp.authorizer) is AllowAllAuthorizer and not web.transforms
                           and isinstance(told, partial) and told.func is log_request
                           and told.keywords.get("record_prometheus_metrics", True))
        return self._plain

    def admitted(self, request: HTTPServerRequest, scope: str, kind: str, action: str) -> Admitted | None:
        """Counts the request where it is let in; None: the handler's, which counts it then. `kind`: reads or writes."""
        app, headers = self._app, request.headers
        if request.version != "HTTP/1.1" or headers.get("Connection", "").lower() not in CONNECTION:
            return None
        protection, places = app.protection_at_hand, app.places
        if protection is None or not protection.is_calm or request.host not in app.hosts or app.drain.is_on:
            return None
        if any(one in headers for one in HANDLERS_OWN):
            return None
        credential = headers.get("Authorization", "")
        scheme, _, text = credential.partition(" ")
        if scheme.lower() not in SCHEMES or not text.startswith(PREFIX):
            return None
        certain, caller = remembered(places, text)
        if not certain or caller is None or scope not in caller.scopes:
            return None
        place, allowance = places.at_hand(caller.workspace), protection.allowance(caller)
        if place is None or allowance is None:
            return None
        try:
            limits = protection.admit(caller, allowance, kind)
        except HTTPProblem:
            return None
        protection.accepted(credential)
        known = self._of(caller)
        request_id = os.urandom(16).hex()
        found = TRACEPARENT.fullmatch(headers["traceparent"].strip()) if "traceparent" in headers else None
        trail = Trail(known.who, "rest", str(request.remote_ip), headers.get("User-Agent", ""),
                      found[1] if found else request_id, action)
        return Admitted(known, place, allowance, limits, trail, request_id)

    def _of(self, caller: Caller) -> Known:
        found = self._known.get(id(caller))
        if found is None or found.caller is not caller:
            if len(self._known) >= MOST:
                self._known.clear()
            found = self._known[id(caller)] = Known(
                caller, who(caller.actor), who_of(caller.actor), username(caller.actor))
        return found


__all__ = ["Admitted", "Gate", "Known"]
