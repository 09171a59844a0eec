"""Statements run beside the main thread, so that the stop button reaches them in any state."""

from __future__ import annotations

import contextvars
import os
import queue
import threading
from collections.abc import Callable
from typing import Any

from pluto_duck.errors import Cancelled

TICK_S = 0.1
"""How often a waiting cell looks up: to show progress, and to take Ctrl-C on Windows."""


class Job:
    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = contextvars.copy_context(), work
        self.done = threading.Event()
        self.value: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        context, work = self.work
        try:
            self.value = context.run(work)
        except BaseException as error:
            self.error = error
        finally:
            self.done.set()


class Worker:
    """One thread for all statements of a notebook: a Session is not for two at once, and the control
    store keeps a connection for each thread that ever came."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Job | None] | None = None
        self._pid = 0

    def run(self, work: Callable[[], Any], *, interrupt: Callable[[], None], tick: Callable[[], None]) -> Any:
        """Waits for `work`, calling `tick` meanwhile. A KeyboardInterrupt stops it and comes out as
        Cancelled, when the work has ended; a second one while waiting for that is passed on at once."""
        job = Job(work)
        self._queue().put(job)
        try:
            while not job.done.wait(TICK_S):
                tick()
        except KeyboardInterrupt:
            self._stop(job, interrupt)
            raise Cancelled("Stopped.", hint="The session can go on.") from job.error
        tick()
        if job.error is not None:
            raise job.error
        return job.value

    def _stop(self, job: Job, interrupt: Callable[[], None]) -> None:
        try:
            while True:
                interrupt()  # again and again: one that comes between two statements stops neither
                if job.done.wait(TICK_S):
                    return
        except KeyboardInterrupt:
            self.close()  # its thread ends with the statement; the next one gets a thread of its own
            raise

    def _queue(self) -> queue.SimpleQueue[Job | None]:
        if self._jobs is None or self._pid != os.getpid():  # a forked child has no such thread
            self._jobs, self._pid = queue.SimpleQueue(), os.getpid()
            threading.Thread(target=_serve, args=(self._jobs,), name="pluto-duck", daemon=True).start()
        return self._jobs

    def close(self) -> None:
        """The thread ends when its last job has; does not wait."""
        if self._jobs is not None and self._pid == os.getpid():
            self._jobs.put(None)
        self._jobs = None


def _serve(jobs: queue.SimpleQueue[Job | None]) -> None:
    while (job := jobs.get()) is not None:
        job.run()
        del job  # its result must not live until the next one
