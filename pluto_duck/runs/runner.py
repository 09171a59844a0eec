"""Runs: starts work in threads, follows it from anywhere, stops it, and buries what a crash left."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pluto_duck.errors import (
    Cancelled,
    ControlBusy,
    PlutoError,
    RunError,
    RunNotFound,
    TimedOut,
    WorkspaceUnusable,
)
from pluto_duck.governance.audit import Trail, current, following, recorder, who_of
from pluto_duck.runs.context import RunContext, StopReason
from pluto_duck.runs.liveness import Presence, is_alive, sweep_locks
from pluto_duck.runs.model import Run, RunEvent, Status
from pluto_duck.runs.queue import FEW, OWNER, FairQueue, Share
from pluto_duck.runs.rowsfile import RowsReader, is_ours, rows_path
from pluto_duck.runs.store import RunStore
from pluto_duck.session import Session
from pluto_duck.settings import Settings
from pluto_duck.workspace import ControlStore, Role, Workspace

if TYPE_CHECKING:
    import pyarrow

    from pluto_duck.governance.actor import Actor
    from pluto_duck.session import Result

Work = Callable[[RunContext], "dict[str, Any] | None"]
"""What a run does. The facts it returns (plain JSON values) stand in the run's record."""

T = TypeVar("T")

TICK_S = 0.05
"""How often a process with running work looks for cancels of other processes and for deadlines."""
STOP_GRACE_S = 5.0
"""Work that was told to stop and has not after this long is given up: its run ends, its thread may not."""
SWEEP_AFTER = 1_000
AGAIN_S = 0.2

_log = logging.getLogger(__name__)


@dataclass
class _Job:
    run_id: str
    kind: str
    work: Work
    deadline_s: float | None
    context: RunContext
    lane: str = OWNER
    share: Share = FEW
    trail: Trail | None = None
    """What the audit is told of it; None for the owner's."""
    ends_at: float | None = None
    stopped_at: float | None = None


def _nothing(_: RunContext) -> None:
    return None


class Runs:
    """The runs of one workspace, as this process sees them. Any number may exist at once, in any process."""

    def __init__(self, of: Session | ControlStore, workspace: Workspace | None = None, *,
                 settings: Settings | None = None, role: Role = "shell", max_running: int = 4,
                 max_waiting: int = 64) -> None:
        """`max_running` and `max_waiting` are the owner's; those of all others are the settings `server.*`."""
        if isinstance(of, Session):
            workspace, settings, role = of.workspace, settings or of.settings, of.role
            control = ControlStore(workspace.control)  # its own: it outlives the session's
        else:
            control = of
        if workspace is None:
            raise TypeError("Runs(control_store) needs a workspace.")
        self.workspace = workspace
        self._role: Role = role
        self._settings = settings
        self._sizes = max_running, max_waiting
        self._store = RunStore(control)
        self._presence: Presence | None = None
        self._listeners: set[Callable[[], None]] = set()
        self._swept_at = float("-inf")
        self._started = 0
        self._closed = False
        self._reset()
        _all.add(self)

    def _reset(self) -> None:
        self._lock = threading.Condition()
        running, waiting = self._sizes
        self.queue: FairQueue[_Job] = FairQueue(
            running, waiting, others_running=self.settings["server.running"],
            others_waiting=self.settings["server.waiting"])
        self._active: dict[str, _Job] = {}
        self._workers: list[threading.Thread] = []
        self._idle = 0
        self._monitor: threading.Thread | None = None
        self._generation = 0
        self._alive_until: dict[str, float] = {}

    def _after_fork(self) -> None:
        if self._presence is not None:
            self._presence.forget()
            self._presence = None
        self._listeners = set()
        self._store.after_fork()
        self._reset()

    # -- starting ---------------------------------------------------------------------------------

    def start(self, kind: str, text: str, work: Work, *, deadline_s: float | None = None,
              run_id: str | None = None, actor: Actor | None = None, share: Share | None = None) -> Run:
        """Queues work for a thread of its own and returns at once. Raises QueueFull.

        `deadline_s` counts from the moment the work begins. `actor`: who asks, None for the owner: its session is
        that actor's, and of its runs no more than its `share` are at work and wait.
        """
        self._tidy()
        run_id = run_id or str(uuid.uuid4())
        job = _Job(run_id, kind, work, deadline_s, self._context(run_id, actor),
                   actor.identity if actor is not None else OWNER, share or self._share(),
                   self._trail(run_id, kind, text, actor))
        with self._lock:
            self.queue.check(job.lane, job.share)
            owner = self._be_present()
        self._store.insert(run_id=run_id, kind=kind, text=text, owner=owner, deadline_s=deadline_s,
                           actor=actor.identity if actor is not None else "")
        with self._lock:
            self.queue.put(job)
            if self.queue.ready() > self._idle and len(self._workers) < self.queue.running + self.queue.others_running:
                self._workers.append(self._thread(self._worker, f"pluto-duck-run-{len(self._workers) + 1}"))
            self._begin_watch()
            self._lock.notify_all()
        return self.get(run_id)

    def attend(self, kind: str, text: str, session: Session,
               work: Callable[[RunContext], tuple[T, int, dict[str, Any]]], *, deadline_s: float | None = None) -> T:
        """Does work in this thread and session, as a run that anybody may follow and cancel.

        `work` returns (a value, its rows, its facts); the value comes back, and whatever it raises comes out as it is,
        but for TimedOut once the deadline has passed. A cancel interrupts the session until the work ends.
        """
        self._tidy()
        run_id = str(uuid.uuid4())
        context = self._context(run_id)
        context.lend(session)
        job = _Job(run_id, kind, _nothing, deadline_s, context)
        job.ends_at = None if deadline_s is None else time.monotonic() + deadline_s
        with self._lock:
            owner = self._be_present()
        self._store.insert(run_id=run_id, kind=kind, text=text, owner=owner, deadline_s=deadline_s)
        with self._lock:
            self._active[run_id] = job
            self._begin_watch()
        try:
            self._store.begin(run_id)
            self._changed()
            value, rows, facts = work(context)
            self._store.finish(run_id, "succeeded", facts=facts, row_count=rows)
            return value
        except BaseException as error:
            status, explained = _outcome(job, _told(error))
            self._store.finish(run_id, status, error=explained.to_dict())
            if context.stop_reason == "timed_out" and isinstance(error, PlutoError):
                raise explained from error
            raise
        finally:
            context.close()
            with self._lock:
                self._active.pop(run_id, None)
                self._lock.notify_all()
            self._changed()

    def _context(self, run_id: str, actor: Actor | None = None) -> RunContext:
        return RunContext(run_id, self._store, self.workspace, lambda: self._open_session(actor), self._changed)

    def _be_present(self) -> str:
        """The owner that this process's runs carry; under the lock."""
        if self._closed:
            raise RunError("This door to the workspace has been closed.", hint="Open it again.")
        if self._presence is None:
            self._presence = Presence(self.workspace.runs)
        return self._presence.owner

    def _begin_watch(self) -> None:
        if self._monitor is None:
            self._monitor = self._thread(self._watch, "pluto-duck-runs")

    @staticmethod
    def _thread(target: Callable[[], None], name: str) -> threading.Thread:
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        return thread

    def record(self, kind: str, text: str, status: Status, elapsed_s: float, rows: int = 0,
               error: PlutoError | None = None, **facts: Any) -> Run:
        """Keeps the history of work that was done without a run: a notebook cell, a shell command."""
        self._tidy()
        run_id = str(uuid.uuid4())
        self._store.record(run_id=run_id, kind=kind, text=text, status=status, elapsed_s=elapsed_s,
                           row_count=rows, error=error.to_dict() if error else None, facts=facts)
        return self.get(run_id)

    def _open_session(self, actor: Actor | None) -> Session:
        return Session.open(self.workspace.root, role=self._role, label="run", actor=actor)

    # -- the threads ------------------------------------------------------------------------------

    def _worker(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
                while not self._closed and (job := self.queue.take()) is None:
                    self._lock.wait()
                self._idle -= 1
                if self._closed:
                    return
                assert job is not None
                self._active[job.run_id] = job
            started = time.monotonic()
            try:
                self._do(job)
            finally:
                with self._lock:
                    self._active.pop(job.run_id, None)
                    self.queue.done(job, time.monotonic() - started)
                    self._lock.notify_all()

    def _do(self, job: _Job) -> None:
        if not self._kept(lambda: self._store.begin(job.run_id)):
            self._end(job.run_id, "cancelled", error=Cancelled("The run was cancelled.").to_dict())
            self._changed()
            return
        self._changed()
        if job.deadline_s is not None:
            job.ends_at = job.context.ends_at = time.monotonic() + job.deadline_s
        try:
            with following(job.trail):
                facts = job.work(job.context)
            self._end(job.run_id, "succeeded", facts=facts)
        except BaseException as error:
            status, explained = _outcome(job, error)
            self._end(job.run_id, status, error=explained.to_dict())
        finally:
            self._record(job)
            self._changed()
            job.context.settle()
            job.context.close()

    def _end(self, run_id: str, status: Status, **told: Any) -> bool:
        return bool(self._kept(lambda: self._store.finish(run_id, status, **told)))

    def _kept(self, write: Callable[[], T]) -> T | None:
        """Written as soon as the control store takes it: a run must not stay as it was because another program holds
        the store, or the disk is full for a while. None where this object was closed meanwhile."""
        while True:
            try:
                return write()
            except (ControlBusy, WorkspaceUnusable) as error:
                with self._lock:
                    if self._closed or self._lock.wait_for(lambda: self._closed, AGAIN_S):
                        _log.warning("a run's state could not be kept: %s", error)
                        return None

    def _trail(self, run_id: str, kind: str, text: str, actor: Actor | None) -> Trail:
        above = current()
        trail = (above or Trail()).child({"sql": "query", "question": "ask"}.get(kind, kind), run_id)
        trail.who = who_of(actor)
        asked = above is not None and above.via == "rest"
        trail.counts = actor is not None or (asked and recorder(self.workspace).owners)
        trail.sql = text if kind == "sql" else ""
        return trail

    def _record(self, job: _Job) -> None:
        if job.trail is None or not job.trail.counts:
            return
        found = self._store.get(job.run_id)
        if found is not None:
            run = found[0]
            job.trail.rows = max(job.trail.rows or 0, run.row_count) if run.row_count else job.trail.rows
            keeper = recorder(self.workspace)
            keeper.note(keeper.recorded(job.trail, status=run.status))

    def _watch(self) -> None:
        """Every 50 ms while there is work: deadlines, cancels from other processes, repeated interrupts."""
        mark = -1
        while True:
            with self._lock:
                self._lock.wait(TICK_S)
                if self._closed or not (self._active or len(self.queue)):
                    self._monitor = None
                    return
                jobs, presence = list(self._active.values()), self._presence
            now = time.monotonic()
            for job in jobs:
                if job.ends_at is not None and now >= job.ends_at:
                    self._stop(job, "timed_out")
                elif job.context.cancelled:
                    self._stop(job, "cancelled")  # again: an interrupt between two statements is lost
            seen = self._store.change_mark()
            if seen != mark and presence is not None:
                mark = seen
                for run_id in self._store.cancels(presence.owner):
                    self._stop_mine(run_id)

    def note(self, run_id: str, text: str) -> None:
        """A line in the log of a run that has not ended."""
        self._store.append(run_id, "log", "chunk", {"text": text})
        self._changed()

    def _stop(self, job: _Job, reason: StopReason) -> None:
        job.context.stop(reason)
        job.stopped_at = job.stopped_at or time.monotonic()
        if time.monotonic() - job.stopped_at > STOP_GRACE_S:
            status, error = _outcome(job, Cancelled("The run was cancelled."))
            given_up = False
            with suppress(ControlBusy, WorkspaceUnusable):  # the next tick tries again
                given_up = self._store.finish(job.run_id, status, error=error.to_dict())
            if given_up:
                _log.warning("run %s (%s) does not stop; it was given up", job.run_id, job.kind)
                self._changed()

    def _stop_mine(self, run_id: str) -> bool:
        with self._lock:
            job = self._active.get(run_id)
            waiting = self.queue.find(run_id)
            if waiting is not None:
                self.queue.remove(waiting)
        if waiting is not None:
            self._store.finish(run_id, "cancelled", error=Cancelled("The run was cancelled.").to_dict())
            self._changed()
        elif job is not None:
            self._stop(job, "cancelled")
        return waiting is not None or job is not None

    # -- news -------------------------------------------------------------------------------------

    def _changed(self) -> None:
        with self._lock:
            self._generation += 1
            self._lock.notify_all()
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    def on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls `listener` (from the thread of a run: be quick) whenever a run of this process moves;
        returns what takes it off again."""
        with self._lock:
            self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def is_mine(self, run_id: str) -> bool:
        """True while this object runs it: its news come by `on_change`, others' must be asked for."""
        with self._lock:
            return run_id in self._active or self.queue.find(run_id) is not None

    # -- looking ----------------------------------------------------------------------------------

    def get(self, run_id: str) -> Run:
        """Raises RunNotFound. A run whose process has died is marked failed first."""
        found = self._store.get(run_id)
        if found is None:
            raise RunNotFound(f'There is no run "{run_id}".',
                              hint=f"Runs are kept for {self._keep_days()} days.", run_id=run_id)
        run, owner = found
        if not run.done and not self._lives(owner) and self._bury(run_id):
            return self.get(run_id)
        return run

    def list(self, limit: int = 50, *, before: int | None = None, status: Status | None = None) -> list[Run]:
        """Newest first. `before` is the number of the last run of the page before."""
        self._tidy()
        return self._store.list(limit, before, status)

    def succeeded(self, kinds: Sequence[str], limit: int) -> Sequence[tuple[str, str, float, str]]:
        """(kind, text, seconds since 1970 when it was begun, facts as JSON), newest first."""
        return self._store.succeeded(kinds, limit)

    def read_events(self, run_id: str, after: int = 0, limit: int = 500) -> Sequence[RunEvent]:
        """What is there now, after the given sequence number; does not wait."""
        return self._store.events(run_id, after, limit)

    def events(self, run_id: str, after: int = 0, *, follow: bool = True) -> Iterator[RunEvent]:
        """Replays the events after a sequence number and, with `follow`, waits for more until the last.

        Any number of followers, in any process; each sees every event once, in order.
        """
        run = self.get(run_id)
        while True:
            generation = self._generation
            for event in self._pages(run_id, after):
                yield event
                after = event.seq
            if run.done or not follow:
                return
            run = self.get(run_id)
            if run.done:
                continue  # once more for what came between the two looks
            self._await_change(run_id, generation, 1.0)

    def _pages(self, run_id: str, after: int) -> Iterator[RunEvent]:
        while page := self.read_events(run_id, after):
            yield from page
            after = page[-1].seq

    def wait(self, run_id: str, timeout_s: float | None = None) -> Run:
        """The run once it has ended, or as it is when the time is over."""
        end = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            generation = self._generation
            run = self.get(run_id)
            left = 1.0 if end is None else end - time.monotonic()
            if run.done or left <= 0:
                return run
            self._await_change(run_id, generation, left)

    def _await_change(self, run_id: str, generation: int, most_s: float) -> None:
        """Until something moved here since `generation`; runs of other processes are asked each tick."""
        with self._lock:
            most_s = min(most_s, 1.0 if run_id in self._active else TICK_S)
            self._lock.wait_for(lambda: generation != self._generation, most_s)

    def position(self, run_id: str) -> int | None:
        """Runs of this process that begin before a waiting one; None for any other."""
        with self._lock:
            job = self.queue.find(run_id)
            return self.queue.position(job) if job is not None else None

    def standing(self) -> dict[str, object]:
        """How many of whose runs this process has at work and waiting."""
        with self._lock:
            return self.queue.standing()

    def progress(self, run_id: str) -> float:
        """Percent of the statement that a run of this process is in; -1 when not known."""
        with self._lock:
            job = self._active.get(run_id)
        return job.context.progress() if job is not None else -1.0

    def cache_counts(self) -> dict[str, int]:
        """How many of the runs that are kept were a `hit`, a `miss` or a `bypass` of the cache."""
        return self._store.cache_counts()

    # -- rows -------------------------------------------------------------------------------------

    def open_rows(self, run: Run) -> RowsReader:
        """A reader of the run's rows; the caller closes it."""
        return RowsReader(rows_path(self.workspace.runs, run.run_id), growing=not run.done)

    def page(self, run: Run, offset: int, limit: int) -> pyarrow.Table | None:
        """Rows [offset, offset + limit) of those kept so far; None when there is no row file yet."""
        import pyarrow

        if run.columns is None or (not run.done and not run.batches):
            return None
        wanted, at = [], 0
        with RowsReader(rows_path(self.workspace.runs, run.run_id), growing=False) as reader:
            if not run.batches and run.status != "succeeded":
                return None
            schema = reader.schema
            for batch in reader.upto(run.batches):
                first, last = max(offset - at, 0), min(offset + limit - at, batch.num_rows)
                if first < last:
                    wanted.append(batch.slice(first, last - first))
                at += batch.num_rows
                if at >= offset + limit:
                    break
            return pyarrow.Table.from_batches(wanted, schema=schema)

    def result(self, run_id: str) -> Result:
        """All rows of a finished run; raises what made it fail."""
        from pluto_duck.workspace import Column, Result

        run = self.wait(run_id)
        failure = run.failure()
        if failure is not None:
            raise failure
        table = self.page(run, 0, run.row_count)
        return Result(
            columns=tuple(Column(c.name, c.type) for c in run.columns or ()), table=table, sql=run.text,
            statement=str(run.facts.get("statement", "")), elapsed_s=run.elapsed_s,
            truncated=bool(run.facts.get("truncated")), affected_rows=run.facts.get("affected_rows"),
            workspace=str(self.workspace.root))

    # -- stopping ---------------------------------------------------------------------------------

    def cancel(self, run_id: str) -> Run:
        """Asks a run to stop, whichever process it is in; at once here, within a tick elsewhere.

        A run that has ended stays as it is.
        """
        run = self.get(run_id)
        if run.done:
            return run
        if not self._stop_mine(run_id):
            self._store.request_cancel(run_id)
        return self.get(run_id)

    def unfinished(self) -> int:
        """Runs of this object that wait or are at work."""
        with self._lock:
            return len(self.queue) + len(self._active)

    def cancel_mine(self) -> None:
        with self._lock:
            jobs = [*self.queue.jobs(), *self._active.values()]
        for job in jobs:
            self._stop_mine(job.run_id)

    def close(self) -> None:
        """Cancels what this object runs and waits shortly for it. May be called twice."""
        self.cancel_mine()
        deadline = time.monotonic() + 2.0
        with self._lock:
            while self._active and (left := deadline - time.monotonic()) > 0:
                self._lock.wait(left)
            unfinished = list(self._active.values())
            already, self._closed = self._closed, True
            monitor = self._monitor
            self._lock.notify_all()
        if already:
            return
        if monitor is not None:
            monitor.join()
        for job in unfinished:
            try:
                self._store.finish(job.run_id, "cancelled", error=Cancelled("Its process was closed.").to_dict())
            except (ControlBusy, WorkspaceUnusable) as error:  # the rest of the process still has to end
                _log.warning("Run %s could not be noted as cancelled: %s", job.run_id, error)
        for worker in self._workers:
            worker.join(1.0)
        if self._presence is not None:
            self._presence.leave()
            self._presence = None
        if not unfinished:  # work that does not stop may still have something to write
            self._store.close()

    # -- after a crash, and after a week ------------------------------------------------------------

    def _lives(self, owner: str) -> bool:
        if self._presence is not None and owner == self._presence.owner:
            return True
        now = time.monotonic()
        if self._alive_until.get(owner, 0.0) > now:
            return True
        if not is_alive(self.workspace.runs, owner):
            return False
        self._alive_until[owner] = now + 0.5  # a look costs two system calls: followers look each tick
        return True

    def _bury(self, run_id: str) -> bool:
        error = RunError("The process that ran it ended before the run did.", hint="Start it again.")
        return self._store.finish(run_id, "failed", error=error.to_dict())

    def reap(self) -> int:
        """Marks the unfinished runs of dead processes as failed; how many there were."""
        return sum(self._bury(run_id) for run_id, owner in self._store.unfinished() if not self._lives(owner))

    def sweep(self) -> int:
        """Removes runs older than the setting runs.keep_days, and the oldest of more than runs.keep_most, with their
        events and rows; how many."""
        gone = self._store.forget_before(time.time() - self._keep_days() * 86_400)
        gone += self._store.forget_but(int(self.settings["runs.keep_most"]))
        for run_id in filter(is_ours, gone):
            rows_path(self.workspace.runs, run_id).unlink(missing_ok=True)
        files = list(self.workspace.runs.glob("*.arrow"))  # before `known`: a run is recorded before its file is made
        known = self._store.known()
        for path in files:
            if is_ours(path.stem) and path.stem not in known:
                path.unlink(missing_ok=True)
        sweep_locks(self.workspace.runs)
        return len(gone)

    def _keep_days(self) -> int:
        return int(self.settings["runs.keep_days"])

    @property
    def settings(self) -> Settings:
        if self._settings is None:
            self._settings = Settings.load(self.workspace.toml)
        return self._settings

    def _share(self) -> Share:
        return Share(self.settings["limits.running"], self.settings["limits.waiting"])

    def _tidy(self) -> None:
        """At most once an hour, or after so many runs."""
        self._started += 1
        if time.monotonic() - self._swept_at > 3600 or self._started >= SWEEP_AFTER:
            self._swept_at, self._started = time.monotonic(), 0
            self.reap()
            self.sweep()


def _told(error: BaseException) -> PlutoError:
    """What the record says of an error that its caller sees itself."""
    if isinstance(error, PlutoError):
        return error
    return Cancelled("Stopped.") if isinstance(error, KeyboardInterrupt) else RunError(
        f"It stopped with an unexpected {type(error).__name__}.")


def _outcome(job: _Job, error: BaseException) -> tuple[Status, PlutoError]:
    """The last state of a run whose work raised."""
    reason = job.context.stop_reason
    if reason == "timed_out" or (reason is None and isinstance(error, TimedOut)):
        return "timed_out", TimedOut(f"The run took longer than {job.deadline_s or 0:g} s."
                                     if reason else str(error), hint="Ask for less, or raise timeout_s.")
    if reason == "cancelled" or isinstance(error, Cancelled):
        return "cancelled", Cancelled("The run was cancelled.")
    if isinstance(error, PlutoError):
        return "failed", error
    _log.error("run %s (%s) failed", job.run_id, job.kind, exc_info=error)
    return "failed", RunError(f"The {job.kind} stopped with an unexpected {type(error).__name__}.",
                              hint="The log of the process that ran it has the details.")


_all: weakref.WeakSet[Runs] = weakref.WeakSet()


def _forked() -> None:
    for one in list(_all):
        one._after_fork()


def _exiting() -> None:
    for one in list(_all):
        one.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
atexit.register(_exiting)
