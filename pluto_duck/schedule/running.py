"""Whoever runs the schedules of a workspace: one process at a time looks, any number may run what is ready."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from pluto_duck.errors import PlutoError
from pluto_duck.events.lease import Lease, is_held
from pluto_duck.schedule.claiming import Claims
from pluto_duck.schedule.model import Firing, Schedule
from pluto_duck.schedule.store import Schedules
from pluto_duck.schedule.working import perform
from pluto_duck.settings import Settings
from pluto_duck.workspace import ControlStore, Role, Workspace

if TYPE_CHECKING:
    from pluto_duck.runs import Runs
    from pluto_duck.workspace.locks import FileLock

LEASE = "schedules"
LOOK_S = 1.0
"""How soon another process's new schedule is noticed, and a clock that was set."""
MEND_S = 60.0

_log = logging.getLogger(__name__)


def somebody_runs(workspace: Workspace) -> bool:
    return is_held(workspace.folder, LEASE)


class Scheduler:
    """Opens the control store alone; a firing opens the database in its own process."""

    def __init__(self, workspace: Workspace, settings: Settings, *, role: Role = "server",
                 known: Schedules | None = None) -> None:
        self.workspace, self._settings, self._role = workspace, settings, role
        self._known = known or Schedules(ControlStore(workspace.control), workspace)
        self.claims = Claims(self._known)
        self._most = int(settings["schedules.running"])
        # Not told by Thread.join and is_alive: a join that Ctrl-C interrupts makes a living thread look dead.
        self._running: set[int] = set()
        self._runs: Runs | None = None
        self._bell = threading.Event()
        self._stopped = False

    # -- for a server -----------------------------------------------------------------------------

    def run(self, stop: threading.Event) -> None:
        """Until `stop`, once no other process does."""
        lease = Lease.wait(self.workspace.folder, LEASE, stop)
        if lease is None:
            return
        try:
            mended = 0.0
            while not stop.is_set() and not self._stopped:
                try:
                    if not mended or time.monotonic() - mended >= MEND_S:
                        self.claims.mend(all_times=not mended)
                        mended = time.monotonic()
                    self.look()
                except PlutoError as error:
                    _log.warning("the schedules of %s can't be read: %s", self.workspace.name, error.message)
                self._rest()
        finally:
            lease.close()

    def look(self) -> None:
        """Writes down what is due, and begins as much as may run at once."""
        self.claims.reap()  # each time: the process of a dead one's verb may outlive it by seconds
        self.claims.fall_due()
        while not self._stopped and len(self._running) < self._most and (taken := self.claims.take()) is not None:
            self._begin(taken)

    def _rest(self) -> None:
        """Until the next due time, but never long: other processes add schedules, and clocks are set."""
        next_at = self.claims.next_at()
        self._bell.wait(LOOK_S if next_at is None else min(max(next_at - self._known.clock(), 0.0), LOOK_S))
        self._bell.clear()

    def _begin(self, taken: tuple[Schedule, Firing, FileLock]) -> None:
        # Daemons: a server that is interrupted must not wait for them; their processes end with ours.
        thread = threading.Thread(target=self._perform, args=(self._opened(), taken), daemon=True,
                                  name=f"pluto-duck-schedule-{taken[0].name}")
        self._running.add(taken[1].id)
        thread.start()

    def _perform(self, runs: Runs, taken: tuple[Schedule, Firing, FileLock]) -> None:
        try:
            perform(runs, self.claims, taken)
        except PlutoError as error:
            _log.warning("the schedule %s: %s", taken[0].name, error.message)
        except Exception:  # a thread of ours in somebody's server
            _log.exception("the schedule %s", taken[0].name)
        finally:
            self._running.discard(taken[1].id)
            self._bell.set()

    def _opened(self) -> Runs:
        if self._runs is None:
            from pluto_duck.runs import Runs

            self._runs = Runs(ControlStore(self.workspace.control), self.workspace, settings=self._settings,
                              role=self._role, max_running=self._most)
        return self._runs

    @property
    def at_work(self) -> int:
        return len(self._running)

    def begin_nothing(self) -> None:
        """From now on; what runs goes on, and somebody else may look."""
        self._stopped = True
        self._bell.set()

    def cancel_all(self) -> None:
        if self._runs is not None:
            self._runs.cancel_mine()

    def close(self, wait_s: float = 20.0) -> None:
        """Stops what runs, as Ctrl-C would, and waits for it."""
        self.begin_nothing()
        self.cancel_all()
        self._await_all(wait_s)
        if self._runs is not None and not self.at_work:
            self._runs.close()

    def _await_all(self, wait_s: float | None) -> None:
        end = None if wait_s is None else time.monotonic() + wait_s
        while self._running and (end is None or time.monotonic() < end):
            self._bell.wait(LOOK_S)
            self._bell.clear()

    def leave(self) -> None:
        """After `close`, once the thread of `run` has ended: lets go of the control store, unless somebody is in it."""
        if not self.at_work:
            self._known.close()

    # -- for a shell ------------------------------------------------------------------------------

    def run_due(self) -> list[Firing]:
        """What is due now, to its end; those firings as they are then. Retries that wait are for the next time."""
        self.claims.reap()
        self.claims.mend(all_times=True)
        self.claims.fall_due()
        begun: list[int] = []
        while True:
            while len(self._running) < self._most and (taken := self.claims.take()) is not None:
                begun.append(taken[1].id)
                self._begin(taken)
            if not self._running:
                break
            self._bell.wait()
            self._bell.clear()
        found = (self._known.firing(one) for one in dict.fromkeys(begun))
        return [one for one in found if one is not None]

    def run_one(self, id: int) -> Firing | None:
        """That firing, here, to its end; None where its schedule is running or another process took it."""
        taken = self.claims.take_one(id)
        if taken is None:
            return None
        self._begin(taken)
        self._await_all(None)
        return self._known.firing(id)
