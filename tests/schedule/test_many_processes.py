"""Several processes at one workspace's schedules: each due time is run once, whoever is quicker or dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from pluto_duck.schedule import working
from pluto_duck.schedule.times import Times
from pluto_duck.workspace import Workspace
from tests.schedule.conftest import BERLIN, Clock, Desk, at

WORKER = """
import json, os, random, signal, sys
from pathlib import Path
from pluto_duck.workspace import Workspace
from tests.schedule.conftest import Clock, Desk
root, seed, start, minutes, deaths = Path(sys.argv[1]), *map(int, sys.argv[2:])
chance, desk = random.Random(seed), Desk(Workspace(root), Clock(start))
for minute in range(minutes):
    desk.clock.now = start + 60 * minute
    desk.claims.reap()
    desk.claims.fall_due()
    while (taken := desk.claims.take()) is not None:
        print(json.dumps([taken[0].name, taken[1].due_at, taken[1].attempt]), flush=True)
        if deaths and chance.random() < 0.1:
            os.kill(os.getpid(), signal.SIGKILL)
        desk.claims.finish(taken[0], taken[1], "succeeded")
        taken[2].close()
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is of POSIX")
@pytest.mark.parametrize(("deaths", "processes", "minutes"), [
    (True, 3, 20), pytest.param(True, 6, 400, marks=pytest.mark.soak), pytest.param(False, 6, 400, marks=pytest.mark.soak)])
def test_each_due_time_is_run_once(workspace: Workspace, deaths: bool, processes: int, minutes: int) -> None:
    start = at("2026-03-28 23:55")  # and the clocks of Berlin change
    desk = Desk(workspace, Clock(start - 1))
    for name in ("a", "b"):
        desk.add("*/2 * * * *", name, missed="all", most=100, retries=2, backoff_s=0)
    began = [_begin(workspace, seed, start, minutes, deaths) for seed in range(processes)]
    made: list[tuple[str, int, int]] = []
    for number in range(200):
        process = began.pop(0)
        told, _ = process.communicate(timeout=120)
        made += [tuple(json.loads(line)) for line in told.splitlines()]
        if process.returncode == -signal.SIGKILL:
            began.append(_begin(workspace, 100 + number, start, minutes, deaths))
        else:
            assert process.returncode == 0
        if not began:
            break
    twice = [one for one, count in Counter(made).items() if count > 1]
    assert not twice, "one attempt was made twice"
    due = Times("*/2 * * * *", BERLIN).within(start - 1, start + 60 * (minutes - 1), 1_000)
    assert {(name, at) for name, at, _ in made} == {(name, at) for name in "ab" for at in due}
    if not deaths:
        assert len(made) == 2 * len(due)
    desk.claims.reap()
    assert {one.state for one in desk.known.history(limit=10_000)} <= {"succeeded", "failed"}
    desk.known.close()


def _begin(workspace: Workspace, seed: int, start: int, minutes: int, deaths: bool) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    return subprocess.Popen([sys.executable, "-c", WORKER, str(workspace.root), *map(str, (seed, start, minutes, int(deaths)))],
                            stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(root)})


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc")
@pytest.mark.parametrize("script", ["sleep 1000 & echo $!; wait", "sleep 1000 & echo $!"])
def test_what_a_run_began_ends_with_it(script: str) -> None:
    process = subprocess.Popen(["sh", "-c", script], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    grandchild = int(process.stdout.readline())
    if not script.endswith("wait"):
        process.wait(30)
    working._end(process)
    status = Path(f"/proc/{grandchild}/status")
    for _ in range(10_000):
        if not status.exists() or "State:\tZ" in status.read_text():
            break
        os.sched_yield()
    else:
        raise AssertionError("it works on beside the next attempt")


def test_records_that_were_copied_to_another_folder_run_nothing(workspace: Workspace, tmp_path: Path) -> None:
    from pluto_duck.session.backup import copy_control
    from pluto_duck.workspace import create

    here = Desk(workspace, Clock(at("2026-03-10 12:00")))
    here.add("0 6 * * *")
    here.known.ask_for("it")
    there = create(tmp_path / "restored")
    there.control.unlink(missing_ok=True)
    copy_control(workspace.control, there.control)
    desk = Desk(there, Clock(at("2026-03-11 06:00")))
    assert [one.ours for one in desk.known.all()] == [False]
    desk.claims.mend(all_times=True)
    desk.claims.fall_due()
    assert desk.claims.take() is None
    assert {one.state for one in desk.history()} == {"skipped"}
    assert here.claims.take() is not None, "those of the first folder go on"
    for one in (here, desk):
        one.known.close()
