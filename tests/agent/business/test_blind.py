"""The blind questions are what they were when they were frozen, and each gold answers its question on the data."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from pluto_duck.agent.evaluation.cases import Turn, read_cases
from pluto_duck.agent.evaluation.compare import same_rows
from pluto_duck.agent.evaluation.places import open_place
from pluto_duck.session import Session
from tests.agent.business.__main__ import BUILDERS, HERE

FROZEN = "56f4abe18d5de86b8279b71d7fe891c169c737805997526dcdc8ec2cbd3e8487"
"""Also in the README. A question is never mended to suit a planner: a wrong gold is told of there, with its reason."""

BLIND = HERE / "blind.jsonl"
CASES = read_cases(BLIND)
TURNS = [(case.db, turn) for case in CASES for turn in case.turns]


@pytest.fixture(scope="module")
def sessions(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Session]]:
    """As the evaluation opens them, semantic file included, far from anybody's own settings."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PLUTODUCK_HOME", str(tmp_path_factory.mktemp("home")))
        with (
            open_place(folder / BLIND.name, "sales", _nowhere, folder) as sales,
            open_place(folder / BLIND.name, "subscriptions", _nowhere, folder) as subscriptions,
        ):
            yield {"sales": sales, "subscriptions": subscriptions}


def _nowhere() -> Session:
    raise AssertionError("every question names its database")


def _normal(question: str) -> str:
    return re.sub(r"\W+", " ", question.lower()).strip()


def test_the_questions_are_those_that_were_frozen() -> None:
    assert hashlib.sha256(BLIND.read_bytes()).hexdigest() == FROZEN
    assert FROZEN in (HERE / "README.md").read_text(encoding="utf-8")


def test_there_are_fifty_questions_about_each_business_of_every_kind() -> None:
    records = [json.loads(line) for line in BLIND.read_text(encoding="utf-8").splitlines()]
    assert Counter(one["db"] for one in records) == dict.fromkeys(BUILDERS, 50)
    assert len({one["id"] for one in records}) == 100
    assert sum("turns" in one for one in records) == 12
    assert Counter(one.get("expected") for one in records) == {None: 82, "declined": 12, "clarify": 6}
    assert {one["hardness"] for one in records} == {"easy", "medium", "hard"}
    assert len({one["intent"] for one in records}) >= 15


def test_no_question_stands_twice_or_in_a_semantic_file() -> None:
    first = [_normal(case.turns[0].question) for case in CASES]
    assert len(set(first)) == len(first)
    for name in BUILDERS:
        told: dict[str, Any] = yaml.safe_load((HERE / f"{name}.semantics.yaml").read_text(encoding="utf-8"))
        assert not {_normal(one["question"]) for one in told["questions"]} & set(first)


@pytest.mark.parametrize(("db", "turn"), [one for one in TURNS if one[1].golds], ids=lambda one: getattr(one, "id", ""))
def test_every_gold_runs_finds_rows_and_finds_them_again(sessions: dict[str, Session], db: str, turn: Turn) -> None:
    session = sessions[db]
    for sql in turn.golds:
        once = session.query(sql, read_only=True)
        assert once.row_count > 0, sql
        assert any(value is not None for column in once.values() for value in column), sql
        assert same_rows(session.query(sql, read_only=True), once, ordered=turn.ordered), sql


LIMITED = re.compile(r"SELECT (?P<what>.*?) FROM (?P<rest>.*) ORDER BY (?P<by>.*?)(?P<desc> DESC)?(?: LIMIT (?P<n>\d+))?")


@pytest.mark.parametrize(
    ("db", "sql"), [(db, turn.golds[0]) for db, turn in TURNS if turn.golds and "ORDER BY" in turn.golds[0].split("FROM")[-1]]
)
def test_no_ranking_hangs_on_a_tie(folder: Path, db: str, sql: str) -> None:
    """Two rows alike at the edge, or within an asked order, would leave the gold to chance."""
    parts = LIMITED.fullmatch(sql)
    assert parts is not None, sql
    limit = f" LIMIT {int(parts['n']) + 1}" if parts["n"] else ""
    with duckdb.connect(str(folder / "db" / f"{db}.duckdb"), read_only=True) as database:
        rows = database.execute(
            f"SELECT {parts['by']} AS ranked, {parts['what']} FROM {parts['rest']} ORDER BY 1{parts['desc'] or ''}{limit}"
        ).fetchall()
    assert len({row[0] for row in rows}) == len(rows) > 1
