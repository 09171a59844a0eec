"""Proposals that keys decide: those of tables that a policy gives `approve` on, and nobody's own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pluto_duck.agent.approvals import Approval, Approvals
from pluto_duck.governance import Actor
from pluto_duck.governance.audit import Chain
from pluto_duck.session import Session
from pluto_duck.workspace import Workspace
from tests.api.door import Door, governed_again

POLICY = """
version: 1
roles:
  eu: {grants: [{tables: orders, actions: read, rows: region = $region}]}
  editor: {grants: [{tables: "report_*", actions: approve}]}
  partly: {grants: [{tables: "report_*", actions: approve, hide: card}]}
"""


def propose(workspace: Workspace, target: str = "report_all", sql: str = "SELECT count(*) AS n FROM orders",
            by: str = "") -> Approval:
    with Session.open(workspace.root) as session:
        known = Approvals(session)
        if by:
            session.actor = Actor("key", "asker", (), {}, by)
            known._session = _Asking(session)  # type: ignore[assignment]
        return known.propose("view", target, sql, question="what came in?", planner="test")


class _Asking:
    """The owner's session in all but who asks: no planner proposes for a key yet."""

    def __init__(self, session: Session) -> None:
        self.actor, session.actor, self._session = session.actor, None, session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


async def asked(door: Door, path: str, key: str, body: Any = None) -> tuple[int, Any]:
    answer = await door(path, "GET" if body is None else "POST", key, body)
    return answer.code, json.loads(answer.body)


async def test_a_key_decides_what_its_role_may_approve_and_sees_nothing_else(door: Door) -> None:
    governed_again(door.workspace, POLICY)
    mine, other = propose(door.workspace), propose(door.workspace, "secret_all")
    with Session.open(door.workspace.root) as session:
        vague = Approvals(session).propose("semantics", "metrics.n", json.dumps(
            {"table": "orders", "expression": "count(*)"}), question="count?", planner="test")
    key = door.key("editor", name="ed")
    code, listed = await asked(door, "approvals", key)
    assert (code, [one["id"] for one in listed["approvals"]]) == (200, [mine.id])
    for hidden in (other, vague):
        for body in (None, {"decision": "reject"}, {"decision": "approve", "version": hidden.version},
                     {"decision": "edit", "body": "SELECT 1"}):
            code, told = await asked(door, f"approvals/{hidden.id}", key, body)
            assert code == 404
            assert hidden.target not in str(told)
    code, shown = await asked(door, f"approvals/{mine.id}", key)
    assert code == 200
    assert str(door.workspace.root) not in str(shown)
    code, told = await asked(door, f"approvals/{mine.id}", key, {"decision": "edit", "body": "SELECT * FROM other"})
    assert code == 403
    code, told = await asked(door, f"approvals/{mine.id}", key, {"decision": "approve", "version": "none"})
    assert code == 409
    code, started = await asked(door, f"approvals/{mine.id}", key, {"decision": "approve", "version": mine.version})
    assert code == 202
    code, run = await asked(door, f"query/{started['run_id']}?wait=30", key)
    assert (run["status"], run["approval"]["status"]) == ("succeeded", "done"), run
    assert (await asked(door, f"query/{started['run_id']}", door.key(name="someone")))[0] == 404
    with Session.open(door.workspace.root) as session:
        assert session.query("FROM report_all").scalar() == 6
        assert [one.who for one in Approvals(session).log(mine.id)] == ["test", "ed (key)", "ed (key)"]
        rows = Chain(session.workspace, session.control).reading().execute("SELECT body FROM audit ORDER BY seq")
        told = [one for row in rows if (one := json.loads(row[0]))["action"].startswith("approv")]
    assert {one["action"] for one in told} >= {"approve", "approval.approved", "approval.done"}
    assert all(one["who"]["name"] == "ed" for one in told)
    assert ("approve", "deny") in {(one["action"], one["decision"]) for one in told}, "its edit was refused"


async def test_others_do_not_even_see_that_something_was_proposed(door: Door) -> None:
    governed_again(door.workspace, POLICY)
    made = propose(door.workspace)
    for key, code in ((door.key("editor", name="a", scopes=("query:ask",)), 403), (door.key("eu", name="b"), 404),
                      (door.key("partly", name="c"), 404)):
        found = await asked(door, "approvals", key)
        assert found[0] == (403 if code == 403 else 200)
        assert found[1].get("approvals", []) == []
        for body in (None, {"decision": "reject"}, {"decision": "approve", "version": made.version}):
            assert (await asked(door, f"approvals/{made.id}", key, body))[0] == code
    with Session.open(door.workspace.root) as session:
        assert Approvals(session).get(made.id).status == "waiting"


async def test_nobody_decides_about_a_proposal_of_their_own(door: Door) -> None:
    governed_again(door.workspace, POLICY)
    key = door.key("editor", name="ed")
    [record] = door.keys.list()
    made = propose(door.workspace, by=record.actor.identity)
    assert made.proposer == record.actor.identity
    for body in ({"decision": "approve", "version": made.version}, {"decision": "reject"}):
        code, told = await asked(door, f"approvals/{made.id}", key, body)
        assert (code, told["detail"]) == (403, "Nobody decides about a proposal of their own.")
    another = door.key("editor", name="another")
    assert (await asked(door, f"approvals/{made.id}", another, {"decision": "reject", "reason": "no"}))[0] == 200


@pytest.mark.parametrize("later", [POLICY.replace("actions: approve}", "actions: read}")])
async def test_what_is_no_longer_granted_when_it_would_run_does_not_run(door: Door, later: str) -> None:
    from pluto_duck.agent.approving import Approver
    from pluto_duck.errors import UnknownName

    governed_again(door.workspace, POLICY)
    made = propose(door.workspace)
    door.key("editor", name="ed")
    [record] = door.keys.list()
    with Session.open(door.workspace.root) as session:
        assert Approver(session, record.actor).looked_at(made.id, made.version).id == made.id
        governed_again(door.workspace, later)
        with pytest.raises(UnknownName):
            Approver(session, record.actor).approve(made.id, made.version)


async def test_what_fails_is_told_without_the_words_of_the_database(door: Door) -> None:
    governed_again(door.workspace, POLICY)
    made = propose(door.workspace, sql="SELECT email FROM orders")
    with Session.open(door.workspace.root) as session:
        session.query("ALTER TABLE orders DROP COLUMN email")
    key = door.key("editor", name="ed")
    _code, started = await asked(door, f"approvals/{made.id}", key, {"decision": "approve", "version": made.version})
    _code, run = await asked(door, f"query/{started['run_id']}?wait=30", key)
    assert run["status"] == "failed"
    assert run["error"]["message"] == "The change can't be made as it was proposed."
    _code, shown = await asked(door, f"approvals/{made.id}", key)
    assert [one["detail"] for one in shown["log"] if one["what"] == "failed"] == [""]


async def test_a_key_proposes_what_it_asked_as_a_view_and_somebody_else_decides(door: Door) -> None:
    governed_again(door.workspace, POLICY.replace("actions: read, rows", "actions: [read, ask], rows"))
    asker, editor = door.key("eu", name="asker"), door.key("editor", name="ed")
    _code, started = await asked(door, "query", asker, {"question": "how many orders are there?"})
    run = started["run_id"]
    assert (await asked(door, f"query/{run}?wait=30", asker))[1]["rows"] == [[3]]
    wanted = {"name": "report_orders", "answer": run, "as": "workspace-view", "description": "All orders"}
    code, made = await asked(door, "approvals", asker, wanted)
    assert (code, set(made), made["status"]) == (201, {"workspace", "id", "kind", "name", "status"}, "waiting"), made
    # Nobody else's run, no SQL that the Gate has not seen for them, no file of a project.
    for other, code in ((wanted | {"as": "view"}, 403), ({"name": "report_x", "sql": "SELECT * FROM other"}, 403),
                        (wanted | {"answer": "x"}, 404), (wanted | {"project": "."}, 403), ({"name": "report_x"}, 400),
                        (wanted | {"key": [1]}, 400), (wanted | {"as": "cube"}, 400)):
        assert (await asked(door, "approvals", asker, other))[0] == code, other
    assert (await asked(door, "approvals", editor, wanted))[0] == 404
    # What is there and may not be seen is told like what makes no sense.
    said = {json.dumps({**(await asked(door, "approvals", asker, wanted | {"name": name}))[1], "request_id": ""})
            for name in ("other", "orders")}
    assert len(said) == 1
    assert "already" not in said.pop()
    assert (await asked(door, f"approvals/{made['id']}", asker))[0] == 404
    code, seen = await asked(door, f"approvals/{made['id']}", editor)
    assert (code, "sample" in seen) == (200, False)
    code, begun = await asked(door, f"approvals/{made['id']}", editor, {"decision": "approve", "version": seen["version"]})
    assert (await asked(door, f"query/{begun['run_id']}?wait=30", editor))[1]["status"] == "succeeded"
    with Session.open(door.workspace.root) as session:
        assert session.query("FROM report_orders").scalar() == 6
        assert next(one.comment for one in session.tables() if one.ref.name == "report_orders") == "All orders"


async def test_a_key_can_not_heap_up_proposals(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pluto_duck.agent.keeping.MOST_WAITING", 1)
    governed_again(door.workspace, POLICY.replace("actions: read, rows", "actions: [read, ask], rows"))
    asker = door.key("eu", name="asker")
    _code, started = await asked(door, "query", asker, {"question": "how many orders are there?"})
    await asked(door, f"query/{started['run_id']}?wait=30", asker)
    codes = [(await asked(door, "approvals", asker, {
        "name": f"report_{number}", "answer": started["run_id"], "as": "workspace-view"}))[0] for number in range(2)]
    assert codes == [201, 403]


async def test_the_owner_proposes_a_model_over_rest(door: Door, jp_fetch: Any) -> None:
    async def owners(*path: str, **body: Any) -> tuple[int, Any]:
        answer = await jp_fetch("api", "v1", *path, method="POST" if body else "GET", raise_error=False,
                                body=json.dumps(body) if body else None)
        return answer.code, json.loads(answer.body)

    code, made = await owners("approvals", name="all_orders", sql="SELECT id, region FROM orders", question="which?")
    assert (code, made["kind"], made["target"]) == (201, "model", "dbt/models/marts/all_orders.sql"), made
    assert (made["sample"]["columns"], len(made["sample"]["rows"])) == (["id", "region"], 5)
    code, shown = await owners("approvals", made["id"])
    assert (shown["moved"], shown["sample"]) == (False, made["sample"])
    key = door.key("editor", name="ed")
    assert (await asked(door, f"approvals/{made['id']}", key))[0] == 404, "a file of a project is the owner's"
    for wrong, code in (({"name": "x", "sql": "SELECT 1", "answer": "y"}, 400), ({"name": "x"}, 400),
                        ({"name": "../x", "sql": "SELECT 1"}, 400), ({"name": "x", "sql": "DROP TABLE orders"}, 400),
                        ({"name": "x", "sql": "SELECT 1", "project": "../.."}, 404)):
        assert (await owners("approvals", **wrong))[0] == code, wrong
    code, started = await owners("approvals", made["id"], decision="approve", version=made["version"])
    assert code == 202
    assert (await jp_fetch("api", "v1", "query", started["run_id"], params={"wait": "30"})).code == 200
    assert (door.workspace.root / "dbt/models/marts/all_orders.yml").is_file()
