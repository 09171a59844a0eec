"""One load: a source, its tables, each atomic by itself. What was there before stays until all of it has come."""

from __future__ import annotations

import datetime as dt
import os
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

from pluto_duck.errors import PlutoError, UsageError, unknown_name
from pluto_duck.ingest.connectors import Connector, Selection, SourceTable
from pluto_duck.ingest.crew import Crew
from pluto_duck.ingest.meter import Meter
from pluto_duck.ingest.options import LoadOptions, Progress
from pluto_duck.ingest.plan import TableLoad, choose, plan, refuse_columns, targets, without
from pluto_duck.ingest.records import loaded, made_anew
from pluto_duck.ingest.report import FailedTable, LoadedTable, LoadReport, partly
from pluto_duck.ingest.sources import open_source
from pluto_duck.ingest.supply import Request, Supply, split
from pluto_duck.session import Session, WriteColumn
from pluto_duck.workspace import TableRef, quote

MODES = ("replace", "append", "merge", "scd2")


def ingest(session: Session, source: Any, options: LoadOptions | None = None, *,
           on_progress: Callable[[Progress], None] | None = None, **keywords: Any) -> LoadReport:
    """Copies tables of a source into the workspace, each of them whole or not at all.

    `source`: postgresql://..., a path, folder or glob of files, `env:NAME` for a variable that holds one, or
    a DataFrame. Keywords are the fields of LoadOptions. Where several tables are loaded and some fail, the
    others arrive, and PartlyLoaded names those that did not; its `report` has the rest. The error of a single
    table is raised as it is. After whatever is raised, Ctrl-C included, a table that did not arrive is as it was.
    """
    options = told(options, keywords)
    if session.in_transaction:
        raise UsageError("A load commits each table by itself, and this session is in a transaction.",
                         hint="COMMIT or ROLLBACK first.")
    started = time.perf_counter()
    opened, shown = open_source(source, options.connector)
    opened.configure(options.options)
    with opened as connector:
        load = _Load(session, connector, shown, options, on_progress)
        report = load.run(started)
    if report.failed:
        if len(report.failed) + len(report.tables) == 1:
            raise report.failed[0].error
        raise partly(report)
    return report


def told(options: LoadOptions | None, keywords: Mapping[str, Any]) -> LoadOptions:
    """The options with the keywords in their place; None stands for what a field has by itself."""
    options = options or LoadOptions()
    known = {field.name: getattr(LoadOptions(), field.name) for field in fields(LoadOptions)}
    changes = {}
    for name, value in keywords.items():
        if name not in known:
            raise unknown_name("option", name, known)
        if value is None:
            continue
        if isinstance(known[name], tuple):
            value = (value,) if isinstance(value, str) else tuple(value)
        changes[name] = value
    options = replace(options, **changes)
    if options.mode not in MODES:
        raise UsageError(f"There is no mode {options.mode!r}.", hint=", ".join(MODES[:-1]) + f" or {MODES[-1]}")
    return options


@dataclass
class _Job:
    """One table that can be loaded."""

    load: TableLoad
    request: Request
    token: str


class _Load:
    def __init__(self, session: Session, connector: Connector, shown: str, options: LoadOptions,
                 on_progress: Callable[[Progress], None] | None) -> None:
        self._session = session
        self._connector = connector
        self._shown = shown
        self._options = options
        self._meter = Meter(on_progress)
        self.load_id = uuid.uuid4().hex
        self._started_at = dt.datetime.now(dt.UTC).isoformat()
        self._loading: dict[tuple[str, str], TableRef] = {}

    def run(self, started: float) -> LoadReport:
        tables, refs = find(self._connector, self._options)
        self._loading = {(t.schema, t.name): ref for t, ref in zip(tables, refs, strict=True)}
        existing = {one.ref.key: one for one in self._session.tables()}
        jobs: list[_Job] = []
        failed: dict[int, FailedTable] = {}
        places: list[int] = []
        for place, (table, ref) in enumerate(zip(tables, refs, strict=True)):
            try:
                refuse_columns(table, several=len(tables) > 1)
                jobs.append(self._job(plan(table, ref, self._options, existing.get(ref.key))))
                places.append(place)
            except PlutoError as error:
                failed[place] = FailedTable(ref, table.name, error)
        done: dict[int, LoadedTable] = {}
        for place, outcome in zip(places, self._carry_out(jobs), strict=True):
            if isinstance(outcome, PlutoError):
                failed[place] = FailedTable(refs[place], tables[place].name, outcome)
            elif outcome is not None:
                done[place] = outcome
        return LoadReport(self.load_id, self._shown, tuple(done[place] for place in sorted(done)),
                          time.perf_counter() - started, tuple(failed[place] for place in sorted(failed)))

    def _job(self, load: TableLoad) -> _Job:
        options = self._options
        wanted = Selection(where=options.where or "", limit=options.limit, sample=options.sample)
        types = {column.name: column.type for column in load.table.columns}
        selection, part = split(wanted, self._connector.selects, types)
        return _Job(load, Request(load.table, selection, part), uuid.uuid4().hex)

    def _carry_out(self, jobs: list[_Job]) -> list[LoadedTable | PlutoError | None]:
        if not jobs:
            return []
        size = workers(self._session, self._options.parallel, len(jobs))
        self._make_schemas(jobs)
        crew: Crew[LoadedTable]
        with Supply(self._session, self._connector, check=lambda: crew.check(), meter=self._meter) as supply:
            supply.prepare([job.request for job in jobs], size)
            crew = Crew(self._session, size, stop=supply.interrupt, tick=self._meter.tick)
            # The largest first: begun last, it would keep all others waiting.
            order = sorted(range(len(jobs)), key=lambda i: -(jobs[i].load.table.row_estimate or 0))
            came = crew.run([partial(self._one, supply, jobs[i]) for i in order])
        outcomes: list[LoadedTable | PlutoError | None] = [None] * len(jobs)
        for i, outcome in zip(order, came, strict=True):
            outcomes[i] = outcome
        return outcomes

    def _make_schemas(self, jobs: Sequence[_Job]) -> None:
        """Before the workers, whose transactions would collide on a new one."""
        there = {schema for (schema,) in self._session.query(
            "SELECT schema_name FROM system.main.duckdb_schemas() WHERE database_name = system.main.current_database()"
        ).rows()}
        for schema in {job.load.ref.schema for job in jobs} - there:
            self._session.query(f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}")

    def _one(self, supply: Supply, job: _Job, worker: Session) -> LoadedTable:
        """One table, in one transaction."""
        started, load = time.perf_counter(), job.load

        def columns(expressions: Sequence[str]) -> list[WriteColumn]:
            return [one.written(load.table, expressions[one.place]) for one in load.columns]

        with worker.transaction(job.token):
            if load.action in ("create", "replace"):
                rows = supply.write(worker, job.request, load.ref, columns, mode="replace")
                after = made_anew(load, self._loading)
            elif load.action != "append":
                raise UsageError(f"The mode {load.mode} is not there yet.", hint="replace or append")
            else:
                if load.alters:
                    worker.internal(load.alters, writes=[load.ref.key])
                rows = supply.write(worker, job.request, load.ref, columns, mode="append")
                after = []
            after.append(loaded(load, load_id=self.load_id, source=self._shown, rows=rows, started_at=self._started_at))
            worker.internal(after, writes=[load.ref.key])
        self._meter.done(load.table, rows)
        return LoadedTable(load.ref, load.table.name, rows, time.perf_counter() - started, load.mode, inserted=rows,
                           native=supply.was_native(load.table), notices=load.said)


def find(connector: Connector, options: LoadOptions) -> tuple[list[SourceTable], list[TableRef]]:
    """The tables that are to be loaded, with the columns that are, and where each goes."""
    if options.query is None:
        found = connector.discover(list(options.tables) or None, schema=options.schema)
    else:
        found = connector.discover(list(options.tables) or None, schema=options.schema, query=options.query)
    found = choose(connector, without(found, options.exclude), options.skip, options.cast)
    return found, targets(found, options.into)


def workers(session: Session, parallel: int, tables: int) -> int:
    """Tables at once: what was asked for, else what cores and memory allow."""
    if parallel > 0:
        return min(parallel, tables)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, tables))

