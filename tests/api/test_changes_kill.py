"""Who follows changes loses none and gets none twice when the server that it followed is killed."""

from __future__ import annotations

import json
import os
import signal
import threading
import urllib.request
from pathlib import Path

from pluto_duck.session import Session, TableRef
from pluto_duck.workspace import Workspace
from tests.serving import TOKEN, Served, serving


def follow(served: Served, last: str, count: int) -> tuple[list[int], str]:
    """The ids of so many rows that came, and the id of the last event; fewer where the connection ends."""
    request = urllib.request.Request(f"{served.base}/changes?tables=things&since=0", headers={
        "Accept": "text/event-stream", "Authorization": f"token {TOKEN}", **({"Last-Event-ID": last} if last else {})})
    found: list[int] = []
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            id = ""
            for line in answer:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name == "id":
                    id = value
                elif name == "data":
                    last = id
                    found.append(json.loads(value)["data"]["after"]["id"])
                    if len(found) == count:
                        break
    except OSError:
        pass
    return found, last


def test_a_follower_goes_on_where_it_was_when_server_and_host_are_killed(workspace: Workspace, tmp_path: Path) -> None:
    stop, written = threading.Event(), 0
    with serving(tmp_path, "", workspace=workspace) as first:
        # Its first question makes the server the host; the writer is its guest, and takes over when it is gone.
        urllib.request.urlopen(urllib.request.Request(
            f"{first.base}/tables", headers={"Authorization": f"token {TOKEN}"}), timeout=60).close()
        writer = Session.open(workspace.root)
        assert writer.hosting == "guest"
        writer.query("CREATE TABLE things (id INTEGER PRIMARY KEY)")
        writer.track(TableRef("things"))

        def write() -> None:
            nonlocal written
            while not stop.is_set():
                writer.query(f"INSERT INTO things VALUES ({written})")
                written += 1

        thread = threading.Thread(target=write)
        thread.start()
        got, last = follow(first, "", 20)
        os.kill(first.process.pid, signal.SIGKILL)
        first.process.wait()
    with serving(tmp_path, "", workspace=workspace) as second:
        more, last = follow(second, last, 20)
        stop.set()
        thread.join()
        rest, last = follow(second, last, written - len(got) - len(more))
    assert got + more + rest == list(range(written))
    assert (len(got), len(more)) == (20, 20)
    writer.close()
