"""Workbooks: sheets as tables, titles above the header, merged headers, types of cells."""

from __future__ import annotations

import datetime as dt
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.errors import SourceError, UnknownName, UsageError
from pluto_duck.ingest import ingest
from pluto_duck.ingest.connectors.file import FileConnector
from pluto_duck.ingest.options import LoadOptions
from pluto_duck.session import Session


def _book(path: Path, sheets: dict[str, list[list[Any]]], merge: tuple[str, ...] = ()) -> str:
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        for cells in merge:
            sheet.merge_cells(cells)
    book.save(path)
    return str(path)


def _noted(path: str, **options: str) -> str:
    connector = FileConnector(path)
    connector.configure(options)
    with connector:
        return connector.discover()[0].note


def test_a_sheet_becomes_a_table_with_the_types_of_its_cells(session: Session, tmp_path: Path) -> None:
    path = _book(tmp_path / "b.xlsx", {"Sheet1": [
        ["id", "price", "day", "at", "ok", "zip", "mixed", None],
        [1, 1.5, dt.date(2024, 2, 29), dt.datetime(2024, 1, 1, 10, 30), True, "007", 1, None],
        [2, None, dt.date(2024, 3, 1), dt.datetime(2024, 1, 2), False, "x", "n/a", None]]})
    ingest(session, path)
    [table] = session.tables()
    assert (table.ref.name, [c.type for c in table.columns]) == (
        "b", ["BIGINT", "DOUBLE", "DATE", "TIMESTAMP", "BOOLEAN", "VARCHAR", "VARCHAR"])
    assert session.query("SELECT * FROM b").rows() == [
        (1, 1.5, dt.date(2024, 2, 29), dt.datetime(2024, 1, 1, 10, 30), True, "007", "1"),
        (2, None, dt.date(2024, 3, 1), dt.datetime(2024, 1, 2), False, "x", "n/a")]


def test_every_sheet_is_a_table_and_one_can_be_chosen(session: Session, tmp_path: Path) -> None:
    path = _book(tmp_path / "b.xlsx", {"Budget": [["a"], [1]], "it's": [["b"], [2]], "Empty": []})
    assert [t.ref.name for t in ingest(session, path).tables] == ["Budget", "it's"]
    assert [t.ref.name for t in ingest(session, path, LoadOptions(options={"sheet": "it's"})).tables] == ["b"]
    with pytest.raises(UnknownName) as caught:
        ingest(session, path, LoadOptions(options={"sheet": "Budgett"}))
    assert "Budget" in caught.value.hint


def test_titles_above_the_header_and_merged_headers_are_understood_and_said(session: Session, tmp_path: Path) -> None:
    path = _book(tmp_path / "b.xlsx", {"S": [
        ["Sales of the north", None, None, None, None], [None] * 5,
        ["Region", "2023", None, "2024", None], [None, "Q1", "Q2", "Q1", "Q2"],
        ["North", 1, 2, 3, 4], ["South", 5, 6, 7, None]]}, ("A1:E1", "A3:A4", "B3:C3", "D3:E3"))
    ingest(session, path)
    assert [(c.name, c.type) for c in session.tables()[0].columns] == [
        ("Region", "VARCHAR"), ("2023 Q1", "BIGINT"), ("2023 Q2", "BIGINT"), ("2024 Q1", "BIGINT"), ("2024 Q2", "BIGINT")]
    assert session.query("SELECT * FROM b").rows() == [("North", 1, 2, 3, 4), ("South", 5, 6, 7, None)]
    assert _noted(path) == "sheet S; rows 1 to 2 above the header left out; header of 2 rows joined"


def test_a_range_rows_skipped_and_a_header_row_can_be_said(session: Session, tmp_path: Path) -> None:
    path = _book(tmp_path / "b.xlsx", {"S": [["x"] * 4, [None, "a", "b", None], [9, 1, 2, 9], [9, 3, 4, 9]]})
    for options in ({"range": "B2:C4"}, {"range": "B2:C"}):
        ingest(session, path, LoadOptions(options=options))
        assert session.query("SELECT a, b FROM b").rows() == [(1, 2), (3, 4)]
    ingest(session, path, LoadOptions(options={"header": "2"}))
    assert session.query("SELECT a, b FROM b").rows() == [(1, 2), (3, 4)]
    ingest(session, path, LoadOptions(options={"skip": "2", "header": "false"}))
    assert [c.name for c in session.tables()[0].columns] == ["column0", "column1", "column2", "column3"]
    with pytest.raises(UsageError, match="no range"):
        ingest(session, path, LoadOptions(options={"range": "B2"}))


def test_merged_cells_below_the_header_are_said(tmp_path: Path) -> None:
    path = _book(tmp_path / "b.xlsx", {"S": [["a", "b"], ["x", 1], [None, 2]]}, ("A2:A3",))
    assert _noted(path) == "sheet S; merged cells below the header: the value stands in the first row or column only"


def test_what_is_no_workbook_is_told(session: Session, tmp_path: Path) -> None:
    (tmp_path / "b.xlsx").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(SourceError, match=r"b\.xlsx can't be read"):
        ingest(session, str(tmp_path / "b.xlsx"))
    with pytest.raises(SourceError, match="no sheet with cells"):
        ingest(session, _book(tmp_path / "c.xlsx", {"S": []}))


def _sparse(path: Path) -> str:
    import openpyxl

    book = openpyxl.Workbook()
    for row in (["id", "name"], [1, "a & b"], [2, "<c>"]):
        book.active.append(row)
    book.active["XFD1048576"] = "far"
    book.create_sheet("Small").append(["x"])
    book["Small"].append([7])
    book.save(path)
    return str(path)


def test_a_sheet_with_one_cell_in_the_last_corner_is_refused_with_a_way_out(session: Session, tmp_path: Path) -> None:
    path = _sparse(tmp_path / "t.xlsx")
    with pytest.raises(SourceError) as caught:
        ingest(session, path)
    assert caught.value.message == (f"{path}: the sheet Sheet reaches to cell XFD1048576, 17,179,869,184 cells; "
                                    "at most 50,000,000 can be read.")
    assert "--option range=A1:Z1000" in caught.value.hint


@pytest.mark.parametrize("cells", ["A1:Z1000", "A1:B"])
def test_a_range_is_read_out_of_a_sheet_that_is_too_large(cells: str, session: Session, tmp_path: Path) -> None:
    path = _sparse(tmp_path / "t.xlsx")
    ingest(session, path, LoadOptions(into="t", options={"sheet": "Sheet", "range": cells}))
    assert session.query("FROM t").rows() == [(1, "a & b"), (2, "<c>")]


def test_another_sheet_is_read_beside_one_that_is_too_large(session: Session, tmp_path: Path) -> None:
    ingest(session, _sparse(tmp_path / "t.xlsx"), LoadOptions(into="t", options={"sheet": "Small"}))
    assert session.query("FROM t").rows() == [(7,)]


def test_a_workbook_that_unpacks_to_far_more_than_it_is_is_refused(session: Session, tmp_path: Path) -> None:
    path = _sparse(tmp_path / "t.xlsx")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as book, book.open("xl/media/more.xml", "w") as file:
        for _ in range(80):
            file.write(bytes(1 << 20))
    with pytest.raises(SourceError, match=r"would unpack to more than can be read: xl/media/more.xml has 83,886,080"):
        ingest(session, path)


@pytest.mark.parametrize("sheet", [
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;">]><worksheet><sheetData><row><c t="inlineStr"><is><t>&b;'
    "</t></is></c></row></sheetData></worksheet>",
    "<worksheet><sheetData><row><c><v>1</v></row>",
    '<worksheet><sheetData><row r="x"><c r="1A"><v>1</v></c></row></sheetData>'])
def test_a_sheet_that_makes_no_sense_is_told(sheet: str, session: Session, tmp_path: Path) -> None:
    """Entities that would multiply, tags that do not close, cells that lie nowhere."""
    good, path = Path(_book(tmp_path / "good.xlsx", {"S": [["a"], [1]]})), tmp_path / "t.xlsx"
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(path, "w") as book:
        for one in source.namelist():
            book.writestr(one, sheet if one == "xl/worksheets/sheet1.xml" else source.read(one))
    with pytest.raises(SourceError, match=r"t\.xlsx can't be read"):
        ingest(session, str(path))
    assert session.tables() == []
