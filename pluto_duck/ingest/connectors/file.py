"""Files: csv, tsv, json, ndjson, parquet and sheets; one file, a folder, a glob or an address of the web.

Each file is a table of its own, or all of them one (option union). The host's DuckDB reads them itself;
`read` runs the same SQL in a private one.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pluto_duck.errors import Cancelled, PlutoError, SourceError, UsageError, nearest, unknown_name
from pluto_duck.ingest.connectors import EVERYTHING, NativeScan, Selection, SourceColumn, SourceTable
from pluto_duck.ingest.connectors.csv_dialect import MAX_COLUMNS
from pluto_duck.ingest.connectors.file_csv import CsvReading
from pluto_duck.ingest.connectors.file_excel import ExcelReading
from pluto_duck.ingest.connectors.file_formats import table_name
from pluto_duck.ingest.connectors.file_json import JsonReading
from pluto_duck.ingest.connectors.file_parquet import ParquetReading
from pluto_duck.ingest.connectors.file_places import files_at, format_at
from pluto_duck.ingest.connectors.file_reading import (
    FileColumn,
    Files,
    Reading,
    Stamp,
    engine_errors,
    readable,
    stamp,
    type_text,
    words_of,
)
from pluto_duck.ingest.connectors.remote import RemoteFiles, is_remote
from pluto_duck.session import NativeSource

__all__ = ["FileConnector", "table_name"]

BATCH_ROWS = 65_536
OPTIONS = {
    "csv": ("delimiter", "quote", "escape", "header", "skip", "comment", "null", "encoding", "decimal", "thousands",
            "dateformat", "sample", "rejects"),
    "json": ("dateformat",), "parquet": ("hive",), "excel": ("sheet", "range", "header", "skip"),
    "": ("union", "filename", "format", "name", "endpoint", "region"),
}
_READINGS: dict[str, Any] = {"csv": CsvReading, "json": JsonReading, "parquet": ParquetReading, "excel": ExcelReading}


class FileConnector:
    kind = "file"
    selects: frozenset[str] = frozenset()

    def __init__(self, uri: str) -> None:
        self._remote = RemoteFiles(uri) if is_remote(uri) else None
        self._pattern = os.path.expanduser(uri.removeprefix("file://"))
        if not self._pattern:
            raise UsageError("The path is empty.")
        self.source = self._remote.shown if self._remote else os.path.abspath(self._pattern)
        self._options: dict[str, str] = {}
        self._connection: Any = None
        self._cursors: set[Any] = set()
        self._folder: Path | None = None
        self._paths: list[Path] = []
        self._readings: dict[str, Reading] = {}
        self._files: dict[str, Files] = {}
        self._stamps: dict[Path, Stamp] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"FileConnector({self.source})"

    @classmethod
    def accepts(cls, uri: str) -> bool:
        if is_remote(uri) or uri.startswith("file://") or os.path.exists(os.path.expanduser(uri)):
            return True
        return "://" not in uri and not re.match(r"\s*\w+\s*=", uri)

    def configure(self, options: Mapping[str, str]) -> None:
        known = sorted({one for names in OPTIONS.values() for one in names})
        for name in options:
            if name not in known:
                close = nearest(name, known)
                raise UsageError(f"There is no option {name} for files.",
                                 hint=f"Did you mean {close[0]}?" if close else f"There are: {', '.join(known)}.")
        self._options = {**self._options, **options}

    @property
    def many(self) -> bool:
        """True for a folder or a glob, whose files could be one table."""
        return self._remote.many if self._remote else not os.path.isfile(self._pattern)

    def __enter__(self) -> Self:
        from pluto_duck.workspace.database import open_memory

        self._connection = open_memory(["SET TimeZone = 'UTC'"])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._connection is not None:
            with suppress(Exception):
                self._connection.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def check(self) -> str:
        paths = self._found()
        size = sum(stamp(path)[0] for path in paths)
        return f"{len(paths)} file{'s' if len(paths) != 1 else ''}, {size:,} bytes"

    def interrupt(self) -> None:
        if self._remote is not None:
            self._remote.stop()
        for cursor in [self._connection, *list(self._cursors)]:
            if cursor is not None:
                with suppress(Exception):
                    cursor.interrupt()

    def twin(self) -> Self | None:
        return None

    def state(self) -> Mapping[str, Any]:
        return {str(path): list(one) for path, one in self._stamps.items()} if self._remote is None \
            else self._remote.state()

    # -- what is there ----------------------------------------------------------------------------

    def discover(self, tables: Sequence[str] | None = None, *, schema: str | None = None,
                 query: str | None = None) -> list[SourceTable]:
        if schema is not None:
            raise UsageError("Files have no schemas.", hint="Leave --schema out.")
        if query is not None:
            raise UsageError("Files answer no query.", hint="Load them, then ask in SQL; or use --where.")
        known = self._named()
        names = list(known) if tables is None else _picked(tables, known, self.source)
        if len(names) == 1:
            return [self._table(names[0], known[names[0]])]
        found = [self._table_or_problem(name, known[name]) for name in names]
        if all(one.problem for one in found):
            raise found[0].problem or AssertionError
        return found

    def _table_or_problem(self, name: str, files: Files) -> SourceTable:
        """One broken file keeps no other from being loaded."""
        try:
            return self._table(name, files)
        except SourceError as error:
            return SourceTable(name, "", (), kind="file", problem=error)

    def _named(self) -> dict[str, Files]:
        paths = self._found()
        if self._options.get("union", "false").lower() in ("true", "by_name") and self.many:
            formats = {format_at(path, self._options) for path in paths}
            if len(formats) > 1:
                raise UsageError(f"Files of {' and '.join(sorted(formats))} can't be one table.",
                                 hint="Name one kind: 'folder/*.csv'")
            stem = os.path.basename(os.path.normpath(re.sub(r"[*?\[\]]+", "", self._pattern))) or "files"
            name = self._options.get("name") or table_name(Path(stem)).strip("._- ") or "files"
            return {name: Files(name, tuple(paths), formats.pop(), self.source, self._options)}
        found: dict[str, Files] = {}
        for path in paths:
            format = format_at(path, self._options)
            shown = self.source if self._remote else str(path)
            inside, problem = [(table_name(path), self._options)], None
            if format == "excel":
                try:
                    inside = ExcelReading.tables(path, self._options, alone=len(paths) == 1)
                except SourceError as error:
                    if len(paths) == 1:
                        raise
                    problem = error
            for name, options in inside:
                if name in found:
                    raise UsageError(f"{found[name].paths[0].name} and {path.name} would be the same table {name!r}.",
                                     hint="Load them one by one, each with --into.")
                found[name] = Files(name, (path,), format, shown, dict(options), problem)
        return found

    def _found(self) -> list[Path]:
        if not self._paths:
            if self._remote is not None:
                self._paths = self._remote.fetched(self._temporary(), self._options)
            else:
                deep = self._options.get("union") is not None or self._options.get("hive") is not None
                self._paths = [Path(os.path.abspath(one)) for one in files_at(self._pattern, deep=deep)]
        return self._paths

    def _temporary(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="pluto-duck-"))
        return self._folder

    def _table(self, name: str, files: Files) -> SourceTable:
        if files.problem is not None:
            raise files.problem
        with self._lock:
            for path in files.paths:
                self._stamps.setdefault(path, stamp(path))
                _inspect(path, files)
            reading = self._readings.get(name)
            if reading is None:
                reading = self._readings[name] = _READINGS[files.format](files, self._temporary())
                self._files[name] = files
            with self._working(name) as cursor:
                columns = reading.describe(cursor)
        if len(columns) > MAX_COLUMNS:
            raise SourceError(f"{files.shown} has {len(columns):,} columns; at most {MAX_COLUMNS:,} can be read.",
                              hint="Take some of them with DuckDB: COPY (SELECT ... FROM 'FILE') TO 'SMALLER.parquet'")
        numbered = tuple(replace(one, expression=one.expression.format(f"c{i}")) for i, one in enumerate(columns))
        size = sum(self._stamps[path][0] for path in files.paths)
        return SourceTable(name, "", numbered, kind="file", size_bytes=size, note=reading.note)

    def cast(self, table: SourceTable, column: SourceColumn, to: str) -> SourceColumn:
        assert isinstance(column, FileColumn)
        try:
            with engine_errors():
                kind = str(self._connection.cursor().sql(f"SELECT NULL::{type_text(to)} AS x").types[0])
        except PlutoError as error:
            raise UsageError(f"{to!r} is not the name of a DuckDB type.",
                             hint=f"For example --cast {column.name}=VARCHAR") from error
        made = self._readings[table.name].cast(column, kind)
        place = re.match(r"c\d+", column.expression)
        return replace(made, expression=made.expression.format(place[0] if place else "c0"),
                       source_type=f"{column.source_type} as {kind}")

    # -- rows -------------------------------------------------------------------------------------

    def read(self, table: SourceTable, selection: Selection = EVERYTHING) -> Any:
        import pyarrow

        for column in table.columns:
            assert isinstance(column, FileColumn)
        cursor = self._connection.cursor()
        self._cursors.add(cursor)
        with self._translated(table.name, table):
            reader = cursor.sql(self._select(table, cursor, stream=True)).to_arrow_reader(BATCH_ROWS)
        return pyarrow.RecordBatchReader.from_batches(reader.schema, self._batches(table, reader, cursor))

    def _batches(self, table: SourceTable, reader: Any, cursor: Any) -> Iterator[Any]:
        try:
            with self._translated(table.name, table):
                yield from reader
            self.finish(table)
        finally:
            self._cursors.discard(cursor)
            with suppress(Exception):
                cursor.close()

    def _select(self, table: SourceTable, cursor: Any, *, stream: bool) -> str:
        columns = [one for one in table.columns if isinstance(one, FileColumn)]
        picks = []
        for column in columns:
            place = re.match(r"c\d+", column.expression)
            assert place is not None
            picks.append(f"{(column.stream if stream else '') or column.select} AS {place[0]}")
        return f"SELECT {', '.join(picks)} FROM {self._readings[table.name].source(cursor, columns)}"

    def native(self, name: str | None = None) -> NativeSource | None:
        return NativeSource()

    def scan(self, table: SourceTable, selection: Selection = EVERYTHING) -> NativeScan | None:
        if self._files[table.name].format == "excel":
            return None
        with self._working(table.name) as cursor, self._translated(table.name, table):
            sql = self._select(table, cursor, stream=False)
            columns = [one for one in table.columns if isinstance(one, FileColumn)]
            rejects = self._readings[table.name].rejects(cursor, columns)
        places = [re.match(r"c\d+", one.expression) for one in table.columns]
        return NativeScan(sql, tuple(one[0] for one in places if one), rejects=rejects)

    def rejects(self, table: SourceTable) -> Any | None:
        columns = [one for one in table.columns if isinstance(one, FileColumn)]
        cursor = self._connection.cursor()
        with self._translated(table.name, table):
            sql = self._readings[table.name].rejects(cursor, columns)
            rows = cursor.sql(sql).to_arrow_table() if sql else None
        return rows.to_reader() if rows is not None and rows.num_rows else None

    def finish(self, table: SourceTable) -> None:
        """After the last row, before it counts: raises SourceError when a file changed meanwhile."""
        for path in self._files[table.name].paths:
            if stamp(path) != self._stamps.get(path):
                raise SourceError(f"{path} changed while it was read.", hint="Run it again.")

    # -- errors -----------------------------------------------------------------------------------

    def explained(self, error: PlutoError, table: SourceTable) -> PlutoError:
        if isinstance(error, (SourceError, Cancelled)) or table.name not in self._readings:
            return error
        said = words_of(error)
        if not re.search(r"pluto-duck: a value|CSV|csv|JSON|Parquet|parquet|file|convert|parse|gzip|zstd|GZIP|ZSTD|"
                         r"No magic|unicode|UTF", said):
            return error
        return self._told(table.name, said)

    def _told(self, name: str, said: str) -> SourceError:
        """What is wrong; or, where wider types hold all values, that it should be tried again."""
        reading, files = self._readings[name], self._files[name]
        for path in files.paths:
            with readable(path):
                if stamp(path) != self._stamps.get(path):
                    return SourceError(f"{path} changed while it was read.", hint="Run it again.")
        with self._working(name) as cursor:
            try:
                changed = reading.settle(cursor, said)
            except PlutoError as error:
                if isinstance(error, Cancelled):
                    raise
                changed, said = False, words_of(error)
            if changed:
                return SourceError(f"{files.shown}: values after the first rows need other types, which are known now.",
                                   hint="Run it again.", again=True)
            return reading.problem(cursor, said)

    @contextmanager
    def _working(self, name: str) -> Iterator[Any]:
        """A cursor for a piece of work that `interrupt` reaches."""
        cursor = self._connection.cursor()
        self._cursors.add(cursor)
        try:
            with self._plain(name):
                yield cursor
        finally:
            self._cursors.discard(cursor)
            with suppress(Exception):
                cursor.close()

    @contextmanager
    def _plain(self, name: str) -> Iterator[None]:
        try:
            with engine_errors():
                yield
        except (SourceError, UsageError, Cancelled) as error:
            if type(error).__name__ == "StatementError":
                raise self._problem(name, error) from error
            raise
        except (PlutoError, OSError, ValueError, EOFError) as error:
            raise self._problem(name, error) from error

    def _problem(self, name: str, error: BaseException) -> SourceError:
        cursor = self._connection.cursor()
        try:
            return self._readings[name].problem(cursor, words_of(error))
        finally:
            cursor.close()

    @contextmanager
    def _translated(self, name: str, table: SourceTable) -> Iterator[None]:
        """DuckDB's errors while rows are read, and those that come through Arrow."""
        try:
            with engine_errors():
                yield
        except (PlutoError, OSError, ValueError) as error:
            if isinstance(error, (SourceError, Cancelled)):
                raise
            raise self._told(name, words_of(error)) from error


def _inspect(path: Path, files: Files) -> None:
    with readable(path), open(path, "rb") as file:
        start = file.read(256)
    if not start:
        raise SourceError(f"{files.shown} is empty.", hint="Was it written to the end?")
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise SourceError(f"{files.shown} is a web page, not {files.format}.",
                          hint="Was a login page downloaded in its place?")
    if files.format in ("csv", "json") and start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"PAR1")):
        raise SourceError(f"{files.shown} is not {files.format}: it begins like a "
                          f"{'parquet file' if start[:4] == b'PAR1' else 'spreadsheet or an archive'}.",
                          hint="Say what it is: --option format=excel" if start[:2] == b"PK" else "")
    if files.format in ("csv", "json") and start.startswith(b"\x1f\x8b") and path.suffix.lower() != ".gz":
        raise SourceError(f"{files.shown} is packed, but its name does not say so.", hint="Rename it to end in .gz")


def _picked(names: Sequence[str], known: Mapping[str, Files], where: str) -> list[str]:
    picked: dict[str, None] = {}
    for name in names:
        matched = [name] if name in known else [one for one in known if fnmatchcase(one, name)]
        if not matched:
            error = unknown_name("table", name, known, where=where)
            if len(known) == 1 and not error.facts.get("nearest"):  # who means the table here, not the one there
                error.hint += f" To load it into a table {name}: --into {name}"
            raise error
        picked.update(dict.fromkeys(matched))
    return list(picked)

