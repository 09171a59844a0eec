"""Any dlt source, `dlt://module:source`, child tables included. Extra: `dlt`.

The source is the user's own code, found from the current folder; it runs in a process of its own, which writes
Parquet into a temporary folder and is ended with the load. State is not kept: every load extracts anew.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from pluto_duck.errors import PlutoError, SourceError, UsageError, missing_extra
from pluto_duck.ingest.connectors import EVERYTHING, NativeScan, Selection, SourceColumn, SourceTable
from pluto_duck.ingest.connectors.defaults import Defaults, pick
from pluto_duck.session import NativeSource
from pluto_duck.workspace import quote

WORKER = "pluto_duck.ingest.connectors.dlt_worker"
_SPEC = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_OWN = ("_dlt_load_id", "_dlt_id")
BATCH_ROWS = 65_536


@dataclass(frozen=True)
class DltColumn(SourceColumn):
    cast: str = ""


class DltConnector(Defaults):
    kind: ClassVar[str] = "dlt"
    options: ClassVar[Mapping[str, str]] = {"args": 'arguments of the source as JSON, such as {"year": 2024}'}

    def __init__(self, uri: str) -> None:
        super().__init__()
        self._spec = re.sub(r"^dlt:(//)?", "", uri)
        if not _SPEC.fullmatch(self._spec):
            raise UsageError(f"{self._spec!r} names no dlt source.", hint="Write dlt://module:source, as in an import.")
        self.source = f"dlt://{self._spec}"
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Any = None
        self._tables: dict[str, Any] = {}

    @classmethod
    def accepts(cls, uri: str) -> bool:
        return uri.startswith("dlt:")

    def __enter__(self) -> Self:
        from pluto_duck.workspace.database import open_memory

        if find_spec("dlt") is None:
            raise missing_extra("dlt", "dlt", why="Loading from a dlt source")
        self._folder = Path(tempfile.mkdtemp(prefix="pluto-duck-dlt-"))
        self._connection = open_memory(["SET TimeZone = 'UTC'", "SET arrow_lossless_conversion = true"])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.interrupt()
        with suppress(Exception):
            self._connection.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def interrupt(self) -> None:
        process, connection = self._process, self._connection
        if process is not None:
            with suppress(OSError):
                process.kill()
        if connection is not None:
            with suppress(Exception):
                connection.interrupt()

    def check(self) -> str:
        from importlib.metadata import version

        return f"dlt {version('dlt')}, source {self._spec}, found from {os.getcwd()}"

    # -- what is there ----------------------------------------------------------------------------

    def discover(self, tables: Sequence[str] | None = None, *, schema: str | None = None,
                 query: str | None = None) -> list[SourceTable]:
        if schema is not None:
            raise UsageError("A dlt source has no schemas.", hint="Leave --schema out.")
        if query is not None:
            raise UsageError("A dlt source has no SQL.", hint="Load its tables, then query them.")
        if not self._tables or any(name not in self._tables for name in tables or ()):
            self._extract(tables)
        known = {name: bool(table["files"]) for name, table in self._tables.items()}
        names = list(known) if tables is None and known else pick(tables, known, where=self.source)
        return [self._table(name) for name in names]

    def _extract(self, tables: Sequence[str] | None) -> None:
        assert self._folder is not None
        run = Path(tempfile.mkdtemp(dir=self._folder))
        arguments = self.configured.get("args", "{}")
        try:
            json.loads(arguments)
        except ValueError as error:
            raise UsageError(f"The option args is no JSON: {error}", hint='For example args={"year": 2024}') from None
        with open(run / "log", "wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", WORKER, self._spec, str(run)],
                stdin=subprocess.PIPE, stdout=log, stderr=log)
            try:
                # Not on its command line: arguments may hold keys, and everybody sees those of a process.
                self._process.communicate(json.dumps([list(tables or ()), json.loads(arguments)]).encode())
                code = self._process.returncode
            finally:
                with suppress(OSError):
                    self._process.kill()
                self._process.wait()
                self._process = None
        if code != 0:
            raise self._problem(run, code)
        self._tables = json.loads((run / "tables.json").read_text(encoding="utf-8"))

    def _problem(self, run: Path, code: int) -> PlutoError:
        from pluto_duck.workspace.blot import blotted

        try:
            told = json.loads((run / "problem.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            if code < 0:
                return SourceError(f"{self.source} was stopped.", reason="interrupted")
            return SourceError(f"{self.source} ended with {code}.", hint=blotted((run / "log").read_text()[-300:]))
        message = blotted(told["message"]).strip()
        module, _, name = self._spec.partition(":")
        if told["missing"] and module.split(".")[0] == told["missing"].split(".")[0]:
            return UsageError(f"There is no module {told['missing']} to be found from {os.getcwd()}.",
                              hint="Run it from the folder that the module is in.")
        if told["kind"] == "AttributeError" and f"no attribute '{name}'" in message:
            return UsageError(f"The module {module} has no {name}.", hint=message)
        return SourceError(f"{self.source} failed: {told['kind']}: {message}",
                           hint="Secrets are read from .dlt/secrets.toml and the environment, as dlt does.")

    def _table(self, name: str) -> SourceTable:
        table = self._tables[name]
        has_children = any(one["parent"] == name for one in self._tables.values())
        hidden = {"_dlt_load_id"} if has_children or table["parent"] else set(_OWN)
        columns = []
        for place, (column, kind) in enumerate(self._described(name)):
            if column not in hidden:
                hint = table["columns"].get(column, kind)
                columns.append(DltColumn(column, hint, *_types(f"c{place}", kind, hint)))
        key = tuple(table["key"]) if self._is_key(name, table["key"]) else ()
        return SourceTable(name, "", tuple(columns), key, self._rows(name), comment=table["comment"])

    def _relation(self, name: str) -> str:
        files = ", ".join("'" + one.replace("'", "''") + "'" for one in self._tables[name]["files"])
        return f"read_parquet([{files}], union_by_name = true)"

    def _described(self, name: str) -> list[tuple[str, str]]:
        if not self._tables[name]["files"]:  # a table that dlt knows and that got no row
            kinds = {"bigint": "BIGINT", "double": "DOUBLE", "bool": "BOOLEAN", "date": "DATE", "time": "TIME",
                     "timestamp": "TIMESTAMP WITH TIME ZONE", "binary": "BLOB", "decimal": "DECIMAL(38,9)"}
            return [(column, kinds.get(kind, "VARCHAR")) for column, kind in self._tables[name]["columns"].items()]
        with self._translated(name):
            rows = self._connection.execute(f"DESCRIBE FROM {self._relation(name)}").fetchall()
        return [(row[0], row[1]) for row in rows]

    def _rows(self, name: str) -> int:
        if not self._tables[name]["files"]:
            return 0
        with self._translated(name):
            return int(self._connection.execute(f"SELECT count(*) FROM {self._relation(name)}").fetchall()[0][0])

    def _is_key(self, name: str, key: list[str]) -> bool:
        """dlt believes the source, and merges duplicates later; a key here must be one."""
        if not key or not self._tables[name]["files"]:
            return False
        columns = ", ".join(quote(one) for one in key)
        missing = " OR ".join(f"{quote(one)} IS NULL" for one in key)
        with self._translated(name):
            row = self._connection.execute(
                f"SELECT count(*) = count(DISTINCT ({columns})) AND NOT coalesce(bool_or({missing}), false) "
                f"FROM {self._relation(name)}").fetchall()[0]
        return bool(row[0])

    def cast(self, table: SourceTable, column: SourceColumn, to: str) -> SourceColumn:
        assert isinstance(column, DltColumn)
        if not re.fullmatch(r"[\w ]+(\(\s*\d+\s*(,\s*\d+\s*)?\))?(\[\])*", to.strip()):
            raise UsageError(f"{to!r} is not the name of a DuckDB type.", hint=f"--cast {column.name}=VARCHAR")
        try:
            with self._translated(table.name):
                kind = str(self._connection.execute(f"DESCRIBE SELECT NULL::{to} AS x").fetchall()[0][1])
        except PlutoError as error:
            raise UsageError(f"{to!r} is not the name of a DuckDB type.",
                             hint=f"For example --cast {column.name}=VARCHAR") from error
        return replace(column, type=kind, expression=f"{column.expression}::{kind}", cast=kind,
                       source_type=f"{column.source_type} as {to}")

    # -- rows -------------------------------------------------------------------------------------

    def read(self, table: SourceTable, selection: Selection = EVERYTHING) -> Any:
        import pyarrow

        with self._translated(table.name):
            cursor = self._connection.cursor()
            reader = cursor.sql(self._select(table, renamed=True)).to_arrow_reader(BATCH_ROWS)

        def batches() -> Iterator[Any]:
            with self._translated(table.name):
                yield from reader

        return pyarrow.RecordBatchReader.from_batches(reader.schema, batches())

    def _select(self, table: SourceTable, *, renamed: bool) -> str:
        if not self._tables[table.name]["files"]:
            names = ", ".join(f"NULL::{one.type} AS {_incoming(one) if renamed else quote(one.name)}"
                              for one in table.columns)
            return f"SELECT {names} WHERE false"
        names = ", ".join(quote(one.name) + (f" AS {_incoming(one)}" if renamed else "") for one in table.columns)
        return f"SELECT {names} FROM {self._relation(table.name)}"

    def native(self, name: str | None = None) -> NativeSource | None:
        return NativeSource()  # Parquet files of this machine, which the host reads without more ado

    def scan(self, table: SourceTable, selection: Selection = EVERYTHING) -> NativeScan | None:
        if selection != EVERYTHING:
            return None
        return NativeScan(self._select(table, renamed=False), tuple(
            column.expression.replace(_incoming(column), quote(column.name), 1) for column in table.columns))

    @contextmanager
    def _translated(self, table: str) -> Iterator[None]:
        from pluto_duck.workspace.engine_errors import translated

        try:
            with translated():
                yield
        except SourceError:
            raise
        except (PlutoError, OSError) as error:
            raise SourceError(f"{self.source}, {table}: {error}") from error


def _types(incoming: str, kind: str, hint: str) -> tuple[str, str]:
    """(DuckDB type, expression) of a Parquet column; dlt writes json as text."""
    return ("JSON", f"{incoming}::JSON") if hint == "json" and kind == "VARCHAR" else (kind, incoming)


def _incoming(column: SourceColumn) -> str:
    return column.expression.split("::")[0]
