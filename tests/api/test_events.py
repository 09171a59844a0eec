"""A run as server-sent events: frames, resuming, following, hanging up."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pytest

from pluto_duck.errors import StatementError
from pluto_duck.runs import Column, RunContext

SSE = "text/event-stream"
GOLDEN = Path(__file__).parent / "golden"
ENDLESS = "select count(*) from range(100000000000) a(x), range(1000) b(y) where hash(x * y) = 1"


def frames(body: bytes) -> list[tuple[str, dict[str, Any]]]:
    """(id, data) of each event."""
    found = []
    for block in body.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and line[0] != ":")
        if "data" in fields:
            found.append((fields["id"], json.loads(fields["data"])))
    return found


def rows(body: bytes) -> list[Any]:
    return [row for _id, data in frames(body) if data["type"] == "rows" for row in data["content"].get("rows", [])]


async def test_the_frames_of_a_run_read_like_this(client: Any) -> None:
    run_id = await client.run(sql="select * from (values (42, 'x'), (43, null)) as t (answer, x)")
    await client.done(run_id)
    answer = await client("query", run_id, accept=SSE)
    assert answer.headers["Content-Type"] == SSE
    text = answer.body.decode().replace(run_id, "RUN")
    text = re.sub(r'"at":"[^"]+"', '"at":"TIME"', re.sub(r'"elapsed_s":[\d.e-]+', '"elapsed_s":SECONDS', text))
    text = re.sub(r'"size":\d+', '"size":BYTES', text)
    assert text == (GOLDEN / "events.txt").read_text(encoding="utf-8")


async def test_a_stream_started_with_the_run_ends_with_its_last_event(client: Any, wire: Any) -> None:
    run_id = await client.run(sql="select range as i from range(70000)")
    stream = await wire("query", run_id, headers={"Accept": SSE})
    body = await stream.body()
    assert rows(body) == [[i] for i in range(70_000)]
    assert frames(body)[-1][1]["type"] == "run"
    assert frames(body)[-1][1]["subtype"] == "end"


async def test_coming_back_with_the_last_id_gets_every_row_once(client: Any) -> None:
    run_id = await client.run(sql="select range as i from range(9000)")
    await client.done(run_id)
    whole = frames((await client("query", run_id, accept=SSE)).body)
    assert any("." in one[0] for one in whole)  # a batch came in several pieces
    for stop_after in range(1, len(whole)):
        got = whole[:stop_after]
        rest = frames((await client("query", run_id, accept=SSE, headers={"Last-Event-ID": got[-1][0]})).body)
        assert [one[0] for one in got + rest] == [one[0] for one in whole]
        seen = [row for _id, data in got + rest if data["type"] == "rows" for row in data["content"].get("rows", [])]
        assert seen == [[i] for i in range(9000)]


async def test_who_has_seen_the_end_is_told_to_stop_coming_back(client: Any) -> None:
    run_id = await client.run(sql="select 1")
    await client.done(run_id)
    last = frames((await client("query", run_id, accept=SSE)).body)[-1][0]
    assert (await client("query", run_id, accept=SSE, headers={"Last-Event-ID": last})).code == 204


@pytest.mark.parametrize("last", ["x7", "\u00b2", "1.\u00b2", "9" * 30, "9" * 5000, "-1", "1.", "1.2.3"])
async def test_an_id_that_is_none_of_ours_is_refused(client: Any, last: str) -> None:
    answer = await client("query", await client.run(sql="select 1"), accept=SSE, after=last)
    assert answer.code == 400


async def test_two_followers_of_a_running_run_see_the_same(client: Any, wire: Any) -> None:
    run_id = await client.run(sql="select range as i from range(200000)")
    one, two = await wire("query", run_id, headers={"Accept": SSE}), await wire("query", run_id, headers={"Accept": SSE})
    first, second = await asyncio.gather(one.body(), two.body())
    assert frames(first) == frames(second)


async def test_a_cancel_ends_the_stream_with_its_reason(client: Any, wire: Any) -> None:
    run_id = await client.run(sql=ENDLESS)
    stream = await wire("query", run_id, headers={"Accept": SSE})
    await stream.until(b'"status":"running"')
    await client("query", run_id, method="DELETE")
    last = frames(await stream.body())[-1][1]
    assert (last["subtype"], last["content"]["status"]) == ("error", "cancelled")


class TestSilence:
    @pytest.fixture
    def jp_server_config(self, jp_server_config: dict[str, Any]) -> dict[str, Any]:
        jp_server_config["PlutoDuckApp"]["heartbeat_s"] = 0.05
        return jp_server_config

    async def test_a_silent_stream_sends_comments(self, client: Any, wire: Any) -> None:
        run_id = await client.run(sql=ENDLESS)
        stream = await wire("query", run_id, headers={"Accept": SSE})
        assert (await stream.until(b": still here")).startswith(b"retry: 3000\n\n")
        await stream.until(b": still here")


async def test_hanging_up_on_the_events_of_a_running_run_cancels_it(client: Any, wire: Any) -> None:
    run_id = await client.run(sql=ENDLESS)
    stream = await wire("query", run_id, headers={"Accept": SSE})
    await stream.until(b'"status":"running"')
    stream.hang_up()
    assert (await client.done(run_id))["status"] == "cancelled"


class HalfWay:
    """A run that keeps one batch of rows and then goes on until it is told to stop or to fail."""

    def __init__(self, place: Any) -> None:
        self.fails = threading.Event()
        self.run_id = place.runs.start("sql", "half way", self._work).run_id
        place.attached.add(self.run_id)

    def _work(self, run: RunContext) -> None:
        batch = pyarrow.record_batch({"i": pyarrow.array([1, 2], pyarrow.int32())})

        def batches() -> Iterator[pyarrow.RecordBatch]:
            yield batch
            while not self.fails.wait(0.01):
                run.check()
            raise StatementError("midway")

        run.write_batches([Column("i", "INTEGER")], batch.schema, batches())


@pytest.fixture
def half_way(jp_serverapp: Any) -> HalfWay:
    return HalfWay(jp_serverapp.web_app.settings["pluto_duck"].places.get())


DOWNLOADS = ["text/csv", "application/vnd.apache.parquet", "application/vnd.apache.arrow.stream"]


@pytest.mark.parametrize("accept", DOWNLOADS)
async def test_hanging_up_on_a_download_cancels_the_run(client: Any, wire: Any, half_way: HalfWay, accept: str) -> None:
    stream = await wire("query", half_way.run_id, headers={"Accept": accept})
    assert await stream.chunk()  # the first rows are on their way while the run goes on
    stream.hang_up()
    assert (await client.done(half_way.run_id))["status"] == "cancelled"


@pytest.mark.parametrize("accept", DOWNLOADS)
async def test_a_download_of_a_run_that_fails_midway_breaks_off(wire: Any, half_way: HalfWay, accept: str) -> None:
    stream = await wire("query", half_way.run_id, headers={"Accept": accept})
    assert await stream.chunk()
    half_way.fails.set()
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await stream.body()


async def test_hanging_up_on_a_detached_run_lets_it_go_on(client: Any, wire: Any, jp_serverapp: Any) -> None:
    run_id = await client.run(sql=ENDLESS, detach=True)
    stream = await wire("query", run_id, headers={"Accept": SSE})
    await stream.until(b'"status":"running"')
    stream.hang_up()
    place = jp_serverapp.web_app.settings["pluto_duck"].places.get()
    while place.following:
        await asyncio.sleep(0)
    follower = await wire("query", run_id, headers={"Accept": SSE})  # the server has answered since
    await follower.until(b'"status":"running"')
    assert json.loads((await client("query", run_id)).body)["status"] == "running"
    await client("query", run_id, method="DELETE")


async def test_hanging_up_as_one_of_two_cancels_nothing(client: Any, wire: Any, jp_serverapp: Any) -> None:
    run_id = await client.run(sql=ENDLESS)
    one, two = await wire("query", run_id, headers={"Accept": SSE}), await wire("query", run_id, headers={"Accept": SSE})
    for stream in (one, two):
        await stream.until(b'"status":"running"')
    place = jp_serverapp.web_app.settings["pluto_duck"].places.get()
    one.hang_up()
    while place.following[run_id] > 1:
        await asyncio.sleep(0)
    assert json.loads((await client("query", run_id)).body)["status"] == "running"
    two.hang_up()
    assert (await client.done(run_id))["status"] == "cancelled"
