"""A key's SQL over HTTP: of which moment its rows are, in every form, and how old a request lets them be."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from pluto_duck.session import Session
from pluto_duck.workspace import Workspace
from tests.api.door import Door
from tests.api.test_identity import body, outcome


async def test_every_form_says_of_which_moment_it_is(door: Door, workspace: Workspace) -> None:
    key, before = door.key(), dt.datetime.now(dt.UTC)
    run = await outcome(door, key, sql="SELECT count(*) FROM orders", detach=True)
    as_of = dt.datetime.fromisoformat(run["as_of"])
    assert before - dt.timedelta(seconds=1) <= as_of <= dt.datetime.now(dt.UTC)
    assert 0 <= run["age_s"] < 60
    for accept in ("text/csv", "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet", "application/json"):
        answer = await door(f"query/{run['run_id']}", key=key, Accept=accept)
        assert answer.headers["Pluto-As-Of"] == run["as_of"]
        assert 0 <= int(answer.headers["Age"]) < 60
    events = (await door(f"query/{run['run_id']}", key=key, Accept="text/event-stream")).body.decode()
    last = json.loads(events.strip().splitlines()[-1].removeprefix("data: "))
    assert last["content"]["as_of"] == run["as_of"]


async def test_a_request_says_how_old_rows_may_be(door: Door, workspace: Workspace) -> None:
    key, count = door.key(), "SELECT count(*) FROM orders"
    first = await outcome(door, key, sql=count, max_age=0)
    with Session.open(workspace.root) as owner:
        owner.query("INSERT INTO orders SELECT 100, 'x', 'x', 'EU'")
    old = await outcome(door, key, sql=count, max_age=3600)
    new = await outcome(door, key, sql=count, max_age=0)
    assert (first["rows"], old["rows"], new["rows"]) == ([[3]], [[3]], [[4]])
    assert old["as_of"] < new["as_of"]
    again = await outcome(door, key, sql=count, max_age=3600)
    assert again["rows"] == [[4]]
    assert again["as_of"] >= new["as_of"], "from the cache or not"
    for bad in (-1, "soon", True, 1e99):
        assert (await door("query", "POST", key, {"sql": count, "max_age": bad})).code == 400
    assert (await door("query", "POST", key, {"question": "how many orders?", "max_age": 1})).code == 400


async def test_sql_of_a_key_never_runs_in_the_process_of_the_data(door: Door, workspace: Workspace,
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    from pluto_duck.session.governed import GovernedSession

    def never(*_: Any) -> Any:
        raise AssertionError("it ran here")

    monkeypatch.setattr(GovernedSession, "_within", never)
    run = await outcome(door, door.key(), sql="SELECT id FROM orders ORDER BY id")
    assert (run["status"], run["rows"]) == ("succeeded", [[0], [2], [4]])


async def test_a_run_of_a_key_is_cancelled_and_times_out(door: Door, workspace: Workspace) -> None:
    key, endless = door.key(), "SELECT sum(a.range * b.range) FROM range(1000000000) a, range(1000000000) b"
    late = await outcome(door, key, sql=endless, timeout_s=0.3)
    assert late["status"] == "timed_out", str(late.get("error"))
    run_id = body(await door("query", "POST", key, {"sql": endless, "detach": True}))["run_id"]
    while body(await door(f"query/{run_id}", key=key))["status"] == "queued":
        pass
    assert (await door(f"query/{run_id}", "DELETE", key)).code in (200, 202)
    assert body(await door(f"query/{run_id}?wait=20", key=key))["status"] == "cancelled"
