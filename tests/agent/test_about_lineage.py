"""A question about where data comes from is pointed to the verb that tells; every other one goes its way."""

from __future__ import annotations

import pytest

from pluto_duck.agent import ask
from pluto_duck.agent.about_lineage import verb_for
from pluto_duck.session import Session


@pytest.fixture
def filled(session: Session) -> Session:
    session.query("CREATE TABLE orders (id INT, amount DOUBLE); CREATE VIEW daily AS SELECT sum(amount) AS total FROM orders;"
                  'CREATE SCHEMA raw; CREATE TABLE raw.orders (x INT); CREATE TABLE "odd.name" (y INT)')
    return session


@pytest.mark.parametrize(("question", "verb"), [
    ("What feeds daily?", "lineage daily --up"), ("which tables feed the view daily", "lineage daily --up"),
    ("where does daily.total come from?", "lineage daily.total --up"), ("what is raw.orders made of", "lineage raw.orders --up"),
    ("show me the lineage of orders", "lineage orders"), ("who uses orders.amount ?", "lineage orders.amount --down"),
    ("what depends on raw.orders.x", "lineage raw.orders.x --down"), ("what is the table orders used for?", "lineage orders --down"),
    ("What breaks if I drop the column orders.amount?", "lineage impact orders.amount"), ("can I drop orders", "lineage impact orders"),
    ("what would break without ORDERS.Amount", "lineage impact ORDERS.Amount"), ('what feeds "odd.name"', "lineage '\"odd.name\"' --up")])
def test_the_verb_that_tells(filled: Session, question: str, verb: str) -> None:
    assert verb_for(question, filled) == verb


@pytest.mark.parametrize("question", [
    "what feeds nothing", "what breaks if I drop orders.nope", "how many orders are there", "who uses orders of daily",
    "what is the total amount of orders", "where does a.b.c.d come from", "what feeds orders and daily", 'what feeds "orders',
    "what feeds ..", "total amount by id"])
def test_what_is_no_such_question(filled: Session, question: str) -> None:
    assert verb_for(question, filled) == ""


def test_a_question_that_nobody_can_answer_is_pointed_on(filled: Session) -> None:
    said = ask(filled, "What breaks if I drop orders.amount?", planner="builtin")
    assert (said.status, said.sql, said.unknown_words) == ("declined", "", ())
    assert "pluto-duck lineage impact orders.amount" in said.text
    assert ask(filled, "how many orders are there?", planner="builtin").status in ("answered", "assumed")
    assert "lineage" not in ask(filled, "What breaks if I drop the weather?", planner="builtin").text
