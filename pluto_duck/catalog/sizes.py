"""How much of the file each table takes up."""

from __future__ import annotations

from collections.abc import Sequence

from pluto_duck.session import Session, TableInfo
from pluto_duck.workspace.tableref import quote

MOST = 200
"""Tables that are asked for with one statement."""
_SMALL = 64
"""Bytes of a value at most, where the end of a shared block is not known."""


def sizes(session: Session, tables: Sequence[TableInfo]) -> dict[str, int]:
    """Bytes of each table's columns in the file, by key, without its indexes; about right where small tables share a
    block. Tables whose rows stand in the log still are missing."""
    # DuckDB 2.0 can't be asked for a name with a quotation mark in it.
    wanted = [one for one in tables if one.kind == "table" and '"' not in f"{one.ref.schema}{one.ref.name}"]
    found: dict[str, int] = {}
    for at in range(0, len(wanted), MOST):
        some = wanted[at:at + MOST]
        parts = " UNION ALL ".join(
            f"SELECT {place} AS place, block_id, block_offset, count, len(additional_block_ids) AS more "
            f"FROM pragma_storage_info({_literal(one.ref.schema, one.ref.name)})" for place, one in enumerate(some))
        rows = session.internal([
            "WITH parts AS (SELECT place, block_id, block_offset, max(count) AS count, max(more) AS more "
            f"FROM ({parts}) WHERE block_id >= 0 GROUP BY ALL), "
            "block AS (SELECT max(block_size) AS size FROM pragma_database_size()), "
            "spread AS (SELECT *, lead(block_offset) OVER (PARTITION BY block_id ORDER BY block_offset) AS next, "
            "count(*) OVER (PARTITION BY block_id) AS sharers FROM parts) "
            "SELECT place, CAST(sum(CASE WHEN sharers = 1 AND count > 2048 THEN size WHEN next IS NOT NULL "
            f"THEN next - block_offset ELSE least(size - block_offset, count * {_SMALL}) END + more * size) AS BIGINT) "
            "FROM spread, block GROUP BY place"])[0]
        found |= {some[place].ref.key: size for place, size in rows}
    return found


def _literal(schema: str, name: str) -> str:
    return "'" + f"{quote(schema)}.{quote(name)}".replace("'", "''") + "'"
