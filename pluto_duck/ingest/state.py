"""How far an incremental load has come, and where the next one begins.

The state commits with the rows it speaks of. The next load looks again at every row at or above the last
value (less the lag): two rows may share it, so one may have come after the other was read.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pluto_duck.errors import PlutoError, UsageError, unknown_name
from pluto_duck.ingest.connectors import SourceColumn, SourceTable
from pluto_duck.ingest.options import LoadOptions
from pluto_duck.ingest.plan import TableLoad
from pluto_duck.ingest.records import literal, schema_hash
from pluto_duck.session import Session
from pluto_duck.workspace.tableref import fold, quote

XMIN = "xmin"

_ORDERED = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|U?INTEGER|DECIMAL\(\d+,\s*\d+\)|FLOAT|DOUBLE|DATE|"
                      r"TIMESTAMP(_S|_MS|_NS)?|TIMESTAMP WITH TIME ZONE|VARCHAR|UUID")
_ENDLESS = ("FLOAT", "DOUBLE", "DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")
"""Types with values beyond all others, after which nothing would ever be new."""


@dataclass(frozen=True)
class State:
    last: str | None
    source_state: Mapping[str, Any] | None
    selection: str
    token: str
    target_gone: bool
    pulse: str | None
    """What the source said when there was nothing new: `still.Kept`."""


@dataclass(frozen=True)
class Known:
    """The state of a table, found by the table here alone."""

    source_table: str
    cursor: str
    state: State


@dataclass(frozen=True)
class Start:
    """Where one table's load begins."""

    after: str | None = None
    """None: everything."""
    changed_since: Mapping[str, Any] | None = None
    state: State | None = None
    """The one that the load goes on from; None when it begins anew."""
    shared: bool = False
    """Rows of other origin lie in the table, too."""
    said: tuple[str, ...] = ()


class States:
    """What is known of one source's tables, read once for a load."""

    def __init__(self, session: Session, source: str, keys: Sequence[str]) -> None:
        self._source = source
        listed = ", ".join(literal(key) for key in keys) or "NULL"
        self._rows = session.internal([
            "SELECT source, source_table, table_key, coalesce(cursor_column, ''), last_value, source_state, selection, "
            f"token, target_gone, pulse FROM _pluto.ingest_state WHERE table_key IN ({listed})"])[0]
        self._newest: dict[str, str] = {}
        self.everything = 0
        """The version of what was written past us, to whichever table."""
        if self._rows:
            versions = session.versions()
            self.everything = versions.get("*", 0)
            seqs = {versions.get(str(row[2]), 0) for row in self._rows}
            tokens = dict(session.internal([  # the row of the last commit of a table is always there
                f"SELECT seq, token FROM _pluto.commits WHERE seq IN ({', '.join(map(str, sorted(seqs)))})"])[0])
            self._newest = {str(row[2]): str(tokens.get(versions.get(str(row[2]), 0)) or "") for row in self._rows}

    def find(self, table: SourceTable, key: str, cursor: str) -> State | None:
        for source, name, target, column, last, state, selection, token, gone, pulse in self._rows:
            if (source, name, target, column) == (self._source, full_name(table), key, cursor):
                return State(last, json.loads(state) if state else None, selection, token, bool(gone), pulse)
        return None

    def only(self, key: str) -> Known | None:
        """The one state of a table here, when it is this source's."""
        mine = [row for row in self._rows if row[2] == key]
        if len(mine) != 1 or mine[0][0] != self._source:
            return None
        _source, name, _key, column, last, state, selection, token, gone, pulse = mine[0]
        versions = json.loads(state) if state else None
        return Known(name, column, State(last, versions, selection, token, bool(gone), pulse))

    def others(self, table: SourceTable, key: str) -> bool:
        return any((row[0], row[1]) != (self._source, full_name(table)) for row in self._rows if row[2] == key)

    def written_since(self, key: str, state: State) -> bool:
        """True when somebody else committed a change of the table after that load."""
        return self._newest.get(key, "") != f"{state.token}:0"


def full_name(table: SourceTable) -> str:
    return f"{table.schema}.{table.name}" if table.schema else table.name


def cursor_column(table: SourceTable, cursor: str) -> SourceColumn:
    """The column that a cursor names. Raises UnknownName, or UsageError where its order says nothing."""
    found = {fold(column.name): column for column in table.columns}.get(fold(cursor))
    if found is None:
        raise unknown_name("column", cursor, [column.name for column in table.columns], where=table.name)
    if not _ORDERED.fullmatch(found.type):
        raise UsageError(f"{table.name}.{found.name} is {found.source_type}, which does not grow: no cursor.",
                         hint="Take a number, a date or a time; or --cursor xmin with PostgreSQL.")
    if found.type == "VARCHAR" and re.match(r"numeric|decimal|number", found.source_type, re.I):
        raise UsageError(f"{table.name}.{found.name} comes as text, whose order is not that of its numbers.",
                         hint=f"--cast {found.name}=bigint")
    return found


def fingerprint(options: LoadOptions) -> str:
    """Which rows were asked for: with others, the state of before says nothing."""
    return hashlib.sha256(json.dumps([options.where, options.query, options.since]).encode()).hexdigest()[:16]


def start(session: Session, states: States, load: TableLoad, options: LoadOptions) -> Start:
    """Where a load with a cursor begins. Raises UsageError where going on would double rows."""
    assert options.cursor is not None
    column = None if options.cursor == XMIN else cursor_column(load.table, options.cursor)
    name = XMIN if column is None else column.name
    state = states.find(load.table, load.ref.key, name)
    anew = Start(after=options.since)
    if load.mode == "replace":
        return Start()
    if state is None:
        return anew
    if load.existing is None:
        return Start(after=options.since,
                     said=(f"{load.ref} was dropped here since its last load: loaded whole again",))
    if state.target_gone:
        return Start(after=options.since,
                     said=(f"{load.ref} was made anew here since its last load: loaded whole again",))
    if state.selection != fingerprint(options):
        if load.mode == "append":
            raise UsageError(f"{load.ref} holds what was asked for with another --where or --since; going on would "
                             "double rows or leave some out.",
                             hint="Load it once with --mode replace, or into another table with --into.")
        return Start(after=options.since, said=("other rows are asked for than last time: all of them were compared",))
    said: tuple[str, ...] = ()
    if states.written_since(load.ref.key, state):
        if load.mode != "append" and not states.others(load.table, load.ref.key):
            return Start(after=options.since, said=(
                f"{load.ref} was changed here since its last load: all of the source was compared with it",))
        said = (f"{load.ref} was changed here since its last load",) if not states.others(
            load.table, load.ref.key) else ()
    shared = bool(said) or states.others(load.table, load.ref.key)
    if column is None:
        return Start(changed_since=state.source_state, state=state, said=said)
    after = state.last
    if after is not None and options.lag:
        after = before(session, after, column.type, options.lag)
    return Start(after=after, state=state, shared=shared, said=said)


def before(session: Session, value: str, kind: str, lag: str) -> str:
    """A cursor's value less the lag, as text."""
    timely = kind.startswith(("TIMESTAMP", "DATE"))
    back = f"CAST({literal(lag)} AS INTERVAL)" if timely else f"CAST({literal(lag)} AS {kind})"
    try:
        found = session.internal([f"SELECT CAST(CAST(CAST({literal(value)} AS {kind}) - {back} AS {kind}) AS VARCHAR)"])
    except PlutoError as error:
        raise UsageError(f"A lag of {lag!r} can't be taken from a cursor of type {kind}.",
                         hint='For times: --lag "1 hour"; for numbers: --lag 1000') from error
    return str(found[0][0][0])


def newest(table: str, column: str, kind: str, last: str | None) -> str:
    """A SELECT of (the highest value as text, how many rows have none) over a table given as SQL."""
    finite = f" FILTER (isfinite({quote(column)}))" if kind in _ENDLESS else ""
    highest = f"max({quote(column)}){finite}"
    if last is not None:
        highest = f"greatest({highest}, CAST({literal(last)} AS {kind}))"
    return (f"SELECT CAST({highest} AS VARCHAR), count(*) FILTER ({quote(column)} IS NULL) FROM {table}")


def keep_pulse(load: TableLoad, source: str, pulse: str) -> str:
    """`pulse`: the text of a `still.Kept`."""
    return (f"UPDATE _pluto.ingest_state SET pulse = {literal(pulse)} WHERE source = {literal(source)} "
            f"AND source_table = {literal(full_name(load.table))} AND table_key = {literal(load.ref.key)}")


def remember(load: TableLoad, *, source: str, cursor: str | None, last: str | None,
             source_state: Mapping[str, Any] | None, options: LoadOptions, load_id: str, token: str) -> list[str]:
    """The statements that put the state of before away, and the new one in its place."""
    mine = (f"source = {literal(source)} AND source_table = {literal(full_name(load.table))} "
            f"AND table_key = {literal(load.ref.key)}")
    if load.action in ("create", "replace"):
        mine = f"table_key = {literal(load.ref.key)}"  # whoever filled it before: that is gone
    sql = [f"DELETE FROM _pluto.ingest_state WHERE {mine}"]
    if cursor is not None:
        values = (source, full_name(load.table), load.ref.key, cursor, last,
                  json.dumps(dict(source_state)) if source_state is not None else None, fingerprint(options),
                  schema_hash(load.table), load_id, token, False, None)
        sql.append(f"INSERT INTO _pluto.ingest_state VALUES ({', '.join(literal(value) for value in values)})")
    return sql
