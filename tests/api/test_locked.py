"""The control store held by another program, or full: a clear answer within a bounded time, and nothing half done."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.errors import ControlBusy, WorkspaceUnusable
from pluto_duck.runs import RunContext, Runs
from pluto_duck.session import Session
from pluto_duck.workspace import ControlStore, Workspace, create

WAIT_S = 0.3


@pytest.fixture
def held(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """Another program, in the middle of a transaction."""
    monkeypatch.setenv("PLUTODUCK_SERVER__LOCK_WAIT_S", str(WAIT_S))
    other = sqlite3.connect(workspace.control, isolation_level=None, check_same_thread=False)
    yield other
    other.close()


async def test_a_held_store_is_told_in_time_and_leaves_no_run(held: sqlite3.Connection, client: Any,
                                                              jp_serverapp: Any) -> None:
    await client.sql("select 1")
    before = json.loads((await client("query")).body)["runs"]
    held.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    answers = await asyncio.gather(*(client("query", method="POST", body={"sql": "select 2"}) for _ in range(20)))
    assert time.monotonic() - started < 10, "twenty of them together, on eight threads"
    assert {one.code for one in answers} == {503}
    told = json.loads(answers[0].body)
    assert (told["code"], answers[0].headers["Retry-After"]) == ("control_busy", "1")
    assert str(jp_serverapp.root_dir) not in answers[0].body.decode()
    assert json.loads((await client("query")).body)["runs"] == before, "reading goes on, and none is half there"
    held.execute("ROLLBACK")
    assert (await client.sql("select 3"))["rows"] == [[3]]


async def test_a_run_that_ends_while_the_store_is_held_is_not_left_running(
        held: sqlite3.Connection, client: Any, jp_serverapp: Any) -> None:
    app = jp_serverapp.web_app.settings["pluto_duck"]
    place = await app.in_thread(app.places.get)
    go, at_work = threading.Event(), threading.Event()

    def work(run: RunContext) -> dict[str, Any]:
        at_work.set()
        go.wait(30)
        return {"statement": "SELECT"}

    run = await app.in_thread(place.runs.start, "sql", "held", work)
    assert await app.in_thread(at_work.wait, 30)
    held.execute("BEGIN IMMEDIATE")
    go.set()
    await asyncio.sleep(3 * WAIT_S)
    assert json.loads((await client("query", run.run_id)).body)["status"] == "running"
    held.execute("ROLLBACK")
    assert (await client.done(run.run_id))["status"] == "succeeded"
    assert (await client.sql("select 1"))["rows"] == [[1]], "its thread is not lost"


def test_a_full_store_takes_nothing_and_goes_on_once_there_is_room(workspace: Workspace) -> None:
    control = ControlStore(workspace.control)
    making = ("CREATE TABLE filling (text TEXT)",)
    with control.connection("filling", making) as db:
        db.execute("INSERT INTO filling VALUES ('first')")
        most = db.execute("PRAGMA max_page_count").fetchone()[0]
        used = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {used + 2}")

    def fill() -> None:
        with control.connection("filling", making) as db:
            db.execute("INSERT INTO filling VALUES ('second')")
            db.execute("INSERT INTO filling VALUES (?)", ("x" * 1_000_000,))

    with pytest.raises(WorkspaceUnusable, match="can't be written") as full:
        fill()
    assert isinstance(full.value, sqlite3.OperationalError), "who knows sqlite3 alone sees it, too"
    assert full.value.http_status == 503
    db.execute(f"PRAGMA max_page_count = {most}")
    with control.connection("filling", making) as db:
        db.execute("INSERT INTO filling VALUES ('third')")
    found = [row[0] for row in control.read("filling", making).execute("SELECT text FROM filling")]
    assert found == ["first", "third"]
    control.close()


def test_who_comes_after_one_that_waited_in_vain_waits_less(workspace: Workspace) -> None:
    control, other = ControlStore(workspace.control, busy_s=0.5), sqlite3.connect(workspace.control, isolation_level=None)
    with control.connection("x", ("CREATE TABLE x (a)",)):
        pass
    other.execute("BEGIN IMMEDIATE")
    took = []
    for _ in range(6):  # the least of several: another process may have the core
        started = time.monotonic()
        with pytest.raises(ControlBusy), control.connection("x", ("CREATE TABLE x (a)",)):
            pass
        took.append(time.monotonic() - started)
    assert took[0] >= 0.5
    assert min(took[1:]) < 0.5
    other.execute("ROLLBACK")
    with control.connection("x", ("CREATE TABLE x (a)",)) as db:
        assert db.execute("PRAGMA busy_timeout").fetchone()[0] == 500, "and then as long as before"
    control.close()
    other.close()


@pytest.mark.root
def test_a_full_disk_fails_the_run_with_what_to_do(tmp_path: Path) -> None:
    workspace = create(tmp_path / "w")
    workspace.runs.mkdir(parents=True, exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(workspace.runs)],
                      capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        with Session.open(workspace.root) as session:
            runs = Runs(session)

            def work(run: RunContext) -> dict[str, Any]:
                with run.session.stream("select repeat('x', 1000) as a, range as b from range(100000)") as stream:
                    return run.write_stream(stream)

            ended = runs.wait(runs.start("sql", "much", work).run_id, 60)
            assert ended.status == "failed"
            assert ended.error is not None
            assert "No space left" in ended.error["message"]
            assert "disk space" in ended.error["hint"]
            again = runs.start("sql", "little", lambda run: {"statement": "SELECT"})
            assert runs.wait(again.run_id, 60).status == "succeeded"
            runs.close()
    finally:
        subprocess.run(["umount", "-l", str(workspace.runs)], check=True)
