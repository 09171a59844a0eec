"""Rows that are staged beside a table, and how each mode brings them into it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pluto_duck.errors import SourceError, UsageError
from pluto_duck.ingest.plan import TableLoad
from pluto_duck.ingest.records import literal
from pluto_duck.session import Session
from pluto_duck.workspace import quote

MANY = 20_000
"""Staged rows from which on it pays to ask first which columns differ at all."""
_PLAIN = re.compile(r"U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(\d+,\s*\d+\)|BOOLEAN|VARCHAR|JSON|"
                    r"BLOB|UUID|DATE|TIME|TIMESTAMP(_S|_MS|_NS| WITH TIME ZONE)?")
"""Types whose equal values are the same: of intervals, a month equals 30 days. (Over 0.0 DuckDB writes no -0.0.)"""


@dataclass(frozen=True)
class Landed:
    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    @property
    def changed(self) -> int:
        return self.inserted + self.updated + self.deleted


def check_key(worker: Session, load: TableLoad, table: str) -> None:
    """Refuses rows whose key is empty or comes twice, by name and with an example."""
    if not load.key:
        return
    names = ", ".join(quote(name) for name in load.key)
    texts = ", ".join(f"CAST({quote(name)} AS VARCHAR)" for name in load.key)
    missing = " OR ".join(f"{quote(name)} IS NULL" for name in load.key)
    twice, without = worker.internal([
        f"SELECT {texts}, n FROM (SELECT {names}, count(*) AS n FROM {table} GROUP BY ALL HAVING count(*) > 1 LIMIT 1)",
        f"SELECT count(*) FROM {table} WHERE {missing}"])
    key = ", ".join(load.key)
    if without[0][0]:
        raise SourceError(f"{load.table.name}: {without[0][0]:,} rows have no value in the key {key}.",
                          hint="Name a key that every row has: --key COLUMN; or leave those rows out with --where.")
    if twice:
        *values, count = twice[0]
        example = ", ".join(f"{name} = {value}" for name, value in zip(load.key, values, strict=True))
        raise SourceError(f"{load.table.name}: the key {key} does not tell rows apart: {count:,} rows have {example}.",
                          hint="Name more columns: --key ONE --key OTHER; or load with --mode replace.")


def any_new(worker: Session, load: TableLoad, staged: str) -> bool:
    """False when each of some staged rows lies in the table just so, and is the last version there."""
    if load.action == "append":
        return True  # the same row may come twice
    current = " AND t.is_current" if load.action == "scd2" else ""
    change = differs(load, "t", "s")
    same = f"{same_key(load, 't', 's')}{current}" + (f" AND NOT ({change})" if change else "")
    there = f"SELECT 1 FROM {load.ref.sql} AS t WHERE {same}"
    return bool(worker.internal([f"SELECT count(*) FROM {staged} AS s WHERE NOT EXISTS ({there})"])[0][0][0])


def differs(load: TableLoad, left: str, right: str) -> str:
    """A condition on two rows of one key; "" when they have nothing but the key."""
    return _differ(others(load), left, right)


def _differ(names: Sequence[str], left: str, right: str) -> str:
    return " OR ".join(f"{left}.{quote(name)} IS DISTINCT FROM {right}.{quote(name)}" for name in names)


def changing(worker: Session, load: TableLoad, staged: str) -> list[str]:
    """The columns that differ in some row, or may: writing all nine of 300,000 rows where two had changed took
    twice as long as writing those."""
    names = others(load)
    kinds = {column.name: column.type for column in load.columns}
    asked = [name for name in names if _PLAIN.fullmatch(kinds[name])]
    if not asked or worker.internal([f"SELECT count(*) FROM {staged}"])[0][0][0] < MANY:
        return names
    tests = [f"system.main.bool_or(t.{quote(name)} IS DISTINCT FROM s.{quote(name)})" for name in asked]
    [found] = worker.internal([f"SELECT {', '.join(tests)} FROM {load.ref.sql} AS t JOIN {staged} AS s "
                               f"ON {same_key(load, 't', 's')}"])[0]
    same = {name for name, differs_somewhere in zip(asked, found, strict=True) if not differs_somewhere}
    return [name for name in names if name not in same]


def others(load: TableLoad) -> list[str]:
    return [column.name for column in load.columns if column.name not in load.key]


def same_key(load: TableLoad, left: str, right: str) -> str:
    return " AND ".join(f"{left}.{quote(name)} = {right}.{quote(name)}" for name in load.key)


def names_of(load: TableLoad, prefix: str = "") -> str:
    return ", ".join(prefix + quote(column.name) for column in load.columns)


def append(worker: Session, load: TableLoad, staged: str, *, cursor: str, after: str | None, kind: str,
           shared: bool) -> Landed:
    """Puts the window of rows at or above `after` in place of the one that is there: what both have stays,
    and where rows of other origin may lie in it, nothing is taken away."""
    names, target = names_of(load), load.ref.sql
    window = f"{target}" if after is None else f"{target} WHERE {quote(cursor)} >= CAST({literal(after)} AS {kind})"
    fresh = f"SELECT {names} FROM {staged} EXCEPT ALL SELECT {names} FROM {window}"
    gone = f"SELECT {names} FROM {window} EXCEPT ALL SELECT {names} FROM {staged}"
    (new,), (old,) = (rows[0] for rows in worker.internal([
        f"SELECT count(*) FROM ({fresh})", f"SELECT count(*) FROM ({gone})"]))
    if not new and (shared or not old):
        return Landed()
    if shared or not old:
        worker.internal([f"INSERT INTO {target} ({names}) {fresh}"])
        return Landed(inserted=new)
    worker.internal([f"DELETE FROM {window}", f"INSERT INTO {target} ({names}) SELECT {names} FROM {staged}"])
    return Landed(inserted=max(0, new - old), updated=min(new, old), deleted=max(0, old - new))


def plain_append(worker: Session, load: TableLoad, staged: str) -> Landed:
    names = names_of(load)
    count = worker.internal([f"INSERT INTO {load.ref.sql} ({names}) SELECT {names} FROM {staged}"])[0][0][0]
    return Landed(inserted=int(count))


def merge(worker: Session, load: TableLoad, staged: str, *, delete_missing: bool) -> Landed:
    """Inserts new rows, updates those that really differ, and deletes what is missing when told to."""
    target, deleted = load.ref.sql, 0
    if delete_missing:
        deleted = int(worker.internal([
            f"DELETE FROM {target} AS t WHERE NOT EXISTS (SELECT 1 FROM {staged} AS s WHERE {same_key(load, 't', 's')})"
        ])[0][0][0])
    setting = changing(worker, load, staged)
    changes = ", ".join(f"{quote(name)} = s.{quote(name)}" for name in setting)
    update = f"WHEN MATCHED AND ({_differ(setting, 't', 's')}) THEN UPDATE SET {changes} " if changes else ""
    before, merged, after = worker.internal([
        f"SELECT count(*) FROM {target}",
        f"MERGE INTO {target} AS t USING {staged} AS s ON ({same_key(load, 't', 's')}) {update}"
        f"WHEN NOT MATCHED THEN INSERT ({names_of(load)}) VALUES ({names_of(load, 's.')})",
        f"SELECT count(*) FROM {target}"])
    inserted = int(after[0][0]) - int(before[0][0])
    return Landed(inserted, int(merged[0][0]) - inserted, deleted)


def remake(load: TableLoad) -> Sequence[str]:
    """A table whose key needs a wider type, made anew: DuckDB can't alter a column of a key."""
    assert load.remake is not None
    assert load.existing is not None
    there = load.existing
    if there.unique:
        raise UsageError(f"A column of {there.ref} that is UNIQUE needs the type {next(iter(load.remake.values()))}, "
                         "and DuckDB can't give it another.", hint="Load with --mode replace.")
    casts = ", ".join(f"CAST({quote(name)} AS {kind}) AS {quote(name)}" for name, kind in load.remake.items())
    key = ", ".join(quote(name) for name in there.primary_key)
    return [f"CREATE OR REPLACE TABLE {there.ref.sql} AS SELECT * REPLACE ({casts}) FROM {there.ref.sql}",
            *(f"ALTER TABLE {there.ref.sql} ALTER COLUMN {quote(column.name)} SET NOT NULL"
              for column in there.columns if not column.nullable and column.name not in there.primary_key),
            f"ALTER TABLE {there.ref.sql} ADD PRIMARY KEY ({key})"]
