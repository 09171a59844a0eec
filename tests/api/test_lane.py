"""Rows by key beside the handlers: the same answers, the same rules, the same record; else the handler's."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from jupyter_server.auth import Authorizer

from pluto_duck.api.lane.gate import Gate
from pluto_duck.api.lane.lane import ReadRow
from pluto_duck.governance.audit import recorder
from pluto_duck.governance.audit.searching import Filter, search
from pluto_duck.session import Session
from tests.api.door import Door, governed_again

POLICY = """
version: 1
roles:
  eu:
    grants:
      - {tables: items, actions: [read, insert], rows: region = $region, hide: card, masks: {email: partial}}
  none: {}
  few:
    limits: {reads: 4/minute}
    grants:
      - {tables: items, actions: read}
"""
ROW = {"id": 2, "email": "p***", "region": "EU", "amount": "3.00"}


@pytest.fixture
def items(door: Door) -> Door:
    governed_again(door.workspace, POLICY)
    with Session.open(door.workspace.root) as session:
        session.query("CREATE TABLE items (id INTEGER PRIMARY KEY, email VARCHAR, card VARCHAR, region VARCHAR, "
                      "amount DECIMAL(12, 2)); INSERT INTO items SELECT i, 'p' || i || '@x.example', 'c', "
                      "['EU', 'US'][1 + i % 2], i * 1.5 FROM range(20) t(i)")
    return door


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses of what was answered beside the handlers."""
    found: list[str] = []
    inner = ReadRow._send

    def counted(self: ReadRow, row: Any) -> None:
        found.append(self._request.path)
        inner(self, row)

    monkeypatch.setattr(ReadRow, "_send", counted)
    return found


async def known(door: Door, *roles: str, **options: Any) -> str:
    """A key that has been here a moment ago."""
    key = door.key(*roles, **options)
    for _ in range(2):  # the first one writes down when it was used, and so changes its record
        await door("tables/items/rows/0", key=key)
    return key


async def read(door: Door, key: str, id: object = 2, **headers: str) -> Any:
    return await door(f"tables/items/rows/{id}", key=key, **headers)


@pytest.mark.parametrize("jp_base_url", ["/", "/user/a%40b/"])
async def test_it_answers_as_the_handler_does(items: Door, taken: list[str]) -> None:
    key = await known(items)
    short = await read(items, key)
    assert len(taken) == 1
    long = await read(items, key, Cookie="a=b")
    assert len(taken) == 1, "a cookie is the handler's to look at"
    assert json.loads(short.body) == ROW
    for part in ("code", "reason", "body"):
        assert getattr(short, part) == getattr(long, part)
    names = [sorted(name for name, _value in one.headers.get_all()) for one in (short, long)]
    assert names[0] == names[1]
    assert {name: short.headers[name] for name in names[0] if name not in ("Date", "Ratelimit")} == {
        name: long.headers[name] for name in names[0] if name not in ("Date", "Ratelimit")}
    tag = short.headers["ETag"]
    for sent in (tag, f"W/{tag}", "*", f'"x", {tag}'):
        unchanged = await read(items, key, If_None_Match=sent)
        theirs = await read(items, key, If_None_Match=sent, Cookie="a=b")
        assert (unchanged.code, unchanged.body, theirs.code) == (304, b"", 304)
        assert sorted(unchanged.headers) == sorted(theirs.headers)
    assert len(taken) == 5
    assert (await read(items, key, If_None_Match='"x"')).code == 200


async def test_what_is_not_there_the_handler_tells(items: Door, taken: list[str]) -> None:
    key = await known(items)
    for id, code in ((3, 404), (99, 404), ("x", 400), ("1,2", 400), ("%FF", 400), ("2%00", 400)):
        found, theirs = await read(items, key, id), await read(items, key, id, Cookie="a=b")
        assert (found.code, theirs.code) == (code, code), id
        told, told_too = json.loads(found.body), json.loads(theirs.body)
        assert told.pop("request_id") != told_too.pop("request_id")
        assert told == told_too
    for path, code in (("tables/nothing/rows/2", 404), ("tables/a.b.c.d/rows/2", 400), ("tables/items/rows/2/3", 404),
                       ("tables/items/row/2", 404)):
        assert (await items(path, key=key)).code in (code, 404), path
    assert taken == []


async def test_a_key_that_ends_or_may_less_is_refused_at_once(items: Door, taken: list[str]) -> None:
    key, other = await known(items), await known(items, name="other")
    assert (await read(items, key)).code == 200
    items.keys.revoke("dash")
    assert (await read(items, key)).code == 401
    assert len(taken) == 1
    assert (await read(items, other)).code == 200
    governed_again(items.workspace, POLICY.replace("region = $region", "id > 4"))
    assert [(await read(items, other, id)).code for id in (2, 5)] == [404, 200]
    governed_again(items.workspace, POLICY.replace("masks: {email: partial}", "masks: {email: null}"))
    assert json.loads((await read(items, other)).body)["email"] is None
    governed_again(items.workspace, POLICY.replace("tables: items", "tables: others"))
    assert (await read(items, other)).code == 404


async def test_nobody_gets_in_by_it_who_would_not_by_the_handler(items: Door, taken: list[str]) -> None:
    key = await known(items)
    bare = await known(items, name="bare", scopes=("query:ask",))
    nothing = await known(items, "none", name="nothing")
    assert (await read(items, bare)).code == 403
    assert (await read(items, nothing)).code == 404
    assert (await read(items, key, Origin="https://evil.example")).code == (await read(
        items, key, Origin="https://evil.example", Cookie="a=b")).code
    assert (await read(items, key, Host="evil.example")).code == 403
    for odd in (key[:-1], key + "x", key.upper(), key.replace("_", "-"), f"{key},{key}", f"{key} {key}"):
        assert (await read(items, odd)).code == 401, odd
    assert taken == []
    for text in (f"Token {key}", f"bearer {key}"):
        assert (await items("tables/items/rows/2", Authorization=text)).code == 200
    assert len(taken) == 2
    for text in (f"Basic {key}", key):
        assert (await items("tables/items/rows/2", Authorization=text)).code == 401
    for query in ("workspace=other", f"access_token={key}", "select=card"):
        assert (await items(f"tables/items/rows/2?{query}", key=key)).code in (400, 404), query
    assert json.loads((await items("tables/items/rows/2?select=id", key=key)).body) == {"id": 2}
    assert len(taken) == 2


async def test_requests_count_once(items: Door, taken: list[str]) -> None:
    key = items.key("few")
    found = [await read(items, key, id) for id in (1, 2, 3, 99, 4, 5)]
    assert [one.code for one in found] == [200, 200, 200, 404, 429, 429]
    assert len(taken) == 1, "the first two were new, the fourth the handler's"
    assert [one.headers["RateLimit"].partition(";t")[0] for one in found] == [
        '"reads";r=3', '"reads";r=2', '"reads";r=1', '"reads";r=0', '"reads";r=0', '"reads";r=0']


async def test_an_authorizer_of_the_servers_own_ends_it(items: Door, jp_serverapp: Any, taken: list[str],
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    class No(Authorizer):
        def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
            return resource != "pluto_duck"

    key = await known(items)
    assert (await read(items, key)).code == 200
    assert len(taken) == 1
    monkeypatch.setattr(jp_serverapp, "authorizer", No(parent=jp_serverapp))
    assert not Gate(app_of(jp_serverapp)).is_open
    monkeypatch.undo()
    assert Gate(app_of(jp_serverapp)).is_open
    monkeypatch.setitem(jp_serverapp.web_app.settings, "log_function", print)
    assert not Gate(app_of(jp_serverapp)).is_open


def app_of(server: Any) -> Any:
    return server.web_app.settings["pluto_duck"]


async def test_it_leaves_the_record_that_the_handler_leaves(items: Door, taken: list[str]) -> None:
    key = await known(items)
    await read(items, key, traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", User_Agent="probe")
    await read(items, key, traceparent="00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203331-01", User_Agent="probe",
               Cookie="a=b")
    assert len(taken) == 1
    keeper = recorder(items.workspace)
    await asyncio.to_thread(keeper.flush)
    [short], [long] = ([row.entry for row in search(keeper.chain, Filter(trace=f"0af7651916cd43dd8448eb211c8031{end}"))]
                       for end in ("9c", "9d"))
    for part in ("action", "who", "via", "on", "decision", "rule", "status", "rows", "address", "agent", "detail", "sql"):
        assert getattr(short, part) == getattr(long, part), part
    assert short.on == ("main.items",)
    assert short.rows == 1


async def test_many_at_once_get_each_its_own(items: Door, taken: list[str]) -> None:
    eu, us = await known(items), await known(items, name="us", claims={"region": "US"})
    both = [(key, id) for id in range(20) for key in (eu, us)]
    answers = await asyncio.gather(*(read(items, key, id) for key, id in both))
    for (key, id), answer in zip(both, answers, strict=True):
        seen = (id % 2 == 0) == (key == eu)
        assert answer.code == (200 if seen else 404)
        assert not seen or json.loads(answer.body)["id"] == id
    assert len(taken) > 1


async def test_a_client_that_goes_away_harms_nobody(items: Door, http_server_port: Any, jp_base_url: str, jp_serverapp: Any) -> None:
    key = await known(items)
    head = (f"GET {jp_base_url}api/v1/tables/items/rows/2 HTTP/1.1\r\nHost: 127.0.0.1:{http_server_port[1]}\r\n"
            f"Authorization: Bearer {key}\r\n\r\n").encode()
    for _ in range(5):
        _reader, writer = await asyncio.open_connection("127.0.0.1", http_server_port[1])
        writer.write(head * 2)
        await writer.drain()
        writer.transport.abort()
    reader, writer = await asyncio.open_connection("127.0.0.1", http_server_port[1])
    writer.write(head * 3)
    for _ in range(3):
        top = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert top.startswith("HTTP/1.1 200 OK\r\n")
        size = next(int(line.partition(":")[2]) for line in top.splitlines() if line.startswith("Content-Length"))
        assert json.loads(await reader.readexactly(size)) == ROW
    writer.close()
    while app_of(jp_serverapp).drain.requests:
        await asyncio.sleep(0.01)


