"""Out again: a table or a query as a file, a folder of partitions or a table of PostgreSQL; whole or not at all."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pluto_duck.errors import UsageError, unknown_name
from pluto_duck.ingest.export import place
from pluto_duck.ingest.export.rows import Rows, rows_of
from pluto_duck.ingest.options import Progress
from pluto_duck.session import Session, TableInfo
from pluto_duck.workspace.tableref import fold

Mode = Literal["create", "replace", "append"]
FORMATS = ("csv", "tsv", "json", "ndjson", "parquet", "xlsx", "arrow", "postgres")
_ENDINGS = {"csv": "csv", "tsv": "tsv", "tab": "tsv", "json": "json", "ndjson": "ndjson", "jsonl": "ndjson",
            "parquet": "parquet", "pq": "parquet", "xlsx": "xlsx", "arrow": "arrow", "feather": "arrow",
            "ipc": "arrow", "arrows": "arrow"}
_PACKED = {"gz": "gzip", "zst": "zstd"}
_COMPRESSIONS: dict[str, tuple[str, ...]] = {
    "csv": ("none", "gzip", "zstd"), "tsv": ("none", "gzip", "zstd"), "json": ("none", "gzip", "zstd"),
    "ndjson": ("none", "gzip", "zstd"), "parquet": ("zstd", "snappy", "gzip", "none"), "xlsx": ("none",),
    "arrow": ("none", "zstd", "lz4"), "postgres": ("none",)}
"""Of each format, the usual one first."""


@dataclass(frozen=True)
class ExportReport:
    source: str
    target: str
    """Without any secret."""
    format: str
    row_count: int
    bytes: int
    """Of the files; 0 for a table of a database."""
    elapsed_s: float
    notices: tuple[str, ...] = ()
    """What the reader of the export must know: columns that stand as text."""


def export(
    session: Session, what: str, target: str | Path, *, format: str | None = None, query: bool | None = None,
    partition_by: Sequence[str] = (), compression: str | None = None, overwrite: bool = False,
    into: str | None = None, mode: Mode = "create", namespace: Mapping[str, Any] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> ExportReport:
    """Writes the rows of a table or SELECT to a file, a folder of partitions or a table of PostgreSQL.

    `target`: a path, relative to the caller, or an address (`postgresql://`, `env:NAME`). `format`: else told by
    the ending. `query`: says whether `what` is SQL, where it could be either. `into`, `mode`: the table of a
    database. An existing target is refused unless `overwrite` (files) or `mode` (tables) says otherwise. Whatever
    is raised, Ctrl-C included, the target is as it was.
    """
    started, notices = time.perf_counter(), list[str]()
    kind, packing = _format(str(target), format)
    packing = _compression(kind, compression or packing)
    if kind != "postgres" and (into is not None or mode != "create"):
        raise UsageError("--into and --mode are for the tables of a database.", hint="For files there is --overwrite.")
    rows = rows_of(session, what, namespace, query=query)
    keys = _partitions(rows, kind, partition_by)

    def on_rows(count: int) -> None:
        if on_progress is not None:
            on_progress(Progress(rows.name, count))

    if kind == "postgres":
        shown, count = _to_postgres(rows, str(target), into, mode, on_rows)
        size = 0
    else:
        shown = os.path.abspath(os.path.expanduser(str(target)))
        count, size = _to_files(rows, Path(shown), kind, packing, keys, overwrite, notices, on_rows)
    return ExportReport(rows.name, shown, kind, count, size, time.perf_counter() - started, tuple(notices))


def _to_files(rows: Rows, target: Path, kind: str, packing: str, keys: Sequence[str], overwrite: bool,
              notices: list[str], on_rows: Callable[[int], None]) -> tuple[int, int]:
    from pluto_duck.ingest.export import arrow, excel, files

    workspace = rows.session.workspace
    if keys:
        ending = f".{kind}" + {"gzip": ".gz", "zstd": ".zst"}.get(packing if kind != "parquet" else "", "")
        with place.new_folder(workspace, target, overwrite=overwrite, endings=(f".{kind}", ending)) as path:
            count = files.write(rows, path, kind, compression=packing, partition_by=keys, notices=notices)
            size = sum(one.stat().st_size for one in path.rglob("*") if one.is_file())
        return count, size
    with place.new_file(workspace, target, overwrite=overwrite) as path:
        if kind == "xlsx":
            count = excel.write(rows, path, notices=notices, on_rows=on_rows)
        elif kind == "arrow":
            count = arrow.write(rows, path, stream=target.suffix == ".arrows", compression=packing, notices=notices,
                                on_rows=on_rows)
        else:
            count = files.write(rows, path, kind, compression=packing, notices=notices)
        size = path.stat().st_size
    return count, size


def _to_postgres(rows: Rows, uri: str, into: str | None, mode: Mode, on_rows: Callable[[int], None]) -> tuple[str, int]:
    from pluto_duck.ingest.connections_address import as_libpq
    from pluto_duck.ingest.connectors.postgres_address import Address
    from pluto_duck.ingest.export import postgres
    from pluto_duck.ingest.sources import from_environment

    if into is None and rows.ref is None:
        raise UsageError("A query has no name: say which table it goes into.", hint="--into NAME")
    address = Address(as_libpq(from_environment(uri)))
    # One schema here is not one there: a table lands where the connection points, unless --into says.
    name = into or _quoted(rows)
    count = postgres.write(rows, address, name, mode=mode, table=_table(rows), on_rows=on_rows)
    return f"{uri if uri.startswith('env:') else address.shown}, table {into or name}", count


def _quoted(rows: Rows) -> str:
    from pluto_duck.workspace import quote

    assert rows.ref is not None
    return quote(rows.ref.name)


def _table(rows: Rows) -> TableInfo | None:
    if rows.ref is None:
        return None
    return next((one for one in rows.session.tables() if one.ref.key == rows.ref.key and one.kind == "table"), None)


def _format(target: str, format: str | None) -> tuple[str, str | None]:
    """(the format, how the ending says it is packed)"""
    if format is not None and format not in FORMATS:
        raise unknown_name("format", format, FORMATS)
    if format == "postgres" or (format is None and target.startswith(("postgresql://", "postgres://", "env:",
                                                                      "PGSERVICE="))):
        return "postgres", None
    if "://" in target:
        raise UsageError("Files are written to this machine's disks only.", hint="Write it here, then copy it there.")
    endings = Path(target).name.lower().split(".")[1:]
    packing = _PACKED.get(endings[-1]) if endings else None
    ending = endings[-2] if packing and len(endings) > 1 else endings[-1] if endings else ""
    found = format or _ENDINGS.get(ending)
    if found is None:
        raise UsageError(f"The name {Path(target).name} does not tell the format.",
                         hint=f"--format {'|'.join(FORMATS)}")
    return found, packing


def _compression(format: str, wanted: str | None) -> str:
    can = _COMPRESSIONS[format]
    if wanted is None:
        return can[0]
    if wanted not in can:
        raise UsageError(f"{format} is not compressed with {wanted} here.", hint=f"One of: {', '.join(can)}.")
    return wanted


def _partitions(rows: Rows, format: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    if format not in ("csv", "tsv", "json", "ndjson", "parquet"):
        raise UsageError(f"{format} has no partitions.", hint="Use parquet or csv.")
    there = {fold(column.name): column.name for column in rows.columns}
    for name in names:
        if fold(name) not in there:
            raise unknown_name("column", name, there.values(), where=rows.name)
    found = [there[fold(name)] for name in names]
    if len(set(found)) == len(rows.columns):
        raise UsageError("No column would be left in the files.", hint="Partition by fewer.")
    return found


__all__ = ["FORMATS", "ExportReport", "export"]
