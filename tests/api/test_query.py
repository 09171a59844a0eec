"""POST a statement, GET its rows as JSON, list, cancel."""

from __future__ import annotations

import json
from typing import Any

import pytest

ENDLESS = "select count(*) from range(100000000000) a(x), range(1000) b(y) where hash(x * y) = 1"


async def test_a_statement_is_accepted_at_once_and_answered_with_its_rows(client: Any) -> None:
    answer = await client("query", method="POST", body={"sql": "select 42 as answer, 'x' as x"})
    assert answer.code == 202
    started = json.loads(answer.body)
    assert answer.headers["Location"] == started["links"]["self"]
    assert answer.headers["Location"].endswith(f"/api/v1/query/{started['run_id']}")
    done = await client.done(started["run_id"])
    assert done["status"] == "succeeded"
    assert done["columns"] == [{"name": "answer", "type": "INTEGER"}, {"name": "x", "type": "VARCHAR"}]
    assert done["rows"] == [[42, "x"]]
    assert done["workspace"] == "workspace"


async def test_the_holder_of_the_token_may_write(client: Any) -> None:
    await client.sql("create table t (i int)")
    done = await client.sql("insert into t values (1), (2)")
    assert (done["affected_rows"], done["rows"], done["columns"]) == (2, None, None)
    assert (await client.sql("from t order by i"))["rows"] == [[1], [2]]


async def test_parameters_are_bound_and_never_pasted(client: Any) -> None:
    assert (await client.sql("select $a as a", params={"a": "'; drop table t; --"}))["rows"] == [["'; drop table t; --"]]
    assert (await client.sql("select ? + 1 as a", params=[41]))["rows"] == [[42]]


async def test_columns_of_one_name_keep_their_values(client: Any) -> None:
    assert (await client.sql("select 1 as a, 2 as a"))["rows"] == [[1, 2]]


async def test_a_failing_statement_is_a_failed_run_with_a_hint(client: Any) -> None:
    await client.sql("create table flights (i int)")
    done = await client.sql("select * from flihgts")
    assert (done["status"], done["rows"]) == ("failed", None)
    assert done["error"]["code"] == "unknown_name"
    assert "flights" in done["error"]["hint"]


async def test_rows_come_in_pages_with_a_link_to_the_next(client: Any) -> None:
    run_id = await client.run(sql="select range as i from range(25)")
    await client.done(run_id)
    seen, query = [], {"limit": 10}
    for _ in range(3):
        answer = await client("query", run_id, **query)
        page = json.loads(answer.body)
        seen += page["rows"]
        if "next" in page["links"]:
            assert answer.headers["Link"] == f'<{page["links"]["next"]}>; rel="next"'
            query = dict(part.split("=") for part in page["links"]["next"].split("?")[1].split("&"))
    assert seen == [[i] for i in range(25)]
    assert "next" not in page["links"]


async def test_max_rows_cuts_and_says_so(client: Any) -> None:
    done = await client.sql("from range(10)", max_rows=3)
    assert (done["row_count"], done["truncated"]) == (3, True)


async def test_a_timeout_ends_the_run(client: Any) -> None:
    assert (await client.sql(ENDLESS, timeout_s=0.2))["status"] == "timed_out"


async def test_delete_cancels(client: Any) -> None:
    run_id = await client.run(sql=ENDLESS)
    answer = await client("query", run_id, method="DELETE")
    assert answer.code in (200, 202)  # 200 when it had not begun
    assert (await client.done(run_id))["status"] == "cancelled"
    again = await client("query", run_id, method="DELETE")
    assert (again.code, json.loads(again.body)["status"]) == (200, "cancelled")


async def test_without_wait_the_answer_comes_while_the_run_goes_on(client: Any) -> None:
    run_id = await client.run(sql=ENDLESS)
    answer = await client("query", run_id)
    assert json.loads(answer.body)["status"] in ("queued", "running")
    await client("query", run_id, method="DELETE")


async def test_runs_are_listed_newest_first_in_pages(client: Any) -> None:
    ids = [await client.run(sql=f"select {i}") for i in range(3)]
    for one in ids:
        await client.done(one)
    first = json.loads((await client("query", limit=2)).body)
    assert [one["run_id"] for one in first["runs"]] == [ids[2], ids[1]]
    cursor = first["links"]["next"].split("cursor=")[1]
    rest = json.loads((await client("query", limit=2, cursor=cursor)).body)
    assert [one["text"] for one in rest["runs"]] == ["select 0"]
    assert json.loads((await client("query", status="failed")).body)["runs"] == []


async def test_a_question_is_answered_with_its_sql_and_rows(client: Any) -> None:
    await client.sql("create table planes as select 'N' || range as tailnum from range(7)")
    done = await client.done(await client.run(question="how many planes are there?"))
    assert done["status"] == "succeeded", done["error"]
    assert done["answer"]["status"] in ("answered", "assumed")
    assert "planes" in done["answer"]["sql"]
    assert [7] in done["rows"]


class TestWorkspaces:
    @pytest.fixture
    def jp_server_config(self, jp_server_config: dict[str, Any], other_workspace: Any) -> dict[str, Any]:
        jp_server_config["PlutoDuckApp"]["workspaces"] = [str(other_workspace.root)]
        return jp_server_config

    async def test_a_request_may_name_its_workspace_and_every_answer_names_its_own(self, client: Any) -> None:
        listed = json.loads((await client("workspaces")).body)["workspaces"]
        assert [(one["name"], one["default"]) for one in listed] == [("workspace", True), ("other", False)]
        run_id = await client.run(sql="create table only_here (i int)", workspace="other")
        done = await client.done(run_id)  # found without its workspace's name, too
        assert (done["status"], done["workspace"]) == ("succeeded", "other")
        there = json.loads((await client("tables", workspace="other")).body)
        here = json.loads((await client("tables")).body)
        assert [one["name"] for one in there["tables"]] == ["only_here"]
        assert (here["tables"], here["workspace"]) == ([], "workspace")

    async def test_a_workspace_that_is_not_served_is_not_found(self, client: Any) -> None:
        answer = await client("query", method="POST", body={"sql": "select 1", "workspace": "othre"})
        assert answer.code == 404
        assert "other" in json.loads(answer.body)["hint"]
