"""What a load will do, decided before the first row moves: which table goes where, which columns, how."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pluto_duck.errors import ColumnRefused, UsageError, nearest, unknown_name
from pluto_duck.ingest.connectors import Connector, SourceColumn, SourceTable
from pluto_duck.session import TableInfo, WriteColumn
from pluto_duck.workspace import TableRef
from pluto_duck.workspace.tableref import fold

Mode = Literal["replace", "append"]

# Into a column of the type on the right without any value changing.
_WIDENS = {
    "TINYINT": {"SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "DOUBLE", "FLOAT"},
    "SMALLINT": {"INTEGER", "BIGINT", "HUGEINT", "DOUBLE", "FLOAT"},
    "INTEGER": {"BIGINT", "HUGEINT", "DOUBLE"},
    "UINTEGER": {"BIGINT", "UBIGINT", "HUGEINT", "DOUBLE"},
    "BIGINT": {"HUGEINT"},
    "FLOAT": {"DOUBLE"},
    "DATE": {"TIMESTAMP"},
    "JSON": {"VARCHAR"},
    "UUID": {"VARCHAR"},
}


@dataclass(frozen=True)
class TableLoad:
    """One source table on its way into one table of the workspace."""

    table: SourceTable
    ref: TableRef
    mode: Mode
    columns: tuple[WriteColumn, ...]
    primary_key: tuple[str, ...] = ()
    not_null: tuple[str, ...] = ()


def choose(connector: Connector, tables: Sequence[SourceTable], skip: Iterable[str],
           cast: Mapping[str, str]) -> list[SourceTable]:
    """The tables with the skipped columns gone and the cast ones changed.

    `skip` and `cast` name a column of any table or `table.column`. Raises ColumnRefused, naming every
    column that is left and can't be carried.
    """
    skip, unused = list(skip), {*skip, *cast}
    chosen = []
    for table in tables:
        columns = []
        for column in table.columns:
            names = {column.name, f"{table.name}.{column.name}"}
            unused -= names
            if names & set(skip):
                continue
            to = cast.get(f"{table.name}.{column.name}", cast.get(column.name))
            columns.append(column if to is None else connector.cast(table, column, to))
        if not columns:
            raise UsageError(f"Nothing is left of the table {table.name}: it has no columns to load.")
        chosen.append(replace(table, columns=tuple(columns)))
    if unused:
        known = {one.name for table in tables for one in table.columns}
        raise unknown_name("column", min(unused), known, where=connector.source)
    _refuse(chosen)
    return chosen


def _refuse(tables: Sequence[SourceTable]) -> None:
    refused = [(table, column) for table in tables for column in table.columns if column.refusal]
    if not refused:
        return
    several = len(tables) > 1

    def name(table: SourceTable, column: SourceColumn) -> str:
        return f"{table.name}.{column.name}" if several else column.name

    lines = [f"{name(t, c)} {c.refusal}" for t, c in refused]
    ways = [f"--cast {name(t, c)}={c.cast_to} or --skip {name(t, c)}" for t, c in refused[:3]]
    raise ColumnRefused("Not loaded, because it could not be carried over exactly: " + "; ".join(lines) + ".",
                        hint="Choose: " + "; ".join(ways), columns=[name(t, c) for t, c in refused])


def targets(tables: Sequence[SourceTable], into: str | None) -> list[TableRef]:
    """Where each table goes. `into` is a table for one source table, or `schema.*` for any number."""
    if into is not None and into.endswith(".*"):
        schema = TableRef.parse(into.removesuffix(".*")).name
        refs = [TableRef(table.name, schema) for table in tables]
    elif into is not None and len(tables) == 1:
        refs = [TableRef.parse(into)]
    elif into is not None:
        raise UsageError(f"{len(tables)} tables can't all go into the table {into}.",
                         hint=f"To put them into a schema of that name: --into {into}.*")
    else:
        refs = [TableRef(table.name) for table in tables]
    seen: dict[str, TableRef] = {}
    for ref in refs:
        twin = seen.setdefault(ref.key, ref)
        if twin is not ref:
            raise UsageError(f"{twin.name!r} and {ref.name!r} would be the same table here: upper and lower case "
                             "do not tell names apart.", hint="Load them one by one, each with --into.")
    return refs


def plan(table: SourceTable, ref: TableRef, mode: Mode, existing: TableInfo | None) -> TableLoad:
    """Raises UsageError for a view in the way, names that differ only in case, or columns that don't fit."""
    if existing is not None and existing.kind == "view":
        raise UsageError(f"{ref} is a view; a load fills tables.", hint="Give another name with --into.")
    _unique(table)
    if mode == "append" and existing is not None:
        return TableLoad(table, ref, "append", _appended(table, existing))
    columns = tuple(WriteColumn(c.name, c.type, c.expression) for c in table.columns)
    names = {column.name for column in table.columns}
    key = table.primary_key if set(table.primary_key) <= names else ()
    not_null = tuple(c.name for c in table.columns if not c.nullable and c.name not in key)
    return TableLoad(table, ref, "replace", columns, key, not_null)


def _unique(table: SourceTable) -> None:
    seen: dict[str, str] = {}
    for column in table.columns:
        twin = seen.setdefault(fold(column.name), column.name)
        if twin is not column.name:
            raise UsageError(
                f"{table.name} has columns {twin!r} and {column.name!r}: here upper and lower case do not "
                "tell names apart.", hint=f"Leave one out: --skip {column.name}")


def _appended(table: SourceTable, existing: TableInfo) -> tuple[WriteColumn, ...]:
    there = {fold(column.name): column for column in existing.columns}
    coming = {fold(column.name): column for column in table.columns}
    extra = [column.name for key, column in coming.items() if key not in there]
    missing = [column.name for key, column in there.items() if key not in coming]
    if extra or missing:
        parts = [f"the table has no column {', '.join(extra)}"] if extra else []
        parts += [f"the source has no column {', '.join(missing)}"] if missing else []
        close = nearest(missing[0], extra) if missing and extra else []
        hint = f"Is {close[0]} the same as {missing[0]}? Rename one of them." if close else (
            f"Leave it out with --skip {extra[0]}, or load with replace." if extra else "Load with replace.")
        raise UsageError(f"{table.name} can't be appended to the table {existing.ref}: {', and '.join(parts)}.",
                         hint=hint, unknown=extra, missing=missing)
    columns = []
    for key, column in coming.items():
        old = there[key]
        if column.type != old.type and old.type not in _WIDENS.get(column.type, ()):
            raise UsageError(
                f"{table.name}.{column.name} comes as {column.type}, but {existing.ref} holds it as {old.type}.",
                hint=f"Cast it at the source: --cast {column.name}=TYPE; or load with replace.", column=column.name)
        columns.append(WriteColumn(old.name, old.type, f"({column.expression})::{column.type}"))
    return tuple(columns)
