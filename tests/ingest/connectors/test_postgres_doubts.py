"""The host's quick scan changes a few values silently; a load sees from what arrived that it may have, and asks."""

from __future__ import annotations

from typing import Any

import pytest

from pluto_duck.errors import PlutoError
from pluto_duck.ingest import ingest
from pluto_duck.ingest.connectors import postgres_scanner as scanner
from pluto_duck.ingest.connectors.postgres import PostgresConnector
from pluto_duck.session import Session
from tests.services.postgres import Database

LAST = "294247-01-10 04:00:54.775807"
"""What DuckDB takes for infinity."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each question and each scan, every table being large enough for the quick one."""
    monkeypatch.setattr(scanner, "PARALLEL_BYTES", 0)
    seen: list[str] = []
    for name in ("at_risk", "scan", "quick_scan"):
        inner = getattr(PostgresConnector, name)

        def note(self: Any, *args: Any, inner: Any = inner, name: str = name) -> Any:
            seen.append(name)
            return inner(self, *args)

        monkeypatch.setattr(PostgresConnector, name, note)
    return seen


def make(database: Database, *values: str) -> None:
    database.run('CREATE TABLE t (id int PRIMARY KEY, "a{}" numeric(12,2), at timestamp, atz timestamptz)',
                 *(f"INSERT INTO t VALUES ({value})" for value in values))


@pytest.mark.parametrize(("value", "expected"), [
    ("1, 5, NULL, NULL", ["quick_scan"]), ("1, NULL, '2024-01-01', '2024-01-01'", ["quick_scan"]),
    ("1, 0, NULL, NULL", ["quick_scan", "at_risk"]), ("1, 5, 'infinity', NULL", ["quick_scan", "at_risk"]),
    ("1, 5, NULL, '-infinity'", ["quick_scan"])])
def test_the_source_is_asked_only_after_a_doubtful_value(
        session: Session, database: Database, asked: list[str], value: str, expected: list[str]) -> None:
    make(database, value, "2, 7, '2024-01-01', '2024-01-01'")
    done = ingest(session, database.uri).tables[0]
    assert (done.rows, done.native, asked) == (2, True, expected)


@pytest.mark.parametrize("mode", ["replace", "merge", "scd2"])
def test_a_value_that_was_changed_is_read_again_or_refused(
        session: Session, database: Database, asked: list[str], mode: str) -> None:
    make(database, "1, 0, '2024-01-01', NULL", "2, 1.5, 'infinity', '-infinity'")
    for _ in range(2):  # into no table, and into the one that is there
        ingest(session, database.uri, mode=mode)
    database.run("INSERT INTO t VALUES (3, 'NaN', NULL, NULL)")
    with pytest.raises(PlutoError, match=r"t\.a\{\} holds 'NaN'"):
        ingest(session, database.uri, mode=mode)
    assert session.query("SELECT count(*) FROM t").rows() == [(2,)]
    database.run(f"UPDATE t SET \"a{{}}\" = 3, at = '{LAST}' WHERE id = 3")
    asked.clear()
    with pytest.raises(PlutoError, match="a time after the year 294247"):
        ingest(session, database.uri, mode=mode)
    assert asked == ["quick_scan", "at_risk", "scan", "at_risk"]


def test_a_table_that_is_appended_to_is_asked_before(session: Session, database: Database, asked: list[str]) -> None:
    make(database, "1, 5, NULL, NULL")
    ingest(session, database.uri, mode="append")
    database.run("UPDATE t SET \"a{}\" = 'NaN'")
    asked.clear()
    with pytest.raises(PlutoError, match="holds 'NaN'"):
        ingest(session, database.uri, mode="append")
    assert asked == ["quick_scan", "scan", "at_risk"]
    assert session.query("SELECT \"a{}\" FROM t").rows()[0][0] == 5
