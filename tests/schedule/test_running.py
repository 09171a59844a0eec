"""Firings as they really run: in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.errors import UnknownName
from pluto_duck.runs import Runs
from pluto_duck.schedule import words
from pluto_duck.schedule.model import Wish
from pluto_duck.schedule.running import Scheduler, somebody_runs
from pluto_duck.schedule.store import Schedules
from pluto_duck.session import Session
from pluto_duck.settings import Settings
from pluto_duck.workspace import ControlStore, Workspace
from tests.schedule.conftest import Clock, Desk, at

LONG = "SELECT count(*) FROM range(100_000_000_000) WHERE hash(range) % 1000003 = 7"


def until(holds: Callable[[], Any], wait_s: float = 90.0) -> Any:
    end = time.monotonic() + wait_s
    while not (found := holds()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)
    return found


@pytest.fixture
def scheduler(desk: Desk, workspace: Workspace) -> Iterator[Scheduler]:
    made = Scheduler(workspace, Settings.load(workspace.toml), known=desk.known)
    yield made
    made.close()


def due(desk: Desk, *args: str, **wished: Any) -> None:
    """One that is due now."""
    desk.add("0 6 * * *", args=args, **wished)
    desk.clock.now = at("2026-03-11 06:00")


def test_a_load_that_is_due_is_loaded_and_its_run_tells(desk: Desk, scheduler: Scheduler, folder: Path) -> None:
    (folder / "sales.csv").write_text("id,amount\n1,2\n2,3\n", encoding="utf-8")
    for name in ("click.py", "json.py"):  # the folder's own files are no modules of ours
        (folder / name).write_text("open('taken', 'w')", encoding="utf-8")
    due(desk, "ingest", "sales.csv")
    [done] = scheduler.run_due()
    assert (done.state, done.error) == ("succeeded", "")
    with Session.open(folder) as session:
        assert session.query("SELECT sum(amount) FROM sales").rows() == [(5,)]
        runs = Runs(session)
        assert {(one.kind, one.status) for one in runs.list()} >= {("schedule", "succeeded"), ("ingest", "succeeded")}
        log = "".join(str(one.content.get("text", "")) for one in runs.read_events(done.run_id))
        assert "sales" in log
        assert runs.get(done.run_id).facts["schedule"] == "it"
        runs.close()
    assert scheduler.run_due() == []
    assert not (folder / "taken").exists()


def test_a_failure_says_what_the_verb_said(desk: Desk, scheduler: Scheduler, folder: Path) -> None:
    due(desk, "ingest", "late.csv")
    [done] = scheduler.run_due()
    assert (done.state, done.attempt, done.code) == ("failed", 1, "unknown_name")
    assert "late.csv" in done.error


def test_a_verb_that_is_gone_fails_with_its_reason(desk: Desk, scheduler: Scheduler,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    from pluto_duck.commands.table import pluto

    due(desk, "backup", retries=3)
    monkeypatch.delitem(pluto.commands, "backup")
    [done] = scheduler.run_due()
    assert (done.state, done.attempt, done.code) == ("failed", 1, "usage")
    assert "no verb 'backup'" in done.error


def test_a_folder_that_is_gone_fails_with_its_reason(desk: Desk, scheduler: Scheduler, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    desk.known.add("it", Wish("0 6 * * *", "UTC", ("query", "select 1"), str(tmp_path / "elsewhere")))
    (tmp_path / "elsewhere").rmdir()
    desk.clock.now = at("2026-03-11 06:00", "UTC")
    [done] = scheduler.run_due()
    assert done.state == "failed"
    assert "folder" in done.error


def test_one_that_takes_too_long_is_stopped(desk: Desk, scheduler: Scheduler, workspace: Workspace) -> None:
    due(desk, "query", LONG, timeout_s=4.0)
    [done] = scheduler.run_due()
    assert (done.state, done.code) == ("timed_out", "timed_out")


def test_one_is_cancelled_as_any_run_is(desk: Desk, scheduler: Scheduler, workspace: Workspace) -> None:
    due(desk, "query", LONG, retries=3)
    thread = threading.Thread(target=scheduler.run_due)
    thread.start()
    runs = Runs(ControlStore(workspace.control), workspace)
    found = until(lambda: next((one for one in runs.list() if one.kind == "sql"), None) or next(
        (one for one in runs.list() if one.kind == "schedule" and one.status == "running"), None))
    runs.cancel(next(one.run_id for one in runs.list() if one.kind == "schedule"))
    thread.join(90)
    assert not thread.is_alive(), found
    [done] = desk.known.history()
    assert (done.state, done.attempt) == ("cancelled", 1)
    runs.close()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_one_whose_process_is_killed_is_failed_and_tried_again(desk: Desk, scheduler: Scheduler, workspace: Workspace) -> None:
    due(desk, "query", LONG, retries=1, backoff_s=3_000)
    thread = threading.Thread(target=scheduler.run_due)
    thread.start()
    os.kill(until(lambda: child_of(os.getpid())), signal.SIGKILL)
    thread.join(90)
    [done] = desk.known.history()
    assert (done.state, done.attempt) == ("queued", 1)
    assert "SIGKILL" in done.error


def child_of(pid: int) -> int:
    for one in Path("/proc").glob("[0-9]*"):
        try:
            if b"pluto_duck.schedule.child" in (one / "cmdline").read_bytes() and int(
                    (one / "stat").read_text().rsplit(")", 1)[1].split()[1]) == pid:
                return int(one.name)
        except (OSError, ValueError):
            continue
    return 0


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_stops_a_run_and_says_so(workspace: Workspace) -> None:
    known = Schedules(ControlStore(workspace.control), workspace)
    known.add("it", Wish("@yearly", "UTC", ("query", LONG), str(workspace.root), retries=3))
    shell = subprocess.Popen([sys.executable, "-m", "pluto_duck.cli", "-w", str(workspace.root), "schedule", "run", "it"],
                             preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None)
    until(lambda: (found := known.history()) and found[0].run_id)
    shell.send_signal(signal.SIGINT)
    assert shell.wait(60) == 130
    assert [(one.state, one.attempt) for one in known.history()] == [("cancelled", 1)]
    known.close()


SERVER = """
import sys, threading
from pluto_duck.schedule.running import Scheduler
from pluto_duck.settings import Settings
from pluto_duck.workspace import Workspace
from pathlib import Path
workspace = Workspace(Path(sys.argv[1]))
Scheduler(workspace, Settings.load(workspace.toml)).run(threading.Event())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc")
@pytest.mark.parametrize("rounds", [1, pytest.param(25, marks=pytest.mark.soak)])
def test_after_kill_9_of_whoever_runs_it_the_next_one_knows_and_goes_on(workspace: Workspace, rounds: int) -> None:
    known = Schedules(ControlStore(workspace.control), workspace)
    desk = Desk(workspace, Clock(time.time()))
    desk.add("0 6 * * *", args=("query", LONG), retries=rounds, backoff_s=0)
    asked = known.ask_for("it")

    def begin() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", SERVER, str(workspace.root)])

    both = [begin(), begin()]
    try:
        for attempt in range(1, rounds + 2):
            child = until(lambda: child_of(both[0].pid) or child_of(both[1].pid))
            works = both[0] if child_of(both[0].pid) else both[1]
            one = until(lambda: (found := known.firing(asked.id)) and found.state == "running" and found)
            assert one.attempt == attempt, "each death cost one attempt, and none was made twice"
            assert somebody_runs(workspace)
            works.kill()
            works.wait()
            until(lambda pid=child: not is_there(pid))
            both[both.index(works)] = begin()
        until(lambda: (found := known.firing(asked.id)) and found.state == "failed")
    finally:
        for process in both:
            process.kill()
            process.wait()
        known.close()
        desk.known.close()


def is_there(pid: int) -> bool:
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


def test_the_loop_fires_on_time_and_once_with_two_of_them(workspace: Workspace) -> None:
    known = Schedules(ControlStore(workspace.control), workspace)
    clocks = [Clock(at("2026-03-11 05:59") + 58.0) for _ in range(2)]
    desk = Desk(workspace, clocks[0])
    desk.add("0 6 * * *", args=("query", "select 1"))
    stop = threading.Event()
    both = [Scheduler(workspace, Settings.load(workspace.toml), known=Schedules(
        ControlStore(workspace.control), workspace, clock)) for clock in clocks]
    threads = [threading.Thread(target=one.run, args=(stop,)) for one in both]
    for one in threads:
        one.start()
    try:
        until(lambda: somebody_runs(workspace))
        assert known.history() == []
        for clock in clocks:
            clock.now += 3
        until(lambda: [one.state for one in known.history()] == ["succeeded"])
        assert known.history()[0].due_at == at("2026-03-11 06:00")
    finally:
        stop.set()
        for made in both:
            made.close()
        for one in threads:
            one.join(30)
    assert not somebody_runs(workspace)
    assert len(known.history()) == 1
    known.close()
    desk.known.close()


def test_lines_of_verbs_are_understood_before_they_are_kept() -> None:
    for line in (("ingest", "x.csv", "--into", "y"), ("sinks",), ("sinks", "list"), ("dbt", "build", "--select", "a+"),
                 ("run-dbt", "test", "--exclude", "b"), ("query", "select 1"), ("backup", "--keep", "3")):
        words.checked(line)
    for line, kind in ((("igest",), "usage"), (("ingest", "--nope"), "usage"), (("serve",), "refused"),
                       (("schedule", "list"), "refused"), (("-w", "/", "query", "x"), "usage"), ((), "usage"),
                       (("ingest", "--help"), "usage"), (("sinks", "lst"), "usage"), (("keys", "list"), "refused"),
                       (("ingest", "postgresql://me:hunter2@host/db"), "refused"), (("backup", "a", "b"), "usage")):
        with pytest.raises(Exception) as told:
            words.checked(line)
        assert getattr(told.value, "code", "") == kind, line
        assert "hunter2" not in str(told.value)


def test_a_run_knows_which_time_it_is_for(desk: Desk, scheduler: Scheduler, folder: Path) -> None:
    with Session.open(folder) as session:
        session.query("CREATE TABLE days (day VARCHAR)")
    desk.add("0 6 * * *", args=("query", "INSERT INTO days VALUES ('{due:%d.%m.}'), ('{due}'), ('{dues}')"), missed="all")
    desk.known.pause("it")
    desk.clock.now = at("2026-03-27 12:00")
    desk.known.resume("it")
    desk.clock.now = at("2026-03-29 06:00")
    assert [one.state for one in scheduler.run_due()] == ["succeeded", "succeeded"]
    with Session.open(folder) as session:
        assert session.query("SELECT day FROM days").rows() == [(one,) for one in (
            "28.03.", "2026-03-28T06:00:00+01:00", "{dues}", "29.03.", "2026-03-29T06:00:00+02:00", "{dues}")]


def test_what_must_succeed_first_holds_a_run_back(desk: Desk, scheduler: Scheduler, folder: Path) -> None:
    due(desk, "query", "CREATE TABLE built AS SELECT 1 AS a", only_if=("query", "SELECT error('these rows are wrong')"))
    [done] = scheduler.run_due()
    assert done.state == "failed"
    assert "these rows are wrong" in done.error
    assert "was not run" in done.error
    with Session.open(folder) as session:
        assert [str(one.ref) for one in session.tables()] == []


def test_unknown_names_offer_near_ones(desk: Desk) -> None:
    desk.add("0 6 * * *", name="nightly")
    with pytest.raises(UnknownName, match="nightli") as told:
        desk.known.get("nightli")
    assert "nightly" in told.value.hint


CHECKS = "version: 1\ntables:\n  orders:\n    publish: checked\n    checks:\n      - {sql: amount > 0, name: positive}\n"


@pytest.mark.parametrize("guard", ["only_if", "load"])
def test_a_failed_check_pauses_the_schedule_until_somebody_has_looked(
        desk: Desk, scheduler: Scheduler, folder: Path, guard: str) -> None:
    (folder / "checks.yaml").write_text(CHECKS, encoding="utf-8")
    (folder / "orders.csv").write_text("amount\n-1\n", encoding="utf-8")
    if guard == "only_if":
        with Session.open(folder) as session:
            session.query("CREATE TABLE orders AS SELECT -1 AS amount")
        due(desk, "query", "CREATE TABLE built AS SELECT 1 AS a", only_if=("check", "orders"), pause_on_failure=True)
    else:
        due(desk, "ingest", "orders.csv", retries=3, pause_on_failure=True)
    [done] = scheduler.run_due()
    assert (done.state, done.attempt) == ("failed", 1), "what a check holds back, trying again does not mend"
    [told] = desk.known.history("it")
    assert "positive" in told.error
    assert "It is paused until: schedule resume it" in told.hint
    assert (desk.known.get("it").paused, desk.known.get("it").ours) == (True, True)
    desk.clock.now = at("2026-03-12 06:00")
    assert scheduler.run_due() == [], "nothing runs while nobody has looked"
    (folder / "orders.csv").write_text("amount\n1\n", encoding="utf-8")
    with Session.open(folder) as session:
        assert not [one for one in session.tables() if one.ref.name == "built"]
        session.query("CREATE OR REPLACE TABLE orders AS SELECT 1 AS amount")
    desk.known.resume("it")
    desk.clock.now = at("2026-03-13 06:00")
    assert [one.state for one in scheduler.run_due()] == ["succeeded"]
