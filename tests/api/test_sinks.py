"""Sinks over REST, for the owner."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pluto_duck.api.openapi_sinks import SCHEMAS
from pluto_duck.events.model import DeadLetter, Position
from pluto_duck.events.sinkstore import Sinks
from pluto_duck.session import Session
from pluto_duck.workspace import ControlStore, TableRef, Workspace
from tests.ingest.memory_keyring import MemoryKeyring

FILE = {"name": "archive", "kind": "file", "tables": ["orders"], "options": {"folder": "changes"}}


def body(answer: Any) -> dict[str, Any]:
    return json.loads(answer.body)  # type: ignore[no-any-return]


@pytest.fixture(autouse=True)
def _tracked(workspace: Workspace) -> None:
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE orders (id INTEGER PRIMARY KEY, status VARCHAR)")
        session.track(TableRef("orders"))


async def test_a_sink_is_added_paused_resumed_and_removed(client: Any) -> None:
    answer = await client("sinks", method="POST", body=FILE)
    assert answer.code == 201, answer.body
    made = body(answer)
    assert answer.headers["Location"].endswith("/api/v1/sinks/archive")
    assert set(made) <= set(SCHEMAS["Sink"]["properties"])
    assert (made["kind"], made["tables"], made["behind"], made["dead"], made["trouble"]) == ("file", ["orders"], 0, 0, "")
    assert (await client("sinks", method="POST", body=FILE)).code == 403, "there is one of that name"
    assert body(await client("sinks", "archive", method="PATCH", body={"state": "paused"}))["state"] == "paused"
    assert [one["state"] for one in body(await client("sinks"))["sinks"]] == ["paused"]
    changes = body(await client("status"))["changes"]
    assert changes["tracked"] == [{"table": "orders"}]
    assert [(one["name"], one["state"]) for one in changes["sinks"]] == [("archive", "paused")]
    assert changes["follows"] == []
    assert body(await client("sinks", "archive", method="PATCH", body={"state": "active"}))["state"] != "paused"
    assert body(await client("sinks", "archive", method="DELETE"))["name"] == "archive"
    assert body(await client("sinks"))["sinks"] == []
    assert (await client("sinks", "archive")).code == 404


@pytest.mark.parametrize(("more", "code"), [
    ({"name": ""}, 400), ({"name": "1 a"}, 400), ({"kind": "nothing"}, 404), ({"tables": ["nothing"]}, 400),
    ({"tables": [1]}, 400), ({"options": {"folder": "x", "nothing": 1}}, 400), ({"from": "x"}, 404),
    ({"secrets": {"folder": "x"}}, 400), ({"state": "paused"}, 400), ({"options": {"folder": []}}, 400)])
async def test_what_can_not_be_is_a_problem_and_makes_nothing(client: Any, more: dict[str, Any], code: int) -> None:
    answer = await client("sinks", method="POST", body={**FILE, **more})
    assert answer.code == code, answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert body(await client("sinks"))["sinks"] == []


async def test_a_secret_goes_to_the_keyring_and_into_no_answer(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring

    kept = MemoryKeyring()
    monkeypatch.setattr(keyring, "get_keyring", lambda: kept)
    monkeypatch.setattr(keyring, "set_password", kept.set_password)
    monkeypatch.setattr(keyring, "get_password", kept.get_password)
    monkeypatch.setattr(keyring, "delete_password", kept.delete_password)
    wanted = {"name": "events", "kind": "kafka", "options": {
        "bootstrap": "127.0.0.1:9", "security": "SASL_SSL", "sasl": "PLAIN", "username": "me"}}
    assert (await client("sinks", method="POST", body={**wanted, "secrets": {"username": "x"}})).code == 400
    bare = {**wanted, "options": {**wanted["options"], "password": "hunter2"}}  # type: ignore[dict-item]
    assert (await client("sinks", method="POST", body=bare)).code == 400, "a secret is no option"
    made = await client("sinks", method="POST", body={**wanted, "secrets": {"password": "hunter2"}})
    assert made.code == 201, made.body
    assert body(made)["options"]["password"] == "keyring"
    for asked in (made, await client("sinks"), await client("sinks", "events"),
                  await client("sinks", "events", method="DELETE")):
        assert "hunter2" not in asked.body.decode()


async def test_dead_letters_are_shown_tried_again_and_forgotten(client: Any, workspace: Workspace) -> None:
    await client("sinks", method="POST", body=FILE)
    await client("sinks", "archive", method="PATCH", body={"state": "paused"})
    control = ControlStore(workspace.control)
    known = Sinks(control)
    token = known.take("archive", "test")
    known.went("archive", token, Position(3), dead=[
        (DeadLetter(Position(2, n), TableRef("orders"), '{"id": 1}', "too large"), "c", "1") for n in range(3)])
    control.close()
    dead = body(await client("sinks", "archive", "dead"))["dead"]
    assert [(one["op"], one["key"], one["reason"], one["again"]) for one in dead] == [("c", "1", "too large", False)] * 3
    assert set(dead[0]) == set(SCHEMAS["DeadLetters"]["properties"]["dead"]["items"]["properties"])
    again = await client("sinks", "archive", "dead", method="POST", body={"ids": [dead[0]["id"]]})
    assert (again.code, body(again)["again"]) == (202, 1)
    assert (await client("sinks", "archive", "dead", method="POST", body={"ids": ["x"]})).code == 400
    assert [one["again"] for one in body(await client("sinks", "archive", "dead"))["dead"]] == [True, False, False]
    assert body(await client("sinks", "archive", "dead", method="DELETE", id=str(dead[1]["id"])))["dropped"] == 1
    assert body(await client("sinks", "archive", "dead", method="DELETE"))["dropped"] == 2
    assert (await client("sinks", "other", "dead")).code == 404
