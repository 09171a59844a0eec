"""Several tables at once, each on a session of its own, stopped together at any moment.

Rows are read inside DuckDB's call, often on one of its own threads. There a signal is noticed late (2.0,
while the source sends nothing) or leaves the stream running behind the caller's back (1.5). So the work
runs on threads of its own, and the caller's waits in Python, where a KeyboardInterrupt comes at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

from pluto_duck.errors import Cancelled, PlutoError
from pluto_duck.session import Session

T = TypeVar("T")

TICK_S = 0.1
"""How often the waiting thread looks up: for progress, and where waiting for a lock can't be interrupted
(Windows) for Ctrl-C."""

AGAIN_S = 0.05
"""Interrupts are repeated: one that falls between two statements is lost."""


class Crew(Generic[T]):
    def __init__(self, session: Session, size: int, *, stop: Callable[[], None], tick: Callable[[], None]) -> None:
        """`stop` makes whatever a job waits for outside the database fail; `tick` is called ten times a second."""
        self._session = session
        self._size = size
        self._stop_source = stop
        self._tick = tick
        self._lock = threading.Lock()
        self._workers: list[Session] = []
        self._stopped = False
        self._fatal: BaseException | None = None
        self._left = 0
        self._ended = threading.Event()

    @property
    def stopped(self) -> bool:
        return self._stopped

    def check(self) -> None:
        """Raises Cancelled once the work is to stop."""
        if self._stopped:
            raise Cancelled("The load was cancelled.")

    def stop(self) -> None:
        """From any thread; `run` then ends with Cancelled, or with what made it stop."""
        self._stopped = True

    def run(self, jobs: Sequence[Callable[[Session], T]]) -> list[T | PlutoError | None]:
        """What each job returned or failed with; None when it had not begun. What is no PlutoError, or
        stops the work, is raised, once every job has ended."""
        outcomes: list[T | PlutoError | None] = [None] * len(jobs)
        waiting = iter(enumerate(jobs))
        threads = [threading.Thread(target=self._work, args=(waiting, outcomes), name="pluto-duck-load", daemon=True)
                   for _ in range(min(self._size, len(jobs)))]
        self._left = len(threads)
        with self._session.interrupting(self.stop):
            for thread in threads:
                thread.start()
            try:
                while not self._ended.wait(TICK_S) and not self._stopped:
                    self._tick()
            except BaseException as error:
                self._fatal = self._fatal or error
                self._stopped = True
            self._wait(threads)
        if self._fatal is not None:
            raise self._fatal
        if self._stopped:
            raise Cancelled("The load was cancelled.")
        return outcomes

    def _wait(self, threads: Sequence[threading.Thread]) -> None:
        """Until every job has rolled back; a second Ctrl-C waits no less, or rows would move behind our back."""
        while True:
            try:
                for thread in threads:
                    while thread.is_alive():
                        if self._stopped:
                            self._interrupt()
                        thread.join(AGAIN_S)
                return
            except KeyboardInterrupt as error:
                self._fatal = self._fatal or error
                self._stopped = True

    def _interrupt(self) -> None:
        self._stop_source()
        with self._lock:
            for worker in self._workers:
                with suppress(PlutoError):
                    worker.interrupt()

    def _work(self, waiting: enumerate[Callable[[Session], T]], outcomes: list[T | PlutoError | None]) -> None:
        try:
            with Session(self._session.workspace, self._session.settings, role=self._session.role,
                         label="ingest") as worker:
                with self._lock:
                    self._workers.append(worker)
                try:
                    worker.watching = False  # what a load reads is no table of a person's statement
                    self._take(worker, waiting, outcomes)
                finally:
                    with self._lock:
                        self._workers.remove(worker)
        except BaseException as error:
            self._fatal = self._fatal or error
            self._stopped = True
        finally:
            with self._lock:
                self._left -= 1
                if not self._left:
                    self._ended.set()

    def _take(self, worker: Session, waiting: enumerate[Callable[[Session], T]],
              outcomes: list[T | PlutoError | None]) -> None:
        while not self._stopped:
            with self._lock:
                place, job = next(waiting, (-1, None))
            if job is None:
                return
            try:
                outcomes[place] = job(worker)
            except PlutoError as error:
                if self._stopped:
                    return
                outcomes[place] = error
