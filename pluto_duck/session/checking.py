"""Runs the checks of tables: one scan for each, and a statement for each relationship, read-only."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import PlutoError, Refused, UnknownName, UsageError, unknown_name
from pluto_duck.governance.checks import Check, Outcome, TableReport
from pluto_duck.governance.checks.compiling import Compiled, compiled
from pluto_duck.governance.checks.judging import broken, judged
from pluto_duck.workspace import TableRef

if TYPE_CHECKING:
    from pluto_duck.session import Session, TableInfo

_ITS_OWN_FAULT = (UsageError, UnknownName, Refused)
"""What a check that does not fit its table raises; whatever else is raised stops the run."""
Loaded = Mapping[str, dt.datetime]
"""TableRef.key -> when the last load of it arrived."""
Numbers = Sequence[Any]
Found = dict[str, Numbers | PlutoError]
"""Of each check, by name."""


def check(session: Session, checks: Sequence[Check], *, loaded: Loaded, now: dt.datetime,
          begins: Callable[[TableRef], None] | None = None) -> Iterator[TableReport]:
    """Table by table, in the order of the checks."""
    tables = {one.table.key: one.table for one in checks}
    infos = {info.ref.key: info for info in session.tables()}
    for key, table in tables.items():
        if begins is not None:
            begins(table)
        yield _table(session, table, [one for one in checks if one.table.key == key], infos, loaded.get(key), now)


def _table(session: Session, table: TableRef, checks: Sequence[Check], infos: Mapping[str, TableInfo],
           loaded_at: dt.datetime | None, now: dt.datetime) -> TableReport:
    started = time.perf_counter()
    outcomes: dict[str, Outcome] = {}
    fit: list[Compiled] = []
    for one in checks:
        try:
            fit.append(_compiled(one, infos, now))
        except PlutoError as error:
            outcomes[one.name] = broken(one, error)
    rows: int | None = None
    if table.key in infos:
        rows, numbers = _scan(session, table, [one for one in fit if one.aggregates])
        for it in fit:
            found = numbers[it.check.name] if it.aggregates else _own(session, it.statement)
            outcomes[it.check.name] = broken(it.check, found) if isinstance(found, PlutoError) else judged(
                it, found, loaded_at=loaded_at, now=now)
    return TableReport(table, rows, tuple(outcomes[one.name] for one in checks), time.perf_counter() - started)


def _compiled(one: Check, infos: Mapping[str, TableInfo], now: dt.datetime) -> Compiled:
    columns = [None if table is None else _columns(table, infos) for table in (one.table, one.parent)]
    return compiled(one, columns[0] or {}, columns[1], now)


def _columns(table: TableRef, infos: Mapping[str, TableInfo]) -> dict[str, str]:
    if table.key not in infos:
        raise unknown_name("table", str(table), [str(info.ref) for info in infos.values()])
    return {column.name: column.type for column in infos[table.key].columns}


def _scan(session: Session, table: TableRef, fit: Sequence[Compiled]) -> tuple[int, Found]:
    """(rows of the table, the numbers of each check). Where the whole does not run, each runs alone, so that one slip
    takes nothing else along."""
    try:
        return _whole(session, table, fit)
    except _ITS_OWN_FAULT:
        rows, _ = _whole(session, table, ())
    found: Found = {}
    for one in fit:
        try:
            found |= _whole(session, table, [one])[1]
        except _ITS_OWN_FAULT as error:
            found[one.check.name] = error
    return rows, found


def _whole(session: Session, table: TableRef, fit: Sequence[Compiled]) -> tuple[int, Found]:
    picks = list(dict.fromkeys(["count(*)", *(text for one in fit for text in one.aggregates)]))
    row = session.query(f"SELECT {', '.join(picks)} FROM {table.sql}", read_only=True).rows()[0]
    if len(row) != len(picks):
        raise UsageError("An expression is more than one.")
    at = dict(zip(picks, row, strict=True))
    return int(row[0]), {one.check.name: [at[text] for text in one.aggregates] for one in fit}


def _own(session: Session, statement: str) -> Numbers | PlutoError:
    try:
        return tuple(session.query(statement, read_only=True).rows()[0])
    except _ITS_OWN_FAULT as error:
        return error
