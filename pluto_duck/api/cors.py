"""Which pages of other origins may use our addresses: those of `PlutoDuckApp.cors_origins`, with a key or token.

Never by a cookie, never any origin: Jupyter itself echoes every origin to whoever sends its token, and that ends here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pluto_duck.api.handler import PlutoHandler

_ORIGIN = re.compile(r"https?://[a-z0-9_.-]+(:\d{1,5})?|https?://\[[0-9a-f:.]+\](:\d{1,5})?")
ALLOWED = ("Accept", "Authorization", "Content-Type", "If-Match", "If-None-Match", "Idempotency-Key", "Last-Event-ID",
           "Prefer", "traceparent")
EXPOSED = ("Age", "Content-Disposition", "ETag", "Link", "Location", "RateLimit", "RateLimit-Policy", "Retry-After",
           "WWW-Authenticate", "X-Request-Id")
MAX_AGE_S = 600


def is_origin(text: str) -> bool:
    """As a browser sends it: scheme, host and port in small letters; neither `*` nor `null`."""
    return _ORIGIN.fullmatch(text) is not None


def allowed_origin(handler: PlutoHandler) -> str:
    """The origin of the page that asks, where it may; "" for others. Jupyter's own `allow_origin` counts, too."""
    origin = str(handler.request.headers.get("Origin", ""))
    if not origin or not is_origin(origin):
        return ""
    return origin if origin in (*handler.app.cors_origins, handler.allow_origin) else ""


def answer(handler: PlutoHandler) -> None:
    """The headers of every answer of ours, errors too."""
    handler.clear_header("Access-Control-Allow-Origin")
    handler.clear_header("Access-Control-Allow-Credentials")
    origin = allowed_origin(handler)
    if origin:
        handler.set_header("Access-Control-Allow-Origin", origin)
        handler.set_header("Access-Control-Expose-Headers", ", ".join(EXPOSED))


def preflight(handler: PlutoHandler) -> None:
    """The answer to OPTIONS."""
    handler.set_status(204)
    handler.set_header("Allow", ", ".join(handler.allowed()))
    if allowed_origin(handler):
        handler.set_header("Access-Control-Allow-Methods", ", ".join(handler.allowed()))
        handler.set_header("Access-Control-Allow-Headers", ", ".join(ALLOWED))
        handler.set_header("Access-Control-Max-Age", str(MAX_AGE_S))


def vary(handler: PlutoHandler, told: str) -> str:
    """What `Vary` must say, besides what the handler itself says: a cache may not give one origin another's answer."""
    if not (handler.app.cors_origins or handler.allow_origin):
        return told
    return ", ".join(dict.fromkeys([*(one.strip() for one in told.split(",") if one.strip()), "Origin"]))
