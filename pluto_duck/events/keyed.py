"""Changes by the keys that a statement returned: the rows as they are now, and as they were for everybody else."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from pluto_duck.errors import PlutoError
from pluto_duck.events.tracked import Tracked
from pluto_duck.workspace.database import Cursor, Rows
from pluto_duck.workspace.tableref import quote

if TYPE_CHECKING:
    import pyarrow

    from pluto_duck.events.recording import Recording

_OPS = {"insert": "c", "update": "u", "delete": "d"}


def returned(table: Tracked, verb: str) -> str:
    """What to RETURN besides: the key as text, and of a MERGE what became of the row."""
    keys = [f"CAST({quote(name)} AS VARCHAR) AS pluto_key_{i}" for i, name in enumerate(table.key_columns)]
    return ", ".join(keys + (["merge_action AS pluto_op"] if verb == "merge" else []))


def width(table: Tracked, verb: str) -> int:
    return len(table.key_columns) + (verb == "merge")


def of_rows(cursor: Cursor, table: Tracked, rows: pyarrow.Table) -> pyarrow.Table:
    """The same of rows of the table."""
    name = f"pluto_keys_{uuid.uuid4().hex}"
    cursor.register(name, rows)
    try:
        return cursor.execute(f"SELECT {returned(table, '')} FROM temp.main.{name}", select=True).reader().read_all()
    finally:
        cursor.unregister(name)


def take(recording: Recording, cursor: Cursor, shadow: Callable[[], Cursor], table: Tracked, verb: str,
         keys: pyarrow.Table) -> Rows:
    """Writes the changes of rows whose keys these are."""
    import pyarrow

    catalog, name = recording.journal.catalog, f"pluto_keys_{uuid.uuid4().hex}"
    width_ = len(table.key_columns)
    columns = [f"k{i}" for i in range(width_)] + (["done"] if verb == "merge" else [])
    keys = keys.rename_columns(columns).append_column("nth", pyarrow.array(range(keys.num_rows), pyarrow.int64()))
    casts = ", ".join(f"CAST(k{i} AS {table.types[one]}) AS k{i}" for i, one in enumerate(table.key_columns))
    names = ", ".join(f"k{i}" for i in range(width_))
    # A MERGE may meet a row twice: what came last holds.
    last = f"system.main.arg_max({'done' if verb == 'merge' else 'NULL'}, nth) AS done, system.main.min(nth) AS nth"
    wanted = f"(SELECT {casts}, done, nth FROM (SELECT {names}, {last} FROM temp.main.{name} GROUP BY {names})) AS k"
    key = {one: f"k.k{i}" for i, one in enumerate(table.key_columns)}

    def there(alias: str) -> str:
        return table.same(key, {one: f"{alias}.{quote(one)}" for one in table.key_columns})

    op = "CASE k.done WHEN 'INSERT' THEN 'c' WHEN 'DELETE' THEN 'd' ELSE 'u' END" if verb == "merge" \
        else f"'{_OPS.get(verb, 'u')}'"
    asks = verb in ("upsert", "merge") or (table.before and verb != "insert")
    was = f"pluto_was_{uuid.uuid4().hex}"
    cursor.register(name, keys)
    try:
        joins, before = "", "NULL"
        if asks:
            _register_before(cursor, shadow(), table, catalog, name, keys, wanted, was, there)
            joins += f" LEFT JOIN temp.main.{was} AS w ON w.nth = k.nth"
            present, before = "w.nth IS NOT NULL", f"CAST(w.was AS {table.row_type})"
            if table.key in recording.cleared:
                present, before = "false", "NULL"
            if recording.rows.get(table.key):
                joins += f" LEFT JOIN {_own(recording, table, catalog)} AS o ON " + table.same(
                    key, {one: f"o.k{i}" for i, one in enumerate(table.key_columns)})
                present = f"CASE WHEN o.op IS NULL THEN {present} ELSE o.op <> 'd' END"
                before = table.chosen(("o.op IS NULL", before), ("true", "o.after"))
            if verb == "upsert":
                op = f"CASE WHEN {present} THEN 'u' ELSE 'c' END"
        alone = table.key_alone(key)
        kept = table.chosen((f"{op} = 'c'", f"CAST(NULL AS {table.row_type})"),
                            (f"{op} = 'd'", before if table.before else alone),
                            (f"{op} = 'u'", before if table.before else "NULL")) if verb != "insert" else "NULL"
        after = table.chosen((f"{op} <> 'd'", table.row("t")))
        return cursor.execute(
            f"INSERT INTO {table.changes(catalog)} SELECT {recording.number()}, {recording.n} + row_number() OVER "
            f"(ORDER BY k.nth), {op}, {kept}, {after} "
            f"FROM {wanted} LEFT JOIN {table.source(catalog)} AS t ON {there('t')}{joins}")
    finally:
        for one in (name, was):
            with suppress(PlutoError):
                cursor.unregister(one)


def _register_before(cursor: Cursor, shadow: Cursor, table: Tracked, catalog: str, name: str, keys: pyarrow.Table,
                     wanted: str, was: str, there: Callable[[str], str]) -> None:
    """Makes the rows of these keys, as all others see them, readable as `was`: (nth, was)."""
    shown = table.row("t") if table.before else "NULL"
    shadow.register(name, keys)
    try:
        found = shadow.execute(f"SELECT k.nth AS nth, {shown} AS was FROM {wanted} JOIN {table.source(catalog)} AS t "
                               f"ON {there('t')}", select=True).reader().read_all()
    finally:
        shadow.unregister(name)
    cursor.register(was, found)


def _own(recording: Recording, table: Tracked, catalog: str) -> str:
    """What this transaction itself has made of each row: (k0, ..., op, after)."""
    keys = ", ".join(f"coalesce(c.after.{quote(one)}, c.before.{quote(one)}) AS k{i}"
                     for i, one in enumerate(table.key_columns))
    names = ", ".join(f"k{i}" for i in range(len(table.key_columns)))
    return (f"(SELECT * FROM (SELECT {keys}, c.op, c.after, c.n FROM {table.changes(catalog)} AS c "
            f"WHERE c.tx = {recording.number()} AND c.n > {recording.cleared.get(table.key, 0)}) "
            f"QUALIFY row_number() OVER (PARTITION BY {names} ORDER BY n DESC) = 1)")
