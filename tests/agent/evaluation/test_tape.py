"""Replies of a model, recorded once and played without it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.agent.evaluation import evaluate
from pluto_duck.agent.evaluation.tape import Tape
from pluto_duck.commands import Door, exit_code, invoke
from pluto_duck.errors import UsageError
from pluto_duck.session import Session
from tests.agent.planners.conftest import KEY, key, shop  # noqa: F401
from tests.services.models import Fails, ModelServer, Says, calls, models  # noqa: F401

COUNT = "SELECT count(*) AS n FROM orders"


def _questions(folder: Path, *questions: str) -> Path:
    path = folder / "questions.jsonl"
    path.write_text("".join(json.dumps({"id": str(i), "question": one, "gold_sql": COUNT}) + "\n"
                            for i, one in enumerate(questions)), encoding="utf-8")
    return path


def _final(sql: str) -> Says:
    return calls("final_answer", sql=sql, restatement=f"Orders. {KEY}", confidence=0.9)


@pytest.mark.parametrize("planner", ["anthropic", "openai"])
def test_a_recording_gives_the_same_numbers_without_server_and_key(
    shop: Any, models: ModelServer, tmp_path: Path, planner: str, monkeypatch: pytest.MonkeyPatch,  # noqa: F811
) -> None:
    models.script = [calls("run_sql", sql=COUNT), _final(COUNT), _final("SELECT 17 AS n FROM orders"),
                     Fails(400, "too long"), calls("decline", reason="no such thing")]
    file = _questions(tmp_path, "how many orders?", "how many notes?", "how many customers?", "how many ducks?")
    session, tape = shop(planner), tmp_path / "replies.tape"
    recorded = evaluate(file, lambda: session, planner=planner, record=tape)
    assert [one.correct for one in recorded.outcomes] == [True, False, False, False]
    assert [bool(one.error) for one in recorded.outcomes] == [False, False, True, False]
    text = tape.read_text(encoding="utf-8")
    assert KEY not in text
    assert "CANARY" not in text
    asked = len(models.asked)
    session.close()
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.delenv("OPENAI_API_KEY")
    with Session.open(session.workspace.root) as bare:
        played = evaluate(file, lambda: bare, planner=planner, replay=tape)
    assert len(models.asked) == asked
    assert played.notes == ()
    for one, other in zip(recorded.outcomes, played.outcomes, strict=True):
        assert (one.status, one.sql, one.correct, one.error, one.cost.output_tokens) == (
            other.status, other.sql, other.correct, other.error, other.cost.output_tokens)


def test_what_was_not_recorded_and_what_has_changed_is_told(
    shop: Any, models: ModelServer, tmp_path: Path,  # noqa: F811
) -> None:
    models.script = [_final(COUNT)]
    session, tape = shop("anthropic"), tmp_path / "replies.tape"
    evaluate(_questions(tmp_path, "how many orders?"), lambda: session, planner="anthropic", record=tape)
    session.query("CREATE TABLE more AS SELECT 1 AS a")
    file = _questions(tmp_path, "how many orders?", "how many orders in all?")
    found = invoke(["eval", str(file), "--planner", "anthropic", "--replay", str(tape)], Door(lambda: session))
    assert exit_code(found) == 1
    notes = [problem for problem, _hint in found.problems]  # type: ignore[attr-defined]
    assert notes == ["1 questions have no recorded reply, the first: how many orders in all?",
                     "1 questions are put to a model in other words than when they were recorded"]


def test_only_what_asks_a_model_can_be_recorded(session: Session, tmp_path: Path) -> None:
    file = _questions(tmp_path, "how many orders?")
    with pytest.raises(UsageError, match="asks no language model"):
        evaluate(file, lambda: session, planner="builtin", record=tmp_path / "t")
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"tape": 2}', '{"tape": 1}\n{"question": "x"}', "no"])
def test_a_file_that_is_no_tape_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "t").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="not a recording"):
        Tape.read(tmp_path / "t")
