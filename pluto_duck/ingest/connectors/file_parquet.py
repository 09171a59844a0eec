"""Parquet files as a table: their types are their own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pluto_duck.errors import SourceError
from pluto_duck.ingest.connectors.file_reading import FileColumn, Files, column, engine_errors, path_list, plain_reason
from pluto_duck.workspace import quote


class ParquetReading:
    def __init__(self, files: Files, folder: Path) -> None:
        self._files = files
        several = len(files.paths) > 1
        more = ", union_by_name=true" if several else ""
        if files.options.get("filename") == "true":
            more += ", filename=true"
        hive = files.options.get("hive", "true" if any("=" in part for one in files.paths
                                                       for part in one.parent.parts) else "false")
        # One file of a partitioned folder is a table of its own columns; the folder has its partitions as well.
        more += f", hive_partitioning={'true' if several and hive == 'true' else 'false'}"
        self._function = f"system.main.read_parquet({path_list(files.paths)}{more})"
        self.note = f"{len(files.paths)} files, by name of columns" if several else ""

    def describe(self, connection: Any) -> list[FileColumn]:
        with engine_errors():
            rows = connection.execute(f"DESCRIBE FROM {self._function}").fetchall()
        return [column(row[0], row[1], quote(row[0])) for row in rows]

    def cast(self, col: FileColumn, kind: str) -> FileColumn:
        return column(col.name, kind, f"{quote(col.name)}::{kind}", source_type=f"{col.source_type} as {kind}")

    def source(self, connection: Any, columns: Sequence[FileColumn]) -> str:
        return self._function

    def settle(self, connection: Any, said: str = "") -> bool:
        return False

    def problem(self, connection: Any, said: str) -> SourceError:
        return SourceError(f"{self._files.shown} can't be read: {plain_reason(said)}",
                           hint="Is it whole, and of the kind its name says?")

    def rejects(self, connection: Any, columns: Sequence[FileColumn]) -> str:
        return ""
