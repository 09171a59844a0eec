"""What somebody who did not get in is told: RFC 6750 3, RFC 9728 5.1."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pluto_duck.api.identity import credentials
from pluto_duck.errors import PlutoError

if TYPE_CHECKING:
    from pluto_duck.api.handler import PlutoHandler

WELL_KNOWN = "/.well-known/oauth-protected-resource"


def api_url(handler: PlutoHandler) -> str:
    """Where this API is, as the client sees it: behind a proxy that says so by ServerApp.trust_xheaders."""
    return f"{handler.request.protocol}://{handler.request.host}{handler.base_url.rstrip('/')}/api/v1"


def metadata_url(handler: PlutoHandler) -> str:
    """Below the base URL: a proxy in front of this server may pass on nothing else."""
    return api_url(handler) + WELL_KNOWN


def challenge(handler: PlutoHandler, error: BaseException | None) -> str:
    """WWW-Authenticate. An error is told of credentials alone that were sent: without any, nothing was wrong."""
    told = ['Bearer realm="pluto-duck"']
    if handler.metadata:
        told.append(f'resource_metadata="{_plain(handler.metadata)}"')
    if handler.refusal:
        told.append(handler.refusal)
    elif credentials(handler):
        told.append('error="invalid_token"')
        if isinstance(error, PlutoError):
            told.append(f'error_description="{_plain(error.message)}"')
    return ", ".join(told)


def _plain(text: str) -> str:
    """As it may be quoted there: ASCII without quotes."""
    return re.sub(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]", "?", text)[:300]
