"""How an answer says what was understood: sentences that are read, so they stand here whole."""

from __future__ import annotations

import pytest

from pluto_duck.agent import ask
from pluto_duck.session import Session

SAID = (
    ("flights", "which 10 destinations had the worst average arrival delay in July?",
     "Average arr_delay of flights in July (month = 7), by dest, the 10 highest."),
    ("flights", "how many flights did JetBlue fly from JFK in March?",
     "Number of flights in March (month = 3) where airlines.name is 'JetBlue Airways' and origin is 'JFK'."),
    ("flights", "average air time by destination name", "Average air_time of flights, by airports.name of dest."),
    ("flights", "which carriers have more than 1000 flights?", "Number of flights, by carrier, only those with more than 1000."),
    ("flights", "how many distinct destinations are there?", "Number of distinct dest of flights."),
    ("flights", "planes with more than 300 seats", "The tailnum of planes where seats is above 300."),
    ("flights", "how many flights between March and May 2013?",
     "Number of flights from March 2013 to May 2013 (year, month)."),
    ("flights", "how many flights on 4 July 2013?", "Number of flights on 4 July 2013 (year = 2013, month = 7, day = 4)."),
    ("flights", "how many flights from JFK or LGA to LAX in the first quarter?",
     "Number of flights in quarter 1 (month 1 to 3) where origin is 'JFK' or 'LGA' and dest is 'LAX'."),
    ("flights", "which manufacturer made the most planes?", "Number of planes, by manufacturer, the highest."),
    ("flights", "average temperature per month", "Average temp of weather, by month."),
    ("flights", "which carriers flew the most flights, by name?",
     "Number of flights, by airlines.carrier and airlines.name, highest first."),
    ("shop", "what is the most expensive product?", "The id, title and price of products, the one with the highest price."),
    ("shop", "names of customers sorted by signup date", "The name of customers, earliest signup_date first."),
    ("shop", "list customers by name alphabetically", "The id and name of customers, in order of name."),
    ("shop", "show all orders in 2024", "All columns of orders in 2024 (ordered_on)."),
    ("shop", "number of orders per month", "Number of orders, by month of ordered_on."),
    ("shop", "how many orders since April 2024?", "Number of orders since April 2024 (ordered_on)."),
    ("shop", "how many orders in March?", "Number of orders in March 2024 (ordered_on)."),
    ("shop", "average amount of order items for the Teapot", "Average amount of order_items where products.title is 'Teapot'."),
    ("staff", "minimum and maximum salary for each job title", "Lowest salary and highest salary of employees, by job_title."),
    ("staff", "total salary of engineers", "Total salary of employees where job_title is 'engineer'."),
    ("staff", "how many employees are not engineers?", "Number of employees where job_title is not 'engineer'."),
    ("staff", "last names of employees with salary between 50000 and 90000",
     "The last_name of employees where salary is between 50000 and 90000."),
)


@pytest.mark.parametrize(("schema", "question", "text"), SAID, ids=[one[1] for one in SAID])
def test_an_answer_says_in_plain_english_what_was_run(
    schemas: dict[str, Session], schema: str, question: str, text: str,
) -> None:
    assert ask(schemas[schema], question).text == text


def test_choices_of_two_roles_can_be_told_apart(session: Session) -> None:
    session.query("CREATE TABLE ports (port_id INTEGER PRIMARY KEY, name VARCHAR)")
    session.query("INSERT INTO ports VALUES (1, 'Kiel'), (2, 'Riga')")
    session.query("CREATE TABLE trips (trip_id INTEGER, home_port INTEGER REFERENCES ports(port_id), "
                  "goal_port INTEGER REFERENCES ports(port_id))")
    session.query("INSERT INTO trips VALUES (1, 1, 2), (2, 1, 2), (3, 2, 1)")
    answer = ask(session, "how many trips with Kiel?")
    assert answer.status == "clarify"
    assert sorted(choice.text for choice in answer.choices) == [
        "Number of trips where ports.name of goal_port is 'Kiel'.",
        "Number of trips where ports.name of home_port is 'Kiel'."]


def test_a_long_list_of_values_is_cut_and_counted(session: Session) -> None:
    session.query("CREATE TABLE shades AS SELECT 'Mossy ' || i AS shade FROM range(9) t(i)")
    answer = ask(session, "how many shades are Mossy?")
    assert answer.choices[-1].text == ("Number of shades where shade is one of 'Mossy 0', 'Mossy 1', 'Mossy 2', "
                                       "'Mossy 3', 'Mossy 4', 'Mossy 5' and 3 more.")
