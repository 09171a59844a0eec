"""Excel, row by row: dates as dates, text as text, and no number that Excel would round.

Excel keeps every number as a double. What has more digits than that, and times before 1900, stand as text; each
column where that happened is named.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pluto_duck.errors import TargetError, UsageError, missing_extra
from pluto_duck.ingest.export.rows import Column, Rows

MAX_ROWS = 1_048_576
MAX_COLUMNS = 16_384
MAX_TEXT = 32_767

_EPOCH = 25_569
"""Excel's number of 1970-01-01."""
_DAY_US = 86_400_000_000
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT",
            "DECIMAL", "FLOAT", "DOUBLE")
_FORMATS = {"DATE": "yyyy-mm-dd", "TIMESTAMP": "yyyy-mm-dd hh:mm:ss", "TIME": "hh:mm:ss"}
_STAMPS = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP WITH TIME ZONE")

Write = Callable[[Any, int, int, Any], None]
"""(sheet, row, column, value that is not None)"""


def write(rows: Rows, path: Path, *, notices: list[str], on_rows: Callable[[int], None],
          max_rows: int = MAX_ROWS) -> int:
    """Fills a workbook, on as many sheets as the rows need; how many rows."""
    if len(rows.columns) > MAX_COLUMNS:
        raise UsageError(f"Excel has {MAX_COLUMNS:,} columns, {rows.name} {len(rows.columns):,}.",
                         hint="Leave some out with --sql.")
    with _workbook(path) as book, rows.session.stream(_select(rows), namespace=rows.namespace) as reading:
        text = Counter[str]()
        writers = _writers(rows.columns, book, text)
        sheet, count, sheets = None, 0, 0
        for row in _values(reading, rows.columns):
            at = count % (max_rows - 1)
            if at == 0:
                sheets += 1
                sheet = _sheet(book, rows.columns, sheets)
            for i, value in enumerate(row):
                if value is not None:
                    writers[i](sheet, at + 1, i, value)
            count += 1
            if count % 10_000 == 0:
                on_rows(count)
        if sheet is None:
            sheets = 1
            _sheet(book, rows.columns, 1)
    if sheets > 1:
        notices.append(f"The rows stand on {sheets} sheets: one holds {max_rows - 1:,} beside its header.")
    notices += [f"{column.name} is in UTC: Excel knows no time zones." for column in rows.columns
                if column.kind.name == "TIMESTAMP WITH TIME ZONE"]
    notices += [f"{name}: {many:,} value{'s' if many > 1 else ''} as text, which a number or date of Excel can't hold."
                for name, many in text.items()]
    return count


@contextmanager
def _workbook(path: Path) -> Iterator[Any]:
    """The book; its sheets stand in a temporary folder beside the file until the block ends."""
    try:
        import xlsxwriter
    except ImportError:
        raise missing_extra("xlsxwriter", "excel", why="Writing Excel") from None
    with TemporaryDirectory(dir=path.parent, prefix=path.name) as parts:
        # What is text stays text, whatever it looks like: "=1+1" is no formula.
        book = xlsxwriter.Workbook(str(path), {
            "constant_memory": True, "strings_to_numbers": False, "strings_to_formulas": False,
            "strings_to_urls": False, "tmpdir": parts})
        book.use_zip64()
        try:
            yield book
            book.close()
        except xlsxwriter.exceptions.FileCreateError as error:
            raise TargetError(f"The workbook can't be written: {error}.", hint="Is there room on the disk?") from error
        finally:
            for sheet in book.worksheets():
                with suppress(Exception):
                    sheet._opt_close()
            book.fileclosed = True  # else its destructor would write what is there


def _sheet(book: Any, columns: tuple[Column, ...], number: int) -> Any:
    from xlsxwriter.worksheet import Worksheet

    class Exact(Worksheet):  # type: ignore[misc, unused-ignore]
        """Numbers with all their digits: the library writes 16, a double can need 17."""

        def _xml_number_element(self, number: Any, attributes: Any = ()) -> None:
            marks = "".join(f' {key}="{self._escape_attributes(value)}"' for key, value in attributes)
            self.fh.write(f"<c{marks}><v>{number!r}</v></c>")

    sheet = book.add_worksheet(f"Sheet{number}", worksheet_class=Exact)
    bold = book.add_format({"bold": True})
    for i, column in enumerate(columns):
        _text(sheet, 0, i, column.name, bold)
    return sheet


def _select(rows: Rows) -> str:
    """Columns of types that are a plain number or text here; behind them, for each date and time, its text where
    Excel has no number for it."""
    picks, beyond = [], []
    for i, column in enumerate(rows.columns):
        name, value = column.kind.name, column.sql
        if name == "FLOAT":
            value = f"CAST({value} AS DOUBLE)"
        elif name in ("TIMESTAMP_S", "TIMESTAMP_MS"):
            value = f"CAST({value} AS TIMESTAMP)"
        elif name == "TIMESTAMP WITH TIME ZONE":
            value = f"({value} AT TIME ZONE 'UTC')"
        elif name not in ("BOOLEAN", "VARCHAR", "DATE", "TIMESTAMP", "TIME", *_NUMBERS):
            value = f"CAST({value} AS VARCHAR)"
        picks.append(f"{value} AS {column.sql}")
        if name in _STAMPS or name == "DATE":
            # Before March 1900 Excel's calendar has a day that never was.
            beyond.append(f"CASE WHEN {value} < DATE '1900-03-01' OR {value} >= DATE '10000-01-01' "
                          f"THEN CAST({value} AS VARCHAR) END AS pluto_text_{i}")
    return f"SELECT {', '.join([*picks, *beyond])} FROM (\n{rows.sql}\n)"


def _values(reading: Any, columns: tuple[Column, ...]) -> Iterator[tuple[Any, ...]]:
    """Row by row: dates as days, times as microseconds since 1970, both as text where Excel ends."""
    import pyarrow

    dated = [i for i, column in enumerate(columns) if column.kind.name in (*_STAMPS, "DATE")]
    for batch in reading:
        cells = []
        for array, column in zip(batch.columns, columns, strict=False):
            if column.kind.name == "DATE":
                array = array.cast(pyarrow.int32())
            elif column.kind.name in (*_STAMPS, "TIME"):
                array = array.cast(pyarrow.int64())
            cells.append(array.to_pylist())
        for at, array in zip(dated, batch.columns[len(columns):], strict=True):
            if array.null_count < len(array):
                cells[at] = [text or value for value, text in zip(cells[at], array.to_pylist(), strict=True)]
        yield from zip(*cells, strict=True)


# -- one cell --------------------------------------------------------------------------------------------


def _writers(columns: tuple[Column, ...], book: Any, text: Counter[str]) -> list[Write]:
    formats = {name: book.add_format({"num_format": form}) for name, form in _FORMATS.items()}
    return [_writer(column, formats, text) for column in columns]


def _writer(column: Column, formats: dict[str, Any], text: Counter[str]) -> Write:
    name = column.kind.name

    def as_text(sheet: Any, row: int, at: int, value: str) -> None:
        text[column.name] += 1
        _text(sheet, row, at, value)

    def number(sheet: Any, row: int, at: int, value: Any) -> None:
        if _fits(value):
            sheet.write_number(row, at, int(value) if value == int(value) and abs(value) < 2**53 else float(value))
        else:
            as_text(sheet, row, at, f"{value:f}" if isinstance(value, Decimal) else str(value))

    def date(sheet: Any, row: int, at: int, days: int | str) -> None:
        if isinstance(days, str):
            as_text(sheet, row, at, days)
        else:
            sheet.write_number(row, at, days + _EPOCH, formats["DATE"])

    def stamp(sheet: Any, row: int, at: int, moment: int | str) -> None:
        if isinstance(moment, str):
            as_text(sheet, row, at, moment)
        else:
            sheet.write_number(row, at, moment / _DAY_US + _EPOCH, formats["TIMESTAMP"])

    def time(sheet: Any, row: int, at: int, moment: int) -> None:
        if moment == _DAY_US:
            as_text(sheet, row, at, "24:00:00")
        else:
            sheet.write_number(row, at, moment / _DAY_US, formats["TIME"])

    def boolean(sheet: Any, row: int, at: int, value: bool) -> None:
        sheet.write_boolean(row, at, value)

    if name in _NUMBERS:
        return number
    if name in _STAMPS:
        return stamp
    return {"DATE": date, "TIME": time, "BOOLEAN": boolean}.get(name, _text)


def _fits(value: Any) -> bool:
    """Whether a double is this very number."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Decimal):
        return bool(Decimal(repr(float(value))) == value)
    return bool(int(float(value)) == value)


def _text(sheet: Any, row: int, at: int, value: str, form: Any = None) -> None:
    if len(value) > MAX_TEXT:
        raise TargetError(f"Row {row:,}, column {at + 1}: the text has {len(value):,} letters, a cell of Excel holds "
                          f"{MAX_TEXT:,}.", hint="Export to csv or parquet, or shorten it with --sql.")
    sheet.write_string(row, at, value, form)
