"""The sidebar's frames through a real kernel, over a subshell."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.session import Session
from pluto_duck.workspace import Workspace


class Comm:
    """What JupyterLab does: a subshell of its own, and a comm that is opened over it."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.id = uuid.uuid4().hex
        self._number = 0
        message = client.session.msg("create_subshell_request", {})
        client.control_channel.send(message)
        while True:
            reply = client.get_control_msg(timeout=30)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                break
        self.subshell = reply["content"]["subshell_id"]
        self._send("comm_open", {"comm_id": self.id, "target_name": "pluto_duck.panel", "data": {}})

    def _send(self, kind: str, content: dict[str, Any]) -> None:
        message = self.client.session.msg(kind, content)
        message["header"]["subshell_id"] = self.subshell
        self.client.shell_channel.send(message)

    def ask(self, op: str, **content: Any) -> dict[str, Any]:
        """The last frame of the request."""
        self._number += 1
        self._send("comm_msg", {"comm_id": self.id, "data": {"v": 1, "op": op, "id": self._number, **content}})
        until = time.monotonic() + 60
        while time.monotonic() < until:
            message = self.client.get_iopub_msg(timeout=60)
            frame = message["content"].get("data", {}) if message["msg_type"] == "comm_msg" else {}
            if frame.get("re") == self._number and frame.get("end"):
                return frame
        raise AssertionError("no reply")


@pytest.fixture
def client(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    from jupyter_client.manager import start_new_kernel

    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE orders AS SELECT i AS id, i % 3 AS status FROM range(30) AS r(i)")
    manager, client = start_new_kernel(cwd=str(workspace.root))
    try:
        client.execute_interactive("%load_ext pluto_duck", timeout=60)
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_it_answers_while_a_cell_runs(client: Any, workspace: Workspace, tmp_path: Path) -> None:
    comm = Comm(client)
    assert comm.ask("hello", version="0")["workspace"]["name"] == workspace.name
    goes_on = tmp_path / "goes_on"
    # The cell ends only after the answer has come.
    client.execute(f"import os, time\nwhile not os.path.exists({str(goes_on)!r}): time.sleep(0.01)\nprint('over')")
    answer = comm.ask("ask", question="how many orders?")["answer"]
    assert answer["rows"]["rows"] == [[30]]
    goes_on.touch()
    while client.get_iopub_msg(timeout=60)["content"].get("text") != "over\n":
        pass


def test_news_that_come_while_a_cell_runs_do_not_put_the_sidebar_behind_it(client: Any) -> None:
    comm = Comm(client)
    comm.ask("hello", version="0")
    cell = client.execute("%pluto sql SELECT count(*) FROM range(1000000) a, range(1000000) b")
    news: dict[str, Any] = {}
    while not news.get("statements"):
        message = client.get_iopub_msg(timeout=60)
        news = message["content"].get("data", {}) if message["msg_type"] == "comm_msg" else {}
    assert news["op"] == "running"
    assert comm.ask("stop", statement=news["statements"][0]["id"])["stopped"]
    reply = client.get_shell_msg(timeout=60)
    while reply["parent_header"].get("msg_id") != cell:
        reply = client.get_shell_msg(timeout=60)
    assert reply["content"]["ename"] == "Cancelled"


def test_it_sees_the_workspace_that_the_cells_use(client: Any, tmp_path: Path) -> None:
    from pluto_duck.workspace import create

    other = create(tmp_path / "other")
    with Session.open(other.root) as session:
        session.query("CREATE TABLE elsewhere AS SELECT 1 AS x")
    comm = Comm(client)
    assert [one["name"] for one in comm.ask("tables")["tables"]] == ["orders"]
    client.execute_interactive(f"%pluto --workspace {other.root} tables", timeout=60)
    assert [one["name"] for one in comm.ask("tables")["tables"]] == ["elsewhere"]


def test_it_sees_what_a_cell_has_just_made(client: Any) -> None:
    comm = Comm(client)
    client.execute_interactive("%pluto sql CREATE TABLE made AS SELECT 42 AS x", timeout=60)
    assert [one["name"] for one in comm.ask("tables")["tables"]] == ["made", "orders"]


def test_unloading_takes_it_back(client: Any) -> None:
    comm = Comm(client)
    comm.ask("hello", version="0")
    client.execute_interactive("%unload_ext pluto_duck", timeout=60)
    reply = client.execute_interactive(
        "import threading\nassert not [t.name for t in threading.enumerate() if 'panel' in t.name]", timeout=60)
    assert reply["content"]["status"] == "ok", reply["content"]
