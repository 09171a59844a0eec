"""Changes that the relay itself tells a target: that a table begins anew, or is no more."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pluto_duck.events.envelope import Origin, table_event
from pluto_duck.events.model import ChangeBatch, Position
from pluto_duck.workspace.tableref import TableRef

if TYPE_CHECKING:
    import pyarrow


def mark(table: TableRef, op: str, at: Position, stands: Position, *, head: int, why: str,
         origin: Origin) -> ChangeBatch:
    """One change that concerns a table as a whole: `at` is its own position, `stands` that of the reader."""
    return ChangeBatch(batch_table([{
        "seq": at.seq, "n": at.n, "last": False, "schema": table.schema, "name": table.name, "op": op, "key": None,
        "event": table_event(origin, table, op, at, int(time.time() * 1000), more={"why": why})}]), stands, head)


def batch_table(rows: list[dict[str, object]]) -> pyarrow.Table:
    """Rows in the shape of ChangeBatch.table."""
    import pyarrow

    return pyarrow.Table.from_pylist(rows, schema=pyarrow.schema([
        ("seq", pyarrow.int64()), ("n", pyarrow.int64()), ("last", pyarrow.bool_()), ("schema", pyarrow.string()),
        ("name", pyarrow.string()), ("op", pyarrow.string()), ("key", pyarrow.string()), ("event", pyarrow.string())]))
