"""Frames of this process: pandas, polars, Arrow tables, readers and datasets, one by itself or several by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, ClassVar, Self

from pluto_duck.errors import ColumnRefused, PlutoError, UsageError
from pluto_duck.ingest.connectors import EVERYTHING, Selection, SourceColumn, SourceTable
from pluto_duck.ingest.connectors.dataframe_arrow import Frame, FrameColumn, is_frame, opened
from pluto_duck.ingest.connectors.defaults import Defaults, pick

NAME = "dataframe"
"""Of a frame that was given without one."""


@dataclass(frozen=True)
class DataframeColumn(SourceColumn):
    place: int = 0
    """Among the frame's columns."""
    as_text: bool = False


class DataframeConnector(Defaults):
    kind: ClassVar[str] = "dataframe"

    def __init__(self, uri: Any) -> None:
        """`uri`: a frame, or a mapping of names to frames."""
        super().__init__()
        if isinstance(uri, str):
            raise UsageError("A DataFrame is not ingested by an address.",
                             hint="In Python: ingest(df, into='name'); in a notebook: %pluto ingest df.")
        frames = dict(uri) if isinstance(uri, Mapping) else {NAME: uri}
        self._given = {str(name): frame for name, frame in frames.items()}
        for frame in self._given.values():
            if not is_frame(frame):
                opened(frame)  # raises, in words
        libraries = sorted({type(frame).__module__.split(".")[0] for frame in self._given.values()})
        self.source = f"{' and '.join(libraries)} in memory" if libraries else "nothing"
        self._frames: dict[str, Frame] = {}
        self._memory: Any = None

    @classmethod
    def accepts(cls, uri: Any) -> bool:
        if isinstance(uri, Mapping):
            return bool(uri) and all(is_frame(one) for one in uri.values())
        return not isinstance(uri, str) and is_frame(uri)

    def __enter__(self) -> Self:
        from pluto_duck.workspace.database import open_memory

        self._memory = open_memory(["SET TimeZone = 'UTC'"])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._memory is not None:
            with suppress(Exception):
                self._memory.close()

    def check(self) -> str:
        return f"{len(self._given)} frame{'s' if len(self._given) != 1 else ''}, {self.source}"

    def twin(self) -> Self | None:
        if any(self._frame(name).once for name in self._given):
            return None
        twin = type(self)(self._given)
        twin._frames = self._frames
        return twin.__enter__()

    def _frame(self, name: str) -> Frame:
        if name not in self._frames:
            self._frames[name] = opened(self._given[name])
        return self._frames[name]

    def discover(self, tables: Sequence[str] | None = None, *, schema: str | None = None,
                 query: str | None = None) -> list[SourceTable]:
        if schema is not None:
            raise UsageError("Frames have no schemas.", hint="Leave --schema out.")
        if query is not None:
            raise UsageError("A frame has no SQL of its own.", hint="Name it in FROM: session.query('... FROM df')")
        found = []
        for name in pick(tables, dict.fromkeys(self._given, True), where=self.source):
            frame = self._frame(name)
            columns = tuple(self._column(place, one) for place, one in enumerate(frame.columns))
            found.append(SourceTable(name, "", columns, row_estimate=frame.rows))
        return found

    def _column(self, place: int, one: FrameColumn) -> DataframeColumn:
        incoming = f"c{place}"
        if one.type is None:
            return DataframeColumn(one.name, one.dtype, expression=incoming, refusal=one.refusal, cast_to="VARCHAR",
                                   place=place)
        try:
            kind = self._type(one.type)
        except PlutoError as error:
            return DataframeColumn(one.name, one.dtype, expression=incoming, place=place, cast_to="VARCHAR",
                                   refusal=f"is of type {one.type}, which DuckDB can't read: {error.message}")
        if one.dtype == "UUID":
            return DataframeColumn(one.name, one.dtype, "UUID", f"{incoming}::UUID", place=place, note=one.note)
        return DataframeColumn(one.name, one.dtype, kind, incoming, place=place, note=one.note)

    def _type(self, arrow_type: Any) -> str:
        """What DuckDB makes of an Arrow type."""
        import pyarrow

        from pluto_duck.workspace.engine_errors import translated

        sent = _sent(arrow_type)
        if pyarrow.types.is_null(sent):
            return "VARCHAR"
        with translated():
            self._memory.register("asked", pyarrow.schema([("x", sent)]).empty_table())
            try:
                return str(self._memory.execute("DESCRIBE SELECT x FROM asked").fetchall()[0][1])
            finally:
                self._memory.unregister("asked")

    def cast(self, table: SourceTable, column: SourceColumn, to: str) -> SourceColumn:
        from pluto_duck.workspace.engine_errors import translated

        assert isinstance(column, DataframeColumn)
        if not re.fullmatch(r"[\w ]+(\(\s*\d+\s*(,\s*\d+\s*)?\))?(\[\])*", to.strip()):
            raise UsageError(f"{to!r} is not the name of a DuckDB type.", hint=f"--cast {column.name}=VARCHAR")
        try:
            with translated():
                kind = str(self._memory.execute(f"DESCRIBE SELECT NULL::{to} AS x").fetchall()[0][1])
        except PlutoError as error:
            raise UsageError(f"{to!r} is not the name of a DuckDB type.",
                             hint=f"For example --cast {column.name}=VARCHAR") from error
        incoming = f"c{column.place}"
        return replace(column, type=kind, expression=f"{incoming}::{kind}", refusal="", cast_to="", note="",
                       source_type=f"{column.source_type} as {to}", as_text=bool(column.refusal))

    def read(self, table: SourceTable, selection: Selection = EVERYTHING) -> Any:
        import pyarrow

        frame = self._frame(table.name)
        columns = [column for column in table.columns if isinstance(column, DataframeColumn)]
        kinds = [pyarrow.string() if column.as_text else _sent(frame.columns[column.place].type) for column in columns]
        schema = pyarrow.schema([(f"c{column.place}", kind) for column, kind in zip(columns, kinds, strict=True)])
        return pyarrow.RecordBatchReader.from_batches(schema, self._batches(frame, table.name, columns, schema))

    def _batches(self, frame: Frame, table: str, columns: list[DataframeColumn], schema: Any) -> Iterator[Any]:
        import pyarrow

        as_text = {column.place: True for column in columns if column.as_text}
        for arrays in frame.batches([column.place for column in columns], as_text):
            made = [_exact(array, kind, table, column)
                    for array, kind, column in zip(arrays, schema.types, columns, strict=True)]
            yield from pyarrow.Table.from_arrays(made, schema=schema).to_batches(max_chunksize=65_536)


def _sent(kind: Any) -> Any:
    """The Arrow type that DuckDB reads without a loss; values that do not fit it are refused when they come."""
    import pyarrow
    from pyarrow import types

    if types.is_dictionary(kind):
        return _sent(kind.value_type)
    if types.is_float16(kind):
        return pyarrow.float32()
    if types.is_timestamp(kind) and kind.tz is not None:
        return pyarrow.timestamp("us", kind.tz)
    if types.is_duration(kind):
        return pyarrow.duration("us")
    if types.is_time(kind):
        return pyarrow.time64("us")
    if types.is_null(kind):
        return pyarrow.string()
    return kind


def _exact(array: Any, kind: Any, table: str, column: DataframeColumn) -> Any:
    import pyarrow

    if array.type == kind:
        return array
    try:
        return array.cast(kind, safe=True)
    except pyarrow.ArrowInvalid as error:
        raise ColumnRefused(f"{table}.{column.name} holds a value that {column.type} does not have: {error}",
                            hint=f"Round it first, or leave it out with --skip {column.name}.",
                            column=column.name, table=table) from error
