"""One statement on a cursor, with its parameters."""

from __future__ import annotations

import itertools
import uuid

from pluto_duck.errors import StatementError
from pluto_duck.workspace.database import Cursor, Rows
from pluto_duck.workspace.literals import to_sql
from pluto_duck.workspace.parser import Parser, Statement
from pluto_duck.workspace.protocol import Json
from pluto_duck.workspace.tableref import fold, quote

NOT_IN_ARROW = frozenset({"UHUGEINT", "BIGNUM", "TIME WITH TIME ZONE"})
"""DuckDB's own Arrow export changes these silently: it wraps, or drops the offset."""


def execute(cursor: Cursor, parser: Parser, statement: Statement, parameters: dict[str, Json]) -> Rows:
    """Runs one statement with its parameters bound; the values never become part of its text."""
    if not statement.parameters:
        return cursor.execute(statement.sql, select=statement.type == "SELECT")
    used = {name: parameters[name] for name in statement.parameters}
    if statement.type in ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE_INTO", "COPY"):
        # PREPARE and EXECUTE with literals of our own: see workspace/literals.py.
        # One name for all: PREPARE replaces the one before.
        cursor.execute(f"PREPARE pluto_statement AS {statement.sql}")
        if all(key.isdigit() for key in used):
            values = ", ".join(to_sql(used[key]) for key in sorted(used, key=int))
        else:
            values = ", ".join(f"{quote(key)} := {to_sql(value)}" for key, value in used.items())
        return cursor.execute(f"EXECUTE pluto_statement({values})")
    return _with_variables(cursor, parser, statement, used)


def exact(rows: Rows, cursor: Cursor, parser: Parser, statement: Statement, parameters: dict[str, Json]) -> Rows:
    """The same rows with the types as text that Arrow has no exact place for."""
    names = [column.name for column in rows.columns]
    lossy = [column.name for column in rows.columns if column.type in NOT_IN_ARROW]
    if not lossy or len({fold(name) for name in names}) < len(names):
        return rows
    texts = ", ".join(f"CAST({quote(name)} AS VARCHAR) AS {quote(name)}" for name in lossy)
    sql = f"SELECT * REPLACE ({texts}) FROM ({statement.sql.strip().rstrip(';')}\n)"
    try:
        found = execute(cursor, parser, Statement("SELECT", sql, statement.parameters), parameters)
    except StatementError:  # SHOW, DESCRIBE and PRAGMA are SELECTs that can't stand in FROM
        return execute(cursor, parser, statement, parameters)
    found.columns = rows.columns
    return found


def _with_variables(cursor: Cursor, parser: Parser, statement: Statement, used: dict[str, Json]) -> Rows:
    """For what can't be prepared (CREATE TABLE ... AS): the values become session variables.
    The text changes only at the tokens of DuckDB's own lexer, and never receives a value."""
    names = {key: f"pluto_{uuid.uuid4().hex}" for key in used}
    data, out, last = statement.sql.encode(), b"", 0
    tokens = parser.tokens(statement.sql)
    for mark, name in itertools.pairwise(tokens):
        plain = name.text.strip('"')
        if mark.text == "$" and name.start == mark.start + 1 and plain in names:
            out += data[last:mark.start] + f"system.main.getvariable('{names[plain]}')".encode()
            last = name.start + len(name.text.encode())
    sql = (out + data[last:]).decode()
    for key, value in used.items():
        cursor.execute(f"SET VARIABLE {names[key]} = {to_sql(value)}")
    try:
        return cursor.execute(sql).keep()
    finally:
        for variable in names.values():
            cursor.execute(f"RESET VARIABLE {variable}")
