"""One load: a source, its tables, each atomic by itself. What was there before stays until all of it has come."""

from __future__ import annotations

import datetime as dt
import os
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pluto_duck.errors import Cancelled, PlutoError, SourceError, UnknownName, UsageError
from pluto_duck.governance.checks import Checks
from pluto_duck.ingest import still, together
from pluto_duck.ingest.attempts import Attempts, AttemptState
from pluto_duck.ingest.carry import Common, TableJob, nothing_new
from pluto_duck.ingest.claims import Claims, claiming
from pluto_duck.ingest.connectors import Connector, Selection, SourceTable
from pluto_duck.ingest.crew import Crew
from pluto_duck.ingest.drift import check_digits
from pluto_duck.ingest.held import Held, HeldConnector
from pluto_duck.ingest.meter import Meter
from pluto_duck.ingest.openlineage import telling
from pluto_duck.ingest.options import LoadOptions, Progress
from pluto_duck.ingest.plan import TableLoad, canonical, choose, plan, refuse_columns, targets, without
from pluto_duck.ingest.publish import Expected, expected
from pluto_duck.ingest.rejects import side_table
from pluto_duck.ingest.report import FailedTable, LoadedTable, LoadReport, partly
from pluto_duck.ingest.sources import open_source
from pluto_duck.ingest.state import XMIN, Start, States, cursor_column, start
from pluto_duck.ingest.supply import Request, Supply, split
from pluto_duck.ingest.told import told
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef, quote
from pluto_duck.workspace.tableref import DEFAULT_SCHEMA

LOOKS = 3
"""How often a table is read again whose connector found out on the way what its columns really hold."""

TRIM_S = 0.2
"""How often the host is asked to let go of what has been written."""

WORKER_BYTES = 512 * 2**20
"""Memory that one more table at once should have."""

Outcome = LoadedTable | PlutoError


def ingest(session: Session, source: Any, options: LoadOptions | Mapping[str, str] | None = None, *,
           on_progress: Callable[[Progress], None] | None = None, **keywords: Any) -> LoadReport:
    """Copies tables of a source into the workspace, each of them whole or not at all.

    `source`: postgresql://..., a path, folder or glob of files, `env:NAME` for a variable that holds one, or
    a DataFrame. Keywords are the fields of LoadOptions. Where several tables are loaded and some fail, the
    others arrive, and PartlyLoaded names those that did not; its `report` has the rest. The error of a single
    table is raised as it is. After whatever is raised, Ctrl-C included, a table that did not arrive is as it was.
    `session.interrupt()` from another thread ends the load with Cancelled.
    """
    options = told(options, keywords)
    if session.in_transaction:
        raise UsageError("A load commits each table by itself, and this session is in a transaction.",
                         hint="COMMIT or ROLLBACK first.")
    started = time.perf_counter()
    checked = expected(session.workspace, check=options.check)
    opened, shown = opened_source(source, options)
    with telling(session, shown) as outside:
        report = outside.report = _loaded(session, opened, shown, options, on_progress, started, checked)
        if report.failed:
            if len(report.failed) + len(report.tables) == 1:
                raise report.failed[0].error
            raise partly(report)
    return report


def publish_held(session: Session, held: Held, load_id: str) -> LoadReport:
    """Loads rows that were held back, whatever the checks say of them. Raises Refused where their table has changed."""
    started = time.perf_counter()
    opened: Connector = HeldConnector(session, held)  # type: ignore[assignment]
    with telling(session, held.shown) as outside, opened as connector:
        load = _Load(session, connector, held.shown, held.load_options, None, Expected(Checks(), version=held.version),
                     load_id)
        report = outside.report = load.run(started)
        if report.failed:
            raise report.failed[0].error
    return report


def _loaded(session: Session, opened: Connector, shown: str, options: LoadOptions,
            on_progress: Callable[[Progress], None] | None, started: float, checked: Expected | None) -> LoadReport:
    # Looking at the source may take long, too: it can stand behind a lock there.
    load: _Load | None = None
    try:
        with session.interrupting(opened.interrupt), opened as connector:
            load = _Load(session, connector, shown, options, on_progress, checked)
            return load.run(started)
    except PlutoError as error:
        if (load is None or not load.begun) and not isinstance(error, UsageError | UnknownName):
            _never_began(session, shown, options, error)
        raise


def _never_began(session: Session, shown: str, options: LoadOptions, error: PlutoError) -> None:
    """Notes a load whose source could not be reached or would not tell its tables."""
    attempts, load_id = Attempts(session), uuid.uuid4().hex
    with suppress(PlutoError):  # what went wrong first counts
        attempts.begin(load_id, shown, options, [("", "")])
        attempts.end(load_id, [("", "cancelled", None, "It was stopped.", 0) if isinstance(error, Cancelled)
                               else ("", "failed", None, error.message, 0)])


def opened_source(source: Any, options: LoadOptions) -> tuple[Connector, str]:
    """(the connector with its options, not connected yet; the source as it may be shown)."""
    connector: Connector
    if hasattr(source, "discover"):  # a connector already
        connector, shown = source, source.source
    else:
        connector, shown = open_source(source, options.connector)
    chosen = dict(options.options)
    if options.into is not None and not options.into.endswith(".*") and getattr(connector, "many", False):
        chosen.setdefault("union", "true")  # all files of a folder into the one table that was named
    if options.rejects != "refuse":
        chosen.setdefault("rejects", options.rejects)
    connector.configure(chosen)
    return connector, shown


@dataclass
class _Table:
    """One of the tables that were asked for, and what has become of it."""

    source: SourceTable
    ref: TableRef
    job: TableJob | None = None
    outcome: Outcome | None = None


class _Load:
    def __init__(self, session: Session, connector: Connector, shown: str, options: LoadOptions,
                 on_progress: Callable[[Progress], None] | None, checked: Expected | None, load_id: str = "") -> None:
        self._session = session
        self._expected = checked
        self._connector = connector
        self._shown = shown
        self._options = options
        self._meter = Meter(on_progress)
        self._id = load_id or uuid.uuid4().hex
        self._started_at = dt.datetime.now(dt.UTC).isoformat()
        self._trimmed = time.monotonic()
        self.begun = False
        """Whether its tables are known, and noted."""

    def run(self, started: float) -> LoadReport:
        with claiming(self._session.workspace, self._id) as claims:
            return self._unmoved(claims, started) or self._run(claims, started)

    def _unmoved(self, claims: Claims, started: float) -> LoadReport | None:
        """The whole load, where one question tells that nothing is new."""
        options = self._options
        if not still.askable(options):
            return None
        named = still.by_name(options)
        began = time.time()
        try:
            pairs = list(zip(named, targets(named, options.into), strict=True))
            for _table, ref in pairs:
                claims.take(ref)
        except PlutoError:
            return None  # the load itself says what is wrong
        found = still.unmoved(self._session, self._connector, options, pairs)
        if found is None:
            return None
        still.record(self._session, found, options, load_id=self._id, shown=self._shown, started_at=self._started_at)
        Attempts(self._session).succeeded(self._id, self._shown, options,
                                          [(one.ref.key, one.table.name) for one in found], began)
        for one in found:
            self._meter.begin(one.table)
            self._meter.done(one.table, 0)
        elapsed_s = time.perf_counter() - started
        return LoadReport(self._id, self._shown, tuple(
            LoadedTable(one.ref, one.table.name, 0, elapsed_s, options.mode) for one in found), elapsed_s)

    def _run(self, claims: Claims, started: float) -> LoadReport:
        tables = [_Table(table, ref) for table, ref in zip(*find(self._connector, self._options), strict=True)]
        attempts = Attempts(self._session)
        self.begun = True
        for table in tables:
            _attempt(table, lambda table=table: claims.take(table.ref))  # type: ignore[misc]
        attempts.begin(self._id, self._shown, self._options,
                       [(one.ref.key, one.source.name) for one in tables if one.outcome is None])
        stopped: BaseException | None = None
        try:
            self._carry_out(tables)
        except BaseException as error:
            stopped = error
            raise
        finally:
            for one in tables:
                if isinstance(one.outcome, PlutoError):
                    one.outcome = _blamed(one.outcome, self._options.where)
            attempts.end(self._id, [_ended(one, stopped) for one in tables])
        done = tuple(one.outcome for one in tables if isinstance(one.outcome, LoadedTable))
        failed = tuple(FailedTable(one.ref, one.source.name, one.outcome) for one in tables
                       if isinstance(one.outcome, PlutoError))
        return LoadReport(self._id, self._shown, done, time.perf_counter() - started, failed)

    def _carry_out(self, tables: Sequence[_Table]) -> None:
        self._plan([one for one in tables if one.outcome is None], tables)
        for look in range(LOOKS):
            jobs = [one for one in tables if one.outcome is None]
            if not jobs:
                return
            self._bring(jobs)
            again = [one for one in jobs if isinstance(one.outcome, PlutoError) and one.outcome.facts.get("again")]
            if not again or look == LOOKS - 1:
                return
            for one in again:
                one.outcome = None
                _attempt(one, partial(self._look_again, one))
            self._plan([one for one in again if one.outcome is None], tables)

    def _look_again(self, table: _Table) -> None:
        """The connector knows better now what the table holds."""
        found = self._connector.discover([table.source.name], schema=table.source.schema or None)
        table.source = choose(self._connector, found, self._options.skip, self._options.cast, partial=True)[0]

    # -- what will be done ------------------------------------------------------------------------

    def _plan(self, tables: Sequence[_Table], all_tables: Sequence[_Table]) -> None:
        refs = [one.ref for one in tables]
        if self._options.rejects == "keep":
            refs += [side_table(ref) for ref in refs]
        existing = {one.ref.key: one for one in self._session.tables(refs)}
        if self._options.mode != "replace" or self._options.cursor:
            for table, source in zip(tables, canonical(self._session, [one.source for one in tables]), strict=True):
                table.source = source
        common = Common(self._id, self._connector.source, self._shown, self._options, self._started_at,
                        {(one.source.schema, one.source.name): one.ref for one in all_tables}, existing,
                        self._source_state(), self._meter, self._expected)
        states = States(self._session, common.source, [one.ref.key for one in tables]) \
            if self._options.cursor is not None else None
        for table in tables:
            def work(table: _Table = table) -> None:
                refuse_columns(table.source, several=len(all_tables) > 1)
                load = plan(table.source, table.ref, self._options, existing.get(table.ref.key))
                if load.existing is not None and load.action != "replace":
                    check_digits(self._session, load.existing, [(one.name, one.type) for one in load.columns])
                table.job = self._job(load, states, common)

            _attempt(table, work)

    def _job(self, load: TableLoad, states: States | None, common: Common) -> TableJob:
        options = self._options
        begin: Start | None = None
        wanted = Selection(where=options.where or "", limit=options.limit, sample=options.sample)
        if states is not None and options.cursor is not None:
            begin = start(self._session, states, load, options)
            column = "" if options.cursor == XMIN else cursor_column(load.table, options.cursor).name
            wanted = Selection(wanted.where, column if begin.after is not None else "", begin.after,
                               begin.changed_since)
        selects = self._connector.selects
        if wanted.changed_since is not None and "changed_since" not in selects:
            raise UsageError(f"{self._shown} has no row versions, so xmin says nothing there.",
                             hint="Name a column that grows: --cursor updated_at")
        types = {column.name: column.type for column in load.table.columns}
        selection, part = split(wanted, selects, types)
        few = begin is not None and begin.state is not None and (
            begin.after is not None or begin.changed_since is not None)
        request = Request(load.table, selection, part, few)
        if begin is not None and begin.state is not None and few and not load.alters and not options.verify:
            pulse = still.Kept.read(begin.state.pulse).pulse
            request = replace(request, unchanged=pulse is not None and self._supply_pulse(request) == pulse)
        return TableJob(load, request, begin, uuid.uuid4().hex, common)

    def _supply_pulse(self, request: Request) -> str | None:
        ask = getattr(self._connector, "pulse", None)
        found: str | None = ask(request.table, request.selection) if ask is not None and request.part is None else None
        return found

    def _source_state(self) -> dict[str, Any] | None:
        if self._options.cursor != XMIN:
            return None
        found = dict(self._connector.state())
        if "changed_since" not in self._connector.selects or not found:
            raise UsageError(f"{self._shown} has no row versions, so xmin says nothing there.",
                             hint="Name a column that grows: --cursor updated_at")
        return found

    # -- doing it ---------------------------------------------------------------------------------

    def _bring(self, tables: Sequence[_Table]) -> None:
        unchanged = [one for one in tables if one.job is not None and one.job.request.unchanged]
        if unchanged:
            found = nothing_new(self._session, self._connector, [one.job for one in unchanged if one.job is not None])
            for table, done in zip(unchanged, found, strict=True):
                table.outcome = done
            tables = [one for one in tables if one.outcome is None]
            if not tables:
                return
        size = workers(self._session, self._options.parallel, len(tables))
        self._make_schemas({one.ref.schema for one in tables if one.job and one.job.load.existing is None})
        crew: Crew[None]
        with Supply(self._session, self._connector, check=lambda: crew.check(), meter=self._meter) as supply:
            crew = Crew(self._session, size, stop=supply.interrupt, tick=partial(self._tick, tables))
            supply.prepare([one.job.request for one in tables if one.job], size)
            # The largest first: begun last, it would keep all others waiting.
            order = sorted(tables, key=lambda one: -(one.source.row_estimate or 0))

            by_key = {one.ref.key: one for one in order}

            def arrived(job: TableJob, outcome: Outcome) -> None:
                by_key[job.load.ref.key].outcome = outcome

            def work(jobs: Sequence[TableJob], worker: Session) -> None:
                together.bring(jobs, supply, worker, arrived)

            groups = list(together.groups([one.job for one in order if one.job is not None], size))
            with self._session.bulk() if len(order) > 1 else nullcontext():
                outcomes = crew.run([partial(work, group) for group in groups])
            for group, outcome in zip(groups, outcomes, strict=True):
                for job in group if isinstance(outcome, PlutoError) else ():
                    one = by_key[job.load.ref.key]
                    one.outcome = one.outcome or outcome

    def _tick(self, tables: Sequence[_Table]) -> None:
        self._meter.tick()
        # What a merge reads of its table is wanted again.
        if time.monotonic() > self._trimmed + TRIM_S and all(one.job is not None and one.job.anew for one in tables):
            with suppress(PlutoError):
                self._session.trim()
            self._trimmed = time.monotonic()

    def _make_schemas(self, schemas: set[str]) -> None:
        """Before the workers, whose transactions would collide on a new one."""
        if not schemas - {DEFAULT_SCHEMA}:
            return
        there = {row[0] for row in self._session.internal([
            "SELECT schema_name FROM system.main.duckdb_schemas() "
            "WHERE database_name = system.main.current_database()"])[0]}
        for schema in schemas - there:
            self._session.query(f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}")


def _attempt(table: _Table, work: Callable[[], None]) -> None:
    """One table's own error is its outcome, and keeps no other from coming."""
    try:
        work()
    except PlutoError as error:
        table.outcome = error


def _blamed(error: PlutoError, where: str | None) -> PlutoError:
    """What the source could not read is the condition, where there is one."""
    if not where or not isinstance(error, SourceError) or error.facts.get("reason") not in ("changed", "syntax"):
        return error
    return UsageError(f"The source can't run the condition {where!r}: {error.facts.get('said') or error.message}.",
                      hint="--where takes a condition in the source's own SQL: --where \"amount > 10\"")


def _ended(table: _Table, stopped: BaseException | None) -> tuple[str, AttemptState, int | None, str, int]:
    outcome = table.outcome
    if outcome is None and stopped is not None and not isinstance(stopped, Cancelled | KeyboardInterrupt):
        return table.ref.key, "failed", None, str(stopped) or type(stopped).__name__, 0
    if isinstance(outcome, LoadedTable):
        return table.ref.key, "succeeded", outcome.rows, "", outcome.rejected
    if outcome is None or isinstance(outcome, Cancelled):
        return table.ref.key, "cancelled", None, "It was stopped.", 0
    return table.ref.key, "failed", None, outcome.message, 0


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
    threads = int(session.settings["duckdb.threads"] or cores)
    memory = _bytes(str(session.settings["duckdb.memory_limit"] or ""))
    return max(1, min(cores, threads, tables, memory // WORKER_BYTES if memory else tables))


def _bytes(text: str) -> int:
    found = re.fullmatch(r"\s*([\d.]+)\s*([KMGT]?)i?B?\s*", text, re.I)
    return int(float(found[1]) * 1024 ** " KMGT".index(found[2].upper() or " ")) if found else 0


