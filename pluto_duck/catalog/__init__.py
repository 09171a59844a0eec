"""What is there: tables, columns and their roles, keys, values, and what people call them.

Read again only where a table's version moved, or the semantic file changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from pluto_duck.catalog.background import keep, pending, read
from pluto_duck.catalog.model import Column, ColumnRole, Part, Relation, Table
from pluto_duck.catalog.profile import profile
from pluto_duck.catalog.relations import Tested, declared, inferred, still_true
from pluto_duck.catalog.relations import told as told_relations
from pluto_duck.catalog.semantics import NOTHING, Metric, Problem, Semantics, Term, Told, Verified, told
from pluto_duck.catalog.store import FILE as STORE
from pluto_duck.catalog.store import ValueStore
from pluto_duck.catalog.values import Value, ValueIndex
from pluto_duck.errors import PlutoError, StatementError, TimedOut, UnknownName
from pluto_duck.session import Session, TableInfo
from pluto_duck.session.targets import POLICY
from pluto_duck.workspace import TableRef

BIND_TIMEOUT_S = 5.0
READ_AT_ONCE = 1_000_000
"""Rows of small tables whose values a question waits for, all tables together: some tenths of a second."""
READ_FOR_A_ROLE = 5_000_000
"""The same for a session that is not the owner's: nobody reads values for it in the background."""


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
        self._store: ValueStore | None = None
        self._index: ValueIndex | None = None
        self.unread: tuple[Table, ...] = ()
        """Tables whose values were not all known when `values` was asked last."""
        self.derived: dict[type, Any] = {}
        """What others worked out from it, by its kind. Kept here it goes with the catalog that it refers to; a table of
        weak keys would keep both for good."""

    @classmethod
    def of(cls, session: Session) -> Catalog:
        """The session's catalog; the same object until a write through a session, or to the semantic file,
        changes something."""
        known = _CATALOGS.get(session)
        versions = session.versions()
        if known is not None and known.versions.get(POLICY) != versions.get(POLICY):
            known = None  # it may hold values of rows that are hidden now
        if session.actor is None:
            said = told(session.workspace, known._told if known is not None else Told())
        else:  # the owner's words may name tables, columns and values that this actor must not learn of
            said = known._told if known is not None else Told()
        if known is not None and known.versions == versions and known._told.semantics is said.semantics:
            known._told = said
            return known
        fresh = cls._read(session, versions, known, said)
        _CATALOGS[session] = fresh
        return fresh

    @classmethod
    def known(cls, session: Session) -> Catalog | None:
        """What `of` gave last; None when nobody has asked yet."""
        return _CATALOGS.get(session)

    @classmethod
    def _read(cls, session: Session, versions: dict[str, int], old: Catalog | None, said: Told) -> Catalog:
        infos = session.tables()
        newest = max(versions.values(), default=0)
        profiled = [one for info in infos if (one := _table(session, info, newest, old)) is not None]
        store = old._store if old and old._store else _store_of(session)
        tested = dict(old._tested) if old else store.tested()
        before = len(tested)
        bindings = old._bindings if old else {}
        semantics, tables = _worded(session, said.semantics, profiled, bindings)
        joins = told_relations(session, profiled, semantics.joins, tested)
        stated = _distinct([*joins, *declared(infos)])
        relations = (*stated, *inferred(session, profiled, stated, tested))
        if len(tested) > before:
            tested = still_true(tested, profiled)
            store.put_tested(tested)
        catalog = cls(tables, relations, versions, semantics)
        catalog._profiled = {table.ref.key: table for table in profiled}
        catalog._told = said
        catalog._tested = tested
        catalog._bindings = bindings
        catalog._store = store
        return catalog

    def table(self, ref: TableRef | str) -> Table:
        """By reference or key; KeyError when the catalog has no such table."""
        return self._by_key[ref if isinstance(ref, str) else ref.key]

    def values(self, session: Session) -> ValueIndex:
        """The capped index of distinct text values, as far as it has been read.

        Small tables that changed are read now, large ones in the background (`ValueIndex.unread`): no question waits
        for ten million rows. Only a shell reads all of them, once: it has no later question that could find them.
        """
        if self._store is None:
            self._store = _store_of(session)
        if self._index is None:
            self._store.forget(set(self._store.kept()) - set(self._profiled))
            self._index = ValueIndex(self._store, self._profiled.values(), self.tables)
        rows, later = 0, []
        at_once = READ_AT_ONCE if session.actor is None else READ_FOR_A_ROLE
        begun = pending(session.workspace.root) if session.actor is None else frozenset()
        for table in self._index.unread():
            rows += table.rows
            if table.ref.key in begun or (rows > at_once and session.role != "shell"):
                later.append(table)
            else:
                keep(session, self._store, table)
        self.unread = tuple(later)
        if later and session.actor is None:
            read(session, later)
        return self._index

    def values_of(self, session: Session, ref: TableRef, column: str) -> list[str]:
        """The distinct texts of one column, sorted; empty where it is too large for the index."""
        self.values(session)
        return self._store.of(ref.key, column) if self._store is not None else []

    def large_columns(self, ref: TableRef) -> list[str]:
        """Text columns with too many values for the index; known once they have been read."""
        kept = self._store.kept().get(ref.key) if self._store is not None else None
        return list(kept.large) if kept else []


Bindings = dict[tuple[str, tuple[tuple[str, str], ...]], PlutoError | None]
"""What became of statements that only bind, by their text and the columns of all tables."""

def _store_of(session: Session) -> ValueStore:
    """The workspace's file holds values of all rows: a governed actor's are kept in memory, for its session alone."""
    return ValueStore(session.workspace.folder / STORE if session.actor is None else None)


_CATALOGS: WeakKeyDictionary[Session, Catalog] = WeakKeyDictionary()
_VIEWS: dict[Path, dict[str, Table]] = {}
"""Each workspace's views as one of this process's owner sessions has seen them last, while they were quick enough.
Requests of a sidebar or server take turns with a few sessions: what they know must not be chance."""


def _table(session: Session, info: TableInfo, newest: int, old: Catalog | None) -> Table | None:
    version = info.version if info.kind == "table" else newest  # a view changes with what it reads
    before = old._profiled.get(info.ref.key) if old is not None else None
    shared: dict[str, Table] = {}
    if info.kind == "view" and session.actor is None:
        shared = _VIEWS.setdefault(session.workspace.root, {})
        before = before or shared.get(info.ref.key)
    if before is not None and [(c.name, c.type, c.comment) for c in before.columns] != [
        (c.name, c.type, c.comment) for c in info.columns
    ]:
        before = None
    if before is not None and before.version == version:
        return before
    try:
        shared[info.ref.key] = found = profile(session, info, version)
        return found
    except TimedOut:
        return before  # a view that computes for long; where it was quicker once, what was seen then must do
    except (StatementError, UnknownName):
        return None  # a view whose tables are gone, or a column that went just now: nobody can ask about it


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
