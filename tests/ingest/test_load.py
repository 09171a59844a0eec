"""A load is one transaction: all of its tables, or what was there before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pluto_duck.errors import StatementError, UnknownName, UsageError
from pluto_duck.ingest import Progress, ingest
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef
from tests.ingest.memory import Memory, Table


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    made.mkdir()
    (made / "a.csv").write_text("id,name\n1,x\n2,y\n")
    (made / "b.csv").write_text("id,name\n3,z\n")
    return made


def test_a_report_and_a_load_record_come_for_each_table(folder: Path, session: Session) -> None:
    report = ingest(session, str(folder))
    assert [(t.ref, t.source_name, t.rows) for t in report.tables] == [(TableRef("a"), "a", 2), (TableRef("b"), "b", 1)]
    assert report.rows == 3
    assert report.source == str(folder)
    assert session.query("SELECT load_id, table_key, source, mode, rows FROM _pluto.loads ORDER BY 2").rows() == [
        (report.load_id, "main.a", str(folder), "replace", 2), (report.load_id, "main.b", str(folder), "replace", 1)]


def test_loading_again_replaces_and_moves_the_version(folder: Path, session: Session) -> None:
    ingest(session, str(folder))
    before = session.versions()["main.a"]
    (folder / "a.csv").write_text("other\n7\n")
    ingest(session, str(folder))
    assert session.query("SELECT * FROM a").rows() == [(7,)]
    assert session.versions()["main.a"] > before


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, SystemExit])
def test_whatever_strikes_in_the_stream_leaves_every_table_as_it_was(
        error: type[BaseException], folder: Path, session: Session) -> None:
    ingest(session, str(folder))
    (folder / "a.csv").write_text("id,name\n9,new\n")

    def strike(progress: Progress) -> None:
        raise error("struck")  # on the thread that reads

    with pytest.raises(error):
        ingest(session, str(folder / "a.csv"), on_progress=strike)
    assert session.query("SELECT * FROM a").rows() == [(1, "x"), (2, "y")]
    assert session.query("SELECT count(*) FROM _pluto.loads").rows() == [(2,)]
    ingest(session, str(folder))
    assert session.query("SELECT * FROM a").rows() == [(9, "new")]


def test_a_guest_loads_into_the_database_of_its_host(folder: Path, session: Session) -> None:
    script = (f"from pluto_duck.ingest import ingest\nfrom pluto_duck.session import Session\n"
              f"with Session.open({str(session.workspace.root)!r}) as guest:\n"
              f"    print(guest.hosting, ingest(guest, {str(folder)!r}).rows)\n")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("guest 3\n", "")
    assert session.query("SELECT * FROM a ORDER BY id").rows() == [(1, "x"), (2, "y")]


def test_progress_tells_the_rows_so_far(session: Session, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a\n" + "1\n" * 300_000)
    seen: list[Progress] = []
    ingest(session, str(tmp_path / "t.csv"), on_progress=seen.append)
    counts = [one.rows for one in seen]
    assert counts == sorted(counts)
    assert (seen[-1].table, seen[-1].rows, seen[-1].done) == ("t", 300_000, True)
    assert [one.done for one in seen].count(True) == 1


def test_append_adds_rows_and_makes_the_table_when_there_is_none(folder: Path, session: Session) -> None:
    ingest(session, str(folder / "a.csv"), into="raw.all", mode="append")
    ingest(session, str(folder / "b.csv"), into="raw.all", mode="append")
    assert session.query("SELECT * FROM raw.all ORDER BY id").rows() == [(1, "x"), (2, "y"), (3, "z")]


def test_append_by_name_whatever_the_order_and_case(folder: Path, session: Session) -> None:
    ingest(session, str(folder / "a.csv"))
    (folder / "c.csv").write_text("NAME,Id\nq,5\n")
    ingest(session, str(folder / "c.csv"), into="a", mode="append")
    assert session.query("SELECT id, name FROM a WHERE id = 5").rows() == [(5, "q")]


def test_append_with_other_columns_names_them(folder: Path, session: Session) -> None:
    ingest(session, str(folder / "a.csv"))
    (folder / "c.csv").write_text("id,nam,extra\n1,x,2\n")
    with pytest.raises(UsageError, match="nam is new; extra is new; name is gone") as caught:
        ingest(session, str(folder / "c.csv"), into="a", mode="append", columns="freeze")
    assert "Is nam the same as name?" in caught.value.hint
    assert caught.value.facts["missing"] == ["name"]


def test_append_widens_but_never_narrows(folder: Path, session: Session) -> None:
    session.query("CREATE TABLE t (id HUGEINT, name VARCHAR)")
    ingest(session, str(folder / "a.csv"), into="t", mode="append")
    session.query("CREATE TABLE narrow (id SMALLINT, name VARCHAR)")
    with pytest.raises(UsageError, match="id comes as BIGINT, but narrow holds it as SMALLINT") as caught:
        ingest(session, str(folder / "a.csv"), into="narrow", mode="append", columns="discard")
    assert "--cast id=" in caught.value.hint
    ingest(session, str(folder / "a.csv"), into="narrow", mode="append", columns="freeze", cast={"id": "SMALLINT"})
    assert session.query("SELECT sum(id) FROM narrow").rows() == [(3,)]
    report = ingest(session, str(folder / "a.csv"), into="narrow", mode="append")
    assert report.tables[0].notices == ("the column id was widened from SMALLINT to BIGINT",)
    assert session.query("SELECT sum(id), any_value(typeof(id)) FROM narrow").rows() == [(6, "BIGINT")]


def test_append_that_breaks_a_key_keeps_the_old_rows(folder: Path, session: Session) -> None:
    session.query("CREATE TABLE a (id BIGINT PRIMARY KEY, name VARCHAR)")
    session.query("INSERT INTO a VALUES (2, 'old')")
    with pytest.raises(StatementError, match=r"[Dd]uplicate key"):
        ingest(session, str(folder / "a.csv"), mode="append")
    assert session.query("SELECT * FROM a").rows() == [(2, "old")]


def test_into_names_a_table_or_a_schema(folder: Path, session: Session) -> None:
    assert ingest(session, str(folder), into="raw.*").tables[0].ref == TableRef("a", "raw")
    assert ingest(session, str(folder / "a.csv"), into='raw."odd name"').tables[0].ref == TableRef("odd name", "raw")
    two = Memory(a=Table({"id": "BIGINT"}), b=Table({"id": "BIGINT"}))
    with pytest.raises(UsageError, match="can't all go into") as caught:
        ingest(session, two.open(), into="x")
    assert "--into x.*" in caught.value.hint


def test_all_files_of_a_folder_go_into_the_one_table_that_is_named(folder: Path, session: Session) -> None:
    assert ingest(session, str(folder), into="all_of_them").rows == 3
    assert session.query("SELECT * FROM all_of_them ORDER BY id").rows() == [(1, "x"), (2, "y"), (3, "z")]


def test_what_can_not_be_asked_is_said(folder: Path, session: Session) -> None:
    session.query("CREATE VIEW a AS SELECT 1 AS x")
    with pytest.raises(UsageError, match="a is a view"):
        ingest(session, str(folder), tables=["a"])
    with pytest.raises(UsageError, match="no mode 'mrege'"):
        ingest(session, str(folder), mode="mrege")
    with pytest.raises(UnknownName, match='no option "mdoe"'):
        ingest(session, str(folder), mdoe="merge")
    with pytest.raises(UsageError, match="Nothing is left of the table b"):
        ingest(session, str(folder), tables=["b"], skip=["id", "name"])
    with pytest.raises(UnknownName, match='no column "nmae"') as caught:
        ingest(session, str(folder), skip=["nmae"])
    assert "name" in caught.value.hint
    with pytest.raises(UsageError, match="No connector knows") as unknown:
        ingest(session, "mongodb://u:geheim@h/x")
    assert "mongodb://" in unknown.value.message
    assert "geheim" not in str(unknown.value.to_dict())
    with pytest.raises(UnknownName, match="no environment variable") as missing:
        ingest(session, "env:PLUTO_TEST_NOT_SET_URL")
    assert "export PLUTO_TEST_NOT_SET_URL=" in missing.value.hint
    with pytest.raises(UnknownName, match='no connector "fiel"') as caught:
        ingest(session, str(folder), connector="fiel")
    assert "file" in caught.value.hint


def test_options_of_the_kind_of_source_may_be_given_by_keyword(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("name\nnaïve\n".encode("latin-1"))
    ingest(session, str(path), options={"encoding": "latin-1"})
    assert session.query("SELECT name FROM t").rows() == [("naïve",)]
