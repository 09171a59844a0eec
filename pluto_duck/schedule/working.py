"""One attempt of one firing: a run of kind `schedule`, its verb in a process of its own.

A process of its own, because a server outlives what its schedules do: a timeout ends the work for certain, its folder
is the schedule's, and what it spends in memory it gives back.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import Cancelled, PlutoError, RunError, TimedOut, UsageError, from_dict
from pluto_duck.schedule.model import Firing, Schedule, State
from pluto_duck.schedule.times import zone_of
from pluto_duck.schedule.words import checked, filled
from pluto_duck.workspace import Workspace

if TYPE_CHECKING:
    from pluto_duck.runs import RunContext, Runs
    from pluto_duck.schedule.claiming import Claims
    from pluto_duck.workspace.locks import FileLock

LOOK_S = 0.25
LAST_S = 15.0
"""What was told to stop and has not after this long is killed."""
LOG_EVERY_S = 0.5
MOST_LOG = 200_000
"""Characters of what it prints that are kept."""


def perform(runs: Runs, claims: Claims, taken: tuple[Schedule, Firing, FileLock]) -> State:
    """In this thread, until it has ended; lets the lock go. `queued`: another attempt will be made."""
    schedule, firing, lock = taken
    attempt = _Attempt(runs.workspace, schedule, firing, lock)
    try:
        try:
            run = runs.start("schedule", _text(schedule), attempt.work, deadline_s=schedule.wish.timeout_s)
            claims.begun(firing, run.run_id)
            runs.wait(run.run_id)
            if attempt.began:
                attempt.ended.wait()
        except PlutoError as error:
            attempt.error = error
        return claims.finish(schedule, firing, attempt.state, attempt.error)
    finally:
        lock.close()


def _text(schedule: Schedule) -> str:
    import shlex

    return f"{schedule.name}: {shlex.join(schedule.wish.args)}"


class _Attempt:
    def __init__(self, workspace: Workspace, schedule: Schedule, firing: Firing, lock: FileLock) -> None:
        self._workspace, self._schedule, self._firing, self._lock = workspace, schedule, firing, lock
        self.began, self.ended = False, threading.Event()
        self.error: PlutoError | None = Cancelled("It was cancelled before it began.")
        self._log: list[str] = []
        self._logged = 0
        self._log_lock = threading.Lock()
        self._last: deque[str] = deque(maxlen=5)
        self._told: dict[str, Any] = {}
        self._silent = threading.Event()
        """It has closed its mouth, which it does by ending."""

    @property
    def state(self) -> State:
        if self.error is None:
            return "succeeded"
        if isinstance(self.error, TimedOut):
            return "timed_out"
        return "cancelled" if isinstance(self.error, Cancelled) else "failed"

    def work(self, run: RunContext) -> dict[str, Any]:
        self.began = True
        try:
            facts = self._work(run)
            self.error = None
            return facts
        except PlutoError as error:
            self.error = error
            raise
        except Exception as error:
            self.error = RunError(f"It stopped with an unexpected {type(error).__name__}: {error}")
            raise
        finally:
            self.ended.set()

    def _work(self, run: RunContext) -> dict[str, Any]:
        args, folder = self._schedule.wish.args, Path(self._schedule.wish.folder)
        run.emit("log", "start", schedule=self._schedule.name, due_at=self._firing.due_at,
                 attempt=self._firing.attempt)
        checked(args)  # by this version: the verb may have gone with the package that brought it
        args, first = filled(args, self._due), filled(self._schedule.wish.only_if, self._due)
        if not folder.is_dir():
            raise UsageError(f"The folder it runs in is gone: {folder}",
                             hint=f"schedule remove {self._schedule.name}, and add it again.")
        process = self._start(args, first, folder)
        try:
            self._attend(process, run)
        finally:
            _end(process)
        return self._outcome(process)

    @property
    def _due(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self._firing.due_at, zone_of(self._schedule.wish.zone))

    def _start(self, args: Sequence[str], first: Sequence[str], folder: Path) -> subprocess.Popen[str]:
        posix = {} if sys.platform == "win32" else {
            # The child holds the schedule's lock as well: it may live a moment longer than we do.
            "pass_fds": (self._lock.fileno(),), "start_new_session": True}
        # -P: the folder's own files are no modules of ours.
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "pluto_duck.schedule.child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, encoding="utf-8", errors="replace", cwd=folder,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"}, **posix)  # type: ignore[call-overload]
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps({
                "args": list(args), "first": list(first), "workspace": str(self._workspace.root),
                "label": f"schedule {self._schedule.name}"}) + "\n")
            process.stdin.flush()
        return process  # type: ignore[no-any-return]

    def _attend(self, process: subprocess.Popen[str], run: RunContext) -> None:
        readers = [threading.Thread(target=one, args=(process,), daemon=True) for one in (self._hear, self._overhear)]
        for one in readers:
            one.start()
        stopped_at: float | None = None
        logged_at = time.monotonic()
        while True:
            done = (self._silent.wait(LOOK_S) and _ended(process, LOOK_S)) or process.poll() is not None
            if done:
                for one in readers:
                    one.join(LAST_S)  # a grandchild may hold the pipe
            try:
                if done or time.monotonic() - logged_at > LOG_EVERY_S:
                    logged_at = time.monotonic()
                    self._tell(run)
                run.check()
            except (Cancelled, TimedOut):
                if done:
                    raise
                if stopped_at is None:
                    stopped_at = time.monotonic()
                    _interrupt(process)
                elif time.monotonic() - stopped_at > LAST_S:
                    _kill(process)
            if done:
                return

    def _hear(self, process: subprocess.Popen[str]) -> None:
        try:
            for line in process.stdout or ():
                told = json.loads(line)
                if told["kind"] in ("said", "shown"):
                    self._add(told["text"] + "\n")
                else:
                    self._told |= told
        except ValueError as error:  # it was killed in the middle of a line
            self._add(f"{error}\n")
        finally:
            self._silent.set()

    def _overhear(self, process: subprocess.Popen[str]) -> None:
        for line in process.stderr or ():
            self._add(line)

    def _add(self, text: str) -> None:
        with self._log_lock:
            if self._logged < MOST_LOG:
                self._log.append(text[:MOST_LOG - self._logged])
            self._logged += len(text)
            self._last.append(text[:500])

    def _tell(self, run: RunContext) -> None:
        from pluto_duck.workspace.blot import blotted

        with self._log_lock:
            text, self._log = "".join(self._log).rstrip("\n"), []
        if text:
            run.emit("log", "chunk", text=blotted(text))

    def _outcome(self, process: subprocess.Popen[str]) -> dict[str, Any]:
        if "error" in self._told:
            raise from_dict(self._told["error"])
        code = self._told.get("exit_code")
        if code is None:
            raise RunError(f"Its process ended by itself ({_ending(process.returncode)}).",
                           hint=f"It said last: {said}" if (said := "".join(self._last).strip()) else
                           "It said nothing; the machine may have been out of memory.")
        if code:
            raise RunError(f"`{self._schedule.wish.args[0]}` ended with exit code {code}.",
                           hint="The log of the run has what it said.", exit_code=code)
        return {"schedule": self._schedule.name, "due_at": self._firing.due_at, "attempt": self._firing.attempt}


def _ending(code: int) -> str:
    try:
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"
    except ValueError:
        return f"signal {-code}"


def _ended(process: subprocess.Popen[str], wait_s: float) -> bool:
    try:
        process.wait(wait_s)
        return True
    except subprocess.TimeoutExpired:
        return False


def _interrupt(process: subprocess.Popen[str]) -> None:
    """As Ctrl-C would: verbs leave things as they were."""
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            assert process.stdin is not None
            process.stdin.close()
        else:
            process.send_signal(signal.SIGINT)


def _kill(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)


def _end(process: subprocess.Popen[str]) -> None:
    """With what it began: a process that it left behind would work on beside the next attempt."""
    _kill(process)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
