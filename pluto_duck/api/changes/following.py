"""One client that follows changes: where it stands, what comes next, when it must begin anew; not how it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pluto_duck.api.changes.feed import Feeds, Lot, Told, lot_of, read
from pluto_duck.errors import HistoryGone, UsageError
from pluto_duck.events.model import Position

if TYPE_CHECKING:
    import pyarrow

    from pluto_duck.api.handler import PlutoHandler
    from pluto_duck.api.places import Place
    from pluto_duck.session import Session, TableRef

LIMIT = 1_000
MOST_TABLES = 100
_GONE = "Changes that you have not had are no longer kept."


@dataclass(frozen=True)
class News:
    """Changes that come next."""

    told: tuple[Told, ...]
    frames: bytes
    """The same as server-sent events."""


@dataclass(frozen=True)
class Reset:
    """What the client has may not be what it would see: it has to read the tables anew."""

    position: Position
    why: str

    def to_json(self) -> str:
        return json.dumps({"position": str(self.position), "why": self.why}, ensure_ascii=False)


@dataclass(frozen=True)
class Rows:
    """Some rows of a table that is told whole, without positions: who loses the line in the middle begins anew."""

    batch: pyarrow.RecordBatch


@dataclass(frozen=True)
class Whole:
    """All tables were told whole: from here on their changes follow."""

    position: Position
    tables: tuple[str, ...]


@dataclass(frozen=True)
class Quiet:
    """Nothing happened for a while, and who asks may still do so."""

    position: Position


Step = News | Reset | Rows | Whole | Quiet


class Following:
    """`begin`, then `steps`; `leave` from anywhere on the event loop."""

    def __init__(self, handler: PlutoHandler, place: Place, tables: list[TableRef],
                 still_welcome: Callable[[], Awaitable[None]]) -> None:
        """`still_welcome` raises where whoever asks may no longer: it is asked with each heartbeat."""
        self._handler, self._place, self._tables = handler, place, tables
        self._app, self._still_welcome = handler.app, still_welcome
        self._bell = asyncio.Event()
        self._left = False
        self._view: Mapping[str, str] = {}
        self._ahead: dict[str, Position] = {}
        """Of tables that were told whole: up to where their changes were in that."""
        self._position = Position()
        self._first: Lot | None = None
        self._gone = False

    def leave(self) -> None:
        self._left = True
        self._bell.set()

    async def begin(self, after: Position | None) -> None:
        """Reads the first changes behind `after`; None: those from now on. What is refused is refused here."""
        handler = self._handler
        try:
            if after is None:
                after = Position(await handler.in_thread(head, self._place), Position.LAST)
            batch = await handler.in_thread(read, self._place, handler.actor, after, self._tables, LIMIT)
        except HistoryGone as gone:
            self._position, self._gone = Position(int(gone.facts["head"]), Position.LAST), True
            return
        self._view = batch.view
        self._position, self._first = after, lot_of(after, batch)

    async def steps(self, *, snapshot: bool = False) -> AsyncGenerator[Step, None]:
        """Until `leave`, or the server stops. Each is read once the one before was taken."""
        off = self._app.drain.on_begin(self._bell.set)
        try:
            if self._gone:
                yield Reset(self._position, _GONE)
            if snapshot:
                async for step in self._whole():
                    yield step
            elif self._first is not None:
                for step in self._news(self._first):
                    yield step
            async for step in self._follow():
                yield step
        finally:
            off()

    async def _follow(self) -> AsyncGenerator[Step, None]:
        feeds: Feeds = self._place.feeds(self._app)
        handler, feed = self._handler, feeds.of(self._handler.actor, self._tables)
        feed.join(self._bell, self._position)
        shared, loop = 0, asyncio.get_running_loop()
        looked = loop.time()
        try:
            while not self._left and not self._app.closing:
                self._bell.clear()
                if feed.error is not None:
                    raise feed.error
                if loop.time() - looked >= self._app.heartbeat_s:  # also where changes come without a pause
                    await self._still_welcome()
                    looked = loop.time()
                lot = feed.next_after(self._position)
                if feed.is_behind(self._position) or (feed.view is not None and feed.view != self._view):
                    try:
                        lot = await feed.read(self._position)
                    except HistoryGone as gone:
                        self._position = Position(int(gone.facts["head"]), Position.LAST)
                        yield Reset(self._position, _GONE)
                        continue
                if lot is not None:
                    shared += len(lot.told)
                    before = self._position
                    for step in self._news(lot):
                        yield step
                    if self._position != before:
                        continue
                try:
                    await asyncio.wait_for(self._bell.wait(), self._app.heartbeat_s)
                except TimeoutError:
                    await self._still_welcome()
                    looked = loop.time()
                    yield Quiet(self._position)
        finally:
            feeds.left(feed, self._bell)
            handler.trail.share(feed.trail, shared)

    def _news(self, lot: Lot) -> list[Step]:
        """Moves on behind it."""
        found: list[Step] = []
        position, was, self._view = self._position, self._view, lot.view
        if any(lot.view.get(key) != print_ for key, print_ in was.items()):
            found.append(Reset(position, "What you may see of these tables has changed."))
        told = tuple(one for one in lot.told if one.position > max(position, self._ahead.get(one.table, position)))
        if told:
            found.append(News(told, lot.whole if len(told) == len(lot.told) else b"".join(one.frame for one in told)))
            self._handler.spend(rows=len(told))
        self._position = max(position, lot.position)
        return found

    async def _whole(self) -> AsyncGenerator[Step, None]:
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
                        return
                    if loop.time() - looked >= self._app.heartbeat_s:
                        await self._still_welcome()
                        looked = loop.time()
                    handler.spend(rows=batch.num_rows)
                    yield Rows(batch)
        finally:
            await handler.in_thread(session.close)
        self._position = min(self._ahead.values())
        yield Whole(self._position, tuple(str(one) for one in self._tables))


def tables_of(names: Sequence[str]) -> list[TableRef]:
    """Raises UsageError for too many."""
    from pluto_duck.session import TableRef

    if len(names) > MOST_TABLES:
        raise UsageError(f"tables names more than {MOST_TABLES}.", name="tables", hint="Leave it out for all.")
    return [TableRef.parse(one) for one in names]


def head(place: Place) -> int:
    """The newest commit. In a thread."""
    def ask(session: Session) -> int:
        return session.changes_head()

    return place.actors.ask(None, ask)


__all__ = ["LIMIT", "Following", "News", "Quiet", "Reset", "Rows", "Step", "Whole", "head", "tables_of"]
