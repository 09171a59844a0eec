"""Frames of this process: each library's types, its index, and what one column can't hold."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pandas
import polars
import pyarrow
import pytest
from pyarrow import dataset

from pluto_duck.errors import ColumnRefused, SourceError, UsageError
from pluto_duck.ingest.connectors.contract import (
    COLUMNS,
    EMPTY,
    ODD,
    ODD_COLUMNS,
    ROWS,
    WIDE,
    WIDE_COLUMNS,
    ConnectorContract,
    OddTables,
    Source,
    rows_of,
)
from pluto_duck.ingest.connectors.dataframe import DataframeConnector


def _arrow(rows: Any, names: Any) -> pyarrow.Table:
    return pyarrow.table([list(one) for one in zip(*rows, strict=True)], names=list(names))


class _Contract(ConnectorContract, OddTables):
    def make(self, table: pyarrow.Table) -> Any:
        raise NotImplementedError

    @pytest.fixture
    def source(self) -> Source:
        return Source(DataframeConnector, {"things": self.make(_arrow(ROWS, COLUMNS)),  # type: ignore[arg-type]
                                           "others": self.make(pyarrow.table({"a": [1]}))})

    @pytest.fixture
    def odd_source(self) -> Source:
        empty = _arrow(ROWS, COLUMNS).slice(0, 0)
        return Source(DataframeConnector, {  # type: ignore[arg-type]
            EMPTY: self.make(empty), WIDE: self.make(pyarrow.table({f"n{i}": [i] for i in range(WIDE_COLUMNS)})),
            ODD: self.make(pyarrow.table({one: [one] for one in ODD_COLUMNS}))})


class TestArrowTable(_Contract):
    def make(self, table: pyarrow.Table) -> Any:
        return table


class TestPandas(_Contract):
    def make(self, table: pyarrow.Table) -> Any:
        return table.to_pandas()


class TestPolars(_Contract):
    def make(self, table: pyarrow.Table) -> Any:
        return polars.from_arrow(table)


class TestLazyPolars(_Contract):
    def make(self, table: pyarrow.Table) -> Any:
        return polars.from_arrow(table).lazy()  # type: ignore[union-attr]


class TestArrowDataset(_Contract):
    def make(self, table: pyarrow.Table) -> Any:
        return dataset.dataset(table)


def came(frame: Any, *, cast: str = "") -> tuple[list[str], list[tuple[Any, ...]]]:
    """(types, rows) of the columns that are not refused."""
    with DataframeConnector(frame) as connector:
        table = connector.discover()[0]
        columns = [connector.cast(table, one, cast) if cast else one for one in table.columns]
        kept = replace(table, columns=tuple(one for one in columns if not one.refusal))
        return [one.type for one in kept.columns], rows_of(connector, kept)


@pytest.mark.parametrize(("series", "kind", "values"), [
    (pandas.Series([1, None], dtype="Int64"), "BIGINT", [1, None]),
    (pandas.Series([2**63], dtype="uint64"), "UBIGINT", [2**63]),
    (pandas.Series([True, None], dtype="boolean"), "BOOLEAN", [True, None]),
    (pandas.Series(["a", None], dtype="string"), "VARCHAR", ["a", None]),
    (pandas.Series(["a", None, "a"], dtype="category"), "VARCHAR", ["a", None, "a"]),
    (pandas.Series([1.5, None]), "DOUBLE", [1.5, None]),
    (pandas.Series([1.5], dtype="float16"), "FLOAT", [1.5]),
    (pandas.Series([Decimal("1.50")]), "DECIMAL(3,2)", [Decimal("1.50")]),
    (pandas.Series([b"\x00\xff"]), "BLOB", [b"\x00\xff"]),
    (pandas.Series([uuid.UUID(int=7)]), "UUID", [uuid.UUID(int=7)]),
    (pandas.Series([dt.date(2024, 2, 29), None]), "DATE", [dt.date(2024, 2, 29), None]),
    (pandas.Series([dt.time(1, 2, 3, 4)]), "TIME", [dt.time(1, 2, 3, 4)]),
    (pandas.Series([dt.timedelta(days=1, microseconds=1)]), "INTERVAL", [dt.timedelta(days=1, microseconds=1)]),
    (pandas.Series([[1, 2], None]), "BIGINT[]", [[1, 2], None]),
    (pandas.Series([{"a": 1}]), "STRUCT(a BIGINT)", [{"a": 1}]),
    (pandas.Series([None, None], dtype="object"), "VARCHAR", [None, None]),
])
def test_a_pandas_column_arrives_as_what_it_is(series: Any, kind: str, values: list[Any]) -> None:
    assert came(pandas.DataFrame({"x": series})) == ([kind], [(one,) for one in values])


def test_times_keep_their_moment_and_their_nanoseconds() -> None:
    zoned = pandas.DataFrame({"x": pandas.to_datetime(["2024-07-01 09:00"]).tz_localize("Asia/Seoul")})
    types, rows = came(zoned)
    assert types == ["TIMESTAMP WITH TIME ZONE"]
    assert rows[0][0].astimezone(dt.UTC) == dt.datetime(2024, 7, 1, tzinfo=dt.UTC)
    fine = pyarrow.table({"x": pyarrow.array([1], pyarrow.timestamp("ns"))})
    assert came(fine)[0] == ["TIMESTAMP_NS"]
    lost = pyarrow.table({"x": pyarrow.array([1], pyarrow.timestamp("ns", "UTC"))})
    with pytest.raises(ColumnRefused, match=r"dataframe\.x"):
        came(lost)


@pytest.mark.parametrize("values", [
    [1, "one"], [1, 2.5], [True, 1], [dt.date(2024, 1, 1), dt.datetime(2024, 1, 1)], [2**70],
    [dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, tzinfo=dt.UTC)], [1 + 2j]])
def test_what_one_column_can_t_hold_is_refused_by_name_and_cast_to_text(values: list[Any]) -> None:
    frame = pandas.DataFrame({"x": pandas.Series(values, dtype="object")})
    with DataframeConnector(frame) as connector:
        column = connector.discover()[0].columns[0]
    assert column.refusal
    assert column.cast_to == "VARCHAR"
    assert came(frame, cast="VARCHAR")[1] == [(str(one),) for one in values]


def test_polars_and_arrow_types_arrive() -> None:
    frame = polars.DataFrame({
        "e": polars.Series(["a", "b"], dtype=polars.Enum(["b", "a"])), "c": polars.Series(["x", None], dtype=polars.Categorical),
        "t": [dt.time(23, 59, 59, 999999), None], "d": [dt.timedelta(seconds=1), None], "n": [None, None],
        "m": polars.Series([Decimal("1.25"), None], dtype=polars.Decimal(10, 2)), "l": [[1], []]})
    types, rows = came(frame)
    assert types == ["VARCHAR", "VARCHAR", "TIME", "INTERVAL", "VARCHAR", "DECIMAL(10,2)", "BIGINT[]"]
    assert rows == [("a", "x", dt.time(23, 59, 59, 999999), dt.timedelta(seconds=1), None, Decimal("1.25"), [1]),
                    ("b", None, None, None, None, None, [])]


def test_an_index_with_a_meaning_becomes_columns() -> None:
    plain = pandas.DataFrame({"x": [1]})
    named = pandas.DataFrame({"x": [1, 2]}, index=pandas.Index(["a", "b"], name="key"))
    bare = pandas.DataFrame({"x": [1, 2]}, index=[7, 9])
    deep = named.set_index("x", append=True).assign(y=0)
    for frame, names in ((plain, ["x"]), (named, ["key", "x"]), (bare, ["index", "x"]), (deep, ["key", "x", "y"])):
        with DataframeConnector(frame) as connector:
            columns = connector.discover()[0].columns
        assert [one.name for one in columns] == names
        assert [one.note for one in columns][: len(names) - 1] == ["the frame's index"] * (len(names) - 1)
    assert came(bare)[1] == [(7, 1), (9, 2)]


def test_two_columns_of_one_name_are_refused() -> None:
    for frame in (pandas.DataFrame([[1, 2]], columns=["a", "a"]), pyarrow.table([[1], [2]], names=["a", "a"])):
        with DataframeConnector(frame) as connector, pytest.raises(UsageError, match="more than one column called 'a'"):
            connector.discover()


def test_a_stream_is_read_once_and_says_so() -> None:
    reader = pyarrow.table({"x": [1, 2]}).to_reader()
    with DataframeConnector(reader) as connector:
        table = connector.discover()[0]
        assert connector.twin() is None
        assert rows_of(connector, table) == [(1,), (2,)]
        with pytest.raises(SourceError, match="read already"):
            rows_of(connector, table)


def test_what_is_no_frame_is_refused() -> None:
    for value in (5, "df", [1, 2], {"a": 1}):
        assert not DataframeConnector.accepts(value)
        with pytest.raises(UsageError):
            DataframeConnector(value)
