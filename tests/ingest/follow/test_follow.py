"""A followed PostgreSQL database: every kind of change arrives as a fresh load would have it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pluto_duck.errors import DatabaseBusy, SourceError, UsageError
from pluto_duck.ingest.follow import state
from pluto_duck.ingest.follow.alone import alone
from pluto_duck.ingest.follow.ending import unfollow
from pluto_duck.session import Session
from tests.ingest.connectors.test_postgres_faults import until
from tests.ingest.follow.same import assert_same, follow, rows
from tests.services.postgres import Database

SLOTS = "SELECT slot_name, active FROM pg_replication_slots WHERE database = current_database()"


def test_inserts_updates_deletes_and_truncates_arrive(session: Session, database: Database, tmp_path: Path) -> None:
    database.run("CREATE TABLE t (id int PRIMARY KEY, v text, a int[])",
                 "CREATE TABLE pairs (a int, b text, v text, PRIMARY KEY (b, a))",
                 "CREATE TABLE loose (a int, b text, c float8)", "ALTER TABLE loose REPLICA IDENTITY FULL",
                 "CREATE TABLE emptied (id int PRIMARY KEY)", "INSERT INTO emptied SELECT generate_series(1, 9)",
                 "INSERT INTO t SELECT i, 'v' || i, array[i] FROM generate_series(1, 100) i",
                 "INSERT INTO pairs SELECT i, 'k' || i % 3, 'v' FROM generate_series(1, 50) i",
                 "INSERT INTO loose VALUES (1, 'a', 0), (1, 'a', 0), (1, 'a', '-0'), (2, NULL, 'NaN')")
    begun = follow(session, database)
    assert begun.copied is not None
    assert begun.copied.rows == 163
    database.run("UPDATE t SET v = v || '!', a = a || 7 WHERE id <= 10", "DELETE FROM t WHERE id BETWEEN 11 AND 20",
                 "INSERT INTO t VALUES (500, NULL, '{}')", "UPDATE t SET id = 501 WHERE id = 21",
                 "UPDATE t SET id = -id WHERE id IN (1, 2)", "INSERT INTO t VALUES (1, 'again', NULL)",
                 "UPDATE pairs SET b = 'k9' WHERE a = 7", "DELETE FROM pairs WHERE a > 40",
                 "UPDATE pairs SET v = NULL WHERE a = 8",
                 "DELETE FROM loose WHERE ctid IN (SELECT ctid FROM loose WHERE a = 1 AND c::text = '0' LIMIT 1)",
                 "UPDATE loose SET b = 'now' WHERE a = 2", "INSERT INTO loose VALUES (3, 'c', 1.5), (3, 'c', 1.5)",
                 "BEGIN; TRUNCATE emptied; INSERT INTO emptied VALUES (3), (77); COMMIT")
    done = follow(session, database)
    assert done.copied is None
    assert done.caught_up
    assert not done.notices
    assert done.transactions == 13
    assert_same(session, database, tmp_path / "fresh", "t", "pairs", "loose", "emptied")
    assert rows(session, "emptied") == {("3",): 1, ("77",): 1}


def test_a_long_value_that_an_update_left_alone_stays(session: Session, database: Database, tmp_path: Path) -> None:
    database.run("CREATE TABLE t (id int PRIMARY KEY, n int, long text, other text)",
                 "ALTER TABLE t ALTER long SET STORAGE EXTERNAL", "ALTER TABLE t ALTER other SET STORAGE EXTERNAL",
                 "INSERT INTO t SELECT i, 0, repeat('x' || i, 2000), repeat('y', 3000) FROM generate_series(1, 5) i")
    follow(session, database)
    long = "repeat('z', 5000)"
    database.run("UPDATE t SET n = 1 WHERE id = 1", f"UPDATE t SET long = {long} WHERE id = 2",
                 "BEGIN; UPDATE t SET other = repeat('w', 4000) WHERE id = 3; UPDATE t SET n = 2 WHERE id = 3; COMMIT",
                 "UPDATE t SET id = 40 WHERE id = 4", "UPDATE t SET n = 9, id = 50 WHERE id = 5",
                 "UPDATE t SET n = 10 WHERE id = 50",
                 f"BEGIN; INSERT INTO t VALUES (6, 0, {long}, 'o'); UPDATE t SET id = 60 WHERE id = 6; COMMIT")
    assert not follow(session, database).notices
    assert_same(session, database, tmp_path / "fresh", "t")


def test_a_schema_change_is_followed(session: Session, database: Database, tmp_path: Path) -> None:
    database.run("CREATE TYPE mood AS ENUM ('sad', 'ok')",
                 "CREATE TABLE t (id int PRIMARY KEY, a smallint, b text NOT NULL, c int, m mood, n numeric)",
                 "INSERT INTO t SELECT i, i, 'b', i, 'sad', i FROM generate_series(1, 20) i")
    follow(session, database)
    database.run("UPDATE t SET a = 7 WHERE id = 1", "ALTER TABLE t ADD COLUMN d text DEFAULT 'it''s'",
                 "UPDATE t SET d = 'set' WHERE id = 2")
    assert follow(session, database).notices == ("public.t has a new column d, it's in older rows",)
    database.run("ALTER TABLE t ALTER a TYPE bigint",
                 "UPDATE t SET a = 1::bigint << 40 WHERE id = 3", "ALTER TABLE t ALTER id TYPE bigint",
                 "INSERT INTO t VALUES (1::bigint << 35, 0, 'wide', 0, 'ok', 1)", "ALTER TABLE t RENAME c TO count",
                 "UPDATE t SET count = -1 WHERE id = 4",
                 "BEGIN; UPDATE t SET b = 'in' WHERE id = 5; ALTER TABLE t ADD e int; UPDATE t SET e = 5 WHERE id = 5; "
                 "COMMIT", "UPDATE t SET n = 0.123456789012345 WHERE id = 6", "ALTER TYPE mood ADD VALUE 'great'",
                 "UPDATE t SET m = 'great' WHERE id = 7")
    done = follow(session, database)
    assert len(done.notices) == 6, done.notices
    # A fresh load of a number without declared digits has as many as its values need: here they are the same.
    assert_same(session, database, tmp_path / "fresh", "t")
    database.run("ALTER TABLE t DROP COLUMN b", "INSERT INTO t (id) VALUES (99)")
    assert "has no column b any more" in follow(session, database).notices[0]
    assert session.query("SELECT count(*), count(b) FROM t").rows() == [(22, 21)]


def test_freeze_stops_at_a_schema_change_and_loses_nothing(session: Session, database: Database) -> None:
    database.run("CREATE TABLE t (id int PRIMARY KEY)")
    follow(session, database, columns="freeze")
    database.run("INSERT INTO t VALUES (1)", "ALTER TABLE t ADD v text", "INSERT INTO t VALUES (2, 'x')")
    with pytest.raises(SourceError, match="has a new column v") as stopped:
        follow(session, database)
    assert "--columns evolve" in stopped.value.hint
    assert rows(session, "t") == {("1",): 1}
    follow(session, database, resnapshot=True)
    assert rows(session, "t") == {("1", None): 1, ("2", "x"): 1}


def test_what_can_not_be_followed_is_refused_before_anything_is_made(session: Session, database: Database) -> None:
    database.run("CREATE TABLE keyless (a int)")
    with pytest.raises(SourceError, match="keyless has no primary key") as refused:
        follow(session, database)
    assert "REPLICA IDENTITY FULL" in refused.value.hint
    assert database.run(SLOTS) == []
    assert database.run("SELECT count(*) FROM pg_publication") == [(0,)]
    follow(session, database, options={"append_only": "true"})
    # Published with its UPDATEs it could not be updated at the source any more.
    database.run("INSERT INTO keyless VALUES (1), (2)", "UPDATE keyless SET a = 3 WHERE a = 2")
    follow(session, database)
    assert rows(session, "keyless") == {("1",): 1, ("2",): 1}
    for wrong in ({"where": "a > 1"}, {"mode": "merge"}, {"cast": {"a": "text"}}):
        with pytest.raises(UsageError, match="--follow"):
            follow(session, database, **wrong)


def test_the_end_of_following_leaves_nothing_at_the_source(session: Session, database: Database) -> None:
    database.run("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    slot = follow(session, database).slot
    until(lambda: database.run(SLOTS) == [(slot, False)])  # its process at the server ends a moment after ours lets go
    with alone(session.workspace, slot, "it"), pytest.raises(DatabaseBusy, match="followed already"):
        unfollow(session, database.uri)
    assert unfollow(session, database.uri) == [f"the slot {slot}", f"the publication {slot}"]
    assert database.run(SLOTS) == []
    assert database.run("SELECT count(*) FROM pg_publication") == [(0,)]
    assert state.read(session) == []
    assert rows(session, "t") == {("1",): 1}
    assert unfollow(session, database.uri) == []


def test_a_table_whose_rows_are_checked_before_they_are_seen_is_not_followed(
        session: Session, database: Database) -> None:
    database.run("CREATE TABLE t (id int PRIMARY KEY)", "CREATE TABLE free (id int PRIMARY KEY)")
    file = session.workspace.root / "checks.yaml"
    file.write_text("version: 1\ntables:\n  t:\n    publish: checked\n    checks:\n      - not_null: id\n")
    with pytest.raises(UsageError, match="t is published checked"):
        follow(session, database)
    assert database.run(SLOTS) == []
    assert session.tables() == []
    with pytest.raises(UsageError, match="--check can't be used with --follow"):
        follow(session, database, check=True)
    assert follow(session, database, exclude=("t",)).copied is not None
    file.write_text(file.read_text().replace("  t:", "  free:"))  # it goes on no more from where this is said
    with pytest.raises(UsageError, match="free is published checked"):
        follow(session, database)
