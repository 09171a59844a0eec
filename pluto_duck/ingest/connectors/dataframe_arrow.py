"""A frame as Arrow, column by column: what can't be one Arrow type without changing is refused by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pluto_duck.errors import SourceError, UsageError


@dataclass(frozen=True)
class FrameColumn:
    name: str
    dtype: str
    """In the library's own words."""
    type: Any = None
    """The Arrow type; None when refused."""
    refusal: str = ""
    note: str = ""


@dataclass
class Frame:
    columns: list[FrameColumn]
    batches: Callable[[list[int], dict[int, bool]], Iterator[list[Any]]]
    """Arrays of the columns at those places, batch by batch; a column marked True comes as Python's str() of each."""
    rows: int | None = None
    once: bool = False
    """A stream that is gone when it has been read."""


def is_frame(value: Any) -> bool:
    if hasattr(value, "__arrow_c_stream__") and type(value).__name__ != "Series":
        return True
    library, name = type(value).__module__.split(".")[0], type(value).__name__
    return name in {"pandas": ("DataFrame",), "polars": ("DataFrame", "LazyFrame"),
                    "pyarrow": ("Table", "RecordBatch", "RecordBatchReader", "Dataset", "InMemoryDataset",
                                "FileSystemDataset", "UnionDataset")}.get(library, ())


def opened(value: Any) -> Frame:
    """Raises UsageError for what is no frame, or has two columns of one name."""
    library = type(value).__module__.split(".")[0]
    if library == "pandas" and hasattr(value, "columns"):
        return _of_pandas(value)
    if library == "polars":
        return _of_polars(value)
    import pyarrow
    from pyarrow import dataset

    if isinstance(value, dataset.Dataset):
        return _of_arrow(value.schema, lambda: value.to_batches(), rows=None)
    if isinstance(value, pyarrow.RecordBatch):
        value = pyarrow.Table.from_batches([value])
    if isinstance(value, pyarrow.Table):
        return _of_arrow(value.schema, value.to_batches, rows=value.num_rows)
    if hasattr(value, "__arrow_c_stream__"):
        reader = value if isinstance(value, pyarrow.RecordBatchReader) else pyarrow.RecordBatchReader.from_stream(value)
        return _of_arrow(reader.schema, lambda: iter(reader), rows=None, once=True)
    raise UsageError(f"A {type(value).__name__} is no table.",
                     hint="Pass a DataFrame (pandas, polars), an Arrow table, reader or dataset, "
                          "or a mapping of names to them.")


def _unique(names: list[str]) -> None:
    twice = sorted({one for one in names if names.count(one) > 1})
    if twice:
        raise UsageError(f"The frame has more than one column called {twice[0]!r}.",
                         hint="Give each a name of its own, for example: df.columns = [...]")


def _of_arrow(schema: Any, source: Callable[[], Any], *, rows: int | None, once: bool = False) -> Frame:
    _unique(list(schema.names))
    columns = [FrameColumn(field.name, str(field.type), field.type) for field in schema]
    taken = False

    def batches(places: list[int], as_text: dict[int, bool]) -> Iterator[list[Any]]:
        nonlocal taken
        if once and taken:
            raise SourceError("This stream was read already.", hint="Make a new one, or pass a table.")
        taken = True
        for batch in source():
            yield [batch.column(place) for place in places]

    return Frame(columns, batches, rows, once)


def _of_polars(value: Any) -> Frame:
    import polars

    frame = value.collect() if isinstance(value, polars.LazyFrame) else value
    columns, made = [], []
    for series in frame.get_columns():
        try:
            array = series.to_arrow()
            columns.append(FrameColumn(series.name, str(series.dtype), array.type, note=_polars_note(series.dtype)))
        except Exception as error:  # polars' own panic for Object and its kin
            array = None
            columns.append(FrameColumn(series.name, str(series.dtype), refusal=f"is of type {series.dtype}: {error}"))
        made.append(array)

    def batches(places: list[int], as_text: dict[int, bool]) -> Iterator[list[Any]]:
        yield [_texts(frame.to_series(place).to_list()) if as_text.get(place) else made[place] for place in places]

    return Frame(columns, batches, frame.height)


def _polars_note(dtype: Any) -> str:
    return "its categories, as text" if str(dtype).startswith(("Categorical", "Enum")) else ""


def _of_pandas(value: Any) -> Frame:
    import pandas

    frame = value
    index = frame.index
    kept = 0
    if index.nlevels > 1 or index.name is not None or not isinstance(index, pandas.RangeIndex):
        kept = index.nlevels
        names = [str(name) if name is not None else ("index" if index.nlevels == 1 else f"level_{level}")
                 for level, name in enumerate(index.names)]
        series = [index.get_level_values(level).to_series(index=range(len(index))) for level in range(index.nlevels)]
    else:
        names, series = [], []
    names += [str(name) for name in frame.columns]
    series += [frame.iloc[:, place] for place in range(frame.shape[1])]
    _unique(names)
    columns, made = [], []
    for place, (name, one) in enumerate(zip(names, series, strict=True)):
        array, column = _pandas_column(name, one)
        if place < kept:
            column = FrameColumn(column.name, column.dtype, column.type, column.refusal, "the frame's index")
        columns.append(column)
        made.append(array)

    def batches(places: list[int], as_text: dict[int, bool]) -> Iterator[list[Any]]:
        yield [_texts([None if _missing(one) else one for one in series[place].tolist()]) if as_text.get(place)
               else made[place] for place in places]

    return Frame(columns, batches, len(frame))


def _pandas_column(name: str, series: Any) -> tuple[Any, FrameColumn]:
    import pyarrow

    dtype = str(series.dtype)
    if dtype == "object":
        kinds = _kinds(series)
        if len(kinds) > 1:
            return None, FrameColumn(name, dtype, refusal=f"holds {' and '.join(sorted(kinds))} values side by side")
        if kinds == {"UUID"}:
            texts = pyarrow.array([None if _missing(one) else str(one) for one in series], pyarrow.string())
            return texts, FrameColumn(name, "UUID", texts.type)
    try:
        array = pyarrow.array(series, from_pandas=True)
    except (pyarrow.ArrowException, OverflowError, TypeError, ValueError) as error:
        return None, FrameColumn(name, dtype, refusal=f"is of type {dtype}: {str(error).splitlines()[0]}")
    if isinstance(array.type, pyarrow.BaseExtensionType) and dtype.startswith(("period", "interval")):
        return None, FrameColumn(name, dtype, refusal=f"is of type {dtype}, which has no like here")
    note = "its categories, as text" if dtype == "category" else ""
    return array, FrameColumn(name, dtype, array.type, note=note)


def _kinds(series: Any) -> set[str]:
    """The types of an object column's values, whole families as one."""
    kinds = set()
    for kind in {type(one) for one in series if not _missing(one)}:
        names = {one.__name__ for one in kind.__mro__}
        family = next((one for one in ("bool", "datetime", "date", "str", "bytes", "dict", "list") if one in names),
                      kind.__name__)
        kinds.add("datetime" if family == "Timestamp" else family)
    if kinds == {"datetime"} and len({one.tzinfo is None for one in series if not _missing(one)}) > 1:
        return {"datetime", "datetime with a time zone"}
    return kinds


def _missing(value: Any) -> bool:
    """None, NaN, NaT, NA: pandas' several words for nothing."""
    if value is None:
        return True
    name = type(value).__name__
    return name in ("NAType", "NaTType") or (isinstance(value, float) and value != value)


def _texts(values: list[Any]) -> Any:
    import pyarrow

    return pyarrow.array([None if one is None else str(one) for one in values], pyarrow.string())
