"""Write, audit, publish: what a transaction brings is held against checks.yaml before anybody may see it.

The checks look within it, and where one that must hold fails it is rolled back. Rows that failed are kept aside, for
whoever looks for the fault.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import ChecksFailed, PlutoError, SettingError
from pluto_duck.governance.checks import FILE, Check, Checks, Outcome, TableReport, checks_of
from pluto_duck.workspace import Result, TableRef, Workspace, quote

if TYPE_CHECKING:
    from pluto_duck.session import Session

KEPT_LOADS = 5
"""Failed loads of a table whose rows are kept."""


@dataclass(frozen=True)
class Expected:
    """What the tables of a load must be like before they are published."""

    checks: Checks
    all: bool = False
    """--check; else those tables alone of which the file says `publish: checked`."""
    version: int | None = None
    """Of rows that a person has looked at: that of the table they were tried on."""

    def of(self, table: TableRef) -> tuple[Check, ...] | None:
        """None: it is published unseen."""
        if self.version is not None:
            return None
        return self.checks.of(table) if self.all or self.checks.published(table).checked else None


def expected(workspace: Workspace, *, check: bool = False) -> Expected | None:
    """Before anything is read or built. `check`: of all tables. Raises ChecksError for a file that makes no sense:
    which tables it would hold back, nobody can tell, where it speaks of that at all."""
    try:
        found = checks_of(workspace)
    except SettingError:
        if not check and not _says_publish(workspace):
            return None
        raise
    return None if found is None and not check else Expected(found or Checks(), check)


def _says_publish(workspace: Workspace) -> bool:
    with suppress(OSError):
        return b"publish" in (workspace.root / FILE).read_bytes()
    return True


def audit(worker: Session, table: TableRef, checks: Sequence[Check], *, tell: bool = False) -> TableReport:
    """Within the transaction that filled the table. Raises ChecksFailed, with what `keep_failed` wants to know.

    `tell`: not for rows that fail; a check that does not run leaves nothing to commit."""
    from pluto_duck.session.checking import check_inside

    report, samples = check_inside(worker, table, checks, now=dt.datetime.now(dt.UTC))
    bad = [one for one in report.outcomes if one.status in ("failed", "broken")]
    if bad and not (tell and all(one.status == "failed" for one in bad)):
        raise _failed(report, bad, samples)
    return report


class _Failed(ChecksFailed):
    samples: Sequence[tuple[Check, Result]] = ()


def _failed(report: TableReport, bad: Sequence[Outcome], samples: Sequence[tuple[Check, Result]]) -> ChecksFailed:
    told = "; ".join(f"{one.check.name}: {one.says or one.status}" for one in bad[:5]) + ("; ..." if bad[5:] else "")
    error = _Failed(f"{report.table} would fail {len(bad)} of its {len(report.outcomes)} checks, and is as it was. "
                    f"{told}", hint=f"pluto-duck check history {report.table}", table=str(report.table),
                    checks=[one.check.name for one in bad], score=report.score)
    error.report, error.samples = report, samples
    return error


def keep(worker: Session, load_id: str, report: TableReport, *, seen: bool = True) -> None:
    """In the history of the table's checks, once its load has ended. `seen`: the rows have arrived."""
    from pluto_duck.governance.checks.store import HELD_BACK, OURS, CheckStore

    with suppress(PlutoError):  # what arrived has arrived
        CheckStore(worker.control).keep(load_id, [report], time.time(), OURS if seen else HELD_BACK)


def keep_failed(worker: Session, load_id: str, error: ChecksFailed,
                more: Callable[[Sequence[Outcome]], Mapping[str, Any]] | None = None) -> ChecksFailed:
    """After the rollback: the rows that failed in tables of their own, and in the history the SQL that shows them.
    `more`: facts of the error, from those that failed."""
    if error.report is None:
        return error
    report, shown = error.report, {}
    with suppress(PlutoError):  # a full disk: what failed is told all the same
        shown = _aside(worker, report.table, getattr(error, "samples", ()))
    outcomes = tuple(replace(one, sample=shown.get(one.check.name, "")) for one in report.outcomes)
    keep(worker, load_id, replace(report, outcomes=outcomes), seen=False)
    samples = [one.sample for one in outcomes if one.sample]
    facts = {} if more is None else more([one for one in outcomes if one.status in ("failed", "broken")])
    made = ChecksFailed(error.message, hint=(f"Its rows: {samples[0]}\n" if samples else "") + error.hint,
                        **error.facts, samples=samples, **facts)
    made.report = replace(report, outcomes=outcomes)
    return made


def _aside(worker: Session, table: TableRef, samples: Sequence[tuple[Check, Result]]) -> dict[str, str]:
    """Of each check the SQL that shows its rows."""
    mark = f"failed_{hashlib.sha256(table.key.encode()).hexdigest()[:8]}_"
    there = sorted(str(row[0]) for row in worker.internal([
        "SELECT table_name FROM system.main.duckdb_tables() WHERE schema_name = '_pluto' AND "
        f"database_name = system.main.current_database() AND starts_with(table_name, '{mark}')"])[0])
    loads = list(dict.fromkeys(name.rpartition("_")[0] for name in there))
    old = [name for name in there if name.rpartition("_")[0] not in loads[len(loads) - KEPT_LOADS + 1:]] \
        if len(loads) >= KEPT_LOADS else []
    now, found = time.time_ns() // 1_000_000, {}
    from pluto_duck.session import WriteColumn

    with worker.transaction():
        worker.internal([f"DROP TABLE _pluto.{quote(name)}" for name in old], writes=[f"_pluto.{name}" for name in old])
        for number, (check, rows) in enumerate(samples):
            ref = TableRef(f"{mark}{now}_{number}", "_pluto")
            worker.write(ref, _reader(rows), [WriteColumn(one.name, _type(one.type), quote(one.name))
                                              for one in rows.columns])
            found[check.name] = f"SELECT * FROM {ref.sql}"
    return found


def _reader(rows: Result) -> Any:
    return rows.arrow().to_reader()


def _type(kind: str) -> str:
    """An ENUM may be a type of its own name, whose words are enough."""
    return "VARCHAR" if re.match(r"ENUM\b", kind) else kind
