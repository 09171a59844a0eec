"""What a view is made of: one SELECT, the tables that it reads, and whether their versions tell all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pluto_duck.errors import PlutoError, Refused, UsageError
from pluto_duck.events.tracked import text
from pluto_duck.session.steady import Steady
from pluto_duck.workspace.database import Cursor
from pluto_duck.workspace.parser import Parser
from pluto_duck.workspace.tableref import DEFAULT_SCHEMA, TableRef, fold

DEEPEST = 32
"""Views over views."""


@dataclass(frozen=True)
class Sources:
    keys: tuple[str, ...]
    """Of tables and views of the workspace, those behind views among them."""
    unsteady: str
    """What it gives may change without any of them; "" where it can't."""


@dataclass(frozen=True)
class Catalog:
    """What a definition may name, as one transaction has it."""

    name: str
    tables: dict[str, str]
    """TableRef.key -> the SQL of a view; "" of a table."""
    macros: frozenset[str]
    views: frozenset[str]


def catalog_of(cursor: Cursor, name: str) -> Catalog:
    mine = f"database_name = {text(name)} AND NOT internal"
    rows = cursor.fetchall(
        f"SELECT schema_name, table_name, '' FROM system.main.duckdb_tables() WHERE {mine} AND NOT temporary UNION ALL "
        f"SELECT schema_name, view_name, sql FROM system.main.duckdb_views() WHERE {mine} AND NOT temporary")
    macros = cursor.fetchall(
        f"SELECT DISTINCT function_name FROM system.main.duckdb_functions() WHERE {mine}")
    tables = {TableRef(table, schema).key: str(sql) for schema, table, sql in rows}
    return Catalog(name, tables, frozenset(fold(str(one)) for (one,) in macros),
                   frozenset(key for key, sql in tables.items() if sql))


def checked(parser: Parser, sql: str) -> str:
    """The one SELECT in a text, without what ends it. Raises UsageError and Refused."""
    found = parser.statements(sql)
    if len(found) != 1 or found[0].type != "SELECT":
        raise UsageError("A view is made of one SELECT.", hint="Leave CREATE VIEW ... AS away.")
    if found[0].parameters:
        raise UsageError("A view can't be made of a statement with parameters.", hint="Write the values into it.")
    own = found[0].sql.strip().rstrip(";").strip()
    if any(fold(token.text.strip('"')) == "_pluto" for token in parser.tokens(own)):
        raise Refused("The schema _pluto keeps this workspace's own records; a view must not be made of them.",
                      hint="pluto-duck changes show TABLE tells what changed in a table.")
    return own


def sources(steady: Steady, parser: Parser, catalog: Catalog, sql: str) -> Sources:
    """Raises UsageError for what is more than one SELECT."""
    keys: set[str] = set()
    unsteady = _walk(steady, parser, catalog, sql, keys, 0)
    return Sources(tuple(sorted(keys)), unsteady)


def _walk(steady: Steady, parser: Parser, catalog: Catalog, sql: str, keys: set[str], depth: int) -> str:
    if depth > DEEPEST:
        return "views stand on each other too deep"
    reads = steady.reads(sql)
    why = reads.why
    own = reads.functions & catalog.macros
    if own:
        why = f"it calls {min(own)}(), a macro"
    for path in sorted(reads.tables):
        key = place(path, catalog)
        if key is None:
            if len(path) > 1 or fold(path[0]) not in reads.ctes:
                why = why or f"{'.'.join(path)} is no table of this workspace"
        elif key not in keys:
            keys.add(key)
            made = catalog.tables[key]
            if made:
                why = _walk(steady, parser, catalog, body(parser, made), keys, depth + 1) or why
    return why


def place(path: tuple[str, ...], catalog: Catalog) -> str | None:
    """The key of a table of ours by its name as written; None where it is none."""
    names, own = tuple(fold(one) for one in path), fold(catalog.name)
    keys = [f"{DEFAULT_SCHEMA}.{names[0]}"] if len(names) == 1 else [".".join(names)] if len(names) == 2 else []
    if len(names) > 1 and names[0] == own:
        keys.append(".".join(names[1:]) if len(names) == 3 else f"{DEFAULT_SCHEMA}.{names[1]}")
    return next((key for key in keys if key in catalog.tables and not key.startswith("_pluto.")), None)


def body(parser: Parser, made: str) -> str:
    """The SELECT of CREATE VIEW ... AS."""
    depth = 0
    for token in parser.tokens(made):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0 and token.kind == "keyword" and token.text.lower() == "as":
            return made.encode()[token.start + len(token.text):].decode().strip().rstrip(";")
    raise UsageError("A view that it reads is not understood.")


def tree_of(parser: Parser, sql: str) -> dict[str, Any] | None:
    """The node of its one SELECT; None where DuckDB gives none."""
    try:
        tree = parser.tree(sql)
    except (PlutoError, RecursionError):
        return None
    if tree.get("error") is not False or len(tree.get("statements") or ()) != 1:
        return None
    node: dict[str, Any] = tree["statements"][0]["node"]
    return node
