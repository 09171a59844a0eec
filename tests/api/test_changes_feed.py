"""GET /api/v1/changes: as events, as JSON, for roles, for many, and across the end of a host."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pluto_duck.api.changes import handlers
from pluto_duck.session import Session, TableRef
from pluto_duck.workspace import Workspace
from tests.api.door import POLICY, Door, governed_again

Wire = Callable[..., Awaitable[Any]]
SSE = {"Accept": "text/event-stream"}


def shop(workspace: Workspace) -> None:
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE things (id INTEGER PRIMARY KEY, name VARCHAR); CREATE TABLE other (id INTEGER PRIMARY KEY)")
        session.track([TableRef("things"), TableRef("other")], before=True)


def write(workspace: Workspace, sql: str) -> None:
    with Session.open(workspace.root) as session:
        session.query(sql)


class Events:
    """The events of a stream as they come."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._rest = b""
        self._blocks: deque[bytes] = deque()

    async def block(self) -> str:
        while not self._blocks:
            piece = await asyncio.wait_for(self._stream.chunk(), 60)
            assert piece, "the stream has ended"
            *blocks, self._rest = (self._rest + piece).split(b"\n\n")  # once: a piece may have all of a table
            self._blocks += blocks
        return self._blocks.popleft().decode()

    async def next(self) -> dict[str, str]:
        """The next with data; what is a comment or an id alone is passed over."""
        while True:
            fields = dict(line.split(": ", 1) for line in (await self.block()).split("\n") if not line.startswith(":"))
            if "data" in fields:
                return fields


@pytest.fixture
def stream(wire: Wire) -> Callable[..., Awaitable[Events]]:
    async def open(query: str = "", **headers: str) -> Events:
        found = await wire(f"changes?{query}", headers={**SSE, **headers})
        assert found.status == 200
        events = Events(found)
        assert await events.block() == "retry: 3000"
        return events

    return open


async def test_events_have_the_position_as_their_id_and_the_cloud_event_as_data(
        stream: Any, workspace: Workspace, client: Any) -> None:
    shop(workspace)
    following = await stream("tables=things")
    await asyncio.to_thread(write, workspace, "INSERT INTO other VALUES (1)")
    await asyncio.to_thread(write, workspace, "INSERT INTO things VALUES (1, 'a\nb'), (2, NULL)")
    await asyncio.to_thread(write, workspace, "ALTER TABLE things ADD COLUMN more VARCHAR; DROP TABLE things")
    found = [await following.next() for _ in range(4)]
    assert [one["event"] for one in found] == ["change", "change", "schema", "drop"]
    events = [json.loads(one["data"]) for one in found]
    assert [one["id"] for one in found] == [f"{one['data']['source']['seq']}.{one['data']['source']['n']}" for one in events]
    assert events[0]["data"]["after"] == {"id": 1, "name": "a\nb"}
    assert events[1]["data"]["after"] == {"id": 2, "name": None}


async def test_who_comes_back_goes_on_behind_the_last_id_without_gap_or_double(
        stream: Any, workspace: Workspace) -> None:
    shop(workspace)
    write(workspace, "INSERT INTO things SELECT i, 'n' FROM range(5) t(i); INSERT INTO things VALUES (9, 'x')")
    first = await stream("since=0")
    got = [await first.next() for _ in range(3)]
    again = await stream("since=0", **{"Last-Event-ID": got[-1]["id"]})
    got += [await again.next() for _ in range(3)]
    assert [json.loads(one["data"])["data"]["after"]["id"] for one in got] == [0, 1, 2, 3, 4, 9]


async def test_json_waits_for_the_first_change_and_says_where_to_go_on(client: Any, workspace: Workspace) -> None:
    shop(workspace)
    start = json.loads((await client("changes")).body)
    assert (start["changes"], start["more"], start["workspace"]) == ([], False, workspace.name)
    waiting = asyncio.ensure_future(client("changes", since=start["next"], wait=60))
    await asyncio.to_thread(write, workspace, "INSERT INTO things SELECT i, 'n' FROM range(3) t(i)")
    found = json.loads((await waiting).body)
    assert [one["data"]["after"]["id"] for one in found["changes"]] == [0, 1, 2]
    part = json.loads((await client("changes", since=start["next"], limit=2)).body)
    assert (len(part["changes"]), part["next"], part["head"]) == (2, f"{found['head']}.2", found["head"])
    rest = json.loads((await client("changes", since=part["next"], limit=2)).body)
    assert rest["changes"] == found["changes"][2:]


@pytest.mark.parametrize(("query", "status"), [
    ("since=x", 400), ("tables=nothing", 404), ("tables=untracked", 400), ("limit=0", 400), ("wait=61", 400),
    ("format=csv", 400), ("snapshot=maybe", 400), ("snapshot=true", 400), ("tables=%22", 400)])
async def test_what_can_not_be_followed_is_a_problem(client: Any, workspace: Workspace, query: str, status: int) -> None:
    shop(workspace)
    write(workspace, "CREATE TABLE untracked (a INTEGER)")
    asked = dict(part.split("=", 1) for part in query.split("&"))
    answer = await client("changes", **{name: value.replace("%22", '"') for name, value in asked.items()})
    assert answer.code == status, answer.body
    assert json.loads(answer.body)["detail"]


async def test_history_that_is_gone_is_reset_for_events_and_410_for_json(
        stream: Any, client: Any, workspace: Workspace) -> None:
    shop(workspace)
    write(workspace, "INSERT INTO things VALUES (1, 'a')")
    with Session.open(workspace.root) as session:
        head = session.changes_head()
        with session.transaction():
            session.internal([f"INSERT INTO _pluto.change_trim VALUES ({head})"], writes=["_pluto.change_trim"])
    answer = await client("changes", since="0")
    assert (answer.code, json.loads(answer.body)["facts"]["head"]) == (410, head)
    following = await stream("since=0")
    told = await following.next()
    assert (told["event"], told["id"], json.loads(told["data"])["position"]) == ("reset", str(head), str(head))
    await asyncio.to_thread(write, workspace, "INSERT INTO things VALUES (2, 'b')")
    assert json.loads((await following.next())["data"])["data"]["after"]["id"] == 2


async def test_a_snapshot_comes_first_and_then_what_changes(stream: Any, workspace: Workspace) -> None:
    shop(workspace)
    write(workspace, "INSERT INTO things SELECT i, 'n' FROM range(3) t(i); INSERT INTO other VALUES (7)")
    following = await stream("tables=things,other&snapshot=true")
    rows = [await following.next() for _ in range(4)]
    assert [json.loads(one["data"])["data"]["op"] for one in rows] == ["r"] * 4
    assert not any("id" in one for one in rows)
    end = await following.next()
    assert end["event"] == "snapshot"
    await asyncio.to_thread(write, workspace, "DELETE FROM things WHERE id = 1")
    assert json.loads((await following.next())["data"])["data"]["op"] == "d"


async def test_a_hundred_followers_share_one_reading(
        stream: Any, workspace: Workspace, jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from pluto_duck.api.changes import feed

    shop(workspace)
    followers = [await stream("tables=things") for _ in range(100)]
    place = jp_serverapp.web_app.settings["pluto_duck"].places.get()
    assert len(place._feeds) == 1
    reads = []
    really = feed.read
    monkeypatch.setattr(feed, "read", lambda *args: (reads.append(args), really(*args))[1])
    await asyncio.to_thread(write, workspace, "INSERT INTO things SELECT i, 'n' FROM range(10) t(i)")
    for one in followers:
        assert [json.loads((await one.next())["data"])["data"]["after"]["id"] for _ in range(10)] == list(range(10))
    assert len(reads) < 10


async def test_who_is_slow_reads_by_itself_and_loses_nothing(
        stream: Any, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from pluto_duck.api.changes import feed

    monkeypatch.setattr(feed, "KEPT_BYTES", 1)  # one lot
    monkeypatch.setattr(feed, "LOT", 7)
    shop(workspace)
    slow, quick = await stream("tables=things"), await stream("tables=things")
    await asyncio.to_thread(write, workspace, "INSERT INTO things SELECT i, repeat('x', 20000) FROM range(300) t(i)")
    for one in (quick, slow):
        assert [json.loads((await one.next())["data"])["data"]["after"]["id"] for _ in range(300)] == list(range(300))


async def test_a_role_follows_what_its_policy_shows(door: Door, wire: Wire, workspace: Workspace) -> None:
    with Session.open(workspace.root) as session:
        session.query("ALTER TABLE orders ADD PRIMARY KEY (id)")
        session.track(TableRef("orders"), before=True)
        session.track(TableRef("other"), full_row=True)
    key = door.key()
    found = await wire("changes?since=0", headers={**SSE, "Authorization": f"Bearer {key}"})
    following = Events(found)
    await asyncio.to_thread(write, workspace, "INSERT INTO orders VALUES (10, 'a@b.c', 'c', 'US'); INSERT INTO other VALUES (5);"
                                              "UPDATE orders SET region = 'EU' WHERE id = 10")
    told = json.loads((await following.next())["data"])
    assert told["data"]["op"] == "c"
    assert set(told["data"]["after"]) == {"id", "email", "region"}
    assert told["data"]["after"]["email"] != "a@b.c"
    # From the next change on another policy counts, and the stream says so.
    await asyncio.to_thread(governed_again, workspace, POLICY.replace("hide: card", "hide: email"))
    await asyncio.to_thread(write, workspace, "UPDATE orders SET card = 'd' WHERE id = 10")
    assert (await following.next())["event"] == "reset"
    assert set(json.loads((await following.next())["data"])["data"]["after"]) == {"id", "card", "region"}
    assert (await door("changes?tables=other", key=key)).code == 404
    assert (await door("changes", key=door.key(name="narrow", scopes=("schema:read",)))).code == 403


async def test_a_key_that_is_revoked_reads_no_further(door: Door, wire: Wire, workspace: Workspace, jp_serverapp: Any) -> None:
    jp_serverapp.web_app.settings["pluto_duck"].heartbeat_s = 0.05
    with Session.open(workspace.root) as session:
        session.track(TableRef("other"), full_row=True)
    found = await wire("changes", headers={**SSE, "Authorization": f"Bearer {door.key()}"})
    following = Events(found)
    door.keys.revoke("dash")
    assert (await following.next())["event"] == "error"


async def test_a_key_that_is_revoked_reads_no_further_though_changes_never_pause(
        door: Door, wire: Wire, workspace: Workspace, jp_serverapp: Any) -> None:
    jp_serverapp.web_app.settings["pluto_duck"].heartbeat_s = 0.5
    with Session.open(workspace.root) as session:
        session.query("ALTER TABLE orders ADD PRIMARY KEY (id)")
        session.track(TableRef("orders"), before=True)
    found = await wire("changes", headers={**SSE, "Authorization": f"Bearer {door.key()}"})
    following, heard = Events(found), threading.Event()

    def busy() -> None:
        with Session.open(workspace.root) as session:
            while not heard.wait(0.02):
                session.query("INSERT INTO orders SELECT max(id) + 1, 'a@b.c', 'c', 'EU' FROM orders")

    writing = asyncio.create_task(asyncio.to_thread(busy))
    try:
        assert (await following.next())["event"] == "change"
        door.keys.revoke("dash")
        async with asyncio.timeout(60):
            while (await following.next())["event"] != "error":
                pass
    finally:
        heard.set()
        await writing


async def test_a_long_poll_of_a_key_that_was_revoked_meanwhile_tells_nothing(
        door: Door, workspace: Workspace, jp_serverapp: Any) -> None:
    with Session.open(workspace.root) as session:
        session.query("ALTER TABLE orders ADD PRIMARY KEY (id)")
        session.track(TableRef("orders"), before=True)
    waiting = asyncio.create_task(door("changes?wait=60", key=door.key()))
    place = jp_serverapp.web_app.settings["pluto_duck"].places.get()
    async with asyncio.timeout(60):
        while not place.feeds(jp_serverapp.web_app.settings["pluto_duck"]).bell._listeners:
            await asyncio.sleep(0.01)
    door.keys.revoke("dash")
    await asyncio.to_thread(write, workspace, "INSERT INTO orders VALUES (10, 'a@b.c', 'c', 'EU')")
    assert (await waiting).code == 401


async def test_a_key_that_is_revoked_gets_no_further_through_a_snapshot(
        door: Door, wire: Wire, workspace: Workspace, jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    jp_serverapp.web_app.settings["pluto_duck"].heartbeat_s = 0.0
    rendered, gone = handlers._rows_frames, list[Any]()

    def revoking(batch: Any) -> bytes:
        """The first rows are on their way by then."""
        if not gone:
            gone.extend(door.keys.revoke("dash"))
        return rendered(batch)

    monkeypatch.setattr(handlers, "_rows_frames", revoking)
    with Session.open(workspace.root) as session:
        session.query("INSERT INTO orders SELECT i, 'a@b.c', 'c', 'EU' FROM range(100, 100100) t(i)")
        session.query("ALTER TABLE orders ADD PRIMARY KEY (id)")
        session.track(TableRef("orders"), before=True)
    found = await wire("changes?tables=orders&snapshot=true",
                       headers={**SSE, "Authorization": f"Bearer {door.key()}"})
    following, rows = Events(found), 0
    async with asyncio.timeout(120):
        while (event := (await following.next())["event"]) == "change":
            rows += 1
    assert event == "error"
    assert 0 < rows < 100_000
