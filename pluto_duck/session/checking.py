"""Runs the checks of tables: one scan for each, and a statement for each relationship, read-only.

Of a table that a transaction has just filled the same within it, before anybody else sees its rows.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import PlutoError, Refused, StatementError, UnknownName, UsageError, unknown_name
from pluto_duck.governance.checks import Check, Outcome, TableReport
from pluto_duck.governance.checks.compiling import Compiled, compiled
from pluto_duck.governance.checks.judging import broken, judged
from pluto_duck.session.inside import alias
from pluto_duck.workspace import Result, TableRef
from pluto_duck.workspace.engine_errors import is_aborted

if TYPE_CHECKING:
    from pluto_duck.session import Session, TableInfo

_ITS_OWN_FAULT = (UsageError, UnknownName, Refused)
"""What a check that does not fit its table raises; whatever else is raised stops the run."""
Loaded = Mapping[str, dt.datetime]
"""TableRef.key -> when the last load of it arrived."""
Numbers = Sequence[Any]
Found = dict[str, Numbers | PlutoError]
"""Of each check, by name."""
Read = Callable[[str], Result]
"""Runs a SELECT that has to pass the Gate."""


def check(session: Session, checks: Sequence[Check], *, loaded: Loaded, now: dt.datetime,
          begins: Callable[[TableRef], None] | None = None) -> Iterator[TableReport]:
    """Table by table, in the order of the checks."""
    tables = {one.table.key: one.table for one in checks}
    infos = {info.ref.key: info for info in session.tables()}
    for key, table in tables.items():
        if begins is not None:
            begins(table)
        yield _table(lambda sql: session.query(sql, read_only=True), table,
                     [one for one in checks if one.table.key == key], infos, loaded.get(key), now)


def check_inside(session: Session, table: TableRef, checks: Sequence[Check], *,
                 now: dt.datetime) -> tuple[TableReport, list[tuple[Check, Result]]]:
    """Of a table that the open transaction has filled: (what became of its checks, rows of each that failed).

    Where a check does not run, the transaction may be good for nothing but ROLLBACK.
    """
    shown = alias(table)
    wanted = {table.key, *(one.parent.key for one in checks if one.parent is not None)}
    infos = {info.ref.key: info for info in session.tables() if info.ref.key in wanted}
    if table.key in infos:
        infos[shown.key] = replace(infos[table.key], ref=shown)

    def called(one: Check) -> Check:
        itself = one.parent is not None and one.parent.key == table.key
        return replace(one, table=shown, parent=shown if itself else one.parent)

    def read(sql: str) -> Result:
        return session.inside(table, sql)

    found = _table(read, shown, [called(one) for one in checks], infos, now, now)
    samples, outcomes = [], []
    for check, outcome in zip(checks, found.outcomes, strict=True):
        if outcome.sample and outcome.status == "failed":
            samples.append((check, read(outcome.sample)))
        own = _compiled(check, infos, now).sample if outcome.sample else ""  # what shows them once they are published
        outcomes.append(replace(outcome, check=check, sample=own))
    return replace(found, table=table, outcomes=tuple(outcomes)), samples


def _table(read: Read, table: TableRef, checks: Sequence[Check], infos: Mapping[str, TableInfo],
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
        rows, numbers = _scan(read, table, [one for one in fit if one.aggregates])
        for it in fit:
            found = numbers[it.check.name] if it.aggregates else _own(read, it.statement)
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


def _scan(read: Read, table: TableRef, fit: Sequence[Compiled]) -> tuple[int | None, Found]:
    """(rows of the table, the numbers of each check). Where the whole does not run, each runs alone, so that one slip
    takes nothing else along, as far as the transaction allows."""
    rows: int | None = None
    try:
        return _whole(read, table, fit)
    except _ITS_OWN_FAULT as error:
        first = error
    found: Found = {}
    try:
        rows, _ = _whole(read, table, ())
        for one in fit:
            try:
                found |= _whole(read, table, [one])[1]
            except _ITS_OWN_FAULT as error:
                if _is_over(error):
                    raise
                found[one.check.name] = first = error
    except StatementError as error:
        if not _is_over(error):
            raise
        for one in fit:  # which of them it was can't be told any more
            found.setdefault(one.check.name, first)
    return rows, found


def _is_over(error: PlutoError) -> bool:
    """The transaction has been aborted by what ran before."""
    return isinstance(error, StatementError) and is_aborted(error)


def _whole(read: Read, table: TableRef, fit: Sequence[Compiled]) -> tuple[int, Found]:
    picks = list(dict.fromkeys(["count(*)", *(text for one in fit for text in one.aggregates)]))
    row = read(f"SELECT {', '.join(picks)} FROM {table.sql}").rows()[0]
    if len(row) != len(picks):
        raise UsageError("An expression is more than one.")
    at = dict(zip(picks, row, strict=True))
    return int(row[0]), {one.check.name: [at[text] for text in one.aggregates] for one in fit}


def _own(read: Read, statement: str) -> Numbers | PlutoError:
    try:
        return tuple(read(statement).rows()[0])
    except _ITS_OWN_FAULT as error:
        return error
