"""What goes wrong at a PostgreSQL while it is read, on every path: in our words, without a password, and in time."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pluto_duck.commands.private_postgres import PrivatePostgres
from pluto_duck.errors import PlutoError, SourceError
from pluto_duck.ingest.connectors import Selection
from pluto_duck.ingest.connectors.postgres import PostgresConnector
from pluto_duck.session import Session
from pluto_duck.workspace import create
from tests.ingest.connectors.postgres_paths import PATHS, load, opened, taken
from tests.services.postgres import Database

FILLER = "SELECT i AS a, repeat(md5(i::text), 20) AS pad FROM generate_series(1, 1500000) AS i"
"""A gigabyte that takes the server seconds to make: nothing of it is stored."""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with Session.open(create(tmp_path_factory.mktemp("faults")).root) as opened:
        yield opened


@pytest.fixture(params=PATHS)
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, session: Session) -> str:
    return taken(request.param, monkeypatch, session)


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true"
        time.sleep(0.01)


def reading(database: Database) -> list[int]:
    """The backends that send rows to a load."""
    return [row[0] for row in database.run(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'pluto-duck %' "
        "AND state = 'active' AND query LIKE 'COPY%'")]


@contextmanager
def meanwhile(database: Database, act: Callable[[list[int]], None]) -> Iterator[None]:
    """`act` once rows are being read."""
    def wait() -> None:
        until(lambda: bool(reading(database)))
        act(reading(database))

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_a_server_that_dies_in_mid_copy_is_told_as_lost(
        path: str, mortal_postgres: PrivatePostgres, session: Session) -> None:
    database = Database(mortal_postgres, "postgres")
    database.run(f"CREATE VIEW t AS {FILLER}")
    session.query("CREATE OR REPLACE TABLE t AS SELECT 'old' AS v")
    with opened(database, path) as source:
        table = source.discover(["t"])[0]
        with meanwhile(database, lambda pids: mortal_postgres.kill()), pytest.raises(SourceError, match="lost") as caught:
            load(session, source, path, table)
    until(lambda: not mortal_postgres.running())
    assert caught.value.facts["reason"] == "lost"
    assert session.query("SELECT v FROM t").rows() == [("old",)]


def test_a_backend_ended_by_an_administrator_is_told_as_lost(path: str, database: Database, session: Session) -> None:
    database.run(f"CREATE VIEW t AS {FILLER}")
    with opened(database, path) as source:
        table = source.discover(["t"])[0]
        with meanwhile(database, lambda pids: ended(database, pids)), pytest.raises(SourceError, match="lost"):
            load(session, source, path, table)


def ended(database: Database, pids: list[int]) -> None:
    for pid in pids:
        database.run(f"SELECT pg_terminate_backend({pid})")


def test_a_statement_timeout_of_the_server_is_told(path: str, database: Database, session: Session) -> None:
    database.run("CREATE VIEW slow AS SELECT pg_sleep(30)::text AS a",
                 f"ALTER DATABASE {database.name} SET statement_timeout = '300ms'")
    with opened(database, path) as source, pytest.raises(SourceError, match="statement timeout") as caught:
        load(session, source, path, source.discover(["slow"])[0])
    assert caught.value.facts["reason"] == "timeout"


def test_a_table_that_may_not_be_read_leaves_the_others_readable(
        path: str, database: Database, session: Session) -> None:
    database.run("CREATE TABLE a (a numeric)", "CREATE TABLE b (a numeric, tags int[])", "CREATE TABLE c (a int)",
                 "INSERT INTO c VALUES (1)", f"CREATE ROLE reader_{database.name} LOGIN",
                 f"GRANT SELECT ON a, c TO reader_{database.name}")
    database.uri = database.uri.replace("postgres@", f"reader_{database.name}@")
    with opened(database, path) as source:
        tables = source.discover()
        assert load(session, source, path, tables[0]) == 0
        with pytest.raises(SourceError, match="permission denied for table b") as caught:
            load(session, source, path, tables[1])
        assert caught.value.facts["reason"] == "permission"
        assert load(session, source, path, tables[2]) == 1


def test_a_table_keeps_its_shape_until_the_load_ends(path: str, database: Database, session: Session) -> None:
    database.run("CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)")
    with opened(database, path) as source:
        table = source.discover(["t"])[0]
        for change in ("DROP TABLE t", "ALTER TABLE t ALTER a TYPE text", "TRUNCATE t"):
            with pytest.raises(Exception, match="lock timeout"):
                database.run("SET lock_timeout = '50ms'", change)
        assert load(session, source, path, table) == 1


def test_a_table_that_somebody_changes_is_read_as_it_is_afterwards(database: Database) -> None:
    database.run("CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)")
    with database.connect() as changing:
        changing.execute("BEGIN")
        changing.execute("ALTER TABLE t ALTER a TYPE numeric(9,3), ADD b text DEFAULT 'new'")
        with PostgresConnector(database.uri) as source:
            waiting = threading.Thread(target=lambda: (
                until(lambda: bool(database.run("SELECT 1 FROM pg_locks WHERE NOT granted"))), changing.execute("COMMIT")))
            waiting.start()
            table = source.discover(["t"])[0]
            waiting.join()
            assert [(c.name, c.type) for c in table.columns] == [("a", "DECIMAL(9,3)"), ("b", "VARCHAR")]
            assert source.read(table).read_all().num_rows == 1


def test_a_view_dropped_in_mid_run_is_told_as_changed(path: str, database: Database, session: Session) -> None:
    database.run("CREATE VIEW t AS SELECT 1 AS a")
    with opened(database, path) as source:
        table = source.discover(["t"])[0]
        database.run("DROP VIEW t")
        with pytest.raises(SourceError, match="does not exist") as caught:
            load(session, source, path, table)
    assert caught.value.facts["reason"] == "changed"


@pytest.mark.parametrize("frozen", [False, True])
def test_an_interrupt_reaches_a_server_that_sends_nothing(
        frozen: bool, path: str, database: Database, session: Session) -> None:
    database.run("CREATE VIEW t AS SELECT pg_sleep(600)::text AS a")
    stopped: list[int] = []
    with opened(database, path) as source:
        table = source.discover(["t"])[0]

        def stop(pids: list[int]) -> None:
            if frozen:
                stopped.extend(pids)
                for pid in pids:
                    os.kill(pid, signal.SIGSTOP)
            session.interrupt()
            source.interrupt()

        try:
            with meanwhile(database, stop), pytest.raises(PlutoError):
                load(session, source, path, table)
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
    until(lambda: not reading(database))


def test_an_interrupt_ends_a_stream_in_full_flow(path: str, database: Database, session: Session) -> None:
    database.run(f"CREATE VIEW t AS {FILLER}")
    with opened(database, path) as source:
        table = source.discover(["t"])[0]
        with meanwhile(database, lambda pids: source.interrupt()), pytest.raises(PlutoError):
            load(session, source, path, table)
        until(lambda: not reading(database))


def test_interrupting_leaves_other_loads_alone(database: Database) -> None:
    database.run("CREATE VIEW t AS SELECT generate_series(1, 300000) AS a")
    with PostgresConnector(database.uri) as one, PostgresConnector(database.uri) as other:
        rows = other.read(other.discover(["t"])[0])
        first = rows.read_next_batch()
        one.interrupt()
        assert first.num_rows + rows.read_all().num_rows == 300_000


def test_a_source_is_only_read(path: str, database: Database, session: Session) -> None:
    database.run("CREATE TABLE kept (a int)", "CREATE FUNCTION write() RETURNS int LANGUAGE plpgsql AS "
                 "'BEGIN INSERT INTO kept VALUES (1); RETURN 1; END'", "CREATE VIEW t AS SELECT write() AS a")
    with opened(database, path) as source, pytest.raises(SourceError, match="read-only transaction"):
        load(session, source, path, source.discover(["t"])[0], Selection())
    assert database.run("SELECT count(*) FROM kept") == [(0,)]
