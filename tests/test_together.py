"""A notebook, two shells and an HTTP client on one workspace at once: while the kernel is busy, and
across its restart."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jupyter_client.manager import KernelManager

from pluto_duck.workspace import Workspace

BIN = Path(sys.executable).parent


@pytest.fixture
def server(workspace: Workspace, tmp_path: Path) -> Iterator[httpx.Client]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    log = (tmp_path / "server.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyter_server", f"--port={port}", "--ServerApp.port_retries=0", "--no-browser",
         "--allow-root", "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=secret",
         f"--ServerApp.root_dir={workspace.root}"],
        stdout=log, stderr=log, start_new_session=True,
        env={**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path / "c"), "JUPYTER_RUNTIME_DIR": str(tmp_path / "r")})
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60,
                      headers={"Authorization": "token secret"}) as client:
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    client.get("/api/v1/health").raise_for_status()
                    break
                except httpx.HTTPError:
                    assert time.monotonic() < deadline, (tmp_path / "server.log").read_text()
                    time.sleep(0.05)
            yield client
        finally:
            process.terminate()
            process.wait(20)
            log.close()


def _rows(client: httpx.Client, sql: str) -> list[list[Any]]:
    made = client.post("/api/v1/query", json={"sql": sql})
    assert made.status_code == 202, made.text
    found = client.get(made.headers["location"], params={"wait": 30}, headers={"Accept": "application/json"}).json()
    assert found["status"] == "succeeded", found
    return found["rows"]  # type: ignore[no-any-return]


def _shell(workspace: Workspace, sql: str) -> Any:
    ended = subprocess.run([BIN / "pluto-duck", "query", "--format", "json", sql], cwd=workspace.root,
                           capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout) if ended.stdout.strip() else None


def test_notebook_shells_and_http_see_the_same_live_data(workspace: Workspace, server: httpx.Client) -> None:
    kernel = KernelManager()
    kernel.start_kernel(cwd=str(workspace.root))
    client = kernel.blocking_client()
    client.start_channels()
    client.wait_for_ready(60)

    def cell(code: str) -> None:
        reply = client.execute_interactive(code, timeout=60, output_hook=lambda _message: None)
        assert reply["content"]["status"] == "ok", reply["content"]

    try:
        assert _rows(server, "SELECT 1") == [[1]]  # the server hosts, until the kernel asks for its place
        cell("%load_ext pluto_duck")
        cell("%%pluto sql\nCREATE TABLE t AS SELECT 1 AS i")
        cell("from pluto_duck.workspace import hostfile, find\n"
             "import os\nassert hostfile.read(find()).pid == os.getpid(), hostfile.read(find())")

        client.execute("import os, time\nopen('busy', 'w').close()\nuntil = time.monotonic() + 120\n"
                       "while time.monotonic() < until and not os.path.exists('enough'):\n    for _ in range(1000): sum(range(1000))")
        deadline = time.monotonic() + 60
        while not (workspace.root / "busy").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        # The cell is a Python loop that holds the interpreter: slow for everybody, but nobody waits for its end.
        assert _rows(server, "SELECT i FROM t") == [[1]]
        _shell(workspace, "INSERT INTO t VALUES (2)")
        assert _shell(workspace, "SELECT sum(i) AS s FROM t") == [{"s": 3}]
        assert _rows(server, "INSERT INTO t VALUES (3) RETURNING i") == [[3]]
        (workspace.root / "enough").touch()
        client.get_shell_msg(timeout=60)

        kernel.restart_kernel(now=True)
        assert _shell(workspace, "SELECT sum(i) AS s FROM t") == [{"s": 6}]
        assert _rows(server, "SELECT sum(i) FROM t") == [[6]]
        client.wait_for_ready(60)
        cell("%load_ext pluto_duck")
        cell("%%pluto sql kept\nSELECT sum(i) AS s FROM t")
        cell("assert kept.scalar() == 6")
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)
