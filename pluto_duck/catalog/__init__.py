"""What is there: tables, columns and their roles, keys, values, and what people call them.

Read again only where a table's version moved, or the semantic file changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

from pluto_duck.catalog.model import Column, ColumnRole, Part, Relation, Table
from pluto_duck.catalog.profile import profile
from pluto_duck.catalog.relations import Tested, declared, inferred
from pluto_duck.catalog.relations import told as told_relations
from pluto_duck.catalog.semantics import NOTHING, Metric, Problem, Semantics, Term, Told, Verified, told
from pluto_duck.catalog.values import TableValues, Value, ValueIndex, read_values
from pluto_duck.errors import PlutoError, StatementError
from pluto_duck.session import Session, TableInfo
from pluto_duck.workspace import TableRef

BIND_TIMEOUT_S = 5.0


class Catalog:
    """What one session can see, at one moment. Get it with `Catalog.of`; it does not change afterwards."""

    def __init__(
        self,
        tables: tuple[Table, ...],
        relations: tuple[Relation, ...],
        versions: dict[str, int],
        semantics: Semantics = NOTHING,
    ) -> None:
        self.tables = tables
        self.relations = relations
        self.versions = versions
        self.semantics = semantics
        """Metrics, terms, verified questions, and what was wrong with them; empty where there is no such file."""
        self._by_key = {table.ref.key: table for table in tables}
        self._profiled: dict[str, Table] = self._by_key
        self._told = Told()
        self._tested: Tested = {}
        self._bindings: Bindings = {}
        self._values: dict[str, TableValues] = {}
        self._index: ValueIndex | None = None

    @classmethod
    def of(cls, session: Session) -> Catalog:
        """The session's catalog; the same object until a write through a session, or to the semantic file,
        changes something."""
        known = _CATALOGS.get(session)
        versions = session.versions()
        said = told(session.workspace, known._told if known is not None else Told())
        if known is not None and known.versions == versions and known._told.semantics is said.semantics:
            known._told = said
            return known
        fresh = cls._read(session, versions, known, said)
        _CATALOGS[session] = fresh
        return fresh

    @classmethod
    def _read(cls, session: Session, versions: dict[str, int], old: Catalog | None, said: Told) -> Catalog:
        infos = session.tables()
        newest = max(versions.values(), default=0)
        profiled = [one for info in infos if (one := _table(session, info, newest, old)) is not None]
        tested = old._tested if old else {}
        bindings = old._bindings if old else {}
        semantics, tables = _worded(session, said.semantics, profiled, bindings)
        joins = told_relations(session, profiled, semantics.joins, tested)
        stated = _distinct([*joins, *declared(infos)])
        relations = (*stated, *inferred(session, profiled, stated, tested))
        catalog = cls(tables, relations, versions, semantics)
        catalog._profiled = {table.ref.key: table for table in profiled}
        catalog._told = said
        catalog._tested = tested
        catalog._bindings = bindings
        catalog._values = old._values if old else {}
        return catalog

    def table(self, ref: TableRef | str) -> Table:
        """By reference or key; KeyError when the catalog has no such table."""
        return self._by_key[ref if isinstance(ref, str) else ref.key]

    def values(self, session: Session) -> ValueIndex:
        """The capped index of distinct text values; built when first asked for, table by table."""
        if self._index is None:
            for table in self._profiled.values():
                have = self._values.get(table.ref.key)
                if have is None or have.version != table.version:
                    self._values[table.ref.key] = read_values(session, table)
            self._index = ValueIndex((self._values[table.ref.key] for table in self.tables), self.tables)
        return self._index

    def values_of(self, session: Session, ref: TableRef, column: str) -> list[str]:
        """The distinct texts of one column, sorted; empty where it is too large for the index."""
        self.values(session)
        held = self._values.get(ref.key)
        return [one.text for one in held.values if one.column == column] if held else []

    def large_columns(self, ref: TableRef) -> list[str]:
        """Text columns with too many values for the index; known after `values`."""
        have = self._values.get(ref.key)
        return have.large if have else []


Bindings = dict[tuple[str, tuple[tuple[str, str], ...]], PlutoError | None]
"""What became of statements that only bind, by their text and the columns of all tables."""

_CATALOGS: WeakKeyDictionary[Session, Catalog] = WeakKeyDictionary()


def _table(session: Session, info: TableInfo, newest: int, old: Catalog | None) -> Table | None:
    version = info.version if info.kind == "table" else newest  # a view changes with what it reads
    if old is not None and info.ref.key in old._profiled:
        before = old._profiled[info.ref.key]
        same = [(c.name, c.type, c.comment) for c in before.columns] == [
            (c.name, c.type, c.comment) for c in info.columns
        ]
        if before.version == version and same:
            return before
    try:
        return profile(session, info, version)
    except StatementError:
        return None  # a view whose tables are gone: nobody can ask about it


def _worded(
    session: Session, semantics: Semantics, tables: Sequence[Table], bindings: Bindings
) -> tuple[Semantics, tuple[Table, ...]]:
    if not semantics:
        return semantics, tuple(tables)
    from pluto_duck.catalog.semantics.binding import bound

    shape = tuple((f"{table.ref.key}.{one.name}", one.type) for table in tables for one in table.columns)

    def bind(sql: str) -> None:
        if (sql, shape) not in bindings:
            try:
                session.query(sql, read_only=True, timeout_s=BIND_TIMEOUT_S)
                bindings[sql, shape] = None
            except PlutoError as error:
                bindings[sql, shape] = error
        failed = bindings[sql, shape]
        if failed is not None:
            raise type(failed)(failed.message, hint=failed.hint, **failed.facts)

    return bound(semantics, tables, bind)


def _distinct(relations: Sequence[Relation]) -> list[Relation]:
    """The first one of each pair of columns."""
    found = {(one.child.key, one.child_column, one.parent.key, one.parent_column): one for one in reversed(relations)}
    return list(reversed(found.values()))


__all__ = ["Catalog", "Column", "ColumnRole", "Metric", "Part", "Problem", "Relation", "Semantics", "Table", "Term",
           "Value", "ValueIndex", "Verified"]
