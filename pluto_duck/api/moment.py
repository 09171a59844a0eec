"""What need not be looked at twice in one turn of the event loop.

Requests that came together are read in the same turn, so what is found out for the first of them, after all of them had
come, is as new to the others. The next turn begins with nothing known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Moment:
    """Of one event loop; elsewhere each call looks."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._found: dict[Hashable, Any] = {}

    def once(self, name: Hashable, look: Callable[[], T]) -> T:
        """What raises is not kept."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return look()
        if loop is not self._loop:
            self._loop, self._found = loop, {}
        found = self._found
        if name in found:
            return found[name]  # type: ignore[no-any-return]
        made = look()
        if not found:
            loop.call_soon(found.clear)
        found[name] = made
        return made
