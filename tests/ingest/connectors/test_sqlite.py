"""SQLite: values of any type in any column, one moment, the host's way and the driver's."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.errors import ColumnRefused, SourceError, UnknownName, UsageError
from pluto_duck.ingest.connectors import EVERYTHING, Selection, SourceKey
from pluto_duck.ingest.connectors.contract import (
    ROWS,
    ConnectorContract,
    OddTables,
    Source,
    host,
    odd_statements,
    rows_of,
    rows_scanned,
)
from pluto_duck.ingest.connectors.sqlite import SqliteConnector
from pluto_duck.workspace import quote


class TestContract(ConnectorContract, OddTables):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        with sqlite3.connect(tmp_path / "it's.sqlite") as connection:
            connection.execute("CREATE TABLE things (id integer PRIMARY KEY, name text, amount double)")
            connection.execute("CREATE TABLE others (a int)")
            connection.executemany("INSERT INTO things VALUES (?, ?, ?)", ROWS)
        connection.close()
        return Source(SqliteConnector, f"sqlite:///{tmp_path}/it's.sqlite")

    @pytest.fixture
    def odd_source(self, tmp_path: Path) -> Source:
        with sqlite3.connect(tmp_path / "odd.db") as connection:
            for statement in odd_statements(quote):
                connection.execute(statement)
        connection.close()
        return Source(SqliteConnector, str(tmp_path / "odd.db"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data.db"


@pytest.fixture
def writer(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None, timeout=0)
    yield connection
    connection.close()


def came(path: Path, table: str = "t", *, cast: dict[str, str] | None = None,
         selection: Selection = EVERYTHING) -> tuple[dict[str, str], list[tuple[Any, ...]]]:
    """({column: type}, rows) of the columns that are not refused."""
    with SqliteConnector(str(path)) as connector:
        found = connector.discover([table])[0]
        columns = [connector.cast(found, one, (cast or {})[one.name]) if one.name in (cast or {}) else one
                   for one in found.columns]
        kept = replace(found, columns=tuple(one for one in columns if not one.refusal))
        return {one.name: one.type for one in kept.columns}, rows_of(connector, kept, selection)


@pytest.mark.parametrize(("declared", "values", "kind", "expected"), [
    ("INTEGER", [2**63 - 1, -2**63, None], "BIGINT", [2**63 - 1, -2**63, None]),
    ("REAL", [0.1, 1e308, float("inf"), -0.0], "DOUBLE", [0.1, 1e308, float("inf"), 0.0]),
    ("TEXT", ["", "a\0b", "\u9d28", None], "VARCHAR", ["", "a\0b", "\u9d28", None]),
    ("BLOB", [b"\x00\xff", b""], "BLOB", [b"\x00\xff", b""]),
    ("", ["x"], "VARCHAR", ["x"]), ("", [1.5, 2], "DOUBLE", [1.5, 2.0]), ("", [7], "BIGINT", [7]),
    ("NUMERIC", [1, 2.5], "DOUBLE", [1.0, 2.5]), ("VARCHAR(5)", [], "VARCHAR", []), ("INTEGER", [], "BIGINT", []),
    ("BOOLEAN", [0, 1, None], "BOOLEAN", [False, True, None]), ("BOOLEAN", [0, 2], "BIGINT", [0, 2]),
    ("DATE", ["2024-02-29", None], "DATE", [dt.date(2024, 2, 29), None]),
    ("DATE", ["2024-02-30"], "VARCHAR", ["2024-02-30"]), ("DATE", [1704067200], "BIGINT", [1704067200]),
    ("DATETIME", ["2024-01-01 10:00:00.5", "2024-01-01T10:00:00"], "TIMESTAMP",
     [dt.datetime(2024, 1, 1, 10, 0, 0, 500000), dt.datetime(2024, 1, 1, 10)]),
    ("DATETIME", ["2024-01-01 10:00:00+02:00"], "VARCHAR", ["2024-01-01 10:00:00+02:00"]),
    ("DATETIME", ["2024-01-01 10:00:00.1234567"], "VARCHAR", ["2024-01-01 10:00:00.1234567"]),
    ("TIME", ["23:59:59.25"], "TIME", [dt.time(23, 59, 59, 250000)]), ("TIME", ["24:00:00"], "VARCHAR", ["24:00:00"]),
    ("DECIMAL(10,2)", [12.5, 3, None], "DECIMAL(10,2)", [Decimal("12.50"), Decimal("3.00"), None]),
    ("DECIMAL(10,2)", [0.125], "DOUBLE", [0.125]), ("DECIMAL(4,2)", [12345], "BIGINT", [12345]),
    ("JSON", ['{"a": 1.10}', None], "JSON", ['{"a": 1.10}', None]), ("JSON", ["{a"], "VARCHAR", ["{a"]),
])
def test_a_column_becomes_what_its_values_are(declared: str, values: list[Any], kind: str, expected: list[Any],
                                              path: Path, writer: sqlite3.Connection) -> None:
    writer.execute(f"CREATE TABLE t (x {declared})")
    writer.executemany("INSERT INTO t VALUES (?)", [(one,) for one in values])
    assert came(path) == ({"x": kind}, [(one,) for one in expected])


def test_values_of_several_types_are_refused_by_name_and_cast_exactly_or_not(
        path: Path, writer: sqlite3.Connection) -> None:
    writer.execute("CREATE TABLE t (x, n INTEGER, big)")
    writer.executemany("INSERT INTO t VALUES (?, ?, ?)", [(1, "1O", 2**60), (0.1, 2, 0.5), ("a", 3, None)])
    with SqliteConnector(str(path)) as connector:
        table = connector.discover()[0]
        assert [one.refusal for one in table.columns] == [
            "holds integer and real and text values side by side", "holds integer and text values side by side",
            "holds integer and real (too large for a double) values side by side"]
        with pytest.raises(ColumnRefused, match="'1O'"):
            connector.cast(table, table.columns[1], "INTEGER")
    assert came(path, cast={"x": "TEXT", "n": "TEXT", "big": "TEXT"})[1] == [
        ("1", "1O", str(2**60)), ("0.10000000000000001", "2", "0.5"), ("a", "3", None)]


def test_text_that_is_no_utf_8_is_refused_and_its_bytes_can_be_had(path: Path, writer: sqlite3.Connection) -> None:
    writer.execute("CREATE TABLE t (x TEXT)")
    writer.execute("INSERT INTO t VALUES (CAST(x'636166e9' AS TEXT))")
    with pytest.raises(ColumnRefused, match=r"t\.x holds text that is not UTF-8") as caught:
        came(path)
    assert "--cast x=BLOB" in caught.value.hint
    assert came(path, cast={"x": "BLOB"})[1] == [(b"caf\xe9",)]


def test_keys_defaults_and_odd_tables_are_known(path: Path, writer: sqlite3.Connection) -> None:
    writer.executescript("""
        CREATE TABLE p (a TEXT, b INT, PRIMARY KEY (b, a)) WITHOUT ROWID;
        CREATE TABLE c (id INTEGER PRIMARY KEY, a TEXT NOT NULL DEFAULT 'it''s', b INT DEFAULT 7,
          at TEXT DEFAULT CURRENT_TIMESTAMP, twice INT AS (b * 2) STORED, UNIQUE (a), FOREIGN KEY (b, a) REFERENCES p);
        CREATE UNIQUE INDEX part ON c (b) WHERE b > 0;
        CREATE TABLE loose (k TEXT PRIMARY KEY);
        CREATE VIEW v AS SELECT id, b FROM c;
        INSERT INTO p VALUES ('x', 7); INSERT INTO c (id, a) VALUES (1, 'x'); INSERT INTO loose VALUES (NULL);""")
    with SqliteConnector(str(path)) as connector:
        child, loose, parent = connector.discover()
        assert (parent.primary_key, child.primary_key, loose.primary_key) == (("b", "a"), ("id",), ())
        assert child.unique == (("a",),)
        assert child.foreign_keys == (SourceKey(("b", "a"), "", "p", ("b", "a")),)
        assert [(one.name, one.nullable, one.default) for one in child.columns] == [
            ("id", True, ""), ("a", False, "'it''s'"), ("b", True, "7"), ("at", True, ""), ("twice", True, "")]
        assert [row[4] for row in rows_of(connector, child)] == [14]
        assert rows_of(connector, connector.discover(["v"])[0]) == [(1, 7)]


def test_the_host_reads_the_copy_of_the_moment(path: Path, writer: sqlite3.Connection) -> None:
    writer.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, n INT, x TEXT, d DECIMAL(10,2), day DATE, b BOOLEAN, untyped)")
    writer.execute("BEGIN")
    writer.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?)",
                       ((i, i, f"n{i}", i / 4, "2024-01-02", i % 2, f"u{i}") for i in range(30_000)))
    writer.execute("COMMIT")
    writer.execute("PRAGMA journal_mode = WAL")
    with SqliteConnector(str(path)) as connector:
        table = connector.discover()[0]
        writer.execute("DELETE FROM t")
        with host(connector) as memory:
            scanned = rows_scanned(memory, connector, table)
            copy = connector._copy
        if scanned is not None:  # DuckDB 2.0 has no such extension
            assert len(scanned) == 30_000
            assert sorted(scanned) == sorted(rows_of(connector, table))
        assert len(rows_of(connector, table)) == 30_000
        assert connector.twin() is None
    assert (copy is None) == (scanned is None)
    assert copy is None or not copy.path.parent.exists()


def test_a_writer_changes_nothing_while_the_moment_lasts(path: Path, writer: sqlite3.Connection) -> None:
    for mode in ("DELETE", "WAL"):
        writer.executescript(f"PRAGMA journal_mode = {mode}; DROP TABLE IF EXISTS t; CREATE TABLE t (x);"
                             "INSERT INTO t VALUES (1);")
        with SqliteConnector(str(path)) as connector:
            table = connector.discover()[0]
            try:
                writer.execute("INSERT INTO t VALUES (2)")
            except sqlite3.OperationalError:
                assert mode == "DELETE"  # there the writer waits
            assert rows_of(connector, table) == [(1,)]


def test_the_cursor_and_conditions_are_sqlite_s_own(path: Path, writer: sqlite3.Connection) -> None:
    writer.executescript("CREATE TABLE t (at DATETIME, n INT); INSERT INTO t VALUES ('2024-01-01T10:00:00.500000', 1),"
                         "('2024-01-01 10:00:00', 2), ('2024-01-02 00:00:00', 3);")
    for after, numbers in (("2024-01-01 10:00:00.5", [1, 3]), ("2024-01-01 10:00:00", [1, 2, 3])):
        rows = came(path, selection=Selection(cursor="at", after=after))[1]
        assert sorted(row[1] for row in rows) == numbers
    assert len(came(path, selection=Selection(where="at GLOB '*T*'"))[1]) == 1
    with pytest.raises(UsageError, match="no such column"):
        came(path, selection=Selection(where="nope = 1"))


def test_a_locked_foreign_or_missing_file_is_told(path: Path, writer: sqlite3.Connection, tmp_path: Path,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pluto_duck.ingest.connectors.sqlite_file.BUSY_S", 0.01)
    writer.execute("CREATE TABLE t (x)")
    writer.execute("BEGIN EXCLUSIVE")
    with pytest.raises(SourceError, match="is locked by a program"), SqliteConnector(str(path)):
        pass
    writer.execute("COMMIT")
    (tmp_path / "text.db").write_text("hello, this is no database")
    with pytest.raises(SourceError, match="is not a SQLite database"), SqliteConnector(str(tmp_path / "text.db")):
        pass
    with pytest.raises(UnknownName) as caught, SqliteConnector(str(tmp_path / "dota.db")):
        pass
    assert "data.db" in caught.value.facts["nearest"]
    (tmp_path / "new.db").touch()
    with SqliteConnector(str(tmp_path / "new.db")) as connector, pytest.raises(SourceError, match="holds no table"):
        connector.discover()
    damaged = bytearray(path.read_bytes())
    damaged[100:] = b"\xff" * (len(damaged) - 100)
    (tmp_path / "damaged.db").write_bytes(damaged)
    with pytest.raises(SourceError, match=r"damaged|not a SQLite"), \
            SqliteConnector(str(tmp_path / "damaged.db")) as connector:
        connector.discover()


def test_a_vanished_table_is_told(path: Path, writer: sqlite3.Connection) -> None:
    writer.execute("CREATE TABLE t (x)")
    with SqliteConnector(str(path)) as connector:
        table = connector.discover()[0]
        connector._connection.execute("COMMIT")
        writer.execute("DROP TABLE t")
        with pytest.raises(SourceError, match="no such table"):
            rows_of(connector, table)


def test_an_address_means_the_file_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sqlite3.connect("here.db").close()
    (tmp_path / "here.db").touch()
    for uri in ("here.db", "sqlite:///here.db", f"sqlite:///{tmp_path}/here.db", f"sqlite:////{tmp_path}/here.db"):
        assert SqliteConnector(uri).source == str(tmp_path / "here.db")
    for uri in ("sqlite://", "sqlite:///"):
        with pytest.raises(UsageError):
            SqliteConnector(uri)
