"""What the data themselves say against an answer: looked up here, told to the person, never to the model."""

from __future__ import annotations

from typing import Any

from pluto_duck.agent.tools import Desk
from pluto_duck.catalog import Catalog, Table
from pluto_duck.errors import PlutoError
from pluto_duck.workspace import Result
from pluto_duck.workspace.tableref import quote

MAX_CHECKED = 8


def doubts(sql: str, result: Result, desk: Desk) -> list[str]:
    """Caveats in plain words; none where nothing speaks against it."""
    found = [] if result.row_count else ["no row fits the conditions"]
    if result.truncated:
        found.append(f"only the first {result.row_count:,} rows are kept (agent.max_rows)")
    for table, column, value in _compared(sql, desk.context.catalog())[:MAX_CHECKED]:
        text = value.replace("'", "''")
        try:
            there = desk.context.run(f"SELECT count(*) FROM (SELECT 1 FROM {table.ref.sql} WHERE "
                                     f"CAST({quote(column)} AS VARCHAR) = '{text}' LIMIT 1)").scalar()
        except PlutoError as error:
            if error.code in ("cancelled", "timed_out"):
                raise
            continue
        if not there:
            found.append(f"{table.ref}.{column} is never {value!r}{_meant(desk, table, column, value)}")
    return found


def _compared(sql: str, catalog: Catalog) -> list[tuple[Table, str, str]]:
    """(table, text column, text) for each `column = 'text'` or `column IN ('text')` whose column is certain."""
    import sqlglot
    from sqlglot import expressions

    try:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
    except sqlglot.errors.SqlglotError:
        return []
    used = {one.name.casefold() for one in tree.find_all(expressions.Table)}
    tables = [one for one in catalog.tables if one.ref.name.casefold() in used]
    found: list[tuple[Table, str, str]] = []
    for node in tree.find_all(expressions.EQ, expressions.In):
        sides: list[Any] = [node.this, *(node.args.get("expressions") or [node.args.get("expression")])]
        columns = [one for one in sides if isinstance(one, expressions.Column)]
        texts = [one for one in sides if isinstance(one, expressions.Literal) and one.is_string]
        if len(columns) != 1 or not texts:
            continue
        named = [(table, column) for table in tables for column in table.columns
                 if column.name.casefold() == columns[0].name.casefold()]
        if len(named) == 1 and named[0][1].type == "VARCHAR":
            found += [(named[0][0], named[0][1].name, one.name) for one in texts]
    return list(dict.fromkeys(found))


def _meant(desk: Desk, table: Table, column: str, value: str) -> str:
    index = desk.context.catalog().values(desk.context.session)
    near = [*index.exact(value), *(one for one, _ in index.alike(value, least=80.0))]
    same = [one.text for one in near if one.table == table.ref and one.column == column]
    return f"; there is {same[0]!r}" if same else ""
