"""Proposes a word, a metric or a join for the semantic file."""

from __future__ import annotations

from typing import Annotated, Literal

from pluto_duck.agent.tools import Desk, Reply, tool
from pluto_duck.agent.tools.proposing import propose


@tool(writes=True)
def edit_semantics(
    desk: Desk, section: Annotated[Literal["tables", "metrics", "terms", "joins"], "Where it belongs."],
    entry: Annotated[str, 'A JSON object. metrics: {"table", "expression", "filter"?, "synonyms"?, "unit"?}; terms: '
                          '{"table", "filter", "synonyms"?}; tables: {"name"?, "synonyms"?, "description"?, "date"?}; '
                          'joins: {"from": "table.column", "to": "table.column"}.'],
    name: Annotated[str, "What it is called; empty for a join."] = "",
) -> Reply:
    """Propose an entry for semantics.yaml, only when the person told what a word means. A person decides about it."""
    return propose(desk, "semantics", f"{section}.{name}" if name else section, entry)
