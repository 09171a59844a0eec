"""Changes of a few rows: their values stand in the statement that writes them, with no Arrow and no join."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pluto_duck.events.recent import Texts
from pluto_duck.events.tracked import Tracked
from pluto_duck.workspace.database import Cursor
from pluto_duck.workspace.tableref import quote

if TYPE_CHECKING:
    from pluto_duck.events.recording import Recording
    from pluto_duck.events.writes import Write

FEW = 50
Change = tuple[str, Texts | None, Texts | None]
"""op, before, after"""


def returned(table: Tracked) -> str:
    """What to RETURN of a row: all of it, as text."""
    return ", ".join(f"CAST({quote(name)} AS VARCHAR) AS pluto_{i}" for i, (name, _kind) in enumerate(table.columns))


def added(recording: Recording, cursor: Cursor, table: Tracked, rows: Sequence[Texts]) -> int:
    """Takes down rows that `returned` gave of an INSERT."""
    return _insert(recording, cursor, table, [("c", None, tuple(one)) for one in rows])


def written(recording: Recording, cursor: Cursor, shadow: Callable[[], Cursor], table: Tracked, verb: str,
            rows: Sequence[Texts]) -> int:
    """Takes down rows that `returned` gave of an UPDATE or DELETE, each once."""
    rows = [tuple(one) for one in rows]
    if verb == "delete":
        return _insert(recording, cursor, table, [("d", _gone(table, one), None) for one in rows])
    was = _rows(shadow(), recording, table, [table.key_of(one) for one in rows]) if table.before else {}
    return _insert(recording, cursor, table, [("u", was.get(table.key_of(one)), one) for one in rows])


def at(recording: Recording, cursor: Cursor, table: Tracked, write: Write) -> list[Texts]:
    """The rows of the key that a statement names."""
    return cursor.fetchall(f"SELECT {returned(table)} FROM {table.source(recording.journal.catalog)} "
                           f"WHERE {quote(table.key_columns[0])} = {write.point_value}")


def updated(recording: Recording, cursor: Cursor, table: Tracked, was: Sequence[Texts], made: Sequence[Texts]) -> int:
    """Takes down what `at` gave before and after an UPDATE."""
    before = {table.key_of(one): one for one in was}
    return _insert(recording, cursor, table, [("u", before.get(table.key_of(one)), one) for one in made])


def can(recording: Recording, table: Tracked, verb: str, count: int) -> bool:
    """Whether so many rows, of which the keys are known, can go this way: nothing was done to the table before."""
    return count <= FEW and is_fresh(recording, table) and verb in ("update", "delete", "upsert") and (
        table.by_text or not table.before)


def is_fresh(recording: Recording, table: Tracked) -> bool:
    """Whether others still see the rows as they were before the statement at hand."""
    return table.key not in recording.cleared and not recording.rows.get(table.key)


def take(recording: Recording, cursor: Cursor, shadow: Callable[[], Cursor], table: Tracked, verb: str,
         keys: Sequence[Texts]) -> int:
    """As `keyed.take`."""
    keys = list(dict.fromkeys(keys))
    was: dict[Texts, Texts] = {}
    if table.before or verb == "upsert":
        was = _rows(shadow(), recording, table, keys, whole=table.before)
    if verb == "delete":
        return _insert(recording, cursor, table, [
            ("d", (was.get(one) if table.before else None) or table.with_key(one), None) for one in keys])
    ops = ["c" if verb == "upsert" and one not in was else "u" for one in keys]
    kept = [was.get(one) if table.before else None for one in keys]
    if table.by_text:
        now = _rows(cursor, recording, table, keys)
        return _insert(recording, cursor, table, [
            (op, before, now[one]) for one, op, before in zip(keys, ops, kept, strict=True) if one in now])
    return _joined(recording, cursor, table, keys, ops)


def _joined(recording: Recording, cursor: Cursor, table: Tracked, keys: Sequence[Texts], ops: Sequence[str]) -> int:
    """Where the text of a value is not the value, the rows as they are now go to the Journal by themselves."""
    catalog = recording.journal.catalog
    values = ", ".join(
        f"({recording.n + 1 + i}, '{op}', {', '.join(map(table.literal, table.key_columns, one))})"
        for i, (one, op) in enumerate(zip(keys, ops, strict=True)))
    columns = ", ".join(f"k{i}" for i in range(len(table.key_columns)))
    same = table.same({name: f"k.k{i}" for i, name in enumerate(table.key_columns)},
                      {name: f"t.{quote(name)}" for name in table.key_columns})
    return int(cursor.fetchall(
        f"INSERT INTO {table.changes(catalog)} SELECT {recording.number()}, k.n, k.op, NULL, {table.row('t')} FROM "
        f"(VALUES {values}) AS k(n, op, {columns}) JOIN (SELECT * FROM {table.source(catalog)} AS t "
        f"WHERE {_among(table, keys)}) AS t ON {same}")[0][0])


def _rows(cursor: Cursor, recording: Recording, table: Tracked, keys: Sequence[Texts], *,
          whole: bool = True) -> dict[Texts, Texts]:
    """By their keys, the rows as the cursor sees them; () for each unless `whole`."""
    shown = [*table.key_columns, *(name for name, _kind in table.columns if whole)]
    width = len(table.key_columns)
    texts = ", ".join(f"CAST(t.{quote(one)} AS VARCHAR)" for one in shown)
    return {row[:width]: row[width:] for row in cursor.fetchall(
        f"SELECT {texts} FROM {table.source(recording.journal.catalog)} AS t WHERE {_among(table, keys)}")}


def _gone(table: Tracked, row: Texts) -> Texts:
    return row if table.before else table.with_key(table.key_of(row))


def _insert(recording: Recording, cursor: Cursor, table: Tracked, changes: Sequence[Change]) -> int:
    if not changes:
        return 0
    tx = recording.number()
    values = ", ".join(f"({tx}, {recording.n + 1 + i}, '{op}', {_row(table, before)}, {_row(table, after)})"
                       for i, (op, before, after) in enumerate(changes))
    cursor.fetchall(f"INSERT INTO {table.changes(recording.journal.catalog)} VALUES {values}")
    recording.say(table, changes)
    return len(changes)


def _among(table: Tracked, keys: Sequence[Texts]) -> str:
    if len(table.key_columns) == 1:
        name = table.key_columns[0]
        values = [table.literal(name, one[0]) for one in keys]
        return f"t.{quote(name)} = {values[0]}" if len(values) == 1 else f"t.{quote(name)} IN ({', '.join(values)})"
    return " OR ".join("(" + " AND ".join(
        f"t.{quote(name)} = {table.literal(name, value)}"
        for name, value in zip(table.key_columns, one, strict=True)) + ")" for one in keys)


def _row(table: Tracked, texts: Texts | None) -> str:
    if texts is None:
        return "NULL"
    return table.packed({name: table.literal(name, one)
                         for (name, _kind), one in zip(table.columns, texts, strict=True)})
