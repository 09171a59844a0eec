"""What strikes from outside: processes that die, disks that fill, sources that change. Never half a table."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pluto_duck.errors import PlutoError, SourceError, UsageError, WorkspaceError
from pluto_duck.ingest import ingest
from pluto_duck.ingest.attempts import history
from pluto_duck.session import Session
from pluto_duck.workspace import create
from tests.ingest.memory import Memory, Table
from tests.services.postgres import Database
from tests.workspace.worker import Worker

SLOW = """
import sys, threading
from pluto_duck.ingest import ingest
from pluto_duck.session import Session
from tests.ingest.memory import Memory, Table
source = Memory(t=Table({"id": "BIGINT"}, [(i,) for i in range(100)], key=("id",)))
source.batch_rows = 10
def wait(table, batch):
    if batch == 5:
        print("halfway", flush=True)
        source.interrupted.wait(60)
source.on_batch = wait
with Session.open(sys.argv[1]) as session:
    print(session.hosting, flush=True)
    ingest(session, source.open(), into="t", mode=sys.argv[2])
"""


def halfway(root: Path, mode: str) -> subprocess.Popen[str]:
    """Another process, stopped in the middle of a load."""
    process = subprocess.Popen([sys.executable, "-c", SLOW, str(root), mode], stdout=subprocess.PIPE, text=True,
                               stderr=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert process.stdout is not None
    while (line := process.stdout.readline()) != "halfway\n":
        assert line, process.stderr.read() if process.stderr else ""
    return process


def small() -> Memory:
    return Memory(t=Table({"id": "BIGINT"}, [(1,), (2,)], key=("id",)))


@pytest.mark.parametrize("mode", ["replace", "merge"])
def test_a_load_that_is_killed_leaves_the_old_table_and_runs_again(tmp_path: Path, mode: str) -> None:
    root = create(tmp_path / "w").root
    with Session.open(root) as session:
        ingest(session, small().open())
    process = halfway(root, mode)  # it hosts the file, too
    process.kill()
    process.wait()
    with Session.open(root) as session:
        assert session.query("SELECT * FROM t ORDER BY id").rows() == [(1,), (2,)]
        killed = history(session)[0]
        assert (killed.state, killed.rows) == ("failed", None)
        assert f"(pid {process.pid}) ended before it was done" in killed.error
        assert ingest(session, small().open(), mode=mode).tables[0].source_name == "t"
        assert history(session)[0].state == "succeeded"


def test_a_guest_that_is_killed_leaves_the_old_table(session: Session) -> None:
    ingest(session, small().open())
    process = halfway(session.workspace.root, "replace")
    assert history(session)[0].state == "running"
    process.kill()
    process.wait()
    assert history(session)[0].state == "failed"
    until = time.monotonic() + 20
    while True:  # the host sees the death by the closed socket
        try:
            ingest(session, small().open())
            break
        except PlutoError:
            assert time.monotonic() < until
    assert session.query("SELECT count(*) FROM t").rows() == [(2,)]


def test_ctrl_c_ends_a_load_at_once_and_leaves_the_old_table(tmp_path: Path) -> None:
    root = create(tmp_path / "w").root
    with Session.open(root) as session:
        ingest(session, small().open())
    process = halfway(root, "replace")
    os.kill(process.pid, signal.SIGINT)
    _out, err = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in err
    with Session.open(root) as session:
        assert session.query("SELECT count(*) FROM t").rows() == [(2,)]
        assert history(session)[0].state == "cancelled"


def test_the_host_that_dies_under_a_guests_load_takes_nothing_with_it(tmp_path: Path) -> None:
    root = create(tmp_path / "w").root
    with Worker(root, "kernel") as host, Session.open(root) as session:
        assert session.hosting == "guest"
        ingest(session, small().open())
        source = small()
        source.tables["t"].rows = [(7,)]

        def kill(table: str, batch: int) -> None:
            if host.process.poll() is None:
                host.kill()

        source.on_batch = kill
        with pytest.raises(WorkspaceError, match="host"):
            ingest(session, source.open())
        assert session.query("SELECT * FROM t ORDER BY id").rows() == [(1,), (2,)]
        assert ingest(session, source.open()).rows == 1
        assert session.query("SELECT * FROM t").rows() == [(7,)]


@pytest.mark.parametrize("native", [False, True])
def test_every_mode_works_through_a_host(tmp_path: Path, native: bool) -> None:
    root = create(tmp_path / "w").root
    with Worker(root, "kernel"), Session.open(root) as session:
        source = small()
        source.native_folder = tmp_path if native else None
        for mode in ("replace", "append", "merge", "scd2"):
            options = {"cursor": "id"} if mode == "append" else {}
            into = f"t_{mode}"
            ingest(session, source.open(), mode=mode, into=into, **options)
            source.tables["t"].rows.append((len(source.tables["t"].rows) + 1,))
            ingest(session, source.open(), mode=mode, into=into, **options)
            assert session.query(f"SELECT count(*), max(id) FROM {into}").rows() == [
                (len(source.tables["t"].rows),) * 2]
        assert session.hosting == "guest"


@pytest.fixture
def little_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.root
def test_a_full_disk_leaves_the_old_table(little_disk: Path) -> None:
    root = create(little_disk / "w").root
    with Session.open(root) as session:
        ingest(session, small().open())
        (little_disk / "ballast").write_bytes(bytes(2**20))
        source = Memory(t=Table({"id": "BIGINT", "v": "VARCHAR"}, [(i, os.urandom(100).hex()) for i in range(200_000)]))
        with pytest.raises(PlutoError) as caught:
            ingest(session, source.open())
        assert "The disk is full" in caught.value.message + caught.value.hint
        assert history(session)[0].state in ("failed", "running")  # the disk may be too full to note it
    (little_disk / "ballast").unlink()
    with Session.open(root) as session:
        assert session.query("SELECT * FROM t ORDER BY id").rows() == [(1,), (2,)]
        assert [one.state for one in history(session)] == ["failed", "succeeded"]
        assert ingest(session, small().open()).rows == 2


def test_permission_denied_on_one_of_ten_tables(session: Session, database: Database) -> None:
    database.run(*(f"CREATE TABLE t{i} (id int PRIMARY KEY)" for i in range(10)),
                 *(f"INSERT INTO t{i} VALUES ({i})" for i in range(10)),
                 "DROP ROLE IF EXISTS reader", "CREATE ROLE reader LOGIN",
                 *(f"GRANT SELECT ON t{i} TO reader" for i in range(10) if i != 4))
    uri = database.uri.replace("postgresql://", "postgresql://reader@") if "@" not in database.uri else \
        "postgresql://reader@" + database.uri.split("@", 1)[1]
    with pytest.raises(PlutoError) as caught:
        ingest(session, uri)
    assert "t4" in caught.value.message
    assert len([one for one in session.tables() if one.ref.name.startswith("t")]) == 9


def test_many_tables_of_postgres_come_from_one_moment(session: Session, database: Database) -> None:
    database.run(*(f"CREATE TABLE t{i} (id int PRIMARY KEY)" for i in range(6)),
                 *(f"INSERT INTO t{i} VALUES (1)" for i in range(6)))
    written = []

    def write_more(progress: object) -> None:
        if not written:
            written.append(True)
            database.run(*(f"INSERT INTO t{i} VALUES (2)" for i in range(6)))

    report = ingest(session, database.uri, on_progress=write_more)
    assert [table.rows for table in report.tables] == [1] * 6


@pytest.mark.parametrize("cursor", ["at", "xmin"])
def test_a_postgres_table_is_followed(session: Session, database: Database, cursor: str) -> None:
    database.run("CREATE TABLE t (id int PRIMARY KEY, v text, at timestamptz NOT NULL DEFAULT clock_timestamp())",
                 "INSERT INTO t (id, v) SELECT i, 'x' FROM generate_series(1, 1000) i")

    def load() -> int:
        return ingest(session, database.uri, tables=["t"], mode="merge", cursor=cursor).rows

    assert load() == 1000
    assert load() == 0
    database.run("INSERT INTO t (id, v) VALUES (2000, 'new')",
                 "UPDATE t SET v = 'changed', at = clock_timestamp() WHERE id = 5")
    assert load() == 2
    assert load() == 0
    assert session.query("SELECT count(*), count(*) FILTER (v = 'x') FROM t").rows() == [(1001, 999)]


def test_an_error_of_the_source_in_mid_stream_leaves_the_old_table(session: Session) -> None:
    ingest(session, small().open())
    source = small()
    source.batch_rows = 1

    def fail(table: str, batch: int) -> None:
        if batch == 1:
            raise SourceError("the connection was lost")

    source.on_batch = fail
    session.query("CREATE TABLE grows (id BIGINT)")
    for mode, into in (("replace", "t"), ("append", "grows"), ("merge", "t"), ("append", "new")):
        with pytest.raises(SourceError, match="the connection was lost"):
            ingest(session, source.open(), mode=mode, into=into)
    assert session.query("SELECT count(*) FROM grows").rows() == [(0,)]
    assert {one.ref.name for one in session.tables()} == {"t", "grows"}
    assert session.query("SELECT * FROM t ORDER BY id").rows() == [(1,), (2,)]


def test_a_condition_or_query_that_postgres_cant_run_is_ones_own_mistake(session: Session, database: Database) -> None:
    database.run("CREATE TABLE p (id int)", "INSERT INTO p VALUES (1)")
    for where, said in (("nosuch > 1", 'column "nosuch" does not exist'), ("id >", "syntax error")):
        with pytest.raises(UsageError, match=said) as caught:
            ingest(session, database.uri, tables=["p"], where=where)
        assert (caught.value.exit_code, "changed" in caught.value.message) == (2, False)
        assert "--where" in caught.value.hint
    with pytest.raises(UsageError, match='can\'t run that query: relation "nosuch" does not exist') as caught:
        ingest(session, database.uri, query="SELECT * FROM nosuch", into="q")
    assert "changed" not in caught.value.message


def test_a_source_that_is_not_there_is_noted_as_a_failed_load(session: Session) -> None:
    with pytest.raises(PlutoError):
        ingest(session, "postgresql://nobody@127.0.0.1:1/none?connect_timeout=2")
    assert [(one.table, one.state, "127.0.0.1:1" in one.source, bool(one.error)) for one in history(session)] == [
        ("", "failed", True, True)]
