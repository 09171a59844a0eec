"""Verified questions: how they get into the file, how they are recognised, and what happens when they rot."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from pluto_duck.agent import Answer, ask
from pluto_duck.agent.conversing import converse
from pluto_duck.agent.memory import Memory
from pluto_duck.agent.memory.likeness import likeness, words
from pluto_duck.agent.memory.verified import VerifiedQuestions
from pluto_duck.agent.planners import Context
from pluto_duck.catalog import Catalog
from pluto_duck.errors import PlutoError, Refused, UnknownName, UsageError
from pluto_duck.session import Session

SALES = "SELECT sum(amount) AS sold FROM orders"


@pytest.fixture
def shop(session: Session) -> Session:
    session.query("CREATE TABLE orders AS SELECT i AS id, i * 2 AS amount, ['open', 'shipped'][1 + i % 2] AS status, "
                  "DATE '2024-01-01' + i::INTEGER AS ordered_on FROM range(10) t(i)")
    return session


class Never:
    """A planner that must not be asked."""

    name = "never"

    def plan(self, question: str, context: Context) -> Answer:
        raise AssertionError(question)


class Planned:
    name = "planned"

    def __init__(self, status: str = "answered") -> None:
        self.status = status

    def plan(self, question: str, context: Context) -> Answer:
        return Answer(self.status, question, self.name, "Worked out.", "SELECT 1 AS one")  # type: ignore[arg-type]


def _file(session: Session) -> Path:
    return session.workspace.root / "semantics.yaml"


def _asked(session: Session, question: str) -> tuple[str, str, bool]:
    answer = ask(session, question, planner=Planned())
    return answer.status, answer.planner, bool(answer.assumptions)


@pytest.mark.parametrize("question", [
    "How much did we sell?", "how much did we sell", "HOW MUCH did we sell ?!", "Please show me how much did we sell"])
def test_a_verified_question_is_answered_by_its_sql_and_shown_as_such(shop: Session, question: str) -> None:
    VerifiedQuestions(shop).add("How much did we sell?", SALES)
    answer = ask(shop, question, planner=Never())
    assert (answer.status, answer.planner, answer.verified) == ("answered", "verified", "How much did we sell?")
    assert answer.text == "A verified question: How much did we sell?"
    assert answer.result is not None
    assert answer.result.scalar() == 90


def test_one_that_is_nearly_equal_says_what_it_was_taken_for(shop: Session) -> None:
    VerifiedQuestions(shop).add("what was the open amount in 2024?", "SELECT 1 AS amount, 'x' AS y FROM orders")
    answer = ask(shop, "in 2024, the open amounts", planner=Never())
    assert answer.status == "assumed"
    assert answer.assumptions == ("this was taken for the verified question 'what was the open amount in 2024?'",)


@pytest.mark.parametrize(("asked", "verified"), [
    ("orders in 2023", "orders in 2024"), ("how many open orders", "how many shipped orders"),
    ("customers by revenue", "revenue by customers"), ("more orders than returns", "more returns than orders"),
    ("top 5 products in 3 countries", "top 3 products in 5 countries"), ("orders", "orders in 2024"),
    ("orders not shipped", "orders shipped"), ("amount > 5", "amount < 5"), ("amount of 1.5", "amount of 15"),
    ("profit in 2023", "profit in -2023"), ('status is "Open"', 'status is "open"'), ("from 1 to 2", "from 2 to 1"),
    ("sales of Asia without Europe", "sales of Europe without Asia"), ("?", "!"), ("the", "a"),
    ("class a customers", "class customers"), ("sales by a", "sales by")])
def test_questions_that_may_mean_something_else_are_not_alike(asked: str, verified: str) -> None:
    assert likeness(words(asked), words(verified)) is None
    assert likeness(words(verified), words(asked)) is None


def test_what_no_longer_runs_is_named_and_worked_out_anew(shop: Session) -> None:
    VerifiedQuestions(shop).add("How much did we sell?", SALES)
    shop.query("ALTER TABLE orders RENAME COLUMN amount TO price")
    answer = ask(shop, "how much did we sell?", planner=Planned())
    assert (answer.status, answer.planner, answer.verified) == ("assumed", "planned", "")
    assert "'How much did we sell?' no longer runs" in answer.assumptions[0]
    assert "no longer runs" in ask(shop, "how much did we sell?", planner=Planned("declined")).text
    (checked,) = VerifiedQuestions(shop).check()
    assert "amount" in checked.fault


def test_sql_that_writes_is_never_run(shop: Session) -> None:
    with pytest.raises(PlutoError):
        VerifiedQuestions(shop).add("clean up", "DELETE FROM orders")
    _file(shop).write_text("questions:\n  - {question: clean up, sql: DELETE FROM orders}\n", encoding="utf-8")
    assert _asked(shop, "clean up") == ("assumed", "planned", True)
    assert shop.query("SELECT count(*) FROM orders").scalar() == 10


def test_the_same_question_with_two_answers_is_used_by_neither(shop: Session) -> None:
    _file(shop).write_text(f"questions:\n  - {{question: how much, sql: {SALES}}}\n"
                           "  - {question: 'How much?', sql: SELECT 1 AS one FROM orders}\n", encoding="utf-8")
    assert _asked(shop, "how much?") == ("assumed", "planned", True)
    assert all("neither is used" in one.fault for one in VerifiedQuestions(shop).check())


def test_a_time_that_moves_needs_sql_that_moves(shop: Session) -> None:
    known = VerifiedQuestions(shop)
    with pytest.raises(Refused, match="another time tomorrow"):
        known.add("sales of last month", f"{SALES} WHERE ordered_on >= '2024-01-01'")
    with pytest.raises(Refused, match="another time tomorrow"):
        known.add("largest of this year", "SELECT max(amount) AS top FROM orders WHERE year(ordered_on) = 2024")
    known.add("sales of last month", f"{SALES} WHERE ordered_on >= current_date - 31")
    known.add("sales of the last day", f"{SALES} WHERE ordered_on = (SELECT max(ordered_on) FROM orders) "
              "AND ordered_on > '2020-01-01'")
    known.add("sales of January 2024", f"{SALES} WHERE ordered_on < '2024-02-01'")
    _file(shop).write_text(f"questions:\n  - question: sales this year\n    sql: {SALES} WHERE year(ordered_on) = 2024\n",
                           encoding="utf-8")
    answer = ask(shop, "sales this year", planner=Never())
    assert (answer.status, answer.assumptions) == (
        "assumed", ("the verified SQL names a fixed time, whatever the day of asking is",))


OWNED = """\
# Ours. Keep this line.
version: 1

tables:
  orders:            # what customers bought
    name: order

questions:           # vouched for by Ann
  # the big one
  - question: How much did we sell?
    sql: |
      SELECT sum(amount) AS sold
      FROM orders   -- all of them

  # the small one
  - {question: smallest, sql: SELECT min(amount) AS low FROM orders}

metrics:             # stays behind
  revenue: {table: orders, expression: sum(amount)}
"""


def test_comments_and_order_of_the_file_stay(shop: Session) -> None:
    _file(shop).write_text(OWNED, encoding="utf-8")
    _file(shop).chmod(0o640)
    known = VerifiedQuestions(shop)
    known.add("open: ones?", "SELECT count(*) AS n\nFROM orders WHERE status = 'open'")
    text = _file(shop).read_text(encoding="utf-8")
    assert [line for line in OWNED.splitlines() if line not in text] == []
    assert text.index("smallest") < text.index("open: ones?") < text.index("# stays behind")
    assert [one.question for one in known.all()] == ["How much did we sell?", "smallest", "open: ones?"]
    assert _file(shop).stat().st_mode & 0o777 == 0o640
    known.remove("open: ones")
    assert _file(shop).read_text(encoding="utf-8") == OWNED
    known.remove("1")
    assert "# the big one" in _file(shop).read_text(encoding="utf-8")
    assert [one.question for one in known.all()] == ["smallest"]
    known.remove("Smallest?")
    assert known.all() == ()
    assert Catalog.of(shop).semantics.metrics[0].name == "revenue"
    known.add("smallest", "SELECT min(amount) AS low FROM orders")
    assert [one.question for one in known.all()] == ["smallest"]


@pytest.mark.parametrize("before", [
    "", "# nothing but a comment\n", "version: 1", "questions:\n", "questions: []  # none\n", "questions: [ ]\nversion: 1\n",
    "questions: [{question: a b, sql: SELECT 1 AS x FROM orders}]\n", "{version: 1, questions: []}\n",
    "questions:\r\n- question: a b\r\n  sql: SELECT 1 AS x FROM orders\r\nversion: 1\r\n", "questions: ~\n",
    "questions:\n    - question: a b\n      sql: >-\n        SELECT 1 AS x\n        FROM orders\n\n\n# end\n"])
def test_a_question_can_be_put_into_and_taken_from_any_file(shop: Session, before: str) -> None:
    with _file(shop).open("w", encoding="utf-8", newline="") as file:
        file.write(before)
    known = VerifiedQuestions(shop)
    there = [one.question for one in known.all()]
    known.add("what's \"sold\": # all?", SALES)
    assert [one.question for one in known.all()] == [*there, "what's \"sold\": # all?"]
    for one in [*there, "what's \"sold\": # all?"]:
        known.remove(one)
    assert known.all() == ()


@pytest.mark.parametrize("before", ["questions: here\n", "- a\n- b\n", "a: [1\n", "tables: {}\n---\nquestions: []\n"])
def test_a_file_that_can_not_be_changed_safely_stays_as_it_is(shop: Session, before: str) -> None:
    _file(shop).write_text(before, encoding="utf-8")
    with pytest.raises(UsageError):
        VerifiedQuestions(shop).add("how much?", SALES)
    assert _file(shop).read_text(encoding="utf-8") == before
    assert [one.name for one in shop.workspace.root.iterdir() if one.name.endswith(".tmp")] == []


def test_a_link_to_another_place_is_not_written(shop: Session, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere.yaml"
    other.write_text("version: 1\n", encoding="utf-8")
    _file(shop).symlink_to(other)
    with pytest.raises(Refused, match="outside"):
        VerifiedQuestions(shop).add("how much?", SALES)
    assert other.read_text(encoding="utf-8") == "version: 1\n"


def test_the_same_question_again_is_added_once_and_other_sql_needs_a_word(shop: Session) -> None:
    known = VerifiedQuestions(shop)
    known.add("How much?", SALES)
    known.add("how much", SALES + ";")
    with pytest.raises(Refused, match="with other SQL"):
        known.add("how much", "SELECT 1 AS one FROM orders")
    known.add("how much", "SELECT 1 AS one FROM orders", replace=True)
    assert [one.sql for one in known.all()] == ["SELECT 1 AS one FROM orders"]
    with pytest.raises(UnknownName):
        known.remove("how little")


def test_two_who_add_at_once_both_get_in(shop: Session) -> None:
    ready = threading.Barrier(4)

    def add(number: int) -> None:
        with Session.open(shop.workspace.root) as own:
            ready.wait(30)
            VerifiedQuestions(own).add(f"question number {number}", SALES)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert len(VerifiedQuestions(shop).all()) == 4


def test_an_answer_becomes_a_verified_question(shop: Session) -> None:
    memory, answer = Memory(shop), converse(shop, "total amount of orders by status")
    made = memory.verify(answer.id)
    assert (made.question, made.sql) == (answer.question, " ".join(answer.sql.split()))
    assert memory.answer(answer.id).rating == "up"
    again = converse(shop, "Total amount of orders by status?", planner=Never())
    assert (again.sql, again.verified) == (" ".join(answer.sql.split()), answer.question)
    assert memory.verify(again.id) == made
    with pytest.raises(UsageError, match="no SQL"):
        memory.verify(converse(shop, "average flurb").id)


def test_a_follow_up_needs_the_question_in_whole_words(shop: Session) -> None:
    first = converse(shop, "how many orders by status?")
    second = converse(shop, "only open", conversation=first.conversation)
    whole = converse(shop, "total amount of orders", conversation=first.conversation)
    with pytest.raises(Refused, match="only after the question before it"):
        Memory(shop).verify(second.id)
    assert VerifiedQuestions(shop).all() == ()
    Memory(shop).verify(whole.id)
    Memory(shop).verify(second.id, "how many open orders are there?")
    assert ask(shop, "how many open orders are there", planner=Never()).sql == " ".join(second.sql.split())


def test_sql_of_several_lines_stands_on_one_where_that_means_the_same(shop: Session) -> None:
    VerifiedQuestions(shop).add("pets?", "SELECT\n  count(*) AS n\nFROM orders")
    VerifiedQuestions(shop).add("odd?", "SELECT 'a\n  b' AS odd")
    VerifiedQuestions(shop).add("told?", "SELECT 1 -- one\n  + 1 AS two")
    assert [one.sql for one in VerifiedQuestions(shop).all()] == [
        "SELECT count(*) AS n FROM orders", "SELECT 'a\n  b' AS odd", "SELECT 1 -- one\n  + 1 AS two"]
    assert ask(shop, "odd?").result.rows() == [("a\n  b",)]  # type: ignore[union-attr]
