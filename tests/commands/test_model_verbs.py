"""`model create`, from a shell and from a notebook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pluto_duck.agent.approvals import Approvals
from pluto_duck.commands import Door, Facts, each, invoke
from pluto_duck.commands.workbench import Workbench
from pluto_duck.errors import PlutoError, UnknownName, UsageError
from pluto_duck.workspace import Result, Workspace


@pytest.fixture
def door(workspace: Workspace) -> Any:
    with Workbench.open(workspace.root) as session:
        session.query("CREATE TABLE sales AS SELECT unnest(['north', 'south', 'north']) AS region, "
                      "unnest([1, 2, 3]) AS amount")
        yield Door(lambda: session, kind="shell")


def _made(door: Door, *words: str) -> tuple[dict[str, str], str]:
    """What is said of the proposal, and what to do next."""
    values = list(each(invoke(["model", "create", *words], door)))
    assert isinstance(values[0], Facts)
    assert isinstance(values[1], Result)
    title, facts = values[0].sections[0]
    return dict(facts) | {"id": title.split()[1].rstrip(":")}, str(values[-1])


def test_an_answer_becomes_a_model_by_its_id_by_its_run_or_as_the_last_one(door: Door) -> None:
    answer: Any = invoke(["ask", "total amount by region"], door)
    told, then = _made(door, "by_region")
    assert told["asked"] == "total amount by region"
    assert f"answer: {answer.id}" in told["runs"]
    assert "source('raw', 'sales')" in told["runs"]
    assert then.startswith(f"Next: pluto-duck approvals approve {told['id']} --seen {told['version']} --build")
    session: Any = door.open_session()
    run = next(one for one in session.runs.list(5) if one.kind == "question")
    for id in (answer.id, answer.id[:6], run.run_id):
        again, _ = _made(door, "by_region", "--from-answer", id)
        assert f"answer: {answer.id}" in again["runs"]
    assert f"run: {run.run_id}" in again["runs"]
    invoke(["query", "SELECT region FROM sales"], door)
    sql = next(one for one in session.runs.list(5) if one.kind == "sql")
    assert "SELECT region FROM {{" in _made(door, "regions", "--from-answer", sql.run_id)[0]["runs"]
    with pytest.raises(UnknownName):
        _made(door, "by_region", "--from-answer", "zzz")


def test_sql_is_given_as_text_or_as_a_file(door: Door, tmp_path: Path) -> None:
    (tmp_path / "q.sql").write_text("SELECT region FROM sales;\n")
    assert "SELECT region FROM {{" in _made(door, "a", "--file", str(tmp_path / "q.sql"), "--as", "table")[0]["runs"]
    told, then = _made(door, "b", "--sql", "SELECT 1 AS a", "--as", "workspace-view", "--description", "One")
    assert told["runs"] == 'CREATE VIEW "main"."b" AS SELECT 1 AS a;\nCOMMENT ON VIEW "main"."b" IS \'One\''
    assert "--build" not in then
    for wrong in (["--sql", "SELECT 1", "--last"], ["--sql", "SELECT 1", "--file", "x"], ["--as", "cube"],
                  ["--sql", "SELECT 1 AS a", "--as", "workspace-view", "--key", "a"], ["--sql", ""]):
        with pytest.raises(UsageError):
            _made(door, "c", *wrong)
    with pytest.raises(PlutoError):
        _made(door, "c", "--sql", "DROP TABLE sales")


def test_a_notebook_takes_what_its_last_cell_gave(door: Door) -> None:
    session = door.open_session()
    rows = session.query("SELECT amount FROM sales")
    answer: Any = invoke(["ask", "total amount by region"], door)
    last: list[Any] = [None]
    book = Door(door.open_session, namespace={"rows": rows, "other": 1}, kind="notebook", last=lambda: last[0])
    with pytest.raises(UnknownName, match="No cell"):
        _made(book, "a", "--last")
    last[0] = "SELECT region FROM sales"
    assert "SELECT region FROM {{" in _made(book, "a", "--last")[0]["runs"]
    last[0] = answer
    assert f"answer: {answer.id}" in _made(book, "a")[0]["runs"]
    told, then = _made(book, "a", "--result", "rows")
    assert "SELECT amount FROM {{" in told["runs"]
    assert then.startswith("Next: %pluto approvals approve")
    with pytest.raises(UnknownName):
        _made(book, "a", "--result", "other")
    last[0] = "SELECT region FROM sales WHERE amount > $least"
    with pytest.raises(UsageError, match=r"asks for \$least"):
        _made(book, "a")


def test_both_files_are_edited_as_one(door: Door, tmp_path: Path) -> None:
    told, _ = _made(door, "a", "--sql", "SELECT 1 AS a")
    (body,) = each(invoke(["approvals", "show", told["id"], "--body"], door))
    (tmp_path / "mine.txt").write_text(str(body).replace("SELECT 1", "SELECT 2"))
    assert "SELECT 2 AS a" in str(invoke(["approvals", "edit", told["id"], "--file", str(tmp_path / "mine.txt")], door))
    (after,) = each(invoke(["approvals", "show", told["id"], "--body"], door))
    assert after == str(body).replace("SELECT 1", "SELECT 2")


def test_what_has_changed_since_is_said(door: Door) -> None:
    told, _ = _made(door, "a", "--sql", "SELECT 1 AS a")
    path = door.open_session().workspace.root / "dbt" / "models" / "marts"
    path.mkdir(parents=True)
    (path.parents[1] / "dbt_project.yml").write_text("name: mine\nprofile: mine\n")
    (path / "a.sql").write_text("SELECT 2 AS a")
    facts = next(iter(each(invoke(["approvals", "show", told["id"]], door))))
    assert isinstance(facts, Facts)
    assert "can't be approved" in dict(facts.sections[0][1])["since then"]
    Approvals(door.open_session()).reject(told["id"])
    facts = next(iter(each(invoke(["approvals", "show", told["id"]], door))))
    assert "since then" not in dict(facts.sections[0][1])  # type: ignore[union-attr]
