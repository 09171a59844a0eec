"""Who asks too much is told so, when to come again, and nobody else notices."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from pluto_duck.api.handler import PlutoHandler
from pluto_duck.api.identity import Caller
from pluto_duck.api.protect import Protection
from pluto_duck.api.protect_windows import Windows
from pluto_duck.errors import SettingError
from pluto_duck.governance import Actor, trust
from pluto_duck.governance.keys import Keys
from pluto_duck.governance.policy.file import FILE, wanted
from pluto_duck.governance.policy.reading import PolicyError, read
from pluto_duck.governance.rates import Rate
from pluto_duck.session import Session
from pluto_duck.workspace import ControlStore, Workspace
from tests.api.test_identity import Door, body, outcome

POLICY = """
version: 1
roles:
  plain:
    grants: [{tables: "*", actions: [read, ask]}]
  slow:
    limits: {reads: 3/minute, runs: 2/minute, rows: 10/hour, seconds: 5/minute, max_rows: 4, timeout_s: 7}
    grants: [{tables: "*", actions: [read, ask]}]
  small:
    limits: {max_mb: 0.01, running: 1, waiting: 2, streams: 2}
    grants: [{tables: "*", actions: [read, ask]}]
"""


class Clock:
    def __init__(self) -> None:
        self.now = 6_000_000.0  # at the beginning of a window

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door(workspace: Workspace, http_server_client: Any, jp_base_url: str, jp_serverapp: Any, clock: Clock,
         monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    (workspace.root / FILE).write_text(POLICY, encoding="utf-8")
    trust.grant(workspace, FILE, wanted(read(POLICY)[1]))
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE orders AS SELECT i AS id, 'x' || i AS name FROM range(100000) t(i)")
    for limit in ("READS", "WRITES", "RUNS"):
        monkeypatch.delenv(f"PLUTODUCK_LIMITS__{limit}")
    monkeypatch.setenv("PLUTODUCK_LIMITS__REFUSED", "5/minute")
    app = jp_serverapp.web_app.settings["pluto_duck"]
    made = app._protect()
    app._protection = Protection(made.settings, app.places, clock)
    keys = Keys(ControlStore(workspace.control), workspace)
    yield Door(http_server_client.fetch, jp_base_url, keys)
    keys.close()


async def test_each_answer_says_how_much_is_left_and_the_one_too_many_when_to_come_again(door: Door, clock: Clock) -> None:
    key = door.key("slow")
    answers = [await door("tables", key=key) for _ in range(4)]
    assert [one.code for one in answers] == [200, 200, 200, 429]
    assert answers[0].headers["RateLimit-Policy"] == '"reads";q=3;w=60, "rows";q=10;w=3600, "seconds";q=5;w=60'
    assert [one.headers["RateLimit"] for one in answers[:3]] == ['"reads";r=2;t=60', '"reads";r=1;t=60', '"reads";r=0;t=60']
    told = body(answers[3])
    wait_s = int(answers[3].headers["Retry-After"])
    assert (told["facts"]["limit"], told["facts"]["retry_after_s"], told["status"]) == ("reads", wait_s, 429)
    assert answers[3].headers["RateLimit"] == f'"reads";r=0;t={wait_s}'
    clock.now += wait_s - 1
    assert (await door("tables", key=key)).code == 429, "not a second too early"
    clock.now += 1
    assert (await door("tables", key=key)).code == 200, "what Retry-After says is true"


async def test_one_who_is_limited_stops_nobody_else(door: Door, jp_serverapp: Any) -> None:
    slow, other, plain = door.key("slow"), door.key("slow", name="other"), door.key("plain", name="plain")
    for _ in range(4):
        last = await door("tables", key=slow)
    assert last.code == 429
    assert (await door("query/x", key=slow)).code == 429, "another address of the same kind"
    assert (await door("query", "POST", slow, {"sql": "select 1"})).code == 202, "what runs is counted apart"
    for key in (other, plain):
        assert (await door("tables", key=key)).code == 200
    owner = {"Authorization": f"token {jp_serverapp.identity_provider.token}"}
    answer = await door("tables", **owner)
    assert answer.code == 200
    assert "RateLimit" not in answer.headers, "the owner is not counted"


async def test_a_key_that_was_rotated_goes_on_where_the_old_one_was(door: Door) -> None:
    key = door.key("slow")
    for _ in range(3):
        await door("tables", key=key)
    _new, second = door.keys.rotate("dash", overlap_s=100)
    assert (await door("tables", key=second)).code == 429


async def test_of_several_roles_the_most_counts(door: Door) -> None:
    key = door.key("slow", "plain")
    answer = await door("tables", key=key)
    assert answer.headers["RateLimit-Policy"].startswith('"reads";q=6000;w=60')


async def test_rows_are_counted_afterwards_and_stop_the_next_request(door: Door, clock: Clock) -> None:
    key = door.key("slow")
    for _ in range(2):
        found = await outcome(door, key, sql="select id from orders limit 4")
        assert len(found["rows"]) == 4
    clock.now += 120
    found = await outcome(door, key, sql="select id from orders limit 4")
    assert len(found["rows"]) == 4, "what passes the limit is still given"
    answer = await door("query", "POST", key, {"sql": "select 1"})
    assert (answer.code, body(answer)["facts"]["limit"]) == (429, "rows")
    again = await door(f"query/{found['run_id']}", key=key)
    assert (again.code, len(body(again)["rows"])) == (200, 4), "whoever asks late gets it, too"
    assert (await door("tables", key=key)).code == 429
    clock.now += int(answer.headers["Retry-After"])
    assert (await door("query", "POST", key, {"sql": "select 1"})).code == 202


async def test_seconds_of_work_are_counted_also_of_a_run_that_fails(door: Door, clock: Clock, jp_serverapp: Any) -> None:
    key = door.key("slow")
    assert (await outcome(door, key, sql="select error('no') from orders"))["status"] == "failed"
    protection = jp_serverapp.web_app.settings["pluto_duck"].protecting
    spent = {one: count for one, (_, _, count) in protection._actors._storage.entries.items() if "seconds" in one}
    assert len(spent) == 1
    assert next(iter(spent.values())) > 0


async def test_a_result_has_no_more_rows_or_bytes_than_its_reader_may_have(door: Door) -> None:
    slow, small = door.key("slow"), door.key("small", name="small")
    found = await outcome(door, slow, sql="select id from orders")
    assert (found["row_count"], found["truncated"], found["truncated_by"]) == (4, True, "rows")
    asked = await door("query", "POST", slow, {"sql": "select 1", "max_rows": 5})
    assert asked.code == 400
    assert body(asked)["hint"] == "The setting limits.max_rows is the limit."
    asked = await door("query", "POST", slow, {"sql": "select 1", "timeout_s": 8})
    assert asked.code in (400, 429)
    found = await outcome(door, small, sql="select id, name from orders")
    assert found["truncated"] is True
    assert found["truncated_by"] == "bytes"
    assert 0 < found["row_count"] < 100_000


ENDLESS = "select count(*) from orders a, orders b, orders c where hash(a.id * b.id + c.id) = 1"


async def test_one_s_runs_wait_for_each_other_and_one_too_many_is_told_to_come_again(door: Door, jp_serverapp: Any) -> None:
    small, plain = door.key("small"), door.key("plain", name="plain")
    started = [await door("query", "POST", small, {"sql": ENDLESS, "detach": True}) for _ in range(4)]
    assert [one.code for one in started] in ([202, 202, 202, 429], [202, 202, 429, 429])
    refused = started[-1]
    assert body(refused)["code"] == "queue_full"
    assert refused.headers["Retry-After"] == str(body(refused)["facts"]["retry_after_s"])
    second = body(started[1])["run_id"]
    seen = body(await door(f"query/{second}", key=small))
    assert (seen["status"], seen["position"]) == ("queued", 0)
    assert (await outcome(door, plain, sql="select 1"))["rows"] == [[1]], "somebody else's did not wait"
    owner = {"Authorization": f"token {jp_serverapp.identity_provider.token}"}
    told = body(await door("status", **owner))["server"]
    assert {"running": 1, "waiting": 2}.items() <= next(
        one for one in told["runs"]["actors"] if one["actor"].startswith("key:")).items()
    for one in started:
        if one.code == 202:
            await door(f"query/{body(one)['run_id']}", "DELETE", small)


async def test_streams_of_one_are_counted(door: Door, http_server_port: Any, jp_base_url: str,
                                          jp_serverapp: Any) -> None:
    small = door.key("small")
    run_id = body(await door("query", "POST", small, {"sql": ENDLESS, "detach": True}))["run_id"]
    opened = []
    for _ in range(2):
        reader, writer = await asyncio.open_connection("127.0.0.1", http_server_port[1])
        writer.write(f"GET {jp_base_url}api/v1/query/{run_id} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
                     f"Authorization: Bearer {small}\r\n\r\n".encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        opened.append(writer)
    refused = await door(f"query/{run_id}", key=small, Accept="text/event-stream")
    assert (refused.code, body(refused)["facts"]["limit"]) == (429, "streams")
    waited = await door(f"query/{run_id}?wait=5", key=small)
    assert (waited.code, body(waited)["facts"]["limit"]) == (429, "streams"), "one that waits is held open, too"
    assert (await door(f"query/{run_id}", key=small)).code == 200
    opened[0].transport.abort()
    async with asyncio.timeout(10):
        while jp_serverapp.web_app.settings["pluto_duck"].protecting.standing()["streams"] != 1:
            await asyncio.sleep(0.01)
    await door(f"query/{run_id}", "DELETE", small)
    opened[1].transport.abort()


async def test_keys_can_not_be_guessed_and_guessing_locks_nobody_out(door: Door, clock: Clock, jp_serverapp: Any) -> None:
    good, unused = door.key("plain"), door.key("plain", name="unused")
    assert (await door("tables", key=good)).code == 200
    guesses = [(await door("tables", key=good[:-20] + f"{i:020}")) for i in range(7)]
    assert [one.code for one in guesses] == [401] * 5 + [429] * 2
    assert body(guesses[-1])["facts"]["limit"] == "refused"
    assert (await door("tables", key=good)).code == 200, "it was good just before"
    assert (await door("tables", key=unused)).code == 429, "a key is not even looked at"
    nobody = await door("tables")
    assert nobody.code == 429, nobody.body
    owner = {"Authorization": f"token {jp_serverapp.identity_provider.token}"}
    assert (await door("tables", **owner)).code == 200
    clock.now += max(int(guesses[-1].headers["Retry-After"]), 60)
    assert (await door("tables", key=unused)).code == 200


async def test_a_refused_post_keeps_its_connection(door: Door, http_server_port: Any, jp_base_url: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", http_server_port[1])
    sent = json.dumps({"sql": "select 1"}).encode()
    head = (f"POST {jp_base_url}api/v1/query HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer pdk_no\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n").encode()
    for _ in range(2):
        writer.write(head)
        await writer.drain()
        writer.write(sent)
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 401")
        length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
    writer.close()


def test_what_retry_after_says_is_neither_too_early_nor_late() -> None:
    clock = Clock()
    for text in ("3/minute", "1/second", "7/10 seconds", "100/hour"):
        rate = Rate.parse(text)
        assert rate is not None
        for offset in (0.0, 0.3, 0.99):
            windows = Windows(clock)
            clock.now = 7_200_000 + offset * rate.window_s
            while windows.hit(rate, "a").allowed:
                pass
            wait_s = windows.look(rate, "a").retry_s
            assert 1 <= wait_s <= 2 * rate.window_s
            clock.now += wait_s
            assert windows.hit(rate, "a").allowed, f"{text} at {offset}: after {wait_s} s"


def test_a_debt_is_paid_by_time_alone() -> None:
    clock = Clock()
    windows, rate = Windows(clock), Rate(10, 60)
    windows.debit(rate, "a", cost=10_000)
    found = windows.look(rate, "a")
    assert not found.allowed
    clock.now += found.retry_s - 1
    assert not windows.look(rate, "a").allowed
    clock.now += 1
    assert windows.look(rate, "a").allowed


def test_a_hundred_thousand_addresses_take_no_more_room_than_the_most() -> None:
    clock = Clock()
    windows, rate = Windows(clock, most=1_000), Rate(2, 60)
    for number in range(100_000):
        windows.hit(rate, f"address {number}")
    assert len(windows) == 1_000
    for _ in range(3):
        last = windows.hit(rate, "address 99999")
    assert not last.allowed, "whoever came last is still counted"


@pytest.mark.parametrize("text", ["600", "0/minute", "x/minute", "1/0 seconds", "1/fortnight", "-1/minute"])
def test_what_is_no_rate_is_said_at_once(text: str) -> None:
    with pytest.raises(SettingError, match="is no rate"):
        Rate.parse(text)
    with pytest.raises(PolicyError, match=r"line 4.*is no rate"):
        read(f'version: 1\nroles:\n  a:\n    limits: {{reads: "{text}"}}\n    grants: []\n')


def test_a_rate_is_written_as_it_is_read() -> None:
    for text in ("600/minute", "5/10 seconds", "1/2 hours", "3/day"):
        assert str(Rate.parse(text)) == text
    assert Rate.parse("5 per 10 Seconds") == Rate(5, 10)
    assert Rate.parse("unlimited") is None


async def test_the_owner_may_be_limited_too(door: Door, jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setenv("PLUTODUCK_LIMITS__OWNER", "2/minute")
    app = jp_serverapp.web_app.settings["pluto_duck"]
    app._protection = Protection(app._protect().settings, app.places, clock)
    owner = {"Authorization": f"token {jp_serverapp.identity_provider.token}"}
    codes = [(await door("health", **owner)).code for _ in range(3)]
    assert codes == [200, 200, 429]


async def test_one_that_holds_its_threads_leaves_some_for_others(door: Door, jp_serverapp: Any) -> None:
    from pluto_duck.api.app import THREADS

    app = jp_serverapp.web_app.settings["pluto_duck"]
    hold, at_work = threading.Event(), []

    def long() -> None:
        at_work.append(1)
        hold.wait(30)

    def handler(name: str) -> Any:
        return SimpleNamespace(app=app, caller=Caller(Actor("key", name, ()), frozenset(), "x"))

    many = [asyncio.ensure_future(PlutoHandler.in_thread(handler("greedy"), long)) for _ in range(3 * THREADS)]
    async with asyncio.timeout(20):
        assert await PlutoHandler.in_thread(handler("modest"), lambda: 42) == 42
        assert (await door("tables", key=door.key("plain"))).code == 200
        while len(at_work) < 4:
            await asyncio.sleep(0.01)
    assert len(at_work) == 4
    for one in many[20:]:
        one.cancel()
    hold.set()
    await asyncio.gather(*many, return_exceptions=True)
    assert len(at_work) == 20
    assert len(app.protecting.turns) == 0


@pytest.mark.bench
async def test_the_cost_of_a_limit(door: Door, jp_serverapp: Any) -> None:
    key = door.key("plain")
    assert (await door("tables", key=key)).code == 200
    protection = jp_serverapp.web_app.settings["pluto_duck"].protecting
    (workspace, roles), = protection._allowances
    caller = Caller(Actor("key", "dash", roles, {}, "key:x"), frozenset(), workspace)
    best = float("inf")
    for _ in range(50):
        started = time.perf_counter()
        for _ in range(100):
            protection.before("127.0.0.1", key)
            protection.accepted(key)
            allowance = protection.allowance(caller) or protection.learn(caller)
            protection.admit(caller, allowance, "reads")
        best = min(best, time.perf_counter() - started)
    print(f"{best / 100 * 1e6:.1f} us")
