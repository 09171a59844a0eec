"""PostgreSQL: values, names, snapshots and what goes wrong, against a real server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import traceback
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from pluto_duck.commands.private_postgres import PrivatePostgres
from pluto_duck.errors import MissingExtra, PlutoError, SourceError, UnknownName, UsageError
from pluto_duck.ingest import ingest
from pluto_duck.ingest.connectors.postgres import PostgresConnector
from pluto_duck.session import Session
from tests.services.postgres import Database, new_database


@pytest.mark.parametrize(("kind", "duck"), [("real", "FLOAT"), ("double precision", "DOUBLE")])
def test_floats_keep_every_bit(kind: str, duck: str, database: Database, session: Session) -> None:
    values = ["NaN", "Infinity", "-Infinity", "-0", "0.1", "1e-37", "3.4028235e38", "16777216", "1.1754944e-38"]
    if kind == "double precision":
        values += ["1.7976931348623157e308", "5e-324", "0.30000000000000004"]
    database.run(f"CREATE TABLE f (n int, v {kind})", "SET extra_float_digits = 0")
    send = "float4send" if kind == "real" else "float8send"
    with database.connect() as connection:
        for n, value in enumerate(values):
            connection.execute(f"INSERT INTO f VALUES (%s, %s::text::{kind})", (n, value))
        theirs = [row[0] for row in connection.execute(f"SELECT encode({send}(v), 'hex') FROM f ORDER BY n")]
    ingest(session, database.uri)
    import struct

    packed = [struct.pack(">f" if kind == "real" else ">d", row[0]).hex()
              for row in session.query("SELECT v FROM f ORDER BY n").rows()]
    assert packed == theirs
    assert session.tables()[0].columns[1].type == duck


def test_instants_bytes_enums_char_and_domains_are_exact(database: Database, session: Session) -> None:
    database.run(
        "CREATE TYPE mood AS ENUM ('so so', '')", "CREATE DOMAIN price AS numeric(10,2) CHECK (VALUE >= 0)",
        "CREATE DOMAIN net_price AS price",
        "CREATE TABLE t (n int, at timestamptz, raw bytea, m mood, c char(5), p net_price)",
        "SET TimeZone = 'Asia/Kathmandu'",
        "INSERT INTO t VALUES (1, '2024-06-30 12:00:00+05:45', '\\x00ff5c', 'so so', 'ab', 1.5), "
        "(2, '1900-01-01 00:00:00Z', '', '', '', 0), (3, NULL, NULL, NULL, NULL, NULL)",
        f"ALTER DATABASE {database.name} SET TimeZone = 'Asia/Kathmandu'",
        f"ALTER DATABASE {database.name} SET DateStyle = 'German'",
        f"ALTER DATABASE {database.name} SET bytea_output = 'escape'")
    ingest(session, database.uri)
    rows = session.query("SELECT epoch_us(\"at\"), raw, m, c, p FROM t ORDER BY n").rows()
    assert rows == [(1719728100000000, b"\x00\xff\\", "so so", "ab", Decimal("1.50")),
                    (-2208988800000000, b"", "", "", Decimal("0.00")), (None,) * 5]
    assert [c.type for c in session.tables()[0].columns] == [
        "INTEGER", "TIMESTAMP WITH TIME ZONE", "BLOB", "ENUM('so so', '')", "VARCHAR", "DECIMAL(10,2)"]


def test_a_single_column_keeps_its_missing_rows(database: Database, session: Session) -> None:
    database.run("CREATE TABLE t (a text)", "INSERT INTO t VALUES (NULL), (''), (NULL), ('x'), (NULL)")
    ingest(session, database.uri)
    assert session.query("SELECT count(*), count(a) FROM t").rows() == [(5, 2)]


def test_an_empty_table_arrives_with_its_columns(database: Database, session: Session) -> None:
    database.run("CREATE TABLE t (a int PRIMARY KEY, b timestamptz)")
    assert ingest(session, database.uri).rows == 0
    assert [c.name for c in session.tables()[0].columns] == ["a", "b"]


def test_a_value_longer_than_many_blocks_arrives_whole(database: Database, session: Session) -> None:
    database.run("CREATE TABLE t (a int, b text)",
                 "INSERT INTO t VALUES (1, repeat('0123456789\n\"', 2000000)), (2, 'short')")
    ingest(session, database.uri)
    assert session.query("SELECT a, length(b) FROM t ORDER BY a").rows() == [(1, 24000000), (2, 5)]


def test_a_cast_to_nonsense_or_to_a_refused_type_is_refused(database: Database, session: Session) -> None:
    database.run("CREATE TABLE t (a int)")
    with pytest.raises(UsageError, match="nosuch"):
        ingest(session, database.uri, cast={"a": "nosuch"})
    with pytest.raises(UsageError, match="not the name of a PostgreSQL type"):
        ingest(session, database.uri, cast={"a": "int) FROM t; DROP TABLE t; --"})
    with pytest.raises(UnknownName, match="b"):
        ingest(session, database.uri, cast={"b": "text"})


def test_a_cast_that_fails_on_a_value_says_what_postgres_said(database: Database, session: Session) -> None:
    database.run("CREATE TABLE t (a text)", "INSERT INTO t VALUES ('x')")
    with pytest.raises(SourceError, match="invalid input syntax for type integer"):
        ingest(session, database.uri, cast={"a": "int"})


def test_odd_names_arrive_as_they_are(database: Database, session: Session) -> None:
    database.run('CREATE SCHEMA "My ""schema"', 'CREATE TABLE "My ""schema"."select ; drop.table" '
                 '("order" int PRIMARY KEY, "a ""quoted"" name" text, "naïve 鴨" int, "%s" int, "{}" int)',
                 'INSERT INTO "My ""schema"."select ; drop.table" VALUES (1, \'x\', 2, 3, 4)')
    report = ingest(session, database.uri, schema='My "schema')
    assert [table.ref.name for table in report.tables] == ["select ; drop.table"]
    assert [c.name for c in session.tables()[0].columns] == ["order", 'a "quoted" name', "naïve 鴨", "%s", "{}"]
    assert session.tables()[0].primary_key == ("order",)
    ingest(session, database.uri, tables=['"My ""schema"."select ; drop.table"'], into="plain")
    assert session.query("SELECT * FROM plain").rows() == [(1, "x", 2, 3, 4)]


def test_names_that_differ_only_in_case_are_refused_not_merged(database: Database, session: Session) -> None:
    database.run('CREATE TABLE t ("Id" int, "id" int)', 'CREATE TABLE "T" (a int)')
    with pytest.raises(UsageError, match="'Id' and 'id'"):
        ingest(session, database.uri, tables=["t"])
    with pytest.raises(UsageError, match="same table"):
        ingest(session, database.uri, skip=["Id"])
    assert ingest(session, database.uri, tables=["t"], skip=["Id"]).rows == 0


def test_keys_and_not_null_come_along(database: Database, session: Session) -> None:
    database.run("CREATE TABLE t (b int NOT NULL, a text, c int NOT NULL, PRIMARY KEY (c, a))",
                 "INSERT INTO t VALUES (1, 'x', 2)")
    ingest(session, database.uri)
    table = session.tables()[0]
    assert table.primary_key == ("c", "a")
    assert [c.nullable for c in table.columns] == [False, False, False]
    ingest(session, database.uri, skip=["a"])
    assert session.tables()[0].primary_key == ()


def test_views_come_when_named_and_partitions_with_their_parent(database: Database, session: Session) -> None:
    database.run("CREATE TABLE p (a int) PARTITION BY RANGE (a)",
                 "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)", "INSERT INTO p VALUES (1), (2)",
                 "CREATE VIEW v AS SELECT a * 2 AS double FROM p", "CREATE MATERIALIZED VIEW m AS SELECT * FROM p")
    assert [t.source_name for t in ingest(session, database.uri).tables] == ["p"]
    assert [(t.source_name, t.rows) for t in ingest(session, database.uri, tables=["v", "m", "p1"]).tables] == [
        ("v", 2), ("m", 2), ("p1", 2)]


def test_unknown_names_are_answered_with_the_nearest(database: Database, session: Session) -> None:
    database.run("CREATE SCHEMA sales", "CREATE TABLE flights (a int)", "CREATE TABLE sales.orders (total int)")
    with pytest.raises(UnknownName, match='no table "fligths"') as caught:
        ingest(session, database.uri, tables=["fligths"])
    assert "flights" in caught.value.hint
    with pytest.raises(UnknownName, match='no table "ordres" in schema sales') as caught:
        ingest(session, database.uri, tables=["sales.ordres"])
    assert "orders" in caught.value.hint
    with pytest.raises(UnknownName, match='no schema "sale"') as caught:
        ingest(session, database.uri, schema="sale")
    assert "sales" in caught.value.hint
    with pytest.raises(UnknownName, match='no column "totel"') as caught:
        ingest(session, database.uri, schema="sales", skip=["totel"])
    assert "total" in caught.value.hint
    with pytest.raises(UnknownName, match="database") as caught:
        ingest(session, database.uri.replace(database.name, database.name + "x"))
    assert database.name in caught.value.hint


def test_an_empty_schema_says_where_the_tables_are(database: Database, session: Session) -> None:
    database.run("CREATE SCHEMA sales", "CREATE TABLE sales.orders (total int)")
    with pytest.raises(SourceError, match="'public' holds no table") as caught:
        ingest(session, database.uri)
    assert "sales" in caught.value.hint


def test_unknown_host_closed_port_and_bad_addresses_are_told_apart(session: Session, postgres: PrivatePostgres) -> None:
    with pytest.raises(SourceError, match=r"no-such-host\.invalid"):
        ingest(session, "postgresql://u:geheim@no-such-host.invalid/x")
    with pytest.raises(SourceError, match="port 1"):
        ingest(session, "postgresql://u:geheim@127.0.0.1:1/x")
    with pytest.raises(SourceError, match="no such user"):
        ingest(session, postgres.uri().replace("postgres@", "nobody_here@"))


@pytest.mark.parametrize("address", [
    "postgresql://u:ge/heim@host:1:2/x", "postgresql://u:100%geheim@h/x", "postgres://h:geheim/x",
    "postgresql://u:ge@heim@h/x", "postgresql://h/x?password=geheim&nonsense=1", "host=h password='ge heim"])
def test_an_address_that_can_not_be_read_is_not_repeated(address: str, session: Session) -> None:
    with pytest.raises(UsageError, match="not the address of a PostgreSQL") as caught:
        ingest(session, address)
    told = traceback.format_exception(caught.value, chain=True)
    assert not [line for line in told if "heim" in line]
    assert "percent-encode" in caught.value.hint


def test_a_password_stands_in_nothing_we_say_or_keep(
        postgres_with_password: PrivatePostgres, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    database = new_database(postgres_with_password)
    database.run("CREATE TABLE t (a int, late json)", "INSERT INTO t VALUES (1, '\"\\ud800\"')", "CREATE USER weak PASSWORD 'p@ss/w0rd!'",
                 "CREATE TABLE locked (a int)", "GRANT SELECT ON t TO weak")
    password = "p@ss/w0rd!"
    encoded = quote(password, safe="")
    uri = f"postgresql://weak:{encoded}@127.0.0.1:{postgres_with_password.port}/{database.name}"
    said = []
    for attempt in (uri.replace(encoded, "wrong-" + encoded), uri + "x", uri.replace("weak:", "weaker:")):
        with pytest.raises(PlutoError) as caught:
            ingest(session, attempt)
        said.append(str(caught.value.to_dict()) + repr(caught.value))
    assert "refused the password" in said[0]
    for arguments in ({"tables": ["locked"]}, {"tables": ["t"]}, {"tables": ["nothing"]}):
        with pytest.raises(PlutoError) as caught:
            ingest(session, uri, **arguments)  # type: ignore[arg-type]
        said.append(str(caught.value.to_dict()))
    assert "permission denied" in said[3]
    report = ingest(session, uri, tables=["t"], skip=["late"])
    said += [repr(report), repr(PostgresConnector(uri)),
             str(session.query("SELECT * FROM _pluto.loads").rows())]
    monkeypatch.setenv("THE_URL", uri)
    report = ingest(session, "env:THE_URL", tables=["t"], skip=["late"])
    assert report.source == "env:THE_URL"
    assert session.query("SELECT DISTINCT source FROM _pluto.loads ORDER BY 1").rows()[0] == ("env:THE_URL",)
    for one in said:
        assert password not in one
        assert encoded not in one


def test_a_keyword_dsn_and_an_environment_variable_work(
        database: Database, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    database.run("CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)")
    dsn = f"host=127.0.0.1 port={database.server.port} user=postgres dbname={database.name}"
    assert ingest(session, dsn).rows == 1
    monkeypatch.setenv("FLIGHTS_URL", database.uri)
    assert ingest(session, "env:FLIGHTS_URL").rows == 1
    with pytest.raises(UnknownName, match="FLIGHT_URL") as caught:
        ingest(session, "env:FLIGHT_URL")
    assert "FLIGHTS_URL" in caught.value.hint


def test_ctrl_c_in_a_real_process_leaves_the_old_table(database: Database, session: Session, tmp_path: Path) -> None:
    database.run("CREATE TABLE t AS SELECT 1 AS i, 'old' AS pad")
    ingest(session, database.uri)
    session.close()
    database.run("DROP TABLE t",
                 "CREATE VIEW t AS SELECT generate_series(1, 100000000) AS i, repeat('x', 500) AS pad")
    script = textwrap.dedent(f"""
        import sys
        from pluto_duck.ingest import ingest
        from pluto_duck.session import Session
        with Session.open({str(session.workspace.root)!r}) as session:
            ingest(session, {database.uri!r}, tables=["t"], on_progress=lambda progress: print(progress.rows, flush=True))
    """)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _out, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert b"KeyboardInterrupt" in errors
    with Session.open(session.workspace.root) as again:
        assert again.query("SELECT * FROM t").rows() == [(1, "old")]


@pytest.mark.parametrize("frozen", [False, True])
def test_ctrl_c_reaches_a_source_that_sends_nothing(frozen: bool, database: Database, session: Session) -> None:
    database.run("CREATE VIEW hung AS SELECT pg_sleep(600)::text AS a")
    ask = ("SELECT pid FROM pg_stat_activity WHERE query LIKE '%hung%' AND wait_event = 'PgSleep' "
           "AND datname = current_database()")
    pids: list[int] = []

    def press() -> None:
        _until(lambda: bool(database.run(ask)))
        pids.append(database.run(ask)[0][0])
        if frozen:
            os.kill(pids[0], signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGINT)

    pressing = threading.Thread(target=press)
    pressing.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            ingest(session, database.uri, tables=["hung"])
    finally:
        pressing.join()
        if frozen:
            os.kill(pids[0], signal.SIGCONT)
    assert session.tables() == []
    _until(lambda: not database.run(ask))


def test_without_psycopg_the_extra_is_named(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [one for one in sys.modules if one.split(".")[0] == "psycopg"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.setitem(sys.modules, "psycopg.conninfo", None)
    with pytest.raises(MissingExtra) as caught:
        ingest(session, "postgresql://localhost/x")
    assert "pluto-duck[postgres]" in caught.value.hint


def test_importing_the_connector_imports_no_driver() -> None:
    script = ("import sys, pluto_duck.ingest.connectors.postgres, pluto_duck.ingest.connectors.file; "
              "print([m for m in ('psycopg', 'pyarrow', 'duckdb', 'pandas') if m in sys.modules])")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _until(condition: Any, seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true"
        time.sleep(0.02)
