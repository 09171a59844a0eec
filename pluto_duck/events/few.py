"""Changes of a few rows: their values stand in the statement that writes them, with no Arrow and no join."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pluto_duck.events.tracked import Tracked, text
from pluto_duck.workspace.database import Cursor, Rows
from pluto_duck.workspace.tableref import quote

if TYPE_CHECKING:
    from pluto_duck.events.recording import Recording

FEW = 50
Texts = tuple[str | None, ...]


def returned(table: Tracked) -> str:
    """What to RETURN of a row that is added: all of it, as text."""
    return ", ".join(f"CAST({quote(name)} AS VARCHAR) AS pluto_{i}" for i, (name, _kind) in enumerate(table.columns))


def added(recording: Recording, cursor: Cursor, table: Tracked, rows: Sequence[Texts]) -> Rows:
    """Takes down rows that `returned` gave."""
    return _insert(recording, cursor, table, [("'c'", "NULL", _row(table, one)) for one in rows])


def can(recording: Recording, table: Tracked, verb: str, count: int) -> bool:
    """Whether so many rows, of which the keys are known, can go this way: nothing was done to the table before."""
    plain = table.key not in recording.cleared and not recording.rows.get(table.key)
    return count <= FEW and plain and verb in ("update", "delete", "upsert") and (table.by_text or not table.before)


def take(recording: Recording, cursor: Cursor, shadow: Callable[[], Cursor], table: Tracked, verb: str,
         keys: Sequence[Texts]) -> Rows:
    """As `keyed.take`."""
    catalog, keys = recording.journal.catalog, list(dict.fromkeys(keys))
    source = table.source(catalog)
    was: dict[tuple[str | None, ...], Texts] = {}
    if table.before or verb == "upsert":
        mine = ", ".join(f"CAST(t.{quote(one)} AS VARCHAR)" for one in table.key_columns)
        rest = "".join(f", CAST(t.{quote(name)} AS VARCHAR)" for name, _kind in table.columns) if table.before else ""
        width = len(table.key_columns)
        was = {row[:width]: row[width:] for row in shadow().fetchall(
            f"SELECT {mine}{rest} FROM {source} AS t WHERE {_among(table, keys)}")}
    if verb == "delete":
        return _insert(recording, cursor, table, [("'d'", _gone(table, one, was.get(one)), "NULL") for one in keys])
    values = []
    for i, one in enumerate(keys):
        op = "c" if verb == "upsert" and one not in was else "u"
        before = _row(table, was[one]) if one in was and table.before else f"CAST(NULL AS {table.row_type})"
        key = ", ".join(_value(table, name, value) for name, value in zip(table.key_columns, one, strict=True))
        values.append(f"({recording.n + 1 + i}, '{op}', {before}, {key})")
    columns = ", ".join(f"k{i}" for i in range(len(table.key_columns)))
    same = table.same({name: f"k.k{i}" for i, name in enumerate(table.key_columns)},
                      {name: f"t.{quote(name)}" for name in table.key_columns})
    return cursor.execute(
        f"INSERT INTO {table.changes(catalog)} SELECT {recording.number()}, k.n, k.op, k.was, {table.row('t')} FROM "
        f"(VALUES {', '.join(values)}) AS k(n, op, was, {columns}) JOIN (SELECT * FROM {source} AS t "
        f"WHERE {_among(table, keys)}) AS t ON {same}")


def _gone(table: Tracked, key: Texts, was: Texts | None) -> str:
    if was and table.before:
        return _row(table, was)
    return table.key_alone({name: _value(table, name, one) for name, one in zip(table.key_columns, key, strict=True)})


def _insert(recording: Recording, cursor: Cursor, table: Tracked, rows: Sequence[tuple[str, str, str]]) -> Rows:
    tx = recording.number()
    values = ", ".join(f"({tx}, {recording.n + 1 + i}, {op}, {before}, {after})"
                       for i, (op, before, after) in enumerate(rows))
    return cursor.execute(f"INSERT INTO {table.changes(recording.journal.catalog)} VALUES {values}")


def _among(table: Tracked, keys: Sequence[Texts]) -> str:
    if len(table.key_columns) == 1:
        name = table.key_columns[0]
        values = [_value(table, name, one[0]) for one in keys]
        return f"t.{quote(name)} = {values[0]}" if len(values) == 1 else f"t.{quote(name)} IN ({', '.join(values)})"
    return " OR ".join("(" + " AND ".join(
        f"t.{quote(name)} = {_value(table, name, value)}"
        for name, value in zip(table.key_columns, one, strict=True)) + ")" for one in keys)


def _row(table: Tracked, texts: Texts) -> str:
    return table.packed({name: _value(table, name, one)
                         for (name, _kind), one in zip(table.columns, texts, strict=True)})


def _value(table: Tracked, name: str, value: str | None) -> str:
    kind = table.types[name]
    shown = "NULL" if value is None else text(value)
    return shown if kind == "VARCHAR" and value is not None else f"CAST({shown} AS {kind})"
