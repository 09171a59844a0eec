"""What a PostgreSQL source tells and selects: keys, queries, filters, moments, secrets; on every path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from pluto_duck.commands.private_postgres import PrivatePostgres
from pluto_duck.errors import SourceError, UsageError
from pluto_duck.ingest import ingest
from pluto_duck.ingest.connectors import Selection, SourceKey
from pluto_duck.ingest.connectors import postgres_scanner as scanner
from pluto_duck.ingest.connectors.postgres import PostgresConnector
from pluto_duck.ingest.connectors.postgres_selection import selected
from pluto_duck.session import Scan, Session, WriteColumn
from pluto_duck.workspace import TableRef, create
from tests.ingest.connectors.postgres_paths import PATHS, load, loaded, opened, taken
from tests.services.postgres import Database, new_database


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with Session.open(create(tmp_path_factory.mktemp("source")).root) as opened:
        yield opened


@pytest.fixture(params=PATHS)
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, session: Session) -> str:
    return taken(request.param, monkeypatch, session)


def test_keys_defaults_comments_and_sizes_come_in_one_question(database: Database) -> None:
    database.run(
        "CREATE TYPE mood AS ENUM ('ok', 'it''s')", "CREATE TABLE home (id int PRIMARY KEY, at text UNIQUE)",
        "CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY, b text NOT NULL DEFAULT 'x''y', c numeric(5,2) DEFAULT -1.5, "
        "d date DEFAULT CURRENT_DATE, e timestamptz DEFAULT now(), f timestamp DEFAULT now(), g uuid DEFAULT "
        "gen_random_uuid(), h bool DEFAULT true, i int REFERENCES home, j mood DEFAULT 'it''s', k int DEFAULT 1 + 1, "
        "l int GENERATED ALWAYS AS (1 + 1) STORED, m date DEFAULT '2024-01-01', PRIMARY KEY (b, a), UNIQUE (c, d))",
        "COMMENT ON TABLE t IS 'all of it'", "COMMENT ON COLUMN t.b IS 'the b'", "INSERT INTO t (b) VALUES ('1')",
        "ALTER TABLE t ADD CONSTRAINT later CHECK (k > 0) NOT VALID", "ANALYZE t")
    with PostgresConnector(database.uri) as source:
        home, table = source.discover()
    columns = {one.name: one for one in table.columns}
    assert {name: one.default for name, one in columns.items()} == {
        "a": "", "b": "'x''y'", "c": "-1.5", "d": "current_date", "e": "now()", "f": "", "g": "uuid()", "h": "true",
        "i": "", "j": "'it''s'", "k": "", "l": "", "m": "'2024-01-01'"}
    assert (table.primary_key, table.unique, table.comment) == (("b", "a"), (("c", "d"),), "all of it")
    assert table.foreign_keys == (SourceKey(("i",), "public", "home", ("id",)),)
    assert (columns["b"].comment, columns["b"].nullable, columns["c"].nullable) == ("the b", False, True)
    assert (table.row_estimate, table.kind, home.unique) == (1, "table", (("at",),))
    assert table.size_bytes
    assert columns["c"].source_type == "numeric(5,2)"


def test_what_a_key_does_not_promise_is_not_told(database: Database) -> None:
    database.run("CREATE TABLE home (id int PRIMARY KEY)", "CREATE TABLE t (a int, b int4range)",
                 "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES home NOT VALID",
                 "ALTER TABLE t ADD CONSTRAINT n NOT NULL a NOT VALID", "CREATE EXTENSION btree_gist",
                 "ALTER TABLE t ADD UNIQUE (a, b WITHOUT OVERLAPS)")
    with PostgresConnector(database.uri) as source:
        table = source.discover(["t"])[0]
    assert (table.foreign_keys, table.unique, table.columns[0].nullable) == ((), (), True)


def test_each_kind_of_relation_is_told_and_read(path: str, database: Database, session: Session) -> None:
    database.run("CREATE TABLE p (a int) PARTITION BY RANGE (a)",
                 "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)",
                 "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20)", "INSERT INTO p VALUES (1), (11)",
                 "CREATE VIEW v AS SELECT a FROM p", "CREATE MATERIALIZED VIEW m AS SELECT a FROM p",
                 "CREATE EXTENSION file_fdw", "CREATE SERVER f FOREIGN DATA WRAPPER file_fdw",
                 "CREATE FOREIGN TABLE ft (a int) SERVER f OPTIONS (program 'echo 1; echo 2')",
                 "CREATE TABLE old (a int)", "CREATE TABLE child () INHERITS (old)", "INSERT INTO child VALUES (1), (2)")
    with opened(database, path) as source:
        assert [one.name for one in source.discover()] == ["child", "ft", "old", "p"]
        kinds = {one.name: one.kind for one in source.discover(["ft", "p", "v", "m", "p1", "old"])}
    assert kinds == {"ft": "foreign table", "p": "partitioned table", "v": "view", "m": "view", "p1": "table",
                     "old": "table"}
    for name in ("ft", "p", "v", "m", "old"):
        loaded(session, database, path, name)
        assert session.query(f"SELECT count(*) FROM {name}").rows() == [(2,)]


def rows(session: Session, database: Database, path: str, selection: Selection, name: str = "t") -> list[Any]:
    with opened(database, path) as source:
        table = source.discover([name])[0]
        load(session, source, path, table, selection)
    return [row[0] for row in session.query(f"SELECT a FROM {name} ORDER BY a").rows()]


def test_rows_are_selected_at_the_source(path: str, database: Database, session: Session) -> None:
    database.run('CREATE TABLE t (a int, "At" timestamptz)', "INSERT INTO t SELECT i, '2024-01-01Z'::timestamptz + "
                 "i * interval '1 hour' FROM generate_series(1, 100) i", "CREATE VIEW v AS SELECT * FROM t")
    assert rows(session, database, path, Selection(where="a % 50 = 0 -- and no more")) == [50, 100]
    assert rows(session, database, path, Selection(cursor="At", after="2024-01-05 02:00:00+00")) == [98, 99, 100]
    assert len(rows(session, database, path, Selection(limit=7))) == 7
    assert rows(session, database, path, Selection(where="a < 3 OR a > 98", cursor="a", after="50", limit=5)) == [99, 100]
    assert 0 < len(rows(session, database, path, Selection(sample=50))) < 100
    assert 0 < len(rows(session, database, path, Selection(sample=50), "v")) < 100
    with pytest.raises(SourceError, match="nosuch"):
        rows(session, database, path, Selection(where="nosuch = 1"))


def test_a_condition_can_not_become_a_second_statement(path: str, database: Database, session: Session) -> None:
    database.run("CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)")
    for evil in ("1=1)) TO STDOUT; COMMIT; SET default_transaction_read_only = off; DROP TABLE t; COPY (SELECT (1",
                 "1=1); DROP TABLE t; SELECT (1"):
        with pytest.raises(SourceError):
            rows(session, database, path, Selection(where=evil))
    assert database.run("SELECT count(*) FROM t") == [(1,)]


def test_rows_written_since_an_earlier_state_come(path: str, database: Database, session: Session) -> None:
    database.run("CREATE TABLE t (a int)", "INSERT INTO t SELECT generate_series(1, 5)")
    with database.connect() as writing:
        writing.execute("BEGIN")
        writing.execute("INSERT INTO t VALUES (6)")  # begun before that state, committed after it
        with opened(database, path) as source:
            state = dict(source.state())
        writing.execute("COMMIT")
    database.run("INSERT INTO t VALUES (7)", "UPDATE t SET a = 30 WHERE a = 3", "VACUUM (FREEZE) t")
    assert rows(session, database, path, Selection(changed_since=state)) == [6, 7, 30]
    assert len(rows(session, database, path, Selection(changed_since={**state, "server": "another"}))) == 7
    database.run("CREATE VIEW v AS SELECT * FROM t")
    with pytest.raises(UsageError, match="remembers"):
        rows(session, database, path, Selection(changed_since=state), "v")


@pytest.mark.parametrize(("old", "new", "seen"), [
    (100, 200, {100, 200, 150}), (2**32 - 5, 2**32 + 5, {2**32 - 5, 3, 5}), (2**33 + 7, 2**33 + 9, {7, 9})])
def test_transaction_ids_may_wrap_around(old: int, new: int, seen: set[int], database: Database) -> None:
    now = {"xmax": str(new), "server": "s"}
    sql = selected("xmins", "r", Selection(changed_since={"xmin": str(old), "server": "s"}), moment=now)
    database.run("CREATE TABLE xmins (id bigint)", "INSERT INTO xmins VALUES (3), (5), (6), (7), (9), (10), (99), (100), "
                 "(150), (200), (201), (4294967290), (4294967291)")
    found = database.run(f"SELECT id FROM {sql.replace('xmin::text', 'id::text')}")
    assert {row[0] for row in found} >= {one % 2**32 for one in seen}
    assert not {row[0] for row in found} & {6, 10, 99, 201, 4294967290}


def test_after_two_billion_transactions_every_row_comes() -> None:
    since: Mapping[str, Any] = {"xmin": "1000", "server": "s"}
    assert selected("t", "r", Selection(changed_since=since), moment={"xmax": str(2**31 + 1000), "server": "s"}) == "t"


def test_a_query_is_a_table(path: str, database: Database, session: Session) -> None:
    database.run("CREATE TYPE mood AS ENUM ('a')", "CREATE TABLE t (a int, m mood, p numeric(5,2), many int[])",
                 "INSERT INTO t VALUES (1, 'a', 1.5, '{1,2}'), (2, NULL, 'NaN', NULL)")
    with opened(database, path) as source:
        table = source.discover(["mine"], query="SELECT a AS \"select\", m, p, many, a + 0.5 AS free, 'x' AS \"{}\" "
                                                "FROM t WHERE a < 2 -- ; and no more\n;")[0]
        assert (table.name, table.kind) == ("mine", "query")
        assert [c.name for c in table.columns] == ["select", "m", "p", "many", "free", "{}"]
        load(session, source, path, table, Selection(limit=5))
        assert [c.type for c in table.columns] == [
            "INTEGER", "ENUM('a')", "DECIMAL(5,2)", "INTEGER[]", "DECIMAL(38,1)", "VARCHAR"]
        assert source.discover(query="SELECT 1 AS a")[0].name == "query"
        for wrong in ("SELECT nosuch FROM t", "DROP TABLE t", "SELECT 1; SELECT 2", "INSERT INTO t VALUES (1)"):
            with pytest.raises(UsageError):
                source.discover(query=wrong)
        made = source.discover(query="SELECT set_config('default_transaction_read_only', 'off', false) AS a, "
                                     "lo_create(0) AS b")[0]
        with pytest.raises(SourceError, match="read-only"):
            load(session, source, path, made)
    assert len(session.query("SELECT * FROM mine").rows()) == 1


def test_every_reader_sees_the_moment_of_the_first(path: str, database: Database, session: Session) -> None:
    database.run("CREATE TABLE a (a int)", "CREATE TABLE b (a numeric)", "INSERT INTO a VALUES (1)",
                 "INSERT INTO b VALUES (1)")
    with opened(database, path) as source:
        tables = source.discover(["a", "b"])
        twin = source.twin()
        assert twin is not None
        database.run("INSERT INTO a VALUES (2)", "INSERT INTO b VALUES (2.5)")
        with twin:
            for one, table in ((source, tables[0]), (twin, tables[1])):
                load(session, one, path, table)
    assert session.query("SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)").rows() == [(1, 1)]


def test_the_host_reads_many_tables_of_one_moment_in_one_transaction(
        path: str, database: Database, session: Session) -> None:
    if path not in ("direct", "query"):
        return  # a stream is read in a transaction of its own
    database.run("CREATE TABLE a (a int)", "CREATE TABLE b (a numeric(5,1), t timetz)", "INSERT INTO a VALUES (1)")
    with opened(database, path) as source:
        tables = source.discover(["a", "b"])
        database.run("INSERT INTO a VALUES (2)", "INSERT INTO b VALUES (2.5, '12:00+02')")
        native = source.native()
        assert native is not None
        with session.open_source(native), session.transaction():
            for table in tables:
                scan = source.scan(table)
                assert scan is not None
                session.write(TableRef(table.name), Scan(scan.sql, scan.begin), [
                    WriteColumn(c.name, c.type, e) for c, e in zip(table.columns, scan.expressions, strict=True)],
                    mode="replace")
    assert session.query("SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)").rows() == [(1, 0)]


def test_names_of_every_sort_arrive(path: str, database: Database, session: Session) -> None:
    long = "x" * 60 + "鴨"
    database.run('CREATE SCHEMA "My ""s"', f'CREATE TABLE "My ""s"."{long}" ("order" int, "a ""q"" ?" text, "naïve 鴨" int, '
                 '"%s" int, "{}" int, "\'; DROP" int, "$$" int)', f'INSERT INTO "My ""s"."{long}" VALUES (1, \'x\', 2, 3, 4, 5, 6)',
                 'CREATE TABLE "T" (a int)', 'CREATE TABLE t (b int)', 'INSERT INTO "T" VALUES (1)')
    with opened(database, path) as source:
        table = source.discover([f'"My ""s"."{long}"'])[0]
        assert source.discover(schema='My "s')[0].name == long
        load(session, source, path, table)
        assert session.query(f'SELECT * FROM "{long}"').rows() == [(1, "x", 2, 3, 4, 5, 6)]
        assert [c.name for c in table.columns] == ["order", 'a "q" ?', "naïve 鴨", "%s", "{}", "'; DROP", "$$"]
        big, small = source.discover(["T", "t"])
        assert [c.name for c in big.columns + small.columns] == ["a", "b"]
        load(session, source, path, big)
    assert session.query('SELECT a FROM "T"').rows() == [(1,)]


def test_a_table_of_1600_columns_arrives(path: str, database: Database, session: Session) -> None:
    database.run("CREATE TABLE t (" + ", ".join(f"c{i} {'numeric' if i % 9 == 0 else 'int'}" for i in range(1600)) + ")",
                 "INSERT INTO t (c0, c1599) VALUES (1.5, 2)")
    assert len(loaded(session, database, path).columns) == 1600
    assert session.query("SELECT c0::VARCHAR, c1, c1599 FROM t").rows() == [("1.5", None, 2)]


def test_row_security_is_noted_or_refused(path: str, database: Database, session: Session) -> None:
    database.run("CREATE TABLE t (a int, who text)", "INSERT INTO t VALUES (1, 'weak'), (2, 'other')",
                 "ALTER TABLE t ENABLE ROW LEVEL SECURITY", "CREATE POLICY own ON t USING (who = current_user)",
                 "DROP ROLE IF EXISTS weak_one", "CREATE ROLE weak_one LOGIN", "GRANT SELECT ON t TO weak_one")
    weak = Database(database.server, database.name)
    weak.uri = database.uri.replace("postgres@", "weak_one@")
    table = loaded(session, weak, path)
    assert "row security" in table.note
    with opened(weak, path) as source:
        source.configure({"row_security": "off"})
    strict = PostgresConnector(weak.uri)
    strict.configure({"row_security": "off", "path": "scanner" if path in ("direct", "query") else path})
    with strict, pytest.raises(SourceError, match="hides rows"):
        load(session, strict, path, strict.discover(["t"])[0])
    database.run("DROP OWNED BY weak_one", "DROP ROLE weak_one")


def test_an_unknown_option_is_answered_with_those_there_are(database: Database) -> None:
    source = PostgresConnector(database.uri)
    with pytest.raises(UsageError, match="pth") as caught:
        source.configure({"pth": "copy"})
    assert "path" in caught.value.hint
    with pytest.raises(UsageError, match="'fast'"):
        source.configure({"path": "fast"})


def test_a_password_shows_nowhere_in_the_host(
        path: str, postgres_with_password: PrivatePostgres, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    database = new_database(postgres_with_password)
    database.run("CREATE TABLE t (a int)", f"CREATE ROLE if_{database.name} LOGIN PASSWORD 'p@ss ''w\\0rd!'")
    monkeypatch.setenv("PGPASSWORD", "p@ss 'w\\0rd!")  # the host may be another process, without this
    database.uri = f"postgresql://if_{database.name}@127.0.0.1:{postgres_with_password.port}/{database.name}"
    Database(postgres_with_password, database.name).run(f"GRANT SELECT ON t TO if_{database.name}")
    with opened(database, path) as source:
        native = source.native()
        table = source.discover(["t"])[0]
        assert load(session, source, path, table) == 0
        if native is None:
            return
        monkeypatch.delenv("PGPASSWORD")
        with session.open_source(native):
            told = str(session.query("SELECT * FROM duckdb_databases()").rows()) + str(
                session.query("SELECT * FROM duckdb_secrets()").rows())
            assert native.close[0].split('"')[1] in told
            assert "w\\0rd" not in told
            scan = source.scan(table)
            assert scan is not None
            assert "w\\0rd" not in scan.sql + str(scan.begin)


def test_without_a_place_for_a_secret_the_host_is_not_asked() -> None:
    assert scanner.source("x", {"host": "h", "sslpassword": "geheim"}) is None


def test_every_table_of_the_catalog_itself_arrives(database: Database, session: Session) -> None:
    with PostgresConnector(database.uri) as source:
        names = [one.name for one in source.discover(schema="pg_catalog")]
    counting = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM pg_catalog.{name}" for name in names)
    before = dict(database.run(counting))
    report = ingest(session, database.uri, schema="pg_catalog", into="cat.*")
    after = dict(database.run(counting))
    assert len(names) > 50
    assert {one.source_name for one in report.tables} == set(names)
    for name in names:  # the server itself may write statistics at any time
        low, high = sorted((before[name], after[name]))
        assert low <= session.query(f"SELECT count(*) FROM cat.{name}").scalar() <= high, name
    assert session.query("SELECT count(*) FROM cat.pg_aggregate WHERE aggfnoid = 'avg(numeric)'").scalar() == 1


@pytest.mark.parametrize(("kind", "value", "text"), [
    ("regproc", "'pg_catalog.avg(numeric)'::regprocedure", "avg(numeric)"),
    ("regoper", "'+(integer,integer)'::regoperator", "+(integer,integer)"), ("regproc", "0", "-")])
def test_functions_and_operators_come_with_their_arguments(
        path: str, database: Database, session: Session, kind: str, value: str, text: str) -> None:
    database.run(f"CREATE TABLE t (v {kind}, many {kind}[])", f"INSERT INTO t VALUES ({value}, ARRAY[{value}]::{kind}[])")
    loaded(session, database, path)
    assert session.query("SELECT * FROM t").rows() == [(text, [text])]
