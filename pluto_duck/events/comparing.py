"""Changes by comparing: a table is copied, something is done, and what differs is taken down."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pluto_duck.events.tracked import Tracked, columns_of, differs, exactly
from pluto_duck.workspace.database import Cursor
from pluto_duck.workspace.tableref import fold, quote

if TYPE_CHECKING:
    from pluto_duck.events.recording import Recording


@dataclass(frozen=True)
class Copy:
    """A table as the transaction had it; a temporary table, which the transaction drops again."""

    table: Tracked
    name: str
    columns: tuple[tuple[str, str], ...]
    present: bool = True

    @property
    def source(self) -> str:
        return f"temp.main.{quote(self.name)}"


def copied(cursor: Cursor, catalog: str, table: Tracked, *, whole: bool = False) -> Copy:
    """`whole`: its shape may be another one than is known, and it need not be there."""
    name = f"pluto_was_{uuid.uuid4().hex}"
    columns = columns_of(cursor, catalog, table.ref) if whole else table.columns
    if columns is None:
        return Copy(table, name, (), False)
    cursor.execute(f"CREATE TEMPORARY TABLE {quote(name)} AS SELECT * FROM {table.source(catalog)}")
    return Copy(table, name, columns)


def compare(recording: Recording, cursor: Cursor, copy: Copy) -> int:
    """Takes down how the table differs from its copy, and drops that."""
    table, keyed = copy.table, bool(copy.table.key_columns)
    if keyed and not tells_apart(cursor, table, table.source(recording.journal.catalog)):
        count = recording.keyless(cursor, table)
    else:
        count = written(recording, cursor, table, copy.source, keyed=keyed)
    drop(cursor, copy)
    return count


def drop(cursor: Cursor, copy: Copy) -> None:
    if copy.present:
        cursor.execute(f"DROP TABLE {copy.source}")


def tells_apart(cursor: Cursor, table: Tracked, source: str) -> bool:
    """Whether the key names one row each there."""
    if not table.key_columns:
        return False
    names = ", ".join(quote(one) for one in table.key_columns)
    empty = " OR ".join(f"{quote(one)} IS NULL" for one in table.key_columns)
    return not cursor.fetchall(
        f"SELECT 1 FROM (SELECT {names}, count(*) AS pluto_n FROM {source} GROUP BY ALL) WHERE pluto_n > 1 OR {empty} "
        "LIMIT 1")


def written(recording: Recording, cursor: Cursor, table: Tracked, was: str, *, keyed: bool,
            all_differ: bool = False) -> int:
    """Takes down what makes the rows of `was` (SQL, in the table's shape) those of the table now. `all_differ`: rows
    of the same key differ in what can't be compared."""
    catalog, tx, n = recording.journal.catalog, recording.number(), recording.n
    now, changes = table.source(catalog), table.changes(catalog)
    if keyed:
        first = quote(table.key_columns[0])
        changed = "true" if all_differ else " OR ".join(
            differs(kind, f"pluto_o.{quote(name)}", f"pluto_t.{quote(name)}") for name, kind in table.columns
            if fold(name) not in {fold(one) for one in table.key_columns} or kind == "VARCHAR") or "false"
        kept = table.chosen(("op = 'd'", table.gone("pluto_o")),
                            ("op = 'u'", table.row("pluto_o") if table.before else "NULL"))
        after = table.chosen(("op <> 'd'", table.row("pluto_t")))
        return int(cursor.fetchall(
            f"INSERT INTO {changes} SELECT {tx}, {n} + row_number() OVER (), op, {kept}, {after} "
            "FROM (SELECT pluto_o, pluto_t, "
            f"CASE WHEN pluto_o.{first} IS NULL THEN 'c' WHEN pluto_t.{first} IS NULL THEN 'd' ELSE 'u' END AS op "
            f"FROM {was} AS pluto_o FULL JOIN {now} AS pluto_t ON {table.same_key('pluto_o', 'pluto_t')} "
            f"WHERE pluto_o.{first} IS NULL OR pluto_t.{first} IS NULL OR {changed})")[0][0])
    return _whole_rows(cursor, table, was, now, changes, tx, n)


def _whole_rows(cursor: Cursor, table: Tracked, was: str, now: str, changes: str, tx: int, n: int) -> int:
    extra = [exactly(kind, quote(name)) for name, kind in table.columns]
    marks = ", ".join(f"{one} AS pluto_{i}" for i, one in enumerate(extra)
                      if one != quote(table.columns[i][0]))
    names = ", ".join(quote(name) for name, _kind in table.columns) + (f", {marks}" if marks else "")
    gone = f"(SELECT {names} FROM {was} EXCEPT ALL SELECT {names} FROM {now})"
    come = f"(SELECT {names} FROM {now} EXCEPT ALL SELECT {names} FROM {was})"
    out = int(cursor.fetchall(f"INSERT INTO {changes} SELECT {tx}, {n} + row_number() OVER (), 'd', {table.row('x')}, "
                              f"NULL FROM {gone} AS x")[0][0])
    return out + int(cursor.fetchall(
        f"INSERT INTO {changes} SELECT {tx}, {n + out} + row_number() OVER (), 'c', NULL, {table.row('x')} "
        f"FROM {come} AS x")[0][0])
