"""A reader: runs strangers' SQL over packs, in a process that has nothing to lose and can be killed.

    python -m pluto_duck.session.reading PARENT MEMORY_MB THREADS MAX_MB     its socket is its standard input

What the statement may name, and what stands in the views, the host has decided and sends along; the same Gate looks
once more, here with the resolver's answer, which the host does not ask for: binding hostile SQL is work, too.
"""

from __future__ import annotations

import json
import os
import queue
import socket
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pluto_duck.errors import Cancelled, PlutoError, Refused, StatementError, UsageError
from pluto_duck.governance import Actor, Gate, GovernedCatalog
from pluto_duck.governance.governed import Seen
from pluto_duck.governance.names import Names
from pluto_duck.governance.scrub import scrubbed
from pluto_duck.session.running import Running
from pluto_duck.workspace import reader_limits, wire
from pluto_duck.workspace.database import Cursor, Watchdog
from pluto_duck.workspace.engine_errors import translate
from pluto_duck.workspace.parser import Parser
from pluto_duck.workspace.reader_world import World
from pluto_duck.workspace.tableref import TableRef

if TYPE_CHECKING:
    from pluto_duck.governance.policy.lens import Lens

CPU_SPARE_S = 2.0
BATCH_ROWS = 65_536
PIECE = 16 << 20
"""Bytes of a batch that leave together."""
ROW_BYTES = 2 << 20
"""Of one row: a list of ten million numbers is one value, and would stop whoever writes it as text for seconds."""
DUCKDB_SHARE = 0.6
"""Of the memory; the rest is for what DuckDB does not count: whatever scalar functions make."""
_DAMAGED = ("Corrupt", "checksum", "not a valid DuckDB", "Could not read enough bytes")
BLOATED = 0.5
"""Of the memory that may still be taken when a statement has ended; above it the process is replaced."""


@dataclass(frozen=True)
class Published:
    """A view of the host's catalog of a role."""

    ref: TableRef
    columns: tuple[tuple[str, str], ...]
    claims: frozenset[str]
    body: str
    barrier: bool


class PublishedCatalog(GovernedCatalog):
    """The views of the host's catalog of a role, as far as a statement needs them."""

    def __init__(self, world: World, published: Iterable[Published]) -> None:
        super().__init__(world, (), "")
        self._published = {one.ref: one for one in published}
        self.refresh("published")

    def names_for(self, actor: Actor) -> Names:
        return self.names  # the host has published what this actor may see, and nothing else

    def _readable(self, cursor: Cursor) -> dict[TableRef, object]:
        return dict.fromkeys(self._published, "published")

    def _body(self, cursor: Cursor, source: str, table: TableRef, *, stored: bool) -> tuple[str, bool]:
        one = self._published[table]
        # What a lens is for happened in the host, and it would bring all that reads a policy with it.
        self._making[table.key] = Seen(table, one.columns, frozenset(), one.barrier, one.claims, cast("Lens", None),
                                       stored=not one.barrier, source=source)
        return one.body, one.barrier


@dataclass
class _Open:
    print: str
    world: World
    catalog: PublishedCatalog


class Reading:
    """The process: one thread hears, this one works."""

    def __init__(self, peer: wire.Peer, memory_mb: int, threads: int, max_mb: int) -> None:
        self._peer = peer
        self._memory_mb, self._threads, self._max_bytes = memory_mb, threads, max_mb << 20
        self._parser, self._watchdog = Parser(), Watchdog()
        self._gate = Gate(self._parser)
        self._running = Running(self._watchdog)
        self._jobs: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._open: _Open | None = None

    def warm(self) -> None:
        """All that takes its time once, and every thread that it will ever have."""
        import pyarrow

        self._watchdog.after(0, lambda: False)
        self._gate.approved("SELECT 1 WHERE 1 = 2 -- warm", Names())
        world = World(self._parser, self._watchdog, catalog="workspace", packs={}, tables=(), definitions=(),
                      memory_mb=64, threads=self._threads)
        cursor = world.cursor()
        reader = cursor.execute("SELECT 1 AS i, 'x' AS t, [1] AS l", select=True).reader()
        for batch in reader:
            batch.serialize()
        pyarrow.ipc.read_schema(reader.schema.serialize())
        reader.close()
        cursor.close()
        world.close()
        threading.Thread(target=self._hear, name="ear", daemon=True).start()

    def _hear(self) -> None:
        while True:
            try:
                _kind, said = self._peer.get_json()
            except BaseException:
                os._exit(0)  # whoever asked is gone, and what runs here runs for nobody
            if said.get("op") == "stop":
                self._running.stop("cancel")
            else:
                self._jobs.put(said)

    def serve(self) -> None:
        base_mb = reader_limits.address_space_mb()
        while True:
            job = self._jobs.get()
            self._peer.put_json("J", {})  # it has got here: what happens from now on is the statement's doing
            self._peer.flush()
            try:
                self._answer(job)
            except PlutoError as error:
                self._refuse(job, error)
            except MemoryError:
                self._refuse(job, _too_much())
            except (EOFError, OSError):
                os._exit(1)
            except Exception as error:
                self._refuse(job, PlutoError(f"Unexpected {type(error).__name__}: {error}"))
            finally:
                self._running.end()
            if reader_limits.address_space_mb() - base_mb > self._memory_mb * BLOATED:
                self._let_go()
                if reader_limits.address_space_mb() - base_mb > self._memory_mb * BLOATED:
                    os._exit(0)

    def _refuse(self, job: dict[str, Any], error: PlutoError) -> None:
        error = self._running.explained(error)
        if any(one in error.message for one in _DAMAGED):
            error = _lost(error)
        log = str(error)
        if not error.facts.pop("checked", False):
            columns = {name for one in self._open.catalog.seen.values() for name, _type in one.columns} \
                if self._open is not None else ()
            error = scrubbed(error, str(job.get("sql", "")), columns)
        said = {**error.to_dict(), "world": self._open.print if self._open is not None else ""}
        if str(error) != log:
            said["log"] = log[:2_000]
        self._peer.put_json("X", said)
        self._peer.flush()

    # -- a statement ------------------------------------------------------------------------------

    def _answer(self, job: dict[str, Any]) -> None:
        sql, until = str(job["sql"]), time.monotonic() + float(job["timeout_s"])
        reader_limits.allow_cpu(float(job["timeout_s"]) * self._threads + CPU_SPARE_S)
        actor = Actor.from_dict(job["actor"])
        catalog = self._catalog(job["world"]["print"], job["world"])
        unseen = [str(one.ref) for one in map(_seen, job["world"]["seen"]) if one.ref not in catalog.names]
        if unseen:
            raise _checked(Refused(f"{', '.join(unseen)} can't be read from a snapshot.",
                                   hint="A view there uses something that only the workspace itself has; ask its owner "
                                        "for the view as a table."))
        try:
            approved = self._gate.approved(sql, catalog.names_for(actor))
        except PlutoError as error:
            raise _checked(error) from None
        cursor = catalog.cursor_for(actor, approved.tables)
        try:
            self._running.begin(cursor, max(0.01, until - time.monotonic()), sql)
            catalog.check_resolved(cursor, approved.sql, approved.tables)
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            rows = cursor.execute(approved.sql, select=True)
            if not rows.columns:
                raise UsageError("The statement returns no rows.")
            most = job.get("max_rows")
            reader = rows.reader(min(int(most) + 1, BATCH_ROWS) if most is not None else BATCH_ROWS)
            self._peer.put_json("J", {"statement": "SELECT", "columns": [[c.name, c.type] for c in rows.columns]})
            trailer: dict[str, Any] = {}
            try:
                wire.put_batches(self._peer, reader.schema, self._batches(reader, sql, most, trailer))
            finally:
                reader.close()
            self._peer.put_json("E", trailer)
            self._peer.flush()
        finally:
            self._running.end()
            cursor.close()

    def _batches(self, reader: Any, sql: str, max_rows: int | None, trailer: dict[str, Any]) -> Iterator[Any]:
        left, bytes_left = max_rows, self._max_bytes
        trailer["truncated"] = False
        while True:
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                return
            except MemoryError:
                raise
            except Exception as error:
                raise _engine_error(error, sql) from error
            if left is not None and batch.num_rows > left:
                trailer["truncated"], batch = True, batch.slice(0, left)
            size = batch.nbytes
            if _has_wide_row(batch):
                raise _checked(StatementError(f"A row of the result has more than {ROW_BYTES >> 20} MB.",
                                              hint="unnest(...) gives a list row by row."))
            if size > bytes_left:
                trailer["truncated"] = True
                batch = batch.slice(0, batch.num_rows * bytes_left // size)
            bytes_left -= size
            left = None if left is None else left - batch.num_rows
            step = max(1, min(batch.num_rows, batch.num_rows * PIECE // max(1, size)))
            for start in range(0, batch.num_rows, step):
                yield batch.slice(start, step)
            if trailer["truncated"]:
                return

    # -- what it has open -------------------------------------------------------------------------

    def _catalog(self, print_: str, said: dict[str, Any]) -> PublishedCatalog:
        if self._open is None or self._open.print != print_:
            self._let_go()
            try:
                world = World(
                    self._parser, self._watchdog, catalog=said["catalog"], packs=said["packs"],
                    tables=[(TableRef(name, schema), pack, there) for schema, name, pack, there in said["tables"]],
                    definitions=said["definitions"], memory_mb=int(self._memory_mb * DUCKDB_SHARE),
                    threads=self._threads)
            except PlutoError as error:
                raise _lost(error) from error
            self._open = _Open(print_, world, PublishedCatalog(world, map(_seen, said["seen"])))
        return self._open.catalog

    def _let_go(self) -> None:
        if self._open is not None:
            self._open.world.close()
            self._open = None


def _seen(said: dict[str, Any]) -> Published:
    return Published(TableRef(said["name"], said["schema"]), tuple((name, kind) for name, kind in said["columns"]),
                     frozenset(said["claims"]), str(said["body"]), bool(said["barrier"]))


def _checked(error: PlutoError) -> PlutoError:
    """Its words are ours."""
    error.facts["checked"] = True
    return error


def _lost(error: PlutoError) -> PlutoError:
    """A pack that is not what it should be: the host makes another."""
    made = PlutoError("The snapshot can't be read.", lost=True, checked=True)
    made.__cause__ = error
    return made


def _engine_error(error: Exception, sql: str) -> PlutoError:
    if isinstance(error, PlutoError):
        return error
    return Cancelled("The statement was cancelled.") if "INTERRUPT" in str(error).upper() else translate(error, sql)


def _has_wide_row(batch: Any) -> bool:
    if batch.nbytes <= ROW_BYTES:
        return False
    half = batch.num_rows // 2
    return half == 0 or _has_wide_row(batch.slice(0, half)) or _has_wide_row(batch.slice(half))


def _too_much() -> PlutoError:
    return StatementError("It needs more memory than there is.", engine="OutOfMemory")


def main() -> None:
    parent, memory_mb, threads, max_mb = (int(one) for one in sys.argv[1:5])
    reader_limits.end_with_parent(parent)
    reader_limits.stand_back()
    peer = wire.Peer(socket.socket(fileno=os.dup(0)))
    try:
        reading = Reading(peer, memory_mb, threads, max_mb)
        reading.warm()
        reader_limits.confine(memory_mb)
    except Exception as error:
        peer.put("X", json.dumps({"message": f"{type(error).__name__}: {error}"}).encode())
        peer.flush()
        return
    peer.put_json("J", {"ready": os.getpid()})
    peer.flush()
    reading.serve()


if __name__ == "__main__":
    main()
