"""One table of a load: rows, keys, comments, records and state, in one transaction."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pluto_duck.errors import ChecksFailed, PlutoError, SourceError, StatementError, WorkspaceUnusable
from pluto_duck.governance.checks import TableReport
from pluto_duck.ingest import held, landing, publish, scd2, state, still, verify
from pluto_duck.ingest.connectors import Connector
from pluto_duck.ingest.landing import Landed
from pluto_duck.ingest.meter import Meter
from pluto_duck.ingest.options import LoadOptions
from pluto_duck.ingest.plan import TableLoad
from pluto_duck.ingest.records import history_row, made_anew
from pluto_duck.ingest.rejects import keep_rejects
from pluto_duck.ingest.report import LoadedTable
from pluto_duck.ingest.state import XMIN, Start
from pluto_duck.ingest.supply import Request, Supply
from pluto_duck.session import Session, TableInfo, WriteColumn
from pluto_duck.workspace import TableRef, quote

STAGED = TableRef("pluto_staged")
FEW = 1_000
"""Rows that are first looked at for whether any is new: most increments have only those they had before."""

RECORDS = "_pluto.loads"
"""The key under which a load commits that changed nothing but its own records."""


@dataclass(frozen=True)
class Common:
    """What all tables of one load share."""

    load_id: str
    source: str
    """As the connector calls it: the same for whatever name or variable led to it."""
    shown: str
    options: LoadOptions
    started_at: str
    loading: Mapping[tuple[str, str], TableRef]
    existing: Mapping[str, TableInfo]
    source_state: Mapping[str, Any] | None
    meter: Meter
    expected: publish.Expected | None = None


@dataclass(frozen=True)
class _Written:
    landed: Landed
    verified: bool = False
    last: str | None = None
    """The highest value of the cursor."""
    without: int = 0
    """Rows that have none."""


@dataclass(frozen=True)
class TableJob:
    load: TableLoad
    request: Request
    start: Start | None
    """With a cursor."""
    token: str
    """What the commit will be known by."""
    common: Common

    def run(self, supply: Supply, worker: Session) -> LoadedTable:
        """Raises what kept the table from arriving; then it is as it was."""
        try:
            return self._run(supply, worker)
        except StatementError as error:
            if "No space left" in error.message:
                raise WorkspaceUnusable(f"The disk is full: {self.load.ref} could not be written, and is as it was.",
                                        hint="Free some space, then run it again.") from error
            # DuckDB looks at a new key where it is added, or only at the commit.
            found = re.search(r'constraint violation: duplicate key "(.*)"|contains duplicates', error.message)
            if not found or not self.anew:
                raise
            example = f": {found[1]} comes twice" if found[1] else ""
            raise SourceError(
                f"{self.load.table.name}: the key {', '.join(self.load.primary_key)} does not tell rows apart"
                f"{example}.", hint="Leave a column of it out with --skip, or name another with --mode merge --key "
                                    "COLUMN.") from error

    def _run(self, supply: Supply, worker: Session) -> LoadedTable:
        aside = held.Aside(supply, self, worker) if self.waits else None
        try:
            with worker.transaction(self.token):
                done = self.bring(aside or supply, worker)
                note(worker, [(self, done)])
        except ChecksFailed as error:
            raise publish.keep_failed(worker, self.common.load_id, error, aside) from None
        except PlutoError:
            if aside is not None:
                aside.drop(worker)
            raise
        if aside is not None:
            aside.drop(worker)
        self.published(worker, done)
        self.common.meter.done(self.load.table, done.rows)
        return done

    @property
    def waits(self) -> bool:
        """Whether its rows are to wait for a person, where a check fails."""
        expected, options = self.common.expected, self.common.options
        return (expected is not None and bool(expected.of(self.load.ref)) and not options.verify
                and expected.checks.published(self.load.ref).on_failure == "approve" and options.rejects != "keep")

    def published(self, worker: Session, done: LoadedTable) -> None:
        """After the commit."""
        if done.quality is not None:
            publish.keep(worker, self.common.load_id, done.quality)

    def bring(self, supply: Supply, worker: Session) -> LoadedTable:
        """All of it but BEGIN, `note` and COMMIT."""
        started, load, common = time.perf_counter(), self.load, self.common
        common.meter.begin(load.table)
        if common.expected is not None and common.expected.version is not None:
            held.must_be_unmoved(worker, load.ref, common.expected.version)
        if common.options.cursor is not None:
            worker.internal(["SET TimeZone = 'UTC'"])  # its values are kept as text
        written = self._write(supply, worker)
        landed = written.landed
        rejected = keep_rejects(supply, worker, self.request, load, common.load_id,
                                common.existing) if common.options.rejects == "keep" else 0
        changed = landed.changed > 0 or self.anew or bool(load.alters or load.remake)
        after = made_anew(load, common.loading) if self.anew else []
        after += self._remember(written, changed)
        known = any("_pluto." in statement for statement in after)
        supply.finish(self.request)
        worker.internal(after, writes=[RECORDS, *([load.ref.key] if changed else ())],
                        notes=[load.ref.key] if known else ())
        quality, said = self._audited(worker) if changed else (None, ())
        return LoadedTable(
            load.ref, load.table.name, _rows(landed), time.perf_counter() - started, load.mode, landed.inserted,
            landed.updated, landed.deleted, rejected, supply.was_native(load.table), written.verified,
            quality, (*self._notices(written), *said))

    def _audited(self, worker: Session) -> tuple[TableReport | None, tuple[str, ...]]:
        expected = self.common.expected
        checks = expected.of(self.load.ref) if expected is not None else None
        if not checks:
            return None, () if checks is None else (publish.UNCHECKED,)
        tell = expected is not None and expected.checks.published(self.load.ref).on_failure == "tell"
        found = publish.audit(worker, self.load.ref, checks, tell=tell)
        return found, tuple(f"{'FAILED ' if one.status == 'failed' else ''}{one.check.name}: {one.says}"
                            for one in found.outcomes if one.status != "passed")

    @property
    def anew(self) -> bool:
        return self.load.action in ("create", "replace")

    def _notices(self, written: _Written) -> tuple[str, ...]:
        said = [*self.load.said, *(self.start.said if self.start else ())]
        said += [f"column {one.name}: {one.note}" for one in self.load.table.columns if one.guess]
        if written.without:
            said.append(f"{written.without:,} rows have no {self._cursor[0]}: what changes in them later "
                        "will not be seen")
        if self.common.options.verify and not written.verified:
            said.append("not verified: a sample or a limit is never the same rows twice")
        return tuple(said)

    # -- rows -------------------------------------------------------------------------------------

    def _write(self, supply: Supply, worker: Session) -> _Written:
        load, options = self.load, self.common.options
        if self.anew:
            count = supply.write(worker, self.request, load.ref, self._columns, mode="replace")
            if load.key != load.table.primary_key:
                landing.check_key(worker, load, load.ref.sql)
            return self._looked_at(supply, worker, load.ref.sql, Landed(inserted=count))
        before = landing.remake(load) if load.remake else []
        if before or load.alters:
            worker.internal([*before, *load.alters])
        if load.action == "append" and self.start is None and not options.verify:
            return _Written(Landed(inserted=supply.write(worker, self.request, load.ref, self._columns, mode="append")))
        count = supply.write(worker, self.request, STAGED, self._staged_columns, temporary=True)
        staged = f"temp.main.{quote(STAGED.name)}"
        if self.start is not None and self.start.state is not None and count <= FEW and not options.verify \
                and not landing.any_new(worker, load, staged):
            worker.internal([f"DROP TABLE {staged}"])
            pulse = supply.pulse(self.request)
            if pulse is not None:
                with supply.borrowed() as connector:
                    worker.internal([self.keep(worker, connector, pulse)])
            return self._nothing_new()
        guarded = load.existing is not None and load.existing.primary_key
        if load.key != load.table.primary_key or not guarded:  # the source's own key holds, as far as it has values
            landing.check_key(worker, load, staged)
        found = self._looked_at(supply, worker, staged, Landed())
        landed = self._land(worker, staged)
        worker.internal([f"DROP TABLE {staged}"])
        if load.action == "append" and self.request.part is None and not landed.changed and count <= FEW:
            with supply.borrowed() as connector:  # without a pulse: rows that are deleted here come again
                worker.internal([self.keep(worker, connector, None)])
        return replace(found, landed=landed)

    def keep(self, session: Session, connector: Connector, pulse: str | None) -> str:
        """The statement that keeps what the source says now that nothing is new."""
        said = self.load.said or (self.start is not None and self.start.said)
        kept = still.Kept(pulse) if said else still.keep(
            session, connector, self.load, self.common.options, after=self.request.selection.after, pulse=pulse)
        return state.keep_pulse(self.load, self.common.source, kept.text())

    def _nothing_new(self) -> _Written:
        assert self.start is not None
        assert self.start.state is not None
        return _Written(Landed(), last=self.start.state.last)

    def _land(self, worker: Session, staged: str) -> Landed:
        load, options, start = self.load, self.common.options, self.start
        if load.action == "merge":
            return landing.merge(worker, load, staged, delete_missing=options.delete_missing)
        if load.action == "scd2":
            return scd2.land(worker, load, staged, at=self.common.started_at, delete_missing=options.delete_missing)
        if start is None or start.state is None:
            return landing.plain_append(worker, load, staged)
        name, kind = self._cursor
        return landing.append(worker, load, staged, cursor=name, after=start.after, kind=kind, shared=start.shared)

    def _columns(self, expressions: Sequence[str]) -> list[WriteColumn]:
        found = self._staged_columns(expressions, constraints=True)
        return found + scd2.opened(self.common.started_at) if self.load.mode == "scd2" else found

    def _staged_columns(self, expressions: Sequence[str], *, constraints: bool = False) -> list[WriteColumn]:
        found = [one.written(self.load.table, expressions[one.place]) for one in self.load.columns]
        return found if constraints else [replace(one, nullable=True, default="") for one in found]

    # -- what is looked at and kept beside them ---------------------------------------------------

    @property
    def _cursor(self) -> tuple[str, str]:
        """(name, type) as the target has them."""
        assert self.common.options.cursor is not None
        found = state.cursor_column(self.load.table, self.common.options.cursor)
        place = self.load.table.columns.index(found)
        column = next(one for one in self.load.columns if one.place == place)
        return column.name, column.type

    def _looked_at(self, supply: Supply, worker: Session, table: str, landed: Landed) -> _Written:
        verified = self.common.options.verify and self._verify(supply, worker, table)
        if self.common.options.cursor in (None, XMIN):
            return _Written(landed, verified)
        name, kind = self._cursor
        known = self.start.state.last if self.start is not None and self.start.state is not None else None
        last, without = worker.internal([state.newest(table, name, kind, known)])[0][0]
        return _Written(landed, verified, last, int(without))

    def _verify(self, supply: Supply, worker: Session, table: str) -> bool:
        part = self.request.part
        if part is None:
            sums = supply.checksums(self.request)
            if sums is not None:
                verify.against_sums(worker, self.load, table, sums)
                return True
        selection = self.request.selection
        if (part is not None and (part.limit is not None or part.sample is not None)) or (
                selection.limit is not None or selection.sample is not None):
            return False

        def again(name: str) -> str:
            supply.write(worker, replace(self.request, expected_few=False), TableRef(name), self._staged_columns,
                         temporary=True)
            return f"temp.main.{quote(name)}"

        verify.against_second_reading(worker, self.load, table, again)
        return True

    def _remember(self, written: _Written, changed: bool) -> list[str]:
        common, cursor = self.common, self.common.options.cursor
        if cursor is None:
            return []  # a table that is filled anew marks the states of before as gone by itself
        known = self.start.state if self.start is not None else None
        if known is not None and not changed and written.last == known.last:
            return []
        name = XMIN if cursor == XMIN else state.cursor_column(self.load.table, cursor).name
        return state.remember(
            self.load, source=common.source, cursor=name, last=written.last,
            source_state=common.source_state if cursor == XMIN else None, options=common.options,
            load_id=common.load_id, token=self.token if changed or known is None else known.token)


def note(worker: Session, done: Sequence[tuple[TableJob, LoadedTable]]) -> None:
    """Their lines in the load history, before the commit, by one statement."""
    rows = ", ".join(history_row(job.load.ref, job.load.mode, job.common.load_id, job.common.shown, one.rows,
                                 job.common.started_at) for job, one in done)
    worker.internal([f"INSERT INTO _pluto.loads VALUES {rows}"])


def nothing_new(session: Session, connector: Connector, jobs: Sequence[TableJob]) -> list[LoadedTable]:
    """Records tables whose source says that nothing happened there: no row is read, no version moves."""
    started = time.perf_counter()
    kept = [job.keep(session, connector, still.Kept.read(job.start.state.pulse).pulse) for job in jobs
            if job.start is not None and job.start.state is not None]
    done = [LoadedTable(job.load.ref, job.load.table.name, 0, time.perf_counter() - started, job.load.mode,
                        notices=(*job.load.said, *(job.start.said if job.start else ()))) for job in jobs]
    with session.transaction():
        session.internal(kept, writes=[RECORDS])
        note(session, list(zip(jobs, done, strict=True)))
    for job in jobs:
        job.common.meter.begin(job.load.table)
        job.common.meter.done(job.load.table, 0)
    return done


def _rows(landed: Landed) -> int:
    return landed.inserted + landed.updated
