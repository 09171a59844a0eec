"""Rows that could not be read, kept beside the table they were meant for: NAME_rejects."""

from __future__ import annotations

from collections.abc import Mapping

from pluto_duck.errors import UsageError
from pluto_duck.ingest.plan import TableLoad
from pluto_duck.ingest.records import literal
from pluto_duck.ingest.supply import Request, Supply
from pluto_duck.session import Scan, Session, TableInfo, WriteColumn
from pluto_duck.workspace import TableRef, quote

COLUMNS = {"file": "VARCHAR", "line": "BIGINT", "column": "VARCHAR", "reason": "VARCHAR", "text": "VARCHAR"}
LOAD_ID = "load_id"


def side_table(ref: TableRef) -> TableRef:
    return TableRef(f"{ref.name}_rejects", ref.schema)


def keep_rejects(supply: Supply, worker: Session, request: Request, load: TableLoad, load_id: str,
                 existing: Mapping[str, TableInfo]) -> int:
    """After the rows, in their transaction; how many were left out. A table that is filled anew takes its
    old rejects with it, one that grows keeps them."""
    ref = side_table(load.ref)
    there = existing.get(ref.key)
    ours = there is not None and {*COLUMNS, LOAD_ID} <= {column.name for column in there.columns}
    found = supply.rejects(request)
    anew = load.action in ("create", "replace")
    if found is None:
        if anew and ours:
            worker.internal([f"DROP TABLE {ref.sql}"], writes=[ref.key, "#schema"])
        return 0
    if there is not None and not ours:
        raise UsageError(f"The rows that could not be read would go into {ref}, which is another table.",
                         hint="Rename it, or load into another name with --into.")
    columns = [WriteColumn(name, kind, quote(name)) for name, kind in COLUMNS.items()]
    columns.append(WriteColumn(LOAD_ID, "VARCHAR", literal(load_id)))
    count = worker.write(ref, Scan(found) if isinstance(found, str) else found, columns,
                         mode="append" if ours and not anew else "replace")
    if not count and (anew or not ours):
        worker.internal([f"DROP TABLE {ref.sql}"], writes=[ref.key, "#schema"])
    return count
