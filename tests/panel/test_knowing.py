"""Where a table comes from, what hangs on it and how good it is, through the panel's frames."""

from __future__ import annotations

import json

from pluto_duck.governance.checks.store import CheckStore, Result
from pluto_duck.schedule.model import Wish
from pluto_duck.schedule.store import Schedules
from pluto_duck.session import Session
from pluto_duck.workspace import ControlStore, TableRef, Workspace
from tests.panel.test_desk import Sidebar, sidebar

__all__ = ["sidebar"]


def test_a_table_tells_its_neighbours_its_load_its_model_and_its_checks(sidebar: Sidebar, workspace: Workspace) -> None:
    file = workspace.root / "people.csv"
    file.write_text("id,name\n1,Ann\n2,Bob\n")
    *_, loaded = sidebar.ask("load", source="people.csv")
    assert loaded["op"] == "loaded"
    manifest = {"nodes": {"model.shop.paid": {
        "resource_type": "model", "schema": "main", "name": "paid", "original_file_path": "models/paid.sql",
        "config": {"materialized": "view"}, "depends_on": {"nodes": []}}}, "sources": {}, "exposures": {}}
    target = workspace.root / "shop" / "target"
    target.mkdir(parents=True)
    (target / "manifest.json").write_text(json.dumps(manifest))
    (target.parent / "dbt_project.yml").write_text("name: shop\n")
    with Session.open(workspace.root) as session:
        session.query("CREATE VIEW paid AS SELECT id, amount FROM orders WHERE status = 'paid'")
        session.query("CREATE VIEW best AS SELECT max(amount) AS most FROM paid")
        store = CheckStore(session.control)
        wrong = Result("amount >= 0", "range", ("amount",), "error", "validity", "failed", 3, "3 rows", "SELECT 1")
        fine = Result("id not null", "not_null", ("id",), "error", "completeness", "passed", 0, "", "")
        store.take_over("dbt", "r1", TableRef("paid"), 1e9, 0.1, [wrong, fine])
        store.take_over("dbt", "r2", TableRef("paid"), 2e9, 0.1, [wrong, fine])

    [paid] = sidebar.ask("details", table="main.paid")
    assert [(one["name"], one["kind"], one["table"]) for one in paid["up"]] == [("orders", "table", "main.orders")]
    assert [(one["name"], one["by"]) for one in paid["down"]] == [("best", "view")]
    assert paid["made"] == {"kind": "model", "name": "paid", "materialized": "view", "path": "models/paid.sql",
                            "folder": str(workspace.root / "shop")}
    [scan] = paid["scans"]
    assert (scan["source"], scan["at"][:4], scan["counts"]["failed"]) == ("dbt", "2033", 1)
    assert [(one["name"], one["failing"]) for one in scan["wrong"]] == [("amount >= 0", 3)]
    assert paid["loaded"] is None

    [people] = sidebar.ask("details", table="main.people")
    assert [(one["name"], one["kind"], one["table"]) for one in people["up"]] == [("people.csv", "file", "")]
    assert (people["loaded"]["rows"], people["loaded"]["mode"], people["made"]) == (2, "replace", None)
    assert people["loaded"]["age_s"] >= 0

    [found] = sidebar.ask("states")
    assert {key: (one["failed"], one["passed"]) for key, one in found["states"].items()} == {"main.paid": (1, 1)}

    [without] = sidebar.ask("impact", table="main.orders", column="amount")
    assert [(one["name"], one["what"]) for one in without["effects"]] == [("best", "breaks"), ("paid", "breaks")]
    [without] = sidebar.ask("impact", table="main.people", column="name")
    assert without["effects"] == []
    [wrong_] = sidebar.ask("impact", table="main.orders", column="amuont")
    assert "amount" in wrong_["hint"]

    [drawn] = sidebar.ask("picture", table="main.paid")
    assert drawn["svg"].startswith("<svg")
    assert {one["name"] for one in drawn["nodes"]} == {"paid", "orders", "best"}
    assert "orders" in drawn["text"]


def test_schedules_are_listed_paused_resumed_and_run(sidebar: Sidebar, workspace: Workspace) -> None:
    [none] = sidebar.ask("schedules")
    assert (none["schedules"], none["somebody_runs"]) == ([], False)
    known = Schedules(ControlStore(workspace.control), workspace)
    known.add("nightly", Wish("0 6 * * *", "Europe/Berlin", ("backup", "--keep", "7"), str(workspace.root)))
    [found] = sidebar.ask("schedules")
    [one] = found["schedules"]
    assert (one["name"], one["text"], one["cron"], one["state"], one["last"]) == (
        "nightly", "backup --keep 7", "0 6 * * *", "active", None)
    assert one["next_at"].endswith("+00:00")
    [paused] = sidebar.ask("set_schedule", schedule="nightly", act="pause")
    assert (paused["schedules"][0]["state"], paused["schedules"][0]["next_at"]) == ("paused", None)
    [active] = sidebar.ask("set_schedule", schedule="nightly", act="resume")
    assert active["schedules"][0]["state"] == "active"
    [asked] = sidebar.ask("set_schedule", schedule="nightly", act="run")
    assert asked["schedules"][0]["last"]["state"] == "queued"
    assert [one.kind for one in known.history("nightly")] == ["manual"]
    [wrong] = sidebar.ask("set_schedule", schedule="nightly", act="forget")
    assert wrong["op"] == "error"
    known.close()
