"""GET /api/v1/changes

    id: 12.3
    event: change
    data: {"specversion": "1.0", ...}

The id is the position of the change: a client that comes back with Last-Event-ID goes on behind it. An id without data
says that what came up to there was not for this reader.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import TYPE_CHECKING, ClassVar

from tornado.iostream import StreamClosedError

from pluto_duck.api.changes.feed import read
from pluto_duck.api.changes.following import Following, News, Quiet, Reset, Rows, Whole, head, tables_of
from pluto_duck.api.handler import PlutoHandler, guarded
from pluto_duck.api.sse import RETRY_MS
from pluto_duck.errors import PlutoError, UsageError
from pluto_duck.events.model import Position

if TYPE_CHECKING:
    import pyarrow

    from pluto_duck.api.places import Place
    from pluto_duck.session import TableRef

JSON, EVENTS = "application/json", "text/event-stream"
LIMIT, MOST = 1_000, 10_000


class ChangesHandler(PlutoHandler):
    scopes: ClassVar = {"GET": "data:read"}

    @guarded
    async def get(self) -> None:
        """As events for as long as the client listens, or as JSON."""
        place, kind = await self.place(), self._form()
        tables = self._tables()
        snapshot = self._flag("snapshot")
        since = self.request.headers.get("Last-Event-ID") or self.get_query_argument("since", None) or "now"
        after = None if since.strip() == "now" else Position.parse(since)
        if kind == JSON:
            if snapshot:
                raise UsageError("A snapshot comes as events.", name="snapshot", hint="Accept: text/event-stream")
            await self._json(place, tables, after)
            return
        if snapshot and self.request.headers.get("Last-Event-ID"):
            snapshot = False  # it has had it
        with self.app.protecting.stream(self.caller, self.allowance):
            await self._events(Following(self, place, tables, self.still_welcome), after, snapshot=snapshot)

    def _form(self) -> str:
        self.set_header("Vary", "Accept, Authorization, Cookie")
        named = self.get_query_argument("format", None)
        known = {"json": JSON, "events": EVENTS}
        if named is None:
            return self.accepted((JSON, EVENTS))
        if named not in known:
            raise UsageError(f"format={named} is no form of changes.", name="format",
                             hint=f"Known: {', '.join(known)}.")
        return known[named]

    def _tables(self) -> list[TableRef]:
        text = self.get_query_argument("tables", "")
        return tables_of(_names(text)) if text.strip() else []

    def _flag(self, name: str) -> bool:
        text = self.get_query_argument(name, "false").lower()
        if text not in ("true", "false", "1", "0"):
            raise UsageError(f"{name}={text} must be true or false.", name=name)
        return text in ("true", "1")

    async def _json(self, place: Place, tables: list[TableRef], after: Position | None) -> None:
        limit = self.integer("limit", LIMIT, least=1, most=MOST) or LIMIT
        wait_s = self.wait_s()
        gone, news = asyncio.Event(), asyncio.Event()

        def leave() -> None:
            gone.set()
            news.set()

        self.on_gone = leave
        loop = asyncio.get_running_loop()
        if after is None:
            after = Position(await self.in_thread(head, place), Position.LAST)
        until = loop.time() + wait_s
        off = place.feeds(self.app).bell.listen(news.set) if wait_s else None
        drained = self.app.drain.on_begin(news.set)
        try:
            with self.app.protecting.stream(self.caller, self.allowance):
                while True:
                    news.clear()
                    batch = await self.in_thread(read, place, self.actor, after, tables, limit)
                    left = until - loop.time()
                    if batch.table.num_rows or left <= 0 or gone.is_set() or self.app.closing:
                        break
                    if batch.position != after:
                        after = batch.position
                        continue
                    try:
                        await asyncio.wait_for(news.wait(), left)
                    except TimeoutError:
                        pass
        finally:
            drained()
            if off is not None:
                off()
        if wait_s:
            await self.still_welcome()
        events = ",".join(batch.table.column("event").to_pylist())
        self.spend(rows=batch.table.num_rows)
        more = "true" if batch.position.seq < batch.head else "false"
        self.set_header("Cache-Control", "no-store")
        self.finish(f'{{"workspace":{json.dumps(place.name)},"changes":[{events}],"next":"{batch.position}",'
                    f'"head":{batch.head},"more":{more}}}')

    async def _events(self, following: Following, after: Position | None, *, snapshot: bool) -> None:
        await following.begin(after)
        self.set_header("Content-Type", EVENTS)
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Accel-Buffering", "no")
        self.on_gone = following.leave
        try:
            self.write(f"retry: {RETRY_MS}\n\n")
            await self.flush()
            async with aclosing(following.steps(snapshot=snapshot)) as steps:
                async for step in steps:
                    self.write(await self.in_thread(_rows_frames, step.batch) if isinstance(step, Rows)
                               else _frames(step))
                    await self.flush()
            if self.app.closing:
                self.write(f": the server stops\nretry: {RETRY_MS}\n\n")
        except StreamClosedError:
            pass
        except PlutoError as error:  # too late for a status
            body = {**error.to_dict(), "facts": {k: v for k, v in error.facts.items() if k != "checked"}}
            self.write(f"event: error\ndata: {json.dumps(body, ensure_ascii=False, default=str)}\n\n")

    async def still_welcome(self) -> None:
        """A key that was revoked meanwhile reads no further. Raises Unauthenticated."""
        if self.caller is not None:
            await self.identity_provider.get_user(self)


def _frames(step: News | Reset | Whole | Quiet) -> bytes | str:
    if isinstance(step, News):
        return step.frames
    if isinstance(step, Reset):
        return f"id: {step.position}\nevent: reset\ndata: {step.to_json()}\n\n"
    if isinstance(step, Whole):
        data = json.dumps({"position": str(step.position), "tables": step.tables})
        return f"id: {step.position}\nevent: snapshot\ndata: {data}\n\n"
    return f": still here\nid: {step.position}\n\n"


def _rows_frames(batch: pyarrow.RecordBatch) -> bytes:
    # Without ids: who loses the connection in the middle begins anew.
    return "".join(f"event: change\ndata: {one}\n\n" for one in batch.column("event").to_pylist()).encode()


def _names(text: str) -> list[str]:
    """Parts between commas that stand in no quotes."""
    found, quoted, current = [], False, ""
    for char in text:
        quoted ^= char == '"'
        if char == "," and not quoted:
            found.append(current)
            current = ""
        else:
            current += char
    return [*found, current]


__all__ = ["ChangesHandler"]
