"""`dbt init` and `run-dbt`, as they are typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pluto_duck.commands import Door, Rows, each, invoke
from pluto_duck.commands.transforming import asked
from pluto_duck.errors import Refused, RunError, UnknownName, UsageError
from pluto_duck.runs import Runs
from pluto_duck.session import Session
from pluto_duck.transform.dbt.model import DbtNode, DbtOptions, DbtReport
from pluto_duck.transform.dbt.telling import failure
from pluto_duck.transform.dbt.words import for_dbt, understood
from tests.catalog.lineage.oracle import events

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def openlineage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PLUTODUCK_LINEAGE__FILE", str(tmp_path / "events.ndjson"))
    return tmp_path / "events.ndjson"


def test_the_tables_become_a_project_that_builds_and_tells_what_failed(
        openlineage: Path, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pluto_duck.transform.dbt.telling.MOST_LINES", 20)
    session.query('CREATE TABLE customers (id INTEGER PRIMARY KEY, "full name" VARCHAR NOT NULL);'
                  "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers(id));"
                  'CREATE TABLE "Odd\'s" (a INTEGER); COMMENT ON COLUMN customers.id IS \'Ours: "never" reused\';'
                  "INSERT INTO customers VALUES (1, 'Ada'); INSERT INTO orders VALUES (1, 1)")
    said: list[str] = []
    door = Door(lambda: session, say=said.append)
    folder = tmp_path / "models of mine"
    made = str(invoke(["dbt", "init", str(folder)], door))
    assert "3 tables" in made
    sources = (folder / "models/staging/raw.yml").read_text()
    assert "relationships" in sources
    assert "never" in sources
    with pytest.raises(Refused, match="not empty"):
        invoke(["dbt", "init", str(folder)], door)

    (folder / "models/marts/wrong.sql").write_text("select 1 as a\n\nfrom no_such_table")
    with (folder / "dbt_project.yml").open("a") as file:
        file.write("on-run-start: \"{% for i in range(99) %}{{ log('talks ' ~ i, info=true) }}{% endfor %}\"\n")
    values: list[Any] = []
    coming = iter(each(invoke(["dbt", "build", "--project", str(folder), "--threads", "2"], door)))
    with pytest.raises(RunError) as told:
        values.extend(iter(lambda: next(coming), None))
    assert values, (told.value.message, told.value.hint)
    table = next(one for one in values if isinstance(one, Rows))
    states = {row[0]: row[2] for row in table.rows}
    assert states["wrong"] == "FAILED"
    assert set(states.values()) == {"ok", "FAILED"}
    assert any(name.startswith("source_relationships") for name in states)
    assert session.query("SELECT * FROM staging.stg_customers").rows() == [(1, "Ada")]
    assert [row[0] for row in session.query("SHOW TABLES FROM staging").rows()] == [
        "stg_customers", "stg_odd_s", "stg_orders"]
    assert told.value.message == f"1 of {len(states)} nodes failed: wrong"
    assert "   3 from no_such_table" in told.value.hint
    assert "models/marts/wrong.sql" in told.value.hint
    assert any(line.startswith("ok") and "stg_orders" in line for line in said)

    runs = Runs(session)
    try:
        (run,) = [one for one in runs.list(5) if one.kind == "dbt"]
        assert run.text == "dbt build"
        assert run.status == "failed"
        assert run.error is not None
        assert run.error["message"] == told.value.message
        assert {one["name"]: one["status"] for one in run.error["facts"]["nodes"]}["wrong"] == "failed"
        names = [event.content["name"] for event in runs.events(run.run_id) if event.type == "tool"]
        assert names.count("stg_orders") == 2
        lines = [event.content["text"] for event in runs.events(run.run_id) if event.type == "log"]
        assert len(lines) == 20, "a log without end does not fill the run's record"
        assert "logs/dbt.log" in lines[-1]
    finally:
        runs.close()
    _told(openlineage)

    listed = list(each(invoke(["run-dbt", "ls", "--select", "staging", "--project", str(folder)], door)))
    assert any("stg_orders" in str(one) for one in listed)


def _told(file: Path) -> None:
    found = events(file)
    assert (found[0]["eventType"], found[0]["job"]["name"], found[-1]["eventType"]) == ("START", "dbt.build", "FAIL")
    build = found[0]["run"]["runId"]
    assert {one["run"]["facets"]["parent"]["run"]["runId"] for one in found[1:-1]} == {build}
    ended = {one["job"]["name"].rpartition(".")[2]: one for one in found[1:-1] if one["eventType"] != "START"}
    begun = {one["run"]["runId"] for one in found[1:-1] if one["eventType"] == "START"}
    assert {one["run"]["runId"] for one in ended.values()} == begun
    model = ended["stg_customers"]
    assert model["eventType"] == "COMPLETE"
    assert 'from "workspace"."main"."customers"' in model["job"]["facets"]["sql"]["query"]
    assert [one["name"] for one in model["inputs"]] == ["main.customers"]
    (made,) = model["outputs"]
    assert made["name"] == "staging.stg_customers"
    (above,) = made["facets"]["columnLineage"]["fields"]["full name"]["inputFields"]
    assert (above["name"], above["field"], above["transformations"][0]["subtype"]) == ("main.customers", "full name", "IDENTITY")
    assert (ended["wrong"]["eventType"], "no_such_table" in ended["wrong"]["run"]["facets"]["errorMessage"]["message"]) == (
        "FAIL", True)
    tested = [one["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"][0] for one in ended.values()
              if one["job"]["facets"]["jobType"]["jobType"] == "TEST" and one["inputs"]]
    assert {"assertion": "unique", "success": True, "column": "id", "severity": "error"} in tested


def test_without_tables_there_is_nothing_to_make_models_of(session: Session, tmp_path: Path) -> None:
    with pytest.raises(UnknownName) as told:
        invoke(["dbt", "init", str(tmp_path / "x")], Door(lambda: session))
    assert "ingest" in told.value.hint
    assert not (tmp_path / "x").exists()


def test_the_command_of_dbt_may_be_left_out_before_its_options(session: Session, tmp_path: Path) -> None:
    assert asked(()) == ("build", ())
    assert asked(("--select", "run")) == ("build", ("--select", "run"))
    assert asked(("run", "--full-refresh")) == ("run", ("--full-refresh",))
    with pytest.raises(UnknownName, match="biuld") as told:
        invoke(["run-dbt", "biuld"], Door(lambda: session))
    assert "build" in told.value.hint
    with pytest.raises(UnknownName, match="There is no dbt_project"):  # and not: no such option
        list(each(invoke(["run-dbt", "--full-refresh", "--project", str(tmp_path)], Door(lambda: session))))


def test_a_test_that_failed_says_how_its_rows_are_seen_and_that_its_sql_is_cut(session: Session) -> None:
    node = DbtNode("test.p.unique_id", "unique_id", "test", "failed", compiled="\n".join(f"-- {i}" for i in range(20)))
    found = failure(DbtReport("build", session.workspace.root, (node,)), ".")
    assert found is not None
    hint = found.hint
    assert hint.endswith("Its rows: pluto-duck run-dbt show --select unique_id")
    assert "of 20 lines" in hint


@pytest.mark.parametrize(("command", "word"), [("docs", "generate"), ("source", "freshness")])
def test_a_command_of_two_words_may_be_typed_in_one_or_two(command: str, word: str) -> None:
    once = for_dbt(DbtOptions(command, args=("--select", "x")))
    assert once == [command, word, "--select", "x"] == for_dbt(DbtOptions(command, args=(word, "--select", "x")))


def test_an_option_of_dbts_that_would_be_overruled_says_what_ours_would() -> None:
    found = understood(DbtOptions(args=("--profiles-dir", "ci", "--vars", "{a: 1}", "-t=prod", "--project-dir", "shop")))
    assert (found.profiles_dir, found.target, found.project, found.args) == (
        Path("ci"), "prod", Path("shop"), ("--vars", "{a: 1}"))
    with pytest.raises(UsageError, match="--profile wants a value"):
        understood(DbtOptions(args=("--profile",)))
