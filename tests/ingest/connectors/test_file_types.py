"""What a csv or json says is what the table holds, however late it says it."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.errors import SourceError, UsageError
from pluto_duck.ingest import ingest
from pluto_duck.ingest.connectors.file import FileConnector
from pluto_duck.ingest.options import LoadOptions
from pluto_duck.session import Session

EARLY = 21_000
"""More rows than are looked at before a load."""


def _csv(path: Path, first: str, late: str, rows: int = EARLY) -> str:
    path.write_text("n,c\n" + "".join(f"{i},{first}\n" for i in range(rows)) + f"{rows},{late}\n")
    return str(path)


@pytest.mark.parametrize(("first", "late", "kind", "value"), [
    ("10", "007", "VARCHAR", "007"),
    ("10", "1.5", "DOUBLE", 1.5),
    ("10", "123456789012345678901", "HUGEINT", 123456789012345678901),
    ("10", "+49170", "VARCHAR", "+49170"),
    ("10", "1_000", "VARCHAR", "1_000"),
    ("0.5", "0.12345678901234567891", "DECIMAL(38,20)", Decimal("0.12345678901234567891")),
    ("0.5", "9007199254740993", "DECIMAL(38,2)", Decimal("9007199254740993.00")),
    ("0.5", "007.5", "VARCHAR", "007.5"),
    ("2024-01-02", "2024-01-02 10:30", "TIMESTAMP", dt.datetime(2024, 1, 2, 10, 30)),
    ("2024-01-02 10:00:00", "2024-01-02 10:00:00+02", "VARCHAR", "2024-01-02 10:00:00+02"),
    ("01/02/2024", "01/13/2024", "DATE", dt.date(2024, 1, 13)),
    ("10:00:00", "10:00:00.1234567", "VARCHAR", "10:00:00.1234567"),
    ("10", " 11 ", "BIGINT", 11),
])
def test_a_late_value_gets_a_type_that_holds_it(
        first: str, late: str, kind: str, value: Any, session: Session, tmp_path: Path) -> None:
    ingest(session, _csv(tmp_path / "t.csv", first, late))
    assert [c.type for c in session.tables()[0].columns] == ["BIGINT", kind]
    assert session.query(f"SELECT c FROM t WHERE n = {EARLY}").rows() == [(value,)]
    assert session.query("SELECT count(*) FROM t").rows() == [(EARLY + 1,)]


@pytest.mark.parametrize(("first", "late"), [
    ("2024-01-02", "2024-1-02x"), ("2024-01-02", "2024-01-2x"), ("2024-01-02", " 024-01-02"),
    ("2024-01-02", "-024-01-02"), ("2024-01-02", "99-1-2(BC)"), ("2024-01-02", "2024-1-2T0"),
    ("2024-01-02 10:00:00", "2024-01-02 10:00:5Z"), ("2024-01-02 10:00:00", " 024-01-02 10:00:00"),
    ("2024-01-02 10:00:00", "2024-1-2   10:00:00"),
])
def test_what_is_only_nearly_a_date_stays_what_it_is(first: str, late: str, session: Session, tmp_path: Path) -> None:
    """As long as a date, and taken for one by DuckDB's cast."""
    ingest(session, _csv(tmp_path / "t.csv", first, late))
    assert session.query(f"SELECT c::VARCHAR FROM t WHERE n IN (0, {EARLY}) ORDER BY n").rows() == [(first,), (late,)]


@pytest.mark.parametrize(("values", "kind"), [
    (["1", "-2"], "BIGINT"), (["1.5", "2", "-0.25", "1e300"], "DOUBLE"), ([repr(1 / 3), repr(2 / 7)], "DOUBLE"),
    (["12345678901234567890123456789012345678901234567890"], "VARCHAR"), (["true", "FALSE"], "BOOLEAN"),
    (["F", "F"], "VARCHAR"), (["NO", "NO"], "VARCHAR"), (["yes", "no"], "BOOLEAN"), (["nan", "1.5"], "DOUBLE"),
    (["2024-01-01 10:00:00.123456789"], "TIMESTAMP_NS"), (["2024-01-01T10:00:00Z"], "TIMESTAMP WITH TIME ZONE"),
    (["13.02.2024", "01.02.2024"], "DATE"), (["3/4/2024 5:06 PM"], "TIMESTAMP"), (["1/2/24"], "VARCHAR"),
    (["", ""], "VARCHAR"), (["20240102"], "BIGINT"), (["1.50", "2.500000000000000000"], "DOUBLE"), (["-0"], "DOUBLE"),
    (["1.5E-7", "2.5e+10"], "DOUBLE"), (["10:00", "11:30"], "TIME"),
])
def test_a_column_of_these_values_has_this_type(values: list[str], kind: str, session: Session, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("c,x\n" + "".join(f"{one},x\n" for one in values))
    ingest(session, str(tmp_path / "t.csv"))
    assert session.tables()[0].columns[0].type == kind


def _notes(path: Path, **options: str) -> dict[str, tuple[str, str]]:
    connector = FileConnector(str(path))
    connector.configure(options)
    with connector:
        [table] = connector.discover()
        return {one.name: (one.type, one.note) for one in table.columns} | {"": ("", table.note)}


def test_notes_say_what_was_taken_and_what_would_help(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('day;zip;price;big;score;plain\n01/02/2024;00501;1.234,50;1,5;12;a\n'
                    '03/04/2024;10001;7,25;22,75;N/A;b\n05/06/2024;20002;8,5;1,25;14;c\n')
    notes = _notes(path)
    assert notes["day"] == ("DATE", "read as %d/%m/%Y: day or month first can't be told from the values; "
                                    "--option dateformat=%m/%d/%Y for the other")
    assert notes["zip"] == ("VARCHAR", "kept as text: a number would lose its leading zeros")
    assert notes["price"] == ("VARCHAR", "looks like numbers with a decimal comma: --option decimal=, --option thousands=.")
    assert notes["score"] == ("VARCHAR", "text because of N/A: numbers with --option null=N/A")
    assert notes[""][1] == 'delimiter ;, quote ", header, utf-8'
    notes = _notes(path, decimal=",", thousands=".", null="N/A", dateformat="%m/%d/%Y")
    assert [notes[one][0] for one in ("day", "price", "big", "score")] == ["DATE", "DOUBLE", "DOUBLE", "BIGINT"]


def test_options_for_commas_and_nulls_load_the_values(session: Session, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("day;price;n\n01/02/2024;1.234,50;-\n03/04/2024;7,25;5\n")
    ingest(session, str(tmp_path / "t.csv"),
           LoadOptions(options={"decimal": ",", "thousands": ".", "null": "-", "dateformat": "%m/%d/%Y"}))
    assert session.query("SELECT * FROM t").rows() == [(dt.date(2024, 1, 2), 1234.5, None), (dt.date(2024, 3, 4), 7.25, 5)]


@pytest.mark.parametrize("late", [0, EARLY])
def test_quoted_nothing_is_an_empty_text_but_no_number(late: int, session: Session, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("n,d,f,s\n" + "1,2024-01-02,1.5,x\n" * late
                                    + '"2","2024-01-03","2.5","y"\n"","","",""\n,,,\n"-","-","-","-"\n')
    ingest(session, str(tmp_path / "t.csv"), LoadOptions(options={"null": "-"}))
    assert [c.type for c in session.tables()[0].columns] == ["BIGINT", "DATE", "DOUBLE", "VARCHAR"]
    assert session.query("SELECT * FROM t WHERE n IS NULL ORDER BY s").rows() == [
        (None, None, None, ""), (None, None, None, None), (None, None, None, None)]


def test_a_cast_takes_quoted_nothing_as_nothing(session: Session, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('a,b\n"x","007"\n"y",""\n')
    ingest(session, str(tmp_path / "t.csv"), cast={"b": "DECIMAL(5,1)"})
    assert session.query("SELECT b FROM t WHERE a = 'y'").rows() == [(None,)]


def test_an_unknown_option_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        FileConnector(str(tmp_path)).configure({"delimeter": ";"})
    assert caught.value.hint == "Did you mean delimiter?"


def test_names_given_twice_or_not_at_all_are_told_apart(session: Session, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,A,,b,a_1\n1,2,3,4,5\n")
    ingest(session, str(tmp_path / "t.csv"))
    assert [c.name for c in session.tables()[0].columns] == ["a", "A_2", "column2", "b", "a_1"]
    assert "columns named here: A_2, column2" in _notes(tmp_path / "t.csv")[""][1]


def test_files_without_a_header_and_with_only_one(session: Session, tmp_path: Path) -> None:
    (tmp_path / "bare.csv").write_text("1,x\n2,y\n")
    (tmp_path / "empty.csv").write_text("a,b\n")
    (tmp_path / "forced.csv").write_text("2023,2024\n1,2\n")
    report = ingest(session, str(tmp_path))
    assert [(t.ref.name, t.rows) for t in report.tables] == [("bare", 2), ("empty", 0), ("forced", 2)]
    ingest(session, str(tmp_path / "forced.csv"), LoadOptions(options={"header": "true"}))
    assert [c.name for c in session.tables()[2].columns] == ["2023", "2024"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1", "windows-1252", "shift_jis", "cp437"])
def test_encodings(encoding: str, session: Session, tmp_path: Path) -> None:
    word = "鴨" if encoding in ("utf-8-sig", "utf-16", "shift_jis") else "café"
    (tmp_path / "t.csv").write_bytes(f"n,{word}\n1,{word}\n".encode(encoding))
    options = {} if encoding.startswith("utf") else {"encoding": encoding}
    ingest(session, str(tmp_path / "t.csv"), LoadOptions(options=options))
    assert session.query("SELECT * FROM t").rows() == [(1, word)]
    assert session.tables()[0].columns[1].name == word


def test_a_wrong_encoding_names_the_line_and_the_one_to_try(session: Session, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("n,c\n1,a\n2,na\u00efve\n".encode("latin-1"))
    with pytest.raises(SourceError, match="line 3") as caught:
        ingest(session, str(tmp_path / "t.csv"))
    assert caught.value.hint == "Say how it is written: --option encoding=windows-1252"
    with pytest.raises(SourceError, match="line 3: the text is not ascii"):
        ingest(session, str(tmp_path / "t.csv"), LoadOptions(options={"encoding": "ascii"}))
    with pytest.raises(UsageError, match="no encoding"):
        ingest(session, str(tmp_path / "t.csv"), LoadOptions(options={"encoding": "klingon"}))


def test_json_keeps_every_digit_and_every_shape(session: Session, tmp_path: Path) -> None:
    records: list[dict[str, Any]] = [
        {"id": 1, "n": {"x": 0.5, "when": "2024-01-01T10:00:00+02:00"}, "l": [1, 2], "zip": "007"}, {"id": 2, "late": True}]
    text = "\n".join(json.dumps(one) for one in records * 11_000)
    text += '\n{"id": 18446744073709551617, "d": 1.12345678901234567890, "only_here": "x"}\n'
    (tmp_path / "t.ndjson").write_text(text)
    ingest(session, str(tmp_path / "t.ndjson"))
    types = {c.name: c.type for c in session.tables()[0].columns}
    assert types["id"] == "HUGEINT"
    assert types["d"] == "DECIMAL(38,20)"
    assert types["zip"] == "VARCHAR"
    assert types["late"] == "BOOLEAN"
    assert session.query("SELECT id, d, only_here FROM t WHERE d IS NOT NULL").rows() == [
        (18446744073709551617, Decimal("1.12345678901234567890"), "x")]
    assert session.query("SELECT n, l, zip FROM t WHERE id = 1 LIMIT 1").rows() == [
        ({"x": 0.5, "when": "2024-01-01T10:00:00+02:00"}, [1, 2], "007")]


def test_read_and_scan_give_the_same(session: Session, tmp_path: Path) -> None:
    from pluto_duck.workspace.database import open_memory

    (tmp_path / "t.csv").write_text("a,b,c,d\n1,0.5,2024-01-02,x\n123456789012345678901,7,2024-02-29,\n")
    with FileConnector(str(tmp_path / "t.csv")) as connector:
        [table] = connector.discover()
        memory = open_memory()
        memory.register("incoming", connector.read(table))
        streamed = memory.execute("SELECT " + ", ".join(f"CAST({c.expression} AS {c.type})" for c in table.columns)
                                  + " FROM incoming").fetchall()
        scan = connector.scan(table)
        assert scan is not None
        assert streamed == memory.execute(f"SELECT {', '.join(scan.expressions)} FROM ({scan.sql})").fetchall()


def test_a_table_of_1600_columns(session: Session, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(",".join(f"c{i}" for i in range(1600)) + "\n"
                                    + "".join(",".join(str(i) for i in range(1600)) + "\n" for _ in range(3)))
    assert ingest(session, str(tmp_path / "t.csv")).rows == 3
    assert len(session.tables()[0].columns) == 1600
