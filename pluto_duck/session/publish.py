"""The host's answer to a governed statement that runs elsewhere: what it needs, as a snapshot and as views."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pluto_duck.governance import Actor, GovernedCatalog
from pluto_duck.workspace.literals import encode, to_sql
from pluto_duck.workspace.tableref import DEFAULT_SCHEMA, TableRef, fold, quote

if TYPE_CHECKING:
    from pluto_duck.governance.gate import Approved
    from pluto_duck.session.handler import SessionHandler
    from pluto_duck.workspace.database import Cursor
    from pluto_duck.workspace.parser import Parser


def publish(handler: SessionHandler, cursor: Cursor, catalog: GovernedCatalog, actor: Actor, approved: Approved, *,
            database: str, max_age_s: float | None, default_s: float, timeout_s: float | None) -> dict[str, Any]:
    """{"world": what a reader must open, "as_of": seconds of the epoch, "versions": of the tables then}."""
    named = sorted(approved.tables, key=lambda one: one.key)
    parser = handler.database.parser
    tables = _base_tables(catalog, catalog.behind(named), parser, database)
    # Access that was taken away in such a table is gone at once, whatever the age of the rows may be.
    deciding = _base_tables(catalog, frozenset().union(
        *(catalog.seen[one.key].deciding for one in named if one.key in catalog.seen)), parser, database)
    shapes = {one: repr(catalog.readable.get(one)) for one in tables}
    moment, as_of = handler.snapshots.moment(
        cursor, shapes, handler.ledger.versions, max_age_s, default_s=default_s, timeout_s=timeout_s,
        live=frozenset(one.key for one in deciding))
    places = [(one, moment.places[one.key]) for one in tables]
    seen = [catalog.seen[one.key] for one in named if one.key in catalog.seen]
    world = {
        "catalog": database,
        "packs": {f"pack_{at.pack}": str(handler.snapshots.path(at)) for _table, at in places},
        "tables": [[one.schema, one.name, f"pack_{at.pack}", at.table] for one, at in places],
        "definitions": _definitions(cursor, catalog, database, [one.lens.sql(one.source) for one in seen]),
        "seen": [{"schema": one.ref.schema, "name": one.ref.name, "columns": [list(pair) for pair in one.columns],
                  "claims": sorted(one.claims), "body": one.lens.sql(one.source), "barrier": one.barrier}
                 for one in seen]}
    # Roles that see the same share a world; with another policy, or newer rows, it is another one.
    world["print"] = hashlib.sha256(json.dumps(world, sort_keys=True).encode()).hexdigest()[:24]
    return {"world": world, "as_of": as_of, "versions": {one.key: moment.versions[one.key] for one in tables}}


def _base_tables(catalog: GovernedCatalog, texts: Iterable[str], parser: Parser, database: str) -> list[TableRef]:
    """The owner's tables among those that DuckDB found behind something, by its writing of them."""
    known = {one.key: one for one, made in catalog.readable.items() if made is not None}
    found: dict[str, TableRef] = {}
    for text in texts:
        parts = _parts([token.text for token in parser.tokens(text)])
        if len(parts) == 3 or (len(parts) == 2 and fold(parts[0]) == fold(database)):
            parts = parts[1:]
        one = TableRef(parts[-1], parts[0] if len(parts) == 2 else DEFAULT_SCHEMA)
        if one.key not in known:
            continue  # its view can't be made then, and the reader says so
        found[one.key] = known[one.key]
    return [found[key] for key in sorted(found)]


def _parts(tokens: list[str]) -> list[str]:
    """Of `catalog.schema."odd.name" AS alias`."""
    parts = [_plain(tokens[0])]
    for dot, name in zip(tokens[1::2], tokens[2::2], strict=False):
        if dot != ".":
            break
        parts.append(_plain(name))
    return parts


def _plain(text: str) -> str:
    return text[1:-1].replace('""', '"') if text[:1] == '"' else text


def _definitions(cursor: Cursor, catalog: GovernedCatalog, database: str, bodies: Iterable[str]) -> list[str]:
    """Statements that make the owner's types, macros and views which the bodies may lead to; by their names in the
    text, so rather more than fewer."""
    stored = [one for one, made in catalog.readable.items() if made is None]
    text = fold(" ".join(bodies))
    if not any(_in(one.name, text) for one in stored):
        return []
    views = {(fold(str(schema)), fold(str(name))): str(sql) for schema, name, sql in cursor.fetchall(
        "SELECT schema_name, view_name, sql FROM system.main.duckdb_views() "
        f"WHERE database_name = {_text(database)} AND NOT internal AND NOT temporary")}
    needed: list[str] = []
    for one in reversed(stored):  # each stands after those it reads
        sql = views.get((fold(one.schema), fold(one.name)), "")
        if sql and _in(one.name, text):
            needed += [sql, f"CREATE SCHEMA IF NOT EXISTS {quote(one.schema)}"]
            text += " " + fold(sql)
    return [*_types(cursor, database, text), *_macros(cursor, database, text), *reversed(needed)]


def _types(cursor: Cursor, database: str, text: str) -> list[str]:
    return [f"CREATE TYPE {quote(str(schema))}.{quote(str(name))} AS ENUM ({', '.join(map(_text, labels))})"
            for schema, name, labels in cursor.fetchall(
                "SELECT schema_name, type_name, labels FROM system.main.duckdb_types() "
                f"WHERE database_name = {_text(database)} AND NOT internal AND logical_type = 'ENUM'")
            if _in(str(name), text)]


def _macros(cursor: Cursor, database: str, text: str) -> list[str]:
    """In no order: DuckDB looks into a macro when it is called."""
    rows = cursor.fetchall(
        "SELECT schema_name, function_name, function_type, parameters, macro_definition "
        f"FROM system.main.duckdb_functions() WHERE database_name = {_text(database)} AND NOT internal "
        "AND macro_definition IS NOT NULL")
    found: dict[tuple[str, str], list[str]] = {}
    grown = True
    while grown:
        grown = False
        for schema, name, *_rest in rows:
            if (schema, name) in found or not _in(str(name), text):
                continue
            grown = True
            for one in (one for one in rows if one[:2] == (schema, name)):
                table = "TABLE " if one[2] == "table_macro" else ""
                found.setdefault((schema, name), []).append(
                    f"({', '.join(quote(str(p)) for p in one[3])}) AS {table}{one[4]}")
                text += " " + fold(str(one[4]))
    return [f"CREATE MACRO {quote(str(schema))}.{quote(str(name))}{', '.join(bodies)}"
            for (schema, name), bodies in found.items()]


def _in(name: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(fold(name))}(?!\w)", text) is not None


def _text(value: str) -> str:
    return to_sql(encode(value))
