"""Says what one table is made of."""

from __future__ import annotations

from typing import Annotated

from pluto_duck.agent.tools import Desk, Reply, tool
from pluto_duck.agent.tools.telling import described
from pluto_duck.catalog import Catalog, Table
from pluto_duck.errors import unknown_name
from pluto_duck.workspace import TableRef


@tool()
def describe_table(desk: Desk, table: Annotated[str, "The table, as search_catalog wrote it."]) -> Reply:
    """Describe one table: columns, types, roles, counts, comments, and how it joins others."""
    catalog = desk.context.catalog()
    return Reply(tuple(described(find(catalog, table), catalog)))


def find(catalog: Catalog, name: str) -> Table:
    """Raises UnknownName with the nearest names."""
    ref = TableRef.parse(name)
    for one in catalog.tables:
        if one.ref.key == ref.key:
            return one
    raise unknown_name("table", name, [str(one.ref) for one in catalog.tables])
