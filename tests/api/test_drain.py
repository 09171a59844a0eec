"""What a server that is told to stop lets end, and what it does not begin."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest

from pluto_duck.runs import RunContext


@pytest.fixture
def app(jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The server's own end is not part of these tests."""
    stopped: list[bool] = []
    monkeypatch.setattr(jp_serverapp, "stop", lambda *_, **__: stopped.append(True))
    app = jp_serverapp.web_app.settings["pluto_duck"]
    app.stopped = stopped
    return app


async def test_a_run_that_ends_in_time_ends_as_it_would_have(client: Any, app: Any) -> None:
    hold, begun = threading.Event(), threading.Event()

    def work(run: RunContext) -> dict[str, Any]:
        begun.set()
        hold.wait(30)
        return {"statement": "SELECT"}

    place = await app.in_thread(app.places.get)
    assert (await client("readyz")).code == 200
    run = await app.in_thread(place.runs.start, "sql", "held", work)
    assert await app.in_thread(begun.wait, 30)
    way_out = asyncio.ensure_future(app.drain.run(60.0))
    await asyncio.sleep(0)
    refused = await client("query", method="POST", body={"sql": "select 1"})
    assert (refused.code, refused.headers["Retry-After"]) == (503, "60")
    assert (await client("query", sql="select 1")).code == 503
    assert (await client("query")).code == 200, "what has run may be read"
    assert json.loads((await client("health")).body)["status"] == "draining"
    told = await client("readyz")
    assert (told.code, json.loads(told.body)) == (503, {"status": "draining"})
    assert app.stopped == []
    hold.set()
    await asyncio.wait_for(way_out, 30)
    assert app.stopped == [True]
    assert place.runs.get(run.run_id).status == "succeeded"


async def test_a_stream_of_another_process_s_run_ends_with_a_word(client: Any, app: Any, wire: Any) -> None:
    """Its own end would come from there."""
    from pluto_duck.runs import Runs
    from pluto_duck.session import Session

    place = await app.in_thread(app.places.get)
    session = await app.in_thread(Session.open, place.workspace.root)
    other, hold = Runs(session), threading.Event()
    run = other.start("sql", "held", lambda run: hold.wait(30) and None)
    stream = await wire("query", run.run_id, headers={"Accept": "text/event-stream"})
    await stream.until(b'"running"')
    await asyncio.wait_for(app.drain.run(0.0), 30)
    assert b": the server stops\nretry:" in await stream.body()
    assert other.get(run.run_id).status == "running"
    hold.set()
    await app.in_thread(other.close)
    await app.in_thread(session.close)


async def test_no_request_is_counted_for_longer_than_it_is_there(client: Any, app: Any, wire: Any) -> None:
    run_id = await client.run(sql="select 1")
    await client.done(run_id)
    for path in ("health", "query/x", "nothing", f"query/{run_id}"):
        await client(*path.split("/"))
    await client("query", method="POST", body="no json")
    stream = await wire("watch")
    await stream.until(b"status")
    assert app.drain.requests == 1
    stream.hang_up()
    async with asyncio.timeout(10):
        while app.drain.requests:
            await asyncio.sleep(0.01)
