"""The checks of a workspace as a run: which ones, what is told meanwhile, what is kept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pluto_duck.errors import PlutoError, RunError, UsageError, unknown_name
from pluto_duck.governance.checks import FILE, Check, Checks, Outcome, TableReport, checks_of
from pluto_duck.runs import RunContext
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef, Workspace


def asked(workspace: Workspace, names: Sequence[str] = ()) -> list[Check]:
    """Those of tables, or all. Raises UsageError where the file has none, UnknownName for a table without checks."""
    found = checks_of(workspace)
    if found is None:
        raise UsageError(f"There is no {FILE} in {workspace.root}.",
                         hint="pluto-duck check suggest --write makes one from the tables.")
    if not found.checks:
        raise UsageError(f"{FILE} asks for nothing.", hint="pluto-duck check suggest tells what could be asked for.")
    return [one for table in _tables(found, names) for one in found.of(table)]


def _tables(found: Checks, names: Iterable[str]) -> Sequence[TableRef]:
    known = {table.key: table for table in found.tables}
    wanted = [TableRef.parse(name) for name in names]
    for one in wanted:
        if one.key not in known:
            raise unknown_name("checked table", str(one), [str(table) for table in found.tables], where=FILE)
    return list({one.key: known[one.key] for one in wanted}.values()) if wanted else found.tables


def perform(run: RunContext, session: Session, checks: Sequence[Check],
            tell: Callable[[TableReport], None] | None = None) -> list[TableReport]:
    """Each table an event of the run; all of it kept, whatever it says."""
    now = dt.datetime.now(dt.UTC)
    reports: list[TableReport] = []
    with _telling(session, run.run_id, reports):
        _perform(run, session, checks, tell, now, reports)
    return reports


def _perform(run: RunContext, session: Session, checks: Sequence[Check], tell: Callable[[TableReport], None] | None,
             now: dt.datetime, reports: list[TableReport]) -> None:
    from pluto_duck.governance.checks.store import CheckStore
    from pluto_duck.session.checking import check

    for report in check(session, checks, loaded=_loaded(session, checks), now=now,
                        begins=lambda table: _began(run, table)):
        reports.append(report)
        run.emit("tool", "end", name=str(report.table), score=report.score, counts=dict(report.counts()),
                 elapsed_s=round(report.elapsed_s, 3))
        if tell is not None:
            tell(report)
    CheckStore(session.control).keep(run.run_id, reports, now.timestamp())


@contextmanager
def _telling(session: Session, run_id: str, reports: Sequence[TableReport]) -> Iterator[None]:
    """By OpenLineage, where somebody asked for it."""
    if session.actor is not None or not (session.settings["lineage.file"] or session.settings["lineage.url"]):
        yield
        return
    from pluto_duck.catalog.lineage.openlineage import emitter
    from pluto_duck.catalog.lineage.openlineage.quality import Checking

    sending = emitter(session)
    told = Checking(session, sending, run_id)
    try:
        told.begun()
        try:
            yield
        except PlutoError as error:
            told.ended(reports, error.message)
            raise
        wrong = failure(reports)
        told.ended(reports, wrong.message if wrong is not None else "")
    finally:
        sending.close()


def _began(run: RunContext, table: TableRef) -> None:
    run.emit("tool", "start", name=str(table))


def _loaded(session: Session, checks: Sequence[Check]) -> dict[str, dt.datetime]:
    if not any(one.kind == "freshness" and not one.columns for one in checks):
        return {}
    from pluto_duck.ingest.attempts import freshness

    return {one.table: one.finished_at for one in freshness(session)}


def outcomes(reports: Iterable[TableReport]) -> list[Outcome]:
    return [one for report in reports for one in report.outcomes]


def facts(reports: Sequence[TableReport]) -> dict[str, Any]:
    """What stays in the record of the run."""
    from pluto_duck.governance.checks import score

    return {"score": score(outcomes(reports)), "tables": [
        {"table": str(one.table), "score": one.score, "scores": dict(one.scores), "counts": dict(one.counts()),
         "rows": one.rows} for one in reports]}


def failure(reports: Sequence[TableReport], program: str = "pluto-duck") -> PlutoError | None:
    """None where all that must hold does; what should, may not."""
    found = outcomes(reports)
    bad = [one for one in found if one.status in ("failed", "broken")]
    if not bad:
        return None
    named = ", ".join(f"{one.check.table} {one.check.name}" for one in bad[:5]) + ("..." if len(bad) > 5 else "")
    first = bad[0]
    shown = f"Its rows: {first.sample}" if first.sample else f"{first.says}"
    return RunError(f"{len(bad)} of {len(found)} checks failed: {named}",
                    hint=f"{shown}\n{program} check history {first.check.table}", **facts(reports))
