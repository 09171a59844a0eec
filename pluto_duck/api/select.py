"""GET /api/v1/query?sql=: one SELECT and its rows in one request, for BI tools, browsers and `read_csv`.

A GET changes nothing, whoever sends it: the owner's SQL passes the Gate here, too. Who has the rows already gets 304
without anything being run.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from pluto_duck.api.forms import JSON, RunForms
from pluto_duck.api.handler import HTTPProblem
from pluto_duck.api.openapi_parts import LEAST_S
from pluto_duck.errors import TimedOut, UsageError

if TYPE_CHECKING:
    from pluto_duck.api.places import Place
    from pluto_duck.runs import Run
    from pluto_duck.session import Session, Stamp

PATIENCE_S = 0.5
LONGEST = 8_000
"""Characters of SQL in an address; many proxies take no longer ones."""


async def select(handler: RunForms, sql: str) -> None:
    from pluto_duck.api.query import start

    handler.trail.action = "query"
    handler.must_have("query:run")
    _refuse_other_pages(handler)
    text = sql.strip()
    if not text or len(text) > LONGEST:
        raise UsageError(f"sql must have from 1 to {LONGEST:,} characters.",
                         hint="POST /api/v1/query takes longer ones.")
    kind = handler.form(without=("events",))
    body = asked(handler)
    place = await handler.place()
    if handler.request.headers.get("If-None-Match") and handler.looks() and await _has_it(
            handler, place, text, kind, body):
        return
    run = await handler.in_thread(start, place, "sql", text, body, handler.actor, handler.allowance, handler.spender(),
                                  handler.looks(), reads=True)
    handler.trail.run = run.run_id
    handler.follow(place, run)
    if kind == JSON:
        run = await _ended(handler, place, run)
    await handler.answer(place, run, kind)


def asked(handler: RunForms) -> dict[str, Any]:
    """What the parameters that belong to sql say. Raises UsageError."""
    body: dict[str, Any] = {"max_rows": handler.integer("max_rows", None, least=0, most=2**53),
                            "timeout_s": _seconds(handler, "timeout_s", LEAST_S),
                            "max_age": _seconds(handler, "max_age", 0), "params": _params(handler)}
    return {name: value for name, value in body.items() if value is not None}


def _refuse_other_pages(handler: RunForms) -> None:
    """A page of somebody else can send the owner's cookie with a GET: it can't read the answer, but have work done."""
    if handler.caller is None and not handler.token_authenticated \
            and handler.request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        raise HTTPProblem(403, "Another site's page may not have SQL run here.",
                          hint="Open the address yourself, or send the token: Authorization: token <token>")


def _params(handler: RunForms) -> dict[str, Any] | list[Any] | None:
    """`params`: JSON, as in the body of a POST."""
    text = handler.get_query_argument("params", None)
    if text is None:
        return None
    try:
        found = json.loads(text)
        json.dumps(found, ensure_ascii=False).encode()  # "\ud800" is JSON, but no text
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict | list):
        raise UsageError("params must be a JSON object or array.", name="params",
                         hint='For example: params={"month": 7}, URL-encoded.')
    return found


def _seconds(handler: RunForms, name: str, least: float) -> float | None:
    text = handler.get_query_argument(name, None)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not least <= value <= 1e9:
        raise UsageError(f"{name}={text} must be {least:g} or more seconds.", name=name)
    return value


async def _has_it(handler: RunForms, place: Place, sql: str, kind: str, body: dict[str, Any]) -> bool:
    """Whether the client's tag is that of the answer that is kept; then it has been told so."""
    from pluto_duck.api import download
    from pluto_duck.api.query import limits
    from pluto_duck.api.tags import tag_of_data

    cache, allowance = place.cache, handler.allowance
    if cache is None or kind == JSON:
        return False
    max_rows, _timeout_s = limits(place, body, allowance)
    max_bytes = int(allowance.max_mb * 1e6) if allowance is not None else None

    def look() -> str:
        def stamp(session: Session) -> Stamp:
            return session.stamp(sql, body.get("params"), max_rows=max_rows, max_bytes=max_bytes, read_only=True)

        key = place.ask_as(handler.actor, stamp).key
        if not key:
            return ""
        until = time.monotonic() + PATIENCE_S

        def check() -> None:
            if time.monotonic() > until:
                raise TimedOut("Somebody is still computing it.")

        try:
            with cache.turn(key, check):  # who has just sent the rows may be about to keep them
                return cache.data_of(key)
        except TimedOut:
            return ""

    data = await handler.in_thread(look)
    if not data:
        return False
    tag = tag_of_data(place, data, download.ENDINGS[kind], download.coding(handler, kind))
    if not handler.has(tag):
        return False
    handler.unchanged(tag)
    return True


async def _ended(handler: RunForms, place: Place, run: Run) -> Run:
    """JSON says how it ended, which a status has to tell before the first byte."""
    from pluto_duck.api.follow import Follower

    follower = Follower(handler.app, place, run.run_id)
    handler.on_gone = follower.leave
    with handler.app.protecting.stream(handler.caller, handler.allowance):
        async with follower:
            async for state in follower.states():
                run = state
    failure = run.failure()
    if failure is not None:
        raise failure
    return run

