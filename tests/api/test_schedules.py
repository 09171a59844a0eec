"""Schedules over REST, for the owner, and a server that runs them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from pluto_duck.api.openapi_schedules import SCHEMAS
from pluto_duck.workspace import Workspace

BACKUP = {"cron": "0 6 * * *", "zone": "Europe/Berlin", "args": ["backup", "--keep", "7"]}


def body(answer: Any) -> dict[str, Any]:
    return json.loads(answer.body)  # type: ignore[no-any-return]


async def test_a_schedule_is_made_paused_run_and_removed(client: Any) -> None:
    answer = await client("schedules", method="POST", body={**BACKUP, "name": "safe", "retries": 2, "timeout_s": 60})
    assert answer.code == 201, answer.body
    made = body(answer)
    assert answer.headers["Location"].endswith(f"/api/v1/schedules/{made['id']}")
    assert set(made) <= set(SCHEMAS["Schedule"]["properties"])
    assert (made["name"], made["state"], made["missed"], made["timeout_s"]) == ("safe", "active", "once", 60.0)
    assert made["next_at"][11:16] == "06:00"
    found = body(await client("schedules", "safe"))
    assert len(found["upcoming"]) == 5
    assert found["upcoming"][0] == made["next_at"]
    assert body(await client("schedules", made["id"], method="PATCH", body={"state": "paused"}))["next_at"] is None
    assert body(await client("schedules", "safe", method="PATCH", body={"state": "active"}))["state"] == "active"
    assert [one["name"] for one in body(await client("schedules"))["schedules"]] == ["safe"]
    assert body(await client("schedules", "safe", method="DELETE"))["name"] == "safe"
    for path in (("schedules", "safe"), ("schedules", "safe", "history")):
        assert (await client(*path)).code == 404


WRONG: list[tuple[dict[str, Any], int]] = [
    ({}, 400), ({"cron": "x"}, 400), ({**BACKUP, "cron": "0 0 30 2 *"}, 400), ({**BACKUP, "zone": "Mars/Base"}, 404),
    ({**BACKUP, "args": []}, 400), ({**BACKUP, "args": [1]}, 400), ({**BACKUP, "args": ["backup", "--nope"]}, 400),
    ({**BACKUP, "args": ["serve"]}, 403), ({**BACKUP, "args": ["ingest", "mysql://a:secret@b/c"]}, 403),
    ({**BACKUP, "args": ["-w", "/", "backup"]}, 400), ({**BACKUP, "missed": "x"}, 404), ({**BACKUP, "most": 0}, 400),
    ({**BACKUP, "timeout_s": 0}, 400), ({**BACKUP, "retries": 101}, 400), ({**BACKUP, "name": "1"}, 400),
    ({**BACKUP, "alert": "wh_none"}, 404), ({**BACKUP, "args": ["ingest", "--from", "nope"]}, 404),
    ({**BACKUP, "args": ["query", "SELEC 1"]}, 400),
    ({**BACKUP, "only_if": ["serve"]}, 403), ({**BACKUP, "folder": "/"}, 400)]


async def test_what_can_not_be_is_a_problem_and_makes_nothing(client: Any) -> None:
    for wanted, code in WRONG:
        answer = await client("schedules", method="POST", body=wanted)
        assert answer.code == code, (wanted, answer.body)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert b"secret@" not in answer.body
    assert body(await client("schedules"))["schedules"] == []


async def test_the_server_runs_them(client: Any, workspace: Workspace) -> None:
    (workspace.root / "sales.csv").write_text("id\n1\n2\n", encoding="utf-8")
    await client("schedules", method="POST", body={"cron": "0 6 * * *", "args": ["ingest", "sales.csv"]})
    answer = await client("schedules", "ingest", "run", method="POST")
    assert answer.code == 202, answer.body
    assert set(body(answer)) <= set(SCHEMAS["Firing"]["properties"])
    for _ in range(600):
        [one] = body(await client("schedules", "ingest", "history"))["firings"]
        if one["state"] not in ("queued", "running"):
            break
        await asyncio.sleep(0.1)
    assert (one["state"], one["kind"], one["error"]) == ("succeeded", "manual", "")
    assert body(await client("schedules"))["somebody_runs"] is True
    run = body(await client("query", one["run_id"]))
    assert (run["kind"], run["status"]) == ("schedule", "succeeded")
    assert (await client.sql("SELECT count(*) FROM sales"))["rows"] == [[2]]


async def until(holds: Any, wait_s: float = 90.0) -> Any:
    for _ in range(int(wait_s * 20)):
        if found := holds():
            return found
        await asyncio.sleep(0.05)
    raise AssertionError("it never came")


async def test_a_server_told_to_stop_lets_a_schedule_end_and_begins_no_other(
        client: Any, jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[bool] = []
    monkeypatch.setattr(jp_serverapp, "stop", lambda *_, **__: stopped.append(True))
    app = jp_serverapp.web_app.settings["pluto_duck"]
    long = "SELECT count(*) FROM range(100_000_000_000) WHERE hash(range) % 1000003 = 7"
    for name, sql in (("long", long), ("next", "select 1")):
        await client("schedules", method="POST", body={"cron": "@yearly", "name": name, "args": ["query", sql]})
    known = (await app.in_thread(app.places.get)).schedules
    await app.in_thread(known.ask_for, "long")
    await until(lambda: app.at_work() and known.history("long")[0].run_id)
    way_out = asyncio.ensure_future(app.drain.run(60.0))
    await until(lambda: app._delivering._leaving)
    await app.in_thread(known.ask_for, "next")
    await asyncio.sleep(1.5)  # it would have begun by then
    assert known.history("next")[0].state == "queued"
    assert (known.history("long")[0].state, stopped) == ("running", [])
    place = await app.in_thread(app.places.get)
    await app.in_thread(place.runs.cancel, known.history("long")[0].run_id)
    await asyncio.wait_for(way_out, 60)
    assert stopped == [True]
    await until(lambda: known.history("long")[0].state == "cancelled")
    assert known.history("next")[0].state == "queued"
