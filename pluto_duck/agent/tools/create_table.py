"""Proposes a table."""

from __future__ import annotations

from typing import Annotated

from pluto_duck.agent.tools import Desk, Reply, tool
from pluto_duck.agent.tools.proposing import propose


@tool(writes=True)
def create_table(
    desk: Desk, name: Annotated[str, "The name of the new table."],
    sql: Annotated[str, "The SELECT whose rows it keeps."],
) -> Reply:
    """Propose a new table, only when the person asked for one. Nothing is made: a person decides about it later."""
    return propose(desk, "table", name, sql)
