"""A Selection as the rest of a PostgreSQL SELECT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pluto_duck.errors import UsageError
from pluto_duck.ingest.connectors import EVERYTHING, Selection
from pluto_duck.ingest.connectors.postgres_carrier import literal
from pluto_duck.workspace import quote

WRAP = 1 << 32
"""Transaction ids are counted in 64 bits; a row remembers only the lower 32."""


def selected(relation: str, kind: str, selection: Selection, *, moment: Mapping[str, Any]) -> str:
    """`relation`, a sample of it, and the conditions: what follows FROM. `moment` is the connector's `state`."""
    if selection == EVERYTHING:
        return relation
    conditions = []
    if selection.sample is not None:
        if not 0 <= selection.sample <= 100:
            raise UsageError("A sample is given in percent of the rows, 0 to 100.")
        if kind in "rpm":
            relation += f" TABLESAMPLE BERNOULLI ({selection.sample!r})"
        else:
            conditions.append(f"random() * 100 < {selection.sample!r}")
    if selection.cursor and selection.after is not None:
        conditions.append(f"{quote(selection.cursor)} >= {literal(selection.after)}")
    if selection.changed_since is not None:
        conditions += _changed(kind, selection.changed_since, moment)
    if selection.where:
        # On lines of its own, because it may end in a comment.
        conditions.append(f"(\n{selection.where}\n)")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    limit = f" LIMIT {int(selection.limit)}" if selection.limit is not None else ""
    return relation + where + limit


def _changed(kind: str, since: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Rows whose xmin is at or above the oldest transaction that was still open at `since`.

    The 32 bits of a row that nobody touched for four billion transactions may look young again: such a row
    comes once more, which `changed_since` allows. None is missed: after two billion transactions since the
    last load, or on another server, every row comes.
    """
    if kind not in "rpm":
        raise UsageError("Only a table remembers which transaction wrote a row; a view or foreign table does not.",
                         hint="Name a column that grows: --cursor updated_at")
    try:
        old, new = int(since["xmin"]), int(now["xmax"])
    except (KeyError, ValueError):
        return []
    passed = new - old
    if since.get("server") != now.get("server") or not 0 <= passed < WRAP // 2:
        return []
    return [f"mod(xmin::text::bigint - {old % WRAP} + {WRAP}, {WRAP}) <= {passed}"]
