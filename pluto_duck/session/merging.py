"""Rows that are new, changed or gone, brought into one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pluto_duck.workspace.protocol import Json
from pluto_duck.workspace.tableref import quote

Run = Callable[[str], list[list[Any]]]
"""Runs a statement, and takes down what it changes in a tracked table; its rows."""


@dataclass(frozen=True)
class MergeColumn:
    """One column of a table that `Session.merge` changes."""

    name: str
    type: str
    """DuckDB type text."""
    expression: str
    """SQL over the incoming columns; made by our own code, never by a user."""


@dataclass(frozen=True)
class Mix:
    """What incoming rows are, in their order: those that are gone, then those that changed, then those that are new."""

    deletes: int = 0
    upserts: tuple[tuple[int, tuple[str, ...]], ...] = ()
    """How many, and of which columns they leave what the table has; those that leave none may be new, too."""
    inserts: int = 0


@dataclass(frozen=True)
class Merged:
    inserted: int = 0
    upserted: int = 0
    deleted: int = 0
    missing: int = 0
    """Rows to be deleted that were not there."""

    @property
    def rows(self) -> int:
        return self.inserted + self.upserted + self.deleted


class Incoming:
    """Rows under a name in SQL. DuckDB holds what was registered in a transaction until its end, also what was taken
    back: this, which it can empty."""

    def __init__(self, rows: Any) -> None:
        """`rows`: a pyarrow.Table."""
        self._rows = self._given = rows

    def give(self, start: int, count: int) -> None:
        """From now on it is these of its rows."""
        self._given = self._rows.slice(start, count)

    def empty(self) -> None:
        self._rows = self._given = self._rows.schema.empty_table()

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._given.__arrow_c_stream__(requested_schema)


def merge(run: Run, table: str, incoming: str, rows: Incoming, args: dict[str, Json], *, anew: bool) -> Merged:
    """`incoming`, the name of `rows`, into a table given as SQL; `args` as `HostSession._merge` has them. `anew`:
    rows that changed are deleted and inserted. An UPDATE holds what it writes in memory, where nothing can take it
    to the disk, until the transaction ends."""
    columns: list[list[str]] = args["columns"]
    names = ", ".join(quote(one[0]) for one in columns)
    picks = ", ".join(f"CAST({expression} AS {kind}) AS {quote(f'c{place}')}"
                      for place, (_name, kind, expression) in enumerate(columns))
    source = f"(SELECT {picks} FROM {incoming})"
    insert = f"INSERT INTO {table} ({names}) SELECT {picks} FROM {incoming}"
    if args["truncate"]:
        run(f"DELETE FROM {table}")
    at = changed = 0
    # What is gone first: its key may have come again under another spelling (1.0 and 1.00).
    deletes, inserts = int(args["deletes"]), int(args["inserts"])
    gone = 0
    if deletes:
        rows.give(at, deletes)
        gone = _deleted(run, table, source, args)
        at += deletes
    for count, kept in args["upserts"]:
        rows.give(at, int(count))
        if anew and not kept:
            run(f"DELETE FROM {table} AS t USING {source} AS s WHERE {_same(args)}")
            changed += _count(run, insert)
        else:
            changed += _upserted(run, table, source, args, set(kept))
        at += int(count)
    rows.give(at, inserts)
    new = _count(run, insert) if inserts else 0
    return Merged(new, changed, gone, deletes - gone)


def _deleted(run: Run, table: str, source: str, args: dict[str, Json]) -> int:
    if args["key"]:
        return _count(run, f"DELETE FROM {table} AS t USING {source} AS s WHERE {_same(args)}")
    # Without a key one row here goes for each that went there, of all that are alike.
    places = range(len(args["columns"]))
    alike = ", ".join(quote(f"c{place}") for place in places)
    return _count(
        run,
        f"DELETE FROM {table} WHERE rowid IN (SELECT row FROM (SELECT t.rowid AS row, s.n, "
        f"system.main.row_number() OVER (PARTITION BY s.number) AS place FROM {table} AS t JOIN "
        f"(SELECT *, system.main.row_number() OVER () AS number FROM (SELECT {alike}, system.main.count(*) AS n "
        f"FROM {source} AS gone GROUP BY ALL) AS alike) AS s ON {_alike(args)}) AS found WHERE place <= n)")


def _upserted(run: Run, table: str, source: str, args: dict[str, Json], kept: set[str]) -> int:
    columns: list[list[str]] = args["columns"]
    # A value that stays is not written: to set it to itself would hold all of it in memory.
    changes = [f"{quote(name)} = s.{quote(f'c{place}')}" for place, (name, _kind, _expression) in enumerate(columns)
               if name not in args["key"] and name not in kept]
    names = ", ".join(quote(one[0]) for one in columns)
    values = ", ".join(f"s.{quote(f'c{place}')}" for place in range(len(columns)))
    if kept and not changes:
        return _count(run, f"SELECT system.main.count(*) FROM {table} AS t JOIN {source} AS s ON ({_same(args)})")
    matched = f"WHEN MATCHED THEN UPDATE SET {', '.join(changes)} " if changes else ""
    new = "" if kept else f"WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values})"
    return _count(run, f"MERGE INTO {table} AS t USING {source} AS s ON ({_same(args)}) {matched}{new}")


def _same(args: dict[str, Json]) -> str:
    places = {one[0]: place for place, one in enumerate(args["columns"])}
    return " AND ".join(f"t.{quote(name)} = s.{quote(f'c{places[name]}')}" for name in args["key"])


def _alike(args: dict[str, Json]) -> str:
    """Every value the same; by its text where values that differ are equal: 30 days and a month, 0.0 and -0.0."""
    tests = []
    for place, (name, kind, _expression) in enumerate(args["columns"]):
        ours, theirs = f"t.{quote(name)}", f"s.{quote(f'c{place}')}"
        if any(word in kind for word in ("INTERVAL", "FLOAT", "DOUBLE")):
            ours, theirs = f"CAST({ours} AS VARCHAR)", f"CAST({theirs} AS VARCHAR)"
        tests.append(f"{ours} IS NOT DISTINCT FROM {theirs}")
    return " AND ".join(tests)


def _count(run: Run, sql: str) -> int:
    return int(run(sql)[0][0])
