"""GET /api/v1/workspaces"""

from __future__ import annotations

from pluto_duck.api.handler import PlutoHandler, guarded


class WorkspacesHandler(PlutoHandler):
    @guarded
    async def get(self) -> None:
        """Those that `workspace=` may name; the first is the default."""
        named = await self.in_thread(self.app.places.named)
        self.send({"workspaces": [{"name": name, "folder": str(one.root), "default": i == 0}
                                  for i, (name, one) in enumerate(named.items())]})
