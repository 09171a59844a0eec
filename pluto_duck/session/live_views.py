"""Views, macros and generated columns of a DuckDB file that is attached live: SQL that somebody else wrote.

The file is a stranger's, and what DuckDB finds in it runs with the rights of the host: a view over
read_csv('/etc/passwd'), or over an address that what it reads is sent to. So only those are read that the Gate
would let pass, and that stay inside their file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pluto_duck.errors import PlutoError, Refused
from pluto_duck.governance.functions import allowed
from pluto_duck.governance.names import Names
from pluto_duck.governance.walk import Walk
from pluto_duck.workspace.database import Cursor
from pluto_duck.workspace.literals import to_sql
from pluto_duck.workspace.parser import Parser
from pluto_duck.workspace.tableref import DEFAULT_SCHEMA, TableRef, fold


@dataclass(frozen=True)
class Written:
    """SQL that stands in the file."""

    kind: str
    schema: str
    name: str
    sql: str
    """CREATE VIEW, or what a macro or a generated column computes."""


@dataclass(frozen=True)
class FileSql:
    tables: tuple[TableRef, ...] = ()
    written: tuple[Written, ...] = ()


def look(cursor: Cursor, database: str) -> FileSql:
    """What SQL an attached DuckDB file holds; runs and binds none of it."""
    where = f"WHERE database_name = {to_sql({'t': 'str', 'v': database})}"
    views = [Written("view", *row) for row in cursor.fetchall(
        f"SELECT schema_name, view_name, sql FROM system.main.duckdb_views() {where} AND NOT internal")]
    macros = [Written("macro", *row) for row in cursor.fetchall(
        "SELECT schema_name, function_name, CASE function_type WHEN 'macro' THEN 'SELECT ' ELSE '' END || "
        f"macro_definition FROM system.main.duckdb_functions() {where}")]
    tables = cursor.fetchall(f"SELECT schema_name, table_name, sql FROM system.main.duckdb_tables() {where}")
    # The formula of a generated column is told as if it were a default; which of them it is does not matter.
    generated = {(schema, name) for schema, name, sql in tables if "GENERATED" in sql}
    formulas = [Written("table", schema, name, f"SELECT {default}") for schema, name, default in cursor.fetchall(
        f"SELECT schema_name, table_name, column_default FROM system.main.duckdb_columns() {where} "
        "AND column_default IS NOT NULL") if (schema, name) in generated] if generated else []
    return FileSql(tuple(TableRef(name, schema) for schema, name, _sql in tables), (*views, *macros, *formulas))


def refuse_reaching(parser: Parser, file: FileSql, database: str, texts: Sequence[str], *, standing: bool) -> None:
    """Raises Refused where one of `texts` names something of the file that reaches beyond it. `standing`: USE led
    into it, so that a bare name is enough."""
    named = [one for one in file.written if any(_names(text, one.name, standing) for text in texts)]
    if not named:
        return
    reaching = _reaching(parser, file)
    for one in named:
        if one in reaching:
            raise Refused(f"{database}.{one.schema}.{one.name} is a {one.kind} whose SQL came with its file, and it "
                          "reaches beyond that file: it would read other files, or call what can.",
                          hint="Read the tables it is made from, or look at it: SELECT sql FROM duckdb_views(). A copy "
                               "(ingest FILE --table NAME) is made where nothing but the file can be reached.",
                          live=database)


def with_views(sql: str, views: Mapping[str, str]) -> list[str]:
    """A statement, and the SQL of those of our own `views` that it reads."""
    texts, left = [sql], dict(views)
    for text in texts:
        texts += [left.pop(name) for name in list(left) if _names(text, name, standing=True)]
    return texts


def _names(text: str, name: str, standing: bool) -> bool:
    escaped = re.escape(fold(name).replace('"', '""'))
    return bool(re.search(rf'{"" if standing else "[.]"}\s*"?(?<!\w){escaped}(?!\w)', fold(text)))


def _reaching(parser: Parser, file: FileSql) -> set[Written]:
    """Those that the Gate refuses, and those that name one of them."""
    functions = allowed(parser.version()) - {fold(one.name) for one in file.written if one.kind == "macro"}
    found: set[Written] = set()
    while True:
        views = [TableRef(one.name, one.schema) for one in file.written if one.kind == "view" and one not in found]
        more = {one for one in file.written if one not in found
                and not _stays(parser, one, (*file.tables, *views), functions)}
        if not more:
            return found
        found |= more


def _stays(parser: Parser, one: Written, tables: Iterable[TableRef], functions: frozenset[str]) -> bool:
    # A bare name is looked up in its own schema first.
    near = [TableRef(table.name, DEFAULT_SCHEMA) for table in tables if table.schema == one.schema]
    try:
        tree = parser.tree(_query(parser, one.sql))
        if tree.get("error") is not False or len(tree["statements"]) != 1:
            return False
        Walk(Names((*tables, *near)), functions).read(tree["statements"][0])
    except PlutoError:
        return False
    return True


def _query(parser: Parser, sql: str) -> str:
    """The SELECT of a CREATE VIEW; others as they are."""
    tokens = parser.tokens(sql)
    if not tokens or tokens[0].text.lower() != "create":
        return sql
    depth = 0
    for token in tokens:
        depth += (token.text == "(") - (token.text == ")")
        if not depth and token.text.lower() == "as":
            return sql.encode()[token.start + 2:].decode()
    return ""
