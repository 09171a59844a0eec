"""Every error is an RFC 9457 problem, and says no more than it should."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

GOLDEN = json.loads((Path(__file__).parent / "golden" / "problems.json").read_text(encoding="utf-8"))

REQUESTS: dict[str, dict[str, Any]] = {
    "an unknown address": {"path": ["quary"]},
    "a method that an address does not have": {"path": ["tables"], "method": "DELETE"},
    "a body that is no JSON": {"path": ["query"], "method": "POST", "body": "{sql: 1}"},
    "a body that is no object": {"path": ["query"], "method": "POST", "body": "[1]"},
    "an unknown member": {"path": ["query"], "method": "POST", "body": {"sqll": "select 1"}},
    "a member of the wrong type": {"path": ["query"], "method": "POST", "body": {"sql": 1}},
    "true where a number belongs": {"path": ["query"], "method": "POST", "body": {"sql": "select 1", "max_rows": True}},
    "neither sql nor question": {"path": ["query"], "method": "POST", "body": {}},
    "both sql and question": {"path": ["query"], "method": "POST", "body": {"sql": "select 1", "question": "what?"}},
    "an empty statement": {"path": ["query"], "method": "POST", "body": {"sql": "  "}},
    "more rows than may be kept": {"path": ["query"], "method": "POST", "body": {"sql": "select 1", "max_rows": 10**9}},
    "an unknown workspace": {"path": ["query"], "method": "POST", "body": {"sql": "select 1", "workspace": "wrkspace"}},
    "an unknown run": {"path": ["query", "nope"]},
    "an unknown run to cancel": {"path": ["query", "nope"], "method": "DELETE"},
    "a page before the first": {"path": ["query"], "query": {"limit": 0}},
    "a page that is no number": {"path": ["query"], "query": {"limit": "ten"}},
    "an unknown status to list": {"path": ["query"], "query": {"status": "done"}},
    "an unknown table": {"path": ["tables", "fligths"]},
    "a name that is no table's": {"path": ["tables", "a.b.c"]},
}


@pytest.mark.parametrize("what", REQUESTS)
async def test_problems_read_like_this(client: Any, what: str) -> None:
    await client.sql("create table flights (i int)")
    asked = REQUESTS[what]
    answer = await client(*asked["path"], method=asked.get("method", "GET"), body=asked.get("body"),
                          **asked.get("query", {}))
    found = json.loads(answer.body)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert found.pop("request_id")
    assert found["status"] == answer.code
    assert found == GOLDEN[what]


async def test_a_form_that_nothing_can_be_sent_as_is_not_acceptable(client: Any) -> None:
    answer = await client("query", await client.run(sql="select 1"), accept="image/png")
    assert answer.code == 406
    assert "text/csv" in json.loads(answer.body)["facts"]["available"]


async def test_a_body_too_large_is_refused(client: Any) -> None:
    answer = await client("query", method="POST", body={"sql": "select '" + "x" * 1_000_000 + "'"})
    assert (answer.code, json.loads(answer.body)["status"]) == (413, 413)


@pytest.mark.parametrize("body", [
    "[" * 100_000, '{"sql":' * 100_000, '{"sql": "select $a", "params": {"a": ' + "[" * 50_000 + "]" * 50_000 + "}}",
    '{"sql": "select \'\\ud800\'"}', '{"question": "\\ud800"}', '{"sql": "select 1", "params": {"\\ud800": 1}}'])
async def test_a_body_that_is_json_only_in_name_is_a_bad_request(client: Any, body: str) -> None:
    assert (await client("query", method="POST", body=body)).code == 400


async def test_a_method_that_is_missing_names_those_that_are_there(client: Any) -> None:
    assert (await client("query", method="DELETE")).headers["Allow"] == "GET, POST, OPTIONS"


async def test_an_unexpected_error_keeps_its_words_to_the_log(
        client: Any, jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str | None = None) -> None:
        raise ValueError("postgres://me:hunter2@host")

    monkeypatch.setattr(jp_serverapp.web_app.settings["pluto_duck"].places, "get", broken)
    answer = await client("tables")
    assert answer.code == 500
    assert b"hunter2" not in answer.body
    assert b"Traceback" not in answer.body
    assert json.loads(answer.body)["request_id"]


async def test_a_full_queue_is_429_and_says_when_to_come_back(client: Any, jp_serverapp: Any) -> None:
    runs = jp_serverapp.web_app.settings["pluto_duck"].places.get().runs
    runs.queue.waiting = 0
    answer = await client("query", method="POST", body={"sql": "select 1"})
    assert (answer.code, answer.headers["Retry-After"]) == (429, "1")
    assert json.loads(answer.body)["code"] == "queue_full"
