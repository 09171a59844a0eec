"""Readers: processes that run strangers' SQL and can be killed. Started ahead, one statement at a time in each."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from pluto_duck.errors import (
    Cancelled,
    PlutoError,
    QueueFull,
    RunError,
    StatementError,
    TimedOut,
    WorkspaceUnusable,
    from_dict,
)
from pluto_duck.settings import Settings
from pluto_duck.workspace import wire
from pluto_duck.workspace.database import Watchdog
from pluto_duck.workspace.protocol import Reply
from pluto_duck.workspace.wire import Peer

KILL_AFTER_S = 1.0
"""After its deadline a statement has this long to stop by itself; then its process is killed."""
STOP_GRACE_S = 0.4
"""The same after a cancel."""
START_S = 60.0
STATEMENTS = 500
"""After so many a process is replaced by a fresh one."""
MAX_FRAME = 512 << 20

_LOG = logging.getLogger("pluto_duck.reader")


class Reader:
    """One process, as its parent sees it."""

    def __init__(self, main: str, settings: Settings) -> None:
        ours, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", main, str(os.getpid()), str(settings["reader.memory_mb"]),
                 str(settings["reader.threads"]), str(settings["reader.max_mb"])],
                stdin=theirs.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=True, cwd=os.sep,
                env=_environment(), start_new_session=True)
        finally:
            theirs.close()
        self.peer = Peer(ours)
        self.world = ""
        """The print of what it has open."""
        self.statements = 0
        self.ready = False
        self._killed: type[PlutoError] | None = None
        self._lock = threading.Lock()

    def wait_ready(self) -> None:
        """Raises OSError or EOFError when it does not come up."""
        self.peer.settimeout(START_S)
        kind, said = self.peer.get_json()
        if kind != "J":
            raise EOFError(said.get("message", ""))
        self.peer.settimeout(None)
        self.ready = True

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    @property
    def lives(self) -> bool:
        return self._process.poll() is None

    def send(self, kind: wire.Kind, said: Any) -> None:
        with self._lock:
            self.peer.put_json(kind, said)
            self.peer.flush()

    def kill(self, why: type[PlutoError] | None = None) -> None:
        self._killed = self._killed or why
        if self.lives:
            self._process.kill()

    def end(self) -> None:
        """Kills it, and waits until it is gone."""
        self.kill()
        self.peer.close()
        self._process.wait()

    def fate(self) -> PlutoError:
        """Why it has ended in the middle of a statement."""
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if self._killed is TimedOut or code == -getattr(signal, "SIGXCPU", 24):
            return TimedOut("The statement ran longer than it may.", hint="Ask for less, or raise timeout_s.")
        if self._killed is Cancelled:
            return Cancelled("The statement was cancelled.")
        _LOG.warning("A reader (pid %d) ended with %d in the middle of a statement.", self.pid, code)
        return StatementError("The statement failed: it ended the process that it ran in; it may have needed more "
                              "memory than there is for it.", hint="Ask for less at once.", engine="OutOfMemory")


def _environment() -> dict[str, str]:
    """Nothing of the parent's but where Python finds its modules, and the time zone."""
    found = {"PYTHONPATH": os.pathsep.join(os.path.abspath(one) for one in sys.path if one),
             "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": "1"}
    for name in ("TZ", "SYSTEMROOT", "LD_LIBRARY_PATH"):
        if name in os.environ:
            found[name] = os.environ[name]
    return found


class Readers:
    """The pool of one workspace in one process."""

    def __init__(self, main: str, settings: Settings) -> None:
        """`main`: the module that a process runs."""
        self._main, self._settings = main, settings
        self._changed = threading.Condition()
        self._idle: list[Reader] = []
        self._alive: set[Reader] = set()
        self._watchdog = Watchdog()
        self._spawner: threading.Thread | None = None
        self._failures = 0
        self._waiting = 0
        self._closed = False
        self._pid = os.getpid()

    def warm(self) -> None:
        """Starts them, in the background."""
        with self._changed:
            if self._spawner is None and not self._closed:
                # The kernel ends a reader with the thread that started it: one thread that stays.
                self._spawner = threading.Thread(target=self._spawn, name="pluto-duck-readers", daemon=True)
                self._spawner.start()

    def pids(self) -> list[int]:
        """Of those that are ready, or at work."""
        with self._changed:
            return [one.pid for one in self._alive if one.ready]

    def _spawn(self) -> None:
        while True:
            with self._changed:
                while not self._closed and len(self._alive) >= max(1, int(self._settings["reader.count"])):
                    self._changed.wait()
                if self._closed:
                    return
            try:
                one = Reader(self._main, self._settings)
                with self._changed:
                    closed = self._closed
                    if not closed:
                        self._alive.add(one)
                if closed:  # while it was started: nobody else knows of it
                    one.end()
                    return
                try:
                    one.wait_ready()
                except BaseException:
                    with self._changed:
                        self._alive.discard(one)
                    one.end()
                    raise
            except (OSError, EOFError, ValueError) as error:
                if self._closed:
                    return
                _LOG.error("A reader could not be started: %s", error)
                with self._changed:
                    self._failures += 1
                    self._changed.notify_all()
                    if self._closed:
                        return
                    self._changed.wait(min(5.0, 0.2 * 2 ** self._failures))
                continue
            with self._changed:
                self._failures = 0
                self._idle.append(one)
                self._changed.notify_all()

    def take(self, world: str, until: float, check: Callable[[], None]) -> Reader:
        """One that has nothing to do, best one that has `world` open. Raises QueueFull when none is free `until`
        (time.monotonic()), TimedOut where the first has not started then, and what `check` raises while waiting."""
        self.warm()
        with self._changed:
            self._waiting += 1
            try:
                while True:
                    if self._closed:
                        raise RunError("This door to the workspace has been closed.", hint="Open it again.")
                    for one in [one for one in self._idle if not one.lives]:
                        self._idle.remove(one)
                        self._gone(one)
                    if self._idle:
                        one = next((one for one in self._idle if one.world == world), self._idle[0])
                        self._idle.remove(one)
                        return one
                    if self._failures >= 3 and not self._alive:
                        raise WorkspaceUnusable("The process that reads for others can't be started.",
                                                hint="The log of the server has the reason.")
                    left = until - time.monotonic()
                    if left <= 0:
                        if not any(one.ready for one in self._alive):
                            raise TimedOut("The time was over before a reader had started.", hint="Ask again: the next "
                                           "statement finds one.")
                        raise QueueFull("All readers are busy.", hint="Try again when other statements have ended.")
                    self._changed.wait(min(left, 0.05))
                    check()
            finally:
                self._waiting -= 1

    def give(self, one: Reader, *, good: bool) -> None:
        """Back, after a statement; `good`: it answered to the end."""
        good = good and one.lives and one.statements < STATEMENTS
        if not good:
            one.end()
        with self._changed:
            if good and not self._closed:
                self._idle.append(one)
            else:
                self._gone(one)
            self._changed.notify_all()

    def _gone(self, one: Reader) -> None:
        self._alive.discard(one)
        one.end()
        self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            alive, self._alive = list(self._alive), set()
            self._idle.clear()
            self._changed.notify_all()
        self._watchdog.close()
        if os.getpid() == self._pid:
            for one in alive:
                one.end()

    def after_fork_in_child(self) -> None:
        """They are the parent's, and end when all their sockets are closed."""
        for one in list(self._alive):
            one.peer.close()

    # -- a statement ------------------------------------------------------------------------------

    def read(self, job: dict[str, Any], *, world: str, timeout_s: float, reading: Reading) -> Reply:
        """Runs a job in a process of its own; `reading` can stop it from another thread."""
        until = time.monotonic() + timeout_s
        one = self._begun(job, world, until, reading)
        done = threading.Event()
        left = max(0.05, until - time.monotonic())

        def kill() -> bool:
            if not done.is_set():
                one.kill(TimedOut)
            return False

        def over(good: bool) -> None:
            if not done.is_set():
                done.set()
                reading.end()
                self.give(one, good=good)

        reading.begin(one, self._watchdog)
        self._watchdog.after(left + KILL_AFTER_S, kill)
        try:
            kind, said = one.peer.get_json()
        except (OSError, EOFError) as error:
            fate = one.fate()
            over(False)
            raise fate from error
        except BaseException:
            over(False)
            raise
        one.world = world
        if kind == "X":
            one.world = str(said.pop("world", ""))
            over(True)
            raise _told(said)
        reply = Reply(said)
        if "columns" not in said:
            over(True)
            return reply
        try:
            schema_kind, body = one.peer.get()
            if schema_kind != "S":
                raise EOFError("no schema")
            reply.schema = wire.read_schema(body)
        except (OSError, EOFError) as error:
            fate = one.fate()
            over(False)
            raise fate from error
        reply.batches = self._batches(one, reply, over)

        def left_early() -> None:
            if not done.is_set():
                over(_drained(one))  # it would go on for nobody

        reply.on_close = left_early
        return reply

    def _begun(self, job: dict[str, Any], world: str, until: float, reading: Reading) -> Reader:
        """The reader that has the job. One that had died before it got it is nobody's fault: another one is taken."""
        while True:
            one = self.take(world, until, reading.check)
            one.statements += 1
            try:
                one.send("J", {**job, "timeout_s": max(0.05, until - time.monotonic())})
                one.peer.settimeout(START_S)
                if one.peer.get_json()[0] == "J":
                    one.peer.settimeout(None)
                    return one
            except (OSError, EOFError):
                pass
            self.give(one, good=False)

    def _batches(self, one: Reader, reply: Reply, over: Callable[[bool], None]) -> Iterator[Any]:
        try:
            while True:
                kind, body = one.peer.get()
                if kind in "AB":
                    if len(body) > MAX_FRAME:
                        raise EOFError("more than was agreed")
                    yield wire.read_batch(kind, body, reply.schema)
                    continue
                import json

                said = json.loads(body)
                over(True)
                if kind == "X":
                    raise _told(said)
                reply.trailer.update(said)
                return
        except (OSError, EOFError) as error:
            fate = one.fate()
            over(False)
            raise fate from error
        finally:
            reply.close()


def _drained(one: Reader) -> bool:
    """Stops the statement and reads what it still says; False when that takes long."""
    until = time.monotonic() + STOP_GRACE_S
    try:
        one.send("J", {"op": "stop"})
        while (left := until - time.monotonic()) > 0:
            one.peer.settimeout(left)
            if one.peer.get()[0] in "EX":
                one.peer.settimeout(None)
                return True
    except (OSError, EOFError):
        pass
    return False


def _told(said: dict[str, Any]) -> PlutoError:
    """The error of a reader; the words that are the owner's go into the log."""
    log = said.pop("log", "")
    if log:
        logging.getLogger("pluto_duck.policy").info("For a role, in place of: %s", log)
    return from_dict(said)


class Reading:
    """A statement that may be stopped from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reader: Reader | None = None
        self._watchdog: Watchdog | None = None
        self.stopped = False
        self._doomed: Reader | None = None

    def check(self) -> None:
        if self.stopped:
            raise Cancelled("The statement was cancelled.")

    def begin(self, one: Reader, watchdog: Watchdog) -> None:
        with self._lock:
            self._reader, self._watchdog = one, watchdog
        if self.stopped:
            self.stop()

    def end(self) -> None:
        with self._lock:
            self._reader = None

    def stop(self) -> None:
        """Asks it to stop, and kills its process when it does not."""
        self.stopped = True
        with self._lock:
            one, watchdog = self._reader, self._watchdog
            if one is None or watchdog is None:
                return
            first, self._doomed = self._doomed is not one, one
            try:
                one.send("J", {"op": "stop"})
            except OSError:
                return

        def kill() -> bool:
            with self._lock:
                if self._reader is one:
                    one.kill(Cancelled)
            return False

        if first:
            watchdog.after(STOP_GRACE_S, kill)
