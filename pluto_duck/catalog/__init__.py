"""What is there: tables, columns and their roles, keys, values. Read again only where a table's version moved."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from pluto_duck.catalog.model import Column, ColumnRole, Part, Relation, Table
from pluto_duck.catalog.profile import profile
from pluto_duck.catalog.relations import Tested, declared, inferred
from pluto_duck.catalog.values import TableValues, Value, ValueIndex, read_values
from pluto_duck.errors import StatementError
from pluto_duck.session import Session, TableInfo
from pluto_duck.workspace import TableRef


class Catalog:
    """What one session can see, at one moment. Get it with `Catalog.of`; it does not change afterwards."""

    def __init__(
        self, tables: tuple[Table, ...], relations: tuple[Relation, ...], versions: dict[str, int]
    ) -> None:
        self.tables = tables
        self.relations = relations
        self.versions = versions
        self._by_key = {table.ref.key: table for table in tables}
        self._tested: Tested = {}
        self._values: dict[str, TableValues] = {}
        self._index: ValueIndex | None = None

    @classmethod
    def of(cls, session: Session) -> Catalog:
        """The session's catalog; the same object until a write through a session changes something."""
        known = _CATALOGS.get(session)
        versions = session.versions()
        if known is not None and known.versions == versions:
            return known
        fresh = cls._read(session, versions, known)
        _CATALOGS[session] = fresh
        return fresh

    @classmethod
    def _read(cls, session: Session, versions: dict[str, int], old: Catalog | None) -> Catalog:
        infos = session.tables()
        newest = max(versions.values(), default=0)
        tables = []
        for info in infos:
            table = _table(session, info, newest, old)
            if table is not None:
                tables.append(table)
        tested = old._tested if old else {}
        stated = declared(infos)
        relations = (*stated, *inferred(session, tables, stated, tested))
        catalog = cls(tuple(tables), relations, versions)
        catalog._tested = tested
        catalog._values = old._values if old else {}
        return catalog

    def table(self, ref: TableRef | str) -> Table:
        """By reference or key; KeyError when the catalog has no such table."""
        return self._by_key[ref if isinstance(ref, str) else ref.key]

    def values(self, session: Session) -> ValueIndex:
        """The capped index of distinct text values; built when first asked for, table by table."""
        if self._index is None:
            for table in self.tables:
                have = self._values.get(table.ref.key)
                if have is None or have.version != table.version:
                    self._values[table.ref.key] = read_values(session, table)
            self._index = ValueIndex(self._values[table.ref.key] for table in self.tables)
        return self._index

    def large_columns(self, ref: TableRef) -> list[str]:
        """Text columns with too many values for the index; known after `values`."""
        have = self._values.get(ref.key)
        return have.large if have else []


_CATALOGS: WeakKeyDictionary[Session, Catalog] = WeakKeyDictionary()


def _table(session: Session, info: TableInfo, newest: int, old: Catalog | None) -> Table | None:
    version = info.version if info.kind == "table" else newest  # a view changes with what it reads
    if old is not None and info.ref.key in old._by_key:
        before = old._by_key[info.ref.key]
        same = [(c.name, c.type, c.comment) for c in before.columns] == [
            (c.name, c.type, c.comment) for c in info.columns
        ]
        if before.version == version and same:
            return before
    try:
        return profile(session, info, version)
    except StatementError:
        return None  # a view whose tables are gone: nobody can ask about it


__all__ = ["Catalog", "Column", "ColumnRole", "Part", "Relation", "Table", "Value", "ValueIndex"]
