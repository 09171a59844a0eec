"""What a load of files says besides its rows: guesses that may be wrong, and files that could not be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from pluto_duck.errors import PartlyLoaded, SourceError
from pluto_duck.ingest import ingest
from pluto_duck.ingest.options import LoadOptions
from pluto_duck.session import Session


@pytest.mark.parametrize(("text", "notice"), [
    ("d\n01/02/2024\n03/04/2024\n", "column d: read as %d/%m/%Y: day or month first can't be told from the values; "
                                    "--option dateformat=%m/%d/%Y for the other"),
    ("n\n1\n2\nx\n3\n", "column n: text because of x: numbers with --option null=x"),
    ("b\nyes\nno\n", "column b: yes and no read as true and false"),
    ("a,a\nx,y\n", "column a_1: named here, for the file gives the name twice or none"),
])
def test_a_load_says_what_it_guessed(text: str, notice: str, session: Session, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(text)
    assert ingest(session, str(tmp_path / "t.csv")).tables[0].notices == (notice,)


def test_a_load_is_silent_of_what_leaves_no_doubt(session: Session, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("d,n,b,z\n31/12/2024,1,true,007\n01/02/2024,2,false,008\n")
    assert ingest(session, str(tmp_path / "t.csv")).tables[0].notices == ()


def test_a_broken_file_of_a_folder_keeps_no_other_from_coming(session: Session, tmp_path: Path) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "a.csv").write_text("x\n1\n")
    (folder / "b.csv").write_text("")
    (folder / "c.xlsx").write_bytes(b"PK\x03\x04 nothing")
    (folder / "d.parquet").write_bytes(b"PAR1 nothing")
    (folder / "e.json").write_text('{"a": 2}')
    with pytest.raises(PartlyLoaded) as caught:
        ingest(session, str(folder))
    assert caught.value.facts["loaded"] == ["a", "e"]
    assert sorted(caught.value.facts["failed"]) == ["b", "c", "d"]
    assert f"b: {folder}/b.csv is empty" in caught.value.message
    assert session.query("SELECT a.x, e.a FROM a, e").rows() == [(1, 2)]


def test_a_folder_of_nothing_but_broken_files_says_what_is_wrong_with_the_first(
        session: Session, tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("")
    with pytest.raises(SourceError, match=r"a\.csv is empty"):
        ingest(session, str(tmp_path / "*.csv"))


def test_titles_above_the_columns_are_told_with_the_option_that_skips_them(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("Sales of the year\nmade by us\n\na,b,c\n1,2,3\n4,5,6\n7,8,9\n")
    with pytest.raises(SourceError) as caught:
        ingest(session, str(path))
    assert caught.value.hint == "If the columns begin in line 4: --option skip=3; or mend the line"
    ingest(session, str(path), LoadOptions(options={"skip": "3"}))
    assert session.query("SELECT a, b, c FROM t").rows() == [(1, 2, 3), (4, 5, 6), (7, 8, 9)]


def test_lines_that_end_in_two_ways_are_told(session: Session, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"a,b\n1,2\r\n3,4\n5,6\r\n")
    with pytest.raises(SourceError) as caught:
        ingest(session, str(tmp_path / "t.csv"))
    assert caught.value.message == f"{tmp_path}/t.csv can't be read: its lines seem to end in two ways, \\n and \\r\\n."
