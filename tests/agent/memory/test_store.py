"""What is kept of conversations, and what is not."""

from __future__ import annotations

import threading

import pytest

from pluto_duck.agent import Answer, ask
from pluto_duck.agent.answer import Choice, Cost
from pluto_duck.agent.conversing import choose, converse
from pluto_duck.agent.memory import Memory
from pluto_duck.agent.planners import Context
from pluto_duck.errors import UnknownName, UsageError
from pluto_duck.session import Session
from pluto_duck.workspace import Workspace


@pytest.fixture
def pets(session: Session) -> Session:
    session.query("CREATE TABLE pets AS SELECT i AS pet_id, ['cat', 'dog'][1 + i % 2] AS kind, "
                  "DATE '2022-01-01' + (i * 10)::INTEGER AS born_on, i % 7 AS weight FROM range(90) t(i)")
    return session


class Recorder:
    """A planner that says what it was given."""

    name = "recorder"

    def __init__(self) -> None:
        self.told: list[str] = []

    def plan(self, question: str, context: Context) -> Answer:
        self.told = [one.question for one in context.history]
        return Answer("answered", question, self.name, f"{len(self.told)} before", "SELECT 1 AS one",
                      result=context.run("SELECT 1 AS one"))


def test_an_answer_comes_back_as_it_was_but_for_its_rows(pets: Session) -> None:
    answer = converse(pets, "how many pets per kind?")
    kept = Memory(pets).answer(answer.id)
    assert kept.answer.result is None
    for name in ("status", "question", "planner", "text", "sql", "assumptions", "confidence", "evidence", "choices",
                 "unknown_words", "cost", "elapsed_s", "chart", "share", "sent", "id", "conversation"):
        assert getattr(kept.answer, name) == getattr(answer, name), name
    assert answer.result is not None
    assert kept.columns == tuple(one.name for one in answer.result.columns)
    assert (kept.row_count, kept.rows) == (2, None)
    assert kept.versions == {"main.pets": pets.versions()["main.pets"]}


def test_every_field_of_an_answer_survives_the_store(pets: Session) -> None:
    answer = Answer("clarify", "which?", "some", "Which one?", "", ("a",), 0.5, ("b",), (Choice("one", "SELECT 1"),),
                    ("c",), Cost(1, 2, 0.5, False), 1.5, None, {"kind": "line", "y": ["n"]}, "values",
                    ({"role": "user", "text": "x"},), verified="so?")
    kept = Memory(pets).keep(answer)
    assert Memory(pets).answer(kept.id).answer == kept


def test_no_row_is_kept_unless_the_setting_allows_it(pets: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    pets.query("CREATE TABLE names AS SELECT 'Rumpelstilzchen' AS name")
    id = converse(pets, "list the names").id
    pets.close()
    store = pets.workspace.control
    assert b"Rumpelstilzchen" not in b"".join(one.read_bytes() for one in store.parent.glob(store.name + "*"))
    monkeypatch.setenv("PLUTODUCK_AGENT__KEEP", "rows")
    with Session.open(pets.workspace.root) as session:
        assert Memory(session).answer(id).rows is None
        kept = Memory(session).answer(converse(session, "list the names").id)
        assert (kept.rows, kept.row_count) == ((("Rumpelstilzchen",),), 1)


def test_with_nothing_to_be_kept_an_answer_has_no_id(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUTODUCK_AGENT__KEEP", "nothing")
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE pets AS SELECT 1 AS weight")
        assert converse(session, "how many pets?").id == ""
        assert Memory(session).conversations() == []


def test_ask_alone_keeps_nothing(pets: Session) -> None:
    assert ask(pets, "how many pets?").id == ""
    assert Memory(pets).conversations() == []


def test_a_conversation_goes_on_in_another_process_of_the_workspace(workspace: Workspace) -> None:
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE pets AS SELECT 1 AS weight")
        first = converse(session, "how many pets?", planner=Recorder())
    planner = Recorder()
    with Session.open(workspace.root) as session:
        second = converse(session, "and heavy ones?", conversation=first.conversation[:5], planner=planner)
        assert planner.told == ["how many pets?"]
        assert second.conversation == first.conversation
        assert [one.turn for one in Memory(session).turns(first.conversation)] == [1, 2]
        assert Memory(session).last("python") == first.conversation
        converse(session, "a new one?", planner=planner)
        assert planner.told == []


def test_a_follow_up_edits_the_question_before_it(pets: Session) -> None:
    first = converse(pets, "how many pets per kind?")
    second = converse(pets, "only dogs", conversation=first.conversation)
    assert second.result is not None
    assert [row[-1] for row in second.result.rows()] == [45]


def test_a_number_picks_a_choice_of_the_last_answer(session: Session) -> None:
    session.query("CREATE TABLE shifts AS SELECT i AS early_load, i * 2 AS late_load FROM range(5) t(i)")
    asked = converse(session, "what is the average load?")
    assert asked.status == "clarify"
    texts = [one.text for one in asked.choices]
    picked = converse(session, " 2. ", conversation=asked.conversation)
    assert (picked.status, picked.text, picked.sql) == ("answered", texts[1], asked.choices[1].sql)
    assert picked.result is not None
    assert picked.result.rows() == session.query(picked.sql).rows()
    assert [one.answer.id for one in Memory(session).turns(asked.conversation)] == [asked.id, picked.id]
    with pytest.raises(UsageError, match="no choice 3"):
        choose(session, asked.id, 3)
    with pytest.raises(UsageError, match="no choice 1"):
        choose(session, picked.id, 1)


def test_thumbs_are_kept_with_their_note_and_can_be_taken_back(pets: Session) -> None:
    memory, id = Memory(pets), converse(pets, "how many pets?").id
    memory.rate(id, "down", "password=hunter2 is wrong")
    assert (memory.answer(id).rating, "hunter2" in memory.answer(id).note) == ("down", False)
    memory.rate(id, "")
    assert (memory.answer(id).rating, memory.answer(id).note) == ("", "")
    with pytest.raises(UsageError):
        memory.rate(id, "great")  # type: ignore[arg-type]
    with pytest.raises(UnknownName):
        memory.rate("none", "up")


def test_a_deleted_conversation_leaves_nothing_behind(pets: Session) -> None:
    memory, answer = Memory(pets), converse(pets, "how many pets?")
    other = converse(pets, "total weight")
    memory.delete(answer.conversation)
    for gone in (memory.conversation, memory.turns, memory.delete):
        with pytest.raises(UnknownName):
            gone(answer.conversation)
    with pytest.raises(UnknownName):
        memory.answer(answer.id)
    with pytest.raises(UnknownName):
        converse(pets, "only dogs", conversation=answer.conversation)
    assert [one.id for one in memory.conversations()] == [other.conversation]


def test_two_who_go_on_at_once_both_get_a_turn(workspace: Workspace) -> None:
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE pets AS SELECT 1 AS weight")
        first = converse(session, "how many pets?")
    ready = threading.Barrier(2)

    def go_on() -> None:
        with Session.open(workspace.root) as own:
            ready.wait(30)
            converse(own, "total weight", conversation=first.conversation)

    threads = [threading.Thread(target=go_on) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    with Session.open(workspace.root) as session:
        assert [one.turn for one in Memory(session).turns(first.conversation)] == [1, 2, 3]


def test_conversations_are_listed_by_their_last_use(pets: Session) -> None:
    clock = iter(range(100, 200))
    memory = Memory(pets, lambda: float(next(clock)))
    ids = [memory.keep(Answer("declined", f"q{i}", "builtin", "no")).conversation for i in range(3)]
    memory.keep(Answer("declined", "again", "builtin", "no"), conversation=ids[0])
    found = memory.conversations(2)
    assert [(one.id, one.title, one.turns) for one in found] == [(ids[0], "q0", 2), (ids[2], "q2", 1)]
    assert [one.id for one in memory.conversations(2, before=found[-1].changed_at)] == [ids[1]]
