"""What a load would do, for `--dry-run`: nothing is written, and no row is read but to sniff a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pluto_duck.errors import PlutoError
from pluto_duck.ingest.connectors import SourceTable
from pluto_duck.ingest.load import find, opened_source
from pluto_duck.ingest.options import LoadOptions, Mode
from pluto_duck.ingest.plan import SCD2, TableLoad, canonical, plan, refuse_columns
from pluto_duck.ingest.state import XMIN, Start, States, start
from pluto_duck.ingest.told import told
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef

Action = Literal["create", "replace", "append", "merge", "scd2", "refuse"]


@dataclass(frozen=True)
class PlannedColumn:
    name: str
    source_type: str
    type: str
    """DuckDB's; "" for one that can't be carried over."""
    note: str = ""
    """What a reader of the type should know, or why it is refused and what to do."""


@dataclass(frozen=True)
class PlannedTable:
    ref: TableRef
    source_name: str
    action: Action
    columns: tuple[PlannedColumn, ...]
    key: tuple[str, ...] = ()
    row_estimate: int | None = None
    size_bytes: int | None = None
    kind: str = "table"
    since: str | None = None
    """With a cursor: rows at or above this value; None for all of them."""
    said: tuple[str, ...] = ()
    """Columns that would be added or widened, a table that would be loaded whole again, how a file was read."""
    error: PlutoError | None = None
    """Why the table would not be loaded."""


@dataclass(frozen=True)
class LoadPlan:
    source: str
    """Without any secret."""
    answers: str
    """What answered: "PostgreSQL 18.6, database flights"."""
    mode: Mode
    tables: tuple[PlannedTable, ...]


def plan_load(session: Session, source: Any, options: LoadOptions | None = None, **keywords: Any) -> LoadPlan:
    """What `ingest` with the same arguments would do, table by table."""
    options = told(options, keywords)
    opened, shown = opened_source(source, options)
    with opened as connector:
        answers = connector.check()
        tables, refs = find(connector, options)
        existing = {one.ref.key: one for one in session.tables(refs)}
        states = States(session, connector.source, [ref.key for ref in refs]) if options.cursor is not None else None
        planned = []
        for table, ref in zip(canonical(session, tables), refs, strict=True):
            try:
                refuse_columns(table, several=len(tables) > 1)
                load = plan(table, ref, options, existing.get(ref.key))
                begin = start(session, states, load, options) if states is not None else None
                planned.append(_planned(table, load, begin, options))
            except PlutoError as error:
                planned.append(PlannedTable(ref, table.name, "refuse", _columns(table), table.primary_key,
                                            table.row_estimate, table.size_bytes, table.kind, error=error))
    return LoadPlan(shown, answers, options.mode, tuple(planned))


def _planned(table: SourceTable, load: TableLoad, begin: Start | None, options: LoadOptions) -> PlannedTable:
    said = [*load.said, *(begin.said if begin is not None else ())]
    note = getattr(table, "note", "")
    if note:
        said.insert(0, note)
    if load.mode == "scd2" and load.existing is None:
        said.append(f"the columns {', '.join(SCD2)} keep its history")
    if begin is not None and options.cursor == XMIN and begin.changed_since is not None:
        said.append("only rows that PostgreSQL wrote since the last load")
    taken = {column.place for column in load.columns}
    columns = tuple(column for place, column in enumerate(_columns(table)) if place in taken)
    return PlannedTable(load.ref, table.name, load.action, columns, load.key or load.primary_key, table.row_estimate,
                        table.size_bytes, table.kind, begin.after if begin is not None else None, tuple(said))


def _columns(table: SourceTable) -> tuple[PlannedColumn, ...]:
    return tuple(PlannedColumn(
        column.name, column.source_type, "" if column.refusal else column.type,
        column.note if not column.refusal else
        f"{column.refusal}: --cast {column.name}={column.cast_to}" if column.cast_to else
        f"{column.refusal}: --skip {column.name}") for column in table.columns)
