"""Files: formats, names, and what a broken one says."""

from __future__ import annotations

import datetime as dt
import gzip
from pathlib import Path

import pytest

from pluto_duck.errors import ColumnRefused, SourceError, UnknownName, UsageError
from pluto_duck.ingest import ingest
from pluto_duck.ingest.connectors.file import table_name
from pluto_duck.ingest.options import Progress
from pluto_duck.session import Session


def test_a_csv_becomes_a_table_of_its_name_with_sniffed_types(session: Session, tmp_path: Path) -> None:
    (tmp_path / "sales 2024.csv").write_text(
        'id,day,"what, exactly",price,ok\n1,2024-02-29,"a ""b""",1.5,true\n2,2024-03-01,"x\ny",,false\n')
    report = ingest(session, str(tmp_path / "sales 2024.csv"))
    assert [(t.ref.name, t.rows) for t in report.tables] == [("sales 2024", 2)]
    assert [c.type for c in session.tables()[0].columns] == ["BIGINT", "DATE", "VARCHAR", "DOUBLE", "BOOLEAN"]
    assert session.query('SELECT * FROM "sales 2024"').rows() == [
        (1, dt.date(2024, 2, 29), 'a "b"', 1.5, True), (2, dt.date(2024, 3, 1), "x\ny", None, False)]


@pytest.mark.parametrize(("name", "text"), [
    ("t.tsv", "a\tb\n1\tx,y\n"), ("t.csv", "a;b\n1;x,y\n"), ("t.csv", "a|b\n1|x,y\n"), ("t.csv", "\ufeffa;b\n1;x,y\n")])
def test_the_delimiter_is_the_one_of_the_first_line(name: str, text: str, session: Session, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    ingest(session, str(tmp_path / name))
    assert session.query("SELECT a, b FROM t").rows() == [(1, "x,y")]


@pytest.mark.parametrize("blank", ["\n", "\n\n", "\r\n\r\n"])
def test_blank_lines_above_the_header_are_no_header(blank: str, session: Session, tmp_path: Path) -> None:
    end = "\r\n" if "\r" in blank else "\n"
    (tmp_path / "t.csv").write_bytes(f"{blank}a,b{end}1,x{end}{end}2,y{end}".encode())
    ingest(session, str(tmp_path / "t.csv"))
    assert session.query("FROM t").rows() == [(1, "x"), (2, "y")]


def test_a_packed_csv_is_read_and_a_torn_one_is_told(session: Session, tmp_path: Path) -> None:
    packed = gzip.compress(b"a,b\n" + b"1,2\n" * 100_000)
    (tmp_path / "t.csv.gz").write_bytes(packed)
    assert ingest(session, str(tmp_path / "t.csv.gz")).rows == 100_000
    (tmp_path / "t.csv.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(SourceError, match=r"t\.csv\.gz"):
        ingest(session, str(tmp_path / "t.csv.gz"))
    assert session.query("SELECT count(*) FROM t").rows() == [(100_000,)]


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(("row", "reason"), [
    ("2,b,9", "columns: 3 instead of 2"), ("7", "columns: 1 instead of 2. The line: 7"),
    ('5,"open', "quote")])
def test_a_bad_row_is_told_with_file_line_and_reason(
        row: str, reason: str, late: bool, session: Session, tmp_path: Path) -> None:
    good = 60_000 if late else 2
    lines = ["id,name", *(f"{i},n{i}" for i in range(good)), row, "3,c"]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(SourceError) as caught:
        ingest(session, str(tmp_path / "t.csv"))
    assert caught.value.facts["line"] == good + 2
    assert "t.csv, line" in caught.value.message
    assert reason in caught.value.message
    assert session.tables() == []


def test_a_value_unlike_the_first_rows_is_told_and_a_cast_helps(session: Session, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,n\n" + "".join(f"{i},{i}\n" for i in range(60_000)) + "oops,1\n")
    with pytest.raises(SourceError, match=r"line 60002.*oops") as caught:
        ingest(session, str(tmp_path / "t.csv"))
    assert "--cast id=VARCHAR" in caught.value.hint
    ingest(session, str(tmp_path / "t.csv"), cast={"id": "VARCHAR"})
    assert session.query("SELECT min(id), max(id) FROM t").rows() == [("0", "oops")]


def test_leading_zeros_are_kept(session: Session, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("zip,n\n00501,1\n10001,2\n")
    ingest(session, str(tmp_path / "t.csv"))
    assert session.query("SELECT zip FROM t").rows() == [("00501",), ("10001",)]


def test_what_is_no_csv_is_told(session: Session, tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes("id,name\n1,café\n".encode("latin1"))
    with pytest.raises(SourceError, match="not UTF-8") as caught:
        ingest(session, str(tmp_path / "latin.csv"))
    assert "--option encoding=windows-1252" in caught.value.hint
    (tmp_path / "page.csv").write_text("<!DOCTYPE html><html></html>")
    with pytest.raises(SourceError, match="web page"):
        ingest(session, str(tmp_path / "page.csv"))
    (tmp_path / "nothing.csv").write_text("")
    with pytest.raises(SourceError, match="is empty"):
        ingest(session, str(tmp_path / "nothing.csv"))
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(SourceError, match=r"torn\.parquet can't be read: No magic bytes"):
        ingest(session, str(tmp_path / "torn.parquet"))
    (tmp_path / "notes.docx").write_text("hello")
    with pytest.raises(UsageError, match="of no kind"):
        ingest(session, str(tmp_path / "notes.docx"))


def test_a_missing_file_or_folder_offers_the_nearest_name(session: Session, tmp_path: Path) -> None:
    (tmp_path / "flights.csv").write_text("a\n1\n")
    (tmp_path / "exports").mkdir()
    with pytest.raises(UnknownName, match=r'no file "fligths\.csv"') as caught:
        ingest(session, str(tmp_path / "fligths.csv"))
    assert "flights.csv" in caught.value.hint
    with pytest.raises(UnknownName, match='no folder "export"') as caught:
        ingest(session, str(tmp_path / "export" / "deep" / "x.csv"))
    assert "exports" in caught.value.hint
    with pytest.raises(UnknownName, match=r'no file "sales\.csv"') as caught:
        ingest(session, str(tmp_path / "sales.csv"))
    assert caught.value.hint == "Files there: flights.csv."
    with pytest.raises(UnknownName, match=r"No file fits .*\*\.parquet") as caught:
        ingest(session, str(tmp_path / "*.parquet"))
    assert caught.value.hint == "Files there: flights.csv."
    with pytest.raises(SourceError, match="holds no file"):
        ingest(session, str(tmp_path / "exports"))


def test_a_folder_and_a_glob_give_a_table_for_each_file(session: Session, tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv", "c.tsv", "readme.md"):
        (tmp_path / name).write_text("n\n1\n")
    assert [t.ref.name for t in ingest(session, str(tmp_path)).tables] == ["a", "b", "c"]
    assert [t.ref.name for t in ingest(session, str(tmp_path / "*.csv"), into="raw.*").tables] == ["a", "b"]
    assert [t.ref.name for t in ingest(session, str(tmp_path), tables=["c", "a*"]).tables] == ["c", "a"]
    (tmp_path / "a.tsv").write_text("n\n1\n")
    with pytest.raises(UsageError, match="same table 'a'"):
        ingest(session, str(tmp_path))


def test_names_with_quotes_and_stars_are_names(session: Session, tmp_path: Path) -> None:
    for name in ("it's [a] *.csv", "it's a x.csv"):
        (tmp_path / name).write_text(f'"or""der",{name[0]}\n1,2\n')
    report = ingest(session, str(tmp_path))
    assert [(t.ref.name, t.rows) for t in report.tables] == [("it's [a] *", 1), ("it's a x", 1)]
    assert session.tables()[0].columns[0].name == 'or"der'


def test_parquet_types_survive(session: Session, tmp_path: Path) -> None:
    session.query("SET TimeZone = 'America/New_York'")
    path = tmp_path / "t.parquet"
    session.query(f"""COPY (SELECT 1::UTINYINT u, 12.5::DECIMAL(38,10) d, '2024-01-01 12:00:00Z'::TIMESTAMPTZ tz,
        'f47ac10b-58cc-4372-a567-0e02b2c3d479'::UUID id, [1, NULL] l, {{'x': 1, 'y': ['a']}} s, MAP {{'k': 1}} m,
        INTERVAL '14 months 3 days 1 ms' i, '12:00:00.5'::TIME t, '\\x00\\xff'::BLOB b, '{{"a": 1}}'::JSON j,
        '2024-01-01 00:00:00.123456789'::TIMESTAMP_NS ns, '12:00:00+02'::TIMETZ tt) TO '{path}'""")
    ingest(session, str(path))
    read = f"SELECT * EXCLUDE (tt), tt::VARCHAR FROM read_parquet('{path}')"
    assert session.query(f"({read}) EXCEPT (SELECT * EXCLUDE (tt), tt::VARCHAR FROM t)").rows() == []
    kinds = [row[:2] for row in session.query(f"DESCRIBE FROM read_parquet('{path}')").rows()]
    assert [(c.name, c.type) for c in session.tables()[0].columns] == kinds


def test_a_type_that_would_lose_is_refused_by_name(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    session.query(f"COPY (SELECT 1 a, ['12:00:00+02'::TIMETZ] l) TO '{path}'")
    with pytest.raises(ColumnRefused, match="l is of type") as caught:
        ingest(session, str(path))
    assert "--cast l=VARCHAR or --skip l" in caught.value.hint
    assert ingest(session, str(path), skip=["l"]).rows == 1


def test_a_file_that_changes_while_it_is_read_is_not_half_loaded(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "1,2\n" * 500_000)

    def grow(progress: Progress) -> None:
        with open(path, "a") as file:
            file.write("3,4\n")

    with pytest.raises(SourceError, match="changed while it was read"):
        ingest(session, str(path), on_progress=grow)
    assert session.tables() == []


def test_a_table_is_named_after_its_file() -> None:
    assert [table_name(Path(name)) for name in ("a.csv", "a.b.CSV.gz", ".csv", "x.ndjson")] == ["a", "a.b", ".csv", "x"]
