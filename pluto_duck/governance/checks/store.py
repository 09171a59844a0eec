"""What became of checks, scan by scan, in the control store: numbers and SQL, no row of anybody's."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from pluto_duck.governance.checks.model import DIMENSIONS, TableReport, share
from pluto_duck.workspace import ControlStore, TableRef

ROOM = "checks"
MIGRATIONS = (
    """CREATE TABLE check_scans (
        id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, table_key TEXT NOT NULL, table_name TEXT NOT NULL,
        source TEXT NOT NULL, at REAL NOT NULL, rows INTEGER, elapsed_s REAL NOT NULL, score REAL NOT NULL,
        scores TEXT NOT NULL)""",
    "CREATE INDEX check_scans_of ON check_scans (table_key, source, id)",
    """CREATE TABLE check_results (
        scan INTEGER NOT NULL REFERENCES check_scans (id), number INTEGER NOT NULL, name TEXT NOT NULL,
        kind TEXT NOT NULL, columns TEXT NOT NULL, severity TEXT NOT NULL, dimension TEXT NOT NULL,
        status TEXT NOT NULL, failing INTEGER, says TEXT NOT NULL, sample TEXT NOT NULL,
        PRIMARY KEY (scan, number)) WITHOUT ROWID""",
    "ALTER TABLE check_results ADD COLUMN plain INTEGER NOT NULL DEFAULT 0",
)
KEEP = 1_000
"""Scans of a table and source; older ones are forgotten."""
OURS = "checks"
"""The source of what checks.yaml asks for."""
HELD_BACK = "held back"
"""Of rows that nobody has seen: they say nothing of the table as it is, and count in no score of it."""


@dataclass(frozen=True)
class Result:
    """One check in one scan."""

    name: str
    kind: str
    columns: tuple[str, ...]
    severity: str
    dimension: str
    status: str
    failing: int | None
    says: str
    sample: str
    plain: bool = False
    """It tells of nothing but its own columns: who sees those may know how it came out."""


@dataclass(frozen=True)
class Scan:
    id: int
    run_id: str
    table: str
    """As people write it."""
    table_key: str
    source: str
    at: float
    """Seconds since 1970."""
    rows: int | None
    elapsed_s: float
    score: float
    scores: dict[str, float]
    results: tuple[Result, ...] = ()
    """Only where they are asked for."""

    def counts(self) -> dict[str, int]:
        return {status: sum(one.status == status for one in self.results)
                for status in ("passed", "warned", "failed", "broken")}


class CheckStore:
    def __init__(self, control: ControlStore) -> None:
        self._control = control

    def keep(self, run_id: str, reports: Sequence[TableReport], at: float, source: str = OURS) -> None:
        """All of one run, in one transaction."""
        with self._control.connection(ROOM, MIGRATIONS) as db:
            for report in reports:
                results = [Result(one.check.name, one.check.kind, one.check.columns, one.check.severity,
                                  one.check.dimension, one.status, one.failing, one.says, one.sample, one.check.plain)
                           for one in report.outcomes]
                insert(db, run_id, report.table, source, at, report.rows, report.elapsed_s, report.score,
                       {str(name): one for name, one in report.scores.items()}, results)

    def take_over(self, source: str, run_id: str, table: TableRef, at: float, elapsed_s: float,
                  results: Sequence[Result]) -> bool:
        """What another program found in a run of its own; False where that is known already."""
        with self._control.connection(ROOM, MIGRATIONS) as db:
            names = [one.dimension for one in results]
            if db.execute("SELECT 1 FROM check_scans WHERE table_key = ? AND source = ? AND run_id = ?",
                          (table.key, source, run_id)).fetchone():
                return False
            whole = share((one.severity, one.status) for one in results)
            scores: dict[str, float] = {
                str(name): share((one.severity, one.status) for one in results if one.dimension == name)
                for name in DIMENSIONS if name in names}
            insert(db, run_id, table, source, at, None, elapsed_s, whole, scores, results)
            return True

    def latest(self, source: str = "") -> list[Scan]:
        """The last scan of each table and source, with its results, by table; none of what was held back."""
        db = self._control.read(ROOM, MIGRATIONS)
        found = db.execute(
            "SELECT * FROM check_scans WHERE id IN (SELECT max(id) FROM check_scans GROUP BY table_key, source) "
            "AND source <> ? AND (? = '' OR source = ?) ORDER BY table_name COLLATE NOCASE, source",
            (HELD_BACK, source, source)).fetchall()
        return [_scan(row, _results(db, row["id"])) for row in found]

    def history(self, table: TableRef, *, limit: int, before: int | None = None) -> list[Scan]:
        """Newest first, with their results."""
        db = self._control.read(ROOM, MIGRATIONS)
        found = db.execute("SELECT * FROM check_scans WHERE table_key = ? AND id < ? ORDER BY id DESC LIMIT ?",
                           (table.key, before if before is not None else 2**62, limit)).fetchall()
        return [_scan(row, _results(db, row["id"])) for row in found]


def insert(db: sqlite3.Connection, run_id: str, table: TableRef, source: str, at: float, rows: int | None,
           elapsed_s: float, score: float, scores: dict[str, float], results: Sequence[Result]) -> None:
    scan = db.execute(
        "INSERT INTO check_scans (run_id, table_key, table_name, source, at, rows, elapsed_s, score, scores) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (run_id, table.key, str(table), source, at, rows, elapsed_s, score, json.dumps(scores))).lastrowid
    db.executemany("INSERT INTO check_results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [
        (scan, number, one.name, one.kind, json.dumps(one.columns), one.severity, one.dimension, one.status,
         one.failing, one.says, one.sample, one.plain) for number, one in enumerate(results)])
    old = [row[0] for row in db.execute(
        "SELECT id FROM check_scans WHERE table_key = ? AND source = ? ORDER BY id DESC LIMIT -1 OFFSET ?",
        (table.key, source, KEEP))]
    db.executemany("DELETE FROM check_results WHERE scan = ?", [(one,) for one in old])
    db.executemany("DELETE FROM check_scans WHERE id = ?", [(one,) for one in old])


def _scan(row: sqlite3.Row, results: tuple[Result, ...]) -> Scan:
    return Scan(row["id"], row["run_id"], row["table_name"], row["table_key"], row["source"], row["at"], row["rows"],
                row["elapsed_s"], row["score"], json.loads(row["scores"]), results)


def _results(db: sqlite3.Connection, scan: int) -> tuple[Result, ...]:
    return tuple(Result(row["name"], row["kind"], tuple(json.loads(row["columns"])), row["severity"], row["dimension"],
                        row["status"], row["failing"], row["says"], row["sample"], bool(row["plain"]))
                 for row in db.execute("SELECT * FROM check_results WHERE scan = ? ORDER BY number", (scan,)))
