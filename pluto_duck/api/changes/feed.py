"""One reading of changes for all who follow the same tables as the same actor.

Who is behind, because its client is slow or came with an old position, reads by itself until it has caught up: what is
kept for all is bounded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pluto_duck.errors import PlutoError
from pluto_duck.events.model import Position
from pluto_duck.governance.audit.trail import Trail, following

if TYPE_CHECKING:
    from pluto_duck.api.app import PlutoDuckApp
    from pluto_duck.api.changes.bell import Bell
    from pluto_duck.api.places import Place
    from pluto_duck.events.model import ChangeBatch
    from pluto_duck.governance import Actor
    from pluto_duck.session import Session, TableRef

LOT = 1_000
"""Changes read at once."""
KEPT_BYTES = 4 << 20
RETRY_S = 0.5
OF_A_TABLE = ("schema", "drop", "resync")
"""What happens to a table as a whole goes by its own name; all else is a change of rows."""


@dataclass(frozen=True)
class Told:
    position: Position
    table: str
    """TableRef.key."""
    frame: bytes


@dataclass(frozen=True)
class Lot:
    after: Position
    position: Position
    told: tuple[Told, ...]
    whole: bytes
    """All their frames."""
    view: Mapping[str, str]
    head: int = 0
    """The newest commit when it was read."""


def read(place: Place, actor: Actor | None, after: Position, tables: Sequence[TableRef], limit: int) -> ChangeBatch:
    """In a thread."""
    def ask(session: Session) -> ChangeBatch:
        return session.changes(after, tables=tables, limit=limit)

    return place.actors.ask(actor, ask)


def lot_of(after: Position, batch: ChangeBatch) -> Lot:
    from pluto_duck.session import TableRef

    columns = [batch.table.column(name).to_pylist() for name in ("seq", "n", "op", "schema", "name", "event")]
    told = tuple(Told(Position(seq, n), TableRef(name, schema).key, frame(Position(seq, n), op, event))
                 for seq, n, op, schema, name, event in zip(*columns, strict=True))
    return Lot(after, batch.position, told, b"".join(one.frame for one in told), batch.view, batch.head)


def frame(at: Position, op: str, event: str) -> bytes:
    return f"id: {at}\nevent: {op if op in OF_A_TABLE else 'change'}\ndata: {event}\n\n".encode()


class Feed:
    """On the event loop."""

    def __init__(self, app: PlutoDuckApp, place: Place, bell: Bell, actor: Actor | None,
                 tables: Sequence[TableRef]) -> None:
        self._app, self._place, self._actor, self._tables = app, place, actor, tables
        self._lots: deque[Lot] = deque()
        self._bytes = 0
        self.position: Position | None = None
        """Up to where it has read; None before it has begun."""
        self.view: Mapping[str, str] | None = None
        """What its readings were made by: those of before are thrown away."""
        self.error: PlutoError | None = None
        """Why it has ended."""
        self.trail = Trail()
        """What the readings were told of tables and rules; each who follows takes it over."""
        self._followers: set[asyncio.Event] = set()
        self._news = asyncio.Event()
        self._off = bell.listen(self._news.set)
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def read(self, after: Position) -> Lot:
        """For one alone."""
        with following(self.trail):
            batch = await self._app.in_thread(read, self._place, self._actor, after, self._tables, LOT)
            return await self._app.in_thread(lot_of, after, batch)

    def next_after(self, position: Position) -> Lot | None:
        """What comes next, if it is at hand. A lot may begin before `position`."""
        for lot in self._lots:
            if lot.position > position:
                return lot if lot.after <= position else None
        return None

    def is_behind(self, position: Position) -> bool:
        """Whether who stands there has to read by itself."""
        return self.position is None or (position < self.position and self.next_after(position) is None)

    def join(self, bell: asyncio.Event, at: Position) -> None:
        self._followers.add(bell)
        if self.position is None:
            self.position = at
            self._news.set()

    def leave(self, bell: asyncio.Event) -> bool:
        """True when nobody is left, and it has ended."""
        self._followers.discard(bell)
        if not self._followers:
            self._off()
            self._task.cancel()
        return not self._followers

    async def _run(self) -> None:
        try:
            while True:
                try:
                    # What a policy shows may change without a commit: looked at with each heartbeat.
                    await asyncio.wait_for(self._news.wait(), self._app.heartbeat_s)
                except TimeoutError:
                    pass
                self._news.clear()
                while self.position is not None:
                    try:
                        lot = await self.read(self.position)
                    except PlutoError as error:
                        if not error.transient:
                            raise
                        await asyncio.sleep(RETRY_S)  # a host that is on its way
                        continue
                    self._keep(lot)
                    if not lot.told and lot.position.seq >= lot.head:
                        break
        except PlutoError as error:
            self.error = error
            self._tell()

    def _keep(self, lot: Lot) -> None:
        assert self.position is not None
        if lot.position == self.position and lot.view == self.view:
            return
        if lot.view != self.view:  # who may see less now must not be shown what was read before
            self._lots.clear()
            self._bytes, self.view = 0, lot.view
        self.position = lot.position
        self._lots.append(lot)
        self._bytes += len(lot.whole) + 256
        while len(self._lots) > 1 and self._bytes > KEPT_BYTES:
            self._bytes -= len(self._lots.popleft().whole) + 256
        self._tell()

    def _tell(self) -> None:
        for bell in list(self._followers):
            bell.set()


class Feeds:
    """Of one workspace."""

    def __init__(self, app: PlutoDuckApp, place: Place) -> None:
        from pluto_duck.api.changes.bell import Bell

        self._app, self._place = app, place
        self.bell = Bell(lambda: place._session_of(None))
        self._of: dict[tuple[str, tuple[str, ...]], Feed] = {}

    def of(self, actor: Actor | None, tables: Sequence[TableRef]) -> Feed:
        from pluto_duck.api.actors import who

        key = who(actor), tuple(sorted(one.key for one in tables))
        found = self._of.get(key)
        if found is None or found.error is not None:
            found = self._of[key] = Feed(self._app, self._place, self.bell, actor, tables)
        return found

    def left(self, feed: Feed, bell: asyncio.Event) -> None:
        if feed.leave(bell):
            self._of = {key: one for key, one in self._of.items() if one is not feed}

    def __len__(self) -> int:
        return len(self._of)

    def close(self) -> None:
        self.bell.close()


__all__ = ["OF_A_TABLE", "Feed", "Feeds", "Lot", "lot_of", "read"]
