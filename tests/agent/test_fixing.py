"""SQL that does not run, and what is proposed instead."""

from __future__ import annotations

from typing import Any

import pytest

from pluto_duck.agent.fixing import asked, fix
from pluto_duck.errors import Refused, UsageError
from pluto_duck.session import Session


@pytest.fixture
def flights(schemas: dict[str, Session]) -> Session:
    return schemas["flights"]


@pytest.mark.parametrize(("sql", "fixed"), [
    ("SELECT carrier, avg(dep_dealy) AS late FROM flights GROUP BY carrier",
     "SELECT carrier, avg(dep_delay) AS late FROM flights GROUP BY carrier"),
    ("SELECT * FROM flihgts", "SELECT * FROM flights"),
    ("SELECT summ(distance) FROM flights", "SELECT sum(distance) FROM flights"),
    ("SELCT count(*) FROM flights", "SELECT count(*) FROM flights"),
    ("SELECT carrier FORM flights", "SELECT carrier FROM flights"),
    ("SELECT f.carrir FROM flights f", "SELECT f.carrier FROM flights f"),
    ("SELECT f.carrier FROM flights g", "SELECT g.carrier FROM flights g"),
    ("SELECT count(*) FROM flights WHERE carrier = \"UA\"", "SELECT count(*) FROM flights WHERE carrier = 'UA'"),
    ("SELECT carrier, origin, count(*) FROM flights GROUP BY carrier",
     "SELECT carrier, origin, count(*) FROM flights GROUP BY origin, carrier"),
    ("SELECT carrier, count(*) FROM flights ORDER BY 2", "SELECT carrier, count(*) FROM flights GROUP BY ALL ORDER BY 2"),
    ("UPDATE flights SET carier = 'x'", "UPDATE flights SET carrier = 'x'"),
    # Several words, beyond ten lines and letters of several bytes, and a text that must stay as it is.
    ("SELECT 'dep_dealy é', avg(dep_dealy), avg(arr_dealy)\nFROM flihgts\n\n\n\n\n\n\n\n\nWHERE carier = 'UA' GRUOP BY orign",
     "SELECT 'dep_dealy é', avg(dep_delay), avg(arr_delay)\nFROM flights\n\n\n\n\n\n\n\n\nWHERE carrier = 'UA' GROUP BY origin"),
])
def test_what_is_misspelt_is_put_right_and_nothing_else(flights: Session, sql: str, fixed: str) -> None:
    found = fix(flights, sql)
    assert found.problem is not None
    assert found.fixed == fixed
    assert found.raw


def test_it_was_tried_and_its_rows_counted(flights: Session) -> None:
    found = fix(flights, "SELECT carrier, avg(dep_dealy) FROM flights GROUP BY carrier;")
    assert found.trial is not None
    assert found.trial.rows == 16
    assert "Referenced column" in found.raw
    assert "LINE 1" in found.raw
    [swap] = found.swaps
    assert (swap.kind, swap.old, swap.new) == ("column", "dep_dealy", "dep_delay")
    assert "arr_delay" in swap.others


def test_another_word_may_be_meant(flights: Session) -> None:
    found = fix(flights, "SELECT avg(dealy) FROM flights", meant={"dealy": "arr_delay"})
    assert found.fixed == "SELECT avg(arr_delay) FROM flights"
    assert "dep_delay" in found.swaps[0].others


@pytest.mark.parametrize("sql", ["SELECT zzzzqq FROM flights", "SELECT 1 +", "SELECT 'a' + [1]", "SELECT * FROM qqqqqq"])
def test_where_nothing_is_near_nothing_is_proposed(flights: Session, sql: str) -> None:
    found = fix(flights, sql)
    assert found.problem is not None
    assert (found.fixed, found.trial) == ("", None)


@pytest.mark.parametrize("sql", [
    "SELECT 1; DELETE FROM flights", "ANALYZE flights", "COPY flights TO 'flights.csv'", "SET threads = 1",
])
def test_what_would_run_when_it_is_tried_is_refused(flights: Session, sql: str) -> None:
    before = flights.query("SELECT count(*) FROM flights").scalar()
    with pytest.raises(Refused):
        fix(flights, sql)
    assert flights.query("SELECT count(*) FROM flights").scalar() == before


def test_a_write_is_planned_and_not_run(flights: Session) -> None:
    before = flights.query("SELECT count(*) FROM flights").scalar()
    found = fix(flights, "DELETE FROM flihgts")
    assert found.fixed == "DELETE FROM flights"
    assert found.trial is not None
    assert found.trial.rows is None
    assert flights.query("SELECT count(*) FROM flights").scalar() == before
    # What stands before it could make EXPLAIN run it; it does not parse as a statement of its own.
    assert fix(flights, "ANALYZE DELETE FROM flights").fixed == ""
    assert flights.query("SELECT count(*) FROM flights").scalar() == before


def test_sql_that_runs_needs_no_fix(flights: Session) -> None:
    assert fix(flights, "SELECT 1").problem is None
    for sql in ("", "x" * 30_000):
        with pytest.raises(UsageError):
            fix(flights, sql)


def test_a_planner_is_told_the_error_and_its_sql_is_tried(flights: Session) -> None:
    from pluto_duck.agent import Answer

    seen: list[str] = []

    class Mender:
        name = "mender"

        def plan(self, question: str, context: Any) -> Answer:
            seen.append(question)
            sql = "SELECT count(*) FROM flights WHERE month = 1"
            return Answer("answered", question, self.name, "January was meant.", sql, result=context.run(sql))

    found = asked(flights, "SELECT count(*) FROM flights WHERE monht = January", Mender())
    assert "monht" in seen[0]
    assert "There is no column" in seen[0]
    assert found.fixed.endswith("month = 1")
    assert found.trial is not None
    assert found.trial.rows == 1
    assert found.remark == "January was meant."
