"""Leaving in good order: nothing new is begun, what runs may end, streams get their last event, then the server goes.

SIGTERM begins it; a second one ends it at once.
"""

from __future__ import annotations

import asyncio
import math
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pluto_duck.api.problems import HTTPProblem

if TYPE_CHECKING:
    from pluto_duck.api.app import PlutoDuckApp

LOOK_S = 0.05
LAST_WORDS_S = 2.0
"""For streams to send what ended their runs."""
RETRY_MS = 2_000


class Drain:
    """Of one server, on its event loop."""

    def __init__(self, app: PlutoDuckApp) -> None:
        self._app = app
        self.began_at: float | None = None
        self._limit_s = 0.0
        self._bells: set[Callable[[], None]] = set()
        self._first_bells: set[Callable[[], None]] = set()
        self._task: asyncio.Task[None] | None = None
        self.requests = 0
        """In flight, streams among them."""

    @property
    def is_on(self) -> bool:
        return self.began_at is not None

    def check(self, *, begins_something: bool) -> None:
        """Raises HTTPProblem for what would not be over in time."""
        if self.is_on and begins_something:
            raise HTTPProblem(503, "The server is about to stop and begins nothing new.",
                              hint="Come again in a while: another one takes its place, or this one is back.",
                              retry_after_s=max(1, math.ceil(self._limit_s)))

    def on_end(self, bell: Callable[[], None]) -> Callable[[], None]:
        """Calls it when streams without an end of their own should end; returns what takes it off again."""
        self._bells.add(bell)
        return lambda: self._bells.discard(bell)

    def on_begin(self, bell: Callable[[], None]) -> Callable[[], None]:
        """Calls it when it begins, for who waits for nothing; returns what takes it off again."""
        self._first_bells.add(bell)
        return lambda: self._first_bells.discard(bell)

    # -- by signal --------------------------------------------------------------------------------

    def listen(self) -> None:
        """In the main thread, once Jupyter has put its own handler there."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._signalled)

    def _signalled(self, number: int, frame: Any) -> None:
        server = self._app.serverapp
        if self._task is not None or self.is_on:
            server.log.critical("told to stop again: stopping at once")
            server.stop(from_signal=True)
        else:
            server.log.critical("told to stop: nothing new is begun, what runs may end")
            self.began_at = 0.0  # at once, also before the loop has its turn
            server.io_loop.add_callback_from_signal(self._begin)

    def _begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self.run())

    # -- the way out ------------------------------------------------------------------------------

    async def run(self, limit_s: float | None = None) -> None:
        loop = asyncio.get_running_loop()
        self.began_at = loop.time()
        self._limit_s = limit_s if limit_s is not None else float(
            (await self._app.protection()).settings["server.drain_s"])
        self._app.closing = True  # streams that never end by themselves
        for bell in list(self._first_bells):
            bell()
        end = self.began_at + self._limit_s
        while loop.time() < end and (self._app.at_work() or self.requests):
            await asyncio.sleep(LOOK_S)
        await self._app.in_thread(self._app.cancel_all)
        end = loop.time() + LAST_WORDS_S
        while loop.time() < end and (self.requests or self._bells):
            if not self._app.at_work():
                for bell in list(self._bells):
                    bell()
            await asyncio.sleep(LOOK_S)
        self._app.serverapp.stop()
