"""The builtin planner answers in the users' words: names, synonyms and words for values of the semantic file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pluto_duck.agent import Answer, ask
from pluto_duck.session import Session
from pluto_duck.workspace import create

FILE = """\
tables:
  cst: {name: client, synonyms: [patron], columns: {seg: {name: bracket, values: {E: [enterprise, big firms], S: [tiny]}}}}
  ord:
    name: purchase
    columns:
      amt: {name: takings, synonyms: [sales value]}
      k: {hidden: true}
joins:
  - {from: ord.k, to: cst.cid}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLUTODUCK_HOME", str(tmp_path_factory.mktemp("home")))
        with Session.open(create(tmp_path_factory.mktemp("shop")).root) as session:
            session.query("CREATE TABLE cst AS SELECT i AS cid, ['E', 'S'][1 + i % 2] AS seg FROM range(6) t(i); "
                          "CREATE TABLE ord AS SELECT i AS ono, i % 5 AS k, i * 2 AS amt FROM range(40) t(i)")
            (session.workspace.root / "semantics.yaml").write_text(FILE, encoding="utf-8")
            yield session


def _rows(answer: Answer) -> list[tuple[object, ...]]:
    assert answer.result is not None, answer.text
    return [tuple(int(one) if not isinstance(one, str) else one for one in row) for row in answer.result.rows()]


@pytest.mark.parametrize(("question", "rows"), [
    ("how many patrons are there?", [(6,)]), ("how many clients are big firms?", [(3,)]), ("how many tiny clients are there?", [(3,)]),
    ("total takings", [(1560,)]), ("average sales value", [(39,)]), ("number of clients by bracket", [("E", 3), ("S", 3)]),
    ("total takings by bracket", [("E", 936), ("S", 624)]),
])
def test_a_question_in_the_users_words_is_answered(question: str, rows: list[tuple[object, ...]], shop: Session) -> None:
    answer = ask(shop, question)
    assert answer.status in ("answered", "assumed")
    assert sorted(_rows(answer)) == rows


def test_a_hidden_column_is_not_told(shop: Session) -> None:
    answer = ask(shop, "show purchases with k 3")
    assert answer.status in ("declined", "clarify") or "k" not in {one.name for one in answer.result.columns}  # type: ignore[union-attr]
