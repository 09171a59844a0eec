"""News of who answers: another workspace that the cells went to, a file that this process hosts or no longer does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from pluto_duck.panel.protocol import VERSION, Frame

if TYPE_CHECKING:
    from pluto_duck.commands.workbench import Workbench


class Status:
    """Pushes what `hello` tells, when it is no longer what it was."""

    def __init__(self, push: Callable[[Frame], None], told: tuple[str, str]) -> None:
        """`told`: the folder and who hosts it, as sidebars know them."""
        self._push, self._told = push, told

    def look(self, session: Workbench) -> None:
        from pluto_duck.commands.looking import hello

        now = str(session.workspace.root), session.hosting
        if now != self._told:
            with suppress(Exception):  # nobody may be there to hear it
                self._push({"v": VERSION, "op": "status", "hello": hello(session)})
        self._told = now
