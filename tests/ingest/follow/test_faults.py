"""Whatever ends, and whenever: the tables here come to be those at the source, row by row, and never half a transaction."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pluto_duck.commands.private_postgres import PrivatePostgres
from pluto_duck.errors import DatabaseBusy, SourceError
from pluto_duck.ingest.follow import Follower, Told, slot, state
from pluto_duck.ingest.follow.applying import Applier
from pluto_duck.ingest.options import LoadOptions
from pluto_duck.session import Session
from pluto_duck.workspace import create
from tests.ingest.follow.follower import begun
from tests.ingest.follow.same import follow, rows
from tests.services.postgres import Database, new_database
from tests.workspace.worker import Worker

BANK = ("CREATE TABLE accounts (id int PRIMARY KEY, balance numeric(12,2) NOT NULL)",
        "INSERT INTO accounts SELECT i, 100 FROM generate_series(1, 500) i",
        "CREATE TABLE history (at bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, low int, high int, amount numeric(12,2))",
        "CREATE TABLE marks (who int, n int, note text)", "ALTER TABLE marks REPLICA IDENTITY FULL")
TABLES = ("accounts", "history", "marks")


def transfer(connection: object, chance: random.Random, number: int) -> None:
    """What pgbench does, and some more: two accounts, their history, a row without a key; sometimes in vain."""
    low, high = chance.sample(range(1, 501), 2)
    amount = chance.randrange(1, 5000) / 100
    statements = [f"UPDATE accounts SET balance = balance - {amount} WHERE id = {low}",
                  f"INSERT INTO history (low, high, amount) VALUES ({low}, {high}, {amount})",
                  f"UPDATE accounts SET balance = balance + {amount} WHERE id = {high}",
                  f"INSERT INTO marks VALUES ({low % 7}, {number % 5}, 'n{number % 11}')"]
    if number % 4 == 0:
        statements += [f"DELETE FROM history WHERE at IN (SELECT at FROM history WHERE low = {low} LIMIT 2)",
                       f"UPDATE marks SET note = 'm{number % 3}' WHERE who = {high % 7} AND n = {number % 5}"]
    if number % 50 == 0:
        statements += [f"DELETE FROM accounts WHERE id = {low} AND balance = 0",
                       f"UPDATE accounts SET id = id + 0 WHERE id = {high}", f"DELETE FROM marks WHERE who = {low % 7}"]
    connection.execute(f"BEGIN; {'; '.join(statements)}; {'ROLLBACK' if number % 13 == 0 else 'COMMIT'}")  # type: ignore[attr-defined]


@contextmanager
def load(database: Database, seed: int = 1) -> Iterator[list[int]]:
    """Transfers all the while; how many there were."""
    done, stop = [0], threading.Event()

    def work() -> None:
        chance = random.Random(seed)
        with database.connect() as connection:
            while not stop.is_set():
                transfer(connection, chance, done[0])
                done[0] += 1

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join(30)


def assert_equal(session: Session, database: Database) -> None:
    for table in TABLES:
        columns = {"accounts": "balance::text, id::text", "history": "amount::text, at::text, high::text, low::text",
                   "marks": "n::text, note, who::text"}[table]
        theirs: dict[tuple[object, ...], int] = {}
        for row in database.run(f"SELECT {columns} FROM {table}"):
            theirs[row] = theirs.get(row, 0) + 1
        assert rows(session, table) == theirs, table


def killed_and_resumed(database: Database, root: Path, kills: int) -> None:
    chance = random.Random(kills)
    with load(database) as done:
        for _ in range(kills):
            before = done[0]
            process = begun(root, database.uri)
            assert process.stdout is not None
            try:
                if chance.random() < 0.8:  # else at any moment of its start, the copy included
                    line = ""
                    while "rows" not in line:
                        line = process.stdout.readline()
                        assert line, "it ended by itself"
                    time.sleep(chance.random() * 0.5)
                else:
                    time.sleep(chance.random() * 3)
            finally:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                process.stdout.close()
            assert done[0] > before
    with Session.open(root) as session:
        assert not follow(session, database).notices
        assert_equal(session, database)


def test_a_follower_that_is_killed_loses_and_doubles_nothing(tmp_path: Path, database: Database) -> None:
    database.run(*BANK)
    killed_and_resumed(database, create(tmp_path / "w").root, 4)


@pytest.mark.soak
def test_a_follower_that_is_killed_fifty_times_loses_and_doubles_nothing(tmp_path: Path, database: Database) -> None:
    database.run(*BANK)
    killed_and_resumed(database, create(tmp_path / "w").root, 50)


def test_nobody_ever_sees_half_a_transaction(session: Session, database: Database) -> None:
    database.run(*BANK)
    follow(session, database)
    stop, ended = threading.Event(), threading.Event()
    seen: set[object] = set()

    def follows() -> None:
        with Session.open(session.workspace.root) as mine:
            Follower(mine, database.uri, LoadOptions(), Told(stopped=stop.is_set)).run()
        ended.set()

    thread = threading.Thread(target=follows)
    with load(database) as done:
        thread.start()
        until = time.monotonic() + 60
        applied = 0
        # Each transfer takes from one what it gives another: between them the sum is always the same.
        while (applied < 200 or done[0] < 300) and time.monotonic() < until:
            seen |= set(session.query("SELECT sum(balance) FROM accounts").rows())
            applied = int(session.query("SELECT count(*) FROM history").scalar())
    stop.set()
    thread.join(30)
    assert ended.is_set()
    assert applied >= 200
    assert [str(one[0]) for one in seen] == ["50000.00"]
    follow(session, database)
    assert_equal(session, database)


def test_a_source_that_restarts_is_connected_to_again_and_is_not_kept_from_stopping(
        session: Session, mortal_postgres: PrivatePostgres) -> None:
    database = new_database(mortal_postgres)
    database.run("CREATE TABLE t (id int PRIMARY KEY)")
    follow(session, database)
    stop = threading.Event()
    said: list[str] = []
    errors: list[BaseException] = []

    def follows() -> None:
        try:
            with Session.open(session.workspace.root) as mine:
                Follower(mine, database.uri, LoadOptions(), Told(said.append, stopped=stop.is_set)).run()
        except BaseException as error:
            errors.append(error)

    def arrived(number: int) -> None:
        until = time.monotonic() + 60
        while session.query(f"SELECT count(*) FROM t WHERE id = {number}").scalar() != 1:
            assert not errors
            assert time.monotonic() < until, said

    thread = threading.Thread(target=follows)
    thread.start()
    try:
        database.run("INSERT INTO t VALUES (1)")
        arrived(1)
        mortal_postgres.stop()  # the orderly way waits until every reader has confirmed all
        mortal_postgres.start()
        database.run("INSERT INTO t VALUES (2)")
        arrived(2)
        mortal_postgres.kill()
        mortal_postgres.start()
        database.run("INSERT INTO t VALUES (3)")
        arrived(3)
    finally:
        stop.set()
        thread.join(60)
    assert any("Trying again" in one for one in said)
    assert rows(session, "t") == {("1",): 1, ("2",): 1, ("3",): 1}


def test_a_gap_is_told_never_jumped_over(session: Session, database: Database) -> None:
    database.run("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    name = follow(session, database).slot
    database.run("INSERT INTO t VALUES (2)")
    (known,) = state.read(session)
    follow(session, database)
    state.keep(session, known)  # as a restored backup has it, while the source has been told of more
    session.query("DELETE FROM t WHERE id = 2")
    with pytest.raises(SourceError, match="this workspace went back to an earlier state") as gap:
        follow(session, database)
    assert "--resnapshot" in gap.value.hint
    database.run(f"SELECT pg_drop_replication_slot('{name}')")
    with pytest.raises(SourceError, match=r"slot .* is gone"):
        follow(session, database)
    follow(session, database, resnapshot=True)
    assert len(rows(session, "t")) == 2


def test_a_row_that_was_changed_here_is_told_and_mended(session: Session, database: Database) -> None:
    database.run("CREATE TABLE t (id int PRIMARY KEY, v text)", "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    follow(session, database)
    session.query("DELETE FROM t WHERE id < 3")
    session.query("INSERT INTO t VALUES (9, 'here')")
    database.run("UPDATE t SET v = 'x' WHERE id = 1", "DELETE FROM t WHERE id = 2", "INSERT INTO t VALUES (9, 'there')")
    report = follow(session, database)
    assert "was changed here" in "".join(report.notices)
    assert rows(session, "t") == {("1", "x"): 1, ("3", "c"): 1, ("9", "there"): 1}


def test_a_second_follower_is_refused_and_so_is_a_load_of_its_tables(tmp_path: Path, session: Session,
                                                                     database: Database) -> None:
    database.run("CREATE TABLE t (id int PRIMARY KEY)")
    follow(session, database)
    process = begun(session.workspace.root, database.uri)
    try:
        database.run("INSERT INTO t VALUES (1)")
        until = time.monotonic() + 60
        while session.query("SELECT count(*) FROM t").scalar() == 0:
            assert time.monotonic() < until
        with pytest.raises(DatabaseBusy, match="followed already since"):
            follow(session, database)
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(30)
        process.stdout.close()  # type: ignore[union-attr]
    assert slot.name_of("a", state.Server("1", 1, "d")) != slot.name_of("b", state.Server("1", 1, "d"))


def test_a_follower_goes_on_with_the_host_that_takes_over(tmp_path: Path, database: Database) -> None:
    root = create(tmp_path / "w").root
    database.run("CREATE TABLE t (id int PRIMARY KEY)")
    stop, ended = threading.Event(), threading.Event()
    said: list[str] = []
    with Worker(root, "kernel") as host, Session.open(root) as mine:
        assert mine.hosting == "guest"
        follow(mine, database)

        def follows() -> None:
            Follower(mine, database.uri, LoadOptions(), Told(said.append, stopped=stop.is_set)).run()
            ended.set()

        thread = threading.Thread(target=follows)
        with Session.open(root) as reader:
            thread.start()
            try:
                for number in range(1, 5):
                    database.run(f"INSERT INTO t SELECT generate_series({number * 1000}, {number * 1000 + 999})")
                    if number == 3:
                        host.kill()
                    until = time.monotonic() + 60
                    while rows(reader, "t").total() != number * 1000:
                        assert time.monotonic() < until, said
            finally:
                stop.set()
                thread.join(60)
            assert ended.is_set()
            assert len(rows(reader, "t")) == 4000


def test_the_server_is_answered_however_long_a_commit_takes(session: Session, database: Database,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    database.run("CREATE TABLE t (id int PRIMARY KEY)")
    follow(session, database)
    database.run("INSERT INTO t VALUES (1)")
    database.uri += "?options=-c%20wal_sender_timeout%3D1000"
    plain = Applier.commit

    def slow(self: Applier) -> state.Follow:
        began = database.run("SELECT clock_timestamp()::text")[0][0]
        until = time.monotonic() + 60
        while database.run(f"SELECT coalesce(max(reply_time) > '{began}'::timestamptz + interval '2 s', false) "
                           "FROM pg_stat_replication") != [(True,)]:
            assert time.monotonic() < until, "nobody answers the server any more"
        return plain(self)

    monkeypatch.setattr(Applier, "commit", slow)
    said: list[str] = []
    follow(session, database, told=Told(said.append))
    assert rows(session, "t") == {("1",): 1}
    assert not [one for one in said if "Trying again" in one]


def test_a_table_with_children_is_refused(session: Session, database: Database) -> None:
    database.run("CREATE TABLE parent (id int PRIMARY KEY)", "CREATE TABLE child () INHERITS (parent)")
    with pytest.raises(SourceError, match="parent has tables that inherit from it"):
        follow(session, database, tables=("parent",))


def test_a_partitioned_table_is_followed_as_one(session: Session, database: Database) -> None:
    database.run("CREATE TABLE p (id int, region text, PRIMARY KEY (id, region)) PARTITION BY LIST (region)",
                 "CREATE TABLE p_a PARTITION OF p FOR VALUES IN ('a')", "INSERT INTO p VALUES (1, 'a')")
    follow(session, database)
    database.run("CREATE TABLE p_b PARTITION OF p FOR VALUES IN ('b')", "INSERT INTO p VALUES (2, 'b'), (3, 'a')",
                 "UPDATE p SET region = 'b' WHERE id = 1")
    assert not follow(session, database).notices
    assert rows(session, "p") == {("1", "b"): 1, ("2", "b"): 1, ("3", "a"): 1}


def test_a_slot_that_goes_while_it_is_followed_is_told(session: Session, database: Database) -> None:
    database.run("CREATE TABLE t (id int PRIMARY KEY)")
    name = follow(session, database).slot
    failed: list[SourceError] = []

    def follows() -> None:
        with Session.open(session.workspace.root) as mine:
            try:
                Follower(mine, database.uri, LoadOptions(), Told()).run()
            except SourceError as error:
                failed.append(error)

    thread = threading.Thread(target=follows)
    thread.start()
    until = time.monotonic() + 60
    while database.run("SELECT active FROM pg_replication_slots WHERE slot_name = '" + name + "'") != [(True,)]:
        assert time.monotonic() < until
    with database.connect() as connection:
        slot.drop(connection, name)
    thread.join(60)
    assert "is gone" in failed[0].message
    assert "--resnapshot" in failed[0].hint


def test_new_tables_at_the_source_are_told(session: Session, database: Database) -> None:
    database.run("CREATE TABLE t (id int PRIMARY KEY)", "CREATE UNLOGGED TABLE fleeting (id int PRIMARY KEY)")
    assert follow(session, database).notices == ("fleeting is no table that PostgreSQL publishes: not followed",)
    database.run("CREATE TABLE u (id int PRIMARY KEY)", "INSERT INTO u VALUES (1)", "ALTER TABLE t RENAME TO renamed",
                 "INSERT INTO renamed VALUES (5)")
    notices = follow(session, database).notices
    assert any("new at the source and not followed: public.u" in one for one in notices)
    assert rows(session, "t") == {("5",): 1}
    follow(session, database, resnapshot=True)
    assert rows(session, "u") == {("1",): 1}
