"""`conversations` and `verified` as verbs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pluto_duck.agent import Answer
from pluto_duck.agent.memory import Memory
from pluto_duck.commands import Door, Facts, exit_code, invoke
from pluto_duck.commands.render import to_text
from pluto_duck.commands.workbench import Workbench
from pluto_duck.errors import UnknownName, UsageError
from pluto_duck.workspace import Workspace


@pytest.fixture
def door(workspace: Workspace) -> Any:
    with Workbench.open(workspace.root) as session:
        session.query("CREATE TABLE sales AS SELECT unnest(['north', 'south', 'north']) AS region, "
                      "unnest([1, 2, 3]) AS amount")
        yield Door(lambda: session, kind="shell")


def _ids(door: Door) -> list[str]:
    listed: Any = invoke(["conversations"], door)
    return [row[0] for row in listed.value.rows] if hasattr(listed, "value") else [row[0] for row in listed.rows]


def test_conversations_from_the_question_to_their_end(door: Door) -> None:
    assert "Nothing was asked" in to_text(invoke(["conversations"], door))
    first: Any = invoke(["ask", "total amount by region"], door)
    invoke(["ask", "-c", "only north"], door)
    (id,) = _ids(door)
    assert id == first.conversation
    assert "sales by region" in str(invoke(["conversations", "rename", id, "sales  by region"], door))
    assert "Nothing" in to_text(invoke(["conversations", "list", "--search", "sales west"], door))
    assert "sales by region" in to_text(invoke(["conversations", "list", "--search", "NORTH sales"], door))
    told = str(invoke(["conversations", "export", id], door))
    assert told.startswith("# sales by region\n")
    assert told.count("```sql\nSELECT") == 2
    with pytest.raises(UsageError, match="1 to 200"):
        invoke(["conversations", "rename", id, " "], door)
    shown = to_text(invoke(["conversations", "show", id[:4]], door))
    for word in ("1. total amount by region", "2. only north", first.id, "answered", "SELECT"):
        assert word in shown
    assert to_text(invoke(["conversations", "show"], door)) == shown
    again = json.loads(to_text(invoke(["conversations", "replay", "--format", "json"], door)))
    assert [one["changed"] for one in again] == ["nothing", "nothing"]
    invoke(["query", "insert into sales values ('west', 1)"], door)
    again = json.loads(to_text(invoke(["conversations", "replay", id, "--format", "json"], door)))
    assert "there were 2 rows, and are 3 now" in again[0]["changed"]
    assert "Rated up" in str(invoke(["conversations", "rate", "up"], door))
    invoke(["conversations", "rate", "down", first.id, "--note", "wrong region"], door)
    assert "down: wrong region" in to_text(invoke(["conversations", "show", id], door))
    assert "2 questions" in str(invoke(["conversations", "delete", id], door))
    with pytest.raises(UnknownName):
        invoke(["conversations", "show", id], door)


def test_what_a_model_was_told_is_shown_when_asked_for(door: Door) -> None:
    kept = Memory(door.open_session()).keep(Answer(
        "declined", "q", "anthropic", "No.", sent=({"role": "user", "text": "Question: q"}, {"role": "model", "text": "hm"})))
    assert "Question: q" not in to_text(invoke(["conversations", "show", kept.conversation], door))
    shown = to_text(invoke(["conversations", "show", kept.conversation, "--sent"], door))
    assert "told (user)  Question: q" in shown
    assert "from model" in shown


def test_nothing_to_go_on_with_is_said(door: Door) -> None:
    with pytest.raises(UnknownName, match="no conversation to go on with"):
        invoke(["ask", "-c", "only north"], door)
    with pytest.raises(UnknownName):
        invoke(["ask", "--conversation", "none", "only north"], door)


def test_verified_questions_from_an_answer_to_the_check(door: Door) -> None:
    answer: Any = invoke(["ask", "total amount by region"], door)
    assert "Verified: total amount by region" in str(invoke(["verified", "add"], door))
    invoke(["verified", "add", "how many sales?", "--sql", "select count(*) as n from sales"], door)
    again: Any = invoke(["ask", "How many sales?"], door)
    assert (again.planner, again.verified) == ("verified", "how many sales?")
    assert "A verified question" in to_text(again)
    listed = to_text(invoke(["verified"], door))
    assert "total amount by region" in listed
    assert "how many sales?" in listed
    good = invoke(["verified", "check"], door)
    assert exit_code(good) == 0
    invoke(["query", "alter table sales rename column amount to price"], door)
    bad = invoke(["verified", "check"], door)
    assert exit_code(bad) == 1
    assert isinstance(bad, Facts)
    assert [problem.split(":")[0] for problem, _hint in bad.problems] == ["1. total amount by region"]
    assert "Removed: total amount by region" in str(invoke(["verified", "remove", "1"], door))
    with pytest.raises(UsageError):
        invoke(["verified", "add", "--sql", "select 1"], door)
    assert answer.verified == ""


def test_eval_holds_a_planner_against_the_verified_questions(door: Door) -> None:
    with pytest.raises(UsageError, match="No question is verified"):
        invoke(["eval", "--verified"], door)
    invoke(["verified", "add", "how many sales?", "--sql", "select count(*) as n from sales"], door)
    invoke(["verified", "add", "how many sales are there?", "--sql", "select 17 as n from sales limit 1"], door)
    found = invoke(["eval", "--verified"], door)
    assert isinstance(found, Facts)
    facts = dict(found.sections[0][1])
    assert (facts["questions"], facts["execution accuracy"]) == ("2", "50.0 %")
    for wrong in (["eval"], ["eval", "--verified", "x.jsonl"], ["eval", "--verified", "--replay", "x"],
                  ["eval", "x.jsonl", "--replay", "x", "--record", "y"]):
        with pytest.raises(UsageError):
            invoke(wrong, door)
