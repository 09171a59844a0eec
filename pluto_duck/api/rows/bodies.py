"""What a request says beside its address: a row or rows, and the conditions of its headers."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pluto_duck.api.handler import HTTPProblem

if TYPE_CHECKING:
    from tornado.httputil import HTTPHeaders, HTTPServerRequest

MAX_BODY = 8_000_000
MAX_ROWS = 10_000
_UNSAID = "application/x-www-form-urlencoded"
"""What curl and some libraries say of any body."""
TYPES = ("application/json",)
PATCH_TYPES = ("application/merge-patch+json", "application/json")
_LIKE = 'For example: {"id": 7, "amount": "12.50"}'


def body(request: HTTPServerRequest, types: tuple[str, ...]) -> Any:
    """The JSON of a body. Numbers that a double would round come as text, with all their digits."""
    kind = request.headers.get("Content-Type", types[0]).partition(";")[0].strip().lower()
    if kind not in (*types, _UNSAID):
        raise HTTPProblem(415, f"A body of {kind[:80] or 'no type'} can't be read here.",
                          hint=f"Content-Type: {types[0]}")
    try:
        found = json.loads(request.body.decode("utf-8"), parse_float=_number, parse_constant=_no_constant,
                           object_pairs_hook=_object)
        json.dumps(found, ensure_ascii=False).encode()  # "\ud800" is JSON, but no text
    except ValueError as error:
        raise HTTPProblem(400, f"The body is not JSON: {error}.", hint=_LIKE) from None
    except RecursionError:
        raise HTTPProblem(400, "The body is nested too deep.", hint=_LIKE) from None
    return found


def row(request: HTTPServerRequest, types: tuple[str, ...] = TYPES) -> dict[str, Any]:
    found = body(request, types)
    if not isinstance(found, dict):
        raise HTTPProblem(400, "The body must be a JSON object: a row.", hint=_LIKE)
    return found


def rows(request: HTTPServerRequest) -> tuple[list[dict[str, Any]], bool]:
    """The rows, and whether there was a list of them."""
    found = body(request, TYPES)
    many = isinstance(found, list)
    listed = found if many else [found]
    if not listed or len(listed) > MAX_ROWS or not all(isinstance(one, dict) for one in listed):
        raise HTTPProblem(400, f"The body must be a row, a JSON object, or a list of 1 to {MAX_ROWS:,}.", hint=_LIKE)
    return listed, many


def _number(text: str) -> float | str:
    value = float(text)
    return value if value - value == 0 and Decimal(repr(value)) == Decimal(text) else text


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON; send it as text")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def expected(headers: HTTPHeaders) -> tuple[str, ...] | None:
    """Of If-Match: the tags, ("*",) for any; None without it."""
    text = headers.get("If-Match", "").strip()
    if not text:
        return None
    if text == "*":
        return ("*",)
    found = [one.strip() for one in text.split(",") if one.strip()]
    # A weak one never matches (RFC 9110 13.1.1).
    return tuple(one[1:-1] if one.startswith('"') and one.endswith('"') and len(one) > 1 else "" for one in found)


def minimal(headers: HTTPHeaders) -> bool:
    """Prefer: return=minimal (RFC 7240)."""
    return any(one.strip().lower() == "return=minimal"
               for one in headers.get("Prefer", "").replace(";", ",").split(","))
