"""Conversations, ratings, verified questions and approvals over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jupyter_server.auth.authorizer import Authorizer

from pluto_duck.agent.approvals import Approvals
from pluto_duck.agent.memory import Memory
from pluto_duck.api.approvals import DECISION
from pluto_duck.api.conversations import RATING
from pluto_duck.api.openapi import SCHEMAS
from pluto_duck.api.verified import MADE
from pluto_duck.session import Session
from pluto_duck.workspace import Workspace


@pytest.fixture
def pets(workspace: Workspace) -> Workspace:
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE pets AS SELECT i AS pet_id, ['cat', 'dog'][1 + i % 2] AS kind FROM range(90) t(i)")
    return workspace


async def _json(client: Any, *path: str, code: int = 200, **more: Any) -> dict[str, Any]:
    answer = await client(*path, **more)
    assert answer.code == code, answer.body
    return json.loads(answer.body)  # type: ignore[no-any-return]


async def _post(client: Any, *path: str, code: int = 200, **body: Any) -> dict[str, Any]:
    return await _json(client, *path, code=code, method="POST", body=body)


def _described(body: dict[str, Any], schema: str) -> None:
    assert set(body) <= set(SCHEMAS[schema]["properties"])


async def test_conversations_are_listed_read_replayed_and_deleted(client: Any, pets: Workspace) -> None:
    first = (await client.done(await client.run(question="how many pets per kind?")))["answer"]
    await client.done(await client.run(question="only dogs", conversation=first["conversation"]))
    await client.done(await client.run(question="how many pets?"))
    page = await _json(client, "conversations", limit=1)
    assert [one["title"] for one in page["conversations"]] == ["how many pets?"]
    cursor = page["links"]["next"].split("cursor=")[1]
    (listed,) = (await _json(client, "conversations", limit=1, cursor=cursor))["conversations"]
    assert (listed["id"], listed["questions"], listed["door"]) == (first["conversation"], 2, "rest")
    whole = await _json(client, "conversations", first["conversation"][:5])
    _described(whole, "Conversation")
    assert [one["answer"]["question"] for one in whole["turns"]] == ["how many pets per kind?", "only dogs"]
    of_rows = ("finding", "chart")  # the rows are not kept, nor is what is computed from them
    kept = whole["turns"][0]["answer"]
    assert {name: value for name, value in kept.items() if name not in of_rows} == {
        name: value for name, value in first.items() if name not in of_rows}
    assert first["finding"]
    _described(whole["turns"][0], "Kept")
    _described(first, "Answer")
    await client.sql("insert into pets values (91, 'newt')")
    started = await _post(client, "conversations", first["conversation"], "replay", code=202)
    done = await client.done(started["run_id"])
    _described(done, "Run")
    assert [one["changes"] for one in done["replay"]] == [
        ["there were 2 rows, and are 3 now", "written to since: pets"], []]
    await _json(client, "conversations", first["conversation"], method="DELETE")
    assert (await client("conversations", first["conversation"])).code == 404
    assert (await client("conversations", cursor="x")).code == 400


async def test_an_answer_is_rated_and_vouched_for(client: Any, pets: Workspace) -> None:
    answer = (await client.done(await client.run(question="how many pets per kind?")))["answer"]
    assert (await _json(client, "answers", answer["id"]))["rating"] == ""
    rated = await _post(client, "answers", answer["id"], "rating", rating="down", note="too many")
    assert (rated["rating"], rated["note"]) == ("down", "too many")
    await _post(client, "answers", answer["id"], "rating", rating="great", code=400)
    await _post(client, "answers", "none", "rating", rating="up", code=404)
    made = await _post(client, "verified", answer=answer["id"], code=201)
    assert made["sql"] == " ".join(answer["sql"].split())
    await _post(client, "verified", question="all?", sql="select count(*) as n from pets", code=201)
    await _post(client, "verified", question="all?", code=400)
    await _post(client, "verified", question="none", sql="drop table pets", code=403)
    again = (await client.done(await client.run(question="How many pets per kind")))["answer"]
    assert (again["planner"], again["verified"]) == ("verified", "how many pets per kind?")
    await client.sql("alter table pets rename column kind to sort")
    checked = (await _json(client, "verified", check=1))["verified"]
    assert [bool(one["fault"]) for one in checked] == [True, False]
    await _json(client, "verified", question="all", method="DELETE")
    assert len((await _json(client, "verified"))["verified"]) == 1
    assert (await client("verified", question="all", method="DELETE")).code == 404


def _proposed(workspace: Workspace, name: str = "cats") -> str:
    with Session.open(workspace.root) as session:
        return Approvals(session).propose("view", name, "SELECT * FROM pets WHERE kind = 'cat'", question="cats?",
                                          planner="test").id


async def test_a_proposal_is_approved_once_by_a_run(client: Any, pets: Workspace) -> None:
    id = _proposed(pets)
    (listed,) = (await _json(client, "approvals", waiting=1))["approvals"]
    assert (listed["id"], listed["status"]) == (id, "waiting")
    edited = await _post(client, "approvals", id, decision="edit", body="SELECT pet_id FROM pets WHERE kind = 'cat'")
    assert edited["dry_run"] == "45 rows; pet_id BIGINT"
    await _post(client, "approvals", id, decision="approve", version=listed["version"], code=409)
    await _post(client, "approvals", id, decision="edit", body="SELECT 1 AS a", version=listed["version"], code=409)
    started = await _post(client, "approvals", id[:4], decision="approve", version=edited["version"], code=202)
    done = await client.done(started["run_id"])
    assert done["approval"]["status"] == "done"
    assert (await client.sql("select count(*) from cats"))["rows"] == [[45]]
    again = await client.done((await _post(client, "approvals", id, decision="approve", version=edited["version"], code=202))["run_id"])
    assert (again["status"], again["error"]["code"]) == ("failed", "refused")
    seen = await _json(client, "approvals", id)
    _described(seen, "Approval")
    assert [one["what"] for one in seen["log"]] == ["proposed", "edited", "approved", "done"]
    assert all(one["who"].endswith("(REST)") for one in seen["log"][1:])


async def test_a_proposal_is_rejected_with_a_reason(client: Any, pets: Workspace) -> None:
    id = _proposed(pets)
    assert (await _post(client, "approvals", id, decision="reject", reason="no cats"))["status"] == "rejected"
    assert (await _json(client, "approvals", id))["log"][-1]["detail"] == "no cats"
    await _post(client, "approvals", id, decision="reject", code=403)
    await _post(client, "approvals", "none", decision="approve", version="x", code=404)
    for wrong in ({}, {"decision": "yes"}, {"decision": "edit"}, {"decision": "approve", "body": "x"},
                  {"decision": "approve", "version": "x", "reason": "x"},
                  {"decision": "approve"}, {"decision": "reject", "version": "x"}):
        await _post(client, "approvals", id, code=400, **wrong)
    assert [one["table"] if "table" in one else one["name"] for one in (await _json(client, "tables"))["tables"]] == ["pets"]


def test_bodies_are_described_as_they_are() -> None:
    for schema, known in (("Decision", DECISION), ("Rating", RATING), ("Vouch", MADE)):
        assert set(SCHEMAS[schema]["properties"]) == set(known)


class MayAsk(Authorizer):
    """Lets people ask, and nobody decide."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        return resource == "pluto_duck"


class TestWhoMayAskNeedNotDecide:
    @pytest.fixture
    def jp_server_config(self, jp_server_config: dict[str, Any]) -> dict[str, Any]:
        jp_server_config["ServerApp"]["authorizer_class"] = MayAsk
        return jp_server_config

    async def test_approving_and_vouching_are_refused(self, client: Any, pets: Workspace) -> None:
        id = _proposed(pets)
        answer = (await client.done(await client.run(question="how many pets per kind?")))["answer"]
        assert (await _json(client, "approvals", id))["status"] == "waiting"
        for decision in ({"decision": "approve"}, {"decision": "reject"}, {"decision": "edit", "body": "SELECT 1 AS a"}):
            await _post(client, "approvals", id, code=403, **decision)
        await _post(client, "verified", answer=answer["id"], code=403)
        await _json(client, "verified", question="1", method="DELETE", code=403)
        for op in ("approve", "reject", "edit", "verify"):
            frame = {"v": 1, "op": op, "id": 1, "approval": id, "answer": answer["id"], "sql": "SELECT 1 AS a"}
            refused = await client("panel", client="sidebar-1", method="POST", body=frame)
            assert refused.code == 403, op
        with Session.open(pets.root) as session:
            assert Approvals(session).get(id).status == "waiting"
            assert Memory(session).answer(answer["id"]).rating == ""


async def test_a_planner_that_crashes_or_hangs_leaves_a_clear_run(
    client: Any, pets: Workspace, monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Odd:
        name = "odd"

        def plan(self, question: str, context: Any) -> Any:
            if question == "crash":
                raise ZeroDivisionError("sk-12345")
            context.run("SELECT count(*) FROM range(1000000000) a, range(1000000000) b")

    monkeypatch.setattr("pluto_duck.agent.asking.load", lambda group, name: Odd)
    crashed = await client.done(await client.run(question="crash"))
    assert (crashed["status"], crashed["error"]["message"]) == (
        "failed", "The planner odd stopped with an unexpected ZeroDivisionError.")
    assert "sk-12345" not in json.dumps(crashed)
    hung = await client.done(await client.run(question="hang", timeout_s=0.3))
    assert hung["status"] == "timed_out"
    run = await client.run(question="hang")
    answer = await client("query", run, method="DELETE")
    assert answer.code in (200, 202)
    assert (await client.done(run))["status"] == "cancelled"
    assert (await _json(client, "conversations"))["conversations"] == []
