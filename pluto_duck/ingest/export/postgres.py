"""A table of PostgreSQL, filled by COPY in one transaction: DuckDB makes the text, we pass its buffers on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Literal

from pluto_duck.errors import PlutoError, Refused, TargetError, UsageError, nearest, unknown_name
from pluto_duck.ingest.connectors.postgres_address import Address, psycopg
from pluto_duck.ingest.export.postgres_types import Way, way
from pluto_duck.ingest.export.rows import Column, Rows, refuse
from pluto_duck.session import TableInfo

Mode = Literal["create", "replace", "append"]
MAX_NAME_BYTES = 63

# What a column of the type on the left takes of the type on the right without a change.
_TAKES: dict[str, frozenset[str]] = {
    "text": frozenset({"uuid", "json"}),
    "jsonb": frozenset({"json"}), "json": frozenset({"jsonb"}),
    "integer": frozenset({"smallint"}), "bigint": frozenset({"smallint", "integer"}),
    "numeric": frozenset({"smallint", "integer", "bigint", "numeric"}),
    "double precision": frozenset({"real", "smallint", "integer"}), "real": frozenset({"smallint"}),
}
_PLAIN_NAMES = {"timestamp": "timestamp without time zone", "timestamptz": "timestamp with time zone",
                "time": "time without time zone", "timetz": "time with time zone"}


def write(rows: Rows, address: Address, into: str, *, mode: Mode, table: TableInfo | None,
          on_rows: Callable[[int], None]) -> int:
    """Fills a table, all or nothing; how many rows. `table`: of which keys and NOT NULL are carried over.

    `replace` puts a new table in the place of the old one at the end; until then the old one can be read.
    """
    ways = _ways(rows.columns)
    driver = psycopg()
    schema, name = _named(into)
    with address.connect() as connection:
        try:
            with connection.transaction():
                connection.execute("SET LOCAL IntervalStyle = 'postgres'; SET LOCAL DateStyle = 'ISO, YMD'")
                return _filled(rows, connection, schema, name, ways, mode, table, on_rows)
        except driver.Error as error:
            raise _told(error, address, name) from None


def _filled(rows: Rows, connection: Any, schema: str, name: str, ways: Sequence[Way], mode: Mode,
            table: TableInfo | None, on_rows: Callable[[int], None]) -> int:
    from psycopg import sql

    schema = schema or str(connection.execute("SELECT coalesce(current_schema(), 'public')").fetchone()[0])
    there = _existing(connection, schema, name)
    target = sql.Identifier(schema, name)
    filled = target
    if mode == "append":
        if not there:
            raise unknown_name("table", name, _tables(connection, schema), where=f"the schema {schema}")
        _refuse_misfit(rows.columns, ways, there, name)
    else:
        if there and mode == "create":
            raise Refused(f"There is a table {name} in the schema {schema} already.",
                          hint="--mode append adds to it, --mode replace puts a new one in its place.")
        filled = sql.Identifier(schema, f"pluto_new_{name}"[:50]) if there else target
        connection.execute(_definition(sql, filled, rows.columns, ways, table))
    count = _copied(rows, connection, sql, filled, ways, on_rows)
    if mode != "append":
        _finished(connection, sql, filled, table)
    if filled is not target:
        connection.execute(sql.SQL("DROP TABLE {}").format(target))
        connection.execute(sql.SQL("ALTER TABLE {} RENAME TO {}").format(filled, sql.Identifier(name)))
    return count


def _copied(rows: Rows, connection: Any, sql: Any, target: Any, ways: Sequence[Way],
            on_rows: Callable[[int], None]) -> int:
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in rows.columns)
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(target, columns)
    line = " || chr(9) || ".join(_field(column.sql, one) for column, one in zip(rows.columns, ways, strict=True))
    select = f"SELECT {line} || chr(10) AS line FROM (\n{rows.sql}\n)"
    count = 0
    with rows.session.stream(select, namespace=rows.namespace) as reading, connection.cursor() as cursor, \
            cursor.copy(statement) as copy:
        for batch in reading:
            lines = batch.column(0)
            # The lines of an Arrow column stand one behind the other in one buffer: that is what COPY wants.
            offsets = memoryview(lines.buffers()[1]).cast("i")
            start, end = offsets[lines.offset], offsets[lines.offset + len(lines)]
            copy.write(memoryview(lines.buffers()[2])[start:end])
            count += batch.num_rows
            on_rows(count)
    return count


def _field(value: str, one: Way) -> str:
    text = one.text(value)
    if not one.plain:
        for char, written in (("'\\'", "'\\\\'"), ("chr(9)", "'\\t'"), ("chr(10)", "'\\n'"), ("chr(13)", "'\\r'")):
            text = f"system.main.replace({text}, {char}, {written})"
    return f"coalesce({text}, '\\N')"


# -- the table ------------------------------------------------------------------------------------------


def _ways(columns: Sequence[Column]) -> list[Way]:
    found = [(column, way(column.kind)) for column in columns]
    refuse([column for column, one in found if one is None], "PostgreSQL has no type for")
    for column in columns:
        _check_name(column.name, "column")
    return [one for _column, one in found if one is not None]


def _named(into: str) -> tuple[str, str]:
    from pluto_duck.workspace import TableRef

    ref = TableRef.parse(into)
    _check_name(ref.name, "table")
    return (ref.schema if "." in into else "", ref.name)


def _check_name(name: str, what: str) -> None:
    if len(name.encode()) > MAX_NAME_BYTES:
        hint = "--into NAME" if what == "table" else "Give it a shorter one: --sql 'SELECT ... AS short'"
        raise UsageError(f"PostgreSQL would cut the name of the {what} {name!r} off at {MAX_NAME_BYTES} bytes.",
                         hint=hint)


def _existing(connection: Any, schema: str, name: str) -> dict[str, str]:
    return dict(connection.execute(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid "
        "JOIN pg_namespace ON relnamespace = pg_namespace.oid WHERE nspname = %s AND relname = %s AND attnum > 0 "
        "AND NOT attisdropped", (schema, name)).fetchall())


def _tables(connection: Any, schema: str) -> list[str]:
    return [row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (schema,))]


def _definition(sql: Any, target: Any, columns: Sequence[Column], ways: Sequence[Way], table: TableInfo | None) -> Any:
    required = {one.name for one in table.columns if not one.nullable} if table else set()
    lines = [sql.SQL("{} {}{}").format(sql.Identifier(column.name), sql.SQL(one.type),
                                       sql.SQL(" NOT NULL" if column.name in required else ""))
             for column, one in zip(columns, ways, strict=True)]
    return sql.SQL("CREATE TABLE {} ({})").format(target, sql.SQL(", ").join(lines))


def _finished(connection: Any, sql: Any, target: Any, table: TableInfo | None) -> None:
    """Keys and comments, after the rows: they are checked once and quicker."""
    if table is None:
        return
    for kind, keys in [("PRIMARY KEY", table.primary_key), *(("UNIQUE", one) for one in table.unique)]:
        if keys:
            connection.execute(sql.SQL("ALTER TABLE {} ADD {} ({})").format(
                target, sql.SQL(kind), sql.SQL(", ").join(map(sql.Identifier, keys))))
    if table.comment:
        connection.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(target, sql.Literal(table.comment)))
    for column in table.columns:
        if column.comment:
            connection.execute(sql.SQL("COMMENT ON COLUMN {}.{} IS {}").format(
                target, sql.Identifier(column.name), sql.Literal(column.comment)))


def _refuse_misfit(columns: Sequence[Column], ways: Sequence[Way], there: dict[str, str], name: str) -> None:
    for column, one in zip(columns, ways, strict=True):
        if column.name not in there:
            error = unknown_name("column", column.name, there, where=f"the table {name}")
            error.hint = error.hint or f"Leave it out with --sql, or add it: ALTER TABLE {name} ADD COLUMN ..."
            raise error
        if not _takes(there[column.name], _PLAIN_NAMES.get(one.type, one.type)):
            raise UsageError(f"{column.name} is {one.type} here, and {there[column.name]} in the table {name}: values "
                             "could change.", hint=f"Cast it with --sql, or --mode replace. Nearest of its columns: "
                                                   f"{', '.join(nearest(column.name, there))}.")


def _takes(target: str, coming: str) -> bool:
    if target == coming or coming in _TAKES.get(target, ()):
        return True
    if coming.startswith("numeric") and target.startswith("numeric"):
        return target == "numeric" or (_digits(coming) is not None and _digits(target) is not None and all(
            a <= b for a, b in zip(_digits(coming) or (), _digits(target) or (), strict=True)))
    return False


def _digits(numeric: str) -> tuple[int, int] | None:
    """(before the point, after it)"""
    inside = numeric.partition("(")[2].rstrip(")").split(",")
    return (int(inside[0]) - int(inside[1]), int(inside[1])) if len(inside) == 2 else None


def _told(error: Any, address: Address, name: str) -> PlutoError:
    said = address.words(str(getattr(error.diag, "message_primary", None) or error))
    detail = ""
    with suppress(Exception):
        detail = address.words(str(error.diag.message_detail or ""))
    hint = "Nothing was changed there."
    if getattr(error, "sqlstate", None) == "2BP01":  # something depends on the table
        hint = "Views or keys depend on the table: --mode append, or drop them first. Nothing was changed there."
    if "0x00" in said:
        hint = "PostgreSQL's texts hold no NUL character: take it out with --sql. Nothing was changed there."
    return TargetError(f"{address.shown}, table {name}: {said}{f' ({detail})' if detail else ''}.", hint=hint)
