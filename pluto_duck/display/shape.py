"""What a SELECT itself says about its rows: which columns may be added up, and whether there are more."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any


@dataclass(frozen=True)
class Shape:
    adding: frozenset[str] = frozenset()
    """Columns that add up over the rows: counts and sums, not averages and not distinct counts."""
    limit: bool = False
    """The rows are the first so many."""


@lru_cache(maxsize=64)
def shape(sql: str) -> Shape:
    """Nothing adds up where the SQL can't be read."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
    except (SqlglotError, RecursionError):
        return Shape()
    limit = getattr(tree, "args", {}).get("limit") is not None
    if not isinstance(tree, exp.Select):
        return Shape(limit=limit)
    # With ROLLUP and its like a row is the sum of others.
    if tree.find(exp.Rollup, exp.Cube, exp.GroupingSets) is not None:
        return Shape(limit=limit)
    return Shape(frozenset(one.alias_or_name for one in tree.expressions if _adds(one)), limit)


def _adds(node: Any) -> bool:
    from sqlglot import exp

    if isinstance(node, exp.Alias | exp.Paren | exp.Cast | exp.Round | exp.Coalesce | exp.Filter):
        return _adds(node.this)
    if isinstance(node, exp.Count):
        return not isinstance(node.this, exp.Distinct)
    return isinstance(node, exp.Sum) and not isinstance(node.this, exp.Distinct)
