"""Live sources of the kinds that people have: PostgreSQL, SQLite, DuckDB."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import duckdb
import pytest

from pluto_duck.commands.private_postgres import PrivatePostgres
from pluto_duck.errors import ColumnRefused, PlutoError, Refused, SourceError, StatementError
from pluto_duck.ingest import cache, live
from pluto_duck.ingest.connections import Connections
from pluto_duck.session import Session
from pluto_duck.workspace import Workspace, extensions
from tests.services.postgres import Database, new_database

ORDERS = ("CREATE TABLE orders (id int PRIMARY KEY, amount numeric(10,2), exact numeric, day date)",
          "INSERT INTO orders VALUES (1, 'NaN', 0.1234567890123456789012345, 'infinity'), (2, 3.5, 2, '2026-01-01')", "ANALYZE")


def loads(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(extensions.wheel_file(name, duckdb.__version__) is None,
                              reason=f"{name} has no wheel for DuckDB {duckdb.__version__}")


@pytest.fixture
def shop(database: Database) -> Database:
    database.run(*ORDERS)
    return database


@loads("postgres_scanner")
def test_postgres_is_read_live_and_what_that_changes_is_said(session: Session, shop: Database) -> None:
    made = live.attach(session, shop.uri, name="shop")
    assert [str(one) for one in made.risks] == [
        "orders.amount shows NaN as 0", "orders.exact comes as DOUBLE, which keeps 15 digits"]
    rows = session.query("SELECT id, amount, exact, day::VARCHAR FROM shop.public.orders ORDER BY id").rows()
    assert [tuple(map(str, row)) for row in rows] == [
        ("1", "0.00", "0.12345678901234568", "infinity"), ("2", "3.50", "2.0", "2026-01-01")]
    assert [(one.name, one.row_estimate is not None) for one in made.source.tables] == [("orders", True)]


@loads("postgres_scanner")
def test_a_copy_of_it_is_exact_or_refused(session: Session, shop: Database) -> None:
    live.attach(session, shop.uri, name="shop")
    with pytest.raises(ColumnRefused, match="amount holds 'NaN'"):
        cache.create(session, cache.estimate(session, "shop.orders", where="id = 1"))
    cache.create(session, cache.estimate(session, "shop.orders", where="id = 1", cast={"amount": "numeric"}))
    assert cache.refresh(session, cache.get(session.control, "orders")).rows == 1
    rows = session.query("SELECT id, amount::VARCHAR, exact::VARCHAR, day::VARCHAR FROM orders").rows()
    assert rows == [(1, "NaN", "0.1234567890123456789012345", "infinity")]


@loads("postgres_scanner")
def test_nothing_can_be_written_through_it(session: Session, shop: Database) -> None:
    live.attach(session, shop.uri, name="shop")
    for sql in ("DELETE FROM shop.public.orders", "CALL postgres_execute('shop', 'DELETE FROM orders')"):
        with pytest.raises((StatementError, PlutoError)):
            session.query(sql)
    assert shop.run("SELECT count(*) FROM orders") == [(2,)]


@loads("postgres_scanner")
@pytest.mark.parametrize("sql", [
    "CALL postgres_execute('shop', '{write}')",
    "FROM postgres_execute('SHOP', $${write}$$)",
    """SELECT 1; FROM "postgres_execute" /* ( */ ( E'sho\\x70' , '{write}') -- shop""",
    "FROM query('FROM postgres_execute(''shop'', ''{write}'')')",
    "CREATE MACRO w(n, q) AS TABLE FROM postgres_execute(n, q)",
    "PREPARE p AS FROM postgres_execute($1, $2)",
    "CALL postgres_execute('sh' || 'op', '{write}')",
])
def test_no_function_writes_past_the_transaction_that_only_reads(session: Session, shop: Database, sql: str) -> None:
    live.attach(session, shop.uri, name="shop")
    with pytest.raises(Refused, match="postgres_execute") as caught:
        session.query(sql.replace("{write}", "commit; create table hacked(a int); begin"))
    assert "only read" in caught.value.message
    assert shop.run("SELECT count(*) FROM pg_class WHERE relname = 'hacked'") == [(0,)]
    assert session.query("FROM postgres_query('shop', 'SELECT count(*) AS n FROM orders')").rows() == [(2,)]


@loads("postgres_scanner")
def test_a_database_that_is_attached_by_hand_may_be_written(session: Session, shop: Database) -> None:
    live.attach(session, shop.uri, name="shop")
    with pytest.raises(StatementError, match="mine"):  # DuckDB's word, not ours: there is none of that name
        session.query("CALL postgres_execute('mine', 'DELETE FROM orders') -- shop")


@loads("postgres_scanner")
def test_attaching_reads_no_values(session: Session, shop: Database) -> None:
    before = shop.run("SELECT pg_stat_force_next_flush(), seq_scan FROM pg_stat_user_tables WHERE relname = 'orders'")
    live.attach(session, shop.uri, name="shop")
    assert cache.estimate(session, "shop.orders").rows == 2
    after = shop.run("SELECT pg_stat_force_next_flush(), seq_scan FROM pg_stat_user_tables WHERE relname = 'orders'")
    assert after == before


@pytest.fixture
def guarded(postgres_with_password: PrivatePostgres, monkeypatch: pytest.MonkeyPatch) -> tuple[Database, str]:
    """A database that asks for a password, and that password; the environment has it as SHOP_PASSWORD."""
    from psycopg.conninfo import conninfo_to_dict

    made = new_database(postgres_with_password)
    made.run(*ORDERS)
    password = str(conninfo_to_dict(made.uri)["password"])
    monkeypatch.setenv("SHOP_PASSWORD", password)
    monkeypatch.setenv("SHOP_URL", made.uri)
    return made, password


@loads("postgres_scanner")
def test_the_password_stands_nowhere(session: Session, workspace: Workspace, guarded: tuple[Database, str]) -> None:
    made, password = guarded
    Connections(session.control, session.workspace).add("shop", made.uri.replace(f":{password}@", "@"),
                                                        password_from="SHOP_PASSWORD")
    live.attach(session, "", connection="shop")
    live.attach(session, "env:SHOP_URL", name="other")
    for name in ("shop", "other"):
        assert session.query(f"SELECT count(*) FROM {name}.public.orders").rows() == [(2,)]
        shown = session.query("SELECT string_agg(d::VARCHAR), (SELECT string_agg(s::VARCHAR) FROM duckdb_secrets() AS s) "
                              f"FROM duckdb_databases() AS d, {name}.public.orders").rows()
        assert password not in str(shown)
    assert session.query("SELECT count(*) FROM duckdb_secrets()").rows() == [(0,)]
    with pytest.raises(PlutoError) as wrong:
        session.query("SELECT nothing FROM shop.public.orders")
    assert password not in str(wrong.value.to_dict())
    session.close()
    for path in (*workspace.folder.rglob("*"), *Path(workspace.root).rglob("*")):
        assert not path.is_file() or password.encode() not in path.read_bytes(), path


@loads("postgres_scanner")
def test_a_server_that_stops_takes_nothing_along(session: Session, mortal_postgres: PrivatePostgres) -> None:
    made = new_database(mortal_postgres)
    made.run(*ORDERS, "DELETE FROM orders WHERE id = 1", "INSERT INTO orders VALUES (3, 1, 1, NULL)")
    live.attach(session, made.uri, name="shop")
    cache.create(session, cache.estimate(session, "shop.orders", ttl_s=0.0001))
    assert session.query("SELECT count(*) FROM shop.public.orders").rows() == [(2,)]
    mortal_postgres.stop()
    with pytest.raises(SourceError, match=r"The live source shop \(postgresql://"):
        session.query("SELECT * FROM shop.public.orders")
    assert [str(one.ref) for one in session.tables()] == ["orders"]
    stale = session.query("SELECT count(*) FROM orders", read_only=True)
    assert stale.rows() == [(2,)]
    assert re.match(r"orders is a copy from \d+ s ago\. The refresh failed: No PostgreSQL", " ".join(stale.notices))


@loads("sqlite_scanner")
def test_sqlite_is_read_live_while_it_is_written(session: Session, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "notes.sqlite") as db:
        db.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)")
        db.execute("INSERT INTO notes VALUES (1, 'one')")
        db.commit()
        live.attach(session, str(tmp_path / "notes.sqlite"))
        assert session.query("SELECT text FROM notes.notes").rows() == [("one",)]
        db.execute("INSERT INTO notes VALUES (2, 'two')")
        db.commit()
        assert session.query("SELECT count(*) FROM notes.main.notes").rows() == [(2,)]
    assert cache.create(session, cache.estimate(session, "notes.notes")).rows == 2


def test_duckdb_is_read_live_between_its_writers(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "other.duckdb"
    with duckdb.connect(str(path)) as db:
        db.execute("CREATE TABLE things AS SELECT 1 AS id; CREATE SCHEMA s; CREATE TABLE s.more AS SELECT 2 AS id")
    made = live.attach(session, str(path))
    assert [str(one.ref) for one in made.source.tables] == ["other.main.things", "other.s.more"]
    assert session.query("SELECT id FROM other.s.more").rows() == [(2,)]
    with duckdb.connect(str(path)) as db:  # the file is free between statements
        db.execute("INSERT INTO things VALUES (5)")
    assert session.query("SELECT sum(id) FROM other.things").rows() == [(6,)]
    assert cache.create(session, cache.estimate(session, "other.s.more")).rows == 1
    assert cache.create(session, cache.estimate(session, "other.things")).rows == 2
    assert cache.create(session, cache.estimate(session, "other.main.things", name="again")).rows == 2
