"""What a PostgreSQL counts by itself: increments that read nothing, and loads verified without a second reading."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from pluto_duck.errors import ColumnRefused, SourceError
from pluto_duck.ingest import ingest
from pluto_duck.ingest.connectors import Selection
from pluto_duck.ingest.connectors import postgres_counts as counts
from pluto_duck.ingest.connectors.postgres import PostgresConnector
from pluto_duck.ingest.options import LoadOptions
from pluto_duck.ingest.report import LoadedTable
from pluto_duck.ingest.supply import Supply
from pluto_duck.session import Session
from tests.services.postgres import Database

EVENTS = ("CREATE TABLE events (id int PRIMARY KEY, name text, at timestamptz, point json)",
          "INSERT INTO events SELECT i, 'name ' || i, timestamptz '2024-01-01' + i * interval '1 hour', '[1]' "
          "FROM generate_series(1, 100) AS i")
COLUMNS = {
    "small": ("smallint", "-3"), "whole": ("bigint", "9223372036854775807"), "exact": ("numeric(12,2)", "1.25"),
    "wide": ("numeric(38,10)", "9999999999999999999999999999.5"), "any_numeric": ("numeric", "1.5"),
    "money": ("money", "12.5"), "oid": ("oid", "4000000000"), "flag": ("boolean", "true"), "day": ("date", "-infinity"),
    "day_too": ("date", "0044-03-15 BC"), "at": ("timestamptz", "2024-05-01 12:00:00.123456+02"), "local": ("timestamp", "infinity"),
    "local_too": ("timestamp", "1969-12-31 23:59:59.999999"), "words": ("text", "grün 🦆"), "padded": ("char(5)", "ab"),
    "raw": ("bytea", "\\x00ff"), "tree": ("jsonb", '{"a": [1, 2.50]}'), "half": ("double precision", "NaN"),
    "list": ("int[]", "{1,2}"), "span": ("interval", "1 mon -3 days"), "id": ("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    "bits": ("varbit", "101"), "address": ("inet", "10.0.0.1/8"), "range": ("int4range", "[1,5)"), "mood": ("mood", "it's")}


def moved(session: Session, database: Database, **options: Any) -> LoadedTable:
    return ingest(session, database.uri, tables=["events"], mode="merge", cursor="at", **options).tables[0]


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tables that were read, by whichever path."""
    seen: list[str] = []
    for name in ("read", "scan"):
        inner = getattr(PostgresConnector, name)

        def note(self: Any, table: Any, selection: Any, inner: Any = inner, name: str = name) -> Any:
            seen.append(name)
            return inner(self, table, selection)

        monkeypatch.setattr(PostgresConnector, name, note)
    return seen


def test_an_increment_with_nothing_new_reads_nothing(session: Session, database: Database, unread: list[str]) -> None:
    database.run(*EVENTS)
    moved(session, database)
    moved(session, database)  # asks for the first time
    unread.clear()
    assert (moved(session, database).rows, unread) == (0, [])
    for change, expected in (("INSERT INTO events VALUES (101, 'new', '2024-02-01')", 1),
                             ("UPDATE events SET name = 'other' WHERE id = 101", 1),
                             ("UPDATE events SET point = '[2]' WHERE id = 101", 1),
                             ("INSERT INTO events VALUES (102, 'with it', '2024-02-01')", 1)):
        database.run(change)
        unread.clear()
        assert (moved(session, database).rows, bool(unread)) == (expected, True), change
        moved(session, database)
    assert session.query("SELECT count(*), max(name) FROM events").rows() == [(102, "with it")]


def test_a_pulse_is_that_of_the_very_rows_and_columns(database: Database) -> None:
    database.run("CREATE TABLE t (a int, b text)", "INSERT INTO t VALUES (1, NULL), (2, '')")
    selection = Selection(cursor="a", after="1")

    def pulse(change: str = "SELECT 1", selection: Selection = selection, cast: str = "") -> str | None:
        database.run(change)
        with PostgresConnector(database.uri) as source:
            table, = source.discover(["t"])
            if cast:
                table = replace(table, columns=tuple(source.cast(table, one, cast) for one in table.columns))
            return source.pulse(table, selection)

    seen = [pulse(), pulse("UPDATE t SET b = '' WHERE a = 1"), pulse("UPDATE t SET b = NULL WHERE a = 2"),
            pulse("INSERT INTO t VALUES (2, NULL)"), pulse("INSERT INTO t VALUES (2, NULL)"),
            pulse(selection=replace(selection, where="b IS NOT NULL")), pulse(cast="text"),
            pulse("ALTER TABLE t ALTER a TYPE bigint")]
    assert None not in seen
    assert len(set(seen)) == len(seen)
    assert pulse("VACUUM FULL t") == seen[-1]
    assert pulse(selection=replace(selection, sample=50.0)) is None
    assert pulse(f"INSERT INTO t SELECT 5 FROM generate_series(1, {counts.MOST_ROWS})") is None


def test_a_load_is_verified_without_reading_its_source_twice(
        session: Session, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    write = Supply.write

    def note(self: Any, worker: Any, request: Any, *args: Any, **keywords: Any) -> int:
        written.append(request.table.name)
        return write(self, worker, request, *args, **keywords)

    monkeypatch.setattr(Supply, "write", note)
    database.run("CREATE TYPE mood AS ENUM ('ok', 'it''s')", "CREATE TABLE t ({})".format(
        ", ".join(f'"{name}" {kind}' for name, (kind, _value) in COLUMNS.items())))
    values = ", ".join("'" + value.replace("'", "''") + "'" for _kind, value in COLUMNS.values())
    database.run(*[f"INSERT INTO t VALUES ({values})"] * 2, "INSERT INTO t DEFAULT VALUES")
    for path in ("scanner", "copy"):
        written.clear()
        done = ingest(session, database.uri, LoadOptions(tables=("t",), verify=True, options={"path": path})).tables[0]
        assert (done.rows, done.verified, written) == (3, True, ["t"])
    with PostgresConnector(database.uri) as source:
        table, = source.discover(["t"])
        sums = source.checksums(table)
        assert source.checksums(table, Selection(limit=1)) is None
    assert sums is not None
    assert sums.rows == 3
    assert set(sums.columns) == set(COLUMNS)
    assert {name: sums.columns[name] for name in ("exact", "flag", "day", "day_too", "local", "local_too", "words",
                                                  "raw", "tree", "half")} == {
        "exact": "2.50", "flag": "2", "day": None, "day_too": "-1470320", "local": None, "local_too": "-2",
        "words": _twice("grün 🦆".encode()), "raw": _twice(b"\x00\xff"), "tree": _twice(b'{"a": [1, 2.50]}'), "half": "2"}


def _twice(value: bytes) -> str:
    """The digest of a column that holds it twice."""
    return str(2 * int(hashlib.md5(value).hexdigest()[:8], 16))


@pytest.mark.parametrize(("column", "change"), [
    ("exact", "exact + 0.01"), ("words", "words || 'x'"), ("words", "reverse(words)"),
    ("tree", "'{\"a\": [1, 2.51]}'"), ("flag", "NOT flag"), ("day_too", "day_too + 1"),
    ("at", "at + INTERVAL '1 microsecond'"), ("raw", "raw || raw"), ("half", "NULL"), ("mood", "'ok'")])
def test_what_changed_on_its_way_is_named(session: Session, database: Database, monkeypatch: pytest.MonkeyPatch,
                                          column: str, change: str) -> None:
    kind, value = COLUMNS[column]
    database.run("CREATE TYPE mood AS ENUM ('ok', 'it''s')", f"CREATE TABLE t ({column} {kind})",
                 "INSERT INTO t VALUES ('{}')".format(value.replace("'", "''")))
    write = Supply.write

    def changed(self: Any, worker: Any, request: Any, ref: Any, columns: Any, **keywords: Any) -> int:
        kind = request.table.columns[0].type

        def others(expressions: Sequence[str]) -> Any:
            return columns([change.replace(column, f"CAST({one} AS {kind})") for one in expressions])

        return write(self, worker, request, ref, others, **keywords)

    monkeypatch.setattr(Supply, "write", changed)
    with pytest.raises(SourceError, match=rf"t: the values of {column} .* here and .* at the source"):
        ingest(session, database.uri, tables=["t"], verify=True)
    assert session.tables() == []


@pytest.mark.parametrize("path", ["scanner", "copy"])
def test_a_refused_value_comes_with_its_cast_on_every_path(session: Session, database: Database, path: str) -> None:
    database.run("CREATE TABLE t (v numeric(12,2))", "INSERT INTO t VALUES (1), ('NaN')")
    with pytest.raises(ColumnRefused, match=r"t\.v holds 'NaN', which DECIMAL\(12,2\) does not have") as caught:
        ingest(session, database.uri, LoadOptions(tables=("t",), options={"path": path}))
    assert "--cast v=text" in caught.value.hint
