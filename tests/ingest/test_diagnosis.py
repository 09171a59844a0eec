"""A diagnosis says what a careful person would have found."""

from __future__ import annotations

from pathlib import Path

import pytest

from pluto_duck.errors import SourceError
from pluto_duck.ingest.diagnosis import Diagnosis, diagnose

CSV = """id,name,city,amount,joined,age,code,const
1,Ann,Rome,10.5,2024-01-01,30,"1,000",x
2, Bob,rome,11.5,1900-01-01,31,"2,000",x
3,Cid,N/A,9.5,2024-01-03,999,"3,000",x
4,,Oslo,10.0,2024-01-04,999,"4,000",x
"""


def _diagnosed(tmp_path: Path, text: str, **more: int) -> Diagnosis:
    (tmp_path / "people.csv").write_text(text)
    return diagnose(str(tmp_path / "people.csv"), **more)


def test_each_column_is_described_and_its_oddities_told(tmp_path: Path) -> None:
    [table] = _diagnosed(tmp_path, CSV).tables
    by_name = {one.name: one for one in table.columns}
    assert (table.rows, table.complete, table.duplicate_rows, table.keys[0]) == (4, True, 0, ("id",))
    assert table.note == 'delimiter ,, quote ", header, utf-8'
    assert by_name["name"].null_percent == 25
    assert by_name["name"].findings == ("1 with blanks around them",)
    assert by_name["city"].findings == ("1 that may mean nothing: N/A", "1 written in more than one way: Rome / rome")
    assert by_name["joined"].findings == ("1 x 1900-01-01, which may mean nothing",)
    assert by_name["age"].findings == ("2 x 999, which may mean nothing",)
    assert by_name["code"].findings == (
        "looks like numbers with thousands separators: --option thousands=,", "numbers stored as text")
    assert by_name["const"].findings == ("always the same",)
    assert (by_name["amount"].type, by_name["amount"].minimum, by_name["amount"].maximum) == ("DOUBLE", "9.5", "11.5")


def test_repeated_rows_outliers_and_joint_keys_are_found(tmp_path: Path) -> None:
    rows = "".join(f"{i // 10},{i % 10},{50 + i % 7}\n" for i in range(100))
    [table] = _diagnosed(tmp_path, "a,b,n\n" + rows.replace("9,9,51", "9,9,90000")).tables
    assert table.keys == (("a", "b"),)
    assert table.columns[2].findings == ("1 far outside the others, such as 90000",)
    [table] = _diagnosed(tmp_path, "a,b\n1,x\n1,x\n1,x\n2,y\n").tables
    assert (table.duplicate_rows, table.keys) == (2, ())


def test_it_reads_as_table_and_remarks(tmp_path: Path) -> None:
    made = _diagnosed(tmp_path, "id,v\n1,a\n2,a\n")
    assert made.HEADERS == ("table", "column", "type", "null %", "distinct", "min", "max", "examples", "findings")
    assert made.rows() == [("people", "id", "BIGINT", 0.0, 2, "1", "2", "1, 2", ""),
                           ("people", "v", "VARCHAR", 0.0, 1, "a", "a", "a", "always the same")]
    assert made.remarks() == ['people: 2 rows; delimiter ,, quote ", header, utf-8.',
                              "people: could be told apart by id."]


def test_a_large_file_is_looked_at_in_part_and_says_so(tmp_path: Path) -> None:
    made = _diagnosed(tmp_path, "id\n" + "".join(f"{i}\n" for i in range(500)), max_rows=100)
    assert (made.tables[0].rows, made.tables[0].complete) == (100, False)
    assert "only these were looked at" in made.remarks()[0]


def test_late_values_and_empty_files_are_diagnosed_too(tmp_path: Path) -> None:
    [table] = _diagnosed(tmp_path, "zip\n" + "10000\n" * 21_000 + "00501\n").tables
    assert table.columns[0].type == "VARCHAR"
    [table] = _diagnosed(tmp_path, "a,b\n").tables
    assert (table.rows, table.keys) == (0, ())


def test_texts_that_are_mostly_of_one_kind_are_told_with_one_that_is_not(tmp_path: Path) -> None:
    [table] = _diagnosed(tmp_path, "day,n,ok,word\n2021-01-02,1,yes,a\n2021-02-30,2,no,b\n2021-03-01,x,maybe,1\n"
                                   "2021-03-04 10:30,N/A,true,2021-01-01\n").tables
    said = {one.name: one.findings for one in table.columns}
    assert said["day"] == ("3 of 4 values are dates; '2021-02-30' is not",)
    assert "2 of 3 values are numbers; 'x' is not" in said["n"]
    assert said["ok"] == ("3 of 4 values are booleans; 'maybe' is not",)
    assert said["word"] == ()


def test_a_folder_is_looked_at_beside_its_broken_files(tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text("a\n1\n")
    (tmp_path / "bad.parquet").write_text("this is none")
    found = diagnose(str(tmp_path))
    assert [one.name for one in found.tables] == ["good"]
    assert [name for name, _why in found.problems] == ["bad"]
    assert any(one.startswith("bad can't be looked at: ") for one in found.remarks())
    (tmp_path / "good.csv").unlink()
    with pytest.raises(SourceError):
        diagnose(str(tmp_path))
