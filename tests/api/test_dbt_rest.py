"""dbt over HTTP: a run that tells of each node, that fails with what failed, and that a DELETE stops."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.session import Session
from pluto_duck.workspace import Workspace
from tests.api.conftest import Client
from tests.api.door import Door
from tests.api.test_identity import body

pytestmark = pytest.mark.timeout(300)
MINIMAL = Path(__file__).parents[2] / "dbt_examples/minimal"


def copied(folder: Path) -> Path:
    return Path(shutil.copytree(MINIMAL, folder, ignore=shutil.ignore_patterns("target", "logs")))


async def ended(client: Client, answer: Any) -> dict[str, Any]:
    assert answer.code == 202, answer.body
    run_id = body(answer)["run_id"]
    assert answer.headers["Location"].endswith(f"/api/v1/query/{run_id}")
    while (run := await client.done(run_id))["status"] in ("queued", "running"):
        pass  # each waits for half a minute
    return run


async def test_a_project_of_the_workspace_is_built_and_what_fails_is_told(client: Client, workspace: Workspace) -> None:
    project = copied(workspace.root / "models/shop")
    run = await ended(client, await client("dbt", method="POST", body={}))
    assert (run["kind"], run["status"], run["text"]) == ("dbt", "succeeded", "dbt build in models/shop"), run
    assert run["counts"] == {"ok": 11}
    assert {one["status"] for one in run["nodes"]} == {"ok"}
    events = [json.loads(line[5:]) for line in (await client("query", run["run_id"], accept="text/event-stream"))
              .body.decode().splitlines() if line.startswith("data:")]
    nodes = [(one["content"]["name"], one["subtype"], one["content"]["status"]) for one in events if one["type"] == "tool"]
    assert nodes.index(("customers", "start", "running")) > nodes.index(("stg_orders", "end", "ok"))
    assert str(workspace.root) not in json.dumps(events)
    with Session.open(workspace.root) as session:
        bought = "SELECT customer_name, order_count, lifetime_value::VARCHAR FROM main_shop.customers ORDER BY customer_id"
        assert session.query(bought).rows() == [("Ada", 3, "165.40"), ("Grace", 1, "410.25"), ("Emmy", 0, "0.00")]

        # As its README has it: a customer that is not there.
        with (project / "seeds/raw_orders.csv").open("a") as file:
            file.write("5,9,2025-03-02,1.00\n")
        wrong = await ended(client, await client("dbt", method="POST", body={
            "project": "models/shop", "select": ["raw_orders", "stg_orders+"], "exclude": "test_type:unit", "threads": 2}))
        assert wrong["status"] == "failed"
        name = "relationships_stg_orders_customer_id__customer_id__ref_stg_customers_"
        assert wrong["error"]["message"].endswith(f"failed: {name}")
        assert "stg_customers" in wrong["error"]["hint"], "the SQL as it ran"
        states = {one["name"]: one["status"] for one in wrong["error"]["facts"]["nodes"]}
        assert (states[name], states["customers"], "raw_customers" in states) == ("failed", "skipped", False)
        assert len(session.query(bought).rows()) == 3, "what was skipped is as it was"
        assert session.query("SELECT count(*) FROM main_shop_raw.raw_orders").scalar() == 5


async def test_a_build_is_stopped_by_a_delete(client: Client, workspace: Workspace) -> None:
    project = copied(workspace.root / "shop")
    (project / "models/slow.sql").write_text(
        "{{ config(materialized='table') }} select sum(a.range * b.range) as s from range(10000000) a, range({{ var('times') }}) b")
    started = body(await client("dbt", method="POST", body={"command": "run", "select": "slow", "vars": {"times": 100_000}}))
    stopped = None
    with Session.open(workspace.root) as session:
        while stopped is None:
            assert body(await client("query", started["run_id"]))["status"] in ("queued", "running")
            await asyncio.sleep(0.05)
            if any("range(100000)" in one.sql for one in session.activity()):
                stopped = await client("query", started["run_id"], method="DELETE")
    assert stopped.code == 202
    assert (await client.done(started["run_id"]))["status"] == "cancelled"
    with Session.open(workspace.root) as session:
        assert not [one for one in session.tables() if "slow" in one.ref.name]


async def test_only_projects_of_the_workspace_and_only_what_selects_nodes(
    client: Client, workspace: Workspace, tmp_path: Path,
) -> None:
    async def refused(**asked: Any) -> tuple[int, str]:
        answer = await client("dbt", method="POST", body=asked)
        return answer.code, body(answer)["detail"]

    assert (await refused())[0] == 404
    copied(tmp_path / "outside")
    (workspace.root / "link").symlink_to(tmp_path / "outside")
    (workspace.root / "shop").mkdir()
    shutil.copy(MINIMAL / "dbt_project.yml", workspace.root / "shop")
    for project in (str(tmp_path / "outside"), "../outside", "link", "none", "shop/../../outside", "\0", "x" * 5_000, ""):
        code, said = await refused(project=project)
        assert code == 404, project
        assert "no dbt project" in said
    for asked in ({"select": "--profiles-dir /etc"}, {"select": ["a", "--target-path"]}, {"exclude": []}, {"select": [1]},
                  {"target": "-x"}, {"threads": 0}, {"vars": "a: 1"}, {"args": ["--target-path", "/"]}, {"full_refresh": 1}):
        assert (await refused(project="shop", **asked))[0] == 400, asked
    for command in ("deps", "clean", "debug", "--version"):
        assert (await refused(project="shop", command=command))[0] in (400, 404), command


async def test_it_is_the_owners_alone(door: Door, workspace: Workspace) -> None:
    copied(workspace.root / "shop")
    answer = await door("dbt", "POST", door.key(), {})
    assert answer.code == 403
    assert not (workspace.root / "shop/target").exists()
