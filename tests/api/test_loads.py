"""A load that began elsewhere, seen and stopped over HTTP."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from pluto_duck.commands.workbench import open
from pluto_duck.errors import Cancelled
from pluto_duck.workspace import Workspace
from tests.api.test_events import SSE, frames
from tests.services.postgres import Database


async def test_a_load_is_followed_as_events(client: Any, workspace: Workspace) -> None:
    (workspace.root / "sales.csv").write_text("id\n1\n2\n", encoding="utf-8")

    def load() -> None:
        with open(workspace.root) as bench:
            bench.ingest(str(workspace.root / "sales.csv"))

    await asyncio.to_thread(load)
    (run,) = json.loads((await client("query")).body)["runs"]
    assert (run["kind"], run["status"], run["row_count"]) == ("ingest", "succeeded", 2)
    assert run["tables"][0]["table"] == "sales"
    told = [data for _id, data in frames((await client("query", run["run_id"], accept=SSE)).body)]
    progress = [one for one in told if one["type"] == "progress"]
    assert progress[-1]["subtype"] == "end"
    assert progress[-1]["content"] == {"table": "sales", "rows": 2, "total_rows": progress[-1]["content"]["total_rows"],
                                       "bytes": progress[-1]["content"]["bytes"]}
    assert told[-1]["type"] == "run"


async def test_a_load_is_stopped_from_outside(client: Any, workspace: Workspace, database: Database) -> None:
    database.run("create table t (a int)")

    def load() -> None:
        with open(workspace.root) as bench:
            bench.ingest(database.uri)

    with database.connect() as blocker:
        blocker.execute("begin")
        blocker.execute("lock table t")
        loading = asyncio.create_task(asyncio.to_thread(load))
        runs: list[Any] = []
        while not [one for one in runs if one["status"] == "running"]:
            runs = json.loads((await client("query")).body)["runs"]
        answer = await client("query", runs[0]["run_id"], method="DELETE")
        assert answer.code in (200, 202)
        with pytest.raises(Cancelled):
            await loading
    assert (await client.done(runs[0]["run_id"]))["status"] == "cancelled"
