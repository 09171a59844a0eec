"""GET /api/v1/health"""

from __future__ import annotations

from typing import ClassVar

from pluto_duck import __version__
from pluto_duck.api.handler import PlutoHandler, guarded


class HealthHandler(PlutoHandler):
    scopes: ClassVar = {"GET": ""}

    @guarded
    async def get(self) -> None:
        """Answers without opening a workspace."""
        self.send({"status": "ok", "version": __version__})
