"""SQL about tables: what is there, and filling one from a stream."""

from __future__ import annotations

from typing import Any

from pluto_duck.errors import PlutoError
from pluto_duck.workspace.database import Cursor
from pluto_duck.workspace.literals import to_sql
from pluto_duck.workspace.protocol import Json
from pluto_duck.workspace.tableref import fold, quote

UNBOUND = "__dummy_col"
"""How DuckDB calls the columns of a view that it has not bound since the file was opened."""


def listing(cursor: Cursor, catalog: str, only: list[list[str]] | None = None) -> dict[str, Json]:
    """Tables, views, columns and keys of the user's schemas, as rows; `only`: (schema, name) of those wanted,
    perhaps with others of the same name."""
    # By their full names: the user may have macros called the same.
    mine = (f"database_name = {to_sql({'t': 'str', 'v': catalog})} AND schema_name <> '_pluto'")
    views = mine
    if only is not None:
        # DuckDB's lower() is Unicode's, its comparing of names is not: both forms.
        names = ", ".join(to_sql({"t": "str", "v": form}) for form in sorted(
            {form for _schema, name in only for form in (fold(name), name.lower())})) or "NULL"
        mine += f" AND system.main.lower(table_name) IN ({names})"
        views += f" AND system.main.lower(view_name) IN ({names})"
    tables = cursor.fetchall(
        "SELECT schema_name, table_name, 'table', estimated_size, comment FROM system.main.duckdb_tables() "
        f"WHERE {mine} AND NOT internal UNION ALL "
        "SELECT schema_name, view_name, 'view', NULL, comment FROM system.main.duckdb_views() "
        f"WHERE {views} AND NOT internal ORDER BY 1, 2")
    columns = cursor.fetchall(
        "SELECT schema_name, table_name, column_name, data_type, is_nullable, comment "
        f"FROM system.main.duckdb_columns() WHERE {mine} AND NOT internal "
        "ORDER BY schema_name, table_name, column_index")
    if any(row[2].startswith(UNBOUND) for row in columns):
        columns = _bound(cursor, catalog, columns, {(row[0], row[1]) for row in tables if row[2] == "view"})
    keys = cursor.fetchall(
        "SELECT schema_name, table_name, constraint_type, constraint_column_names, referenced_table, "
        f"referenced_column_names FROM system.main.duckdb_constraints() WHERE {mine} "
        "AND constraint_type IN ('PRIMARY KEY', 'FOREIGN KEY', 'UNIQUE')")
    return {"tables": [list(row) for row in tables], "columns": [list(row) for row in columns],
            "keys": [list(row) for row in keys], "known_keys": known_keys(cursor, catalog)}


def _bound(cursor: Cursor, catalog: str, columns: list[Any], views: set[tuple[str, str]]) -> list[Any]:
    """The same with the columns of views that DuckDB had only placeholders for; without those it can't bind."""
    waiting = dict.fromkeys((row[0], row[1]) for row in columns if row[2].startswith(UNBOUND)
                            and (row[0], row[1]) in views)
    found = [row for row in columns if (row[0], row[1]) not in waiting]
    for schema, name in waiting:
        try:
            described = cursor.fetchall(f"DESCRIBE SELECT * FROM {quote(catalog)}.{quote(schema)}.{quote(name)}")
        except PlutoError:
            continue
        found += [(schema, name, column, kind, True, None) for column, kind, *_rest in described]
    return found


def known_keys(cursor: Cursor, catalog: str) -> list[Json]:
    """Foreign keys that DuckDB does not enforce but a load knows from its source: [schema, table, columns,
    other schema, other table, its columns], where both tables and all columns are there."""
    ours = f"{quote(catalog)}._pluto.known_keys"
    rows = cursor.fetchall(f"SELECT schema_name, table_name, columns, to_schema, to_table, to_columns FROM {ours} "
                           "WHERE kind = 'foreign'")
    if not rows:
        return []
    there: dict[tuple[str, str], tuple[str, str, set[str]]] = {}
    for schema, table, column in cursor.fetchall(
            "SELECT schema_name, table_name, column_name FROM system.main.duckdb_columns() "
            f"WHERE database_name = {to_sql({'t': 'str', 'v': catalog})} AND NOT internal"):
        there.setdefault((fold(schema), fold(table)), (schema, table, set()))[2].add(fold(column))
    found = []
    for schema, table, columns, to_schema, to_table, to_columns in rows:
        mine, other = there.get((fold(schema), fold(table))), there.get((fold(to_schema), fold(to_table)))
        if mine and other and {*map(fold, columns)} <= mine[2] and {*map(fold, to_columns)} <= other[2]:
            found.append([mine[0], mine[1], columns, other[0], other[1], to_columns])
    return found


def store(cursor: Cursor, table: str, incoming: str, args: dict[str, Json]) -> int:
    """The rows registered as `incoming` into a table (qualified SQL text); how many. `args` as `HostSession.write`
    has them."""
    columns: list[list[str]] = args["columns"]
    select = _select(columns, incoming, args.get("part"))
    if args["mode"] == "append":
        return _insert(cursor, table, columns, select)
    verb = "CREATE OR REPLACE" if args["mode"] == "replace" else "CREATE"
    verb += " TEMPORARY TABLE" if args.get("temporary") else " TABLE"
    if any(one[3] for one in columns):
        # One statement for all of them: each ALTER afterwards would scan the table again.
        made = ", ".join(f"{quote(name)} {kind} {constraints}" for name, kind, _expression, constraints in columns)
        cursor.execute(f"{verb} {table} ({made})")
        count = _insert(cursor, table, columns, select)
    else:
        count = int(cursor.execute(f"{verb} {table} AS {select}").fetchall()[0][0])
    if args.get("primary_key"):
        # After the rows: inserting into a keyed table costs half as much again.
        names = ", ".join(quote(str(name)) for name in args["primary_key"])
        cursor.execute(f"ALTER TABLE {table} ADD PRIMARY KEY ({names})")
    return count


def _insert(cursor: Cursor, table: str, columns: list[list[str]], select: str) -> int:
    names = ", ".join(quote(one[0]) for one in columns)
    return int(cursor.execute(f"INSERT INTO {table} ({names}) {select}").fetchall()[0][0])


def _select(columns: list[list[str]], incoming: str, part: dict[str, Json] | None) -> str:
    picks = ", ".join(f"CAST({one[2]} AS {one[1]}) AS {quote(one[0])}" for one in columns)
    select = f"SELECT {picks} FROM {incoming}"
    if not part:
        return select
    select = f"SELECT * FROM ({select}) AS incoming"
    if part.get("sample") is not None:
        select += f" TABLESAMPLE BERNOULLI({float(part['sample'])} PERCENT)"
    if part.get("where"):
        select += f" WHERE ({part['where']}\n)"
    if part.get("limit") is not None:
        select += f" LIMIT {int(part['limit'])}"
    return select
