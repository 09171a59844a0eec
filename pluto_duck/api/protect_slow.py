"""Clients that take nothing of what is sent to them: found without a thread or a task for each, and cut off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


def watch(stream: Any, written: asyncio.Future[Any], timeout_s: float, stalled: Callable[[], None]) -> None:
    """Closes the connection where not one byte has gone for so long; one that takes little, but takes, goes on."""
    loop = asyncio.get_running_loop()
    mark = _sent(stream)
    timer: asyncio.TimerHandle | None = None

    def look() -> None:
        nonlocal mark, timer
        now = _sent(stream)
        if now != mark:
            mark, timer = now, loop.call_later(timeout_s, look)
            return
        stalled()
        stream.close()

    timer = loop.call_later(timeout_s, look)
    written.add_done_callback(lambda _: timer.cancel() if timer is not None else None)


def _sent(stream: Any) -> int:
    """Bytes that the system has taken. tornado counts them, and tells nobody."""
    return int(getattr(stream, "_total_write_done_index", 0))
