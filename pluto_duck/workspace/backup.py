"""The database into a new file while others write, and looking into such a file.

DuckDB's own COPY FROM DATABASE stops at the first foreign key whose rows come in the wrong order, so it
copies the shape (views, macros, types, sequences, indexes, comments, constraints) and the rows follow
here, table after table, in one transaction: a single moment of the database.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pluto_duck.errors import PlutoError, StatementError, WorkspaceUnusable
from pluto_duck.workspace.database import STORAGE_VERSION, Cursor, open_error
from pluto_duck.workspace.engine_errors import translated
from pluto_duck.workspace.literals import to_sql
from pluto_duck.workspace.tableref import quote

Table = tuple[str, str]
"""(schema, name)"""

RESTORED = "restored:"
"""Begins the token of the commit that a restore adds; the rest of it is the backup's id."""

_EVERY_KEY = "['#schema', '*']"


@dataclass(frozen=True)
class Contents:
    """What a database file holds, at one moment."""

    rows: dict[Table, int]
    """Ours in `_pluto` too."""
    versions: dict[str, int]
    """Key of a table -> the commit that last wrote it."""
    seq: int
    """The last commit."""
    restored: tuple[str, int] = ("", 0)
    """The backup that was last restored here and the commit which did; ("", 0) for none."""

    def version(self, schema: str, name: str) -> int:
        from pluto_duck.workspace.tableref import TableRef

        return max(self.versions.get(TableRef(name, schema).key, 0), self.versions.get("*", 0))


def copy_database(cursor: Cursor, source: str, target: Path) -> Contents:
    """Copies a database that is open into a new file, which is closed and complete afterwards."""
    name = f"pluto_source_{uuid.uuid4().hex}"
    cursor.execute(f"ATTACH {_text(str(target))} AS {name} (STORAGE_VERSION {_text(STORAGE_VERSION)})")
    try:
        cursor.execute("BEGIN TRANSACTION")
        try:
            found = _copy(cursor, quote(source), source, name)
            cursor.execute("COMMIT")
        except BaseException:
            _try(cursor, "ROLLBACK")
            raise
        cursor.execute(f"CHECKPOINT {name}")
    finally:
        _try(cursor, f"DETACH {name}")
    if os.path.exists(f"{target}.wal"):
        raise WorkspaceUnusable(f"{target} could not be written to its end.", hint="Is the disk full?")
    return found


def _copy(cursor: Cursor, source: str, plain: str, target: str) -> Contents:
    found = _contents(cursor, plain)
    # After the first read: a sequence is never behind the rows that drew from it.
    cursor.execute(f"COPY FROM DATABASE {source} TO {target} (SCHEMA)")
    columns: dict[Table, list[str]] = {}
    generated = _generated(cursor, plain, target)
    for schema, table, column in cursor.fetchall(
            "SELECT schema_name, table_name, column_name FROM system.main.duckdb_columns() "
            f"WHERE database_name = {_text(plain)} AND NOT internal ORDER BY table_oid, column_index"):
        if (schema, table, column) not in generated:
            columns.setdefault((schema, table), []).append(column)
    references = _references(cursor, plain)
    for table in _parents_first(list(found.rows), references):
        names = ", ".join(map(quote, columns[table]))
        into, origin = f"{target}.{_sql(table)}", f"{source}.{_sql(table)}"
        own = [one for one in references.get(table, ()) if one[1] == table]
        if own:
            _by_levels(cursor, into, origin, names, own)
        else:
            cursor.execute(f"INSERT INTO {into} ({names}) SELECT {names} FROM {origin}")
    return found


def _by_levels(cursor: Cursor, into: str, origin: str, names: str, own: list[Reference]) -> None:
    """Rows of a table that refer to others of the same table: those first that refer to none."""
    done = " AND ".join(
        f"(({' OR '.join(f'child.{quote(k)} IS NULL' for k in keys)}) OR EXISTS (SELECT 1 FROM {into} AS parent WHERE "
        f"{' AND '.join(f'parent.{quote(o)} = child.{quote(k)}' for k, o in zip(keys, others, strict=True))}))"
        for keys, _other, others in own)
    new = " AND ".join(f"parent.{quote(o)} = child.{quote(o)}" for o in own[0][2])
    statement = (f"INSERT INTO {into} ({names}) SELECT {names} FROM {origin} AS child WHERE {done} "
                 f"AND NOT EXISTS (SELECT 1 FROM {into} AS parent WHERE {new})")
    while int(cursor.fetchall(statement)[0][0]):
        pass


Reference = tuple[list[str], Table, list[str]]
"""(columns, the table they refer to, its columns)"""


def _references(cursor: Cursor, database: str) -> dict[Table, list[Reference]]:
    found: dict[Table, list[Reference]] = {}
    for schema, table, columns, other, others in cursor.fetchall(
            "SELECT schema_name, table_name, constraint_column_names, referenced_table, referenced_column_names "
            f"FROM system.main.duckdb_constraints() WHERE database_name = {_text(database)} "
            "AND constraint_type = 'FOREIGN KEY'"):
        # DuckDB refuses foreign keys across schemas.
        found.setdefault((schema, table), []).append((columns, (schema, other), others))
    return found


def _parents_first(tables: list[Table], references: dict[Table, list[Reference]]) -> Iterator[Table]:
    left = dict.fromkeys(tables)
    while left:
        ready = [one for one in left if not any(
            other in left and other != one for _keys, other, _others in references.get(one, ()))]
        yield from ready or list(left)
        for one in ready or list(left):
            del left[one]


def _generated(cursor: Cursor, database: str, copy: str) -> set[tuple[str, str, str]]:
    """Columns that nobody may write to: INSERT takes none of them."""
    found = set()
    for schema, table, column, generated, default in cursor.fetchall(
            "SELECT table_schema, table_name, column_name, is_generated, column_default "
            f"FROM system.information_schema.columns WHERE table_catalog = {_text(database)}"):
        # 1.5 does not tell; there a refused statement does not end the transaction, so it can be asked.
        if generated == "ALWAYS" or (generated is None and default is not None and _refuses(
                cursor, f"EXPLAIN INSERT INTO {copy}.{_sql((schema, table))} ({quote(column)}) VALUES (NULL)")):
            found.add((schema, table, column))
    return found


def _refuses(cursor: Cursor, statement: str) -> bool:
    try:
        cursor.fetchall(statement)
    except StatementError as error:
        return "generated column" in error.message
    return False


def _contents(cursor: Any, database: str) -> Contents:
    """As the cursor's transaction sees it."""
    tables = [(str(schema), str(name)) for schema, name in cursor.execute(
        f"SELECT schema_name, table_name FROM system.main.duckdb_tables() WHERE database_name = {_text(database)} "
        "AND NOT internal AND NOT temporary ORDER BY table_oid").fetchall()]
    rows = {table: int(cursor.execute(
        f"SELECT system.main.count_star() FROM {quote(database)}.{_sql(table)}").fetchall()[0][0]) for table in tables}
    if ("_pluto", "commits") not in rows:
        return Contents(rows, {}, 0)
    commits = f"{quote(database)}._pluto.commits"
    versions = cursor.execute(
        f"SELECT key, system.main.max(seq) FROM (SELECT system.main.unnest(tables) AS key, seq FROM {commits}) "
        "GROUP BY key").fetchall()
    seq = cursor.execute(f"SELECT system.main.max(seq) FROM {commits}").fetchall()[0][0]
    restored = cursor.execute(f"SELECT token, seq FROM {commits} WHERE system.main.starts_with(token, "
                              f"'{RESTORED}') ORDER BY seq DESC LIMIT 1").fetchall()
    return Contents(rows, {str(key): int(at) for key, at in versions}, int(seq or 0),
                    (str(restored[0][0]).removeprefix(RESTORED), int(restored[0][1])) if restored else ("", 0))


# -- files that nobody has open -----------------------------------------------------------------------


def inspect(path: Path) -> Contents:
    """What a database file holds, looked at without changing it. Nobody else may have it open."""
    with _attached(path, "READ_ONLY") as connection, translated():
        return _contents(connection, "looked_at")


def settle(path: Path) -> Contents:
    """What a database file holds, once its write-ahead log has become part of it."""
    with _attached(path, "") as connection, translated():
        found = _contents(connection, "looked_at")
        connection.execute("CHECKPOINT looked_at")
    if os.path.exists(f"{path}.wal"):
        raise WorkspaceUnusable(f"The write-ahead log of {path} could not be merged into it.",
                                hint="Is the disk full?")
    return found


def move_on(path: Path, seq: int, backup_id: str) -> None:
    """Adds a commit of everything to a restored file: no version that anybody has seen may come again."""
    import time

    with _attached(path, "") as connection, translated():
        connection.execute(f"INSERT INTO looked_at._pluto.commits VALUES ({seq}, {_text(RESTORED + backup_id)}, NULL, "
                           f"{_EVERY_KEY}, {int(time.time() * 1000)})")
        connection.execute("CHECKPOINT looked_at")


@contextmanager
def _attached(path: Path, how: str) -> Iterator[Any]:
    """A private DuckDB that has the file attached as `looked_at`."""
    import duckdb

    connection = duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false",
                                                    "autoload_known_extensions": "false"})
    try:
        try:
            connection.execute(f"ATTACH {_text(str(path))} AS looked_at{f' ({how})' if how else ''}")
        except duckdb.Error as error:
            raise open_error(error, path) from error
        yield connection
        with translated():
            connection.execute("DETACH looked_at")
    finally:
        connection.close()


def engine_version() -> str:
    import duckdb

    return str(duckdb.__version__)


def _try(cursor: Cursor, statement: str) -> None:
    try:
        cursor.execute(statement)
    except PlutoError:
        pass


def _sql(table: Table) -> str:
    return f"{quote(table[0])}.{quote(table[1])}"


def _text(value: str) -> str:
    return to_sql({"t": "str", "v": value})
