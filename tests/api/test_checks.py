"""Checks over REST: run by the owner, and what of them a role may know."""

from __future__ import annotations

import json
from typing import Any

from pluto_duck.workspace import Workspace
from tests.api.door import POLICY, Door, governed_again

FILE = """version: 1
tables:
  orders:
    - unique: ID
    - not_null: card
    - not_null: email
    - accepted_values: {column: region, values: [EU]}
      severity: warn
    - row_count: {min: 1}
    - unique: region
      where: card = 'c1'
    - sql: card <> 'c3'
      name: no c3
  other:
    - relationship: {column: id, to: orders.id}
"""
ALL = POLICY + "  all:\n    grants:\n      - {tables: orders, actions: read, hide: card, masks: {email: partial}}\n"


def body(answer: Any) -> dict[str, Any]:
    return json.loads(answer.body)  # type: ignore[no-any-return]


async def test_checks_are_run_and_told_whole_to_the_owner(client: Any, workspace: Workspace) -> None:
    assert (await client("checks", "run", method="POST", body={})).code == 400
    await client.sql("CREATE TABLE t AS SELECT 1 AS id")
    (workspace.root / "checks.yaml").write_text("version: 1\ntables:\n  t:\n    - unique: id\n    - row_count: {min: 2}\n")
    for wanted, code in (({"tables": ["nope"]}, 404), ({"tables": [1]}, 400), ({"tables": "t"}, 400), ({"x": 1}, 400)):
        assert (await client("checks", "run", method="POST", body=wanted)).code == code
    assert body(await client("checks"))["scans"] == []
    started = await client("checks", "run", method="POST", body={"tables": ["t"]})
    assert started.code == 202
    run = await client.done(body(started)["run_id"])
    assert (run["status"], run["kind"]) == ("failed", "check")
    assert "t row_count" in run["error"]["message"]
    found = body(await client("checks"))
    assert (found["score"], found["scans"][0]["run_id"]) == (50, run["run_id"])
    assert [(one["name"], one["status"]) for one in found["scans"][0]["checks"]] == [
        ("unique(id)", "passed"), ("row_count", "failed")]
    [one] = body(await client("checks", table="t", limit=5))["scans"]
    assert one == found["scans"][0]
    assert body(await client("checks", table="t", before=one["id"]))["scans"] == []


async def test_a_key_hears_of_what_it_sees_whole(door: Door, client: Any) -> None:
    governed_again(door.workspace, ALL)
    (door.workspace.root / "checks.yaml").write_text(FILE)
    started = body(await client("checks", "run", method="POST", body={}))
    await client.done(started["run_id"])
    assert len(body(await client("checks"))["scans"]) == 2
    partly, whole = door.key(), door.key("all", name="whole")
    assert body(await door("checks", key=partly))["scans"] == [], "its rows are filtered"
    answer = await door("checks", key=whole)
    [scan] = body(answer)["scans"]
    assert [(one["name"], one["status"]) for one in scan["checks"]] == [
        ("unique(ID)", "passed"), ("accepted_values(region)", "warned"), ("row_count", "passed")]
    assert (scan["score"], scan["scores"]) == (85.7, {"uniqueness": 100, "conformity": 0, "coverage": 100})
    assert b"card" not in answer.body
    assert b"c3" not in answer.body
    assert b"SELECT" not in answer.body
    assert (await door("checks/run", "POST", key=whole)).code == 403
    assert body(await door("checks?table=other", key=whole))["scans"] == []
