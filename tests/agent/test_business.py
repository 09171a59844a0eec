"""Questions people ask of a business: shares, changes, relative dates, and edits of the question before."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import pytest

from pluto_duck.agent import Answer, ask
from pluto_duck.agent.evaluation.compare import same_rows
from pluto_duck.agent.planners.builtin.dates import Day
from pluto_duck.agent.planners.builtin.relative import Relative, read_relative
from pluto_duck.session import Session
from pluto_duck.workspace import create
from tests.agent.conftest import SHOP


def _rows(answer: Answer) -> list[tuple[object, ...]]:
    assert answer.result is not None, answer.text
    return answer.result.rows()


def _talk(session: Session, *questions: str) -> Answer:
    history: list[Answer] = []
    for question in questions:
        history.append(ask(session, question, history=history))
    return history[-1]


def test_each_group_has_its_share_of_the_whole(schemas: dict[str, Session]) -> None:
    answer = ask(schemas["shop"], "share of orders by status")
    assert _rows(answer) == [("cancelled", 1, 0.125), ("open", 2, 0.25), ("shipped", 5, 0.625)]
    assert answer.text == "Number of orders and its share of the total, by status."


def test_a_condition_has_its_percentage_of_all_rows(schemas: dict[str, Session]) -> None:
    answer = ask(schemas["shop"], "what percentage of orders was cancelled?")
    assert _rows(answer) == [(12.5,)]
    assert answer.text == "Percentage of orders for which status is 'cancelled'."


def test_a_part_can_be_taken_in_each_group(schemas: dict[str, Session]) -> None:
    rows = _rows(ask(schemas["shop"], "percentage of shipped orders by country"))
    assert {row[0]: round(float(str(row[1])), 1) for row in rows} == {"France": 25.0, "Spain": 100.0, "UK": 100.0}


def test_growth_looks_at_the_period_before(schemas: dict[str, Session]) -> None:
    answer = ask(schemas["shop"], "growth of orders by year")
    assert _rows(answer) == [(2023, 1, None, None, None), (2024, 7, 1, 6, 6.0)]
    assert answer.assumptions == ("each period is compared with the one before it that has rows",
                                  "the data ends on 19 July 2024, before the last of these periods is over")


def test_a_trend_is_told_by_month_and_that_is_said(schemas: dict[str, Session]) -> None:
    answer = ask(schemas["shop"], "trend of orders")
    assert answer.assumptions == ("the trend is told by month",)
    assert len(_rows(answer)) == 6


def test_a_measure_finds_the_dates_of_the_table_it_belongs_to(schemas: dict[str, Session]) -> None:
    answer = ask(schemas["shop"], "total amount by year")
    assert [str(row[0]) for row in _rows(answer)] == ["2023", "2024"]


@pytest.mark.parametrize(("said", "count", "told"), [
    ("last quarter", 1, "last quarter is quarter 2 2024, counted from the data's last date, 2024-07-19"),
    ("last month", 0, "last month is June 2024, counted from the data's last date, 2024-07-19"),
    ("this year", 7, "this year is 2024, counted from the data's last date, 2024-07-19"),
    ("last year", 1, "last year is 2023, counted from the data's last date, 2024-07-19"),
    ("in the past 120 days", 2, "the past 120 days is 22 March 2024 to 19 July 2024, counted from the data's last date, 2024-07-19"),
    ("year to date", 7, "year to date is 1 January 2024 to 19 July 2024, counted from the data's last date, 2024-07-19"),
])
def test_a_relative_date_is_counted_from_the_last_one_and_that_is_said(
    schemas: dict[str, Session], said: str, count: int, told: str,
) -> None:
    answer = ask(schemas["shop"], f"how many orders {said}?")
    assert (answer.status, _rows(answer), answer.assumptions) == ("assumed", [(count,)], (told,))


def test_data_that_go_on_are_counted_from_today(session: Session) -> None:
    session.query("CREATE TABLE visits AS SELECT i AS visit_id, current_date - i::INTEGER AS seen_on FROM range(100) t(i)")
    answer = ask(session, "how many visits in the past 7 days?")
    assert _rows(answer) == [(7,)]
    assert "counted from today" in answer.assumptions[0]


@pytest.mark.parametrize(("text", "found"), [
    ("last quarter", Relative("quarter", 1)), ("past 3 months", Relative("month", 0, 3, rolling=True)),
    ("ytd", Relative("year", 0, to_date=True)), ("this year so far", Relative("year", 0, to_date=True)),
    ("last name", None), ("last 5", None), ("yesterday", Relative("day", 1))])
def test_what_is_a_relative_date(text: str, found: Relative | None) -> None:
    read = read_relative(text.split(), 0)
    assert (read[0] if read else None) == found


@pytest.mark.parametrize(("relative", "first", "last"), [
    (Relative("month", 1), Day(2024, None, 12), None), (Relative("quarter", 1), Day(2024, 4), None),
    (Relative("week", 0), Day(2025, None, 1, 13), Day(2025, None, 1, 19)),
    (Relative("month", 0, 2, rolling=True), Day(2024, None, 11, 16), Day(2025, None, 1, 15))])
def test_a_relative_date_across_the_new_year(relative: Relative, first: Day, last: Day | None) -> None:
    assert relative.days(datetime.date(2025, 1, 15)) == (first, last)


TALKS = (
    (("how many orders per status?", "only in 2024"), "Number of orders in 2024 (ordered_on), by status."),
    (("total amount by category", "by country"), "Total amount of order_items, by customers.country."),
    (("how many orders in 2023?", "and in 2024?"), "Number of orders in 2024 (ordered_on)."),
    (("number of customers from France", "what about Spain?"), "Number of customers where country is 'Spain'."),
    (("total amount by category", "as a share"), "Total amount of order_items and its share of the total, by products.category."),
    (("total amount by country", "top 2"), "Total amount of order_items, by customers.country, the 2 highest."),
    (("total amount by country", "only shipped", "by category"),
     "Total amount of order_items where orders.status is 'shipped', by products.category."),
    (("how many orders per status?", "how many customers are there?"), "Number of customers."),
    (("how many orders in 2024?", "what about customers?"), "Number of customers in 2024 (signup_date)."),
    (("total amount by country", "top 2", "top 3"), "Total amount of order_items, by customers.country, the 3 highest."),
    (("how many orders by month", "compared to the year before"),
     "Number of orders and its change from a year earlier, by month of ordered_on."),
)


@pytest.mark.parametrize(("questions", "text"), TALKS, ids=[" / ".join(one[0]) for one in TALKS])
def test_a_question_may_edit_the_one_before(schemas: dict[str, Session], questions: tuple[str, ...], text: str) -> None:
    assert _talk(schemas["shop"], *questions).text == text


def test_an_edit_without_a_question_before_is_declined(schemas: dict[str, Session]) -> None:
    assert ask(schemas["shop"], "as a share").status == "declined"


def test_why_is_answered_by_what_shifted_most_since_the_period_before(schemas: dict[str, Session]) -> None:
    answer = _talk(schemas["shop"], "how many orders in 2024?", "why so high?")
    assert answer.status == "assumed"
    assert answer.text.startswith("Number of orders, from 1 January 2023 to 31 December 2023 (ordered_on) beside in 2024")
    assert "have shifted most since the period before" in answer.assumptions[-1]
    assert sum(int(str(row[2])) for row in _rows(answer)) == 7


def test_why_without_a_question_before_is_declined(schemas: dict[str, Session]) -> None:
    assert ask(schemas["shop"], "why so high?").status == "declined"


SEMANTICS = """
version: 1
tables:
  orders: {date: ordered_on}
  customers: {date: signup_date}
metrics:
  revenue: {table: order_items, expression: sum(amount), filter: "amount > 40", synonyms: [sales], unit: EUR}
  new customers: {table: customers, expression: count(*), date: signup_date}
terms:
  pending order: {table: orders, filter: "status = 'open'"}
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """The shop, with a semantic file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLUTODUCK_HOME", str(tmp_path_factory.mktemp("home")))
        workspace = create(tmp_path_factory.mktemp("told") / "workspace")
        (workspace.root / "semantics.yaml").write_text(SEMANTICS, encoding="utf-8")
        with Session.open(workspace.root) as session:
            session.query(SHOP)
            yield session


FIGURES = (
    ("revenue", "SELECT sum(amount) FROM order_items WHERE amount > 40"),
    ("how much did we sell in 2023?", "SELECT sum(amount) FROM order_items WHERE amount > 40 AND order_id = 8"),
    ("how many pending orders?", "SELECT count(*) FROM orders WHERE status = 'open'"),
    ("top 2 products by revenue",
     "SELECT title, sum(amount) FROM order_items JOIN products p ON p.id = product_id WHERE amount > 40 GROUP BY 1 "
     "ORDER BY 2 DESC LIMIT 2"),
    ("revenue and new customers by year",
     "SELECT * FROM (SELECT year(ordered_on) y, sum(amount) FROM order_items JOIN orders o ON o.id = order_id "
     "WHERE amount > 40 GROUP BY 1) JOIN (SELECT year(signup_date) y, count(*) FROM customers GROUP BY 1) USING (y)"),
    ("products with above average revenue",
     "SELECT title FROM order_items JOIN products p ON p.id = product_id WHERE amount > 40 GROUP BY 1 "
     "HAVING sum(amount) > (SELECT avg(s) FROM (SELECT sum(amount) s FROM order_items WHERE amount > 40 GROUP BY product_id))"),
    ("what share of sales comes from the top 2 products?",
     "SELECT (SELECT sum(s) FROM (SELECT sum(amount) s FROM order_items WHERE amount > 40 GROUP BY product_id "
     "ORDER BY 1 DESC LIMIT 2)) / sum(amount) FROM order_items WHERE amount > 40"),
)


@pytest.mark.parametrize(("question", "gold"), FIGURES, ids=[one[0] for one in FIGURES])
def test_figures_and_terms_of_the_semantic_file_are_used(told: Session, question: str, gold: str) -> None:
    answer = ask(told, question)
    assert answer.result is not None, answer.text
    assert same_rows(answer.result, told.query(gold), ordered=False), answer.sql


def test_a_period_that_is_not_over_is_told_beside_whole_ones(session: Session) -> None:
    session.query("CREATE TABLE sales AS SELECT DATE '2023-01-01' + i::INTEGER AS sold_on, 10 AS amount FROM range(820) AS r(i)")
    for question in ("total amount in 2024 vs 2025", "growth of total amount by year"):
        answer = ask(session, question)
        assert answer.status == "assumed", answer.text
        assert "the data ends on 30 March 2025, before the last of these periods is over" in answer.assumptions
    for question in ("total amount in 2023 vs 2024", "growth of total amount by quarter", "growth of total amount by month"):
        assert not any("is over" in one for one in ask(session, question).assumptions), question
