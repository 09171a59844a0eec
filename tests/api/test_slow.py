"""Clients that take nothing, or next to nothing."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pluto_duck.api.protect_slow import watch
from pluto_duck.runs import RunContext

WIDE = "select range as id, repeat('x', 900) as text from range(60000)"


class Still:
    """A connection whose client takes what it is told to."""

    def __init__(self) -> None:
        self._total_write_done_index = 0
        self.closed = False

    def close(self) -> None:
        self.closed = True


async def test_only_a_client_that_takes_nothing_at_all_is_cut_off() -> None:
    loop = asyncio.get_running_loop()
    stream, written, told = Still(), loop.create_future(), []
    watch(stream, written, 0.01, lambda: told.append(True))
    for _ in range(20):  # each look finds a byte more
        before = loop.time()
        stream._total_write_done_index += 1
        while loop.time() < before + 0.005:
            await asyncio.sleep(0)
    assert not stream.closed
    async with asyncio.timeout(10):
        while not stream.closed:
            await asyncio.sleep(0.005)
    assert told == [True]


async def test_one_that_has_taken_all_is_left_alone() -> None:
    stream, written = Still(), asyncio.get_running_loop().create_future()
    watch(stream, written, 0.01, lambda: None)
    written.set_result(None)
    await asyncio.sleep(0.05)
    assert not stream.closed


@asynccontextmanager
async def asked(port: int, path: str, headers: dict[str, str]) -> AsyncIterator[socket.socket]:
    """A socket with next to no room, on which nobody reads."""
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.setblocking(False)
        await asyncio.get_running_loop().sock_connect(one, ("127.0.0.1", port))
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
        await asyncio.get_running_loop().sock_sendall(one, "\r\n".join(lines).encode())
        yield one


@pytest.mark.parametrize("accept", ["text/csv", "text/event-stream", "application/vnd.apache.arrow.stream",
                                    "application/json"])
async def test_a_client_that_reads_nothing_is_cut_off_and_holds_nothing(
        client: Any, jp_serverapp: Any, http_server_port: Any, jp_base_url: str, jp_auth_header: dict[str, str],
        accept: str) -> None:
    app = jp_serverapp.web_app.settings["pluto_duck"]
    run_id = await client.run(sql=WIDE, detach=True)
    assert (await client.done(run_id, limit=0))["status"] == "succeeded"
    app.protecting.client_timeout_s = 0.3
    place = await app.in_thread(app.places.get)
    path = f"{jp_base_url}api/v1/query/{run_id}" + ("?limit=10000" if accept == "application/json" else "")
    async with asked(http_server_port[1], path, {**jp_auth_header, "Accept": accept}):
        async with asyncio.timeout(30):
            while not app.drain.requests and accept != "application/json":
                await asyncio.sleep(0.01)
            while app.drain.requests or place.following:
                await asyncio.sleep(0.01)


async def test_a_run_nobody_takes_the_rows_of_is_stopped_and_says_why(
        client: Any, jp_serverapp: Any, http_server_port: Any, jp_base_url: str, jp_auth_header: dict[str, str]) -> None:
    app = jp_serverapp.web_app.settings["pluto_duck"]
    run_id = await client.run(sql="select range as id, repeat('x', 900) as text from range(100000000)", max_rows=1_000_000)
    app.protecting.client_timeout_s = 0.3
    async with asked(http_server_port[1], f"{jp_base_url}api/v1/query/{run_id}", {**jp_auth_header, "Accept": "text/csv"}):
        ended = await client.done(run_id, limit=0)
    assert ended["status"] == "cancelled"
    events = (await client("query", run_id, accept="text/event-stream", rows=0)).body.decode()
    said = [json.loads(line[6:])["content"] for line in events.splitlines() if '"type":"log"' in line]
    assert [one["text"] for one in said] == ["A client that followed it took nothing for 0.3 s and was cut off."]


@pytest.mark.parametrize("followers", [50, pytest.param(200, marks=pytest.mark.soak)])
async def test_many_follow_one_run_and_cost_no_thread(client: Any, jp_serverapp: Any, wire: Any, followers: int) -> None:
    hold = threading.Event()

    def work(run: RunContext) -> None:
        hold.wait(60)

    app = jp_serverapp.web_app.settings["pluto_duck"]
    place = await app.in_thread(app.places.get)
    run = await app.in_thread(place.runs.start, "sql", "held", work)
    threads = threading.active_count()
    streams = [await wire("query", run.run_id, headers={"Accept": "text/event-stream"}) for _ in range(followers)]
    for one in streams:
        await one.until(b'"running"')
    assert place.following[run.run_id] == followers
    assert threading.active_count() < threads + followers / 2, "they wait without one"
    assert (await client("tables")).code == 200
    hold.set()
    ends = await asyncio.gather(*(one.body() for one in streams))
    assert all(b'"succeeded"' in one for one in ends)
    assert not place.following
