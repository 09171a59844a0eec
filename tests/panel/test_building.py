"""dbt through the panel's frames: projects, builds that outlive who started them, what failed and where."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.session import Session
from pluto_duck.workspace import Workspace
from tests.panel.test_desk import Sidebar

pytestmark = pytest.mark.timeout(300)
FILES = {
    "dbt_project.yml": "name: shop\nversion: '1.0'\nmodels:\n  +materialized: table\n",
    "models/big.sql": "select i from range(7) t(i)",
    "models/slip.sql": "{{ config(alias='slip') }}\n-- of big\nselect\n    i,\n    no_such as b\nfrom {{ ref('big') }}\n",
    "models/after.sql": "select * from {{ ref('slip') }}",
    "models/schema.yml": "version: 2\nmodels:\n  - name: big\n    columns:\n      - {name: i, data_tests: [not_null]}\n",
    "models/slow.sql": "select max(hash(a.i, b.i)) as m from range(100000000) a(i), range(100000) b(i)",
}


class Patient(Sidebar):
    def ask(self, op: str, **content: Any) -> list[dict[str, Any]]:
        return ended(self.send(op, **content)[1])


def ended(replies: queue.SimpleQueue[dict[str, Any]]) -> list[dict[str, Any]]:
    found = [replies.get(timeout=120)]
    while not found[-1].get("end"):
        found.append(replies.get(timeout=120))
    return found


@pytest.fixture
def sidebar(workspace: Workspace) -> Iterator[Patient]:
    pytest.importorskip("dbt.adapters.duckdb", reason="dbt is not installed: pip install 'pluto-duck[dbt]'")
    for name, text in FILES.items():
        file = workspace.root / "shop" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    with Session.open(workspace.root):
        made = Patient(workspace.root)
        yield made
        made.desk.close()


def test_a_build_is_followed_node_by_node_and_says_where_it_failed(
        sidebar: Patient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    [found] = sidebar.ask("projects")
    assert [(one["key"], one["name"]) for one in found["projects"]] == [("shop", "shop")]
    assert found["missing"] is None
    [wrong] = sidebar.ask("build", project="elsewhere")
    assert wrong["op"] == "error"
    [wrong] = sidebar.ask("build", project="shop", select="--target x")
    assert wrong["op"] == "error"

    [started] = sidebar.ask("build", project="shop", exclude="slow")
    run = started["run"]["run"]
    *said, last = sidebar.ask("follow", run=run)
    assert last["op"] == "built", last
    assert last["build"]["state"] == "failed", last
    steps = [(one["node"]["name"], one["node"]["status"]) for one in said if one["op"] == "node"]
    assert steps.index(("big", "running")) < steps.index(("big", "ok")) < steps.index(("slip", "failed"))
    assert ("not_null_big_i", "ok") in steps
    big = next(one["node"] for one in said if one["op"] == "node" and one["node"]["status"] == "ok")
    assert (big["table"], big["rows"], big["kind"], big["total"]) == ("main.big", 7, "model", 4)
    assert any("no_such" in one["text"] for one in said if one["op"] == "log")
    nodes = {one["name"]: one for one in last["nodes"]}
    assert {name: one["status"] for name, one in nodes.items()} == {
        "big": "ok", "not_null_big_i": "ok", "slip": "failed", "after": "skipped"}
    slip = nodes["slip"]
    assert slip["compiled"].splitlines()[slip["line"] - 1].strip() == "no_such as b"
    assert (slip["path"], slip["file_line"]) == ("models/slip.sql", 5)
    assert "no_such" in slip["message"]
    assert last["folder"] == str((workspace.root / "shop").resolve())
    assert last["error"]["message"].startswith("1 of 4 nodes failed")

    # Who comes later sees the same, and the list has it.
    *again, end = sidebar.ask("follow", run=run, after=0)
    assert [one["node"] for one in again if one["op"] == "node"] == [one["node"] for one in said if one["op"] == "node"]
    assert end["nodes"] == last["nodes"]
    [listed] = sidebar.ask("builds")
    assert [(one["run"], one["state"], one["counts"]) for one in listed["builds"]] == [
        (run, "failed", {"ok": 2, "failed": 1, "skipped": 1})]


def test_a_build_goes_on_when_its_sidebar_leaves_and_is_stopped_by_the_next_one(
        sidebar: Patient, workspace: Workspace) -> None:
    [started] = sidebar.ask("build", project="shop", select="slow")
    run = started["run"]["run"]
    _id, replies = sidebar.send("follow", run=run)
    assert replies.get(timeout=120)["op"] in ("log", "node")
    sidebar.desk.left("comm")
    assert ended(replies)[-1]["code"] == "cancelled"
    [listed] = sidebar.ask("builds")
    assert listed["builds"][0]["state"] == "running"
    _id, replies = sidebar.send("follow", run=run)
    while replies.get(timeout=120)["op"] != "node":
        pass
    [halted] = sidebar.ask("halt", run=run)
    assert halted["build"]["run"] == run
    assert ended(replies)[-1]["build"]["state"] == "cancelled"
    with Session.open(workspace.root) as session:
        assert not session.tables()
