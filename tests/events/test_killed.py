"""The host may be killed at any moment: what it acknowledged is there, and told once; what it did not, may be."""

from __future__ import annotations

import os
import random
import resource
import select
import subprocess
import sys
from pathlib import Path

import pytest

from pluto_duck.commands.relaying import sealed
from pluto_duck.events.sinkstore import Sinks
from pluto_duck.session import Session, TableRef
from pluto_duck.workspace import Workspace
from tests.events.consumer import Consumer
from tests.events.replay import counts, table
from tests.events.test_file_sink import events_in
from tests.events.test_publishing import Publisher, until

T = TableRef("t")
ACKNOWLEDGES = """
import random, sys
from pluto_duck.session import Session
chance, first = random.Random(sys.argv[2]), int(sys.argv[2]) * 100_000
with Session.open(sys.argv[1]) as session:
    for number in range(first, first + 100_000):
        key = chance.randrange(30)
        session.query("BEGIN; " + chance.choice((
            f"INSERT OR REPLACE INTO t VALUES ({key}, 'n{number}', {number}); DELETE FROM t WHERE id = {key + 1}",
            f"UPDATE t SET v = 'u{number}' WHERE id % 5 = {key % 5}",
            f"TRUNCATE t; INSERT INTO t SELECT range, 'm{number}', 0 FROM range({key})",
            f"CREATE OR REPLACE TABLE t AS SELECT * FROM t WHERE id <> {key}; ALTER TABLE t ADD PRIMARY KEY (id)"))
            + f"; INSERT INTO acknowledged VALUES ({number}); COMMIT")
        print(number, flush=True)
"""


def _killed_writer(root: Path, number: int, chance: random.Random) -> set[int]:
    """What it had acknowledged."""
    writer = subprocess.Popen([sys.executable, "-c", ACKNOWLEDGES, str(root), str(number)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    with writer:
        told = b""
        for _ in range(chance.randrange(1, 12)):
            line = writer.stdout.readline()
            assert line, "The writer ended."
            told += line
        select.select([], [], [], chance.uniform(0, 0.02))
        writer.kill()
        told += writer.stdout.read()
    return {int(one) for one in told.split(b"\n")[:-1]}


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is of POSIX")
@pytest.mark.parametrize("rounds", [2, pytest.param(100, marks=pytest.mark.soak)])
def test_a_host_may_be_killed_beside_two_publishers(workspace: Workspace, tmp_path: Path, rounds: int) -> None:
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR, x BIGINT); CREATE TABLE acknowledged (n BIGINT)")
        session.track(T, before=True)
        options = {"folder": str(tmp_path / "out"), "rotate_mb": 0.05}
        Sinks(session.control).add("out", "file", options=options, seal=sealed(workspace, "out", "file", [], options))
    consumer, chance = Consumer(), random.Random(7)
    consumer.knows(T, [("id", "INTEGER"), ("v", "VARCHAR"), ("x", "BIGINT")])
    acknowledged: set[int] = set()
    publishers: list[Publisher] = []
    try:
        for number in range(1, rounds + 1):
            if number % 10 == 1:
                # Whichever of them it is that hosts or delivers by now.
                for one in publishers:
                    one.kill()
                publishers = [Publisher(workspace.root) for _ in range(2)]
            if number % 2:
                for one in publishers:
                    one.kill()  # so that the writer hosts
            acknowledged |= _killed_writer(workspace.root, number, chance)
            with Session.open(workspace.root) as session:
                there = {row[0] for row in session.query("SELECT n FROM acknowledged").rows()}
                assert acknowledged <= there
                consumer.read(session)
                consumer.check(session, T)
                counts(session)
        publishers.append(Publisher(workspace.root))
        with Session.open(workspace.root) as session:
            sinks = Sinks(session.control)
            until(lambda: sinks.get("out").position.seq >= session.tracked()["head"], lambda: sinks.get("out"))
            told = Consumer(strict=False)
            for text in events_in(tmp_path / "out"):
                told.take(text)
            told.check(session, T)
    finally:
        for one in publishers:
            one.kill()


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of another process are Linux's")
def test_a_publisher_whose_disk_is_full_goes_on_when_there_is_room(workspace: Workspace, session: Session,
                                                                    tmp_path: Path) -> None:
    session.query("CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR)")
    session.track(T)
    options = {"folder": str(tmp_path / "out")}
    sinks = Sinks(session.control)
    sinks.add("out", "file", options=options, seal=sealed(workspace, "out", "file", [], options))
    publisher = Publisher(workspace.root)
    try:
        until(lambda: sinks.get("out").state == "running", lambda: sinks.get("out"))
        _, most = resource.prlimit(publisher.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(publisher.pid, resource.RLIMIT_FSIZE, (2_000_000, most))
        session.query("INSERT INTO t SELECT range, repeat('x', 10_000) FROM range(300)")
        until(lambda: sinks.get("out").state == "retrying", lambda: sinks.get("out"))
        assert "can't be written" in sinks.get("out").error
        session.query("DELETE FROM t WHERE id % 2 = 0")
        resource.prlimit(publisher.pid, resource.RLIMIT_FSIZE, (most, most))
        until(lambda: sinks.get("out").position.seq >= session.tracked()["head"], lambda: sinks.get("out"))
    finally:
        publisher.kill()
    told, events = Consumer(strict=False), events_in(tmp_path / "out")
    for text in events:
        told.take(text)
    told.check(session, T)
    assert sum(table(session, T).values()) == 150
    assert len(events) == len(set(events))
