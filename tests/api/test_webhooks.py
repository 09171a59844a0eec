"""Webhooks over REST, for the owner."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pluto_duck.api.openapi_webhooks import SCHEMAS
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef, Workspace

URL = "https://1.1.1.1/orders?token=abcdef123456"


def body(answer: Any) -> dict[str, Any]:
    return json.loads(answer.body)  # type: ignore[no-any-return]


@pytest.fixture(autouse=True)
def _tracked(workspace: Workspace) -> None:
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE orders (id INTEGER PRIMARY KEY, status VARCHAR)")
        session.track(TableRef("orders"), before=True)


async def test_a_webhook_is_made_changed_rotated_and_deleted(client: Any) -> None:
    answer = await client("webhooks", method="POST", body={"url": URL, "tables": ["orders"], "ops": ["insert"]})
    assert answer.code == 201, answer.body
    made = body(answer)
    assert answer.headers["Location"].endswith(f"/api/v1/webhooks/{made['id']}")
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(made) <= set(SCHEMAS["NewWebhook"]["properties"])
    assert made["secret"].startswith("whsec_")
    assert (made["ops"], made["state"], made["waiting"], made["mind"]) == (["c"], "active", 0, "")
    path = ("webhooks", made["id"])
    changed = body(await client(*path, method="PATCH", body={"when": ["status: PROPOSED -> ACTIVE"], "state": "paused"}))
    assert (changed["when"], changed["ops"], changed["state"]) == (["status: PROPOSED -> ACTIVE"], ["u"], "paused")
    assert body(await client(*path, method="PATCH", body={"state": "active"}))["state"] == "active"
    rotated = body(await client(*path, "rotate-secret", method="POST", body={"overlap": "1h"}))
    assert rotated["secret"] not in ("", made["secret"])
    for asked in (("webhooks",), path, (*path, "deliveries")):
        answer = await client(*asked)
        assert answer.code == 200
        for hidden in (made["secret"], rotated["secret"], "abcdef123456"):
            assert hidden not in answer.body.decode()
    assert body(await client(*path, method="DELETE"))["id"] == made["id"]
    assert (await client(*path)).code == 404


@pytest.mark.parametrize(("wanted", "code"), [
    ({}, 400), ({"url": "https://127.0.0.1/"}, 403), ({"url": "http://1.1.1.1/"}, 403), ({"url": "x"}, 400),
    ({"url": URL, "tables": [1]}, 400), ({"url": URL, "ops": ["x"]}, 404), ({"url": URL, "concurrency": 17}, 400),
    ({"url": URL, "when": ["nothing: a -> b"]}, 404), ({"url": URL, "state": "paused"}, 400)])
async def test_what_can_not_be_is_a_problem_and_makes_nothing(client: Any, wanted: dict[str, Any], code: int) -> None:
    answer = await client("webhooks", method="POST", body=wanted)
    assert answer.code == code, answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert body(await client("webhooks"))["webhooks"] == []


async def test_deliveries_are_told_and_sent_again(client: Any, workspace: Workspace) -> None:
    from pluto_duck.events.model import Position
    from pluto_duck.events.webhooks.queue import New, Queue
    from pluto_duck.workspace import ControlStore

    made = body(await client("webhooks", method="POST", body={"url": URL}))
    await client("webhooks", made["id"], method="PATCH", body={"state": "paused"})
    control = ControlStore(workspace.control)
    Queue(control).put({made["id"]: [New("msg_1", "t", "9.1", '{"type": "t"}')]}, Position(9, 1))
    path = ("webhooks", made["id"], "deliveries")
    [one] = body(await client(*path, state="pending"))["deliveries"]
    assert (one["message"], one["state"], one["attempts"]) == ("msg_1", "pending", 0)
    whole = body(await client(*path, str(one["n"])))
    assert (whole["body"], whole["log"]) == ('{"type": "t"}', [])
    with control.connection("webhooks", ()) as db:
        db.execute("UPDATE webhook_deliveries SET state = 'failed', done_at = 0")
    control.close()
    answer = await client(*path, str(one["n"]), "redeliver", method="POST")
    assert (answer.code, body(answer)["again"]) == (202, 1)
    assert body(await client(*path, "1-99", "redeliver", method="POST", body={"failed": True}))["again"] == 0
    for bad in ("x", "0", "9-", "1-2-3"):
        assert (await client(*path, bad)).code == 400
    assert (await client(*path, "99")).code == 404
    assert (await client(*path, "99", "redeliver", method="POST")).code == 404


async def test_a_delivery_that_waits_is_skipped(client: Any, workspace: Workspace) -> None:
    from pluto_duck.events.model import Position
    from pluto_duck.events.webhooks.queue import New, Queue
    from pluto_duck.workspace import ControlStore

    made = body(await client("webhooks", method="POST", body={"url": URL}))
    await client("webhooks", made["id"], method="PATCH", body={"state": "paused"})
    control = ControlStore(workspace.control)
    Queue(control).put({made["id"]: [New("m1", "c", "1", "{}")]}, Position(2))
    control.close()
    path = ("webhooks", made["id"], "deliveries", "1", "skip")
    skipped = await client(*path, method="POST", body={})
    assert (skipped.code, body(skipped)["state"], body(skipped)["error"]) == (200, "failed", "skipped by its owner")
    assert (await client(*path, method="POST", body={})).code == 400
