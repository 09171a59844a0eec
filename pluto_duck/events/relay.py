"""The relay: takes changes from a reader to one sink, in their order, until they are durable there.

One relay of all processes is at work for a sink (`lease.py`). What it has delivered is noted in the control store, and
the sink is asked first where its target really stands: whatever comes between the two is delivered again, never left
out. A table of which changes are missing (new to the sink, changed unseen, or its history gone) is told whole.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pluto_duck.errors import HistoryGone, PlutoError, UnknownName
from pluto_duck.events.lease import Lease
from pluto_duck.events.marks import batch_table, mark
from pluto_duck.events.model import ChangeBatch, ChangeReader, DeadLetter, Position, Sink
from pluto_duck.events.sinkstore import LeaseLost, SinkRecord, Sinks
from pluto_duck.workspace.tableref import TableRef

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow

    from pluto_duck.events.envelope import Origin


_NEW = "This target is told of it for the first time."


class _Stopped(Exception):
    """In the middle of a table; it begins again next time."""


@dataclass(frozen=True)
class Pace:
    """How much at once, and how long to wait for what."""

    rows: int = 5000
    """Changes of a batch; memory holds one batch."""
    bytes: int = 4 << 20
    """Of a batch's events; a single larger event goes alone."""
    wait_s: float = 1.0
    """For the first change, when there is none: also how soon a pause counts."""
    first_retry_s: float = 0.1
    longest_retry_s: float = 15.0
    look_s: float = 30.0
    """How soon a table is told whole that is tracked since, if nothing of it changes; with its first change, else."""
    failed_retry_s: float = 60.0
    """After an error that will not pass by itself; sooner when somebody pauses or resumes the sink."""


class Relay:
    """`run` in a thread of its own; the reader and the store are used from there alone."""

    def __init__(self, name: str, reader: ChangeReader, tracked: Callable[[], Sequence[TableRef]], sinks: Sinks,
                 make: Callable[[SinkRecord], Sink], *, locks: Path, holder: str, origin: Origin,
                 pace: Pace | None = None) -> None:
        """`tracked`: the tables whose changes are kept now. `make`: the sink, not yet started."""
        self.name, self.holder, self.origin, self.pace = name, holder, origin, pace or Pace()
        self._reader, self._tracked, self._sinks, self._make, self._locks = reader, tracked, sinks, make, locks
        self._stop = threading.Event()

    def stop(self) -> None:
        """From any thread: ends `run` after the batch at hand."""
        self._stop.set()

    def run(self, *, until_caught_up: bool = False) -> None:
        """Waits for the lease, then delivers until `stop`, or until the sink is removed."""
        while not self._stop.is_set():
            lease = Lease.wait(self._locks, self.name, self._stop)
            if lease is None:
                return
            try:
                if not self._publish(until_caught_up):
                    return
            except LeaseLost:
                if self._sinks.find(self.name) is None:
                    return
            finally:
                lease.close()

    def _publish(self, until_caught_up: bool) -> bool:
        """False where nothing is left to do."""
        token = self._sinks.take(self.name, self.holder)
        tries = 0
        while not self._stop.is_set():
            record = self._sinks.find(self.name)
            if record is None:
                return False
            if record.paused:
                self._sinks.say(self.name, token, "stopped")
                if until_caught_up:
                    return False
                self._stop.wait(self.pace.wait_s)
                continue
            before = record.position
            try:
                with _Line(self, record, token) as line:
                    while not self._stop.is_set() and line.is_wanted():
                        if line.step(0.0 if until_caught_up else self.pace.wait_s) and until_caught_up:
                            return False
                        if line.position > before:
                            tries = 0
            except LeaseLost:
                raise
            except _Stopped:
                break
            except Exception as error:  # a sink is a plug-in: its slip must not end the others
                if self._stop.is_set():
                    break  # whoever ended us took the session away, too: nothing is wrong with the target
                told = error if isinstance(error, PlutoError) else PlutoError(f"{type(error).__name__}: {error}")
                passing = told.transient or not isinstance(error, PlutoError)
                if until_caught_up and not passing:
                    self._sinks.say(self.name, token, "failed", told.message, told.hint)
                    raise
                tries += 1
                self._failed(token, told, passing, tries, record.revision)
        self._sinks.say(self.name, token, "stopped")
        return True

    def _failed(self, token: int, told: PlutoError, passing: bool, tries: int, revision: int) -> None:
        self._sinks.say(self.name, token, "retrying" if passing else "failed", told.message, told.hint)
        if passing:
            wait_s = min(self.pace.longest_retry_s, self.pace.first_retry_s * 2 ** min(tries - 1, 20))
            wait_s *= random.uniform(0.8, 1.2)
        else:
            wait_s = self.pace.failed_retry_s
        until = time.monotonic() + wait_s
        while (left := until - time.monotonic()) > 0 and not self._stop.wait(min(left, 0.5)):
            found = self._sinks.find(self.name)
            if found is None or found.revision != revision:
                return


class _Line:
    """A started sink and where it stands, from its start to its first error."""

    def __init__(self, relay: Relay, record: SinkRecord, token: int) -> None:
        self._relay, self._record, self._token = relay, record, token
        self._reader, self._sinks, self._pace = relay._reader, relay._sinks, relay.pace
        self._sink: Sink | None = None
        self._covered: dict[str, tuple[TableRef, Position]] = {}
        self._head = record.head
        self._next_look = 0.0
        self.position = record.position

    def __enter__(self) -> _Line:
        self._sink = self._relay._make(self._record)
        try:
            noted, sent = self._record.position, self._record.sent
            found = self._sink.start(noted)
            has_lost = found < sent or bool(getattr(self._sink, "has_forgotten", False))
            # Where nothing was for this sink, only the relay's own note moved on.
            self.position = found if has_lost else max(found, noted)
            if has_lost:
                # What it lost may have been a part of a table that was told whole.
                self._sinks.uncover(self._record.name, self._token, [
                    key for key, (_, at) in self._sinks.covered(self._record.name).items() if at >= self.position])
            self._covered = self._sinks.covered(self._record.name)
            self._sinks.went(self._record.name, self._token, self.position, sent=min(found, self.position))
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            try:
                sink.close()
            except Exception:  # it could not deliver, and now it can't even close: the first error is the one to tell
                pass

    def is_wanted(self) -> bool:
        """False when somebody paused, changed or removed it."""
        found = self._sinks.find(self._record.name)
        if found is None or found.token != self._token:
            raise LeaseLost
        return found.revision == self._record.revision

    def step(self, wait_s: float) -> bool:
        """One batch; True when there was nothing to do for so long."""
        self._again()
        self._cover_new()
        try:
            batch = self._reader.changes(self.position, tables=self._record.tables, limit=self._pace.rows,
                                         wait_s=wait_s)
        except HistoryGone:
            self._begin_anew()
            return False
        self._head = batch.head
        if batch.head < self.position.seq:  # the database is an older one again, its numbers were given anew
            self._begin_anew()
            return False
        for part in self._parts(batch):
            self._deliver(part)
        look = getattr(self._sink, "look", None)
        if look is not None and not batch.table.num_rows:
            look()
        return batch.table.num_rows == 0 and batch.position.seq >= batch.head

    # -- batches ----------------------------------------------------------------------------------

    def _parts(self, batch: ChangeBatch) -> Iterator[ChangeBatch]:
        """What of it is to be delivered, in pieces of a bounded size; a table that changed unseen is told between."""
        table = self._unknown(batch.table)
        new = {one.key: one for one in _tables(table) if one.key not in self._covered}
        if new:
            for one in new.values():
                self._snapshot(one, _NEW)
            table = self._unknown(table)
        ops = table.column("op").to_pylist()
        done = 0
        while "resync" in ops[done:]:
            mark_at = ops.index("resync", done)
            if mark_at > done:
                yield from self._sliced(table.slice(done, mark_at - done), None, batch.head)
            found = _refs(table.slice(mark_at, 1))[0]
            self._snapshot(found, "It was changed in a way that could not be seen.")
            done = mark_at + 1
        rest = self._unknown(table.slice(done)) if done else table
        yield from self._sliced(rest, batch.position, batch.head)

    def _unknown(self, table: pyarrow.Table) -> pyarrow.Table:
        """Without the changes that a table told whole had in it already."""
        if not table.num_rows:
            return table
        first = Position(table.column("seq")[0].as_py(), table.column("n")[0].as_py())
        ahead = {key: at for key, (_, at) in self._covered.items() if at >= first}
        if not ahead.keys() & {one.key for one in _tables(table)}:
            return table
        import pyarrow

        at = zip(table.column("seq").to_pylist(), table.column("n").to_pylist(), _refs(table), strict=True)
        return table.filter(pyarrow.array([
            one.key not in ahead or Position(seq, n) > ahead[one.key] for seq, n, one in at], pyarrow.bool_()))

    def _sliced(self, table: pyarrow.Table, position: Position | None, head: int) -> Iterator[ChangeBatch]:
        """`position`: where the last piece ends; None: at its last change."""
        import pyarrow.compute as compute

        sizes = compute.binary_length(table.column("event")).to_pylist()
        start, weight, most = 0, 0, 2 * self._pace.rows
        for index, size in enumerate(sizes):
            if index > start and (weight + size > self._pace.bytes or index - start >= most):
                yield _piece(table, start, index, None, head)
                start, weight = index, 0
            weight += size
        yield _piece(table, start, len(sizes), position, head)

    def _deliver(self, batch: ChangeBatch, *, moves: bool = True) -> None:
        assert self._sink is not None
        if batch.table.num_rows:
            done = self._sink.deliver(batch)
            self._went(batch, done.position if moves else self.position, done.dead, sent=batch.position)
        elif batch.position > self.position and moves:
            # Nothing for this sink, but the journal need not keep it for it.
            self._went(batch, batch.position, ())

    def _went(self, batch: ChangeBatch, position: Position, dead: Sequence[DeadLetter], *,
              sent: Position | None = None) -> None:
        letters: list[tuple[DeadLetter, str, str | None]] = []
        if dead:
            known = {(row["seq"], row["n"], row["schema"], row["name"]): (row["op"], row["key"])
                     for row in batch.table.to_pylist()}
            for one in dead:
                at = one.position.seq, one.position.n, one.table.schema, one.table.name
                letters.append((one, *known.get(at, ("", None))))
        self.position = position
        self._sinks.went(self._record.name, self._token, position, sent=sent, head=self._head,
                         delivered=batch.table.num_rows - len(letters), dead=letters)

    # -- whole tables -----------------------------------------------------------------------------

    def _cover_new(self) -> None:
        """Tables that this sink was never told of: all of them at its beginning."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + self._pace.look_s
        fresh = self.position == Position() and not self._covered
        wanted = self._record.tables or self._relay._tracked()
        new = [one for one in wanted if one.key not in self._covered]
        for one in new:
            self._snapshot(one, _NEW)
        if fresh and self._covered:
            self.position = min(at for _, at in self._covered.values())
            self._sinks.went(self._record.name, self._token, self.position, head=self._head)

    def _begin_anew(self) -> None:
        """The changes it has not had are no longer kept."""
        why = "Changes that this target has not had are no longer kept."
        known = self._sinks.covered(self._record.name)
        self._sinks.uncover(self._record.name, self._token)
        self._covered = {}
        wanted = list(self._record.tables or self._relay._tracked())
        for key, (table, at) in known.items():
            if key not in {one.key for one in wanted}:
                self._mark(table, "drop", at, why)
        for one in wanted:
            self._snapshot(one, why)
        if self._covered:
            self.position = min(at for _, at in self._covered.values())
            self._sinks.went(self._record.name, self._token, self.position, head=self._head)

    def _mark(self, table: TableRef, op: str, at: Position, why: str) -> None:
        self._deliver(mark(table, op, at, self.position, head=self._head, why=why, origin=self._relay.origin),
                      moves=False)

    def _snapshot(self, table: TableRef, why: str) -> None:
        """The table as it is now, after a mark that what the target has of it counts no more. A crash in between
        begins it again, so the mark comes again, too."""
        try:
            at, rows = self._reader.snapshot_changes(table)
        except UnknownName:  # dropped since
            at = self.position
            self._mark(table, "drop", at, why)
        else:
            import pyarrow

            # Before the rows, whose own positions are not older than this one.
            start = Position(at.seq, 0)
            self._mark(table, "t", start, why)
            for chunk in rows:
                if self._relay._stop.is_set():
                    raise _Stopped
                if chunk.num_rows:
                    for piece in self._sliced(pyarrow.Table.from_batches([chunk]), None, self._head):
                        self._deliver(ChangeBatch(piece.table, self.position, self._head), moves=False)
        self._cover(table, at)

    def _cover(self, table: TableRef, at: Position) -> None:
        self._sinks.cover(self._record.name, self._token, table, at)
        self._covered[table.key] = (table, at)

    # -- dead letters -----------------------------------------------------------------------------

    def _again(self) -> None:
        """Those that somebody wants tried again, each by itself. It stands where it stood."""
        for one in self._sinks.dead(self._record.name, wanted=True):
            row = {"seq": one.position.seq, "n": one.position.n, "last": False, "schema": one.table.schema,
                   "name": one.table.name, "op": one.op, "key": one.key, "event": one.event}
            batch = ChangeBatch(batch_table([row]), self.position, self._head)
            assert self._sink is not None
            dead = self._sink.deliver(batch).dead
            self._went(batch, self.position, dead, sent=self.position)
            if not dead:
                self._sinks.drop(self._record.name, [one.id])


def _tables(table: pyarrow.Table) -> list[TableRef]:
    """Each once, in the order of their first change."""
    pairs = dict.fromkeys(zip(table.column("name").to_pylist(), table.column("schema").to_pylist(), strict=True))
    return [TableRef(name, schema) for name, schema in pairs]


def _refs(table: pyarrow.Table) -> list[TableRef]:
    return [TableRef(name, schema) for name, schema in
            zip(table.column("name").to_pylist(), table.column("schema").to_pylist(), strict=True)]


def _piece(table: pyarrow.Table, start: int, end: int, position: Position | None, head: int) -> ChangeBatch:
    part = table.slice(start, end - start)
    if position is None:
        position = Position(part.column("seq")[-1].as_py(), part.column("n")[-1].as_py())
    return ChangeBatch(part, position, head)
