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
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from tornado.iostream import StreamClosedError

from pluto_duck.api.changes.feed import Feed, Feeds, Lot, lot_of, read
from pluto_duck.api.handler import PlutoHandler, guarded
from pluto_duck.api.sse import RETRY_MS
from pluto_duck.errors import HistoryGone, PlutoError, UsageError
from pluto_duck.events.model import Position

if TYPE_CHECKING:
    import pyarrow

    from pluto_duck.api.places import Place
    from pluto_duck.session import Session, TableRef

JSON, EVENTS = "application/json", "text/event-stream"
LIMIT, MOST = 1_000, 10_000
MOST_TABLES = 100


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
            await Following(self, place, tables).run(after, snapshot=snapshot)

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
        from pluto_duck.session import TableRef

        text = self.get_query_argument("tables", "")
        found = [TableRef.parse(one) for one in _names(text)] if text.strip() else []
        if len(found) > MOST_TABLES:
            raise UsageError(f"tables names more than {MOST_TABLES}.", name="tables", hint="Leave it out for all.")
        return found

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
            after = Position(await self.in_thread(_head, place), Position.LAST)
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

    async def still_welcome(self) -> None:
        """A key that was revoked meanwhile reads no further. Raises Unauthenticated."""
        if self.caller is not None:
            await self.identity_provider.get_user(self)


class Following:
    """One client's stream."""

    def __init__(self, handler: ChangesHandler, place: Place, tables: list[TableRef]) -> None:
        self._handler, self._place, self._tables = handler, place, tables
        self._app = handler.app
        self._bell = asyncio.Event()
        self._left = False
        self._view: Mapping[str, str] = {}
        self._ahead: dict[str, Position] = {}
        """Of tables that were told whole: up to where their changes were in that."""

    def _leave(self) -> None:
        self._left = True
        self._bell.set()

    async def run(self, after: Position | None, *, snapshot: bool) -> None:
        handler = self._handler
        position, first, gone = await self._begin(after)
        handler.set_header("Content-Type", EVENTS)
        handler.set_header("Cache-Control", "no-store")
        handler.set_header("X-Accel-Buffering", "no")
        handler.on_gone = self._leave
        off = self._app.drain.on_begin(self._bell.set)
        try:
            handler.write(f"retry: {RETRY_MS}\n\n")
            await handler.flush()
            if gone is not None:
                await self._reset(position, "Changes that you have not had are no longer kept.")
            if snapshot:
                position = await self._whole(position)
            elif first is not None:
                position = await self._send(first, position)
            await self._follow(position)
            if self._app.closing:
                handler.write(f": the server stops\nretry: {RETRY_MS}\n\n")
        except StreamClosedError:
            pass
        except PlutoError as error:  # too late for a status
            body = {**error.to_dict(), "facts": {k: v for k, v in error.facts.items() if k != "checked"}}
            handler.write(f"event: error\ndata: {json.dumps(body, ensure_ascii=False, default=str)}\n\n")
        finally:
            off()

    async def _begin(self, after: Position | None) -> tuple[Position, Lot | None, HistoryGone | None]:
        """Where it begins, with the first changes: what is refused is told by a status, and noted as this request's."""
        handler = self._handler
        try:
            at = after
            if at is None:
                at = Position(await handler.in_thread(_head, self._place), Position.LAST)
            batch = await handler.in_thread(read, self._place, handler.actor, at, self._tables, LIMIT)
        except HistoryGone as gone:
            return Position(int(gone.facts["head"]), Position.LAST), None, gone
        self._view = batch.view
        return at, lot_of(at, batch), None

    async def _follow(self, position: Position) -> None:
        feeds: Feeds = self._place.feeds(self._app)
        handler, feed = self._handler, feeds.of(self._handler.actor, self._tables)
        feed.join(self._bell, position)
        shared, loop = 0, asyncio.get_running_loop()
        looked = loop.time()
        try:
            while not self._left and not self._app.closing:
                self._bell.clear()
                if feed.error is not None:
                    raise feed.error
                if loop.time() - looked >= self._app.heartbeat_s:  # also where changes come without a pause
                    await handler.still_welcome()
                    looked = loop.time()
                lot = feed.next_after(position)
                if feed.is_behind(position) or (feed.view is not None and feed.view != self._view):
                    lot = await self._by_itself(feed, position)
                if lot is not None:
                    shared += len(lot.told)
                    before, position = position, await self._send(lot, position)
                    if position != before:
                        continue
                try:
                    await asyncio.wait_for(self._bell.wait(), self._app.heartbeat_s)
                except TimeoutError:
                    await handler.still_welcome()
                    looked = loop.time()
                    handler.write(f": still here\nid: {position}\n\n")
                    await handler.flush()
        finally:
            feeds.left(feed, self._bell)
            handler.trail.share(feed.trail, shared)

    async def _by_itself(self, feed: Feed, position: Position) -> Lot:
        try:
            return await feed.read(position)
        except HistoryGone as gone:
            now = Position(int(gone.facts["head"]), Position.LAST)
            await self._reset(now, "Changes that you have not had are no longer kept.")
            return Lot(position, now, (), b"", self._view)

    async def _send(self, lot: Lot, position: Position) -> Position:
        handler = self._handler
        was, self._view = self._view, lot.view
        if any(lot.view.get(key) != print_ for key, print_ in was.items()):
            await self._reset(position, "What you may see of these tables has changed.")
        told = [one for one in lot.told if one.position > max(position, self._ahead.get(one.table, position))]
        if told:
            handler.write(lot.whole if len(told) == len(lot.told) else b"".join(one.frame for one in told))
            handler.spend(rows=len(told))
            await handler.flush()
        return max(position, lot.position)

    async def _reset(self, now: Position, why: str) -> None:
        data = json.dumps({"position": str(now), "why": why}, ensure_ascii=False)
        self._handler.write(f"id: {now}\nevent: reset\ndata: {data}\n\n")
        await self._handler.flush()

    # -- whole tables -------------------------------------------------------------------------------

    async def _whole(self, position: Position) -> Position:
        """The rows as they are, then where their changes begin."""
        handler = self._handler
        if not self._tables:
            raise UsageError("A snapshot needs to know of which tables.", name="snapshot",
                             hint="For example: tables=orders,items&snapshot=true")
        session = await handler.in_thread(self._place._session_of, handler.actor)
        loop = asyncio.get_running_loop()
        looked = loop.time()
        try:
            for table in self._tables:
                at, rows = await handler.in_thread(session.snapshot_changes, table)
                self._ahead[table.key] = at
                while (batch := await handler.in_thread(next, rows, None)) is not None:
                    if self._left:
                        raise StreamClosedError
                    if loop.time() - looked >= self._app.heartbeat_s:
                        await handler.still_welcome()
                        looked = loop.time()
                    handler.write(await handler.in_thread(_rows_frames, batch))
                    handler.spend(rows=batch.num_rows)
                    await handler.flush()
        finally:
            await handler.in_thread(session.close)
        position = min(self._ahead.values())
        data = json.dumps({"position": str(position), "tables": [str(one) for one in self._tables]})
        handler.write(f"id: {position}\nevent: snapshot\ndata: {data}\n\n")
        await handler.flush()
        return position


def _rows_frames(batch: pyarrow.RecordBatch) -> bytes:
    # Without ids: who loses the connection in the middle begins anew.
    return "".join(f"event: change\ndata: {one}\n\n" for one in batch.column("event").to_pylist()).encode()


def _head(place: Place) -> int:
    def ask(session: Session) -> int:
        return session.changes_head()

    return place.actors.ask(None, ask)


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
