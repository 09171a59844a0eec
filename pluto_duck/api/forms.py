"""A run as JSON, as events or as a file: what the addresses that answer with one share."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pluto_duck.api.handler import PlutoHandler
from pluto_duck.api.tags import matches, tag_of
from pluto_duck.errors import UsageError

if TYPE_CHECKING:
    from pluto_duck.api.places import Place
    from pluto_duck.runs import Run

JSON, EVENTS = "application/json", "text/event-stream"
PAGE, MAX_PAGE = 1_000, 10_000
"""Rows of a JSON page."""


class RunForms(PlutoHandler):
    _tag: str | None = None

    _followed: tuple[Place, Run] | None = None

    def stalled(self) -> None:
        super().stalled()
        if self._followed is not None:
            place, run = self._followed
            said = f"A client that followed it took nothing for {self.app.client_timeout_s:g} s and was cut off."
            self.app.soon(place.runs.note, run.run_id, said)

    def form(self, without: tuple[str, ...] = ()) -> str:
        """By `format`, else by Accept. Raises UsageError or the 406."""
        from pluto_duck.api.download import FORMATS

        known = {"json": JSON, "events": EVENTS, **FORMATS}
        for name in without:
            del known[name]
        self.set_header("Vary", "Accept, Accept-Encoding, Authorization, Cookie")
        named = self.get_query_argument("format", None)
        if named is None:
            return self.accepted(tuple(known.values()))
        if named not in known:
            raise UsageError(f"format={named} is no form of a run.", hint=f"Known: {', '.join(known)}.")
        return known[named]

    def looks(self) -> bool:
        """Whether an answer that was computed before will do (RFC 9111 5.2.1)."""
        asked = self.request.headers.get("Cache-Control", "").lower().replace(" ", "").split(",")
        return not {"no-cache", "no-store", "max-age=0"} & set(asked)

    def follow(self, place: Place, run: Run) -> None:
        """It is what this request answers with."""
        self._followed = place, run

    def has(self, tag: str) -> bool:
        """Whether the client says that it has this already."""
        return matches(self.request.headers.get("If-None-Match", ""), tag)

    def unchanged(self, tag: str) -> bool:
        """Tags the answer; True where the client has it already, and gets 304."""
        self.tagged(tag)
        if not self.has(tag):
            return False
        self.set_status(304)
        return True

    def tagged(self, tag: str) -> None:
        self._tag = tag
        self.caching = "private, no-cache"  # kept, but asked about each time
        self.set_header("ETag", tag)
        self.set_header("Cache-Control", self.caching)

    def compute_etag(self) -> str | None:
        """Of a run ours, or none: tornado's own hash of the body would come after all the work."""
        return super().compute_etag() if self._followed is None and self._tag is None else self._tag

    async def answer(self, place: Place, run: Run, kind: str) -> None:
        """With a run as a form of it."""
        from pluto_duck.api import download, sse

        if kind == JSON:
            await self._json(place, run)
        elif kind == EVENTS:
            with self.app.protecting.stream(self.caller, self.allowance):
                await sse.stream(self, place, run)
        else:
            with self.app.protecting.stream(self.caller, self.allowance):
                await download.stream(self, place, run, kind)

    async def _json(self, place: Place, run: Run) -> None:
        from pluto_duck.api.follow import Follower

        offset = self.integer("offset", 0, least=0, most=2**62) or 0
        limit = self.integer("limit", PAGE, least=0, most=MAX_PAGE)
        wait_s = self.wait_s()
        if wait_s and not run.done:
            follower = Follower(self.app, place, run.run_id, counts=False)
            self.on_gone = follower.leave
            with self.app.protecting.stream(self.caller, self.allowance), suppress(TimeoutError):
                async with follower, asyncio.timeout(wait_s):
                    async for state in follower.states():
                        run = state
        cut = self.integer("cut", None, least=1, most=2**31)
        named = self.get_query_argument("workspace", None)
        form = ("json", run.run_id, offset, limit, cut, named, self.base_url)
        if run.done and self.unchanged(tag_of(place, run, *form)):
            return
        rows = await self.in_thread(page, place, run, offset, PAGE if limit is None else limit, cut)
        links = {"self": self.url("query", run.run_id, workspace=named)}
        if rows is not None and offset + len(rows) < run.row_count and rows:
            links["next"] = self.url("query", run.run_id, offset=offset + len(rows), limit=limit, workspace=named)
            self.set_header("Link", f'<{links["next"]}>; rel="next"')
        self.say_age(run)
        self.send({**summary(run), **waiting(place, run), "workspace": place.name,
                   "columns": None if run.columns is None else [{"name": c.name, "type": c.type} for c in run.columns],
                   "offset": offset, "limit": limit, "rows": rows, "links": links})


def summary(run: Run) -> dict[str, Any]:
    """What JSON says of a run, without its rows."""
    return {
        "run_id": run.run_id, "kind": run.kind, "text": run.text, "status": run.status,
        "created_at": run.created_at.isoformat(),
        "started_at": run.started_at.isoformat() if run.started_at else None,
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
        "elapsed_s": round(run.elapsed_s, 6), "row_count": run.row_count, "error": run.error,
        **{name: value for name, value in run.facts.items() if name != "data"},  # what its ETags are made of
    }


def waiting(place: Place, run: Run) -> dict[str, Any]:
    """How many runs begin before it, while it waits in this process."""
    position = place.runs.position(run.run_id) if run.status == "queued" else None
    return {} if position is None else {"position": position}


def page(place: Place, run: Run, offset: int, limit: int, cut: int | None) -> list[Any] | None:
    from pluto_duck.display.jsonable import json_rows
    from pluto_duck.display.page import short

    table = place.runs.page(run, offset, limit)
    if table is None:
        return None
    types = [one.type for one in run.columns or ()]
    rows: list[Any] = [row for batch in table.to_batches() for row in json_rows(batch, types)]
    return rows if cut is None else [[short(value, cut) for value in row] for row in rows]
