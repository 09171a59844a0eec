"""Proposes a view."""

from __future__ import annotations

from typing import Annotated

from pluto_duck.agent.tools import Desk, Reply, tool
from pluto_duck.agent.tools.proposing import propose


@tool(writes=True)
def create_view(
    desk: Desk, name: Annotated[str, "The name of the view."],
    sql: Annotated[str, "The SELECT that it stands for."],
) -> Reply:
    """Propose a view, only when the person asked for one. Nothing is made: a person decides about it later."""
    return propose(desk, "view", name, sql)
