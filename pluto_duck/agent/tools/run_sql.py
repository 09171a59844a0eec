"""Runs SQL that only reads, to look before answering."""

from __future__ import annotations

from typing import Annotated

from pluto_duck.agent.tools import Desk, Reply, tool
from pluto_duck.agent.tools.telling import rows, shape

MAX_ROWS = 200
SHOWN = 20


@tool()
def run_sql(desk: Desk, sql: Annotated[str, "One SELECT in DuckDB's dialect."]) -> Reply:
    """Try a SELECT: it is checked and run read-only, and you are told its columns and how many rows it has."""
    result = desk.context.run(sql, max_rows=MAX_ROWS)
    return Reply.of(shape(result), rows(result, SHOWN))
