"""The command table as a notebook sees it: values come back, nothing is printed, what makes no sense says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.commands import Done, Door, Facts, Formatted, Rows, each, exit_code, invoke
from pluto_duck.commands.render import beside, to_bundles, to_text
from pluto_duck.errors import PlutoError, Refused, UnknownName, UsageError
from pluto_duck.ingest import Progress
from pluto_duck.session import Session, TableInfo
from pluto_duck.workspace import Result, Workspace


@pytest.fixture
def door(session: Session) -> Door:
    return Door(open_session=lambda: session, kind="notebook", namespace={"frame": session.query("select 7 as n")})


@pytest.fixture
def loaded(session: Session) -> Session:
    session.query("create table sales (id integer primary key, region varchar, amount integer)")
    session.query("insert into sales values (1, 'north', 10), (2, 'south', 20), (3, 'north', 5)")
    return session


def test_a_verb_returns_a_value_and_prints_nothing(
    door: Door, loaded: Session, capsys: pytest.CaptureFixture[str],
) -> None:
    result = invoke(["query", "select count(*) from sales"], door)
    assert isinstance(result, Result)
    assert result.scalar() == 3
    tables = invoke(["tables"], door)
    assert isinstance(tables, list)
    assert [str(one.ref) for one in tables] == ["sales"]
    assert isinstance(invoke(["describe", "sales"], door), TableInfo)
    assert isinstance(invoke(["status"], door), Facts)
    assert isinstance(invoke(["help", "query"], door), str)
    assert isinstance(invoke(["query", "--help"], door), str)
    assert capsys.readouterr() == ("", "")


def test_sql_finds_the_frames_of_the_notebook(door: Door) -> None:
    result = invoke(["query", "select n + 1 from frame"], door)
    assert isinstance(result, Result)
    assert result.scalar() == 8


def test_help_speaks_the_language_of_its_door(door: Door, session: Session) -> None:
    assert "%pluto query" in str(invoke(["help", "query"], door))
    assert "pluto-duck" not in str(invoke(["help"], door)).split("Start here")[0]
    assert "pluto-duck query" in str(invoke(["help", "query"], Door(open_session=lambda: session)))


@pytest.mark.parametrize("line", [["serve"], ["lend", "--", "true"], ["query", "-"]])
def test_what_makes_no_sense_in_a_notebook_says_so(door: Door, line: list[str]) -> None:
    with pytest.raises(Refused, match="makes no sense in a notebook") as caught:
        invoke(line, door)
    assert caught.value.hint


def test_a_notebook_keeps_to_its_workspace(door: Door) -> None:
    with pytest.raises(UsageError, match="keeps to the workspace"):
        invoke(["-w", "/elsewhere", "tables"], door)


def test_a_line_that_makes_no_sense_carries_the_usage(door: Door) -> None:
    with pytest.raises(UsageError) as caught:
        invoke(["query", "--nonsense"], door)
    assert "Usage: %pluto query" in caught.value.hint
    assert "%pluto help query" in caught.value.hint
    with pytest.raises(UsageError, match="Did you mean describe"):
        invoke(["descrbe", "x"], door)


def test_ingest_reads_a_file_by_any_of_its_names(door: Door, session: Session, tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text("region,amount\nnorth,1\nsouth,2\n", encoding="utf-8")
    for line in (["ingest", str(tmp_path / "sales.csv")], ["ingest", "--from-csv", str(tmp_path / "sales.csv")],
                 ["ingest", "--from-file", str(tmp_path / "sales.csv"), "--into", "sales", "--mode", "append"]):
        report: Any = invoke(line, door)
        assert report.rows == 2
        assert "2 rows in 1 table from " in to_text(report)
    assert session.query("select count(*) from sales").scalar() == 4
    history: Any = invoke(["history"], door)
    assert [row[1] for row in history.rows] == ["ingest"] * 3


def test_progress_is_told_while_a_load_runs(door: Door, tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text("region,amount\nnorth,1\nsouth,2\n", encoding="utf-8")
    told: list[Progress] = []
    door.progress = told.append
    invoke(["ingest", str(tmp_path / "sales.csv")], door)
    assert (told[-1].table, told[-1].rows, told[-1].done) == ("sales", 2, True)


def test_ask_answers_and_declines(door: Door, loaded: Session) -> None:
    answer: Any = invoke(["ask", "total", "amount", "by", "region"], door)
    assert exit_code(answer) == 0
    assert sorted(answer.result.rows()) == [("north", 15), ("south", 20)]
    text = to_text(answer)
    assert "north" in text
    assert "SQL: SELECT" in text
    declined: Any = invoke(["ask", "average flurb by region"], door)
    assert declined.status == "declined"
    assert exit_code(declined) == 7
    assert "flurb" in to_text(declined)


def test_an_answer_in_each_format(door: Door, loaded: Session) -> None:
    as_csv = invoke(["ask", "total amount by region", "--format", "csv"], door)
    assert to_text(as_csv).splitlines()[1:] == ["north,15", "south,20"]
    assert "SQL: SELECT" in beside(as_csv)
    whole = json.loads(to_text(invoke(["ask", "total amount by region", "--format", "json"], door)))
    assert whole["status"] in ("answered", "assumed")
    assert [list(row.values()) for row in whole["rows"]] == [["north", 15], ["south", 20]]
    declined = json.loads(to_text(invoke(["ask", "average flurb by region", "--format", "json"], door)))
    assert declined["unknown_words"] == ["flurb"]
    assert declined["rows"] is None


def test_every_kind_of_value_has_text_and_bundles(door: Door, loaded: Session) -> None:
    values = [invoke(line, door) for line in (
        ["query", "select * from sales"], ["query", "update sales set amount = 1"], ["tables"], ["describe", "sales"],
        ["status"], ["help"], ["history"], ["ask", "total amount by region"],
        ["query", "select 1 as a", "--format", "json"])]
    for value in values:
        text = to_text(value)
        assert text
        bundles = to_bundles(value)
        assert bundles
        assert all(bundle["text/plain"] for bundle in bundles)
        assert not any("<script" in str(bundle) for bundle in bundles)
    for nothing in (None, Done(0)):
        assert to_text(nothing) == ""
        assert to_bundles(nothing) == []
    assert to_text(Rows(("a",), (), "Nothing.")) == "Nothing."
    with pytest.raises(UsageError):
        to_text(Formatted("a message", "csv"))


def test_text_in_columns_keeps_its_font_wherever_it_is_shown() -> None:
    (bundle,) = to_bundles("a  b\nlonger  c")
    assert "font-family:monospace" in bundle["text/html"]


def test_names_in_a_notebook_are_escaped(door: Door, session: Session) -> None:
    session.query("create table \"<script>alert(1)</script>\" (\"<b>x</b>\" integer)")
    for line in (["tables"], ["describe", '"<script>alert(1)</script>"']):
        assert all("<script>" not in bundle.get("text/html", "") for bundle in to_bundles(invoke(line, door)))


def test_values_that_come_one_by_one_are_shown_in_order() -> None:
    assert list(each("one")) == ["one"]
    assert list(each(iter(["a", "b"]))) == ["a", "b"]
    assert [bundle["text/plain"] for bundle in to_bundles(iter(["a", "b"]))] == ["a", "b"]


# -- trust and doctor ---------------------------------------------------------------------------------


@pytest.fixture
def cloned(workspace: Workspace) -> Workspace:
    """A folder from somebody else, whose pluto.toml wants more than the harmless."""
    workspace.toml.write_text('[agent]\nplanner = "elsewhere"\n[display]\nmax_rows = 7\n', encoding="utf-8")
    return workspace


def _shell(workspace: Workspace, **options: Any) -> Door:
    def opened() -> Session:
        raise AssertionError("trust needs no session")

    return Door(open_session=opened, workspace=str(workspace.root), **options)


def test_trust_shows_what_it_will_allow_and_does_nothing_unasked(cloned: Workspace) -> None:
    with pytest.raises(Refused) as caught:
        invoke(["trust"], _shell(cloned))
    assert "agent.planner = 'elsewhere'" in caught.value.message
    assert "--yes" in caught.value.hint
    with Session.open(cloned.root) as session:
        assert session.settings["agent.planner"] == "builtin"
        assert session.settings["display.max_rows"] == 7


def test_trust_asks_and_remembers_until_the_wish_changes(cloned: Workspace) -> None:
    asked: list[str] = []

    def say(answer: bool) -> Callable[[str], bool]:
        return lambda question: asked.append(question) or answer

    assert invoke(["trust"], _shell(cloned, interactive=True, ask=say(False))) == "Nothing was changed."
    assert str(invoke(["trust"], _shell(cloned, interactive=True, ask=say(True)))).startswith("Trusted:")
    assert all("agent.planner = 'elsewhere'" in question for question in asked)
    assert str(invoke(["trust"], _shell(cloned))).startswith("Trusted already")
    cloned.toml.write_text('[agent]\nplanner = "another"\n', encoding="utf-8")
    with pytest.raises(Refused):
        invoke(["trust"], _shell(cloned))
    invoke(["trust", "--yes"], _shell(cloned))
    invoke(["trust", "--forget"], _shell(cloned))
    with pytest.raises(Refused):
        invoke(["trust"], _shell(cloned))


def test_doctor_finds_nothing_wrong_with_a_good_workspace(door: Door) -> None:
    found = invoke(["doctor"], door)
    assert isinstance(found, Facts)
    text = to_text(found)
    assert found.problems == (), text
    assert exit_code(found) == 0
    for word in ("DuckDB", "file system", "server extension", "workspace.host", "host: this process"):
        assert word in text


def test_doctor_tells_of_a_slip_in_the_environment(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUTODUCK_DISPLAY__MAX_ROW", "3")
    found: Any = invoke(["doctor"], door)
    assert found.problems == (("The environment sets PLUTODUCK_DISPLAY__MAX_ROW, which is no setting.",
                               "Did you mean PLUTODUCK_DISPLAY__MAX_ROWS?"),)


def test_doctor_names_what_was_ignored_and_who_else_may_read(cloned: Workspace) -> None:
    with Session.open(cloned.root) as session:
        session.workspace.database.chmod(0o644)
        found: Any = invoke(["doctor"], Door(open_session=lambda: session, workspace=str(cloned.root)))
    text = to_text(found)
    assert exit_code(found) == 1
    assert "wants agent.planner = 'elsewhere', which is ignored" in text
    assert f"Other users may reach {session.workspace.database}" in text
    assert "chmod go=" in text


def test_doctor_tells_of_a_workspace_that_cant_be_opened(workspace: Workspace) -> None:
    workspace.toml.write_text("[display]\nmax_rows = 'many'\n", encoding="utf-8")

    def opened() -> Session:
        return Session.open(workspace.root)

    found: Any = invoke(["doctor"], Door(open_session=opened, workspace=str(workspace.root)))
    assert exit_code(found) == 1
    assert any("display.max_rows" in problem for problem, _ in found.problems)


def test_a_failing_verb_raises_the_tree_of_errors(door: Door) -> None:
    with pytest.raises(UnknownName):
        invoke(["describe", "nothing"], door)
    with pytest.raises(PlutoError):
        invoke(["query", "selec"], door)


def test_a_name_that_would_speak_to_the_terminal_is_shown_as_text(door: Door, loaded: Session) -> None:
    session = door.open_session()
    session.query('create table "\x1b]0;evil\x07" ("\x1b[2Jc" varchar)')
    session.query('comment on table "\x1b]0;evil\x07" is \'\x1b[31m\'')
    described = invoke(["describe", '"\x1b]0;evil\x07"'], door)
    told = [to_text(one) for one in (invoke(["tables"], door), described, "\x1b[2J said",
                                     Facts((("Runs", (("last", "\x1b[2J"),)),)))]
    told += [str(one.get("text/plain")) + str(one.get("text/html")) for one in to_bundles(described)]
    assert "\\x1b]0;evil\\x07" in told[1]
    assert not any("\x1b" in one or "\x07" in one for one in told)
