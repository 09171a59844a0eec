"""Conversations asked again."""

from __future__ import annotations

import pytest

from pluto_duck.agent import Answer
from pluto_duck.agent.conversing import converse
from pluto_duck.agent.memory import Memory
from pluto_duck.agent.memory.replay import replay
from pluto_duck.agent.planners import Context
from pluto_duck.errors import UnknownName
from pluto_duck.session import Session


@pytest.fixture
def pets(session: Session) -> Session:
    session.query("CREATE TABLE pets AS SELECT i AS pet_id, ['cat', 'dog'][1 + i % 2] AS kind FROM range(90) t(i)")
    session.query("CREATE TABLE shifts AS SELECT i AS early_load, i * 2 AS late_load FROM range(5) t(i)")
    return session


def test_nothing_has_changed_where_nothing_has(pets: Session) -> None:
    first = converse(pets, "how many pets per kind?")
    converse(pets, "only dogs", conversation=first.conversation)
    asked = converse(pets, "what is the average load?", conversation=first.conversation)
    converse(pets, "2", conversation=asked.conversation)
    converse(pets, "average flurb", conversation=first.conversation)
    found = list(replay(pets, first.conversation))
    assert [one.changes for one in found] == [()] * 5
    assert [one.after.status for one in found if one.after] == [one.before.answer.status for one in found]
    assert len(Memory(pets).turns(first.conversation)) == 5


def test_other_rows_are_told_with_the_table_that_was_written(pets: Session) -> None:
    first = converse(pets, "how many pets per kind?")
    converse(pets, "what is the average early load?", conversation=first.conversation)
    pets.query("UPDATE pets SET kind = 'dog' WHERE pet_id = 0")
    found = list(replay(pets, first.conversation))
    assert [one.changes for one in found] == [("the rows are others", "written to since: pets"), ()]
    pets.query("INSERT INTO pets VALUES (91, 'newt')")
    assert next(replay(pets, first.conversation)).changes[0] == "there were 2 rows, and are 3 now"


def test_a_question_that_is_declined_now_does_not_end_the_replay(pets: Session) -> None:
    class Odd:
        name = "builtin"

        def plan(self, question: str, context: Context) -> Answer:
            return Answer("answered", question, self.name, "All.", "SELECT * FROM pets",
                          result=context.run("SELECT * FROM pets"))

    first = converse(pets, "how many pets per kind?", planner=Odd())
    converse(pets, "what is the average early load?", conversation=first.conversation)
    pets.query("DROP TABLE pets")
    found = list(replay(pets, first.conversation))
    assert found[0].after is not None
    assert found[0].changes[0] == "it was answered, and is declined now"
    assert found[1].changes == ()
    failed = list(replay(pets, first.conversation, planner="nobody"))
    assert [one.after for one in failed] == [None, None]
    assert "nobody" in failed[1].changes[0]
    with pytest.raises(UnknownName):
        list(replay(pets, "none"))


def test_a_choice_that_is_gone_is_told(pets: Session) -> None:
    asked = converse(pets, "what is the average load?")
    converse(pets, "2", conversation=asked.conversation)
    pets.query("ALTER TABLE shifts DROP COLUMN late_load")
    found = list(replay(pets, asked.conversation))
    assert "the choices are others" in found[0].changes
    assert found[1].changes[0] == "it was answered, and is declined now"


def test_a_planner_that_is_not_set_is_not_asked_again(pets: Session) -> None:
    """What is kept may have come with a folder: it must not make us send its questions to a model."""
    asked: list[str] = []

    class Elsewhere:
        name = "anthropic"

        def plan(self, question: str, context: Context) -> Answer:
            asked.append(question)
            return Answer("declined", question, self.name, "No.")

    first = converse(pets, "how many pets per kind?", planner=Elsewhere())
    (found,) = replay(pets, first.conversation)
    assert asked == ["how many pets per kind?"]
    assert found.after is None
    assert "--planner anthropic" in found.changes[0]
    (found,) = replay(pets, first.conversation, planner="builtin")
    assert found.after is not None
    assert found.after.status == "answered"
