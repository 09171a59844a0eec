"""Looks at the values of one column."""

from __future__ import annotations

from typing import Annotated

from pluto_duck.agent.sharing import Piece
from pluto_duck.agent.tools import Desk, Reply, tool
from pluto_duck.agent.tools.describe_table import find
from pluto_duck.agent.tools.telling import cell
from pluto_duck.errors import unknown_name
from pluto_duck.workspace.tableref import quote

LIMIT = 20


@tool(needs="values")
def sample_values(
    desk: Desk, table: Annotated[str, "The table."], column: Annotated[str, "The column."],
    like: Annotated[str, "Only values that contain this text, whatever its case. Empty: the most frequent ones."] = "",
) -> Reply:
    """Look up the most frequent values of a column, to write a filter as the data spell it."""
    found = find(desk.context.catalog(), table)
    names = {one.name.casefold(): one.name for one in found.columns}
    if column.casefold() not in names:
        raise unknown_name("column", column, names.values(), where=str(found.ref))
    name = quote(names[column.casefold()])
    text = f"CAST({name} AS VARCHAR)"
    wanted = f" AND contains(lower({text}), lower('{like.replace(chr(39), chr(39) * 2)}'))" if like else ""
    result = desk.context.run(
        f"SELECT {text} AS value, count(*) AS n FROM {found.ref.sql} WHERE {name} IS NOT NULL{wanted} "
        f"GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {LIMIT}", max_rows=LIMIT)
    lines = [f"{cell(value)} ({count:,} rows)" for value, count in result.rows()]
    return Reply.of(Piece("\n".join(["<data>", *lines, "</data>"]) if lines else "No such value.", "values"))
