"""`running`, `stop`: the statements that the workspace is at work on, whoever runs them."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pluto_duck.panel.protocol import VERSION, Frame, Request

if TYPE_CHECKING:
    from pluto_duck.commands.workbench import Workbench
    from pluto_duck.panel.desk import Desk

LEAST_S = 0.4
"""Shorter ones would only flicker."""
GONE_S = 2.0
"""How long a stop waits to see that it worked."""


def running(desk: Desk, request: Request, session: Workbench) -> None:
    request.reply("running", end=True, hosting=session.hosting, statements=_statements(session))


def stop(desk: Desk, request: Request, session: Workbench) -> None:
    """Ends when the statement has: `stopped` is False where it would not, or had ended by itself."""
    statement = request.text("statement")
    there = session.stop(statement)
    until = time.monotonic() + GONE_S
    while there and any(one.id == statement for one in session.activity()) and time.monotonic() < until:
        time.sleep(0.02)
    statements = _statements(session)
    request.reply("stopped", end=True, stopped=there and all(one["id"] != statement for one in statements),
                  hosting=session.hosting, statements=statements)


def _statements(session: Workbench) -> list[dict[str, Any]]:
    return [vars(one) for one in session.activity() if one.elapsed_s >= LEAST_S]


class Lookout:
    """Tells sidebars when the workspace begins to work, goes on and ends; says nothing while nothing runs."""

    def __init__(self, push: Callable[[Frame], None]) -> None:
        self._push = push
        self._told: tuple[str, bool] | None = None

    def look(self, session: Workbench) -> None:
        found = _statements(session)
        now = session.hosting, bool(found)
        if found or self._told not in (None, now):
            with suppress(Exception):  # nobody may be there to hear it
                self._push({"v": VERSION, "op": "running", "hosting": session.hosting, "statements": found})
        self._told = now
