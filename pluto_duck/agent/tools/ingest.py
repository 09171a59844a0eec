"""Proposes to bring a table in."""

from __future__ import annotations

import json
from typing import Annotated

from pluto_duck.agent.tools import Desk, Reply, tool
from pluto_duck.agent.tools.proposing import propose


@tool(writes=True)
def ingest(
    desk: Desk, into: Annotated[str, "The name of the new table."],
    source: Annotated[str, "A file or address, as the person named it. Empty where a connection is named."] = "",
    connection: Annotated[str, "The name of a saved connection. Empty where a source is named."] = "",
    table: Annotated[str, "The table there; needed with a connection."] = "",
) -> Reply:
    """Propose to load a new table from a source that the person named. Nothing is read: a person decides about it."""
    wanted = {"source": source, "connection": connection, "table": table}
    return propose(desk, "ingest", into, json.dumps({name: one for name, one in wanted.items() if one}))
