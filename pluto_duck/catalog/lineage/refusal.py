"""Whether DuckDB would drop a column or a table at all: keys, checks and indexes hold on to them."""

from __future__ import annotations

from pluto_duck.session import Session, TableInfo
from pluto_duck.workspace.literals import encode, to_sql
from pluto_duck.workspace.tableref import fold


def refusal(session: Session, table: TableInfo, column: str | None) -> str:
    """Why it would not; "" where it would, as far as its catalog tells (not: generated columns)."""
    if table.kind != "table":
        return ""
    here = (f"database_name = {to_sql(encode(session.workspace.database.stem))} "
            f"AND schema_name = {to_sql(encode(table.ref.schema))}")
    name = to_sql(encode(table.ref.name))
    own, others, indexes = session.internal([
        "SELECT constraint_type, constraint_column_names FROM system.main.duckdb_constraints() "
        f"WHERE {here} AND table_name = {name}",
        "SELECT DISTINCT table_name FROM system.main.duckdb_constraints() "
        f"WHERE {here} AND constraint_type = 'FOREIGN KEY' AND referenced_table = {name} AND table_name <> {name}",
        f"SELECT index_name FROM system.main.duckdb_indexes() WHERE {here} AND table_name = {name}"])
    if others:
        return f"the foreign key of {', '.join(sorted(str(one) for (one,) in others))} points at it"
    if column is None:
        return ""
    return _held(table, column, own, [str(one) for (one,) in indexes])


def _held(table: TableInfo, column: str, constraints: list[list[object]], indexes: list[str]) -> str:
    if indexes:
        return f"its table has an index, {indexes[0]}"
    places = {fold(one.name): i for i, one in enumerate(table.columns)}
    for kind, names in constraints:
        folded = {fold(str(one)) for one in names or ()}  # type: ignore[attr-defined]
        if kind == "NOT NULL":
            continue
        if fold(column) in folded:
            return f"a {str(kind).lower()} depends on it"
        if kind in ("PRIMARY KEY", "UNIQUE") and any(places.get(one, -1) > places[fold(column)] for one in folded):
            return f"the index of a {str(kind).lower()} depends on a column after it"
    return "it is the only column of its table" if len(places) == 1 else ""
