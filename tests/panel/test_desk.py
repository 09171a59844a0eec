"""The kernel's side of the sidebar, frame by frame, without a kernel."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.panel.desk import Desk
from pluto_duck.session import Session
from pluto_duck.workspace import Workspace

SHOP = """
CREATE TABLE orders (id INTEGER PRIMARY KEY, status VARCHAR, amount DECIMAL(10, 2));
INSERT INTO orders SELECT i, CASE WHEN i % 3 = 0 THEN 'open' ELSE 'paid' END, i * 1.5 FROM range(1, 301) AS r(i)
"""


class Sidebar:
    """Sends frames and takes the replies of each."""

    def __init__(self, folder: Path) -> None:
        self.pushed: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.desk = Desk(lambda: str(folder), push=self.pushed.put)
        self._id = 0

    def send(self, op: str, **content: Any) -> tuple[int, queue.SimpleQueue[dict[str, Any]]]:
        self._id += 1
        replies: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.desk.take("comm", {"v": 1, "op": op, "id": self._id, **content}, replies.put)
        return self._id, replies

    def news(self, op: str) -> dict[str, Any]:
        """The next one of its kind."""
        while True:
            told = self.pushed.get(timeout=30)
            if told["op"] == op:
                return told

    def ask(self, op: str, **content: Any) -> list[dict[str, Any]]:
        return ended(self.send(op, **content)[1])


def ended(replies: queue.SimpleQueue[dict[str, Any]]) -> list[dict[str, Any]]:
    """All of them, to the last."""
    found = [replies.get(timeout=30)]
    while not found[-1].get("end"):
        found.append(replies.get(timeout=30))
    return found


@pytest.fixture
def sidebar(workspace: Workspace) -> Iterator[Sidebar]:
    with Session.open(workspace.root) as session:
        session.query(SHOP)
        made = Sidebar(workspace.root)
        yield made
        made.desk.close()


def test_it_says_who_it_is(sidebar: Sidebar, workspace: Workspace) -> None:
    [hello] = sidebar.ask("hello", version="0")
    assert hello["workspace"] == {"name": workspace.name, "root": str(workspace.root)}
    assert (hello["protocol"], hello["hosting"], hello["planner"]) == (1, "host", "builtin")
    assert "builtin" in hello["planners"]


def test_tables_come_with_columns_and_keys(sidebar: Sidebar) -> None:
    [found] = sidebar.ask("tables")
    [table] = found["tables"]
    assert (table["key"], table["rows"], table["kind"]) == ("main.orders", 300, "table")
    assert [(one["name"], one["type"], one["key"]) for one in table["columns"]] == [
        ("id", "INTEGER", True), ("status", "VARCHAR", False), ("amount", "DECIMAL(10,2)", False)]


def test_a_profile_comes_column_by_column(sidebar: Sidebar) -> None:
    *columns, last = sidebar.ask("profile", table="main.orders")
    assert [one["column"]["name"] for one in columns] == ["id", "status", "amount"]
    assert [one["value"] for one in columns[1]["column"]["top"]] == ["paid", "open"]
    assert sum(one["count"] for one in columns[2]["column"]["bins"]) == 300
    assert last["op"] == "profiled"


def test_rows_are_a_window_sorted_and_filtered(sidebar: Sidebar) -> None:
    [found] = sidebar.ask("rows", table="main.orders", offset=1, limit=2, order=[{"column": "amount", "descending": True}],
                          filters=[{"column": "status", "op": "=", "value": "open"}, {"column": "id", "op": "<", "value": 10}])
    assert found["rows"] == [[6, "open", "9.00"], [3, "open", "4.50"]]
    assert not found["more"]
    [found] = sidebar.ask("rows", sql="SELECT id FROM orders -- all of them", limit=5)
    assert (found["count"], found["more"]) == (5, True)
    [found] = sidebar.ask("rows", table="main.orders", filters=[{"column": "status", "op": "contains", "value": "PAI"}])
    assert {row[1] for row in found["rows"]} == {"paid"}


def test_rows_come_as_arrow_where_that_is_asked_for(sidebar: Sidebar) -> None:
    import pyarrow

    [plain] = sidebar.ask("rows", table="main.orders", limit=3)
    [found] = sidebar.ask("rows", table="main.orders", limit=3, arrow=True)
    [stream] = found.pop("buffers")
    table = pyarrow.ipc.open_stream(stream).read_all()
    assert [list(row.values()) for row in table.to_pylist()] == plain.pop("rows")
    assert found | {"re": 0} == plain | {"re": 0}


def test_a_huge_text_is_cut_where_it_is_and_sorted_by_all_of_it(sidebar: Sidebar) -> None:
    sidebar.ask("query", sql="CREATE TABLE notes AS SELECT i, repeat('x', 10_000_000) || i AS note FROM range(3) AS r(i)")
    [found] = sidebar.ask("rows", table="main.notes", order=[{"column": "note", "descending": True}],
                          filters=[{"column": "note", "op": "contains", "value": "x"}])
    assert [row[0] for row in found["rows"]] == [2, 1, 0]
    assert {len(row[1]) for row in found["rows"]} == {1_001}
    assert (found["cut"], found["columns"][1]["type"]) == (3, "VARCHAR")
    [found] = sidebar.ask("rows", sql="SELECT note, i FROM notes", order=[{"column": "note", "descending": False}])
    assert [row[1] for row in found["rows"]] == [0, 1, 2]


@pytest.mark.parametrize(("content", "said"), [
    ({"table": "main.nothing"}, "main.nothing"), ({"sql": "DELETE FROM orders"}, ""),
    ({"table": "main.orders", "order": [{"column": 'id"; DROP TABLE orders; --'}]}, "column"),
    ({"table": "main.orders", "filters": [{"column": "id", "op": "LIKE", "value": 1}]}, "LIKE"),
    ({"table": "main.orders", "limit": 10**9}, "limit"), ({}, "table"), ({"table": 7}, "table"),
    ({"sql": "SELECT * FROM read_csv('/etc/passwd')"}, ""),
])
def test_what_can_not_be_shown_is_said(sidebar: Sidebar, content: dict[str, Any], said: str) -> None:
    [error] = sidebar.ask("rows", **content)
    assert (error["op"], error["end"]) == ("error", True)
    assert said in error["message"]
    [found] = sidebar.ask("tables")
    assert found["tables"][0]["rows"] == 300


def test_a_question_is_answered_in_steps(sidebar: Sidebar) -> None:
    *steps, last = sidebar.ask("ask", question="how many orders per status?")
    assert {one["op"] for one in steps} == {"step"}
    assert any(one["data"].get("sql") for one in steps)
    answer = last["answer"]
    assert answer["status"] == "answered"
    assert sorted(answer["rows"]["rows"]) == [["open", 100], ["paid", 200]]
    *_, last = sidebar.ask("ask", question="only open", conversation=answer["conversation"])
    assert last["answer"]["conversation"] == answer["conversation"]
    [talk] = sidebar.ask("conversation", conversation=answer["conversation"])
    assert [one["question"] for one in talk["turns"]] == ["how many orders per status?", "only open"]
    [_] = sidebar.ask("rate", answer=answer["id"], rating="up")
    [talk] = sidebar.ask("conversation", conversation=answer["conversation"])
    assert talk["turns"][0]["rating"] == "up"


def test_a_word_it_does_not_know_is_named(sidebar: Sidebar) -> None:
    *_, last = sidebar.ask("ask", question="average churn of orders")
    assert last["answer"]["status"] == "declined"
    assert last["answer"]["unknown_words"] == ["churn"] or "churn" in str(last["answer"]["unknown_words"])


def test_own_sql_may_do_all_that_a_cell_may(sidebar: Sidebar) -> None:
    [done] = sidebar.ask("query", sql="CREATE TABLE more AS SELECT 42 AS answer; BEGIN; SET threads = 1")
    assert done["op"] in ("rows", "error")
    [found] = sidebar.ask("query", sql="SELECT count(*) FROM duckdb_tables() WHERE table_name = 'more'")
    assert found["rows"] == [[1]]
    [error] = sidebar.ask("query", sql="COMMIT")
    assert error["op"] == "error", "a transaction of one request is not there in the next"


def test_a_cancel_gets_past_what_it_stops(sidebar: Sidebar) -> None:
    number, replies = sidebar.send("query", sql="SELECT count(*) FROM range(1000000) a, range(1000000) b")
    [cancelled] = sidebar.ask("cancel", target=number)
    assert cancelled["running"]
    assert ended(replies)[-1]["code"] == "cancelled"
    [found] = sidebar.ask("tables")
    assert found["op"] == "tables"
    [cancelled] = sidebar.ask("cancel", target=number)
    assert not cancelled["running"]


def test_a_sidebar_that_goes_away_stops_what_it_asked(sidebar: Sidebar) -> None:
    _, replies = sidebar.send("query", sql="SELECT count(*) FROM range(1000000) a, range(1000000) b")
    sidebar.desk.left("comm")
    assert ended(replies)[-1]["code"] == "cancelled"


def test_changes_are_told(sidebar: Sidebar, workspace: Workspace) -> None:
    sidebar.ask("hello", version="0")
    with Session.open(workspace.root) as other:
        other.query("CREATE TABLE made_at_once AS SELECT 1 AS x")
    told = sidebar.news("changed")
    assert "main.made_at_once" in told["tables"]


@pytest.mark.parametrize(("frame", "code"), [
    ({"v": 2, "op": "hello", "id": 1}, "usage"), ({"v": 1, "op": "drop", "id": 1}, "unknown_name"),
    ({"v": 1, "op": "hello"}, "usage"), ({"v": 1, "op": "_work", "id": 1}, "unknown_name"), ("text", "usage"), ([], "usage"),
    ({"v": 1, "op": "ask", "id": 1}, "usage"), ({"v": 1, "op": "cancel", "id": 1}, "usage"), ({"v": 1, "op": {}, "id": 1}, "unknown_name"),
])
def test_a_frame_that_is_none_is_refused_in_words(sidebar: Sidebar, frame: Any, code: str) -> None:
    replies: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    sidebar.desk.take("comm", frame, replies.put)
    error = ended(replies)[-1]
    assert (error["op"], error["code"]) == ("error", code)


def test_an_answer_is_proposed_as_a_model_and_says_what_builds_it(sidebar: Sidebar, workspace: Workspace) -> None:
    *_, asked = sidebar.ask("ask", question="number of orders by status")
    [made] = sidebar.ask("propose", kind="model", target="by_status", answer=asked["answer"]["id"], description="Orders")
    one = made["approval"]
    assert (one["kind"], one["target"], one["moved"], one["build"]) == (
        "model", "dbt/models/marts/by_status.sql", False, None)
    assert "description: Orders" in one["body"]
    [error] = sidebar.ask("propose", kind="model", target="orders", answer=asked["answer"]["id"])
    assert (error["code"], error["facts"]) == ("refused", {})
    for wrong in ({"as": "cube"}, {"answer": ""}):
        [error] = sidebar.ask("propose", kind="model", target="x", **{"answer": asked["answer"]["id"], **wrong})
        assert error["code"] == "usage"
    [done] = sidebar.ask("approve", approval=one["id"], version=one["version"])
    assert done["approval"]["build"] == {"project": "dbt", "select": "by_status"}
    [error] = sidebar.ask("propose", kind="model", target="by_status", body="SELECT 1 AS a")
    assert error["facts"] == {"replaceable": True}
    [again] = sidebar.ask("propose", kind="model", target="by_status", answer=asked["answer"]["id"], replace=True,
                          body="SELECT 1 AS a")
    assert "+SELECT 1 AS a" in again["approval"]["diff"]
    (workspace.root / "dbt/models/marts/by_status.sql").write_text("SELECT 2 AS a")
    [found] = sidebar.ask("approvals", waiting=True)
    assert [one["moved"] for one in found["approvals"]] == [True]


def test_approvals_wait_for_a_person(sidebar: Sidebar, workspace: Workspace) -> None:
    from pluto_duck.agent.approvals import Approvals

    with Session.open(workspace.root) as session:
        made = Approvals(session).propose("view", "open_orders", "SELECT * FROM orders WHERE status = 'open'",
                                          question="keep the open ones", planner="builtin")
    [found] = sidebar.ask("approvals", waiting=True)
    assert [(one["id"], one["status"]) for one in found["approvals"]] == [(made.id, "waiting")]
    [edited] = sidebar.ask("edit", approval=made.id, version=made.version,
                           sql="SELECT id FROM orders WHERE status = 'open'")
    [error] = sidebar.ask("approve", approval=made.id, version=made.version)
    assert (error["code"], "edited after you looked" in error["message"]) == ("outdated", True)
    version = edited["approval"]["version"]
    sidebar.ask("hello", version="0")
    sidebar.news("proposals")
    [done] = sidebar.ask("approve", approval=made.id, version=version)
    sidebar.news("proposals")
    assert done["approval"]["status"] == "done"
    [rows] = sidebar.ask("query", sql="SELECT count(*) FROM open_orders")
    assert rows["rows"] == [[100]]
    [error] = sidebar.ask("approve", approval=made.id, version=version)
    assert error["code"] == "refused"


def test_conversations_are_searched_renamed_told_elsewhere_and_forgotten(sidebar: Sidebar) -> None:
    answer = sidebar.ask("ask", question="number of orders by status")[-1]["answer"]
    sidebar.ask("ask", question="how many orders are there")
    [found] = sidebar.ask("conversations", search="STATUS group")
    assert [one["id"] for one in found["conversations"]] == [answer["conversation"]]
    [renamed] = sidebar.ask("rename", conversation=answer["conversation"], title="  Open   or not ")
    assert renamed["conversation"]["title"] == "Open or not"
    [told] = sidebar.ask("markdown", conversation=answer["conversation"])
    assert told["text"].startswith("# Open or not\n")
    assert "```sql\nSELECT" in told["text"]
    sidebar.ask("forget", conversation=answer["conversation"])
    [found] = sidebar.ask("conversations", search="not open")
    assert found["conversations"] == []
    [error] = sidebar.ask("rename", conversation="none", title="x")
    assert error["code"] == "unknown_name"


def test_a_sidebar_is_told_who_would_be_asked_before_anybody_is(
    sidebar: Sidebar, models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLUTODUCK_AGENT__BASE_URL", "https://me:secret@models.example/v1?key=secret")
    [hello] = sidebar.ask("hello", version="0")
    by_name = {one["name"]: one for one in hello["asks"]}
    assert (by_name["builtin"]["leaves"], by_name["builtin"]["asks_model"]) == (False, False)
    assert (by_name["openai"]["asks"], by_name["openai"]["leaves"]) == ("models.example", True)
    assert "secret" not in str(hello)
    assert models.asked == []


def test_a_filter_is_a_value_and_nothing_else(sidebar: Sidebar) -> None:
    evil = "open' OR 1=1 --"
    [found] = sidebar.ask("rows", table="main.orders", filters=[{"column": "status", "op": "=", "value": evil}])
    assert found["rows"] == []
    [error] = sidebar.ask("rows", table="main.orders", filters=[{"column": "status", "op": "=", "value": ["open"]}])
    assert "text or a number" in error["message"]


def test_sql_that_does_not_run_comes_back_mended(sidebar: Sidebar) -> None:
    [found] = sidebar.ask("fix", sql="SELECT stauts, count(*) FROM ordres GROUP BY 1")
    assert found["problem"]["code"] == "unknown_name"
    assert found["fixed"] == "SELECT status, count(*) FROM orders GROUP BY 1"
    assert [(one["kind"], one["old"]) for one in found["swaps"]] == [("table", "ordres"), ("column", "stauts")]
    assert found["trial"]["rows"] == 2
    [found] = sidebar.ask("fix", sql="SELECT stauts FROM orders", meant={"stauts": "amount"})
    assert found["fixed"] == "SELECT amount FROM orders"
    [error] = sidebar.ask("fix", sql="SELECT 1", meant={"a": 1})
    assert error["code"] == "usage"


def test_a_ping_is_answered_whatever_is_at_work(sidebar: Sidebar) -> None:
    at_work = [sidebar.send("query", sql="SELECT count(*) FROM range(1000000) a, range(1000000) b") for _ in range(6)]
    [pong] = sidebar.ask("ping")
    assert pong["op"] == "pong"
    for number, replies in at_work:
        sidebar.ask("cancel", target=number)
        assert ended(replies)[-1]["code"] == "cancelled"


def test_a_list_waits_behind_nothing_that_takes_long(sidebar: Sidebar) -> None:
    at_work = [sidebar.send("query", sql="SELECT count(*) FROM range(1000000) a, range(1000000) b") for _ in range(6)]
    [found] = sidebar.ask("tables")
    assert [one["key"] for one in found["tables"]] == ["main.orders"]
    for number, replies in at_work:
        sidebar.ask("cancel", target=number)
        assert ended(replies)[-1]["code"] == "cancelled"


def test_a_look_that_fails_does_not_end_the_news(workspace: Workspace) -> None:
    looks: queue.SimpleQueue[None] = queue.SimpleQueue()
    broken, count = [True], [0]

    def names() -> dict[str, Any]:
        looks.put(None)
        count[0] += 1
        if broken and count[0] > 1:  # the first is taken before anything is watched
            raise RuntimeError("not now")
        return {}

    pushed: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    desk = Desk(lambda: str(workspace.root), push=pushed.put, namespace=names)
    replies: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    with Session.open(workspace.root) as session:
        desk.take("comm", {"v": 1, "op": "hello", "id": 1}, replies.put)
        ended(replies)
        for _ in range(3):
            looks.get(timeout=30)
        session.query("CREATE TABLE made_meanwhile AS SELECT 1 AS x")
        broken.clear()
        told = pushed.get(timeout=30)
        while told["op"] != "changed":
            told = pushed.get(timeout=30)
        desk.close()
    assert "main.made_meanwhile" in told["tables"]


def test_another_workspace_of_the_cells_is_told(workspace: Workspace, tmp_path: Path) -> None:
    from pluto_duck.workspace import create

    folders = [str(workspace.root)]
    pushed: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    desk = Desk(lambda: folders[-1], push=pushed.put)
    replies: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    desk.take("comm", {"v": 1, "op": "hello", "id": 1}, replies.put)
    ended(replies)
    folders.append(str(create(tmp_path / "other").root))
    while (told := pushed.get(timeout=30))["op"] == "proposals":
        pass
    desk.close()
    assert (told["op"], told["hello"]["workspace"]["root"]) == ("status", folders[-1])


def test_what_the_first_cell_does_is_told_though_it_names_the_workspace_anew(
        workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace.root)
    folders: list[str | None] = [None]  # found from here, until a cell opens it
    pushed: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    desk = Desk(lambda: folders[-1], push=pushed.put)
    replies: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    desk.take("comm", {"v": 1, "op": "hello", "id": 1}, replies.put)
    ended(replies)
    while pushed.get(timeout=30)["op"] != "proposals":  # its first look is done
        pass
    with Session.open(workspace.root) as session:
        folders.append(str(workspace.root))
        session.query("CREATE TABLE made_by_the_cell AS SELECT 1 AS x")
        told = pushed.get(timeout=30)
        while told["op"] != "changed":
            told = pushed.get(timeout=30)
    desk.close()
    assert "main.made_by_the_cell" in told["tables"]


@pytest.mark.parametrize(("hint", "shown"), [
    ("Save it first: pluto-duck connections add NAME URI, then `pluto-duck ingest`.",
     "Save it first: %pluto connections add NAME URI, then `%pluto ingest`."),
    ("pip install 'pluto-duck[dbt]'", "pip install 'pluto-duck[dbt]'"),
    ("pluto-duck serve", "pluto-duck serve"), ("See /opt/pluto-duck data", "See /opt/pluto-duck data"), ("", "")])
def test_a_hint_has_the_words_of_a_cell_not_of_a_shell(hint: str, shown: str) -> None:
    from pluto_duck.errors import UsageError
    from pluto_duck.panel.protocol import Request

    told: list[dict[str, Any]] = []
    Request({"v": 1, "op": "x", "id": 1}, told.append).fail(UsageError("It can't.", hint=hint))
    assert told[0]["hint"] == shown
