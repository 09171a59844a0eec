"""What a person does with an answer, frame by frame: read it otherwise, go on, keep it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pluto_duck.session import Session
from pluto_duck.workspace import Workspace
from tests.panel.test_desk import Sidebar

SHOP = """
CREATE TABLE planes (tailnum VARCHAR PRIMARY KEY, manufacturer VARCHAR, seats INTEGER);
INSERT INTO planes SELECT 'N' || i, CASE WHEN i % 3 = 0 THEN 'AIRBUS' WHEN i % 3 = 1 THEN 'AIRBUS INDUSTRIE' ELSE 'BOEING' END,
  100 + i % 7 FROM range(30) t(i);
CREATE TABLE orders (id INTEGER PRIMARY KEY, status VARCHAR, channel VARCHAR, ordered_on DATE, amount INTEGER);
INSERT INTO orders SELECT i, CASE WHEN i % 3 = 0 THEN 'open' ELSE 'paid' END, CASE WHEN i % 2 = 0 THEN 'web' ELSE 'shop' END,
  DATE '2024-01-01' + (i % 300)::INTEGER, i FROM range(300) t(i)
"""


@pytest.fixture
def sidebar(workspace: Workspace) -> Iterator[Sidebar]:
    with Session.open(workspace.root) as session:
        session.query(SHOP)
        made = Sidebar(workspace.root)
        yield made
        made.desk.close()


def test_an_assumption_is_taken_away_by_the_reading_without_it(sidebar: Sidebar) -> None:
    *_, last = sidebar.ask("ask", question="Airbus planes")
    answer = last["answer"]
    assert (answer["status"], answer["rows"]["count"]) == ("assumed", 10)
    [other] = answer["otherwise"]
    assert other["assumption"] == answer["assumptions"][0]
    *steps, last = sidebar.ask("reread", answer=answer["id"], without=1)
    assert steps[0]["op"] == "step"
    again = last["answer"]
    assert (again["status"], again["rows"]["count"], again["sql"]) == ("answered", 20, other["sql"])
    assert again["conversation"] == answer["conversation"]
    assert again["id"] != answer["id"]
    # What was kept of it tells the same.
    [talk] = sidebar.ask("conversation", conversation=answer["conversation"])
    assert talk["turns"][0]["otherwise"] == answer["otherwise"]
    [error] = sidebar.ask("reread", answer=answer["id"], without=2)
    assert error["code"] == "usage"
    [error] = sidebar.ask("reread", answer=answer["id"])
    assert error["code"] == "usage"


def test_the_charts_that_fit_come_with_the_rows(sidebar: Sidebar) -> None:
    *_, last = sidebar.ask("ask", question="number of orders by month")
    assert [one["kind"] for one in last["answer"]["charts"]] == ["line", "bar", "scatter"]
    [shown] = sidebar.ask("show", answer=last["answer"]["id"])
    assert shown["answer"]["rows"]["rows"] == last["answer"]["rows"]["rows"]
    assert shown["answer"]["charts"] == last["answer"]["charts"]
    [rows] = sidebar.ask("query", sql="SELECT status, count(*) AS n FROM orders GROUP BY 1")
    assert [one["kind"] for one in rows["charts"]] == ["bar"]
    [rows] = sidebar.ask("query", sql="CREATE TABLE made AS SELECT 1 AS x")
    assert rows["charts"] == []


def test_what_is_offered_next_is_answered(sidebar: Sidebar) -> None:
    *_, last = sidebar.ask("ask", question="number of orders by status")
    [offered] = sidebar.ask("follow_ups", answer=last["answer"]["id"], value="paid")
    questions = [one["question"] for one in offered["questions"]]
    assert len(questions) == 3
    assert "only paid" in questions
    for one in questions:
        *_, went = sidebar.ask("ask", question=one, conversation=last["answer"]["conversation"])
        assert went["answer"]["status"] in ("answered", "assumed"), one
        assert went["answer"]["rows"]["count"]


def test_what_can_be_answered_instead_is_offered(sidebar: Sidebar) -> None:
    *_, last = sidebar.ask("ask", question="churn by channel")
    assert last["answer"]["status"] == "declined"
    [offered] = sidebar.ask("follow_ups", answer=last["answer"]["id"])
    questions = [one["question"] for one in offered["questions"]]
    assert "number of orders by channel" in questions
    *_, went = sidebar.ask("ask", question="number of orders by channel")
    assert went["answer"]["status"] == "answered"


def test_a_view_is_proposed_and_made_once_it_is_approved(sidebar: Sidebar) -> None:
    [made] = sidebar.ask("propose", kind="view", target="open_orders", body="SELECT * FROM orders WHERE status = 'open'",
                         question="open orders")
    waiting = made["approval"]
    assert waiting["status"] == "waiting"
    assert waiting["dry_run"].startswith("100 rows")
    assert sidebar.ask("rows", sql="SELECT * FROM open_orders")[0]["op"] == "error"
    sidebar.ask("approve", approval=waiting["id"], version=waiting["version"])
    assert sidebar.ask("query", sql="SELECT count(*) FROM open_orders")[0]["rows"] == [[100]]
    [error] = sidebar.ask("propose", kind="view", target="bad", body="DELETE FROM orders")
    assert error["op"] == "error"
    [error] = sidebar.ask("propose", kind="ingest", target="x", body="{}")
    assert error["code"] == "usage"


def test_a_word_is_defined_and_then_known(sidebar: Sidebar) -> None:
    *_, last = sidebar.ask("ask", question="turnover by channel")
    assert list(last["answer"]["unknown_words"]) == ["turnover"]
    [made] = sidebar.ask("propose", kind="semantics", target="metrics.turnover",
                         body={"table": "orders", "expression": "sum(amount)"}, question="turnover by channel")
    sidebar.ask("approve", approval=made["approval"]["id"], version=made["approval"]["version"])
    *_, last = sidebar.ask("ask", question="turnover by channel")
    assert last["answer"]["status"] == "answered"
    assert "sum" in last["answer"]["sql"].lower()
    [error] = sidebar.ask("propose", kind="semantics", target="metrics.loss",
                          body={"table": "orders", "expression": "sum(nothing)"})
    assert "nothing" in error["message"]


def test_a_question_is_verified_with_better_words_and_sql(sidebar: Sidebar) -> None:
    *_, last = sidebar.ask("ask", question="number of orders by status")
    id = last["answer"]["id"]
    [_] = sidebar.ask("rate", answer=id, rating="down", note="the open ones are wrong")
    [done] = sidebar.ask("verify", answer=id, question="how is it going", sql="SELECT count(*) AS n FROM orders")
    assert done["question"] == "how is it going"
    *_, last = sidebar.ask("ask", question="how is it going")
    assert last["answer"]["verified"] == "how is it going"
    assert last["answer"]["rows"]["rows"] == [[300]]
    [error] = sidebar.ask("verify", answer=id, question="how is it going", sql="SELECT 1 AS n")
    assert error["code"] == "refused"
    [done] = sidebar.ask("verify", answer=id, question="how is it going", sql="SELECT 1 AS n", replace=True)
    assert done["op"] == "done"


@pytest.mark.parametrize("inside", [True, False])
def test_the_python_of_an_answer_runs_and_gives_a_dataframe(sidebar: Sidebar, workspace: Workspace, tmp_path: Path,
                                                            inside: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    place = workspace.root if inside else tmp_path
    monkeypatch.chdir(place)
    [found] = sidebar.ask("python", sql='SELECT \'a\\n"""b\' AS "odd ""name", count(*) AS n\nFROM orders;')
    assert (str(workspace.root) in found["source"]) is not inside
    ran = subprocess.run([sys.executable, "-c", found["source"] + "\nprint(type(df).__name__, list(df.columns), df.iloc[0, 0])"],
                         capture_output=True, text=True, cwd=place, check=False)
    assert ran.stdout.strip() == "DataFrame ['odd \"name', 'n'] a\\n\"\"\"b", ran.stderr
