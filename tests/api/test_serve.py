"""A real server in a process of its own, asked by a real HTTP client."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pluto_duck.runs import Runs
from pluto_duck.workspace import ControlStore, Workspace

TOKEN = "a-token-of-the-test"
PLUTO_DUCK = Path(sys.executable).parent / "pluto-duck"
ENDLESS = "select count(*) from range(100000000000) a(x), range(1000) b(y) where hash(x * y) = 1"


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def served(workspace: Workspace, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    port = _free_port()
    environ = {**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path / "config"), "JUPYTER_NO_CONFIG": "1",
               "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"), "JUPYTER_DATA_DIR": str(tmp_path / "data"),
               "JUPYTER_TOKEN": TOKEN, "PLUTODUCK_SERVER__DRAIN_S": "1", "PLUTODUCK_SERVER__IDLE_S": "2"}
    with open(tmp_path / "server.log", "wb") as log:
        process = subprocess.Popen([PLUTO_DUCK, "serve", f"--port={port}"], cwd=workspace.root, env=environ,
                                   stderr=log, stdout=log)
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=60, verify=False,
                          headers={"Authorization": f"token {TOKEN}"})
    try:
        _until_there(process, client, tmp_path / "server.log")
        yield process, client
    finally:
        client.close()
        if process.poll() is None:
            process.kill()
        process.wait()


def _until_there(process: subprocess.Popen[bytes], client: httpx.Client, log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            client.get("/health")
            return
        except httpx.TransportError:
            time.sleep(0.05)
    pytest.fail(log.read_text(encoding="utf-8", errors="replace"))


def test_a_served_workspace_answers_and_leaves_tidily(
        served: tuple[subprocess.Popen[bytes], httpx.Client], workspace: Workspace) -> None:
    process, client = served
    assert httpx.get(str(client.base_url) + "health").status_code == 401
    started = client.post("/query", json={"sql": "select range as i from range(5000)"})
    assert started.status_code == 202
    rows, last = 0, {}
    with client.stream("GET", started.headers["Location"].removeprefix("/api/v1"),
                       headers={"Accept": "text/event-stream"}) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                last = json.loads(line[6:])
                rows += len(last["content"].get("rows", ()))
    assert (rows, last["content"]["status"]) == (5000, "succeeded")
    assert client.get("/../../lab").status_code == 404  # without JupyterLab
    running = client.post("/query", json={"sql": ENDLESS, "detach": True}).json()["run_id"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    runs = Runs(ControlStore(workspace.control), workspace)
    assert runs.get(running).status == "cancelled"
    runs.close()
    assert not list(workspace.runs.glob("*.lock"))


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM on this system")
def test_a_server_that_is_told_to_stop_begins_nothing_and_ends_its_streams(
        served: tuple[subprocess.Popen[bytes], httpx.Client]) -> None:
    process, client = served
    assert httpx.get(str(client.base_url) + "readyz").json() == {"status": "ready"}, "needs no token"
    running = client.post("/query", json={"sql": ENDLESS, "detach": True}).json()["run_id"]
    events, watched, refused, seen = [], [], None, None
    with (client.stream("GET", f"/query/{running}", headers={"Accept": "text/event-stream"}) as stream,
          client.stream("GET", "/watch") as watch):
        lines, news = stream.iter_lines(), watch.iter_lines()
        assert next(lines).startswith("retry:")
        process.send_signal(signal.SIGTERM)
        while refused is None or refused.status_code != 503:
            refused = client.post("/query", json={"sql": "select 1"})
        seen = httpx.get(str(client.base_url) + "readyz")
        assert client.get(f"/query/{running}").json()["status"] == "running", "it may still end"
        events = [one for one in lines if one]
        watched = [one for one in news if one]
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert (seen.status_code, seen.json()) == (503, {"status": "draining"})
    last = json.loads([one for one in events if one.startswith("data: ")][-1][6:])
    assert (last["type"], last["content"]["status"]) == ("run", "cancelled")
    assert watched[-1].startswith("retry:")
    assert process.wait(60) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM on this system")
def test_what_ends_in_time_ends_and_a_second_signal_waits_for_nothing(
        served: tuple[subprocess.Popen[bytes], httpx.Client], workspace: Workspace) -> None:
    process, client = served
    with socket.create_connection(("127.0.0.1", client.base_url.port or 0)) as slow:
        slow.settimeout(30)
        slow.sendall(b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nX-Never-")
        assert slow.recv(1) == b"", "headers that don't end are not waited for"
    short = client.post("/query", json={"sql": "select count(*) from range(200000000)", "detach": True}).json()["run_id"]
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    runs = Runs(ControlStore(workspace.control), workspace)
    assert runs.get(short).done
    runs.close()


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on this system")
def test_a_killed_server_leaves_no_run_running(
        served: tuple[subprocess.Popen[bytes], httpx.Client], workspace: Workspace) -> None:
    process, client = served
    running = client.post("/query", json={"sql": ENDLESS}).json()["run_id"]
    process.kill()
    process.wait()
    runs = Runs(ControlStore(workspace.control), workspace)
    assert runs.get(running).status == "failed"
    runs.close()


def test_an_empty_token_is_refused(workspace: Workspace) -> None:
    ended = subprocess.run([PLUTO_DUCK, "serve", f"--port={_free_port()}", "--", "--IdentityProvider.token="],
                           cwd=workspace.root, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 3
    assert "JUPYTER_TOKEN" in ended.stderr


def test_loading_the_extension_imports_nothing_heavy() -> None:
    code = ("import sys, pluto_duck; pluto_duck._jupyter_server_extension_points(); import pluto_duck.api.routes; "
            "print([one for one in ('duckdb', 'pyarrow', 'pandas', 'sqlglot', 'pluto_duck.session', "
            "'pluto_duck.agent') if one in sys.modules])")
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
