"""What came of a load: table by table, the failed ones too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pluto_duck.errors import PartlyLoaded, PlutoError
from pluto_duck.governance.checks import TableReport
from pluto_duck.ingest.options import Mode
from pluto_duck.workspace import TableRef


@dataclass(frozen=True)
class LoadedTable:
    ref: TableRef
    source_name: str
    rows: int
    """Written: for merge and scd2 those that are new or changed."""
    elapsed_s: float
    mode: Mode = "replace"
    inserted: int = 0
    updated: int = 0
    """scd2: rows that got a new version."""
    deleted: int = 0
    """scd2: rows that were closed because the source has them no more."""
    rejected: int = 0
    """Rows that could not be read; they lie in NAME_rejects."""
    native: bool = False
    """The host's DuckDB read the source itself."""
    verified: bool = False
    quality: TableReport | None = None
    """What became of its checks, where it was checked before it could be seen."""
    notices: tuple[str, ...] = ()
    """What the reader should know: columns that were added, a table that was loaded whole again."""


@dataclass(frozen=True)
class FailedTable:
    ref: TableRef | None
    """None when it was not even clear where it goes."""
    source_name: str
    error: PlutoError


@dataclass(frozen=True)
class LoadReport:
    load_id: str
    source: str
    """Without any secret; `env:NAME` as it was given."""
    tables: tuple[LoadedTable, ...]
    elapsed_s: float
    failed: tuple[FailedTable, ...] = field(default=())
    notices: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)


def partly(report: LoadReport) -> PartlyLoaded:
    """The error that tells which tables failed, and why; the report is with it."""
    failed, count = report.failed, len(report.failed) + len(report.tables)
    reasons = "; ".join(f"{one.source_name}: {one.error.message.rstrip('.')}" for one in failed)
    error = PartlyLoaded(
        f"{len(report.tables) or 'None'} of {count} tables {'was' if len(report.tables) < 2 else 'were'} loaded. "
        f"Failed: {reasons}.", hint=_hint(failed), loaded=[str(one.ref) for one in report.tables],
        failed={one.source_name: one.error.to_dict() for one in failed})
    error.report = report
    return error


def _hint(failed: Sequence[FailedTable]) -> str:
    hints = list(dict.fromkeys(f"{one.source_name}: {one.error.hint}" for one in failed if one.error.hint))
    return " ".join(hints[:3]) or "What arrived is kept; run it again for the others."
