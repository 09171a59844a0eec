"""`eval` from the file to the numbers, with a planner whose answers are known."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.agent import Answer
from pluto_duck.agent.evaluation import Report, evaluate, read_cases
from pluto_duck.agent.planners import Context
from pluto_duck.commands import Door, invoke
from pluto_duck.commands.render import Formatted
from pluto_duck.errors import StatementError, UnknownName, UsageError
from pluto_duck.session import Session
from pluto_duck.workspace import create

Write = Callable[..., Path]

REPLIES = {
    "sure and right": ("answered", "SELECT 1 AS one"), "sure and wrong": ("answered", "SELECT 2"),
    "unsure": ("assumed", "SELECT 1"), "two ways": ("clarify", ""), "no idea": ("declined", ""),
}


class Parrot:
    """Says what it was taught; a word of the conversation before it where it was asked for one."""

    name = "parrot"

    def plan(self, question: str, context: Context) -> Answer:
        if question == "crash":
            raise StatementError("The parrot fell off its perch.", hint="Catch it.")
        if question == "and before?":
            return Answer("answered", question, self.name, "", f"SELECT '{context.history[-1].question}'")
        if context.forced and question == "no idea":
            return Answer("assumed", question, self.name, "a guess", "SELECT 1")
        status, sql = REPLIES[question]
        return Answer(status, question, self.name, "said", sql, confidence=0.5)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _parrot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pluto_duck.agent.asking.load", lambda group, name: Parrot)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def lines(*records: dict[str, Any]) -> Path:
        path = tmp_path / "questions.jsonl"
        path.write_text("\n".join(json.dumps(one) for one in records), encoding="utf-8")
        return path

    return lines


def _case(question: str, **more: Any) -> dict[str, Any]:
    return {"id": question, "question": question, "gold_sql": "SELECT 1"} | more


def _run(session: Session, file: Path, **options: Any) -> Report:
    return evaluate(file, lambda: session, planner="parrot", **options)


def test_the_numbers_are_shares_of_what_was_asked(session: Session, write: Write) -> None:
    idle = {"expected": "declined", "gold_sql": None}
    file = write(*(_case(one, hardness="easy") for one in REPLIES),
                 _case("no idea", id="i1", **idle), _case("sure and wrong", id="i2", **idle))
    report = _run(session, file)
    numbers = report.overall
    assert {name: numbers[name] for name in (
        "questions", "with_gold", "execution_accuracy", "coverage", "precision_answered", "confidently_wrong",
        "clarified", "declined", "unanswerable_declined_or_clarified", "gold_errors")} == {
        "questions": 7, "with_gold": 5, "execution_accuracy": 0.4, "coverage": 0.4, "precision_answered": 0.5,
        "confidently_wrong": 0.2857, "clarified": 0.2, "declined": 0.2, "unanswerable_declined_or_clarified": 0.5,
        "gold_errors": 0}
    assert report.as_json()["groups"]["hardness"]["easy"]["with_gold"] == 5


def test_forced_takes_the_guess(session: Session, write: Write) -> None:
    assert _run(session, write(_case("no idea"))).overall["execution_accuracy"] == 0
    assert _run(session, write(_case("no idea")), forced=True).overall["execution_accuracy"] == 1


def test_one_of_several_golds_is_enough(session: Session, write: Write) -> None:
    file = write(_case("sure and wrong", alt_gold=["SELECT 2"]), _case("unsure", gold_sql=None, gold=["SELECT 7", "SELECT 1"]))
    assert _run(session, file).overall["execution_accuracy"] == 1


def test_a_gold_that_fails_is_told_apart(session: Session, write: Write) -> None:
    numbers = _run(session, write(_case("sure and right", gold_sql="SELECT nothing"))).overall
    assert (numbers["gold_errors"], numbers["execution_accuracy"]) == (1, 0)


def test_a_planner_that_fails_is_counted_and_the_rest_goes_on(session: Session, write: Write) -> None:
    numbers = _run(session, write(_case("crash"), _case("unsure"))).overall
    assert (numbers["planner_errors"], numbers["execution_accuracy"]) == (1, 0.5)


def test_turns_are_asked_with_what_came_before(session: Session, write: Write) -> None:
    file = write({"id": "talk", "turns": [_case("unsure"), {"question": "and before?", "gold": ["SELECT 'unsure'"]}]})
    report = _run(session, file)
    assert [one.turn.id for one in report.outcomes] == ["unsure", "talk/2"]
    assert report.overall["execution_accuracy"] == 1


def test_a_database_beside_the_file_is_asked_in_a_copy(session: Session, write: Write, tmp_path: Path) -> None:
    with Session.open(create(tmp_path / "made").root) as made:
        made.query("CREATE TABLE pets AS SELECT 1 AS one")
    (tmp_path / "db").mkdir()
    (tmp_path / "made" / ".pluto-duck" / "workspace.duckdb").rename(tmp_path / "db" / "pets.duckdb")
    before = (tmp_path / "db" / "pets.duckdb").read_bytes()
    file = write(_case("sure and right", db="pets", gold_sql="SELECT one FROM pets"))
    assert _run(session, file).overall["execution_accuracy"] == 1
    assert (tmp_path / "db" / "pets.duckdb").read_bytes() == before
    with pytest.raises(UnknownName, match=r"pet\.duckdb"):
        _run(session, write(_case("unsure", db="pet")))


class Reader:
    """Answers with the expression of the metric that a question names."""

    name = "reader"

    def plan(self, question: str, context: Context) -> Answer:
        (metric,) = [one for one in context.catalog().semantics.metrics if question in one.words]
        return Answer("answered", question, self.name, "", f"SELECT {metric.expression} FROM {metric.table.sql}")


def test_each_database_has_its_semantic_file(
        session: Session, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pluto_duck.agent.asking.load", lambda group, name: Reader)
    (tmp_path / "db").mkdir()
    for name, expression, end in (("pets", "max(one)", "semantics.yaml"), ("shops", "sum(one) * 2", "yaml")):
        with Session.open(create(tmp_path / name).root) as made:
            made.query("CREATE TABLE t AS SELECT 1 AS one")
        (tmp_path / name / ".pluto-duck" / "workspace.duckdb").rename(tmp_path / "db" / f"{name}.duckdb")
        (tmp_path / f"{name}.{end}").write_text(f"metrics: {{score: {{table: t, expression: {expression}}}}}")
    file = write(_case("score", db="pets"), _case("score", db="shops", gold_sql="SELECT 2"))
    assert _run(session, file, semantics=tmp_path).overall["execution_accuracy"] == 1
    assert _run(session, file, semantics=tmp_path / "pets.semantics.yaml").overall["execution_accuracy"] == 0.5
    (tmp_path / "shops.yaml").write_text("metrics: {score: {table: t, expression: sum(won)}}")
    with pytest.raises(UsageError, match=r"shops\.yaml: ?1: metrics\.score: t has no column"):
        _run(session, file, semantics=tmp_path)
    (tmp_path / "shops.yaml").unlink()
    with pytest.raises(UsageError, match="no semantic file for shops"):
        _run(session, file, semantics=tmp_path)


def test_another_field_may_hold_the_question(session: Session, write: Write) -> None:
    file = write(_case("sure and wrong", other="sure and right"), _case("no idea"))
    numbers = _run(session, file, question_field="other").overall
    assert (numbers["questions"], numbers["execution_accuracy"]) == (1, 1)


@pytest.mark.parametrize(("line", "word"), [
    ("{", "not JSON"), ("[1]", "not a JSON object"), ('{"question": "q"}', "needs gold"),
    ('{"question": "q", "gold_sql": "SELECT 1", "expected": "declined"}', "needs gold"), ("", "no question"),
    ('{"turns": [{"gold_sql": "SELECT 1"}]}', "has no question")])
def test_a_line_that_is_no_case_is_named(tmp_path: Path, line: str, word: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(UsageError, match=word):
        read_cases(path)


def test_an_unknown_field_and_an_unknown_file_are_named_with_the_nearest(tmp_path: Path, write: Write) -> None:
    file = write(_case("unsure"))
    with pytest.raises(UnknownName, match="questoin"):
        read_cases(file, question_field="questoin")
    with pytest.raises(UnknownName):
        read_cases(tmp_path / "question.jsonl")


def test_the_verb_writes_numbers_predictions_and_a_page(session: Session, write: Write, tmp_path: Path) -> None:
    file = write(_case("sure and right", intent="<count>"), _case("sure and wrong"))
    said: list[str] = []
    value = invoke(["eval", str(file), "--planner", "parrot", "--json", str(tmp_path / "a.json"),
                    "--predictions", str(tmp_path / "a.jsonl"), "--html", str(tmp_path / "a.html")],
                   Door(lambda: session, say=said.append))
    assert "execution accuracy" in str(value)
    assert not isinstance(value, Formatted)
    numbers = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert numbers["overall"]["confidently_wrong"] == 0.5
    first = json.loads((tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert first == {"id": "sure and right", "sql": "SELECT 1 AS one", "status": "answered", "confidence": 0.5}
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "Confidently wrong (1)" in page
    assert "&lt;count&gt;" in page
