"""What a load will do, decided before the first row moves: which table goes where, which columns, how."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Literal

from pluto_duck.errors import ColumnRefused, UsageError, unknown_name
from pluto_duck.ingest.connectors import Connector, SourceColumn, SourceTable
from pluto_duck.ingest.drift import fit
from pluto_duck.ingest.options import LoadOptions, Mode
from pluto_duck.session import Session, TableInfo, WriteColumn
from pluto_duck.workspace import TableRef
from pluto_duck.workspace.tableref import fold

Action = Literal["create", "replace", "append", "merge", "scd2"]

SCD2 = ("valid_from", "valid_to", "is_current")
"""What scd2 adds: when a version of a row was first seen, when it was seen to have changed, whether it is the last."""


@dataclass(frozen=True)
class LoadColumn:
    """A column of the target, and where it comes from."""

    name: str
    type: str
    """As the target has it once it has been altered."""
    place: int
    """In `SourceTable.columns`."""
    nullable: bool = True
    default: str = ""

    def written(self, table: SourceTable, expression: str) -> WriteColumn:
        """With the SQL that reads it: what the stream's column or the host's scan calls it."""
        comes = table.columns[self.place].type
        expression = expression if comes == self.type else f"CAST({expression} AS {comes})"
        return WriteColumn(self.name, self.type, expression, self.nullable, self.default)


@dataclass(frozen=True)
class TableLoad:
    """One source table on its way into one table of the workspace."""

    table: SourceTable
    ref: TableRef
    mode: Mode
    action: Action
    columns: tuple[LoadColumn, ...]
    key: tuple[str, ...] = ()
    """As the target names them: what tells rows apart."""
    primary_key: tuple[str, ...] = ()
    """Added once the rows are there."""
    alters: tuple[str, ...] = ()
    remake: Mapping[str, str] | None = None
    said: tuple[str, ...] = ()
    existing: TableInfo | None = None


def choose(connector: Connector, tables: Sequence[SourceTable], skip: Iterable[str],
           cast: Mapping[str, str], *, partial: bool = False) -> list[SourceTable]:
    """The tables with the skipped columns gone and the cast ones changed; those that can't be carried stay.

    `skip` and `cast` name a column of any table or `table.column`; a name that means none is an error, unless
    these are only some of the tables (`partial`).
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
        chosen.append(replace(table, columns=tuple(columns)))
    if unused and not partial:
        known = {one.name for table in tables for one in table.columns}
        raise unknown_name("column", min(unused), known, where=connector.source)
    return chosen


def without(tables: Sequence[SourceTable], exclude: Sequence[str]) -> list[SourceTable]:
    """Those that no name or glob of `exclude` means; a pattern that means none is an error."""
    for pattern in exclude:
        if not any(_named(table, pattern) for table in tables):
            raise unknown_name("table", pattern, [table.name for table in tables])
    left = [table for table in tables if not any(_named(table, pattern) for pattern in exclude)]
    if not left:
        raise UsageError("Every table of the source is left out.", hint="Exclude fewer.")
    return left


def _named(table: SourceTable, pattern: str) -> bool:
    return fnmatchcase(table.name, pattern) or fnmatchcase(f"{table.schema}.{table.name}", pattern)


def refuse_columns(table: SourceTable, *, several: bool) -> None:
    """Raises ColumnRefused, naming every column that is left and can't be carried; or the table's own problem."""
    if table.problem is not None:
        raise table.problem
    if not table.columns:
        raise UsageError(f"Nothing is left of the table {table.name}: it has no columns to load.")
    refused = [column for column in table.columns if column.refusal]
    if not refused:
        return

    def name(column: SourceColumn) -> str:
        return f"{table.name}.{column.name}" if several else column.name

    lines = [f"{name(column)} {column.refusal}" for column in refused]
    ways = [f"--cast {name(c)}={c.cast_to} or --skip {name(c)}" if c.cast_to else f"--skip {name(c)}"
            for c in refused[:3]]
    raise ColumnRefused("Not loaded, because it could not be carried over exactly: " + "; ".join(lines) + ".",
                        hint="Choose: " + "; ".join(ways), columns=[name(column) for column in refused])


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


def plan(table: SourceTable, ref: TableRef, options: LoadOptions, existing: TableInfo | None) -> TableLoad:
    """Raises UsageError for a view in the way, names that differ only in case, a merge without a key, or
    columns that don't fit."""
    if existing is not None and existing.kind != "table":
        raise UsageError(f"{ref} is a {existing.kind}; a load fills tables.", hint="Give another name with --into.")
    if ref.key.startswith("_pluto."):
        raise UsageError("The schema _pluto keeps this workspace's own records.", hint="Choose another with --into.")
    _unique(table)
    mode = options.mode
    key = _key(table, options) if mode in ("merge", "scd2") else ()
    if mode == "scd2":
        _no_history_columns(table)
    if existing is None or mode == "replace":
        return _anew(table, ref, mode, key, existing)
    own = SCD2 if mode == "scd2" else ()
    missing = [name for name in own if name not in {fold(column.name) for column in existing.columns}]
    if missing:
        raise UsageError(f"{ref} is there already and has no column {', '.join(missing)}: it holds no history.",
                         hint="Give the history another name with --into, or drop the table first.")
    fitted = fit(table, existing, options.columns, own=own)
    places = {fold(column.name): place for place, column in enumerate(table.columns)}
    names = {fold(name): name for name, _kind in fitted.columns}
    columns = tuple(LoadColumn(name, kind, places[fold(name)]) for name, kind in fitted.columns)
    return TableLoad(table, ref, mode, mode, columns, tuple(names[fold(one)] for one in key),
                     alters=tuple(fitted.alters), remake=fitted.remake, said=tuple(fitted.said), existing=existing)


def _anew(table: SourceTable, ref: TableRef, mode: Mode, key: tuple[str, ...], existing: TableInfo | None) -> TableLoad:
    names = {column.name for column in table.columns}
    primary = table.primary_key if set(table.primary_key) <= names else ()
    if mode == "merge":
        primary = key
    if mode == "scd2":
        primary = ()  # each row may have many versions
    columns = tuple(LoadColumn(c.name, c.type, place, c.nullable or c.name in primary, c.default)
                    for place, c in enumerate(table.columns))
    return TableLoad(table, ref, mode, "create" if existing is None else "replace", columns, key, primary,
                     existing=existing)


def _key(table: SourceTable, options: LoadOptions) -> tuple[str, ...]:
    names = {fold(column.name): column.name for column in table.columns}
    for one in options.key:
        if fold(one) not in names:
            raise unknown_name("column", one, names.values(), where=table.name)
    key = tuple(names[fold(one)] for one in options.key) or table.primary_key
    if not key:
        raise UsageError(f"{table.name} has no primary key, so {options.mode} can't tell which rows are the same.",
                         hint=f"Name the columns that tell rows apart: --key {table.columns[0].name}; or load with "
                              "--mode replace.", table=table.name)
    left = set(key) - set(names.values())
    if left:
        raise UsageError(f"{options.mode} needs the key of {table.name}, but {', '.join(sorted(left))} is left out.",
                         hint="Do not skip it, or name another with --key.")
    return key


def _no_history_columns(table: SourceTable) -> None:
    taken = [column.name for column in table.columns if fold(column.name) in SCD2]
    if taken:
        raise UsageError(f"{table.name} has a column {taken[0]} of its own, which scd2 would add.",
                         hint=f"Leave it out: --skip {taken[0]}; or load a --query that renames it.")


_written: dict[str, str] = {}
"""A connector's type text -> DuckDB's own, of which there are few."""


def canonical(session: Session, tables: Sequence[SourceTable]) -> list[SourceTable]:
    """With the types as DuckDB itself writes them: a connector's TIMESTAMPTZ is its TIMESTAMP WITH TIME ZONE."""
    kinds = sorted({column.type for table in tables for column in table.columns if column.type})
    if not kinds:
        return list(tables)
    new = [kind for kind in kinds if kind not in _written]
    if new:
        texts = session.internal(["SELECT " + ", ".join(f"typeof(CAST(NULL AS {kind}))" for kind in new)])[0][0]
        _written.update(zip(new, texts, strict=True))
    return [replace(table, columns=tuple(replace(column, type=_written.get(column.type, ""))
                                         for column in table.columns)) for table in tables]


def _unique(table: SourceTable) -> None:
    seen: dict[str, str] = {}
    for column in table.columns:
        twin = seen.setdefault(fold(column.name), column.name)
        if twin is not column.name:
            raise UsageError(
                f"{table.name} has columns {twin!r} and {column.name!r}: here upper and lower case do not "
                "tell names apart.", hint=f"Leave one out: --skip {column.name}")
