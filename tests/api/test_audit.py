"""What others do over HTTP is on record, with what decided; what can't be recorded is not served."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from pluto_duck.governance.audit import Entry, Who, recorder, verify
from pluto_duck.governance.audit.searching import Filter, walk
from pluto_duck.workspace import Workspace
from tests.api.door import Door, governed
from tests.api.test_identity import body, outcome


@pytest.fixture
def entries(workspace: Workspace) -> Callable[[], list[Entry]]:
    def look() -> list[Entry]:
        kept = recorder(workspace)
        kept.flush()
        return [row.entry for row in walk(kept.chain)]

    return look


async def test_each_deed_of_a_key_is_one_entry_that_says_which_rule_let_it(
        door: Door, entries: Callable[[], list[Entry]]) -> None:
    key = door.key()
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    await door("tables", key=key, traceparent=trace, User_Agent="curl/8")
    run = await outcome(door, key, sql="SELECT * FROM orders WHERE email <> 'secret'")
    listed, started, ended, looked = [one for one in entries() if one.who.kind == "key"][:4]
    assert (listed.action, listed.who.name, listed.who.roles, listed.via) == ("schema", "dash", ("eu",), "rest")
    assert listed.who.id == door.keys.find("dash").id
    assert (listed.trace, listed.address, listed.status) == ("4bf92f3577b34da6a3ce929d0e0e4736", "127.0.0.1", "200")
    assert listed.agent.startswith("curl/8")
    assert (started.action, started.run, started.status) == ("query", run["run_id"], "202")
    assert (ended.action, ended.run, ended.status, ended.rows) == ("query", run["run_id"], "succeeded", 3)
    assert ended.on == ("main.orders",)
    assert ended.rule == "role eu, grant 1 (line 6)", "as `policy explain` tells it"
    assert ended.trace == started.trace
    assert len(ended.sql) == 32
    assert (looked.action, looked.run) == ("read", run["run_id"])
    assert {one.via for one in entries() if one.who.kind == "key"} == {"rest"}, "what the server looks up beside it is nobody's deed"
    assert looked.detail == {"route": "GET /query/{}"}


async def test_what_is_denied_says_what_and_why(door: Door, entries: Callable[[], list[Entry]]) -> None:
    key, bare = door.key(), door.key("none", name="bare", scopes=("query:ask",))
    for sql in ("SELECT * FROM other", "DROP TABLE orders", "SELECT * FROM nosuch"):
        await outcome(door, key, sql=sql)
    assert (await door("keys", key=key)).code == 403
    assert (await door("query", "POST", bare, {"sql": "SELECT 1"})).code == 403
    denied = [one for one in entries() if one.decision == "deny"]
    assert [(one.action, one.on, one.status) for one in denied] == [
        ("query", ("main.other",), "failed"), ("query", (), "failed"), ("keys", (), "403"), ("query", (), "403")]
    assert [one.rule for one in denied[2:]] == ["Only the owner of the workspace may do this.",
                                                "The key does not have the scope query:run."]
    assert denied[0].rule == "No grant of role eu gives read on other. What nobody grants is denied."
    assert not any("nosuch" in one.body() for one in entries()), "a table that is not there was denied by nobody"


async def test_a_login_that_fails_is_told_without_the_secret(door: Door, entries: Callable[[], list[Entry]]) -> None:
    key = door.key()
    door.keys.revoke("dash")
    assert (await door("tables", key=key)).code == 401
    assert (await door("tables")).code in (401, 403)
    assert (await door("health")).code in (401, 403)
    found = [one for one in entries() if one.action == "login"]
    assert [(one.who.kind, one.who.id, one.decision) for one in found] == [
        ("nobody", key.split("_")[1], "deny"), ("nobody", "", "deny"), ("nobody", "", "deny")]
    assert [one.rule for one in found] == ["The key is not valid: it is unknown, revoked or expired.",
                                           *["Nothing was sent that says who asks."] * 2]
    assert not any(key.split("_")[2] in one.body() for one in entries())


async def test_the_owner_is_recorded_where_a_setting_says_so(
        door: Door, workspace: Workspace, entries: Callable[[], list[Entry]], jp_serverapp: Any) -> None:
    token = {"Authorization": f"token {jp_serverapp.identity_provider.token}"}
    assert (await door("tables", **token)).code == 200
    assert [one for one in entries() if one.via == "rest"] == []
    recorder(workspace).owners = True
    assert (await door("tables", **token)).code == 200
    started = body(await door("query", "POST", body={"sql": "SELECT 1"}, **token))["run_id"]
    await door(f"query/{started}?wait=20", **token)
    # In no order: who waits for a run may have it before the run itself is written down.
    assert sorted((one.who.kind, one.action) for one in entries() if one.via == "rest") == [
        ("person", "query"), ("person", "query"), ("person", "read"), ("person", "schema")]


async def test_what_cannot_be_recorded_is_not_served(
        door: Door, workspace: Workspace, entries: Callable[[], list[Entry]], monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    monkeypatch.setattr(importlib.import_module("pluto_duck.governance.audit.recorder"), "BUSY_S", 0.05)
    key = door.key()
    assert (await door("tables", key=key)).code == 200
    entries()
    holder = sqlite3.connect(workspace.control, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        refused = await door("keys", key=key)  # a denial waits for its entry, and so finds out
        assert refused.code == 503
        assert body(refused)["code"] == "audit_unavailable"
        answer = await door("tables", key=key)
        assert answer.code == 503, "nothing is served unrecorded"
        assert answer.headers["Retry-After"] == "1"
        assert b"orders" not in answer.body
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    recorder(workspace).keep(Entry("read"))
    assert (await door("tables", key=key)).code == 200
    denials = [one for one in entries() if one.decision == "deny"]
    assert [one.status for one in denials] == ["403", "503"] or [one.status for one in denials] == ["403"]
    assert verify(recorder(workspace).chain).whole


async def test_no_answer_shows_what_the_host_tells_the_audit(door: Door) -> None:
    key = door.key()
    for sql in ("SELECT * FROM other", "SELECT * FROM orders"):
        run = await outcome(door, key, sql=sql)
        assert '"audit"' not in json.dumps(run)
        assert "No grant" not in json.dumps(run)


async def test_the_owner_reads_pages_exports_and_verifies(door: Door, workspace: Workspace, jp_serverapp: Any) -> None:
    token = {"Authorization": f"token {jp_serverapp.identity_provider.token}"}
    kept = recorder(workspace)
    for i in range(7):
        kept.keep(Entry("read", Who("key", "k", f"id{i % 2}"), "rest", ("main.orders",), rows=i))
    found, path = [], "audit?who=id1&limit=2"
    while path:
        page = body(await door(path, **token))
        found += [one["rows"] for one in page["entries"]]
        path = page["links"].get("next", "").rpartition("api/v1/")[2]
    assert found == [5, 3, 1]
    assert len(body(await door("audit?action=read&limit=3", **token))["entries"]) == 3
    lines = [json.loads(one) for one in (await door("audit?table=orders&action=read", Accept="application/x-ndjson", **token)
                                         ).body.splitlines()]
    assert [one.get("rows") for one in lines[:-1]] == list(range(7))
    head = body(await door("audit/head", **token))
    assert {"chain", "signature"} <= head.keys()
    assert lines[-1]["head"]["chain"] == head["chain"]
    verdict = body(await door("audit/verify", "POST", body={"heads": [head]}, **token))
    assert verdict["whole"]
    assert (await door("audit/verify", "POST", body={"heads": [{**head, "seq": 1}]}, **token)).code == 400
    for bad in ("decision=maybe", "since=soon", "limit=0", "cursor=x"):
        assert (await door(f"audit?{bad}", **token)).code == 400
    kept.flush()
    actions = [row.entry.action for row in walk(kept.chain, Filter(action="audit.*"))]
    assert actions == ["audit.read"] * 3 + ["audit.export", "audit.verify"], "reading and exporting are on record"
    database = sqlite3.connect(workspace.control)
    database.execute("DELETE FROM audit WHERE seq = 4")
    database.commit()
    database.close()
    verdict = body(await door("audit/verify", "POST", **token))
    assert not verdict["whole"]
    assert any("rows 4 to 4 are missing" in one["what"] for one in verdict["problems"])


async def test_keys_and_consent_are_on_record(door: Door, entries: Callable[[], list[Entry]]) -> None:
    door.key()
    door.keys.rotate("dash", overlap_s=60)
    door.keys.revoke("dash")
    found = [(one.action, one.who.name, one.detail.get("name")) for one in entries() if one.action.startswith("key.")]
    assert found == [("key.create", "local", "dash"), ("key.rotate", "local", "dash"), ("key.revoke", "local", "dash"),
                     ("key.revoke", "local", "dash")]
    assert entries()[0].action == "policy.trust"
    assert entries()[0].detail["names"] == ["eu"]


WRITING = """
version: 1
roles:
  eu:
    grants: [{tables: orders, actions: [read, insert, update]}]
"""


async def test_rows_and_graphql_are_on_record_each_request_by_itself(
        door: Door, workspace: Workspace, entries: Callable[[], list[Entry]]) -> None:
    import asyncio

    from pluto_duck.session import Session

    with Session.open(workspace.root) as session:
        session.query("DROP TABLE orders; DROP TABLE other")
        governed(workspace, WRITING)
        session.query("ALTER TABLE orders ADD PRIMARY KEY (id)")
    one, other = door.key(), door.key(name="other")
    answers = await asyncio.gather(*(door(f"tables/orders/rows/{i % 6}", key=key) for i in range(6) for key in (one, other)))
    assert {answer.code for answer in answers} == {200}
    assert (await door("tables/orders/rows/99", key=one)).code == 404
    made = await door("tables/orders/rows", "POST", one, {"id": 7, "email": "ada@x.example", "card": "card of Ada"},
                      Content_Type="application/json")
    assert made.code == 201, made.body
    assert (await door("tables/orders/rows/7", "DELETE", one)).code == 403
    asked = await door("graphql", "POST", one, {"query": "{ orders(limit: 2) { id } }"}, Content_Type="application/json")
    assert asked.code == 200
    found = [entry for entry in entries() if entry.who.kind == "key"]
    reads = [entry for entry in found if entry.action == "read" and entry.via == "rest" and entry.rows]
    assert sorted(entry.who.name for entry in reads) == ["dash"] * 6 + ["other"] * 6, "each request, whoever shared a call"
    assert all(entry.on == ("main.orders",) and entry.rows == 1 and entry.rule for entry in reads)
    insert = next(entry for entry in found if entry.action == "insert")
    assert (insert.on, insert.rows, insert.status, insert.decision) == (("main.orders",), 1, "201", "allow")
    assert insert.rule == "role eu, grant 1 (line 5)"
    denied = next(entry for entry in found if entry.decision == "deny")
    assert (denied.action, denied.on, denied.status) == ("delete", ("main.orders",), "403")
    graph = next(entry for entry in found if entry.via == "graphql")
    assert (graph.action, graph.on, graph.rows) == ("read", ("main.orders",), 2)
    assert not any(word in entry.body() for entry in found for word in ("ada@", "card of", "rows/7"))
