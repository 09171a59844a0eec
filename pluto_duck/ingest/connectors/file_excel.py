"""Sheets of a workbook as tables: where the header is, what merged cells mean, which type each column has."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pluto_duck.errors import SourceError, missing_extra, unknown_name
from pluto_duck.ingest.connectors.csv_dialect import column_names
from pluto_duck.ingest.connectors.csv_types import CHANGED, text
from pluto_duck.ingest.connectors.file_excel_extent import bounded, cells_of
from pluto_duck.ingest.connectors.file_formats import table_name
from pluto_duck.ingest.connectors.file_reading import FileColumn, Files, column, plain_reason, readable
from pluto_duck.workspace import quote

LOOKED_AT = 50
Row = list[Any]


def workbook(path: Path, shown: str, options: Mapping[str, str]) -> Any:
    try:
        import python_calamine
    except ImportError:
        raise missing_extra("python-calamine", "excel", why="A spreadsheet") from None
    with _sound(shown), readable(shown):
        return python_calamine.load_workbook(bounded(path, shown, options))


@contextmanager
def _sound(shown: str) -> Iterator[None]:
    """What the reader says of a file that is no workbook, or only nearly one."""
    import python_calamine

    try:
        yield
    except SourceError:
        raise
    except (python_calamine.CalamineError, ValueError) as error:
        reason = "it is protected by a password" if "assword" in str(error) else plain_reason(str(error))
        raise SourceError(f"{shown} can't be read: {reason}", hint="Does it open in a spreadsheet program?") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # how its own mistakes look from here
            raise
        raise SourceError(f"{shown} can't be read: it is damaged.",
                          hint="Does it open in a spreadsheet program? Save it anew there.") from error


class ExcelReading:
    def __init__(self, files: Files, folder: Path) -> None:
        self._files = files
        self._sheet: Sheet | None = None
        self.note = ""

    @staticmethod
    def tables(path: Path, options: Mapping[str, str], *, alone: bool = True) -> list[tuple[str, dict[str, str]]]:
        """(name of the table, options with its sheet) for each sheet that holds something, or for the one chosen."""
        import python_calamine

        book = workbook(path, str(path), options)
        names = list(book.sheet_names)
        wanted = options.get("sheet")
        if wanted is not None:
            if wanted not in names and wanted.isdigit() and 1 <= int(wanted) <= len(names):
                wanted = names[int(wanted) - 1]
            if wanted not in names:
                raise unknown_name("sheet", wanted, names, where=path.name)
            return [(table_name(path), {**options, "sheet": wanted})]
        visible = [one.name for one in book.sheets_metadata
                   if one.typ == python_calamine.SheetTypeEnum.WorkSheet
                   and one.visible == python_calamine.SheetVisibleEnum.Visible]
        with _sound(str(path)):
            filled = [one for one in visible if book.get_sheet_by_name(one).total_height]
        if not filled:
            raise SourceError(f"{path} holds no sheet with cells in it.", hint="Was it saved?")
        if len(filled) == 1:
            return [(table_name(path), {**options, "sheet": filled[0]})]
        return [(one if alone else f"{table_name(path)}_{one}", {**options, "sheet": one}) for one in filled]

    def describe(self, connection: Any) -> list[FileColumn]:
        sheet = self._load()
        self.note = sheet.note
        return [column(name, kind, quote(name), source_type="cells", note=note)
                for name, kind, note in zip(sheet.names, sheet.types, sheet.notes, strict=True)]

    def _load(self) -> Sheet:
        if self._sheet is None:
            book = workbook(self._files.paths[0], self._files.shown, self._files.options)
            with _sound(self._files.shown):
                found = book.get_sheet_by_name(self._files.options["sheet"])
                merged = [(a, b) for a, b in (found.merged_cell_ranges or [])]
                rows = found.to_python(skip_empty_area=False)
            self._sheet = Sheet.of(rows, merged, self._files.options, self._files.shown)
        return self._sheet

    def cast(self, col: FileColumn, kind: str) -> FileColumn:
        value = quote(col.name)
        select = f"{value}::{kind}"
        if col.type == "DOUBLE" and kind != "VARCHAR":  # 1.5 is no whole number
            select = (f"CASE WHEN {select}::DOUBLE <> {value} THEN system.main.error({text(CHANGED)}) "
                      f"ELSE {select} END")
        return column(col.name, kind, select, source_type=f"cells as {kind}")

    def source(self, connection: Any, columns: Sequence[FileColumn]) -> str:
        name = f"pluto_sheet_{uuid.uuid4().hex}"
        connection.register(name, self._load().table())
        return name

    def settle(self, connection: Any, said: str = "") -> bool:
        return False

    def problem(self, connection: Any, said: str) -> SourceError:
        reason = "a value is not of the type it was to be cast to" if CHANGED in said else plain_reason(said)
        return SourceError(f"{self._files.shown} can't be read: {reason}", hint="As text: --cast COLUMN=VARCHAR")

    def rejects(self, connection: Any, columns: Sequence[FileColumn]) -> str:
        return ""


@dataclass
class Sheet:
    names: tuple[str, ...]
    types: list[str]
    notes: list[str]
    values: list[list[Any]]
    """By column."""
    note: str

    @classmethod
    def of(cls, rows: list[Row], merged: Sequence[Any], options: Mapping[str, str], shown: str) -> Sheet:
        rows, merged = _part(rows, merged, options)
        rows = [[None if one == "" else one for one in row] for row in rows]
        while rows and not any(one is not None for one in rows[-1]):
            rows.pop()
        if not rows:
            raise SourceError(f"{shown}: the sheet {options.get('sheet')} is empty.",
                              hint="Choose another: --option sheet=NAME")
        head, notes = _filled(rows, merged), []
        first, last = _header(head, merged, options)
        width = max(len(row) for row in rows)
        used = [i for i in range(width) if any(i < len(row) and row[i] is not None for row in rows[first:])]
        if first:
            notes.append(f"{'row 1' if first == 1 else f'rows 1 to {first}'} above the header left out")
        if last > first + 1:
            notes.append(f"header of {last - first} rows joined")
        body = [row for row in rows[last:] if any(one is not None for one in row)]
        if any(a[0] >= last for a, _b in merged):
            notes.append("merged cells below the header: the value stands in the first row or column only")
        titles = [" ".join(dict.fromkeys(_shown(head[r][i]) for r in range(first, last)
                                         if i < len(head[r]) and head[r][i] is not None)) for i in used]
        names, renamed = column_names(titles)
        if renamed:
            notes.append(f"columns named here: {', '.join(renamed[:8])}")
        values = [[row[i] if i < len(row) else None for row in body] for i in used]
        typed = [_typed(one) for one in values]
        return cls(names, [one[0] for one in typed], [one[1] for one in typed], [one[2] for one in typed],
                   f"sheet {options.get('sheet')}" + "".join(f"; {one}" for one in notes))

    def table(self) -> Any:
        import pyarrow

        kinds = {"BIGINT": pyarrow.int64(), "DOUBLE": pyarrow.float64(), "BOOLEAN": pyarrow.bool_(),
                 "DATE": pyarrow.date32(), "TIMESTAMP": pyarrow.timestamp("us"), "TIME": pyarrow.time64("us"),
                 "INTERVAL": pyarrow.duration("us"), "VARCHAR": pyarrow.string()}
        columns = [pyarrow.array(values, kinds[kind]) for values, kind in zip(self.values, self.types, strict=True)]
        return pyarrow.table(columns, names=list(self.names))


def _part(rows: list[Row], merged: Sequence[Any], options: Mapping[str, str]) -> tuple[list[Row], list[Any]]:
    top = left = 0
    if "range" in options:
        top, left, bottom, right = cells_of(options["range"])
        rows = [row[left:right + 1] for row in rows[top:len(rows) if bottom is None else bottom + 1]]
    skip = int(options.get("skip", "0"))
    rows, top = rows[skip:], top + skip
    moved = [((a[0] - top, a[1] - left), (b[0] - top, b[1] - left)) for a, b in merged]
    return rows, [one for one in moved if one[1][0] >= 0 and one[1][1] >= 0]


def _filled(rows: list[Row], merged: Sequence[Any]) -> list[Row]:
    """The first rows, each cell of a merged one with its value."""
    head = [list(row) for row in rows[:LOOKED_AT]]
    for (top, left), (bottom, right) in merged:
        if not (0 <= top < len(head) and 0 <= left < len(head[top])):
            continue
        for r in range(top, min(bottom + 1, len(head))):
            for c in range(left, min(right + 1, len(head[r]))):
                head[r][c] = head[top][left]
    return head


def _header(head: list[Row], merged: Sequence[Any], options: Mapping[str, str]) -> tuple[int, int]:
    """(first row of the header, first row below it)."""
    said = options.get("header", "").lower()
    if said in ("false", "no", "0"):
        return 0, 0
    if said.isdigit():
        return int(said) - 1, int(said)
    counts = [sum(one is not None for one in row) for row in head]
    width = max(counts)
    wide = {(a[0], b[0]) for a, b in merged if b[1] - a[1] + 1 >= max(2, width) and b[1] > a[1]}
    for r, row in enumerate(head):
        titles = [one for one in row if one is not None]
        is_title = any(a <= r <= b for a, b in wide) and len(set(map(str, titles))) == 1
        enough = titles and len(titles) >= max(1, 0.6 * width)
        if enough and not is_title and all(isinstance(one, str) for one in titles):
            last = r + 1
            joined = any((a[0] <= r and b[1] > a[1] and b[0] == r) or (a[0] == r and b[0] > r) for a, b in merged
                         if (a[0], b[0]) not in wide)
            if joined and last < len(head) and all(one is None or isinstance(one, str) for one in head[last]):
                last += 1
            return r, last
    first = next(r for r, count in enumerate(counts) if count)
    return (first, first + 1) if said in ("true", "yes") else (first, first)


def _shown(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return " ".join(str(value).split())


def _typed(values: list[Any]) -> tuple[str, str, list[Any]]:
    """(type, note, the values of that type)."""
    kinds = {type(one) for one in values if one is not None}
    if not kinds or kinds == {str}:
        return "VARCHAR", "", values
    if kinds == {bool}:
        return "BOOLEAN", "", values
    if kinds <= {float, int}:
        if all(float(one).is_integer() and abs(one) < 2**53 for one in values if one is not None):
            return "BIGINT", "", [None if one is None else int(one) for one in values]
        return "DOUBLE", "", [None if one is None else float(one) for one in values]
    if kinds <= {dt.date, dt.datetime}:
        if kinds == {dt.date}:
            return "DATE", "", values
        whole = [one if one is None or isinstance(one, dt.datetime) else dt.datetime(one.year, one.month, one.day)
                 for one in values]
        if all(one is None or one.time() == dt.time() for one in whole):
            return "DATE", "", [None if one is None else one.date() for one in whole]
        return "TIMESTAMP", "", whole
    if kinds == {dt.time}:
        return "TIME", "", values
    if kinds == {dt.timedelta}:
        return "INTERVAL", "", values
    words = {str: "text", float: "numbers", int: "numbers", bool: "true/false"}
    names = " and ".join(sorted({words.get(one, "dates and times") for one in kinds}))
    return "VARCHAR", f"text because it holds {names}", [None if one is None else _shown(one) for one in values]
