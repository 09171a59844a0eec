"""Answers and SQL that become models and views: proposed whole, written whole, and what a person wrote stays."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pluto_duck.agent.approvals import Approval, Approvals
from pluto_duck.agent.changes import files
from pluto_duck.agent.keeping import Kept, Origin, propose
from pluto_duck.errors import PlutoError, Refused, UnknownName, UsageError
from pluto_duck.session import Session
from pluto_duck.workspace import create

pytestmark = pytest.mark.timeout(120)

SQL = "SELECT carrier, count(*) AS n\nFROM flights -- all of them\nGROUP BY carrier ORDER BY n"


@pytest.fixture
def air(session: Session) -> Session:
    session.query(
        "CREATE TABLE carriers (carrier VARCHAR PRIMARY KEY, name VARCHAR);"
        "INSERT INTO carriers VALUES ('AA', 'American'), ('UA', 'United');"
        "CREATE TABLE flights (id INTEGER PRIMARY KEY, carrier VARCHAR REFERENCES carriers(carrier), state VARCHAR);"
        "INSERT INTO flights SELECT i, CASE WHEN i % 2 = 0 THEN 'AA' ELSE 'UA' END, "
        "CASE WHEN i % 3 = 0 THEN 'late' ELSE 'on time' END FROM range(60) t(i);"
        "COMMENT ON COLUMN flights.carrier IS 'Two letters of IATA'")
    return session


@pytest.fixture
def project(air: Session) -> Path:
    folder = air.workspace.root / "shop"
    (folder / "models").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text("name: shop\nprofile: shop\n")
    (folder / "models" / "sources.yml").write_text(
        "# ours\nversion: 2\nsources:\n  - name: air\n    schema: main\n    tables:\n      - name: flights\n")
    return folder


def _kept(session: Session, name: str = "late", sql: str = SQL, **wanted: Any) -> Approval:
    return propose(session, Origin(sql, "How many flights by carrier?", "8c1f", planner="builtin"), Kept(name, **wanted))


def _files(folder: Path) -> dict[str, str]:
    return {one.relative_to(folder).as_posix(): one.read_text() for one in sorted(folder.rglob("*"))
            if one.is_file() and ".pluto-duck" not in one.parts}


def test_a_model_is_two_files_that_nobody_has_before_they_are_approved(air: Session, project: Path) -> None:
    there = _files(air.workspace.root)
    made = _kept(air, sql="SELECT f.id, f.carrier, f.state FROM flights f JOIN carriers c ON c.carrier = f.carrier")
    assert _files(air.workspace.root) == there
    assert made.target == "shop/models/late.sql"
    assert made.dry_run == "60 rows; id INTEGER, carrier VARCHAR, state VARCHAR"
    rows = Approvals(air).sample(made)
    assert rows is not None
    assert (rows.row_count, len(rows.columns)) == (5, 3)
    done = Approvals(air).approve(made.id, made.version)
    assert done.status == "done"
    assert (project / "models/late.sql").read_text() == (
        "{{ config(materialized='view') }}\n\nSELECT f.id, f.carrier, f.state FROM {{ source('air', 'flights') }} f "
        "JOIN {{ source('air', 'carriers') }} c ON c.carrier = f.carrier\n")
    told = yaml.safe_load((project / "models/late.yml").read_text())
    assert told["sources"] == [{"name": "air", "schema": "main", "tables": [{"name": "carriers"}]}]
    (model,) = told["models"]
    assert (model["name"], model["description"]) == ("late", "How many flights by carrier?")
    assert model["config"]["meta"]["pluto_duck"] == {
        "question": "How many flights by carrier?", "answer": "8c1f", "planner": "builtin"}
    columns = {one["name"]: one for one in model["columns"]}
    assert columns["carrier"]["description"] == "Two letters of IATA"
    assert columns["id"]["data_tests"] == ["not_null", "unique"]
    warn = {"severity": "warn"}
    assert columns["carrier"]["data_tests"] == [
        {"not_null": {"config": warn}}, {"accepted_values": {"arguments": {"values": ["AA", "UA"]}, "config": warn}},
        {"relationships": {"arguments": {"to": "source('air', 'carriers')", "field": "carrier"}}}]
    assert {one if isinstance(one, str) else next(iter(one)) for one in columns["state"]["data_tests"]} == {
        "not_null", "accepted_values"}
    assert _files(project).keys() - {"models/late.sql", "models/late.yml"} == {"dbt_project.yml", "models/sources.yml"}


def test_denied_it_leaves_nothing(air: Session) -> None:
    there = _files(air.workspace.root)
    made = _kept(air)
    assert made.target == "dbt/models/marts/late.sql"
    assert "becomes a dbt project" in made.dry_run
    Approvals(air).reject(made.id)
    assert _files(air.workspace.root) == there


def test_without_a_project_one_is_made_with_it(air: Session) -> None:
    made = _kept(air)
    Approvals(air).approve(made.id, made.version)
    there = _files(air.workspace.root / "dbt")
    assert {"dbt_project.yml", "models/staging/raw.yml", "models/marts/late.sql", "models/marts/late.yml"} <= set(there)
    assert "FROM {{ source('raw', 'flights') }} -- all of them\n" in there["models/marts/late.sql"]
    again = _kept(air, "later", "SELECT id FROM flights")
    assert again.target == "dbt/models/marts/later.sql"


def test_what_a_person_edited_is_what_is_written(air: Session, project: Path) -> None:
    made = _kept(air)
    body = made.body.replace("ORDER BY n", "ORDER BY n DESC").replace("How many flights", "So many flights")
    edited = Approvals(air).edit(made.id, body)
    with pytest.raises(PlutoError, match="edited after"):
        Approvals(air).approve(made.id, made.version)
    Approvals(air).approve(made.id, edited.version)
    assert "ORDER BY n DESC" in (project / "models/late.sql").read_text()
    assert "So many flights" in (project / "models/late.yml").read_text()


def test_an_edit_that_makes_no_sense_is_refused_and_the_proposal_stays(air: Session, project: Path) -> None:
    made = _kept(air)
    for body, why in (
            ("SELECT 1", "its files"), ("==> models/other.sql <==\nSELECT 1", "its files"),
            ("==> models/late.sql <==\n", "no SQL"), ("==> models/late.sql <==\nDROP TABLE flights", "SELECT"),
            ("==> models/late.sql <==\nSELECT * FROM no_such", "no_such"),
            ("==> models/late.sql <==\nSELECT 1 AS a\n==> models/late.yml <==\n{a: [", "no YAML"),
            ("==> models/late.sql <==\nSELECT 1 AS a\n==> models/late.yml <==\njust words", "no settings"),
            ("==> models/late.sql <==\nSELECT 1 AS a\n==> models/late.sql <==\nSELECT 2", "its files")):
        with pytest.raises(PlutoError, match=why):
            Approvals(air).edit(made.id, body)
    assert Approvals(air).get(made.id).body == made.body


def test_an_edit_that_only_dbt_understands_says_that_it_was_not_tried(air: Session, project: Path) -> None:
    made = _kept(air)
    edited = Approvals(air).edit(made.id, "==> models/late.sql <==\nSELECT {{ my_macro('x') }} AS a")
    assert edited.dry_run == "not tried, dbt alone can compile it: 'my_macro' is undefined"
    assert Approvals(air).sample(edited) is None
    Approvals(air).approve(made.id, edited.version)
    assert not (project / "models/late.yml").exists()  # it was taken out of the proposal


def test_a_file_that_was_changed_meanwhile_is_not_overwritten(air: Session, project: Path) -> None:
    made = _kept(air)
    (project / "models/late.yml").write_text("mine\n")
    assert Approvals(air).moved(made)
    with pytest.raises(Refused, match="has changed since"):
        Approvals(air).approve(made.id, made.version)
    assert (project / "models/late.yml").read_text() == "mine\n"
    assert not (project / "models/late.sql").exists()


def test_a_later_proposal_shows_what_it_would_change_of_a_persons_words(air: Session, project: Path) -> None:
    made = _kept(air)
    Approvals(air).approve(made.id, made.version)
    path = project / "models/late.sql"
    path.write_text(path.read_text() + "-- mine\n")
    words = (project / "models/late.yml").read_text().replace("How many", "So many")
    (project / "models/late.yml").write_text(f"# mine, too\n{words}")
    with pytest.raises(Refused, match="a model late already") as told:
        _kept(air)
    assert "--replace" in told.value.hint
    again = _kept(air, replace=True, sql="SELECT carrier FROM flights")
    assert "--- models/late.sql" in again.diff
    assert "\n--- mine" in again.diff
    assert "late.yml" not in again.body  # what was said of it stays said
    assert again.dry_run == ("60 rows; carrier VARCHAR; models/late.yml stays as it is, and speaks of n, which it would not "
                             "have")
    assert again.rollback.startswith("put back what was there:\n==> models/late.sql <==\n{{ config(")
    assert "late.yml" not in again.rollback
    Approvals(air).approve(again.id, again.version)
    assert "# mine, too" in (project / "models/late.yml").read_text()
    assert "-- mine" not in path.read_text()


def _half(monkeypatch: pytest.MonkeyPatch, fails: Callable[[str], bool]) -> None:
    real = Path.replace

    def replace(self: Path, target: Any) -> Path:
        if fails(str(target)):
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)


def test_both_files_are_written_or_neither(air: Session, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there, made = _files(air.workspace.root), _kept(air)
    _half(monkeypatch, lambda name: name.endswith(".yml"))
    with pytest.raises(Refused, match="No space"):
        Approvals(air).approve(made.id, made.version)
    assert _files(air.workspace.root) == there


def test_a_new_project_goes_again_when_its_model_can_not_be_written(
        air: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    there, made = _files(air.workspace.root), _kept(air)
    _half(monkeypatch, lambda name: name.endswith("late.yml"))
    with pytest.raises(Refused, match="No space"):
        Approvals(air).approve(made.id, made.version)
    assert _files(air.workspace.root) == there


def test_a_process_that_died_between_the_two_files_is_followed_by_one_that_ends_it(
        air: Session, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = _kept(air)

    def dies(folder: Path, texts: files.Texts, *, mark: str) -> None:
        (folder / "models/late.sql").write_text(texts["models/late.sql"])
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("pluto_duck.agent.changes.model.put", dies)
        with pytest.raises(KeyboardInterrupt):
            Approvals(air).approve(made.id, made.version)
    assert Approvals(air).get(made.id).status == "running"
    Approvals(air).approve(made.id, made.version)
    assert (project / "models/late.yml").is_file()


def test_names_that_can_be_no_model_are_refused(air: Session, project: Path) -> None:
    for name in ("../late", "a/b", "", "select", "späte", "a b", "1st", "a" * 64, "x'y", "{{ x }}", "\0", "\ud800"):
        with pytest.raises(UsageError):
            _kept(air, name)
    for half in ({"sql": "SELECT '\ud800' AS a"}, {"description": "\ud800"}):
        with pytest.raises(UsageError, match="valid Unicode"):
            _kept(air, **half)


def test_nothing_that_is_there_is_taken_the_place_of(air: Session, project: Path) -> None:
    with pytest.raises(Refused, match="table flights already"):
        _kept(air, "flights", "SELECT 1 AS a")
    with pytest.raises(Refused, match=r"table Flights already"):
        _kept(air, "Flights", "SELECT 1 AS a")
    (project / "models/py.py").write_text("def model(dbt, session): ...")
    with pytest.raises(Refused, match=r"py\.py"):
        _kept(air, "py", replace=True)
    made = _kept(air, "fresh", "SELECT 1 AS a")
    air.query("CREATE TABLE fresh (a INTEGER)")
    with pytest.raises(Refused, match="table fresh already"):
        Approvals(air).approve(made.id, made.version)
    assert not (project / "models/fresh.sql").exists()


def test_an_incremental_model_has_a_key(air: Session, project: Path) -> None:
    found = _kept(air, sql="SELECT id, state FROM flights", form="incremental")
    assert "config(materialized='incremental', unique_key='id')" in found.body
    with pytest.raises(UsageError, match="needs a key"):
        _kept(air, "none", "SELECT state FROM flights", form="incremental")
    with pytest.raises(UsageError, match="no column x"):
        _kept(air, "none", "SELECT state FROM flights", form="incremental", key=("x",))
    with pytest.raises(UsageError, match="Only an incremental"):
        _kept(air, "none", key=("id",))


def test_a_view_of_the_workspace_says_what_it_is(air: Session) -> None:
    made = _kept(air, form="workspace-view", description="Flights by carrier")
    assert (made.kind, made.dry_run) == ("view", "2 rows; carrier VARCHAR, n BIGINT")
    Approvals(air).approve(made.id, made.version)
    (one,) = [one for one in air.tables() if one.ref.name == "late"]
    assert (one.kind, one.comment) == ("view", "Flights by carrier")
    with pytest.raises(Refused, match="already"):
        _kept(air, form="workspace-view")
    again = _kept(air, form="workspace-view", replace=True, sql="SELECT 1 AS a", description="it's other")
    Approvals(air).approve(again.id, again.version)
    assert air.query("FROM late").scalar() == 1
    air.query(again.rollback)
    (one,) = [one for one in air.tables() if one.ref.name == "late"]
    assert one.comment == "Flights by carrier"
    with pytest.raises(Refused, match="table flights"):
        _kept(air, "flights", form="workspace-view", replace=True)
    # What DuckDB would take for the end of a comment is not part of the words.
    sly = Approvals(air).propose("view", "sly", "-- fine\rSELECT 1 AS a", question="", planner="test")
    Approvals(air).approve(sly.id, sly.version)
    assert air.query("FROM sly").scalar() == 1


def test_a_proposal_that_came_with_a_folder_writes_nothing(air: Session, project: Path, tmp_path: Path) -> None:
    made = _kept(air)
    forged = made.body.replace("GROUP BY carrier ORDER BY n", "GROUP BY carrier LIMIT 1")
    with sqlite3.connect(air.workspace.folder / "control.sqlite") as db:
        db.execute("UPDATE approvals SET body = ? WHERE id = ?", (forged, made.id))
    there = _files(air.workspace.root)
    with pytest.raises(Refused, match="not proposed here"):
        Approvals(air).approve(made.id, Approvals(air).get(made.id).version)
    assert Approvals(air).sample(Approvals(air).get(made.id)) is None
    assert _files(air.workspace.root) == there
    # The whole folder somewhere else: the seal names the workspace it was made in.
    whole = _kept(air, "other")
    elsewhere = create(tmp_path / "elsewhere")
    shutil.copytree(project, elsewhere.root / "shop")
    with sqlite3.connect(air.workspace.folder / "control.sqlite") as db, Session.open(elsewhere.root) as copy:
        Approvals(copy).all()
        row = db.execute("SELECT * FROM approvals WHERE id = ?", (whole.id,)).fetchone()
        with copy.control.connection("approvals", ()) as theirs:
            theirs.execute(f"INSERT INTO approvals VALUES ({', '.join('?' * len(row))})", tuple(row))
        with pytest.raises(Refused, match="not proposed here"):
            Approvals(copy).approve(whole.id, whole.version)
    assert not (elsewhere.root / "shop/models/other.sql").exists()


@pytest.mark.parametrize("link", ["models", "shop"])
def test_no_link_leads_out_of_the_project(air: Session, project: Path, tmp_path: Path, link: str) -> None:
    outside = tmp_path / "outside"
    where = project / "models" if link == "models" else project
    shutil.move(where, outside)
    where.symlink_to(outside)
    there = _files(outside)
    with pytest.raises(Refused, match="link to a place outside"):
        _kept(air)
    assert _files(outside) == there
    where.unlink()
    shutil.move(outside, where)
    made = _kept(air)
    shutil.move(where, outside)
    where.symlink_to(outside)
    with pytest.raises(Refused, match=r"link to a place outside|in no dbt project"):
        Approvals(air).approve(made.id, made.version)
    assert _files(outside) == there


def test_a_target_outside_of_the_models_is_refused(air: Session, project: Path) -> None:
    for target, name in (("../late.sql", "late.sql"), ("shop/../../late.sql", "late.sql"), ("late.sql", "late.sql"),
                         ("shop/models/late.txt", "models/late.txt"), ("shop/late.sql", "late.sql"),
                         ("/etc/late.sql", "late.sql"), ("shop/models/a'b.sql", "models/a'b.sql")):
        with pytest.raises((UsageError, Refused)):
            Approvals(air).propose("model", target, files.joined({name: "SELECT 1 AS a"}), question="", planner="test")


def test_another_projects_folder_may_be_named(air: Session, tmp_path: Path) -> None:
    folder = tmp_path / "afar"
    (folder / "sql").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text("name: afar\nprofile: afar\nmodel-paths: [sql]\n")
    made = _kept(air, project=folder)
    assert made.target == str(folder / "sql" / "late.sql")
    Approvals(air).approve(made.id, made.version)
    assert "source('raw', 'flights')" in (folder / "sql" / "late.sql").read_text()
    with pytest.raises(UnknownName):
        _kept(air, project=tmp_path / "nowhere")


def test_a_folder_that_can_not_be_written_is_refused_before_anybody_looks(
        air: Session, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != project / "models" and real(path, mode))
    with pytest.raises(Refused, match="can't be written") as told:
        _kept(air)
    assert "--project" in told.value.hint


def test_nothing_of_a_project_runs_before_somebody_builds_it(
        air: Session, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder from somebody else: its macros, hooks and settings are code, or name hosts."""
    (project / "macros").mkdir()
    (project / "macros/ref.sql").write_text("{% macro ref(x) %}{% do run_query('DROP TABLE flights') %}{% endmacro %}")
    (project / "dbt_project.yml").write_text("name: shop\non-run-start: ['DROP TABLE flights']\n")
    air.workspace.toml.write_text('[agent]\nplanner = "openai"\nbase_url = "http://127.0.0.1:9"\n')
    with Session.open(air.workspace.root) as session:
        monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
        made = _kept(session)
        Approvals(session).approve(made.id, made.version)
        assert session.query("SELECT count(*) FROM flights").scalar() == 60


def test_a_source_that_was_told_meanwhile_is_not_told_twice(air: Session, project: Path) -> None:
    first, second = (_kept(air, name, "SELECT name FROM carriers") for name in ("one", "two"))
    Approvals(air).approve(first.id, first.version)
    with pytest.raises(Refused, match=r"models/one.yml speaks of the source air\.carriers"):
        Approvals(air).approve(second.id, second.version)
    again = _kept(air, "two", "SELECT name FROM carriers")
    assert "sources:" not in again.body


def test_a_models_entry_in_another_file_stays_where_it_is(air: Session, project: Path) -> None:
    (project / "models/all.yml").write_text("models:\n  - name: late\n    description: mine\n")
    made = _kept(air)
    assert ".yml" not in made.body
    with pytest.raises(Refused, match=r"models/all\.yml speaks of late"):
        _kept(air, sql="SELECT name FROM carriers")


def test_what_a_question_says_is_no_jinja(air: Session, project: Path) -> None:
    made = propose(air, Origin("SELECT 1 AS a", "{{ env_var('HOME') }} {% x %}"), Kept("late"))
    assert "{{ env" not in made.body
    assert "{%" not in made.body
    with pytest.raises(UsageError, match="takes for its own"):
        _kept(air, sql="SELECT 1 AS \"{{ x }}\"")


def test_what_dbt_built_is_named_by_its_model(air: Session, project: Path) -> None:
    (project / "models/stg.sql").write_text("select 1 as a")
    (project / "target").mkdir()
    (project / "target/manifest.json").write_text(json.dumps({"nodes": {"model.shop.stg": {
        "resource_type": "model", "name": "stg", "alias": "prepared", "schema": "clean", "database": "workspace",
        "config": {}}}, "sources": {}}))
    air.query("CREATE SCHEMA clean; CREATE VIEW clean.prepared AS SELECT 1 AS a")
    made = _kept(air, sql="SELECT a FROM clean.prepared")
    assert "FROM {{ ref('stg') }}" in made.body
    assert made.dry_run == "1 rows; a INTEGER"
