"""Write, audit, publish: rows that do not meet checks.yaml are seen by nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pluto_duck.errors import ChecksFailed, PartlyLoaded, PlutoError, WorkspaceUnusable
from pluto_duck.governance.checks.reading import ChecksError
from pluto_duck.governance.checks.store import CheckStore
from pluto_duck.ingest import ingest, publish
from pluto_duck.session import Session, auditing
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


def test_from_python_and_a_cell_it_is_the_same(session: Session, people: Path) -> None:
    from pluto_duck.commands import Door, each, invoke
    from pluto_duck.commands.workbench import open

    people.write_text("id,name\n300,far\n")
    with open(session.workspace.root) as opened, pytest.raises(ChecksFailed):
        opened.ingest(str(people), check=True)
    with pytest.raises(ChecksFailed):
        list(each(invoke(["ingest", str(people), "--check"], Door(lambda: session, kind="notebook"))))
    assert session.tables() == []


def test_while_one_load_is_checked_no_other_fills_the_table(
        session: Session, people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    met: list[PlutoError] = []
    audit = publish.audit

    def meanwhile(worker: Session, *rest: Any, **more: Any) -> Any:
        with Session.open(session.workspace.root) as other, pytest.raises(PlutoError) as caught:
            ingest(other, str(people), check=True)
        met.append(caught.value)
        return audit(worker, *rest, **more)

    monkeypatch.setattr(publish, "audit", meanwhile)
    ingest(session, str(people), check=True)
    assert "being loaded" in met[0].message
    assert rows(session) == [(1, "x"), (2, "y")]


def test_what_failed_is_told_although_its_rows_can_not_be_kept(
        session: Session, people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> dict[str, str]:
        raise WorkspaceUnusable("The disk is full.")

    monkeypatch.setattr(auditing, "_aside", full)
    people.write_text("id,name\n300,far\n")
    with pytest.raises(ChecksFailed, match="sql: 1 of 1 rows") as caught:
        ingest(session, str(people), check=True)
    assert caught.value.facts["samples"] == []
    assert session.tables() == []
    [scan] = CheckStore(session.control).history(TableRef("people"), limit=9)
    assert (scan.source, scan.results[-1].sample) == ("held back", "")


def test_of_many_tables_only_those_that_fail_stay_behind(session: Session, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / f"{name}.csv").write_text(f"id\n{1 if name != 'b' else -1}\n")
    (session.workspace.root / "checks.yaml").write_text(
        "version: 1\ntables:\n" + "".join(f"  {name}:\n    - sql: id > 0\n" for name in "abc"), encoding="utf-8")
    with pytest.raises(PartlyLoaded, match="b would fail 1 of its 1 checks"):
        ingest(session, str(folder), check=True)
    assert [str(one.ref) for one in session.tables()] == ["a", "c"]


def test_rows_of_failed_loads_are_kept_of_the_last_few(session: Session, people: Path) -> None:
    people.write_text("id,name\n300,far\n")
    for _ in range(auditing.KEPT_LOADS + 2):
        with pytest.raises(ChecksFailed):
            ingest(session, str(people), check=True)
    kept = "SELECT count(*) FROM duckdb_tables() WHERE schema_name = '_pluto' AND starts_with(table_name, 'failed_')"
    assert session.query(kept).scalar() == auditing.KEPT_LOADS
    newest = CheckStore(session.control).history(TableRef("people"), limit=1)[0]
    assert session.query(newest.results[-1].sample).row_count == 1
