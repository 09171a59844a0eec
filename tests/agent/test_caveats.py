"""An answer admits what was broken or not read yet where it matters, and keeps quiet where it does not."""

from __future__ import annotations

import pytest

from pluto_duck import catalog as room
from pluto_duck.agent import ask
from pluto_duck.catalog import background
from pluto_duck.session import Session
from pluto_duck.workspace import Workspace
from pluto_duck.workspace.locks import FileLock


@pytest.fixture
def shop(session: Session) -> Session:
    session.query("CREATE TABLE orders AS SELECT i AS order_id, i * 2 AS revenue FROM range(5) t(i)")
    return session


def _write(session: Session, text: str) -> None:
    (session.workspace.root / "semantics.yaml").write_text(text, encoding="utf-8")


def test_a_word_of_a_broken_entry_makes_the_answer_say_so(shop: Session) -> None:
    assert ask(shop, "total revenue").status == "answered"
    _write(shop, "metrics:\n  revenue: {table: orders, expression: sum(revenu), synonyms: [turnover]}")
    answer = ask(shop, "total revenue")
    assert (answer.status, answer.assumptions) == (
        "assumed", ("metrics.revenue of semantics.yaml (line 2) is broken and was not used",))
    assert ask(shop, "how many orders are there?").status == "answered"
    declined = ask(shop, "total turnovers")
    assert declined.status != "answered"
    assert "metrics.revenue of semantics.yaml (line 2) is broken" in f"{declined.text} {declined.assumptions}"


def test_a_file_that_can_not_be_read_is_told_with_every_answer(shop: Session) -> None:
    _write(shop, "tables: [")
    answer = ask(shop, "how many orders are there?")
    assert answer.result is not None
    assert answer.result.scalar() == 5
    assert answer.assumptions == ("semantics.yaml (line 2) can't be read, so nothing of it was used",)


def test_a_question_asked_while_values_are_read_says_what_may_be_missing(
        workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "READ_AT_ONCE", 0)
    with Session.open(workspace.root, role="kernel") as session:
        session.query("CREATE TABLE trips AS SELECT ['London', 'Paris'][1 + i % 2] AS city FROM range(9) t(i)")
        lock = FileLock.try_acquire(workspace.folder / "values.lock")
        assert lock is not None
        early = ask(session, "how many trips in London?")
        assert background.wait(workspace.root, 60)  # it has seen that another one reads, and gone
        lock.close()
        assert "the values of trips are still being read" in f"{early.text} {early.assumptions}"
        assert early.status != "answered"
        ask(session, "how many trips in London?")
        assert background.wait(workspace.root, 60)
        late = ask(session, "how many trips in London?")
        assert (late.status, late.assumptions) == ("answered", ())
