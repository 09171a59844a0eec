"""A connector on a DuckDB file that needs no extension and no server: `tiny:///path/to/it.tiny`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pluto_duck import plugins
from pluto_duck.errors import PlutoError, SourceError
from pluto_duck.ingest.connectors import EVERYTHING, NativeScan, Selection, SourceColumn, SourceTable
from pluto_duck.session import NativeSource
from pluto_duck.workspace import quote


def install() -> None:
    """Makes it known in this process, as an installed plug-in would be."""
    plugins._group("pluto_duck.connectors")["tiny"] = EntryPoint(
        "tiny", "tests.ingest.tiny:TinyConnector", "pluto_duck.connectors")


def make(path: Path, *statements: str) -> str:
    """A file made by SQL; its address."""
    import duckdb

    with duckdb.connect(str(path)) as other:
        for statement in statements:
            other.execute(statement)
    return f"tiny://{path}"


class TinyConnector:
    kind = "tiny"
    selects: frozenset[str] = frozenset({"where"})

    def __init__(self, uri: str) -> None:
        self._path = uri.removeprefix("tiny://").partition("?")[0]
        self._extension = uri.partition("?extension=")[2]
        self.source = f"tiny://{self._path}"
        self._db: Any = None

    @classmethod
    def accepts(cls, uri: str) -> bool:
        return uri.startswith("tiny://")

    def configure(self, options: Mapping[str, str]) -> None:
        pass

    def __enter__(self) -> Self:
        import duckdb

        if not os.path.exists(self._path):
            raise SourceError(f"{self._path} is gone.")
        self._db = duckdb.connect(":memory:")
        self._db.execute(f"ATTACH '{self._path}' AS other (READ_ONLY)")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._db.close()

    def check(self) -> str:
        return self.source

    def discover(self, tables: Sequence[str] | None = None, *, schema: str | None = None,
                 query: str | None = None) -> list[SourceTable]:
        found: dict[tuple[str, str], list[SourceColumn]] = {}
        for where, table, name, kind in self._db.execute(
                "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns() "
                "WHERE database_name = 'other' AND NOT internal ORDER BY 1, 2, column_index").fetchall():
            found.setdefault((where, table), []).append(SourceColumn(name, kind, kind, quote(name)))
        return [SourceTable(table, where, tuple(columns), row_estimate=self._count(where, table),
                            size_bytes=self._count(where, table) * 100)
                for (where, table), columns in found.items()
                if (not tables or table in tables) and schema in (None, where)]

    def _count(self, schema: str, table: str) -> int:
        return int(self._db.execute(f"SELECT count(*) FROM other.{quote(schema)}.{quote(table)}").fetchall()[0][0])

    def cast(self, table: SourceTable, column: SourceColumn, to: str) -> SourceColumn:
        raise NotImplementedError

    def read(self, table: SourceTable, selection: Selection = EVERYTHING) -> Any:
        names = ", ".join(quote(one.name) for one in table.columns)
        where = f" WHERE {selection.where}" if selection.where else ""
        return self._db.sql(f"SELECT {names} FROM other.{quote(table.schema)}.{quote(table.name)}{where}"
                            ).to_arrow_table().to_reader()

    def rejects(self, table: SourceTable) -> Any | None:
        return None

    def native(self, name: str | None = None) -> NativeSource | None:
        name = name or "pluto_source_tiny"
        return NativeSource((self._extension,) if self._extension else (),
                            (f"ATTACH '{self._path}' AS {quote(name)} (READ_ONLY)",), (f"DETACH {quote(name)}",))

    def scan(self, table: SourceTable, selection: Selection = EVERYTHING) -> NativeScan | None:
        return None

    def explained(self, error: PlutoError, table: SourceTable) -> PlutoError:
        return error

    def twin(self) -> Self | None:
        return None

    def interrupt(self) -> None:
        pass

    def state(self) -> Mapping[str, Any]:
        return {}
