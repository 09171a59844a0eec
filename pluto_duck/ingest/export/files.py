"""CSV, TSV, JSON and Parquet: the host's DuckDB writes them, into a file that the caller made.

What a format can't hold exactly is cast before: Parquet would round HUGEINT to a double and cut INTERVAL to
milliseconds, JSON has no NaN and its readers round long decimals.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from pluto_duck.errors import HostLost, StatementError, TargetError
from pluto_duck.ingest.export.kinds import Kind
from pluto_duck.ingest.export.rows import Column, Rows, refuse
from pluto_duck.workspace import quote

TEXT = Kind("VARCHAR")
HUGE = Kind("DECIMAL", "38,0")

_PARQUET = {"HUGEINT": HUGE, "UHUGEINT": HUGE, "BIGNUM": TEXT, "TIME WITH TIME ZONE": TEXT, "INTERVAL": TEXT,
            "BIT": TEXT, "TIME_NS": TEXT}
EXACT_DIGITS = 15
"""What survives a reader that takes every number for a double."""


def write(rows: Rows, path: Path, format: str, *, compression: str, partition_by: Sequence[str] = (),
          notices: list[str]) -> int:
    """Fills a file, or with `partition_by` a folder; how many rows."""
    way = _parquet(rows, notices) if format == "parquet" else _json(rows, notices) if "json" in format else _as_it_is
    options = {"parquet": "FORMAT parquet", "json": "FORMAT json, ARRAY true", "ndjson": "FORMAT json",
               "csv": "FORMAT csv, HEADER true, DELIMITER ','",
               "tsv": "FORMAT csv, HEADER true, DELIMITER '\t'"}[format]
    options += f", COMPRESSION {'uncompressed' if format == 'parquet' and compression == 'none' else compression}"
    if partition_by:
        options += f", PARTITION_BY ({', '.join(map(quote, partition_by))}), OVERWRITE_OR_IGNORE true"
    else:
        # Not by a file of DuckDB's own: this one has the caller's owner and mode.
        options += ", USE_TMP_FILE false"
    into = str(path).replace("'", "''")
    return _copied(rows, f"COPY (\n{rows.written(way)}\n) TO '{into}' ({options})", path, bool(partition_by))


def _copied(rows: Rows, statement: str, path: Path, is_folder: bool) -> int:
    for last in (False, True):
        try:
            result = rows.session.query(statement, namespace=rows.namespace)
            break
        except HostLost:
            # Nothing was read yet by anybody: begun anew at the new host, in an empty file.
            if last or rows.session.in_transaction:
                raise
            _emptied(path)
        except StatementError as error:
            if "DECIMAL(38,0)" in error.message and not error.hint:
                error.hint = "Parquet's numbers have 38 digits: export that column as text, with --sql."
            raise
    count = result.affected_rows or 0
    if count and not (any(path.iterdir()) if is_folder else os.path.getsize(path)):
        raise TargetError(f"The process that hosts this workspace does not see the folder {path.parent}.",
                          hint="It may run in a container: name a folder that both can see.")
    return count


def _emptied(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
        path.mkdir()
    else:
        os.truncate(path, 0)


# -- what is cast ---------------------------------------------------------------------------------------


def _as_it_is(_column: Column) -> str | None:
    return None


def as_type(column: Column, wanted: Kind) -> str | None:
    return None if wanted == column.kind else f"CAST({column.sql} AS {wanted})"


def _parquet(rows: Rows, notices: list[str]) -> Callable[[Column], str | None]:
    refuse([column for column in rows.columns if column.kind.has("UNION")], "Parquet has no type for")

    def way(column: Column) -> str | None:
        wanted = column.kind.mapped(lambda kind: _PARQUET.get(kind.name, kind))
        if wanted != column.kind and column.kind.has(*(name for name, to in _PARQUET.items() if to is TEXT)):
            notices.append(f"{column.name} stands as text: Parquet has no exact place for {column.kind}.")
        return as_type(column, wanted)

    return way


def _json(rows: Rows, notices: list[str]) -> Callable[[Column], str | None]:
    def way(column: Column) -> str | None:
        if column.kind.has("DECIMAL") and _json_kind(column.kind) != column.kind:
            notices.append(f"{column.name} stands as text: most readers of JSON would round {column.kind}.")
        return json_expression(column.sql, column.kind)

    return way


def _json_kind(kind: Kind) -> Kind:
    return kind.mapped(lambda one: TEXT if one.name == "DECIMAL" and int(one.detail.split(",")[0]) > EXACT_DIGITS
                       else one)


def json_expression(value: str, kind: Kind) -> str | None:
    """SQL for a value that JSON can hold; None where DuckDB's own way is exact."""
    if not kind.has("FLOAT", "DOUBLE"):
        wanted = _json_kind(kind)
        return None if wanted == kind else f"CAST({value} AS {wanted})"
    if kind.name in ("FLOAT", "DOUBLE"):
        return (f"CASE WHEN system.main.isfinite({value}) OR {value} IS NULL THEN system.main.to_json({value}) "
                f"ELSE system.main.to_json(CAST({value} AS VARCHAR)) END")
    if kind.name in ("LIST", "ARRAY"):
        one = _variable(kind)
        return f"[{_inner(one, kind.item)} FOR {one} IN {value}]"
    if kind.name == "STRUCT" and all(name for name, _kind in kind.parts):
        fields = ", ".join(f"{quote(name)} := {_inner(f'({value}).{quote(name)}', part)}" for name, part in kind.parts)
        return f"CASE WHEN {value} IS NULL THEN NULL ELSE system.main.struct_pack({fields}) END"
    if kind.name == "MAP":
        one = _variable(kind)
        return (f"system.main.map(system.main.map_keys({value}), "
                f"[{_inner(one, kind.parts[1][1])} FOR {one} IN system.main.map_values({value})])")
    return f"CAST({value} AS VARCHAR)"


def _variable(kind: Kind) -> str:
    """A name for the elements; what stands inside has a shorter type and so another name."""
    return f"pluto_{len(str(kind))}"


def _inner(value: str, kind: Kind) -> str:
    return json_expression(value, kind) or value

