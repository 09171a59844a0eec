"""Questions of a role: answered from what it sees, in words that come from nowhere else."""

from __future__ import annotations

import pytest

from pluto_duck.agent.asking import ask
from pluto_duck.agent.conversing import converse
from pluto_duck.catalog import Catalog
from pluto_duck.errors import Refused, UnknownName
from tests.governance.policy.conftest import Company

SETUP = """
CREATE TABLE orders AS SELECT i AS id, ['Berlin', 'Paris', 'Hiddenville'][1 + i % 3] AS city,
  CASE WHEN i % 3 = 2 THEN 'US' ELSE 'EU' END AS region, 'p' || i || '@example.com' AS email, i * 10 AS amount
  FROM range(30) t(i);
CREATE TABLE payroll AS SELECT 'Topsecretson' AS employee, 1 AS wage;
CREATE TABLE drafts AS SELECT 'Draftonia' AS title, 1 AS pages;
"""
POLICY = """
version: 1
roles:
  eu:
    grants:
      - {tables: orders, actions: [read, ask], rows: region = $region, hide: email}
      - {tables: drafts, actions: read}
"""
WORDS = """
tables:
  orders:
    names: [purchases]
  payroll:
    names: [shadow wages]
"""


@pytest.fixture
def filled(company: Company) -> Company:
    company.owner.query(SETUP)
    company.allow(POLICY)
    (company.workspace.root / "semantics.yaml").write_text(WORDS, encoding="utf-8")
    ask(company.owner, "how many orders in Hiddenville?")  # the owner's values stand in the workspace's cache now
    return company


def test_an_answer_counts_only_the_rows_of_the_role(filled: Company) -> None:
    session = filled.as_("eu", region="EU")
    found = ask(session, "how many orders are there?")
    assert found.result is not None
    assert found.result.rows()[0][0] == 20
    assert found.status in ("answered", "assumed")
    assert ask(filled.owner, "how many orders are there?").result.rows()[0][0] == 30  # type: ignore[union-attr]


@pytest.mark.parametrize("question", [
    "how many orders in Hiddenville?", "orders by email", "total wage by employee", "how many payroll?",
    "who is Topsecretson?", "how many drafts?", "pages of Draftonia", "shadow wages", "p1@example.com",
    "how many orders in Hidenville?", "show salries", "what tables are there?"])
def test_what_a_role_may_not_see_is_no_word_of_its_agent(filled: Company, question: str) -> None:
    found = ask(filled.as_("eu", region="EU"), question)
    told = str([found.text, found.sql, found.assumptions, found.evidence, found.choices,
                found.result.rows() if found.result is not None else ""])
    for word in ("Hiddenville", "email", "payroll", "wage", "Topsecretson", "drafts", "Draftonia", "employee", "pages"):
        assert word.lower() in question.lower() or word not in told
    if found.result is not None:
        assert "Hiddenville" not in str(found.result.rows())


def test_whether_a_file_is_there_is_not_told(filled: Company) -> None:
    (filled.workspace.root / "plan.csv").write_text("a\n1\n", encoding="utf-8")
    session = filled.as_("eu", region="EU")
    answers = [ask(session, f"what is in @{name}").text.replace(name, "it") for name in ("plan.csv", "plum.csv")]
    assert answers[0] == answers[1]


def test_the_values_that_it_knows_are_its_own(filled: Company) -> None:
    session = filled.as_("eu", region="EU").asking
    catalog = Catalog.of(session)
    assert [str(one.ref) for one in catalog.tables] == ["orders"]
    assert catalog.values_of(session, catalog.tables[0].ref, "city") == ["Berlin", "Paris"]
    owner = Catalog.of(filled.owner)
    assert "Hiddenville" in owner.values_of(filled.owner, owner.table("main.orders").ref, "city")


def test_after_the_policy_changed_it_knows_no_values_from_before(filled: Company) -> None:
    session = filled.as_("eu", region="EU").asking
    catalog = Catalog.of(session)
    assert "Paris" in catalog.values_of(session, catalog.tables[0].ref, "city")
    filled.allow(POLICY.replace("rows: region = $region", "rows: region = $region AND city = 'Berlin'"))
    again = Catalog.of(session)
    assert again is not catalog
    assert again.values_of(session, again.tables[0].ref, "city") == ["Berlin"]


def test_only_its_own_conversation_goes_on_and_no_model_is_asked(filled: Company) -> None:
    session = filled.as_("eu", region="EU")
    assert converse(session, "how many orders are there?").conversation != ""
    owners = converse(filled.owner, "how many orders are there?").conversation
    for foreign in ("0123", owners):
        with pytest.raises(UnknownName):
            converse(session, "and now?", conversation=foreign)
    with pytest.raises(Refused):
        ask(session, "how many orders?", planner="openai")
