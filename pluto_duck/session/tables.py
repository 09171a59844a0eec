"""SQL about tables: what is there, and filling one from a stream."""

from __future__ import annotations

from pluto_duck.workspace.database import Cursor
from pluto_duck.workspace.literals import to_sql
from pluto_duck.workspace.protocol import Json
from pluto_duck.workspace.tableref import quote


def listing(cursor: Cursor, catalog: str) -> dict[str, Json]:
    """Tables, views, columns and keys of the user's schemas, as rows."""
    # By their full names: the user may have macros called the same.
    mine = (f"database_name = {to_sql({'t': 'str', 'v': catalog})} AND schema_name <> '_pluto'")
    tables = cursor.fetchall(
        "SELECT schema_name, table_name, 'table', estimated_size, comment FROM system.main.duckdb_tables() "
        f"WHERE {mine} AND NOT internal UNION ALL "
        "SELECT schema_name, view_name, 'view', NULL, comment FROM system.main.duckdb_views() "
        f"WHERE {mine} AND NOT internal ORDER BY 1, 2")
    columns = cursor.fetchall(
        "SELECT schema_name, table_name, column_name, data_type, is_nullable, comment "
        f"FROM system.main.duckdb_columns() WHERE {mine} AND NOT internal "
        "ORDER BY schema_name, table_name, column_index")
    keys = cursor.fetchall(
        "SELECT schema_name, table_name, constraint_type, constraint_column_names, referenced_table, "
        f"referenced_column_names FROM system.main.duckdb_constraints() WHERE {mine} "
        "AND constraint_type IN ('PRIMARY KEY', 'FOREIGN KEY', 'UNIQUE')")
    return {"tables": [list(row) for row in tables], "columns": [list(row) for row in columns],
            "keys": [list(row) for row in keys]}


def store(cursor: Cursor, table: str, incoming: str, args: dict[str, Json]) -> int:
    """The rows registered as `incoming` into a table (qualified SQL text); how many. `args` as `HostSession.write`
    has them."""
    columns: list[list[str]] = args["columns"]
    picks = ", ".join(f"CAST({expression} AS {kind}) AS {quote(name)}" for name, kind, expression in columns)
    if args["mode"] == "append":
        names = ", ".join(quote(name) for name, _kind, _expression in columns)
        rows = cursor.execute(f"INSERT INTO {table} ({names}) SELECT {picks} FROM {incoming}")
        return int(rows.fetchall()[0][0])
    verb = "CREATE OR REPLACE" if args["mode"] == "replace" else "CREATE"
    verb += " TEMPORARY TABLE" if args.get("temporary") else " TABLE"
    rows = cursor.execute(f"{verb} {table} AS SELECT {picks} FROM {incoming}")
    count = int(rows.fetchall()[0][0])
    if args.get("primary_key"):
        # After the rows: inserting into a keyed table costs half as much again.
        names = ", ".join(quote(str(name)) for name in args["primary_key"])
        cursor.execute(f"ALTER TABLE {table} ADD PRIMARY KEY ({names})")
    return count
