"""What the sidebar looks at without a kernel."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pyarrow
import pytest

from pluto_duck.api.openapi_looking import LOOKING_SCHEMAS
from pluto_duck.session import Session
from pluto_duck.workspace import Workspace

ARROW = "application/vnd.apache.arrow.stream"
SLOW = "SELECT count(*) AS n FROM range(100000000000) AS a(i) WHERE i % 7 = 3"


async def test_the_status_names_the_workspace_and_the_planners(client: Any, workspace: Workspace) -> None:
    found = json.loads((await client("status")).body)
    assert (found["workspace"], found["folder"]) == (workspace.name, str(workspace.root))
    assert (found["hosting"], found["planner"]) == ("host", "builtin")
    assert set(found) <= set(LOOKING_SCHEMAS["Status"]["properties"])


async def test_tables_come_with_columns_where_all_is_wanted(client: Any) -> None:
    await client.sql("CREATE TABLE orders (id INTEGER PRIMARY KEY, amount DECIMAL(10, 2))")
    [table] = json.loads((await client("tables", full=1)).body)["tables"]
    assert (table["key"], table["sql"], [one["key"] for one in table["columns"]]) == (
        "main.orders", '"main"."orders"', [True, False])


async def test_rows_are_a_window_as_json_and_as_arrow(client: Any) -> None:
    await client.sql("CREATE TABLE orders AS SELECT i AS id, 9007199254740993 + i AS big, repeat('x', i * 400) AS note "
                     "FROM range(10) AS r(i)")
    wanted = {"table": "main.orders", "offset": 1, "limit": 3, "order": [{"column": "id", "descending": True}],
              "filters": [{"column": "id", "op": "<", "value": 9}]}
    plain = json.loads((await client("rows", method="POST", body=wanted)).body)
    assert [row[0] for row in plain["rows"]] == [7, 6, 5]
    assert plain["rows"][0][1] == "9007199254741000"
    assert (plain["more"], plain["cut"], plain["offset"]) == (True, 3, 1)
    answer = await client("rows", method="POST", body=wanted, accept=ARROW)
    assert answer.headers["Content-Type"] == ARROW
    table = pyarrow.ipc.open_stream(answer.body).read_all()
    assert table.column("big").to_pylist() == [9007199254741000, 9007199254740999, 9007199254740998]
    assert json.loads(table.schema.metadata[b"pluto_duck"]) == {
        name: one for name, one in plain.items() if name != "rows"}
    assert set(plain) == set(LOOKING_SCHEMAS["Window"]["properties"])


@pytest.mark.parametrize(("body", "status"), [
    ({}, 400), ({"table": "a", "sql": "SELECT 1"}, 400), ({"table": "main.nothing"}, 404), ({"sql": "DROP TABLE t"}, 400),
    ({"sql": "SELECT 1", "limit": 0}, 400), ({"sql": "SELECT 1", "limit": 10**9}, 400), ({"sql": "SELECT 1", "offset": -1}, 400),
    ({"sql": "SELECT 1", "timeout_s": 0}, 400), ({"sql": "SELECT 1 AS a", "order": [{"column": "b"}]}, 404), ({"rows": 1}, 400),
    ({"sql": SLOW, "timeout_s": 0.2}, 504),
])
async def test_what_can_not_be_shown_is_a_problem(client: Any, body: dict[str, Any], status: int) -> None:
    answer = await client("rows", method="POST", body=body)
    assert answer.code == status, answer.body
    assert json.loads(answer.body)["detail"]


async def test_hanging_up_stops_what_was_looked_at(client: Any, jp_serverapp: Any, jp_auth_header: dict[str, str],
                                                   jp_base_url: str, http_server_port: Any) -> None:
    await client("status")
    looks = jp_serverapp.web_app.settings["pluto_duck"].places.get().looks
    body = json.dumps({"sql": SLOW})
    _, writer = await asyncio.open_connection("127.0.0.1", http_server_port[1])
    lines = [f"POST {jp_base_url}api/v1/rows HTTP/1.1", "Host: localhost", "Content-Type: application/json",
             f"Content-Length: {len(body)}", *(f"{k}: {v}" for k, v in jp_auth_header.items()), "", body]
    writer.write("\r\n".join(lines).encode())
    await _until(lambda: looks.going == 1)
    writer.transport.abort()
    await _until(lambda: looks.going == 0)
    answer = await client("rows", method="POST", body={"sql": "SELECT 42 AS n"})  # by the same session
    assert json.loads(answer.body)["rows"] == [[42]]


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_profile_is_a_run_with_an_event_for_each_column(client: Any) -> None:
    await client.sql('CREATE TABLE "odd name" AS SELECT i AS id, i % 3 AS kind FROM range(30) AS r(i)')
    answer = await client("tables", '"main"."odd name"', "profile", method="POST", body={})
    assert answer.code == 202, answer.body
    run_id = json.loads(answer.body)["run_id"]
    events = await client("query", run_id, accept="text/event-stream")
    columns = [json.loads(line[6:])["content"]["column"] for line in events.body.decode().splitlines()
               if line.startswith("data: ") and '"column"' in line]
    assert [one["name"] for one in columns] == ["id", "kind"]
    done = await client.done(run_id)
    assert (done["status"], done["kind"], done["profile"]["table"]) == ("succeeded", "profile", "main.odd name")
    assert (await client("tables", "nothing", "profile", method="POST", body={})).code == 404


async def test_events_can_come_without_the_rows_and_a_page_with_short_values(client: Any) -> None:
    run_id = await client.run(sql="SELECT repeat('x', 5000) AS note, [repeat('y', 5000)] AS notes")
    await client.done(run_id)
    events = (await client("query", run_id, accept="text/event-stream", rows=0)).body
    assert b"xxxx" not in events
    assert b'"succeeded"' in events or b'"end"' in events
    [row] = (await client.done(run_id, cut=10))["rows"]
    assert row == ["x" * 10 + "…", '["yyyyyyyy…']


async def test_a_question_may_name_its_planner(client: Any) -> None:
    run_id = await client.run(question="how many orders?", planner="nobody")
    done = await client.done(run_id)
    assert done["status"] == "failed"
    assert "nobody" in done["error"]["message"]
    assert (await client("query", method="POST", body={"sql": "SELECT 1", "planner": "builtin"})).code == 400


async def test_who_watches_hears_of_writes_from_anywhere(
        client: Any, wire: Callable[..., Awaitable[Any]], workspace: Workspace) -> None:
    stream = await wire("watch")
    assert stream.headers["content-type"] == "text/event-stream"
    first = await stream.until(b"\n\n")
    assert json.loads(first.decode().removeprefix("data: "))["content"]["workspace"] == workspace.name

    def write() -> None:
        with Session.open(workspace.root) as other:
            other.query("CREATE TABLE made_elsewhere AS SELECT 1 AS x")

    await asyncio.get_running_loop().run_in_executor(None, write)
    told = await stream.until(b"made_elsewhere")
    event = json.loads(told.decode().split("data: ")[-1])
    assert (event["type"], "main.made_elsewhere" in event["content"]["tables"]) == ("changed", True)


class Panel:
    """A sidebar without a kernel."""

    def __init__(self, client: Any) -> None:
        self._client, self._id = client, 0

    async def ask(self, op: str, **content: Any) -> list[dict[str, Any]]:
        self._id += 1
        answer = await self._client("panel", client="sidebar-1", method="POST",
                                    body={"v": 1, "op": op, "id": self._id, **content})
        assert answer.code == 200, answer.body
        assert answer.headers["Content-Type"] == "text/event-stream"
        return [json.loads(line[6:]) for line in answer.body.decode().splitlines() if line.startswith("data: ")]


async def test_the_frames_of_the_sidebar_are_answered_as_by_a_kernel(client: Any, workspace: Workspace) -> None:
    panel = Panel(client)
    [hello] = await panel.ask("hello", version="0")
    assert (hello["workspace"]["root"], hello["re"], hello["end"]) == (str(workspace.root), 1, True)
    await panel.ask("query", sql="CREATE TABLE orders AS SELECT i AS id, i % 2 AS kind FROM range(30) AS r(i)")
    *columns, last = await panel.ask("profile", table="main.orders")
    assert [one["op"] for one in (*columns, last)] == ["column", "column", "profiled"]
    *steps, last = await panel.ask("ask", question="how many orders?")
    assert {one["op"] for one in steps} == {"step"}
    assert last["answer"]["rows"]["rows"] == [[30]]
    [talk] = await panel.ask("conversation", conversation=last["answer"]["conversation"])
    assert [one["question"] for one in talk["turns"]] == ["how many orders?"]
    [page] = await panel.ask("rows", table="main.orders", arrow=True, limit=2)
    assert pyarrow.ipc.open_stream(base64.b64decode(page["buffers"][0])).read_all().num_rows == 2
    [error] = await panel.ask("rows", table="main.nothing")
    assert (error["op"], error["code"]) == ("error", "unknown_name")
    [error] = await panel.ask(["tables"])  # type: ignore[arg-type]
    assert (error["op"], error["code"]) == ("error", "unknown_name")
    [error] = await panel.ask("hello", v=2)
    assert (error["op"], error["facts"]["protocol"]) == ("error", 1)


async def test_a_sidebar_without_a_kernel_stops_what_it_asked_and_hears_of_changes(
        client: Any, wire: Callable[..., Awaitable[Any]], workspace: Workspace) -> None:
    panel, other = Panel(client), Panel(client)
    news = await wire("panel?client=sidebar-1")
    await panel.ask("hello", version="0")
    slow = asyncio.ensure_future(panel.ask("query", sql=SLOW))
    other._id = 100
    for _ in range(1000):
        [cancelled] = await other.ask("cancel", target=2)
        if cancelled["running"]:
            break
    assert (await slow)[-1]["code"] == "cancelled"

    def write() -> None:
        with Session.open(workspace.root) as another:
            another.query("CREATE TABLE made_elsewhere AS SELECT 1 AS x")

    await asyncio.get_running_loop().run_in_executor(None, write)
    assert b'"op":"changed"' in await news.until(b"made_elsewhere")


@pytest.mark.parametrize(("body", "name", "status"), [
    (rb'{"v": 1, "op": "\ud800", "id": 1}', "sidebar-1", 400), (b"[" * 100_000, "sidebar-1", 400),
    (b"no json", "sidebar-1", 400), (b"[]", "sidebar-1", 400), (b"{}", "short", 400), (b"{}", "../../etc/passwd", 400),
    (b'{"v": 1, "op": "tables", "id": 1, "x": "' + b"x" * 16_000_000 + b'"}', "sidebar-1", 413),
])
async def test_what_is_no_frame_is_a_problem(client: Any, body: bytes, name: str, status: int) -> None:
    answer = await client("panel", client=name, method="POST", body=body)
    assert answer.code == status, answer.body
    assert "detail" in json.loads(answer.body)


async def test_the_workspace_is_let_go_when_the_last_sidebar_is_gone(
        client: Any, wire: Callable[..., Awaitable[Any]], jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pluto_duck.api.panel.LINGER_S", 0.05)
    news = await wire("panel?client=sidebar-1")
    await Panel(client).ask("hello", version="0")
    seats = jp_serverapp.web_app.settings["pluto_duck"].places.get()._seats
    assert seats._desk is not None
    news.hang_up()
    await _until(lambda: seats._desk is None)


async def test_frames_that_come_at_once_find_one_desk(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from pluto_duck.panel.desk import Desk

    made: list[Desk] = []
    make, never = Desk.__init__, threading.Event()

    def slow(self: Desk, *args: Any, **options: Any) -> None:
        made.append(self)
        never.wait(0.2)
        make(self, *args, **options)

    monkeypatch.setattr(Desk, "__init__", slow)
    one, other = Panel(client), Panel(client)
    other._id = 100
    assert [[reply["op"]] for replies in await asyncio.gather(one.ask("tables"), other.ask("loads"))
            for reply in replies] == [["tables"], ["loads"]]
    assert len(made) == 1
