"""`complete`, `format`, `plan`, `draw`, frame by frame."""

from __future__ import annotations

from typing import Any

import pytest

from tests.panel.test_desk import Sidebar
from tests.panel.test_desk import sidebar as sidebar


@pytest.fixture
def names(sidebar: Sidebar) -> dict[str, Any]:
    """What the notebook has bound."""
    import pyarrow

    bound = {"least": 100, "returns": pyarrow.table({"order_id": [1, 2], "reason": ["late", "late"]}), "_hidden": 1}
    sidebar.desk.namespace = lambda: bound
    return bound


def _offered(sidebar: Sidebar, sql: str) -> list[str]:
    [found] = sidebar.ask("complete", sql=sql.replace("|", ""), at=sql.index("|"))
    return [one["text"] for one in found["candidates"]]


def test_tables_and_columns_are_offered_where_they_fit(sidebar: Sidebar, names: dict[str, Any]) -> None:
    assert _offered(sidebar, "SELECT * FROM |") == ["orders", "returns"]
    assert _offered(sidebar, "SELECT st| FROM orders") == ["status"]
    assert _offered(sidebar, "SELECT o.| FROM orders AS o") == ["o.id", "o.status", "o.amount"]
    assert _offered(sidebar, "SELECT r.rea| FROM returns AS r") == ["r.reason"]
    assert _offered(sidebar, "SELECT * FROM orders WHERE id > $l|") == ["$least"]
    [found] = sidebar.ask("complete", sql="SELECT * FROM o", at=15)
    assert found["start"] == 14
    assert found["candidates"] == [{"text": "orders", "kind": "table", "detail": "300 rows"}]
    [found] = sidebar.ask("complete", sql="SELECT * FROM ret")
    assert [one["kind"] for one in found["candidates"]] == ["variable"]


def test_sql_is_laid_out_as_it_was_written(sidebar: Sidebar) -> None:
    [found] = sidebar.ask("format", sql="select status, count(*)::int as n from orders group by 1")
    assert found["sql"] == "SELECT status, count(*)::int AS n\nFROM orders\nGROUP BY 1"
    [error] = sidebar.ask("format", sql="selec 1")
    assert error["code"] == "statement"


def test_a_plan_runs_nothing_unless_it_is_to_be_measured(sidebar: Sidebar, names: dict[str, Any]) -> None:
    [found] = sidebar.ask("plan", sql="SELECT status, count(*) FROM orders WHERE id > $least GROUP BY 1")
    steps = [found["plan"]]
    for one in steps:
        steps += one["steps"]
    scan = next(one for one in steps if "scan" in one["name"].lower())
    assert "orders" in str(dict(scan["facts"]))
    assert scan["rows"] is None
    assert "__internal" not in str(found["plan"])
    [found] = sidebar.ask("plan", sql="SELECT count(*) FROM orders WHERE amount > 5", measured=True)
    steps = [found["plan"]]
    for one in steps:
        steps += one["steps"]
    assert any(one["rows"] for one in steps)
    assert all(one["seconds"] is not None for one in steps)
    [found] = sidebar.ask("plan", sql="DELETE FROM orders")
    assert found["op"] == "planned"
    [error] = sidebar.ask("plan", sql="DELETE FROM orders", measured=True)
    assert error["code"] == "refused"
    [rows] = sidebar.ask("query", sql="SELECT count(*) FROM orders")
    assert rows["rows"] == [[300]]
    for sql, said in (("SELECT 1; SELECT 2", "one statement"), ("EXPLAIN SELECT 1", "already")):
        [error] = sidebar.ask("plan", sql=sql)
        assert said in error["message"]
    [error] = sidebar.ask("plan", sql="PIVOT orders ON status USING count(*)")
    assert (error["code"], "PIVOT" in error["message"], bool(error["hint"])) == ("usage", True, True)


def test_the_rows_of_a_select_come_with_the_charts_that_fit(sidebar: Sidebar, names: dict[str, Any]) -> None:
    [found] = sidebar.ask("draw", sql="SELECT status, sum(amount) AS amount FROM orders WHERE id > $least GROUP BY 1")
    assert len(found["rows"]["rows"]) == 2
    assert found["charts"][0]["kind"] == "bar"
    [found] = sidebar.ask("draw", sql="SELECT reason, count(*) AS n FROM returns GROUP BY ALL")
    assert found["rows"]["rows"] == [["late", 2]]
    [error] = sidebar.ask("draw", sql="DELETE FROM orders RETURNING id")
    assert error["code"] == "refused"
    [rows] = sidebar.ask("query", sql="SELECT count(*) FROM orders")
    assert rows["rows"] == [[300]]
