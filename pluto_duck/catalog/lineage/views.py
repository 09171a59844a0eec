"""The tables and views that are there, and what each view is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pluto_duck.catalog.lineage.known import Known, Macro
from pluto_duck.catalog.lineage.model import By, Kind, Link, Node, Part
from pluto_duck.catalog.lineage.remembering import traces
from pluto_duck.catalog.lineage.trace import Traced
from pluto_duck.errors import PlutoError
from pluto_duck.session import Session, TableInfo
from pluto_duck.workspace.literals import encode, to_sql

_SHOWN = 3


def known(session: Session, tables: Sequence[TableInfo]) -> tuple[Known, dict[str, str]]:
    """What a statement may name, and the SQL of each view by its key."""
    catalog = session.workspace.database.stem
    mine = f"database_name = {to_sql(encode(catalog))}"
    views, macros, aggregates = session.internal([
        f"SELECT schema_name, view_name, sql FROM system.main.duckdb_views() WHERE {mine} AND NOT internal",
        "SELECT schema_name, function_name, parameters, macro_definition, function_type = 'table_macro' "
        f"FROM system.main.duckdb_functions() WHERE {mine} AND NOT internal AND macro_definition IS NOT NULL",
        "SELECT DISTINCT function_name FROM system.main.duckdb_functions() WHERE function_type = 'aggregate'"])
    made = Known({one.ref.key: tuple(column.name for column in one.columns) for one in tables}, catalog=catalog,
                 macros=[Macro(schema, name, tuple(names), body, bool(table))
                         for schema, name, names, body, table in macros],
                 aggregates=[name for (name,) in aggregates])
    keys = {(one.ref.schema, one.ref.name): one.ref.key for one in tables}
    kept = {key: sql for key, sql in session.views.definitions().items() if key in keys.values()}
    plain = {keys[schema, name]: select_of(sql) for schema, name, sql in views if (schema, name) in keys}
    return made, {**plain, **kept}


def collect(session: Session, tables: Sequence[TableInfo], known: Known, sql: Mapping[str, str]) -> tuple[Part, bool]:
    """And whether it hangs on the catalog alone; else DuckDB was asked whether a view can be run now."""
    nodes: list[Node] = []
    links: list[Link] = []
    kept, steady = traces(session.workspace.root), True
    for table in tables:
        key, names = table.ref.key, tuple(column.name for column in table.columns)
        note = ""
        if key in sql:
            found = kept.of(sql[key], known)
            note = _trouble(found)
            if not note and (not table.columns or found.unknown):
                note, steady = _refused(session, table, found), False
            part = links_of(found, key, names, "view")
            nodes += part.nodes
            links += part.links
        facts = (("comment", table.comment),) if table.comment else ()
        nodes.append(Node(key, table.kind, str(table.ref), names, facts, note))
    return Part(tuple(nodes), tuple(links)), steady


def links_of(traced: Traced, key: str, names: Sequence[str], by: By) -> Part:
    """From all that a statement reads to what it makes, whose columns are `names`; none: they are not known."""
    made = traced.under(names)
    nodes = [_outside(id, traced) for id in traced.reads if id in traced.outside or id in traced.missing]
    links = []
    for above in traced.reads:
        pairs = [(column, name, how) for name, origins in made.items()
                 for (table, column), how in origins.items() if table == above]
        uses = {column: tuple(sorted(kinds)) for (table, column), kinds in traced.uses.items() if table == above}
        named = frozenset(column for table, column in traced.named if table == above and column != "*")
        links.append(Link(above, key, by, tuple(pairs), named, tuple(sorted(uses.items())),
                          whole=not names or bool(traced.unknown)))
    return Part(tuple(nodes), tuple(links))


def _outside(id: str, traced: Traced) -> Node:
    if id in traced.outside:
        kind: Kind = "file" if "/" in traced.outside[id] or traced.outside[id].count(".") == 1 else "source"
        return Node(id, kind, traced.outside[id])
    schema, _, name = id.partition(".")
    return Node(id, "missing", name if schema == "main" else id)


def _trouble(traced: Traced) -> str:
    if traced.problem:
        return f"its SQL could not be read: {traced.problem}"
    if traced.missing:
        return f"it reads {_some(one.removeprefix('main.') for one in traced.missing)}, which is not there"
    return ""


def _refused(session: Session, table: TableInfo, traced: Traced) -> str:
    try:
        session.internal([f"DESCRIBE SELECT * FROM {table.ref.sql}"])
        return ""  # a name that DuckDB understands and we do not: the links are as whole tables
    except PlutoError:
        return (f"it names {_some(traced.unknown)}, which no table has" if traced.unknown else
                "DuckDB can't run it now")


def _some(names: Any) -> str:
    found = list(names)
    return ", ".join(found[:_SHOWN]) + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")


def select_of(sql: str) -> str:
    """The SELECT of a view's definition, which DuckDB writes as CREATE VIEW name (columns) AS SELECT ...;"""
    i, depth, quoted = 0, 0, False
    while i < len(sql):
        char = sql[i]
        if char == '"':
            quoted = not quoted
        elif not quoted:
            depth += (char == "(") - (char == ")")
            if depth == 0 and sql[i:i + 4].upper() in (" AS ", ")AS ", " AS(", " AS\n"):
                return sql[i + 3:].strip().rstrip(";")
        i += 1
    return sql


__all__ = ["collect", "known", "links_of", "select_of"]
