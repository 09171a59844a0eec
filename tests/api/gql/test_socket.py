"""The websocket: its protocol, who may, and the events of runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from tornado.httpclient import HTTPRequest
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClientConnection, WebSocketProtocol13, websocket_connect

from pluto_duck.api.graphql import ws
from pluto_duck.governance.audit import recorder, verify
from pluto_duck.governance.audit.searching import walk
from pluto_duck.governance.keys import Keys
from pluto_duck.session import Session, TableRef
from pluto_duck.workspace import Workspace

Connect = Callable[..., Awaitable["Line"]]


class Line:
    def __init__(self, connection: WebSocketClientConnection) -> None:
        self.connection = connection

    async def tell(self, type_: str, **more: Any) -> None:
        await self.connection.write_message(json.dumps({"type": type_, **more}))

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(20):
            message = await self.connection.read_message()
        assert message is not None, f"closed with {self.connection.close_code}"
        return json.loads(message)  # type: ignore[no-any-return]

    async def closed(self) -> int | None:
        async with asyncio.timeout(20):
            while await self.connection.read_message() is not None:
                pass
        return self.connection.close_code

    async def subscribe(self, text: str, id: str = "1", **variables: Any) -> None:
        await self.tell("subscribe", id=id, payload={"query": text, "variables": variables})


@pytest.fixture
def connect(shop: Workspace, jp_serverapp: Any, http_server_port: Any, jp_base_url: str,
            http_server: Any) -> Iterator[Connect]:
    opened: list[Line] = []

    async def open(key: str | None = None, protocol: str = ws.PROTOCOL, init: bool = True, **headers: str) -> Line:
        url = f"ws://127.0.0.1:{http_server_port[1]}{jp_base_url}api/v1/graphql"
        connection = await websocket_connect(HTTPRequest(url, headers=headers), subprotocols=[protocol])
        line = Line(connection)
        opened.append(line)
        if init:
            token = f"token {jp_serverapp.identity_provider.token}" if key is None else f"Bearer {key}" if key else ""
            await line.tell("connection_init", **({"payload": {"Authorization": token}} if token else {}))
        return line

    yield open
    for one in opened:
        one.connection.close()


async def test_a_query_over_the_socket(connect: Connect, keys: Keys) -> None:
    line = await connect(keys.create("k", ["eu"], claims={"region": "EU"}, scopes=("schema:read", "data:read"))[1])
    assert line.connection.selected_subprotocol == ws.PROTOCOL
    assert await line.hear() == {"type": "connection_ack"}
    await line.subscribe("query($i: Int!) {customers_by_pk(id: $i) {id name}}", i=2)
    assert await line.hear() == {"id": "1", "type": "next", "payload": {"data": {"customers_by_pk": {"id": 2, "name": "n***"}}}}
    assert await line.hear() == {"id": "1", "type": "complete"}
    await line.subscribe("{secrets {id}}")
    assert (await line.hear())["type"] == "error"
    await line.tell("ping", payload={"n": 1})
    assert await line.hear() == {"type": "pong", "payload": {"n": 1}}


async def test_each_operation_is_on_record(connect: Connect, keys: Keys, shop: Workspace) -> None:
    made, key = keys.create("k", ["eu"], claims={"region": "EU"}, scopes=("schema:read", "data:read", "data:write"))
    line = await connect(key, User_Agent="apollo")
    await line.hear()
    for text in ("{orders(limit: 2) {id}}", *(f'mutation {{insert_notes(objects: [{{id: {id}, region: "{region}"}}]) '
                                              "{affected_rows}}" for id, region in ((70, "EU"), (71, "US")))):
        await line.subscribe(text)
        heard = await line.hear()
        while heard["type"] == "next":
            heard = await line.hear()
    keys.revoke(made.id)
    await line.subscribe("{__typename}")
    await line.closed()
    kept = recorder(shop)
    kept.flush()
    found = [row.entry for row in walk(kept.chain) if row.entry.via in ("graphql", "rest")]
    assert [(one.action, one.on, one.decision) for one in found] == [
        ("read", ("main.orders",), "allow"), ("insert", ("main.notes",), "allow"),
        ("insert", ("main.notes",), "deny"), ("login", (), "deny")]
    assert {(one.who.name, one.via, one.address) for one in found[:3]} == {("k", "graphql", "127.0.0.1")}
    assert found[3].who.id == made.id
    assert found[0].detail == {"route": "WEBSOCKET /graphql"}
    assert not verify(kept.chain).problems


async def test_who_is_nobody_is_closed_out(connect: Connect, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await (await connect("pdk_wrong")).closed() == 4403
    assert await (await connect("")).closed() == 4403
    early = await connect(init=False)
    await early.subscribe("{__typename}")
    assert await early.closed() == 4401
    monkeypatch.setattr(ws, "INIT_S", 0.05)
    assert await (await connect(init=False)).closed() == 4408


async def test_a_key_that_is_revoked_ends_with_the_next_operation(connect: Connect, keys: Keys) -> None:
    made, key = keys.create("k", ["eu"], claims={"region": "EU"}, scopes=("schema:read", "data:read"))
    line = await connect(key)
    assert (await line.hear())["type"] == "connection_ack"
    keys.revoke(made.id)
    await line.subscribe("{__typename}")
    assert await line.closed() == 4403


async def test_messages_that_break_the_protocol(connect: Connect) -> None:
    for message in ("x", "[]", "{}", '{"type": "other"}', '{"type": "subscribe", "payload": {}}', '{"type": "complete"}',
                    '{"type": "subscribe", "id": "1"}', '{"type": "ping", "payload": 1}', b"\x00"):
        line = await connect(init=False)
        await line.connection.write_message(message, binary=isinstance(message, bytes))
        assert await line.closed() == 4400, message
    again = await connect()
    await again.hear()
    await again.tell("connection_init")
    assert await again.closed() == 4429
    assert await (await connect(protocol="graphql-ws", init=False)).closed() == 4406


async def test_a_cookie_counts_for_the_servers_own_pages_alone(connect: Connect, jp_serverapp: Any, http_server_client: Any,
                                                               jp_base_url: str, http_server_port: Any) -> None:
    token = jp_serverapp.identity_provider.token
    login = await http_server_client.fetch(f"{jp_base_url}api/v1/health?token={token}")
    cookie = "; ".join(one.split(";")[0] for one in login.headers.get_list("Set-Cookie"))
    own = f"http://127.0.0.1:{http_server_port[1]}"
    line = await connect("", Cookie=cookie, Origin=own)
    assert await line.hear() == {"type": "connection_ack"}
    elsewhere = await connect("", Cookie=cookie, Origin="https://elsewhere.example")
    assert await elsewhere.closed() == 4403
    with_token = await connect(None, Origin="https://elsewhere.example")
    assert await with_token.hear() == {"type": "connection_ack"}, "who has a token may come from anywhere"


async def test_the_events_of_a_run(connect: Connect, keys: Keys, shop: Workspace) -> None:
    scopes = ("query:run",)
    line = await connect(keys.create("k", ["eu"], claims={"region": "EU"}, scopes=scopes)[1])
    await line.hear()
    await line.subscribe('mutation {sql(statement: "SELECT id FROM customers ORDER BY id") {run_id}}')
    run_id = (await line.hear())["payload"]["data"]["sql"]["run_id"]
    assert (await line.hear())["type"] == "complete"
    follow = "subscription($r: ID!, $a: Int) {event: run(run_id: $r, after: $a) {seq type subtype rows __typename}}"
    await line.subscribe(follow, r=run_id)
    events = []
    while (heard := await line.hear())["type"] == "next":
        events.append(heard["payload"]["data"]["event"])
    assert heard == {"id": "1", "type": "complete"}
    assert [one["seq"] for one in events] == sorted({one["seq"] for one in events})
    assert (events[0]["type"], events[0]["subtype"]) == ("run", "start")
    assert (events[-1]["type"], events[-1]["subtype"]) == ("run", "end")
    assert [row for one in events for row in one["rows"] or []] == [[0], [2], [4]]
    kept = recorder(shop)
    kept.flush()
    noted = [row.entry for row in walk(kept.chain) if row.entry.via == "graphql"]
    assert len([one for one in noted if one.run == run_id]) >= 2, "asked for, and done"
    assert noted[-1].action == "read", "and followed"
    await line.subscribe(follow, r=run_id, a=events[-2]["seq"])
    assert (await line.hear())["payload"]["data"]["event"]["seq"] == events[-1]["seq"]
    assert (await line.hear())["type"] == "complete"
    other = await connect(keys.create("other", ["eu"], claims={"region": "EU"}, scopes=scopes)[1])
    await other.hear()
    await other.subscribe(follow, r=run_id)
    refused = await other.hear()
    assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == ("error", "run_not_found")


async def test_an_id_in_use_and_one_that_is_completed(connect: Connect) -> None:
    line = await connect()
    await line.hear()
    slow = 'mutation {sql(statement: "SELECT count(*) FROM range(100000000000) a", wait: 30) {run_id status}}'
    await line.subscribe(slow, "a")
    await line.tell("complete", id="a")
    await line.tell("ping")
    assert await line.hear() == {"type": "pong"}
    await line.subscribe(slow, "b")
    await line.subscribe("{__typename}", "b")
    assert await line.closed() == 4409


async def test_a_server_that_stops_says_so_and_waits_for_no_idle_socket(
        connect: Connect, jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jp_serverapp, "stop", lambda *_, **__: None)
    app = jp_serverapp.web_app.settings["pluto_duck"]
    line = await connect()
    assert await line.hear() == {"type": "connection_ack"}
    busy = await connect()
    assert await busy.hear() == {"type": "connection_ack"}
    await busy.subscribe('mutation {sql(statement: "SELECT count(*) FROM range(100000000000) a") {run_id}}')
    run_id = (await busy.hear())["payload"]["data"]["sql"]["run_id"]
    assert (await busy.hear())["type"] == "complete"
    await busy.subscribe("subscription($r: ID!) {event: run(run_id: $r) {type subtype}}", r=run_id)
    assert (await busy.hear())["type"] == "next"
    async with asyncio.timeout(30):
        await app.drain.run(0.5)
    assert await line.closed() == 1001
    heard = [await busy.hear()]
    while heard[-1]["type"] == "next":
        heard.append(await busy.hear())
    assert heard[-2]["payload"]["data"]["event"] == {"type": "run", "subtype": "error"}, "its last event comes first"
    assert heard[-1]["type"] == "complete"
    assert await busy.closed() == 1001


async def test_a_client_that_is_gone_before_its_socket_opens_leaves_nothing(
        connect: Connect, jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Between the handshake and `open`: the moment is made, as no client can be told when to leave."""
    drain = jp_serverapp.web_app.settings["pluto_duck"].drain
    before = len(drain._bells), len(drain._first_bells)

    def gone(self: Any) -> None:
        self.handler.on_ws_connection_close()

    monkeypatch.setattr(WebSocketProtocol13, "start_pinging", gone)
    with suppress(StreamClosedError):
        await (await connect(init=False)).closed()
    assert "AttributeError" not in caplog.text  # the client itself, in the same log, may wonder
    assert (len(drain._bells), len(drain._first_bells)) == before


CHANGES = """subscription($s: String, $w: Boolean) {
  told: changes(tables: ["customers"], since: $s, snapshot: $w) {kind position op table key before after why __typename}}"""


async def test_changes_as_they_happen_by_the_policy(connect: Connect, keys: Keys, shop: Workspace) -> None:
    with Session.open(shop.root) as session:
        session.track(TableRef("customers"), before=True)
        line = await connect(keys.create("k", ["eu"], claims={"region": "EU"}, scopes=("data:read",))[1])
        await line.hear()
        await line.subscribe(CHANGES, w=True)

        async def told() -> dict[str, Any]:
            heard = await line.hear()
            assert heard["type"] == "next", heard
            return heard["payload"]["data"]["told"]  # type: ignore[no-any-return]

        rows = [await told() for _ in range(3)]
        assert [(one["op"], one["key"], one["after"]["name"], one["position"]) for one in rows] == [
            ("r", {"id": id}, "n***", None) for id in (0, 2, 4)]
        assert all("card" not in one["after"] for one in rows)
        assert (await told())["kind"] == "snapshot"
        session.query("UPDATE customers SET name = 'other' WHERE id IN (1, 2)")
        session.query("UPDATE customers SET region = 'EU' WHERE id = 3")
        changed, came = await told(), await told()
        assert (changed["kind"], changed["op"], changed["table"], changed["key"], changed["__typename"]) == (
            "row", "u", "customers", {"id": 2}, "Change")
        assert changed["before"]["name"] == "n***"
        assert (came["op"], came["key"]) == ("c", {"id": 3}), "it comes into sight"
        await line.tell("complete", id="1")
        await line.subscribe(CHANGES, id="2", s=changed["position"])
        again = await line.hear()
        assert (again["id"], again["payload"]["data"]["told"]["key"]) == ("2", {"id": 3})


async def test_changes_that_may_not_be_followed(connect: Connect, keys: Keys) -> None:
    line = await connect()
    await line.hear()
    for text, code in (('subscription {changes(tables: ["nope"]) {op}}', "unknown_name"),
                       ('subscription {changes(since: "soon") {op}}', "usage"),
                       ("subscription {changes(snapshot: true) {op}}", "usage"),
                       ('subscription {changes(since: "99999") {kind}}', None)):
        await line.subscribe(text)
        payload = (await line.hear())["payload"]
        if code is None:
            assert payload == {"data": {"changes": {"kind": "reset"}}}
        else:
            assert payload["errors"][0]["extensions"]["code"] == code, text
            assert (await line.hear())["type"] == "complete"
    other = await connect(keys.create("k", ["eu"], claims={"region": "EU"}, scopes=("query:run",))[1])
    await other.hear()
    await other.subscribe("subscription {changes {op}}")
    assert (await other.hear())["type"] == "error", "its scopes don't reach so far"


async def test_who_follows_changes_with_a_key_that_is_revoked_is_told_no_more(
        connect: Connect, keys: Keys, shop: Workspace, jp_serverapp: Any) -> None:
    jp_serverapp.web_app.settings["pluto_duck"].heartbeat_s = 0.2
    with Session.open(shop.root) as session:
        session.track(TableRef("customers"), before=True)
    made, key = keys.create("k", ["eu"], claims={"region": "EU"}, scopes=("data:read",))
    line = await connect(key)
    await line.hear()
    await line.subscribe(CHANGES, s="0.0")
    with Session.open(shop.root) as session:
        session.query("UPDATE customers SET name = 'other' WHERE id = 2")
    assert (await line.hear())["type"] == "next", "it has begun"
    keys.revoke(made.id)
    heard = await line.hear()
    assert heard["payload"]["errors"][0]["extensions"]["code"] == "refused"
    assert (await line.hear())["type"] == "complete"
