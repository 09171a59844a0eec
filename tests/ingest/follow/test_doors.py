"""Following from the shell, a notebook and Python: as a run, told, stopped, ended; and what stands in its way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import pluto_duck
from pluto_duck.commands import Door, Facts, Rows, invoke
from pluto_duck.commands.private_postgres import PrivatePostgres
from pluto_duck.commands.workbench import Workbench
from pluto_duck.errors import PlutoError, SourceError, UsageError
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef, create
from tests.events.replay import replayed, table
from tests.ingest.follow.same import follow, rows
from tests.services.postgres import OPTIONS, Database, new_database


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with pluto_duck.open(create(tmp_path / "w").root) as opened:
        yield opened


def until(bench: Workbench, sql: str, value: object) -> None:
    end = time.monotonic() + 60
    while bench.query(sql).scalar() != value:
        assert time.monotonic() < end


def test_a_run_follows_in_the_background_and_ends_when_it_is_cancelled(bench: Workbench, database: Database) -> None:
    database.run("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    run = bench.ingest(database.uri, follow=True)
    end = time.monotonic() + 60
    while "t" not in [one.ref.name for one in bench.tables()]:
        assert time.monotonic() < end
        assert bench.runs.get(run.run_id).status in ("queued", "running"), bench.runs.get(run.run_id).error
    database.run("INSERT INTO t VALUES (2)")
    until(bench, "SELECT count(*) FROM t", 2)
    shown = invoke(["loads", "--following"], Door(lambda: bench, kind="notebook"))
    assert isinstance(shown, Rows)
    (row,) = shown.rows
    assert row[:2] == (database.uri, 1)
    assert row[2].startswith("pid ")
    assert row[5].endswith(("bytes", "KB", "MB"))
    bench.runs.cancel(run.run_id)
    events = list(bench.runs.events(run.run_id))
    assert bench.runs.get(run.run_id).status == "cancelled"
    assert any("made at" in str(one.content) for one in events)
    assert any("lag_bytes" in one.content for one in events)
    database.run("INSERT INTO t VALUES (3)")
    report = bench.ingest(database.uri, follow=True, once=True)
    assert (report.copied, report.rows) == (None, 1)
    assert len(bench.unfollow(database.uri)) == 2


def test_the_shell_follows_and_says_what_is_left_behind(bench: Workbench, database: Database) -> None:
    database.run("CREATE TABLE t (id int PRIMARY KEY, v text)", "INSERT INTO t VALUES (1, 'a')",
                 "CREATE VIEW w AS SELECT 1 AS one", "CREATE TABLE s (id int PRIMARY KEY)")
    said: list[str] = []
    door = Door(lambda: bench, say=said.append)
    asked = ["ingest", "--from-postgres", database.uri, "--follow", "--once"]
    first = str(invoke([*asked, "--table", "t", "--into", "mine"], door))
    assert first.startswith("Copied 1 rows. Applied 0 changes in 0 transactions to mine.")
    assert "--unfollow" in first
    assert any("the publication pluto_duck_" in one for one in said)
    database.run("UPDATE t SET v = 'b'")
    assert "Applied 1 changes in 1 transactions to mine" in str(invoke(asked, door))
    assert rows(bench, "mine") == {("1", "b"): 1}
    with pytest.raises(UsageError, match="followed with other options"):
        invoke([*asked, "--table", "s"], door)
    facts = invoke(["doctor"], door)
    assert isinstance(facts, Facts)
    assert any(what.startswith(f"Nobody follows {database.uri}") for what, _hint in facts.problems)
    text = str(invoke(["ingest", database.uri, "--unfollow"], door))
    assert text.startswith("Dropped the slot pluto_duck_")
    for wrong in (["ingest", database.uri, "--once"], [*asked, "--dry-run"], ["ingest", "x.csv", "--follow"],
                  [*asked, "--table", "w"]):
        with pytest.raises(UsageError):
            invoke(wrong, door)


def test_changes_of_a_followed_table_can_be_tracked(session: Session, database: Database) -> None:
    database.run("CREATE TABLE t (id int PRIMARY KEY, v text, n numeric)", "INSERT INTO t VALUES (1, 'a', 1.5)")
    follow(session, database)
    ref = TableRef("t")
    session.track(ref, before=True)
    start = table(session, ref)
    database.run("INSERT INTO t SELECT i, 'v' || i, i FROM generate_series(2, 40) i", "UPDATE t SET v = 'u' WHERE id < 9",
                 "DELETE FROM t WHERE id > 30", "UPDATE t SET id = -id WHERE id = 3",
                 "BEGIN; TRUNCATE t; INSERT INTO t VALUES (7, 'after', 0); COMMIT", "UPDATE t SET v = 'last'")
    follow(session, database)
    assert replayed(session, ref, start).rows == table(session, ref)
    assert session.query("SELECT id, v FROM t").rows() == [(7, "last")]


def test_a_user_without_the_rights_is_told_which_before_anything_is_made(session: Session, database: Database) -> None:
    database.run("CREATE TABLE t (id int PRIMARY KEY)", "DROP ROLE IF EXISTS follows_one",
                 "CREATE ROLE follows_one LOGIN", "GRANT SELECT ON t TO follows_one")
    as_reader = Database(database.server, database.name)
    as_reader.uri = database.uri.replace("postgres@", "follows_one@")
    assert as_reader.uri != database.uri

    def refused() -> str:
        with pytest.raises(SourceError) as error:
            follow(session, as_reader)
        assert database.run("SELECT count(*) FROM pg_publication") == [(0,)]
        assert database.run("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()") == [(0,)]
        return f"{error.value.message} {error.value.hint}"

    assert "ALTER ROLE \"follows_one\" REPLICATION" in refused()
    database.run("ALTER ROLE follows_one REPLICATION")
    assert "GRANT CREATE ON DATABASE" in refused()
    database.run(f'GRANT CREATE ON DATABASE "{database.name}" TO follows_one')
    assert "does not own public.t" in refused()
    database.run("ALTER TABLE t OWNER TO follows_one", "INSERT INTO t VALUES (1)")
    assert follow(session, as_reader).caught_up
    assert rows(session, "t") == {("1",): 1}


def test_a_server_that_does_not_log_rows_is_told_what_it_lacks(session: Session, tmp_path_factory: pytest.TempPathFactory,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.services.postgres import discard, start

    monkeypatch.setitem(OPTIONS, "wal_level", "replica")
    server: PrivatePostgres = start()
    try:
        database = new_database(server)
        database.run("CREATE TABLE t (id int PRIMARY KEY)")
        with pytest.raises(PlutoError, match="its wal_level is replica") as error:
            follow(session, database)
        assert "wal_level = logical" in error.value.hint
    finally:
        discard(server)
