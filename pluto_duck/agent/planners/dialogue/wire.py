"""An event loop in a thread of its own: what it receives can be waited for, and dropped, from another thread.

The reader of a socket can't be woken from outside, a task can be cancelled. A thread, because the caller may
stand in a loop already: a notebook does.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, TypeVar

from pluto_duck.errors import Cancelled, TimedOut

T = TypeVar("T")

LOOK_S = 0.5
"""How often a wait comes up for air; Windows takes Ctrl-C only then."""
CLOSE_S = 2.0


class Wire:
    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="pluto-duck-model", daemon=True)
        self._thread.start()
        self._news: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._stopped = False

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def each(self, source: Callable[[], AsyncIterator[T]], *, ends_at: float) -> Iterator[T]:
        """The items of an asynchronous iterator, one question at a time. Leaving it cancels the iterator.

        `ends_at`: on the clock of time.monotonic. Raises Cancelled after `stop`, TimedOut then, and what it raised.
        """
        news = self._news = queue.SimpleQueue()

        async def pump() -> None:
            try:
                async for item in source():
                    news.put(("item", item))
                news.put(("end", None))
            except BaseException as error:
                news.put(("error", error))

        task = asyncio.run_coroutine_threadsafe(pump(), self._loop)
        try:
            while True:
                kind, value = self._next(news, ends_at)
                if kind == "item":
                    yield value
                elif kind == "error":
                    raise value
                elif kind == "end":
                    return
        finally:
            task.cancel()

    def _next(self, news: queue.SimpleQueue[tuple[str, Any]], ends_at: float) -> tuple[str, Any]:
        while True:
            if self._stopped:
                raise Cancelled("The question was cancelled.")
            left = ends_at - time.monotonic()
            if left <= 0:
                raise TimedOut("The model took longer than it may.", hint="Raise agent.deadline_s, or ask for less.")
            try:
                return news.get(timeout=min(left, LOOK_S))
            except queue.Empty:
                continue

    def stop(self) -> None:
        """From any thread: whoever waits in `each` gets Cancelled at once."""
        self._stopped = True
        self._news.put(("stop", None))

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Cancels what still runs, then awaits `last`; does not wait long for either."""
        async def ending() -> None:
            others = [one for one in asyncio.all_tasks() if one is not asyncio.current_task()]
            for one in others:
                one.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await last()

        done = asyncio.run_coroutine_threadsafe(ending(), self._loop)
        try:
            done.result(CLOSE_S)
        except Exception:
            pass  # the connection is dropped with the process; an answer must not hang on saying goodbye
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_S)
