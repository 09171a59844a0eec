"""Following a run from the event loop: no thread is held while nothing happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from pluto_duck.errors import PlutoError

if TYPE_CHECKING:
    from pluto_duck.api.app import PlutoDuckApp
    from pluto_duck.api.places import Place
    from pluto_duck.runs import Run, RunEvent

POLL_S = 0.1
"""How often a run of another process is asked for news; those of this process ring."""


class Follower:
    """One stream's interest in one run. The last one to leave a run that still goes cancels it, after a
    grace in which a client may come back, unless the run was started with `detach`."""

    def __init__(self, app: PlutoDuckApp, place: Place, run_id: str, *, counts: bool = True) -> None:
        """`counts=False`: only looks; nothing is cancelled when it leaves."""
        self._counts = counts
        self._app, self._place, self._run_id = app, place, run_id
        self._bell = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._left = False

    async def __aenter__(self) -> Follower:
        self._offs = self._place.runs.on_change(self._ring), self._app.drain.on_end(self.leave)
        if self._counts:
            self._place.following[self._run_id] = self._place.following.get(self._run_id, 0) + 1
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        tb: TracebackType | None) -> None:
        for off in self._offs:
            off()
        if not self._counts:
            return
        left = self._place.following[self._run_id] - 1
        if left:
            self._place.following[self._run_id] = left
            return
        del self._place.following[self._run_id]
        if self._run_id in self._place.attached:
            self._loop.call_later(self._app.disconnect_grace_s, self._cancel_if_alone)

    def _ring(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._bell.set)
        except RuntimeError:
            pass  # the loop has ended with the server

    def leave(self) -> None:
        """The client is gone: `events` and `states` end."""
        self._left = True
        self._bell.set()

    def _cancel_if_alone(self) -> None:
        if not self._place.following.get(self._run_id):
            task = self._loop.create_task(self._cancel())
            _tasks.add(task)
            task.add_done_callback(_tasks.discard)

    async def _cancel(self) -> None:
        self._place.attached.discard(self._run_id)
        try:
            await self._app.in_thread(self._place.runs.cancel, self._run_id)
        except PlutoError:
            pass  # swept meanwhile

    async def _news(self, silence_s: float) -> bool:
        """Waits until something may have happened; False after that much silence."""
        runs, waited = self._place.runs, 0.0
        while not self._left:
            step = silence_s - waited if runs.is_mine(self._run_id) else min(POLL_S, silence_s - waited)
            try:
                await asyncio.wait_for(self._bell.wait(), step)
                return True
            except TimeoutError:
                waited += step
                if waited >= silence_s:
                    return False
                if step == POLL_S:
                    return True
        return True

    async def events(self, after: int) -> AsyncIterator[Sequence[RunEvent]]:
        """Events in order, in the lots they come in; an empty lot for each heartbeat of silence."""
        runs, silent = self._place.runs, 0.0
        while not self._left:
            self._bell.clear()
            found = await self._app.in_thread(runs.read_events, self._run_id, after)
            if found:
                silent, after = 0.0, found[-1].seq
                yield found
                if found[-1].is_last:
                    return
                continue
            run = await self._app.in_thread(runs.get, self._run_id)  # finds the runs of dead processes, too
            if run.done:
                last = await self._app.in_thread(runs.read_events, self._run_id, after)
                if not last:
                    return
                continue
            started = self._loop.time()
            await self._news(self._app.heartbeat_s - silent)
            silent += self._loop.time() - started
            if silent >= self._app.heartbeat_s:
                silent = 0.0
                yield ()

    async def states(self) -> AsyncIterator[Run]:
        """The run each time it has moved, last as it ended."""
        seen: Run | None = None
        while not self._left:
            self._bell.clear()
            run = await self._app.in_thread(self._place.runs.get, self._run_id)
            if run != seen:
                seen = run
                yield run
                if run.done:
                    return
                continue
            await self._news(1.0)


_tasks: set[asyncio.Task[None]] = set()
