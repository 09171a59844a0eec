"""The host's word on what an answer hangs on: equal stamps, equal rows.

A stamp is a seal over the statement, its parameters, who asks (by policy, roles and the claims that count), the
engine, its settings, and the version of each table that is read, through views. It is taken before a statement runs,
so that the rows are never older than it says. Nobody else can compute one, and it is worth nothing once this database
has been closed: what others wrote into it then, nobody knows.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import PlutoError
from pluto_duck.governance.seal import seal
from pluto_duck.session.steady import Path, Reads, Steady
from pluto_duck.session.targets import SCHEMA
from pluto_duck.workspace.literals import to_sql
from pluto_duck.workspace.tableref import DEFAULT_SCHEMA, TableRef, fold

if TYPE_CHECKING:
    from pluto_duck.governance import Actor, GovernedCatalog, RoleCatalog
    from pluto_duck.session.handler import SessionHandler
    from pluto_duck.workspace.database import Cursor

SHAPE = 1
"""Counts up when stamps or kept answers mean something else."""
DEEPEST = 32
"""Views over views."""
PATIENCE_S = 2.0
"""For a commit that is under way."""

_SETTINGS = ("TimeZone", "Calendar", "default_collation", "default_null_order", "default_order", "integer_division",
             "ieee_floating_point_ops", "old_implicit_casting", "order_by_non_integer_literal", "lambda_syntax",
             "scalar_subquery_error_on_multiple_rows", "disable_timestamptz_casts", "preserve_identifier_case",
             "arrow_lossless_conversion", "arrow_large_buffer_size", "arrow_output_list_view", "arrow_output_version",
             "produce_arrow_string_view", "deprecated_using_key_syntax", "preserve_insertion_order", "search_path")
"""Those by which one statement gives different rows."""
_CLAIMS = frozenset({"getvariable"})
"""What a role's view calls to learn the claims, which stand in the stamp."""

_TABLES = """
    SELECT schema_name, table_name, sql, false FROM system.main.duckdb_tables()
    WHERE database_name = {0} AND NOT internal AND NOT temporary
    UNION ALL
    SELECT schema_name, view_name, sql, true FROM system.main.duckdb_views()
    WHERE database_name = {0} AND NOT internal AND NOT temporary
"""
_MACROS = ("SELECT DISTINCT function_name FROM system.main.duckdb_functions() "
           "WHERE database_name = {0} AND NOT internal")


_Found = tuple[str, dict[str, int], list[object]]
"""A key, the versions it hangs on, and what else must not move."""


class Changing(Exception):
    """Why no answer can be kept."""


@dataclass(frozen=True)
class _Catalog:
    """One database of this engine, as it stands at one version of its shape."""

    version: object
    tables: dict[tuple[str, str], tuple[str, bool]]
    """(schema, name), folded -> the statement that made it, and whether it is a view."""
    macros: frozenset[str]


@dataclass(frozen=True)
class _Look:
    """At one moment, through one cursor."""

    cursor: Cursor
    catalog: str
    """The workspace's own."""
    version: int
    """Of the shape of things."""
    attached: frozenset[str]
    settings: tuple[str, ...]


class Stamps:
    """One for each open database."""

    def __init__(self, handler: SessionHandler) -> None:
        self._handler = handler
        self._steady = Steady(handler.database.parser)
        self._opened = secrets.token_hex(16)
        self._catalogs: dict[str, _Catalog] = {}
        self._resolved: dict[tuple[str, int, frozenset[str]], frozenset[str]] = {}
        self._lock = threading.Lock()
        self._asked: str | None = None

    # -- for each kind of session -----------------------------------------------------------------

    def owner(self, cursor: Cursor, catalog: str, sql: str, args: dict[str, Any]) -> dict[str, Any]:
        """Of the owner's own statement; `cursor` stands where the statement would run."""
        def look() -> _Found:
            if [one.type for one in self._handler.gate.statements(sql)] != ["SELECT"]:
                raise Changing("it is not one SELECT")
            at, reads = self._look(cursor, catalog), self._read(sql)
            return *self._seal(at, reads, self._keys(at, reads, 0), args, ["owner"]), [at.version]

        return _told(look)

    def agent(self, cursor: Cursor, role: RoleCatalog, catalog: str, sql: str,
              args: dict[str, Any]) -> dict[str, Any]:
        """Of a statement that the owner lets read only."""
        def look() -> _Found:
            bound = self._handler.gate.bound(sql, args.get("params") or {}).sql
            return self._role(cursor, role, catalog, bound, args, ["reads"],
                              self._handler.gate.approved(bound, role.names).tables, [])

        return _told(look)

    def governed(self, cursor: Cursor, role: GovernedCatalog, catalog: str, sql: str, args: dict[str, Any],
                 actor: Actor) -> dict[str, Any]:
        def look() -> _Found:
            bound = self._handler.gate.bound(sql, args.get("params") or {}).sql
            named = self._handler.gate.approved(bound, role.names_for(actor)).tables
            wanted = frozenset().union(*(role.seen[one.key].claims for one in named if one.key in role.seen))
            policy = self._handler.policy.current()
            who = ["role", policy.print, list(role.roles), list(actor.needs),
                   {name: actor.claim(name) for name in sorted(wanted)}]
            return self._role(cursor, role, catalog, bound, args, who, named, [policy.number])

        return _told(look)

    def _role(self, cursor: Cursor, role: RoleCatalog, catalog: str, sql: str, args: dict[str, Any],
              who: list[object], named: Iterable[TableRef], guard: list[object]) -> _Found:
        generation, at = role.generation, self._look(cursor, catalog)
        reads = self._read(sql)
        shown = self._catalog(at, role.catalog, (at.version, generation))
        keys: set[str] = set()
        for one in named:
            made = shown.tables.get((fold(one.schema), fold(one.name)))
            if made is None:
                raise Changing("what it may see is being made anew")
            keys |= {one.key} | self._of_view(at, made[0], _CLAIMS, 0)
        key, versions = self._seal(at, reads, keys, args, who)
        if generation % 2 or role.generation != generation:
            raise Changing("what it may see is being made anew")
        return key, versions, [at.version, generation, *guard]

    # -- what it reads ----------------------------------------------------------------------------

    def _look(self, cursor: Cursor, catalog: str) -> _Look:
        """After whatever was written past us has been counted."""
        ledger = self._handler.ledger
        if not ledger.notice(PATIENCE_S):
            raise Changing("a long commit is under way")
        version = ledger.version(SCHEMA)
        if self._asked is None:
            there = {str(name) for (name,) in cursor.fetchall("SELECT name FROM system.main.duckdb_settings()")}
            self._asked = ", ".join(f"system.main.current_setting('{one}')::VARCHAR" for one in _SETTINGS
                                    if one in there)
        attached, *settings = cursor.fetchall(
            "SELECT (SELECT system.main.list(database_name) FROM system.main.duckdb_databases()), " + self._asked)[0]
        return _Look(cursor, catalog, version, frozenset(fold(str(one)) for one in attached) - {fold(catalog)},
                     tuple(str(one) for one in settings))

    def _read(self, sql: str, also: frozenset[str] = frozenset()) -> Reads:
        reads = self._steady.reads(sql, also)
        if reads.why:
            raise Changing(reads.why)
        return reads

    def _keys(self, at: _Look, reads: Reads, depth: int) -> frozenset[str]:
        """The keys of the tables and views that it reads, those behind views among them."""
        memo = (reads.print, at.version, at.attached)
        with self._lock:
            found = self._resolved.get(memo)
        if found is not None:
            return found
        known = self._catalog(at, at.catalog, at.version)
        macros = reads.functions & known.macros
        if macros:
            raise Changing(f"it calls {min(macros)}(), a macro")
        keys: set[str] = set()
        for path in reads.tables:
            place = _place(path, known, at, reads.ctes)
            if place is None:
                continue
            made, is_view = known.tables[place]
            keys.add(TableRef(place[1], place[0]).key)
            if is_view:
                keys |= self._of_view(at, made, frozenset(), depth + 1)
            elif "generated" in (token.text.lower() for token in self._handler.database.parser.tokens(made)):
                raise Changing(f"{place[1]} has a generated column")  # which may be random()
        with self._lock:
            if len(self._resolved) > 1_000:
                self._resolved.clear()
            self._resolved[memo] = frozenset(keys)
        return frozenset(keys)

    def _of_view(self, at: _Look, made: str, also: frozenset[str], depth: int) -> frozenset[str]:
        if depth > DEEPEST:
            raise Changing("its views stand on each other too deep")
        return self._keys(at, self._read(self._body(made), also), depth)

    def _body(self, made: str) -> str:
        """Of CREATE VIEW ... AS."""
        depth = 0
        for token in self._handler.database.parser.tokens(made):
            depth += {"(": 1, ")": -1}.get(token.text, 0)
            if depth == 0 and token.kind == "keyword" and token.text.lower() == "as":
                return made.encode()[token.start + len(token.text):].decode()
        raise Changing("a view that it reads is not understood")

    def _catalog(self, at: _Look, name: str, version: object) -> _Catalog:
        with self._lock:
            found = self._catalogs.get(name)
        if found is not None and found.version == version:
            return found
        text = to_sql({"t": "str", "v": name})
        found = _Catalog(
            version,
            {(fold(str(schema)), fold(str(table))): (str(made), bool(view))
             for schema, table, made, view in at.cursor.fetchall(_TABLES.format(text))},
            frozenset(fold(str(one)) for (one,) in at.cursor.fetchall(_MACROS.format(text))))
        with self._lock:
            if len(self._catalogs) > 200:
                self._catalogs.clear()
            self._catalogs[name] = found
        return found

    def _seal(self, at: _Look, reads: Reads, keys: Iterable[str], args: dict[str, Any],
              who: list[object]) -> tuple[str, dict[str, int]]:
        ledger, database = self._handler.ledger, self._handler.database
        versions = {key: ledger.version(key) for key in keys}
        return seal(database.workspace, "answer", SHAPE, self._opened, database.parser.version(), who, reads.print,
                    args.get("params") or {}, args.get("max_rows"), args.get("max_bytes"), at.settings,
                    ledger.version(SCHEMA), sorted(versions.items())), versions


def _place(path: Path, known: _Catalog, at: _Look, ctes: frozenset[str]) -> tuple[str, str] | None:
    """(schema, name) of a table of ours, folded; None for a CTE. Raises Changing for whatever else it may be."""
    folded, own = tuple(fold(one) for one in path), fold(at.catalog)
    where: tuple[str, str] | None = None
    if len(folded) == 1:
        where = (DEFAULT_SCHEMA, folded[0])
        if where not in known.tables and folded[0] in ctes:
            return None
    elif len(folded) == 2 and folded[0] not in at.attached:
        where = (folded[0], folded[1])
        if where not in known.tables and folded[0] == own:
            where = (DEFAULT_SCHEMA, folded[1])
    elif len(folded) == 3 and folded[0] == own:
        where = (folded[1], folded[2])
    if where is None or where[0] == "_pluto" or where not in known.tables:
        raise Changing(f"{'.'.join(path)} is no table of this workspace")
    return where


def _told(look: Callable[[], _Found]) -> dict[str, Any]:
    try:
        key, tables, guard = look()
    except Changing as why:
        return {"key": "", "why": str(why), "guard": []}
    except PlutoError:
        return {"key": "", "why": "it does not run", "guard": []}  # and says so itself
    return {"key": key, "why": "", "guard": guard, "tables": tables}
