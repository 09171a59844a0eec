"""GET /api/v1/health, /api/v1/livez and /api/v1/readyz"""

from __future__ import annotations

import asyncio
from typing import ClassVar

from jupyter_server.auth.decorator import allow_unauthenticated

from pluto_duck import __version__
from pluto_duck.api.handler import PlutoHandler, guarded
from pluto_duck.errors import PlutoError

READY_S = 2.0
"""A workspace that does not answer so long is not ready."""
FRESH_S = 1.0
"""How long an answer serves: whoever asks needs no token."""


class HealthHandler(PlutoHandler):
    scopes: ClassVar = {"GET": ""}
    actions: ClassVar = {"GET": ""}

    @guarded
    async def get(self) -> None:
        """Answers without opening a workspace."""
        self.send({"status": "draining" if self.app.drain.is_on else "ok", "version": __version__})


class LiveHandler(PlutoHandler):
    """For whoever starts processes anew: it needs no token, and says nothing but that."""

    @allow_unauthenticated  # type: ignore[untyped-decorator]
    async def get(self) -> None:
        self.send({"status": "ok"})


class ReadyHandler(PlutoHandler):
    """For whoever sends requests on: 503 while the server stops, and while its workspace does not answer."""

    @allow_unauthenticated  # type: ignore[untyped-decorator]
    async def get(self) -> None:
        if self.app.drain.is_on:
            self._tell("draining")
            return
        now = asyncio.get_running_loop().time()
        if self.app.ready is None or self.app.ready[0] < now:
            self.app.ready = (now + READY_S + FRESH_S, "busy")  # whoever asks meanwhile waits for nothing
            self.app.ready = (now + FRESH_S, await self._found())
        self._tell(self.app.ready[1])

    async def _found(self) -> str:
        try:
            async with asyncio.timeout(READY_S):
                place = await self.in_thread(self.app.places.get)
                await self.in_thread(place.ask, lambda session: session.versions())
        except (TimeoutError, PlutoError):
            return "busy"
        return "ready"

    def _tell(self, status: str) -> None:
        if status != "ready":
            self.set_header("Retry-After", "1")
        self.send({"status": status}, 200 if status == "ready" else 503)
