"""Rows that say of themselves whether they are new, changed or gone, brought into one table."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pluto_duck.errors import StatementError
from pluto_duck.workspace.protocol import Json
from pluto_duck.workspace.tableref import quote

INSERT, UPSERT, DELETE = 0, 1, 2

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
    kept: str = ""
    """SQL over them: where it is true, an UPSERT leaves what the table has."""


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


def merge(run: Run, table: str, incoming: str, args: dict[str, Json]) -> Merged:
    """`incoming`, a registered name, into a table given as SQL; `args` as `HostSession._merge` has them."""
    columns: list[list[str]] = args["columns"]
    names = ", ".join(quote(one[0]) for one in columns)
    picks = ", ".join(f"CAST({expression} AS {kind}) AS {quote(f'c{place}')}"
                      for place, (_name, kind, expression, _kept) in enumerate(columns))
    if args["truncate"]:
        run(f"DELETE FROM {table}")
    deletes, upserts, inserts = (int(args["counts"][one]) for one in (DELETE, UPSERT, INSERT))
    if not deletes and not upserts:
        return Merged(_count(run, f"INSERT INTO {table} ({names}) SELECT {picks} FROM {incoming}") if inserts else 0)
    staged = f"temp.main.{quote(f'pluto_merged_{uuid.uuid4().hex}')}"
    kept = "".join(f", ({one[3]}) AS {quote(f'k{place}')}" for place, one in enumerate(columns) if one[3])
    run(f"CREATE TEMPORARY TABLE {staged} AS SELECT {args['op']} AS op, {picks}{kept} FROM {incoming}")
    try:
        # What is gone first: its key may have come again under another spelling (1.0 and 1.00).
        gone = _deleted(run, table, staged, args) if deletes else 0
        changed = _upserted(run, table, staged, args) if upserts else 0
        values = ", ".join(quote(f"c{place}") for place in range(len(columns)))
        new = _count(run, f"INSERT INTO {table} ({names}) SELECT {values} FROM {staged} WHERE op = {INSERT}") \
            if inserts else 0
    finally:
        try:
            run(f"DROP TABLE {staged}")
        except StatementError:
            pass  # the transaction failed, and took it along
    return Merged(new, changed, gone, deletes - gone)


def _deleted(run: Run, table: str, staged: str, args: dict[str, Json]) -> int:
    if args["key"]:
        return _count(run, f"DELETE FROM {table} AS t USING {staged} AS s WHERE s.op = {DELETE} AND {_same(args)}")
    # Without a key one row here goes for each that went there, of all that are alike.
    places = range(len(args["columns"]))
    alike = ", ".join(quote(f"c{place}") for place in places)
    return _count(
        run,
        f"DELETE FROM {table} WHERE rowid IN (SELECT row FROM (SELECT t.rowid AS row, s.n, "
        f"system.main.row_number() OVER (PARTITION BY s.number) AS place FROM {table} AS t JOIN "
        f"(SELECT *, system.main.row_number() OVER () AS number FROM (SELECT {alike}, system.main.count(*) AS n "
        f"FROM {staged} WHERE op = {DELETE} GROUP BY ALL) AS alike) AS s ON {_alike(args)}) AS found WHERE place <= n)")


def _upserted(run: Run, table: str, staged: str, args: dict[str, Json]) -> int:
    columns: list[list[str]] = args["columns"]
    key = set(args["key"])
    changes, partly = [], []
    for place, (name, _kind, _expression, kept) in enumerate(columns):
        if name in key:
            continue
        value = f"s.{quote(f'c{place}')}"
        if kept:
            partly.append(f"NOT s.{quote(f'k{place}')}")
            value = f"CASE WHEN s.{quote(f'k{place}')} THEN t.{quote(name)} ELSE {value} END"
        changes.append(f"{quote(name)} = {value}")
    names = ", ".join(quote(one[0]) for one in columns)
    values = ", ".join(f"s.{quote(f'c{place}')}" for place in range(len(columns)))
    update = f"WHEN MATCHED THEN UPDATE SET {', '.join(changes)} " if changes else ""
    new = f" AND {' AND '.join(partly)}" if partly else ""
    return _count(run, f"MERGE INTO {table} AS t USING (SELECT * FROM {staged} WHERE op = {UPSERT}) AS s "
                          f"ON ({_same(args)}) {update}WHEN NOT MATCHED{new} THEN INSERT ({names}) VALUES ({values})")


def _same(args: dict[str, Json]) -> str:
    places = {one[0]: place for place, one in enumerate(args["columns"])}
    return " AND ".join(f"t.{quote(name)} = s.{quote(f'c{places[name]}')}" for name in args["key"])


def _alike(args: dict[str, Json]) -> str:
    """Every value the same; by its text where values that differ are equal: 30 days and a month, 0.0 and -0.0."""
    tests = []
    for place, (name, kind, _expression, _kept) in enumerate(args["columns"]):
        ours, theirs = f"t.{quote(name)}", f"s.{quote(f'c{place}')}"
        if any(word in kind for word in ("INTERVAL", "FLOAT", "DOUBLE")):
            ours, theirs = f"CAST({ours} AS VARCHAR)", f"CAST({theirs} AS VARCHAR)"
        tests.append(f"{ours} IS NOT DISTINCT FROM {theirs}")
    return " AND ".join(tests)


def _count(run: Run, sql: str) -> int:
    return int(run(sql)[0][0])
