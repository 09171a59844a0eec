"""A source in this process's memory, for faults and moments that a real one can't be brought to."""

from __future__ import annotations

import fnmatch
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pluto_duck.errors import PlutoError, UnknownName
from pluto_duck.ingest.connectors import (
    EVERYTHING,
    Checksums,
    NativeScan,
    Selection,
    SourceColumn,
    SourceKey,
    SourceTable,
)
from pluto_duck.session import NativeSource


@dataclass
class Table:
    columns: dict[str, str]
    """name -> DuckDB type"""
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    key: tuple[str, ...] = ()
    not_null: tuple[str, ...] = ()
    defaults: dict[str, str] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    comment: str = ""
    unique: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[SourceKey, ...] = ()
    refused: tuple[str, ...] = ()
    rejects: list[tuple[Any, ...]] = field(default_factory=list)


class Memory:
    """The source; `open()` makes one load's connector."""

    def __init__(self, **tables: Table) -> None:
        self.tables = tables
        self.selects: frozenset[str] = frozenset()
        self.on_batch: Callable[[str, int], None] = lambda table, batch: None
        """Called before each batch of a stream, on the thread that reads it."""
        self.on_discover: Callable[[], None] = lambda: None
        self.batch_rows = 10_000
        self.twins = True
        self.native_folder: Path | None = None
        """Where set, the host reads the rows itself, from Parquet files written there."""
        self.sums: Checksums | None = None
        self.reads: list[tuple[str, Selection]] = []
        self.interrupted = threading.Event()
        self.pulses = False

    def open(self) -> Connector:
        return Connector(self)


class Connector:
    kind = "memory"
    source = "memory:test"

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.selects = memory.selects

    @classmethod
    def accepts(cls, uri: str) -> bool:
        return False

    def configure(self, options: Mapping[str, str]) -> None:
        pass

    def __enter__(self) -> Connector:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def check(self) -> str:
        return "memory"

    def discover(self, tables: Sequence[str] | None = None, *, schema: str | None = None,
                 query: str | None = None) -> list[SourceTable]:
        self.memory.on_discover()
        names = [name for pattern in tables for name in sorted(fnmatch.filter(self.memory.tables, pattern))] \
            if tables else sorted(self.memory.tables)
        if not names:
            raise UnknownName("There is no such table.")
        return [self._table(name, self.memory.tables[name]) for name in names]

    def _table(self, name: str, table: Table) -> SourceTable:
        columns = tuple(
            SourceColumn(column, kind, kind, f'"c{place}"', column not in (*table.key, *table.not_null),
                         "is odd" if column in table.refused else "", default=table.defaults.get(column, ""),
                         comment=table.comments.get(column, ""))
            for place, (column, kind) in enumerate(table.columns.items()))
        return SourceTable(name, "shop", columns, table.key, len(table.rows), unique=table.unique,
                           foreign_keys=table.foreign_keys, comment=table.comment)

    def cast(self, table: SourceTable, column: SourceColumn, to: str) -> SourceColumn:
        raise NotImplementedError

    def _rows(self, table: SourceTable, selection: Selection) -> list[tuple[Any, ...]]:
        made = self.memory.tables[table.name]
        places = [list(made.columns).index(column.name) for column in table.columns]
        rows = made.rows
        if selection.after is not None and "cursor" in self.selects:
            place = list(made.columns).index(selection.cursor)
            rows = [row for row in rows if row[place] is not None and row[place] >= int(selection.after)]
        if selection.changed_since is not None:
            rows = rows[int(selection.changed_since["rows"]):]
        return [tuple(row[place] for place in places) for row in rows]

    def _arrow(self, table: SourceTable, rows: Sequence[tuple[Any, ...]]) -> Any:
        import pyarrow

        kinds = {"BIGINT": pyarrow.int64(), "INTEGER": pyarrow.int32(), "SMALLINT": pyarrow.int16(),
                 "VARCHAR": pyarrow.string(), "DOUBLE": pyarrow.float64()}
        made = list(self.memory.tables[table.name].columns)
        fields = [pyarrow.field(f"c{made.index(c.name)}", kinds.get(c.type, pyarrow.string())) for c in table.columns]
        columns = [[row[place] for row in rows] for place in range(len(fields))]
        return pyarrow.Table.from_arrays(
            [pyarrow.array(column, field.type) for column, field in zip(columns, fields, strict=True)],
            schema=pyarrow.schema(fields))

    def read(self, table: SourceTable, selection: Selection = EVERYTHING) -> Any:
        import pyarrow

        self.memory.reads.append((table.name, selection))
        whole = self._arrow(table, self._rows(table, selection))

        def batches() -> Iterator[Any]:
            for number, batch in enumerate(whole.to_batches(self.memory.batch_rows)):
                self.memory.on_batch(table.name, number)
                yield batch

        return pyarrow.RecordBatchReader.from_batches(whole.schema, batches())

    def rejects(self, table: SourceTable) -> Any | None:
        import pyarrow

        rows = self.memory.tables[table.name].rejects
        if not rows:
            return None
        names = ("file", "line", "column", "reason", "text")
        return pyarrow.table({name: [row[i] for row in rows] for i, name in enumerate(names)}).to_reader()

    def native(self, name: str | None = None) -> NativeSource | None:
        return None if self.memory.native_folder is None else NativeSource()

    def scan(self, table: SourceTable, selection: Selection = EVERYTHING) -> NativeScan | None:
        import pyarrow.parquet

        assert self.memory.native_folder is not None
        path = self.memory.native_folder / f"{table.name}.parquet"
        pyarrow.parquet.write_table(self._arrow(table, self._rows(table, selection)), path)
        return NativeScan(f"SELECT * FROM read_parquet('{path}')", tuple(c.expression for c in table.columns))

    def explained(self, error: PlutoError, table: SourceTable) -> PlutoError:
        return error

    def twin(self) -> Connector | None:
        return Connector(self.memory) if self.memory.twins else None

    def interrupt(self) -> None:
        self.memory.interrupted.set()

    def state(self) -> Mapping[str, Any]:
        return {"rows": max((len(table.rows) for table in self.memory.tables.values()), default=0)}

    def pulse(self, table: SourceTable, selection: Selection) -> str | None:
        return str(hash(tuple(self._rows(table, selection)))) if self.memory.pulses else None

    def checksums(self, table: SourceTable, selection: Selection = EVERYTHING) -> Checksums | None:
        return self.memory.sums
