"""Write, audit, publish: rows that do not meet checks.yaml are seen by nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from pluto_duck.errors import ChecksFailed
from pluto_duck.governance.checks.reading import ChecksError
from pluto_duck.governance.checks.store import CheckStore
from pluto_duck.ingest import ingest
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef

GOOD = "id,name\n1,x\n2,y\n"


@pytest.fixture
def people(session: Session, tmp_path: Path) -> Path:
    (session.workspace.root / "checks.yaml").write_text(
        "version: 1\ntables:\n  people:\n    - primary_key: id\n    - {not_null: name, severity: warn}\n"
        "    - sql: id < 100\n", encoding="utf-8")
    path = tmp_path / "people.csv"
    path.write_text(GOOD)
    return path


def rows(session: Session, table: str = "people") -> list[tuple[object, ...]]:
    return session.query(f"SELECT * FROM {table} ORDER BY ALL").rows()


def test_rows_that_meet_the_checks_are_published_and_the_score_is_kept(session: Session, people: Path) -> None:
    report = ingest(session, str(people), check=True)
    assert rows(session) == [(1, "x"), (2, "y")]
    assert report.tables[0].quality is not None
    [scan] = CheckStore(session.control).history(TableRef("people"), limit=9)
    assert (scan.score, scan.rows, scan.run_id) == (100.0, 2, report.load_id)


@pytest.mark.parametrize("mode", ["replace", "append", "merge"])
def test_a_failed_check_leaves_the_table_as_it_was_and_shows_the_rows(
        session: Session, people: Path, mode: str) -> None:
    ingest(session, str(people), check=True)
    before = session.versions()["main.people"]
    people.write_text("id,name\n2,z\n300,far\n")
    with pytest.raises(ChecksFailed, match=r"sql: 1 of \d rows") as caught:
        ingest(session, str(people), check=True, mode=mode, key=["id"] if mode == "merge" else ())
    assert rows(session) == [(1, "x"), (2, "y")]
    assert session.versions()["main.people"] == before
    assert session.query("SELECT count(*) FROM _pluto.loads").scalar() == 1
    scan = CheckStore(session.control).history(TableRef("people"), limit=1)[0]
    sample = next(one.sample for one in scan.results if one.kind == "sql")
    assert scan.source == "held back"
    assert [one.score for one in CheckStore(session.control).latest()] == [100.0], "the table is as it was"
    assert sample in caught.value.facts["samples"]
    assert caught.value.facts["samples"][0] in caught.value.hint
    assert session.query(sample).rows() == [(300, "far")]
    people.write_text("id,name\n7,z\n")  # the session goes on as if nothing had been
    ingest(session, str(people), check=True)
    assert rows(session) == [(7, "z")]


def test_a_new_table_that_fails_is_not_there_at_all(session: Session, people: Path) -> None:
    people.write_text("id,name\n1,x\n1,y\n")
    with pytest.raises(ChecksFailed, match="primary_key"):
        ingest(session, str(people), check=True)
    assert session.tables() == []


def test_a_warning_is_told_and_holds_nothing_back(session: Session, people: Path) -> None:
    people.write_text("id,name\n1,\n")
    [done] = ingest(session, str(people), check=True).tables
    assert [one for one in done.notices if "not_null(name)" in one]
    assert len(rows(session)) == 1


def test_a_table_without_checks_is_told_of(session: Session, people: Path) -> None:
    [done] = ingest(session, str(people), check=True, into="others").tables
    assert done.quality is None
    assert "not checked: checks.yaml expects nothing of it" in done.notices


@pytest.mark.parametrize("check", ["not_null: gone", "sql: CAST(name AS INTEGER) > 0", "sql: getenv('HOME') = ''"])
def test_a_check_that_does_not_run_holds_the_rows_back(session: Session, people: Path, check: str) -> None:
    ingest(session, str(people))
    file = session.workspace.root / "checks.yaml"
    file.write_text(file.read_text() + f"    - {check}\n")
    people.write_text("id,name\n5,five\n")
    with pytest.raises(ChecksFailed, match="line 7"):
        ingest(session, str(people), check=True)
    assert rows(session) == [(1, "x"), (2, "y")]
    assert session.query("SELECT current_database() <> 'pluto_role_agent'").scalar()


def test_a_macro_of_the_workspaces_takes_the_place_of_no_function(session: Session, people: Path) -> None:
    file = session.workspace.root / "checks.yaml"
    file.write_text(file.read_text() + "    - sql: lower(name) = name\n")
    session.query("CREATE MACRO lower(x) AS 'else'")
    ingest(session, str(people), check=True)
    assert len(rows(session)) == 2


def expect(session: Session, *lines: str) -> None:
    said = "".join(f"    {line}\n" for line in lines)
    (session.workspace.root / "checks.yaml").write_text(
        f"version: 1\ntables:\n  people:\n{said}    checks:\n      - unique: id\n", encoding="utf-8")


def test_a_table_may_ask_for_it_by_itself(session: Session, people: Path) -> None:
    expect(session, "publish: checked")
    ingest(session, str(people))
    people.write_text("id,name\n1,x\n1,y\n")
    with pytest.raises(ChecksFailed, match="unique"):
        ingest(session, str(people))
    ingest(session, str(people), into="others")
    assert (len(rows(session)), len(rows(session, "others"))) == (2, 2)


def test_told_is_published_all_the_same(session: Session, people: Path) -> None:
    expect(session, "on_failure: tell")
    people.write_text("id,name\n1,x\n1,y\n")
    [done] = ingest(session, str(people), check=True).tables
    assert [one for one in done.notices if one.startswith("FAILED unique(id): 1 of 2 rows")]
    [scan] = CheckStore(session.control).history(TableRef("people"), limit=9)
    assert (scan.score, session.query(scan.results[0].sample).row_count) == (0, 2)


@pytest.mark.parametrize(("text", "refused"), [
    ("tables:\n  people:\n    publish: checked\n    chekcs: []\n", True), ("tables:\n  people:\n    - not_nul: id\n", False)])
def test_a_file_that_makes_no_sense_is_told_before_anything_is_read(
        session: Session, people: Path, text: str, refused: bool) -> None:
    (session.workspace.root / "checks.yaml").write_text(f"version: 1\n{text}", encoding="utf-8")
    for check in (True, False):
        if check or refused:
            with pytest.raises(ChecksError, match=r"checks.yaml, line \d"):
                ingest(session, "/no/such/file.csv", check=check)
        else:
            ingest(session, str(people))
    assert bool(session.tables()) != refused
