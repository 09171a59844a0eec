"""Rows and what a reader of them must know."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import missing_extra

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    """DuckDB's own type text: `DECIMAL(18,3)`, `VARCHAR[]`."""


class Result:
    """The outcome of one statement. Rows are held as Arrow, in the order the database gave them."""

    def __init__(
        self, *, columns: tuple[Column, ...], table: pyarrow.Table | None, sql: str, statement: str,
        elapsed_s: float, truncated: bool = False, affected_rows: int | None = None, workspace: str = "",
        notices: tuple[str, ...] = (), as_of: dt.datetime | None = None,
    ) -> None:
        self.columns = columns
        self._table = table
        self.sql = sql
        """The statement as it was run, last of several."""
        self.statement = statement
        """SELECT, INSERT, CREATE, ... in DuckDB's words."""
        self.elapsed_s = elapsed_s
        """Wall clock from call to last row, as the caller saw it."""
        self.truncated = truncated
        """True when the statement had more rows than `max_rows`; those held are the first ones."""
        self.affected_rows = affected_rows
        """Rows written; None for a statement that returns rows or has no count."""
        self.workspace = workspace
        """Root folder of the workspace the rows came from."""
        self.notices = notices
        """What the reader should be told once: a session that moved to a new host, temp tables lost."""
        self.as_of = as_of
        """UTC; of rows that came from a snapshot. None: they are as the statement found them."""

    @property
    def row_count(self) -> int:
        return self._table.num_rows if self._table is not None else 0

    @property
    def has_rows(self) -> bool:
        """True when the statement returns rows, even if none came."""
        return self._table is not None

    def __len__(self) -> int:
        return self.row_count

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.rows())

    def arrow(self) -> pyarrow.Table:
        if self._table is None:
            import pyarrow

            return pyarrow.table({})
        return self._table

    def rows(self, limit: int | None = None) -> list[tuple[Any, ...]]:
        """Python values: int for every integer type, Decimal, datetime, uuid.UUID; None for NULL."""
        columns = self.values(limit)
        return list(zip(*columns, strict=True)) if columns else []

    def values(self, limit: int | None = None) -> list[list[Any]]:
        """As `rows`, but column by column."""
        if self._table is None:
            return []
        from pluto_duck.workspace.values import python_values

        table = self._table if limit is None else self._table.slice(0, limit)
        return [python_values(table.column(i), column.type) for i, column in enumerate(self.columns)]

    def scalar(self) -> Any:
        """The first value of the first row; None when there is no row."""
        rows = self.rows(1)
        return rows[0][0] if rows else None

    def df(self) -> pandas.DataFrame:
        """As pandas, by way of Arrow (3.7 x faster than DuckDB's own conversion).

        Decimals stay exact, as pandas' Arrow-backed dtype: as Python objects they would take most of the
        time, as floats they would be rounded. HUGEINT (what sum() of integers gives) is int64 where it fits.
        """
        try:
            import pandas
        except ImportError:
            raise missing_extra("pandas", "lab", why="Result.df()") from None
        import pyarrow

        table = self.arrow()
        for i, column in enumerate(self.columns):
            if column.type == "HUGEINT":
                try:
                    table = table.set_column(i, table.field(i).name, table.column(i).cast(pyarrow.int64()))
                except pyarrow.ArrowInvalid:
                    pass
        frame: pandas.DataFrame = table.to_pandas(
            types_mapper=lambda kind: pandas.ArrowDtype(kind) if pyarrow.types.is_decimal(kind) else None)
        return frame

    def pl(self) -> polars.DataFrame:
        try:
            import polars
        except ImportError:
            raise missing_extra("polars", "test", why="Result.pl()") from None
        frame = polars.from_arrow(self.arrow())
        assert isinstance(frame, polars.DataFrame)
        return frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Any library that speaks the Arrow PyCapsule protocol can take a Result as it is."""
        return self.arrow().__arrow_c_stream__(requested_schema)  # type: ignore[no-untyped-call, unused-ignore]

    def __repr__(self) -> str:
        if not self.has_rows:
            count = "" if self.affected_rows is None else f", {self.affected_rows} rows"
            return f"<Result of {self.statement}{count}>"
        return f"<Result {self.row_count} rows x {len(self.columns)} columns>"
