"""Constructions that have to be answered without a caveat, and what has to carry one."""

from __future__ import annotations

import pytest

from pluto_duck.agent import ask
from pluto_duck.agent.planners.builtin.gate import SURE, Doubt, likelihood, needs_caveat
from pluto_duck.session import Session

PLAIN: tuple[tuple[str, str, str], ...] = (
    ("shop", "What are the ids and prices of the products with the top 3 prices?",
     "SELECT id, price FROM products ORDER BY price DESC LIMIT 3"),
    ("shop", "Show the most common status across orders.",
     "SELECT status FROM orders GROUP BY status ORDER BY count(*) DESC LIMIT 1"),
    ("shop", "Find the titles of products and their categories.", "SELECT title, category FROM products"),
    ("shop", "How many order statuses exist?", "SELECT count(DISTINCT status) FROM orders"),
    ("shop", "Show the categories of products and the count.", "SELECT category, count(*) FROM products GROUP BY category"),
    ("shop", "Which categories of products have more than 1 record?",
     "SELECT category FROM products GROUP BY category HAVING count(*) > 1"),
    ("shop", "List the titles of products sorted by price from the highest to the lowest.",
     "SELECT title FROM products ORDER BY price DESC"),
    ("shop", "Which product's title contains the word \"ug\"?", "SELECT title FROM products WHERE title LIKE '%ug%'"),
    ("shop", "How many customers are in the city of Lyon?", "SELECT count(*) FROM customers WHERE city = 'Lyon'"),
    ("shop", "the average price of products for different categories",
     "SELECT category, avg(price) FROM products GROUP BY category"),
    ("shop", "all the information about the products in the office category",
     "SELECT * FROM products WHERE category = 'office'"),
    ("staff", "What are the first and last names of employees?", "SELECT first_name, last_name FROM employees"),
    ("staff", "names of departments in descending alphabetical order", "SELECT name FROM departments ORDER BY name DESC"),
)


@pytest.mark.parametrize(("schema", "question", "sql"), PLAIN, ids=[one[1] for one in PLAIN])
def test_a_construction_is_answered_without_a_caveat(
    schemas: dict[str, Session], schema: str, question: str, sql: str
) -> None:
    session = schemas[schema]
    answer = ask(session, question)
    assert answer.status == "answered", (answer.status, answer.text, answer.assumptions)
    assert answer.result is not None
    gold = session.query(sql, read_only=True)
    assert [row[: len(gold.columns)] for row in sorted(answer.result.rows())] == sorted(gold.rows()), answer.sql


def test_customers_of_one_name_are_told_once_each(schemas: dict[str, Session]) -> None:
    session = schemas["staff"]
    answer = ask(session, "names of departments with employees")
    assert " IN (" in answer.sql
    assert "DISTINCT" not in answer.sql
    assert answer.result is not None
    assert answer.result.row_count == 3


def test_an_average_over_a_bridge_counts_each_row_once(schemas: dict[str, Session]) -> None:
    answer = ask(schemas["shop"], "average price of products in orders that are open")
    assert answer.result is not None
    # The rug, the desk and the teapot were each ordered; none may count twice.
    assert float(answer.result.rows()[0][0]) == pytest.approx((120 + 240 + 25) / 3)


def test_an_empty_answer_carries_a_caveat(schemas: dict[str, Session]) -> None:
    answer = ask(schemas["shop"], "show the title of products with price above 9000")
    assert (answer.status, answer.assumptions) == ("assumed", ("no row fits all of this",))


def test_both_of_two_years_is_not_read_as_either(schemas: dict[str, Session]) -> None:
    assert ask(schemas["shop"], "which customers had orders both in 2023 and 2024?").status != "answered"


def test_a_note_of_another_kind_is_always_a_caveat() -> None:
    assert needs_caveat(SURE + 10, ["the date is ordered_on"])
    assert not needs_caveat(SURE + 10, [Doubt("goes", "'cheapest' goes by price")])
    assert needs_caveat(SURE - 0.01, [])
    assert likelihood(0) == 0.5


def test_a_caveat_without_a_single_cause_says_how_likely_it_is(schemas: dict[str, Session]) -> None:
    answer = ask(schemas["shop"], "total amount by country and month in 2024")
    assert answer.status == "assumed"
    assert answer.assumptions == (
        f"answers put together in this way were right in about {round(100 * answer.confidence)} of 100 cases",)
