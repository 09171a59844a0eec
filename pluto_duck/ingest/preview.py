"""What a load would do, without doing it: the tables, where they go, each column's type and what to know about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pluto_duck.errors import PlutoError
from pluto_duck.ingest.load import find, opened_source
from pluto_duck.ingest.options import LoadOptions
from pluto_duck.ingest.plan import Action, plan, refuse_columns
from pluto_duck.ingest.told import told
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef


@dataclass(frozen=True)
class PlannedColumn:
    name: str
    source_type: str
    type: str
    """As the table will have it; "" when the column can't be carried."""
    note: str = ""


@dataclass(frozen=True)
class PlannedTable:
    source_name: str
    ref: TableRef
    action: Action | None
    """None when the load would fail."""
    columns: tuple[PlannedColumn, ...]
    key: tuple[str, ...] = ()
    row_estimate: int | None = None
    size_bytes: int | None = None
    notices: tuple[str, ...] = ()
    problem: PlutoError | None = None


@dataclass(frozen=True)
class LoadPlan:
    source: str
    """Without any secret."""
    tables: tuple[PlannedTable, ...]


def preview(session: Session, source: Any, options: LoadOptions) -> LoadPlan:
    """Looks at the source and at what is here; writes nothing. Raises what the load would raise as a whole."""
    opened, shown = opened_source(source, told(options, {}))
    with session.interrupting(opened.interrupt), opened as connector:
        tables, refs = find(connector, options)
        existing = {one.ref.key: one for one in session.tables()}
        found = []
        for table, ref in zip(tables, refs, strict=True):
            types = {place: (column.type, column.note) for place, column in enumerate(table.columns)}
            action, key, problem = None, table.primary_key, None
            notices: tuple[str, ...] = ()
            try:
                refuse_columns(table, several=len(tables) > 1)
                load = plan(table, ref, options, existing.get(ref.key))
                types = {one.place: (one.type, table.columns[one.place].note) for one in load.columns}
                action, key, notices = load.action, load.key or load.primary_key, load.said
            except PlutoError as error:
                problem = error
            columns = tuple(PlannedColumn(column.name, column.source_type, *_carried(column.refusal, types.get(place)))
                            for place, column in enumerate(table.columns))
            note = getattr(table, "note", "")
            found.append(PlannedTable(table.name, ref, action, columns, key, table.row_estimate, table.size_bytes,
                                      (note, *notices) if note else tuple(notices), problem))
        return LoadPlan(shown, tuple(found))


def _carried(refusal: str, carried: tuple[str, str] | None) -> tuple[str, str]:
    """(type, note)"""
    if refusal:
        return "", refusal
    return carried or ("", "left out")
