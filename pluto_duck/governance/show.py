"""SHOW TABLES, answered from what the role may name."""

from __future__ import annotations

from collections.abc import Sequence

from pluto_duck.governance.names import Names
from pluto_duck.workspace.parser import Token


def show_tables(tokens: Sequence[Token], names: Names) -> str | None:
    """The SELECT that answers SHOW TABLES; None when the tokens are something else."""
    words = [one.text.lower() for one in tokens if one.text != ";"]
    if words != ["show", "tables"]:
        return None
    rows = ", ".join("('" + str(one).replace("'", "''") + "')" for one in names)
    if not rows:
        return "SELECT NULL::VARCHAR AS name WHERE false"
    return f"SELECT name FROM (VALUES {rows}) AS tables(name) ORDER BY name"
