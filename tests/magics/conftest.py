"""A real IPython shell in a workspace, and a real kernel."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.workspace import Workspace

SAMPLE = Path(__file__).parents[2] / "pluto_duck" / "commands" / "sample"


@dataclass
class Ran:
    """What one cell did."""

    text: str
    bundles: list[dict[str, Any]]
    error: BaseException | None


class Shell:
    """IPython's own InteractiveShell, cell by cell."""

    def __init__(self, ipython: Any) -> None:
        self.ipython = ipython
        self.names: dict[str, Any] = ipython.user_ns

    def run(self, code: str) -> Ran:
        from IPython.utils.capture import capture_output

        with capture_output() as captured:
            done = self.ipython.run_cell(code, store_history=False)
        return Ran(captured.stdout, [one._repr_mimebundle_()[0] for one in captured.outputs],
                   done.error_before_exec or done.error_in_exec)


@pytest.fixture
def bare_shell(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """Without the extension, its current folder in a workspace."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.chdir(workspace.root)
    InteractiveShell.clear_instance()
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config)
    yield Shell(shell)
    shell.extension_manager.unload_extension("pluto_duck")
    InteractiveShell.clear_instance()


@pytest.fixture
def shell(bare_shell: Shell) -> Shell:
    assert bare_shell.run("%load_ext pluto_duck").error is None
    return bare_shell


@dataclass
class Output:
    """What one cell of a kernel sent."""

    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def error(self) -> dict[str, Any] | None:
        return next((one["content"] for one in self.messages if one["msg_type"] == "error"), None)

    @property
    def data(self) -> list[dict[str, Any]]:
        return [one["content"]["data"] for one in self.messages
                if one["msg_type"] in ("display_data", "execute_result")]

    @property
    def text(self) -> str:
        return "".join(one["content"]["text"] for one in self.messages if one["msg_type"] == "stream")


class Kernel:
    def __init__(self, manager: Any, client: Any) -> None:
        self.manager = manager
        self.client = client

    def send(self, code: str) -> str:
        return str(self.client.execute(code))

    def wait(self, sent: str) -> Output:
        output = Output()
        while True:
            message = self.client.get_iopub_msg(timeout=120)
            if message["parent_header"].get("msg_id") != sent:
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return output
            output.messages.append(message)

    def run(self, code: str) -> Output:
        return self.wait(self.send(code))


@contextmanager
def start(workspace: Workspace, tmp_path: Path) -> Iterator[Kernel]:
    from jupyter_client.manager import start_new_kernel

    environment = os.environ | {"PLUTODUCK_HOME": str(tmp_path / "home"), "IPYTHONDIR": str(tmp_path / "ipython")}
    manager, client = start_new_kernel(cwd=str(workspace.root), env=environment)
    try:
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(workspace: Workspace, tmp_path: Path) -> Iterator[Kernel]:
    with start(workspace, tmp_path) as started:
        yield started
