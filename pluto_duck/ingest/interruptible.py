"""Work that Ctrl-C reaches at any moment.

Rows are read inside DuckDB's call, often on one of its own threads. There a signal is noticed late (2.0,
while the source sends nothing) or leaves the stream running behind the caller's back (1.5). So the work runs
on a thread of its own, and the caller's waits in Python, where a KeyboardInterrupt comes at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")

POLL_S = 0.1
"""Where waiting for a lock can't be interrupted (Windows), Ctrl-C is seen this much later."""


class Interruptible:
    """One piece of work. `stop` makes whatever it waits for fail; it is called from the waiting thread."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._stopped = False
        self._done = threading.Event()

    def run(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises. Interrupted, it stops the work and waits for its end first."""
        outcome: list[T] = []
        failure: list[BaseException] = []

        def target() -> None:
            try:
                outcome.append(work())
            except BaseException as error:
                failure.append(error)
            finally:
                self._done.set()

        threading.Thread(target=target, name="pluto-duck-load", daemon=True).start()
        try:
            while not self._done.wait(POLL_S):
                pass
        except BaseException:
            self._stopped = True
            self._stop()
            self._done.wait()
            raise
        if failure:
            raise failure[0]
        return outcome[0]

    def batches(self, rows: Any) -> Iterator[Any]:
        """Passes a stream on, and ends it when the work is to stop."""
        for batch in rows:
            if self._stopped:
                raise KeyboardInterrupt
            yield batch
