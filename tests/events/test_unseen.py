"""Writes that pass pluto-duck by are noticed; what it did itself, killed or not, is not taken for them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import duckdb
import pytest

from pluto_duck.session import Session
from pluto_duck.workspace import TableRef, Workspace
from tests.events.replay import counts, journal, replayed, table

T = TableRef("t")


def _made(workspace: Workspace) -> None:
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR)")
        session.track(T)
        session.query("INSERT INTO t VALUES (1, 'a')")


def _resyncs(session: Session) -> list[str]:
    return [one["detail"]["why"] for one in journal(session, T) if one["op"] == "resync"]


def test_what_another_program_wrote_while_nobody_hosted_is_one_resync(workspace: Workspace) -> None:
    _made(workspace)
    with Session.open(workspace.root) as session:
        assert _resyncs(session) == []
    with duckdb.connect(str(workspace.database)) as other:
        other.execute("INSERT INTO t VALUES (2, 'unseen')")
    with Session.open(workspace.root) as session:
        assert len(_resyncs(session)) == 1
        session.query("INSERT INTO t VALUES (3, 'c')")
    with Session.open(workspace.root) as session:
        assert len(_resyncs(session)) == 1


def test_what_a_borrower_wrote_is_one_resync(workspace: Workspace) -> None:
    _made(workspace)
    with Session.open(workspace.root) as session:
        with session.lend("a test") as path, duckdb.connect(str(path)) as other:
            other.execute("UPDATE t SET v = 'unseen'")
        assert len(_resyncs(session)) == 1


def test_what_a_native_connection_wrote_is_one_resync(workspace: Workspace) -> None:
    _made(workspace)
    with Session.open(workspace.root) as session:
        session.query("ATTACH ':memory:' AS m; CREATE TABLE m.t (id INTEGER PRIMARY KEY, v VARCHAR); "
                      "INSERT INTO m.t VALUES (5, 'five'); CREATE TABLE m.u AS SELECT 1 AS one")
        session.query("DROP TABLE m.t")
        session.query(f"COPY FROM DATABASE m TO {workspace.database.stem}")
        session.query("DETACH m")
        session.versions()
        assert len(_resyncs(session)) == 1


def test_a_transaction_that_was_open_when_its_table_was_tracked_is_one_resync(workspace: Workspace) -> None:
    with Session.open(workspace.root) as session, Session.open(workspace.root) as other:
        session.query("CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR)")
        other.query("BEGIN; INSERT INTO t VALUES (1, 'early')")
        session.track(T)
        other.query("COMMIT")
        assert len(_resyncs(session)) == 1


WRITER = """
import sys
from pluto_duck.session import Session
session = Session.open(sys.argv[1])
for i in range(int(sys.argv[2]), 10**9):
    session.query(f"INSERT INTO t VALUES ({i}, 'v{i}')")
    session.query(f"UPDATE t SET v = 'w{i}' WHERE id % 7 = {i} % 7")
    print(i, flush=True)
"""


@pytest.mark.parametrize("rounds", [3, pytest.param(60, marks=pytest.mark.soak)])
def test_a_host_that_is_killed_leaves_a_journal_that_fits_its_table(workspace: Workspace, tmp_path: Path,
                                                                   rounds: int) -> None:
    _made(workspace)
    script = tmp_path / "writer.py"
    script.write_text(textwrap.dedent(WRITER))
    last, done = 1, 0
    for turn in range(rounds):
        with subprocess.Popen([sys.executable, str(script), str(workspace.root), str(last + 10)],
                              stdout=subprocess.PIPE, text=True, env=os.environ) as writer:
            assert writer.stdout is not None
            for _line in range(3 + turn % 5):
                last = int(writer.stdout.readline())
                done += 1
            writer.send_signal(signal.SIGKILL)
        last += 5
    with Session.open(workspace.root) as session:
        found = replayed(session, T)
        assert found.rows == table(session, T)
        assert len(found.ops) > done
        counts(session)
        assert found.resyncs == []
