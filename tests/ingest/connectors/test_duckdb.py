"""Another DuckDB database: every type, names, keys, and what a locked or foreign file says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pluto_duck.errors import Refused, SourceError, StatementError, UnknownName, UsageError
from pluto_duck.ingest import ingest, live
from pluto_duck.ingest.connectors import SourceKey
from pluto_duck.ingest.connectors.contract import (
    ROWS,
    ConnectorContract,
    OddTables,
    Source,
    host,
    odd_statements,
    rows_of,
)
from pluto_duck.ingest.connectors.duckdb import DuckdbConnector
from pluto_duck.ingest.options import LoadOptions
from pluto_duck.session import Session
from pluto_duck.workspace import quote
from pluto_duck.workspace.database import open_memory


class TestContract(ConnectorContract, OddTables):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        memory = open_memory([f"ATTACH '{tmp_path}/s.duckdb' AS s", "USE s"])
        memory.execute("CREATE TABLE things (id int PRIMARY KEY, name text, amount double)")
        memory.execute("CREATE TABLE others (a int)")
        memory.executemany("INSERT INTO things VALUES (?, ?, ?)", ROWS)
        memory.close()
        return Source(DuckdbConnector, f"{tmp_path}/s.duckdb")

    @pytest.fixture
    def odd_source(self, tmp_path: Path) -> Source:
        make(tmp_path / "odd.duckdb", *odd_statements(quote))
        return Source(DuckdbConnector, str(tmp_path / "odd.duckdb"))


def make(path: Path, *statements: str) -> None:
    memory = open_memory([f"ATTACH '{path}' AS s", "USE s"])
    for statement in statements:
        memory.execute(statement)
    memory.close()


TYPES = {
    "HUGEINT": "-170141183460469231731687303715884105728", "UHUGEINT": "340282366920938463463374607431768211455",
    "TIMETZ": "'12:00:00+02'", "BIT": "'0101'", "ENUM('b', 'a')": "'a'", "HUGEINT[]": "[1::HUGEINT << 100, NULL]",
    "TIMETZ[]": "['01:02:03-05'::TIMETZ]", "TIMESTAMP_NS": "'2024-01-01 00:00:00.123456789'",
    "TIMESTAMPTZ": "'2024-01-01 00:00:00Z'", "INTERVAL": "'14 months 3 days 1 ms'", "UNION(a INT, b VARCHAR)": "'x'",
    "MAP(VARCHAR, INT)": "MAP {'k': 1}", "INT[3]": "[1, 2, 3]", "JSON": "'{\"a\": 1.10}'", "BLOB": "'\\x00\\xff'",
    "UUID": "'f47ac10b-58cc-4372-a567-0e02b2c3d479'", "DECIMAL(38,5)": "123456789012345678901234567890123.12345",
    "STRUCT(a STRUCT(b UHUGEINT))": "{'a': {'b': 1}}", "DOUBLE": "'nan'", "DATE": "'infinity'", "UTINYINT": "255"}


def test_every_type_arrives_exactly_by_either_way(tmp_path: Path) -> None:
    columns = ", ".join(f"c{i} {kind}" for i, kind in enumerate(TYPES))
    path = tmp_path / "types.duckdb"
    make(path, f"CREATE TABLE t ({columns})", f"INSERT INTO t VALUES ({', '.join(TYPES.values())})",
         f"INSERT INTO t VALUES ({', '.join(['NULL'] * len(TYPES))})")
    with DuckdbConnector(str(path)) as connector:
        table = connector.discover()[0]
        assert not any(one.refusal for one in table.columns)
        as_text = ", ".join(f"{quote(one.name)}::VARCHAR" for one in table.columns)
        wanted = connector._connection.execute(f"SELECT {as_text} FROM source.t").fetchall()
        memory = open_memory(["SET TimeZone = 'UTC'"])
        memory.register("incoming", connector.read(table))
        picked = ", ".join(f"CAST({one.expression} AS {one.type})::VARCHAR" for one in table.columns)
        assert memory.execute(f"SELECT {picked} FROM incoming").fetchall() == wanted
        with host(connector) as memory:
            scan = connector.scan(table)
            assert scan is not None
            picked = ", ".join(f"CAST({expression} AS {one.type})::VARCHAR"
                               for expression, one in zip(scan.expressions, table.columns, strict=True))
            assert memory.execute(f"SELECT {picked} FROM ({scan.sql})").fetchall() == wanted


def test_schemas_views_keys_comments_and_defaults_are_known(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    make(path, "CREATE SEQUENCE n", "CREATE SCHEMA other", "CREATE TABLE other.x (a INT)",
         "CREATE TABLE p (a INT, b VARCHAR, PRIMARY KEY (b, a))",
         "CREATE TABLE c (id INT PRIMARY KEY DEFAULT nextval('n'), a INT NOT NULL DEFAULT 7, b VARCHAR DEFAULT 'it''s',"
         " u INT UNIQUE, FOREIGN KEY (b, a) REFERENCES p (b, a))",
         "CREATE VIEW v AS SELECT a FROM c", "COMMENT ON TABLE c IS 'children'", "COMMENT ON COLUMN c.u IS 'one'",
         "INSERT INTO p VALUES (7, 'it''s')", "INSERT INTO c (id) VALUES (1)")
    with DuckdbConnector(f"duckdb://{path}") as connector:
        child, parent = connector.discover()
        assert (child.primary_key, parent.primary_key, child.unique) == (("id",), ("b", "a"), (("u",),))
        assert child.foreign_keys == (SourceKey(("b", "a"), "main", "p", ("b", "a")),)
        assert [(one.nullable, one.default) for one in child.columns] == [
            (False, ""), (False, "7"), (True, "'it''s'"), (True, "")]
        assert (child.comment, child.columns[3].comment) == ("children", "one")
        assert [(one.schema, one.name) for one in connector.discover(["other.x", "v"])] == [("other", "x"), ("main", "v")]
        view = connector.discover(["v"])[0]
        assert view.kind == "view"
        assert rows_of(connector, view) == [(7,)]
        with pytest.raises(UnknownName):
            connector.discover(schema="othr")


def test_the_workspace_s_own_file_is_refused_before_it_is_touched(session: Session) -> None:
    with pytest.raises(UsageError, match="is the database of this workspace"), \
            DuckdbConnector(f"duckdb://{session.workspace.database}"):
        pass
    session.query("CREATE TABLE still_here (a INT)")


def test_a_held_foreign_or_missing_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "held.duckdb"
    make(path, "CREATE TABLE t (a INT)")
    holder = subprocess.Popen(
        [sys.executable, "-c", "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); input()",
         str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(SourceError, match=rf"is held by another program \(.*pid {holder.pid}\)"), \
                DuckdbConnector(str(path)):
            pass
    finally:
        holder.kill()
        holder.communicate()
    (tmp_path / "text.duckdb").write_text("hello, this is no database at all" * 500)
    with pytest.raises(SourceError, match="is not a DuckDB database"), DuckdbConnector(str(tmp_path / "text.duckdb")):
        pass
    with pytest.raises(UnknownName) as caught, DuckdbConnector(str(tmp_path / "hold.duckdb")):
        pass
    assert "held.duckdb" in caught.value.facts["nearest"]
    damaged = bytearray(path.read_bytes())
    damaged[20:30] = b"0123456789"
    (tmp_path / "damaged.duckdb").write_bytes(damaged)
    with pytest.raises(SourceError, match="is damaged"), DuckdbConnector(str(tmp_path / "damaged.duckdb")):
        pass


def test_a_file_of_a_newer_duckdb_is_told() -> None:
    said = "Trying to read a database file with version number 999, but we can only read versions between 64 and 68."
    told = DuckdbConnector("x.duckdb")._in_words(StatementError(said), "it was opened", "")
    assert "was written by a newer DuckDB" in told.message
    assert "pip install" in told.hint


def test_nobody_writes_the_file_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    make(path, "CREATE TABLE t AS SELECT 1 AS a")
    with DuckdbConnector(str(path)) as connector:
        table = connector.discover()[0]
        done = subprocess.run([sys.executable, "-c", "import duckdb, sys; duckdb.connect(sys.argv[1])", str(path)],
                              capture_output=True, text=True)
        assert "lock" in done.stderr
        assert rows_of(connector, table) == [(1,)]


STRANGE = ("CREATE TABLE t (a INT, g VARCHAR GENERATED ALWAYS AS (upper(a::VARCHAR)))", "INSERT INTO t (a) VALUES (1)",
           "CREATE VIEW plain AS SELECT a + 1 AS b FROM t", "CREATE VIEW reads AS FROM read_csv('{secret}')",
           "CREATE VIEW names AS FROM '{secret}'", "CREATE VIEW through AS FROM reads",
           "CREATE MACRO count_of(x) AS (SELECT count(*) FROM read_csv('{secret}'))",
           "CREATE VIEW counts AS SELECT count_of(a) FROM t", "CREATE MACRO listed() AS TABLE FROM read_csv('{secret}')",
           "CREATE VIEW lists AS FROM listed()", "CREATE MACRO upper(x) AS (SELECT string_agg(s) FROM read_csv('{secret}'))")
"""What a stranger's file may hold: SQL that reads other files when it is read."""


@pytest.fixture
def strange(tmp_path: Path) -> Path:
    (tmp_path / "secret.csv").write_text("s\nhidden\n")
    make(tmp_path / "strange.duckdb", *(one.replace("{secret}", f"{tmp_path}/secret.csv") for one in STRANGE))
    return tmp_path / "strange.duckdb"


@pytest.mark.parametrize("name", ["reads", "names", "through", "counts", "lists"])
def test_sql_that_came_with_the_file_reaches_no_other(session: Session, strange: Path, name: str) -> None:
    with pytest.raises(SourceError, match="reads beyond the file") as caught:
        ingest(session, str(strange), LoadOptions(tables=[name]))
    assert caught.value.hint
    assert session.tables() == []


def test_what_stays_inside_the_file_comes_and_computes_outside_of_the_host(session: Session, strange: Path) -> None:
    with DuckdbConnector(str(strange)) as connector:
        assert [connector.scan(one) for one in connector.discover(["t", "plain"])] == [None, None]
    ingest(session, str(strange), LoadOptions(tables=["t", "plain"]))
    assert session.query("SELECT a, g, b FROM t, plain").rows() == [(1, "1", 2)]


def test_a_query_reads_the_file_and_nothing_else(strange: Path) -> None:
    with DuckdbConnector(str(strange)) as connector:
        assert rows_of(connector, connector.discover(["q"], query="SELECT a FROM t")[0]) == [(1,)]
        with pytest.raises(SourceError, match="reads beyond the file"):
            connector.discover(["q"], query=f"FROM read_csv('{strange.parent}/secret.csv')")


@pytest.mark.parametrize("sql", [
    "FROM other.reads", 'FROM "other" . main."names"', "FROM OTHER.Through", "FROM other.counts", "FROM other.main.listed()",
    "SELECT other.main.count_of(1)", "FROM query('FROM other.reads')", "CREATE VIEW mine AS FROM other.lists",
    "FROM before_it_was_strange", "USE other; FROM names", "USE other; SELECT upper('a')", "USE other; FROM t",
    "FROM through_two",
])
def test_a_live_file_s_own_sql_is_refused_where_it_reaches_beyond_it(
        session: Session, strange: Path, tmp_path: Path, sql: str) -> None:
    live.attach(session, str(strange), name="other")
    make(tmp_path / "kind.duckdb", "CREATE TABLE t (a INT)", "CREATE VIEW reads AS FROM t")
    strange.rename(tmp_path / "away.duckdb")
    (tmp_path / "kind.duckdb").rename(strange)
    session.query("CREATE VIEW before_it_was_strange AS SELECT * FROM other.reads")
    session.query("CREATE VIEW through_two AS SELECT * FROM before_it_was_strange")
    (tmp_path / "away.duckdb").rename(strange)
    for one in sql.split("; ")[:-1]:
        session.query(one)
    with pytest.raises(Refused, match="reaches beyond that file"):
        session.query(sql.split("; ")[-1])
    session.query("USE " + session.query("SELECT database_name FROM duckdb_databases() WHERE path = $path",
                                         {"path": str(session.workspace.database)}).scalar())
    assert session.query("SELECT b FROM other.plain").rows() == [(2,)]
