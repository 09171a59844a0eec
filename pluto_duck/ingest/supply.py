"""How the rows of a table come: read by the host's own DuckDB, or as a stream through this process.

The host's scan is the quicker way; the stream is always there. What only a stream can tell in time (a few
new rows, or none) is taken from one first.
"""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

from pluto_duck.errors import PlutoError, SourceError, StatementError
from pluto_duck.ingest.connectors import Checksums, Connector, NativeScan, Selection, SourceTable
from pluto_duck.ingest.meter import Meter
from pluto_duck.session import NativeSource, Part, Scan, Session, WriteColumn
from pluto_duck.workspace import TableRef, quote

Columns = Callable[[Sequence[str]], Sequence[WriteColumn]]

FEW_ROWS = 20_000
"""An increment up to this size is not worth opening the source in the host."""


@dataclass(frozen=True)
class Request:
    """What is wanted of one table: as much as the source can choose, the rest chosen here."""

    table: SourceTable
    selection: Selection
    part: Part | None = None
    expected_few: bool = False
    unchanged: bool = False
    """The source says that its rows are those of the last time: none need be read."""


class Supply:
    """Entered once for a load; its parts may be used from several threads."""

    def __init__(self, session: Session, connector: Connector, *, check: Callable[[], None], meter: Meter) -> None:
        self._session = session
        self._connector = connector
        self.check = check
        """Raises Cancelled once the load is to stop."""
        self._meter = meter
        self._stack = ExitStack()
        self._idle: queue.SimpleQueue[Connector] = queue.SimpleQueue()
        self._all: list[Connector] = [connector]
        self._idle.put(connector)
        self._native: NativeSource | None = None
        self._opened: bool | None = None
        self._opening = threading.Lock()
        self._scans: dict[tuple[str, str], NativeScan | None] = {}
        self._was_native: set[tuple[str, str]] = set()

    def __enter__(self) -> Supply:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def prepare(self, requests: list[Request], workers: int) -> None:
        """On one thread, before the others start: what the host will scan, and connectors for the streams."""
        self._native = self._connector.native()
        for one in requests:
            key = one.table.schema, one.table.name
            scan = getattr(self._connector, "quick_scan", self._connector.scan)
            self._scans[key] = scan(one.table, one.selection) if self._native is not None else None
        streams = sum(1 for one in requests if one.expected_few or
                      self._scans[one.table.schema, one.table.name] is None)
        for _ in range(min(workers, streams) - 1):
            twin = self._connector.twin()
            if twin is None:
                break
            self._stack.callback(twin.__exit__, None, None, None)
            self._all.append(twin)
            self._idle.put(twin)

    def interrupt(self) -> None:
        for one in self._all:
            one.interrupt()

    # -- rows -------------------------------------------------------------------------------------

    def write(self, worker: Session, request: Request, ref: TableRef, columns: Columns, *,
              mode: Literal["create", "replace", "append"] = "create", temporary: bool = False) -> int:
        """The rows into a table, in the worker's open transaction; how many. `columns`: given the SQL that
        reads each column of the source's table, what to write."""
        table = request.table
        streamed = columns([column.expression for column in table.columns])

        def write(rows: Any, picked: Sequence[WriteColumn]) -> int:
            try:
                return worker.write(ref, rows, picked, mode=mode, temporary=temporary, part=request.part)
            except PlutoError as error:
                # What a stream raises itself is in the source's words already.
                if not isinstance(error, StatementError) and not isinstance(rows, Scan):
                    raise
                raise self._connector.explained(error, table) from error.__cause__

        if request.expected_few:
            with self._reader(request) as rows:
                few, rest = _peek(rows)
                if rest is None:
                    return write(self._counted(few, table), streamed)
        scan = self._scans.get((table.schema, table.name))
        if scan is not None and self._open():
            if scan.doubts and mode == "append":
                scan = self._exact(request)  # what is in the table can't be taken out again
            self._meter.native(table, worker)
            try:
                count = write(Scan(scan.sql, scan.begin), columns(scan.expressions))
                where = f"temp.main.{quote(ref.name)}" if temporary else ref.sql
                if scan.doubts and _doubtful(worker, where, scan, columns) and self._at_risk(table):
                    scan, mode = self._exact(request), "replace"
                    count = write(Scan(scan.sql, scan.begin), columns(scan.expressions))
            finally:
                self._meter.native_ended(table)
            self._was_native.add((table.schema, table.name))
            return count
        with self._reader(request) as rows:
            counter = _Counter()
            count = write(self._counted(rows, table, counter), streamed)
            if request.part is None and count != counter.rows:
                raise SourceError(f"{table.name}: {counter.rows:,} rows came, but {count:,} were written.",
                                  hint="Nothing of this table was kept. Please report it.")
            return count

    def _exact(self, request: Request) -> NativeScan:
        with self.borrowed() as connector:
            scan = connector.scan(request.table, request.selection)
        assert scan is not None
        return scan

    def _at_risk(self, table: SourceTable) -> bool:
        with self.borrowed() as connector:
            return bool(connector.at_risk(table))  # type: ignore[attr-defined]

    def was_native(self, table: SourceTable) -> bool:
        return (table.schema, table.name) in self._was_native

    def checksums(self, request: Request) -> Checksums | None:
        """What the source itself counts over the same rows; None where it can't."""
        ask = getattr(self._connector, "checksums", None)
        if ask is None:
            return None
        with self.borrowed() as connector:
            found: Checksums | None = connector.checksums(request.table, request.selection)  # type: ignore[attr-defined]
            return found

    def pulse(self, request: Request) -> str | None:
        """The source's own word for the rows of a request, None where it has none."""
        ask = getattr(self._connector, "pulse", None)
        if ask is None or request.part is not None:
            return None
        with self.borrowed() as connector:
            found: str | None = connector.pulse(request.table, request.selection)  # type: ignore[attr-defined]
            return found

    def finish(self, request: Request) -> None:
        """Before the commit: the source may say that it changed while it was read."""
        finish = getattr(self._connector, "finish", None)
        if finish is not None and self.was_native(request.table):
            finish(request.table)

    def rejects(self, request: Request) -> Any | None:
        """After the rows, in the same transaction: what was left out, as SQL for the host or as a stream."""
        key = request.table.schema, request.table.name
        scan = self._scans.get(key)
        if key in self._was_native and scan is not None:
            return scan.rejects or None
        with self.borrowed() as connector:
            return connector.rejects(request.table)

    def _open(self) -> bool:
        with self._opening:
            if self._opened is None:
                assert self._native is not None
                self._opened = self._stack.enter_context(self._session.open_source(self._native))
            return self._opened

    @contextmanager
    def borrowed(self) -> Iterator[Connector]:
        """A connector on the moment of the load, for the block alone."""
        while True:
            self.check()
            try:
                connector = self._idle.get(timeout=0.1)
                break
            except queue.Empty:
                continue
        try:
            yield connector
        finally:
            self._idle.put(connector)

    @contextmanager
    def _reader(self, request: Request) -> Iterator[Any]:
        with self.borrowed() as connector:
            yield connector.read(request.table, request.selection)

    def _counted(self, rows: Any, table: SourceTable, counter: _Counter | None = None) -> Any:
        import pyarrow

        counter = counter or _Counter()

        def batches() -> Iterator[Any]:
            for batch in rows:
                self.check()
                counter.rows += batch.num_rows
                self._meter.rows(table, counter.rows)
                yield batch

        return pyarrow.RecordBatchReader.from_batches(rows.schema, batches())


def _doubtful(worker: Session, table: str, scan: NativeScan, columns: Columns) -> bool:
    """Whether a value that was written is one that the scan may have changed. A SELECT for each column: so the
    smallest and largest values in its statistics mostly answer, which a condition over several never asks."""
    tests = []
    for one in columns([f"\0{place}\0" for place in range(len(scan.expressions))]):
        found = re.search("\0(\\d+)\0", one.expression)
        if found and scan.doubts[int(found[1])]:
            tests.append(scan.doubts[int(found[1])].format(quote(one.name)))
    return any(worker.internal([f"SELECT 1 FROM {table} WHERE {test} LIMIT 1"])[0] for test in tests)


class _Counter:
    rows = 0


def _peek(rows: Any) -> tuple[Any, Any]:
    """(the rows as a table, None) when they are few, else (None, the stream, from which some are gone)."""
    import pyarrow

    taken, count = [], 0
    for batch in rows:
        taken.append(batch)
        count += batch.num_rows
        if count > FEW_ROWS:
            return None, rows
    return pyarrow.Table.from_batches(taken, rows.schema).to_reader(), None


def split(selection: Selection, selects: frozenset[str], types: dict[str, str]) -> tuple[Selection, Part | None]:
    """(what the source chooses itself, what is chosen from its rows here)."""
    conditions, remote = [], selection
    if selection.where and "where" not in selects:
        conditions.append(selection.where)
        remote = replace(remote, where="")
    if selection.cursor and selection.after is not None and not {"cursor", "after"} & selects:
        literal = "'" + selection.after.replace("'", "''") + "'"
        conditions.append(f"{quote(selection.cursor)} >= CAST({literal} AS {types[selection.cursor]})")
        remote = replace(remote, cursor="", after=None)
    sample = limit = None
    if selection.sample is not None and "sample" not in selects:
        sample, remote = selection.sample, replace(remote, sample=None)
    # A limit counts what the conditions let through: it can't be taken before them.
    if selection.limit is not None and ("limit" not in selects or conditions or sample is not None):
        limit, remote = selection.limit, replace(remote, limit=None)
    if not conditions and sample is None and limit is None:
        return remote, None
    return remote, Part(" AND ".join(f"({one}\n)" for one in conditions), limit, sample)
