"""Changes that the relay itself tells a target: that a table begins anew, or is no more."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

from pluto_duck.events.envelope import PREFIX, TYPES, Origin
from pluto_duck.events.model import ChangeBatch, Position
from pluto_duck.workspace.tableref import TableRef

if TYPE_CHECKING:
    import pyarrow


def mark(table: TableRef, op: str, at: Position, stands: Position, *, head: int, why: str,
         origin: Origin) -> ChangeBatch:
    """One change that concerns a table as a whole: `at` is its own position, `stands` that of the reader."""
    return ChangeBatch(batch_table([{
        "seq": at.seq, "n": at.n, "last": False, "schema": table.schema, "name": table.name, "op": op, "key": None,
        "event": _event(table, op, at, why, origin)}]), stands, head)


def batch_table(rows: list[dict[str, object]]) -> pyarrow.Table:
    """Rows in the shape of ChangeBatch.table."""
    import pyarrow

    return pyarrow.Table.from_pylist(rows, schema=pyarrow.schema([
        ("seq", pyarrow.int64()), ("n", pyarrow.int64()), ("last", pyarrow.bool_()), ("schema", pyarrow.string()),
        ("name", pyarrow.string()), ("op", pyarrow.string()), ("key", pyarrow.string()), ("event", pyarrow.string())]))


def _event(table: TableRef, op: str, at: Position, why: str, origin: Origin) -> str:
    """In the shape of the journal's own marks, but of no transaction."""
    now = dt.datetime.now(dt.UTC)
    return json.dumps({
        "specversion": "1.0", "id": f"{origin.id}:{op}{at.seq}.{at.n}", "source": origin.source(table),
        "type": PREFIX + TYPES[op], "time": now.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
        "datacontenttype": "application/json", "sequence": f"{at.seq:016}.{at.n:012}",
        "data": {"before": None, "after": None, "op": op, "ts_ms": int(now.timestamp() * 1000), "source": {
            "connector": "pluto-duck", "db": origin.name, "schema": table.schema, "table": table.name, "seq": at.seq,
            "tx_id": None, "n": at.n, "actor": None, "run": None, "snapshot": "true"},
            "transaction": None, "why": why}}, separators=(",", ":"), ensure_ascii=False)
