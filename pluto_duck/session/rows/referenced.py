"""Updates of rows that foreign keys refer to.

DuckDB makes of an UPDATE with RETURNING, and of one of an indexed column, a delete and an insert, and refuses to
delete a row that is referred to. Without RETURNING it writes the other columns where they stand: the row keeps its
rowid, by which it is read afterwards.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pluto_duck.errors import StatementError
from pluto_duck.workspace.database import Cursor
from pluto_duck.workspace.literals import encode, to_sql
from pluto_duck.workspace.tableref import TableRef, fold, quote

if TYPE_CHECKING:
    import pyarrow

    from pluto_duck.session.rows.shapes import Col, Shape

_MOVES = re.compile(r"\[|\b(?:MAP|UNION)\(|^(?:VARIANT|GEOMETRY)")
"""Types whose values DuckDB never writes where they stand."""
FEW = 1_000
"""Rows that are named in the statement itself."""


def in_place(cursor: Cursor, catalog: str, ref: TableRef, columns: Sequence[tuple[str, str]],
             keyed: Sequence[Sequence[str]]) -> frozenset[str] | None:
    """The columns that are written where they stand; None where no foreign key refers to the table. `columns`:
    names and types, `keyed`: those of its own keys."""
    here = f"database_name = {to_sql(encode(catalog))} AND schema_name = {to_sql(encode(ref.schema))}"
    names = ", ".join(to_sql(encode(form)) for form in sorted({fold(ref.name), ref.name.lower()}))
    # A foreign key never leaves its schema.
    if not cursor.fetchall(f"SELECT 1 FROM system.main.duckdb_constraints() WHERE {here} AND constraint_type = "
                           f"'FOREIGN KEY' AND system.main.lower(referenced_table) IN ({names}) LIMIT 1"):
        return None
    if any(fold(name) == "rowid" for name, _type in columns):
        return frozenset()  # it hides DuckDB's
    indexed = " ".join(str(row[0]) for row in cursor.fetchall(
        f"SELECT expressions FROM system.main.duckdb_indexes() WHERE {here} AND table_name = "
        f"{to_sql(encode(ref.name))}")).lower()
    own = {fold(one) for names_ in keyed for one in names_}
    return frozenset(fold(name) for name, kind in columns
                     if fold(name) not in own and not _MOVES.search(kind) and name.lower() not in indexed)


def update(cursor: Cursor, real: Shape, seen: Shape, sets: Mapping[str, tuple[Col, str]],
           where: str) -> pyarrow.Table:
    """Makes it and gives the rows as the table has them then. `sets`: folded name -> the column and its SQL."""
    free = real.in_place or frozenset()
    # A client sends the whole row back: keys that are as they were must not move it. Of those that the actor does
    # not read, it must not learn that it guessed them.
    firm = [(name, column, value) for name, (column, value) in sets.items()
            if name not in free and value != "DEFAULT" and name in seen.known and seen.known[name].plain]
    if firm:
        moved = cursor.fetchall(f"SELECT {', '.join(_differs(column, value) for _n, column, value in firm)} "
                                f"FROM {real.source} WHERE {where}")[0]
        same = {name for (name, _c, _v), other in zip(firm, moved, strict=True) if not other}
        sets = {name: one for name, one in sets.items() if name not in same}
    made = ", ".join(f"{quote(column.name)} = {value}" for column, value in sets.values())
    shown = ", ".join(one.shown for one in real.columns)
    sql = f"UPDATE {real.source} SET {made} WHERE {where}"
    if not set(sets) <= free:
        return cursor.execute(f"{sql} RETURNING {shown}").reader().read_all()
    if not sets:
        return cursor.execute(f"SELECT {shown} FROM {real.source} WHERE {where}", select=True).reader().read_all()
    rows = cursor.execute(f"SELECT rowid AS place FROM {real.source} WHERE {where}", select=True).reader().read_all()
    if rows.num_rows:
        cursor.execute(sql)
    found = _at(cursor, real, rows, shown)
    if found.num_rows != rows.num_rows:
        raise StatementError("The rows that were written can't be told.", hint="Update them by SQL.")
    return found


def upsert(cursor: Cursor, real: Shape, sql: str, keys: Sequence[Sequence[str]]) -> pyarrow.Table:
    """Runs an INSERT .. ON CONFLICT DO UPDATE and gives its rows, in their order. `keys`: the SQL of each row's."""
    cursor.execute(sql)
    given = ", ".join(f"({i}, {', '.join(key)})" for i, key in enumerate(keys))
    names = [f"pluto_key_{i}" for i in range(len(real.key))]
    on = " AND ".join(f"{quote(one)} = {name}" for one, name in zip(real.key, names, strict=True))
    return cursor.execute(
        f"SELECT {', '.join(one.shown for one in real.columns)} FROM (VALUES {given}) AS pluto_given(pluto_nth, "
        f"{', '.join(names)}) JOIN {real.source} ON {on} ORDER BY pluto_nth", select=True).reader().read_all()


def _differs(column: Col, value: str) -> str:
    """Whether it is another one in any row; to the letter, whatever the column's collation calls equal."""
    one, other = (f"system.main.encode(CAST({sql} AS VARCHAR))" for sql in (quote(column.name), value))
    return f"coalesce(system.main.bool_or({one} IS DISTINCT FROM {other}), false)"


def _at(cursor: Cursor, real: Shape, rows: pyarrow.Table, shown: str) -> pyarrow.Table:
    name = f"pluto_at_{uuid.uuid4().hex}"
    if rows.num_rows <= FEW:
        among = ", ".join(str(int(one)) for one in rows.column(0).to_pylist()) or "NULL"
        return cursor.execute(f"SELECT {shown} FROM {real.source} WHERE rowid IN ({among})",
                              select=True).reader().read_all()
    cursor.register(name, rows)
    try:
        return cursor.execute(f"SELECT {shown} FROM {real.source} WHERE rowid IN (SELECT place FROM temp.main.{name})",
                              select=True).reader().read_all()
    finally:
        cursor.unregister(name)
