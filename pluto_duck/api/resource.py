"""GET /api/v1/.well-known/oauth-protected-resource (RFC 9728): who gives access tokens for this API."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import allow_unauthenticated

from pluto_duck.api.challenge import WELL_KNOWN, api_url
from pluto_duck.api.handler import HTTPProblem, PlutoHandler
from pluto_duck.api.identity import issuers

if TYPE_CHECKING:
    from pluto_duck.api.app import PlutoDuckApp


class ResourceHandler(PlutoHandler):
    """Open to everybody, as the RFC wants it."""

    @allow_unauthenticated  # type: ignore[untyped-decorator]
    async def get(self) -> None:
        from pluto_duck.governance.keys import SCOPES

        found = await self.in_thread(issuers, self.app.places)
        if not found:
            raise HTTPProblem(404, "This server takes no access tokens; API keys are what it takes.",
                              hint="The owner can set auth.issuer and auth.audience.")
        self.send({"resource": api_url(self), "authorization_servers": found, "bearer_methods_supported": ["header"],
                   "scopes_supported": sorted(SCOPES), "resource_name": "pluto-duck"})


def at_the_root(app: PlutoDuckApp) -> list[tuple[str, Any]]:
    """Where RFC 9728 3.1 puts it for an API whose own address has a path: before that path."""
    base = re.escape(app.serverapp.base_url.rstrip("/"))
    return [(rf"{re.escape(WELL_KNOWN)}{base}/api/v1", ResourceHandler)]
