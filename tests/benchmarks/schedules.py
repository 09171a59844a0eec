"""What it costs to have 1,000 schedules: cpu time of the scheduler's process, which a busy machine does not blur."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from pluto_duck.schedule.model import Wish
from pluto_duck.schedule.running import Scheduler
from pluto_duck.schedule.store import Schedules
from pluto_duck.settings import Settings
from pluto_duck.workspace import ControlStore, Workspace, create
from tests.benchmarks.table import Row

MANY, REST_S, FIRINGS = 1_000, 62.0, 10


def all_rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        before = os.environ.get("PLUTODUCK_HOME")
        os.environ["PLUTODUCK_HOME"] = f"{folder}/home"
        try:
            workspace = create(Path(folder) / "workspace")
            known = Schedules(ControlStore(workspace.control), workspace)
            soon = time.gmtime(time.time() + 6 * 3_600).tm_hour
            for n in range(MANY):
                known.add(f"s{n}", Wish(f"{n % 60} {(soon + n % 12) % 24} * * *", "Europe/Berlin",
                                        ("query", "select 1"), str(workspace.root), missed="skip"))
            rest = _rest(workspace, known)
            yield Row(f"{MANY:,} schedules, nothing due", f"{100 * rest:.3f} % of one core over {REST_S:.0f} s", "none",
                      f"{100 * rest:.3f} %", "1 %", "0.1 %", rest < 0.01)
            each_ms = _firing(workspace, known)
            hourly = each_ms / 1000 * MANY / 3_600
            yield Row(f"{MANY:,} schedules, each of them hourly", f"{each_ms:.1f} ms of cpu a firing, beside what its verb "
                      "costs in its own process", "none", f"{100 * (rest + hourly):.2f} %", "1 %", "1 %",
                      rest + hourly < 0.01)
            due_ms = _fall_due(known)
            yield Row(f"{MANY:,} schedules that come due in one second", f"{due_ms:.0f} ms of cpu until all are claimed", "none",
                      f"{due_ms:.0f} ms", "1000 ms", "500 ms", due_ms < 1_000)
            known.close()
        finally:
            if before is None:
                del os.environ["PLUTODUCK_HOME"]
            else:
                os.environ["PLUTODUCK_HOME"] = before


def _scheduler(workspace: Workspace, known: Schedules) -> Scheduler:
    return Scheduler(workspace, Settings.load(workspace.toml), known=known)


def _rest(workspace: Workspace, known: Schedules) -> float:
    """Of one core."""
    scheduler, stop = _scheduler(workspace, known), threading.Event()
    thread = threading.Thread(target=scheduler.run, args=(stop,))
    thread.start()
    time.sleep(3)
    began, cpu = time.monotonic(), time.process_time()
    time.sleep(REST_S)
    spent = (time.process_time() - cpu) / (time.monotonic() - began)
    stop.set()
    scheduler.close()
    thread.join()
    return spent


def _firing(workspace: Workspace, known: Schedules) -> float:
    """Milliseconds of cpu that the scheduler's own process spends on one, from its claim to its end."""
    scheduler = _scheduler(workspace, known)
    for n in range(FIRINGS + 1):
        known.ask_for(f"s{n}")
        if not n:
            scheduler.run_due()
            cpu = time.process_time()
    while any(not one.done for one in known.history(limit=FIRINGS)):
        scheduler.look()  # as a server does; run_due would work out all times anew first
        time.sleep(0.2)
    spent = (time.process_time() - cpu) * 1000 / FIRINGS
    scheduler.close()
    return spent


def _fall_due(known: Schedules) -> float:
    scheduler_clock, known.clock = known.clock, lambda: time.time() + 2 * 86_400
    from pluto_duck.schedule.claiming import Claims

    cpu = time.process_time()
    Claims(known).fall_due()
    known.clock = scheduler_clock
    return (time.process_time() - cpu) * 1000
