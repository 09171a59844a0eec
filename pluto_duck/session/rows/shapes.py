"""What one table is to one actor: its columns, its key, and the SQL that its rows come from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from pluto_duck.errors import unknown_name
from pluto_duck.session.execute import NOT_IN_ARROW
from pluto_duck.session.rows.referenced import in_place
from pluto_duck.session.tables import listing
from pluto_duck.session.targets import SCHEMA
from pluto_duck.workspace.database import Cursor, Database
from pluto_duck.workspace.tableref import TableRef, fold, quote

if TYPE_CHECKING:
    from pluto_duck.session.ledger import Ledger

_GENERATED = "GENERATED ALWAYS AS"
MOST = 2_000
"""Tables that are remembered."""


@dataclass(frozen=True)
class Col:
    name: str
    type: str
    plain: bool = True
    """False where it is no value that the table holds: masked, another type, made by an expression."""

    @property
    def shown(self) -> str:
        """Arrow changes some types silently: these come as text."""
        name = quote(self.name)
        return f"CAST({name} AS VARCHAR) AS {name}" if self.type in NOT_IN_ARROW else name


@dataclass(frozen=True)
class Shape:
    ref: TableRef
    columns: tuple[Col, ...]
    key: tuple[str, ...]
    """The primary key, where the actor sees all of it as it is; () for none."""
    stored: bool
    """A table, not a view."""
    source: str
    """SQL for FROM, with its database."""
    select: str = "*"
    """What the actor sees of it."""
    where: str = ""
    """Which rows; "" for all of them."""
    barrier: bool = False
    """Whether conditions of the actor's must not come near the rows that are not seen."""
    unique: tuple[tuple[str, ...], ...] = ()
    generated: frozenset[str] = frozenset()
    in_place: frozenset[str] | None = None
    """Of a table that foreign keys refer to: the columns (folded) that are written where they stand."""
    known: dict[str, Col] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        self.known.update({fold(one.name): one for one in self.columns})

    @cached_property
    def renamable(self) -> bool:
        """Whether the policy's SQL still fits where the table stands in FROM by its bare name."""
        schema = re.escape(self.ref.schema)
        return not re.search(rf'(?i)(?<![\w."])(?:{schema}|"{schema}")\s*\.', f"{self.where} {self.select}")

    def column(self, name: str) -> Col:
        found = self.known.get(fold(name))
        if found is None:
            error = unknown_name("column", name, [one.name for one in self.columns], where=str(self.ref))
            error.facts["checked"] = True
            raise error
        return found

    def has(self, names: Iterable[str]) -> bool:
        return all(fold(one) in self.known for one in names)


class Shapes:
    """The owner's tables as they are, one for each open database."""

    def __init__(self, ledger: Ledger, database: Database) -> None:
        self._ledger = ledger
        cursor = database.cursor()
        try:
            self._catalog = str(cursor.fetchall("SELECT system.main.current_database()")[0][0])
        finally:
            cursor.close()
        self._known: dict[str, Shape] = {}
        self._version = -1

    def of(self, cursor: Cursor, ref: TableRef, *, fresh: bool = False) -> Shape | None:
        """None where there is no such table. `fresh`: as this cursor's open transaction has it."""
        if fresh:
            return self._look(cursor, ref)
        version = self._ledger.version(SCHEMA)
        if version != self._version:
            self._known, self._version = {}, version
        known = self._known
        found = known.get(ref.key)
        if found is None:
            found = self._look(cursor, ref)
            if found is not None:
                if len(known) >= MOST:
                    known.clear()
                known[ref.key] = found
        return found

    def names(self, cursor: Cursor) -> list[str]:
        return [str(TableRef(row[1], row[0])) for row in listing(cursor, self._catalog)["tables"]]

    def _look(self, cursor: Cursor, ref: TableRef) -> Shape | None:
        told = listing(cursor, self._catalog, [[ref.schema, ref.name]])
        table = next((row for row in told["tables"] if TableRef(row[1], row[0]).key == ref.key), None)
        if table is None:
            return None
        real = TableRef(table[1], table[0])
        here = [row for row in told["columns"] if TableRef(row[1], row[0]).key == ref.key]
        keys = [row for row in told["keys"] if TableRef(row[1], row[0]).key == ref.key]
        source = f"{quote(self._catalog)}.{real.sql}"
        generated = _generated(cursor, self._catalog, real, [(row[2], row[3]) for row in here]) \
            if table[2] == "table" else frozenset()
        standing = in_place(cursor, self._catalog, real, [(row[2], row[3]) for row in here],
                            [row[3] for row in keys]) if table[2] == "table" else None
        return Shape(
            real, tuple(Col(row[2], row[3], row[2] not in generated) for row in here),
            next((tuple(row[3]) for row in keys if row[2] == "PRIMARY KEY"), ()), table[2] == "table", source,
            unique=tuple(tuple(row[3]) for row in keys if row[2] in ("PRIMARY KEY", "UNIQUE")), generated=generated,
            in_place=standing)


def _generated(cursor: Cursor, catalog: str, ref: TableRef, columns: Sequence[tuple[str, str]]) -> frozenset[str]:
    from pluto_duck.workspace.literals import encode, to_sql

    created = str(cursor.fetchall(
        f"SELECT sql FROM system.main.duckdb_tables() WHERE database_name = {to_sql(encode(catalog))} "
        f"AND schema_name = {to_sql(encode(ref.schema))} AND table_name = {to_sql(encode(ref.name))}")[0][0])
    if _GENERATED not in created:
        return frozenset()
    return frozenset(name for name, kind in columns if re.search(
        rf"(?:{re.escape(quote(name))}|\b{re.escape(name)}) (?:{re.escape(kind)} )?{_GENERATED}", created))
