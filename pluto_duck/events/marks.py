"""Changes that the relay itself tells a target: that a table begins anew, or is no more."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

from pluto_duck.events.model import ChangeBatch, Position
from pluto_duck.workspace.tableref import TableRef

if TYPE_CHECKING:
    import pyarrow


def mark(table: TableRef, op: str, at: Position, stands: Position, *, head: int, why: str) -> ChangeBatch:
    """One change that concerns a table as a whole: `at` is its own position, `stands` that of the reader."""
    return ChangeBatch(batch_table([{
        "seq": at.seq, "n": at.n, "last": False, "schema": table.schema, "name": table.name, "op": op, "key": None,
        "event": _event(table, op, at, why)}]), stands, head)


def batch_table(rows: list[dict[str, object]]) -> pyarrow.Table:
    """Rows in the shape of ChangeBatch.table."""
    import pyarrow

    return pyarrow.Table.from_pylist(rows, schema=pyarrow.schema([
        ("seq", pyarrow.int64()), ("n", pyarrow.int64()), ("last", pyarrow.bool_()), ("schema", pyarrow.string()),
        ("name", pyarrow.string()), ("op", pyarrow.string()), ("key", pyarrow.string()), ("event", pyarrow.string())]))


_TYPES = {"t": "truncated", "drop": "dropped"}


def _event(table: TableRef, op: str, at: Position, why: str) -> str:
    now = dt.datetime.now(dt.UTC)
    return json.dumps({
        "specversion": "1.0", "id": f"{at}.{op}.{table.key}", "source": f"/tables/{table.schema}/{table.name}",
        "type": f"io.plutoduck.table.{_TYPES[op]}", "time": now.isoformat(timespec="milliseconds"),
        "datacontenttype": "application/json", "sequence": str(at),
        "data": {"before": None, "after": None, "op": op, "ts_ms": int(now.timestamp() * 1000), "why": why,
                 "source": {"connector": "duckdb", "schema": table.schema, "table": table.name, "seq": at.seq,
                            "n": at.n}, "transaction": None}}, separators=(",", ":"), ensure_ascii=False)
