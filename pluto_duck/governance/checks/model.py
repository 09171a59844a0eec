"""What a table is expected to be: checks, how much each one weighs, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from pluto_duck.workspace import TableRef

FILE = "checks.yaml"

Kind = Literal["not_null", "unique", "primary_key", "accepted_values", "range", "pattern", "relationship", "row_count",
               "freshness", "sql", "aggregate"]
Severity = Literal["error", "warn"]
Dimension = Literal["completeness", "uniqueness", "conformity", "accuracy", "consistency", "coverage", "timeliness"]
Status = Literal["passed", "warned", "failed", "broken"]
"""broken: it could not be run, as when its column is gone; that counts as failed, whatever its severity."""

OnFailure = Literal["stop", "approve", "tell"]
"""Of rows that arrive: the table stays as it was; they wait for a person; they are published all the same, and told."""

KINDS: tuple[Kind, ...] = get_args(Kind)
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
ON_FAILURE: tuple[OnFailure, ...] = get_args(OnFailure)
WEIGHTS: dict[Severity, int] = {"error": 3, "warn": 1}
"""In a score: a table that fails one thing that must be is worse off than one that fails two that should be."""

MEASURES: dict[Kind, Dimension] = {
    "not_null": "completeness", "unique": "uniqueness", "primary_key": "uniqueness", "accepted_values": "conformity",
    "pattern": "conformity", "range": "accuracy", "sql": "accuracy", "relationship": "consistency",
    "aggregate": "consistency", "row_count": "coverage", "freshness": "timeliness"}
"""Where the file does not say another one."""


@dataclass(frozen=True)
class Check:
    """One expectation of one table."""

    table: TableRef
    kind: Kind
    name: str
    """Unique among those of its table, and the same from run to run."""
    line: int
    """Of the file, from 1."""
    severity: Severity
    dimension: Dimension
    columns: tuple[str, ...] = ()
    """freshness: none for the time of the last load."""
    where: str = ""
    """SQL; only rows for which it is true are looked at."""
    at_most: float = 0
    """So many rows may fail."""
    percent: bool = False
    """`at_most` is a share of the rows that are looked at, in percent."""
    values: tuple[str, ...] = ()
    least: str = ""
    most: str = ""
    """"" for no end; `now` in a range of times."""
    pattern: str = ""
    """A regular expression of DuckDB's (RE2) that the whole text must match."""
    parent: TableRef | None = None
    parent_columns: tuple[str, ...] = ()
    within_s: float = 0
    expression: str = ""

    @property
    def plain(self) -> bool:
        """It asks for nothing but its own columns, or the number of rows."""
        return not (self.where or self.expression or self.parent) and bool(self.columns or self.kind == "row_count")


@dataclass(frozen=True)
class Publishing:
    """What is asked of a load of a table."""

    checked: bool = False
    """Each, whether it says so or not."""
    on_failure: OnFailure = "stop"


@dataclass(frozen=True)
class Checks:
    """All that one file says."""

    checks: tuple[Check, ...] = ()
    publishing: Mapping[str, Publishing] = field(default_factory=dict)
    """By TableRef.key, where it says something."""

    @property
    def tables(self) -> tuple[TableRef, ...]:
        """In the order of the file."""
        return tuple({one.table.key: one.table for one in self.checks}.values())

    def published(self, table: TableRef) -> Publishing:
        return self.publishing.get(table.key, Publishing())

    def of(self, table: TableRef) -> tuple[Check, ...]:
        return tuple(one for one in self.checks if one.table.key == table.key)


@dataclass(frozen=True)
class Outcome:
    check: Check
    status: Status
    failing: int | None = None
    """Rows; None for what is not about single rows, and where it is broken."""
    says: str = ""
    """Why it did not pass, and numbers that are worth knowing."""
    sample: str = ""
    """SQL that shows rows that fail; "" where there are none to show."""


@dataclass(frozen=True)
class TableReport:
    """What became of the checks of one table in one scan."""

    table: TableRef
    rows: int | None
    outcomes: tuple[Outcome, ...]
    elapsed_s: float

    @property
    def score(self) -> float:
        """0 to 100."""
        return score(self.outcomes)

    @property
    def scores(self) -> dict[Dimension, float]:
        """Of the dimensions that are checked at all."""
        return {name: score([one for one in self.outcomes if one.check.dimension == name])
                for name in DIMENSIONS if any(one.check.dimension == name for one in self.outcomes)}

    def counts(self) -> dict[Status, int]:
        return {status: sum(one.status == status for one in self.outcomes) for status in get_args(Status)}


def score(outcomes: tuple[Outcome, ...] | list[Outcome]) -> float:
    return share((one.check.severity, one.status) for one in outcomes)


def share(found: Iterable[tuple[str, str]]) -> float:
    """Of (severity, status): what passed, by weight; 100 where nothing is checked."""
    weighed = [(WEIGHTS["warn" if severity == "warn" else "error"], status) for severity, status in found]
    whole = sum(weight for weight, _ in weighed)
    return round(100 * sum(weight for weight, status in weighed if status == "passed") / whole, 1) if whole else 100.0
