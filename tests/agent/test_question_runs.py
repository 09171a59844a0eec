"""A question is a run from its first moment: crashes, deadlines and cancels leave a clear one behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pluto_duck.agent import Answer
from pluto_duck.agent.answer import Event
from pluto_duck.agent.conversing import attended
from pluto_duck.agent.memory import Memory
from pluto_duck.agent.planners import Context
from pluto_duck.errors import Cancelled, PlutoError, RunError, TimedOut
from pluto_duck.runs import Run, Runs
from pluto_duck.session import Session
from pluto_duck.workspace import Workspace

ENDLESS = "SELECT count(*) FROM range(1000000000) a, range(1000000000) b"


class Acting:
    """A planner that does one thing."""

    name = "acting"

    def __init__(self, act: Callable[[Context], Any]) -> None:
        self.act = act

    def plan(self, question: str, context: Context) -> Answer:
        self.act(context)
        return Answer("answered", question, self.name, "Done.", "SELECT 1 AS one")


@pytest.fixture
def runs(session: Session) -> Iterator[Runs]:
    session.query("CREATE TABLE pets AS SELECT 1 AS weight")
    made = Runs(session)
    yield made
    made.close()


def _last(runs: Runs) -> Run:
    return runs.list(1)[0]


def test_an_answer_stands_in_the_record_of_its_run(runs: Runs, session: Session) -> None:
    events: list[Event] = []
    answer = attended(runs, session, "how many pets?", on_event=events.append)
    run = _last(runs)
    assert (run.kind, run.text, run.status, run.row_count) == ("question", "how many pets?", "succeeded", 1)
    assert (run.facts["answer"]["id"], run.facts["answer"]["sql"]) == (answer.id, answer.sql)
    told = [(one.type, one.subtype) for one in runs.read_events(run.run_id)]
    assert told[0] == ("run", "start")
    assert told[-2:] == [("message", "final"), ("run", "end")]
    assert events


def test_a_planner_that_crashes_leaves_a_failed_run_that_names_it(runs: Runs, session: Session) -> None:
    def crash(_: Context) -> None:
        raise ZeroDivisionError("the key is sk-12345")

    with pytest.raises(RunError, match="acting stopped with an unexpected ZeroDivisionError"):
        attended(runs, session, "how many pets?", planner=Acting(crash))
    run = _last(runs)
    assert run.status == "failed"
    assert run.error is not None
    assert "acting stopped with an unexpected ZeroDivisionError" in run.error["message"]
    assert "sk-12345" not in str(run.error)
    assert Memory(session).conversations() == []
    assert attended(runs, session, "how many pets?").status == "answered"


def test_a_statement_that_takes_too_long_ends_at_the_deadline(
    runs: Runs, workspace: Workspace, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PLUTODUCK_AGENT__DEADLINE_S", "0.3")
    with Session.open(workspace.root) as session:
        with pytest.raises(TimedOut, match=r"0\.3 s"):
            attended(runs, session, "how many pets?", planner=Acting(lambda context: context.run(ENDLESS)))
        assert _last(runs).status == "timed_out"
        assert session.query("SELECT 42").scalar() == 42


def test_a_planner_that_only_thinks_ends_at_its_next_word(
    runs: Runs, workspace: Workspace, monkeypatch: pytest.MonkeyPatch,
) -> None:
    def think(context: Context) -> None:
        while True:
            context.emit(Event("reasoning", "chunk", "hm"))

    monkeypatch.setenv("PLUTODUCK_AGENT__DEADLINE_S", "0.3")
    with Session.open(workspace.root) as session, pytest.raises(TimedOut):
        attended(runs, session, "how many pets?", planner=Acting(think))
    assert _last(runs).status == "timed_out"


def test_a_question_is_cancelled_from_another_process_of_the_workspace(
    runs: Runs, session: Session, workspace: Workspace,
) -> None:
    running = threading.Event()

    def work(context: Context) -> None:
        running.set()
        context.run(ENDLESS)

    def cancel() -> None:
        running.wait(30)
        with Session.open(workspace.root) as own:
            others = Runs(own)
            others.cancel(next(one.run_id for one in others.list(5) if one.status == "running"))
            others.close()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    with pytest.raises(Cancelled):
        attended(runs, session, "how many pets?", planner=Acting(work))
    canceller.join(30)
    assert _last(runs).status == "cancelled"
    assert attended(runs, session, "how many pets?").status == "answered"


def test_a_process_that_is_killed_in_a_question_leaves_a_failed_run(runs: Runs, workspace: Workspace) -> None:
    script = (
        "import os, sys, time, pluto_duck\n"
        "class Stuck:\n"
        "    name = 'stuck'\n"
        "    def plan(self, question, context):\n"
        "        print('working', flush=True)\n"
        "        time.sleep(600)\n"
        f"pluto_duck.open({str(workspace.root)!r}).ask('how many pets?', planner=Stuck())\n")
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "working\n"
    run = _last(runs)
    assert run.status == "running"
    os.kill(child.pid, signal.SIGKILL)
    child.wait(30)
    ended = runs.wait(run.run_id, 30)
    assert ended.status == "failed"
    assert ended.error is not None
    assert "ended before the run did" in ended.error["message"]


def test_every_error_of_ours_keeps_its_kind(runs: Runs, session: Session) -> None:
    def fail(_: Context) -> None:
        raise PlutoError("The model's server is on fire.", hint="Call somebody.")

    with pytest.raises(PlutoError, match="on fire"):
        attended(runs, session, "how many pets?", planner=Acting(fail))
    error = _last(runs).error
    assert error is not None
    assert (error["message"], error["hint"]) == ("The model's server is on fire.", "Call somebody.")
