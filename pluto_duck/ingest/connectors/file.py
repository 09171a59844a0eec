"""Files: csv, tsv, parquet, json and ndjson; one file, a folder or a glob, each file a table of its own.

A private in-memory DuckDB reads them. The dialect of a csv is fixed here and not left to its sniffer,
which would rather take a ragged file for one with a single column than say which line is wrong.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pluto_duck.errors import PlutoError, SourceError, UnknownName, UsageError, nearest, unknown_name
from pluto_duck.ingest.connectors import EVERYTHING, NativeScan, Selection, SourceColumn, SourceTable
from pluto_duck.ingest.connectors.csv_dialect import CsvDialect, csv_problem
from pluto_duck.session import NativeSource
from pluto_duck.workspace import quote

FORMATS = {
    ".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".pq": "parquet",
    ".json": "json", ".ndjson": "json", ".jsonl": "json",
}
_PACKED = (".gz", ".zst")
BATCH_ROWS = 65_536

# DuckDB writes these to Arrow with a loss (TIMETZ without its offset, HUGEINT as a double): they travel as text.
_AS_TEXT = re.compile(r"TIME WITH TIME ZONE|U?HUGEINT|BIGNUM|BIT")
_LOSSY = re.compile(r"\b(TIME WITH TIME ZONE|U?HUGEINT|BIGNUM|BIT|UNION|VARIANT|GEOMETRY)\b")


@dataclass(frozen=True)
class FileColumn(SourceColumn):
    select: str = ""
    """SQL that the reading DuckDB evaluates."""


@dataclass(frozen=True)
class _File:
    path: Path
    format: str
    stamp: tuple[int, int]
    """Size and time of change when it was discovered."""


class FileConnector:
    kind = "file"
    selects: frozenset[str] = frozenset()

    def __init__(self, uri: str) -> None:
        self._pattern = os.path.expanduser(uri.removeprefix("file://"))
        if not self._pattern:
            raise UsageError("The path is empty.")
        self.source = os.path.abspath(self._pattern)
        self._connection: Any = None
        self._files: dict[str, _File] = {}
        self._types: dict[tuple[str, str], str] = {}
        """What a csv's column is read as instead of what it looks like, by (table, column)."""

    def __repr__(self) -> str:
        return f"FileConnector({self.source})"

    @classmethod
    def accepts(cls, uri: str) -> bool:
        if uri.startswith("file://") or os.path.exists(os.path.expanduser(uri)):
            return True
        return "://" not in uri and not re.match(r"\s*\w+\s*=", uri)

    def __enter__(self) -> Self:
        from pluto_duck.workspace.database import open_memory

        self._connection = open_memory(["SET TimeZone = 'UTC'"])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._connection is not None:
            with suppress(Exception):
                self._connection.close()

    def check(self) -> str:
        paths = self._paths()
        return f"{len(paths)} file{'s' if len(paths) != 1 else ''}, {sum(p.stat().st_size for p in paths):,} bytes"

    def configure(self, options: Mapping[str, str]) -> None:
        if options:
            raise UsageError(f"There is no option {min(options)} for this source.", hint="It has none.")

    def rejects(self, table: SourceTable) -> Any | None:
        return None

    def native(self, name: str | None = None) -> NativeSource | None:
        return None

    def scan(self, table: SourceTable, selection: Selection = EVERYTHING) -> NativeScan | None:
        return None

    def explained(self, error: PlutoError, table: SourceTable) -> PlutoError:
        return error

    def twin(self) -> Self | None:
        return None

    def interrupt(self) -> None:
        if self._connection is not None:
            self._connection.interrupt()

    def state(self) -> Mapping[str, Any]:
        return {str(one.path): list(one.stamp) for one in self._files.values()}

    # -- what is there ----------------------------------------------------------------------------

    def discover(self, tables: Sequence[str] | None = None, *, schema: str | None = None,
                 query: str | None = None) -> list[SourceTable]:
        if schema is not None:
            raise UsageError("Files have no schemas.", hint="Leave --schema out.")
        by_name: dict[str, Path] = {}
        for path in self._paths():
            name = table_name(path)
            if name in by_name:
                raise UsageError(f"{by_name[name].name} and {path.name} would be the same table {name!r}.",
                                 hint="Load them one by one, each with --into.")
            by_name[name] = path
        names = list(by_name) if tables is None else _picked(tables, by_name, self.source)
        return [self._table(name, by_name[name]) for name in names]

    def _paths(self) -> list[Path]:
        """The files that the address means, sorted; raises UnknownName when there are none."""
        path = Path(self._pattern)
        if path.is_file():
            return [path]
        if path.is_dir():
            found = sorted(one for one in path.iterdir() if one.is_file() and _format(one))
            if not found:
                raise SourceError(f"The folder {path} holds no file that can be loaded.",
                                  hint=f"Files end in {', '.join(FORMATS)}.")
            return found
        found = sorted(Path(one) for one in glob.glob(self._pattern, recursive=True) if os.path.isfile(one))
        if found:
            return found
        folder = path.parent
        while not folder.is_dir():
            path, folder = folder, folder.parent
        there = sorted(one.name for one in folder.iterdir())
        if glob.has_magic(path.name):
            raise UnknownName(f"No file fits {self._pattern}.", hint=_files_of(there), kind="file", name=self._pattern)
        # By the name before the ending: every csv looks like every other by its last four letters.
        near = [one for one in there if nearest(path.stem, [Path(one).stem])]
        error = unknown_name("file" if str(path) == self._pattern else "folder", path.name, near,
                             where=str(folder.absolute()))
        error.hint = error.hint or _files_of(there)
        raise error

    def _table(self, name: str, path: Path) -> SourceTable:
        format = _format(path)
        if not format:
            raise UsageError(f"{path.name} is of no kind that can be loaded.",
                             hint=f"Files end in {', '.join(FORMATS)}, also packed as .gz or .zst.")
        with _readable(path):
            status = path.stat()
            with open(path, "rb") as file:
                start = file.read(256)
        if not start:
            raise SourceError(f"{path} is empty.", hint="Was it written to the end?")
        if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
            raise SourceError(f"{path} is a web page, not {format}.",
                              hint="Was a login page downloaded in its place?")
        self._files[name] = _File(path, format, (status.st_size, status.st_mtime_ns))
        with self._translated(name):
            rows = self._connection.execute(f"DESCRIBE FROM {self._function(name)}").fetchall()
        return SourceTable(name, "", tuple(_column(f"c{i}", row[0], row[1]) for i, row in enumerate(rows)))

    def cast(self, table: SourceTable, column: SourceColumn, to: str) -> SourceColumn:
        assert isinstance(column, FileColumn)
        from pluto_duck.workspace.engine_errors import translated

        try:
            with translated():
                kind = self._connection.sql(f"SELECT NULL::{_type_text(to)} AS x").types[0]
        except PlutoError as error:
            raise UsageError(f"{to!r} is not the name of a DuckDB type.",
                             hint=f"For example --cast {column.name}=VARCHAR") from error
        if self._files[table.name].format == "csv":
            # Read as that type from the start: the text 007 must not become 7 on the way to text.
            self._types[table.name, column.name] = str(kind)
        incoming = column.expression.split("::")[0]
        return replace(_column(incoming, column.name, str(kind), cast=str(kind)),
                       source_type=f"{column.source_type} as {kind}")

    # -- rows -------------------------------------------------------------------------------------

    def read(self, table: SourceTable, selection: Selection = EVERYTHING) -> Any:
        import pyarrow

        picked = ", ".join(f"{column.select} AS {column.expression.split('::')[0]}"
                           for column in table.columns if isinstance(column, FileColumn))
        with self._translated(table.name):
            reader = self._connection.sql(f"SELECT {picked} FROM {self._function(table.name)}") \
                .to_arrow_reader(BATCH_ROWS)
        return pyarrow.RecordBatchReader.from_batches(reader.schema, self._batches(table.name, reader))

    def _batches(self, name: str, reader: Any) -> Iterator[Any]:
        with self._translated(name):
            yield from reader
        file = self._files[name]
        with _readable(file.path):
            status = file.path.stat()
        if (status.st_size, status.st_mtime_ns) != file.stamp:
            raise SourceError(f"{file.path} changed while it was read.", hint="Run it again.")

    def _function(self, name: str) -> str:
        """The table function that reads one file."""
        file = self._files[name]
        path = _literal(re.sub(r"([*?\[])", r"[\1]", str(file.path)))  # no globbing a second time
        if file.format == "csv":
            types = {column: kind for (table, column), kind in self._types.items() if table == name}
            return f"read_csv({path}, {CsvDialect.of(file.path).options(types)})"
        if file.format == "json":
            return f"read_json({path})"
        return f"read_parquet({path})"

    @contextmanager
    def _translated(self, name: str) -> Iterator[None]:
        """DuckDB's errors, and those that come through Arrow, in words."""
        from pluto_duck.workspace.engine_errors import translated

        file = self._files[name]
        try:
            with translated():
                yield
        except (PlutoError, OSError, ValueError) as error:
            if isinstance(error, SourceError):
                raise
            said = str(error.__cause__ or error)
            if file.format == "csv":
                raise csv_problem(self._connection, file.path, said) from error
            reason = re.sub(r"^[\w ]+ Error: ", "", said.splitlines()[0])  # the kind of DuckDB's exception
            raise SourceError(f"{file.path} can't be read: {reason}",
                              hint="Is it whole, and of the kind its name says?") from error


def table_name(path: Path) -> str:
    """The file's name without what says its format."""
    name = path.name
    for suffix in (*_PACKED, *FORMATS):
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            name = name[:-len(suffix)]
    return name


def _files_of(names: Sequence[str]) -> str:
    loadable = [one for one in names if _format(Path(one))]
    return f"Files there: {', '.join(loadable[:12])}{', ...' if len(loadable) > 12 else ''}." if loadable else ""


def _format(path: Path) -> str:
    name = path.name.lower()
    for suffix in _PACKED:
        name = name.removesuffix(suffix)
    return FORMATS.get(os.path.splitext(name)[1], "")


def _picked(names: Sequence[str], known: Mapping[str, Path], where: str) -> list[str]:
    picked: dict[str, None] = {}
    for name in names:
        matched = [name] if name in known else [one for one in known if fnmatchcase(one, name)]
        if not matched:
            raise unknown_name("table", name, known, where=where)
        picked.update(dict.fromkeys(matched))
    return list(picked)


def _column(incoming: str, name: str, kind: str, *, cast: str = "") -> FileColumn:
    select = f"{quote(name)}::{cast}" if cast else quote(name)
    if _AS_TEXT.fullmatch(kind):
        return FileColumn(name, kind, kind, f"{incoming}::{kind}", select=f"({select})::VARCHAR")
    lossy = _LOSSY.search(kind)
    if lossy:
        return FileColumn(name, kind, expression=incoming, cast_to="VARCHAR",
                          refusal=f"is of type {kind}, which can't be carried exactly yet")
    return FileColumn(name, kind, kind, incoming, select=select)


def _type_text(text: str) -> str:
    if not re.fullmatch(r'[\w ]+(\(\s*\d+\s*(,\s*\d+\s*)?\))?(\[\])*', text.strip()):
        raise UsageError(f"{text!r} is not the name of a DuckDB type.", hint="For example VARCHAR or DECIMAL(18,2)")
    return text.strip()


def _literal(text: str) -> str:
    from pluto_duck.workspace.literals import encode, to_sql

    return to_sql(encode(text))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SourceError(f"{path} can't be read: {error.strerror}.") from error
