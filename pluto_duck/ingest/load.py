"""One load: a source, its tables, one transaction. What was there before stays until everything has come."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pluto_duck.errors import UsageError
from pluto_duck.ingest.connectors import Connector
from pluto_duck.ingest.interruptible import Interruptible
from pluto_duck.ingest.plan import Mode, TableLoad, choose, plan, targets
from pluto_duck.ingest.sources import open_source
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef, quote

Progress = Callable[[str, int], None]
"""Called with the source's name of the table and the rows so far, from whichever thread reads."""


@dataclass(frozen=True)
class LoadedTable:
    ref: TableRef
    source_name: str
    rows: int
    elapsed_s: float


@dataclass(frozen=True)
class LoadReport:
    load_id: str
    source: str
    """Without any secret; `env:NAME` as it was given."""
    tables: tuple[LoadedTable, ...]
    elapsed_s: float

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)


def ingest(
    session: Session, uri: str, *, tables: Sequence[str] | None = None, schema: str | None = None,
    into: str | None = None, mode: Mode = "replace", skip: Iterable[str] = (),
    cast: Mapping[str, str] | None = None, connector: str | None = None, on_progress: Progress | None = None,
) -> LoadReport:
    """Copies tables of a source into the workspace, all of them or none.

    `uri`: postgresql://..., a keyword DSN, a path, folder or glob of files, or `env:NAME` for a variable
    that holds one. `tables`: names or globs, None for all. `into`: a table name for one table, `schema.*`
    for several. `skip`: columns left out; `cast`: column -> type of the source; both by `column` or
    `table.column`. `append` makes a table that is not there yet. Whatever is raised, Ctrl-C included,
    the tables are as they were.
    """
    if mode not in ("replace", "append"):
        raise UsageError(f"There is no mode {mode!r}.", hint="replace or append")
    started, started_at = time.perf_counter(), dt.datetime.now(dt.UTC).isoformat()
    load_id = uuid.uuid4().hex
    opened, shown = open_source(uri, connector)
    with opened as source:
        loads = _planned(session, source, tables, schema, into, mode, tuple(skip), cast or {})

        def stop() -> None:
            session.interrupt()
            source.interrupt()

        running = Interruptible(stop)

        def work() -> tuple[LoadedTable, ...]:
            loaded = []
            for load in loads:
                loaded.append(_load(session, source, load, running, on_progress))
                session.record_load(load_id=load_id, table=load.ref, source=shown, mode=mode,
                                    rows=loaded[-1].rows, started_at=started_at)
            return tuple(loaded)

        with session.transaction():
            done = running.run(work)
    return LoadReport(load_id, shown, done, time.perf_counter() - started)


def _planned(session: Session, source: Connector, tables: Sequence[str] | None, schema: str | None,
             into: str | None, mode: Mode, skip: tuple[str, ...], cast: Mapping[str, str]) -> list[TableLoad]:
    found = choose(source, source.discover(tables, schema=schema), skip, cast)
    existing = {one.ref.key: one for one in session.tables()}
    return [plan(table, ref, mode, existing.get(ref.key))
            for table, ref in zip(found, targets(found, into), strict=True)]


def _load(session: Session, source: Connector, load: TableLoad, running: Interruptible,
          on_progress: Progress | None) -> LoadedTable:
    started = time.perf_counter()
    rows = _stream(source.read(load.table), load.table.name, running, on_progress)
    count = session.write(load.ref, rows, load.columns, mode=load.mode)
    # After the rows: filling a table that has its key already takes half as long again.
    for name in load.not_null:
        session.query(f"ALTER TABLE {load.ref.sql} ALTER COLUMN {quote(name)} SET NOT NULL")
    if load.primary_key:
        names = ", ".join(quote(name) for name in load.primary_key)
        session.query(f"ALTER TABLE {load.ref.sql} ADD PRIMARY KEY ({names})")
    return LoadedTable(load.ref, load.table.name, count, time.perf_counter() - started)


def _stream(rows: Any, name: str, running: Interruptible, on_progress: Progress | None) -> Any:
    import pyarrow

    def batches() -> Iterator[Any]:
        count = 0
        for batch in running.batches(rows):
            count += batch.num_rows
            if on_progress is not None:
                on_progress(name, count)
            yield batch

    return pyarrow.RecordBatchReader.from_batches(rows.schema, batches())
