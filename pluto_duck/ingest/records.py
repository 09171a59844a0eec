"""What is kept of a load beside its rows, as statements for the transaction that commits them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from pluto_duck.ingest.connectors import SourceKey, SourceTable
from pluto_duck.ingest.plan import TableLoad
from pluto_duck.workspace import TableRef, quote
from pluto_duck.workspace.literals import encode, to_sql
from pluto_duck.workspace.tableref import fold


def literal(value: Any) -> str:
    return to_sql(encode(value))


def made_anew(load: TableLoad, loading: Mapping[tuple[str, str], TableRef]) -> list[str]:
    """Key, comments and known keys of a table whose rows are in. `loading`: where the source's tables go."""
    sql = []
    if load.primary_key:
        # After the rows: filling a table that has its key already takes half as long again.
        names = ", ".join(quote(name) for name in load.primary_key)
        sql.append(f"ALTER TABLE {load.ref.sql} ADD PRIMARY KEY ({names})")
    if load.table.comment:
        sql.append(f"COMMENT ON TABLE {load.ref.sql} IS {_comment(load.table.comment)}")
    sql += [f"COMMENT ON COLUMN {load.ref.sql}.{quote(column.name)} IS {_comment(column.comment)}"
            for column in load.table.columns if column.comment]
    return sql + _known_keys(load, loading)


def _comment(text: str) -> str:
    # COMMENT takes a plain literal only, so no concatenation with chr(0).
    return "'" + text.replace("\0", "").replace("'", "''") + "'"


def _known_keys(load: TableLoad, loading: Mapping[tuple[str, str], TableRef]) -> list[str]:
    names = {column.name for column in load.table.columns}
    rows = [("foreign", key.columns, _target(load.ref, key, loading), key.referenced)
            for key in load.table.foreign_keys if set(key.columns) <= names]
    rows += [("unique", columns, None, None) for columns in load.table.unique if set(columns) <= names]  # type: ignore[misc]
    if not rows:
        return []
    values = ", ".join(
        "(" + ", ".join((literal(load.ref.key), literal(load.ref.schema), literal(load.ref.name), literal(kind),
                         literal(list(columns)), literal(ref and ref.schema), literal(ref and ref.name),
                         literal(list(referenced) if referenced is not None else None))) + ")"
        for kind, columns, ref, referenced in rows)
    return [f"INSERT INTO _pluto.known_keys VALUES {values}"]


def _target(ref: TableRef, key: SourceKey, loading: Mapping[tuple[str, str], TableRef]) -> TableRef:
    """Where the referenced table goes in this load, or would go in one like it."""
    return loading.get((key.schema, key.table), TableRef(key.table, ref.schema))


def history_row(ref: TableRef, mode: str, load_id: str, source: str, rows: int, started_at: str) -> str:
    """One line of the load history, `_pluto.loads`; `source` must hold no password."""
    # Not now(): that is when the transaction began.
    values = (load_id, ref.key, source, mode, rows, started_at, dt.datetime.now(dt.UTC).isoformat())
    return f"({', '.join(literal(value) for value in values)})"


def schema_hash(table: SourceTable) -> str:
    import hashlib

    text = "\n".join(f"{fold(column.name)} {column.type}" for column in table.columns)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
