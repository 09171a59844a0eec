"""The text of a token taken apart, strictly: nothing in it is believed yet."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pluto_duck.errors import Unauthenticated

MAX_LENGTH = 16_384
"""Characters. Larger ones exist, and no header of ours takes them."""
MAX_DEPTH = 8
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_TYPES = ("", "jwt", "at+jwt", "application/at+jwt")
"""Of the header `typ`, without case (RFC 9068 2.1): whatever else a token may be, it is not one for access."""


@dataclass(frozen=True)
class Parts:
    algorithm: str
    kid: str | None
    is_access: bool
    """The header itself says that it is an access token."""
    claims: dict[str, Any]

    @property
    def issuer(self) -> str:
        found = self.claims.get("iss")
        return found if isinstance(found, str) else ""


def looks_like_one(text: str) -> bool:
    """A JSON object in base64 begins so, and no token of Jupyter's or of ours does."""
    return text.startswith("eyJ") and "." in text


def refused(why: str) -> Unauthenticated:
    return Unauthenticated(f"The token is not good: {why}.", hint="Ask its issuer for another one.")


def parts(text: str) -> Parts:
    """Raises Unauthenticated."""
    if len(text) > MAX_LENGTH:
        raise refused(f"it has more than {MAX_LENGTH} characters")
    if not _SHAPE.fullmatch(text):
        raise refused("it does not have the form of a signed token")
    header, claims = (_object(one) for one in text.split(".")[:2])
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "")
    if not isinstance(algorithm, str):
        raise refused("its header names no algorithm")
    if kid is not None and (not isinstance(kid, str) or len(kid) > 500):
        raise refused("the kid of its header is no text")
    if "crit" in header or "b64" in header:
        raise refused("its header asks for an extension that is not known here")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise refused("it is not an access token")
    return Parts(algorithm, kid, "at+jwt" in kind.lower(), claims)


def _object(segment: str) -> dict[str, Any]:
    try:
        data = base64.b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True)
        found = json.loads(data.decode("utf-8"), object_pairs_hook=_no_twice, parse_constant=_no_constant)
        json.dumps(found, ensure_ascii=False).encode()  # "\ud800" is JSON, but no text
    except (ValueError, binascii.Error, RecursionError, OverflowError):
        raise refused("it can't be read") from None
    if not isinstance(found, dict) or _too_deep(found, MAX_DEPTH):
        raise refused("it can't be read")
    return found


def _no_twice(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Who reads the first and who reads the last of two would each see another token."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member stands there twice")
    return found


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def _too_deep(value: Any, left: int) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    return isinstance(value, list) and (left == 0 or any(_too_deep(one, left - 1) for one in value))
