"""Runs across processes: following, cancelling, and what a killed process leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import pytest

from pluto_duck.runs import Run, Runs
from pluto_duck.workspace import ControlStore, Workspace

WORKER = """
    import sys
    from pluto_duck.runs import Runs
    from pluto_duck.workspace import ControlStore, Workspace
    from pathlib import Path

    workspace = Workspace(Path(sys.argv[1]))
    runs = Runs(ControlStore(workspace.control), workspace)

    def endless(run):
        run.session.query("select count(*) from range(100000000000) a(x), range(1000) b(y) where hash(x * y) = 1")

    def spoken(run):
        for i, line in enumerate(sys.stdin):
            run.emit("log", "chunk", line=line.strip())

    run = runs.start("sql", "endless", {"endless": endless, "spoken": spoken}[sys.argv[2]])
    for event in runs.events(run.run_id):
        if event.type == "run" and event.content.get("status") == "running":
            if sys.argv[2] == "endless":
                while runs.progress(run.run_id) == -1.0 and not runs._active[run.run_id].context._session:
                    pass
            print(run.run_id, flush=True)
    print(runs.wait(run.run_id).status, flush=True)
    runs.close()
"""


class Worker:
    def __init__(self, workspace: Workspace, what: str) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(WORKER), str(workspace.root), what],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.run_id = self.line()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def say(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@pytest.fixture
def runs(workspace: Workspace) -> Iterator[Runs]:
    opened = Runs(ControlStore(workspace.control), workspace)
    yield opened
    opened.close()


def test_cancel_reaches_the_database_of_another_process(workspace: Workspace, runs: Runs) -> None:
    worker = Worker(workspace, "endless")
    try:
        assert runs.get(worker.run_id).status == "running"
        runs.cancel(worker.run_id)
        assert runs.wait(worker.run_id, 30).status == "cancelled"
        assert worker.line() == "cancelled"
        assert worker.process.wait(30) == 0
    finally:
        worker.end()


def test_another_process_follows_events_as_they_come(workspace: Workspace, runs: Runs) -> None:
    worker = Worker(workspace, "spoken")
    try:
        following = (e for e in runs.events(worker.run_id) if e.type == "log")
        for word in ("one", "two"):
            worker.say(word)
            assert next(following).content == {"line": word}
        assert worker.process.stdin is not None
        worker.process.stdin.close()
        assert list(following) == []
        assert runs.get(worker.run_id).status == "succeeded"
    finally:
        worker.process.stdin = None
        worker.end()


def _kill(worker: Worker) -> None:
    os.kill(worker.process.pid, signal.SIGKILL)
    worker.process.wait(30)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on this system")
def test_the_run_of_a_killed_process_is_found_and_marked_failed(workspace: Workspace, runs: Runs) -> None:
    worker = Worker(workspace, "endless")
    try:
        assert runs.get(worker.run_id).status == "running"
        _kill(worker)
        run: Run = runs.wait(worker.run_id, 30)
        assert run.status == "failed"
        assert "process that ran it ended" in str(run.failure())
        assert [e.subtype for e in runs.events(worker.run_id)][-1] == "error"
        assert not list(workspace.runs.glob("*.lock"))
    finally:
        worker.end()


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on this system")
def test_a_follower_of_a_killed_process_is_told_and_not_left_waiting(workspace: Workspace, runs: Runs) -> None:
    worker = Worker(workspace, "spoken")
    try:
        following = iter(runs.events(worker.run_id))
        assert next(following).type == "run"
        _kill(worker)
        assert list(following)[-1].content["status"] == "failed"
    finally:
        worker.end()


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGSTOP on this system")
def test_a_stopped_process_is_slow_and_not_dead(workspace: Workspace, runs: Runs) -> None:
    worker = Worker(workspace, "spoken")
    try:
        os.kill(worker.process.pid, signal.SIGSTOP)
        assert runs.reap() == 0
        assert runs.get(worker.run_id).status == "running"
        os.kill(worker.process.pid, signal.SIGCONT)
    finally:
        worker.end()


def test_the_list_marks_what_dead_processes_left(workspace: Workspace, runs: Runs) -> None:
    worker = Worker(workspace, "spoken")
    _kill(worker)
    worker.end()
    assert [one.status for one in runs.list()] == ["failed"]
