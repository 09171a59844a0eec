"""JupyterLab as a server of its own, and a Chromium to look at it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

# Nothing of the browser's own goes out either: what is asked for is the page's doing.
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]

HOME = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTERLAB_SETTINGS_DIR",
        "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR")

# JupyterLab opens the document of the page's address, and gives it the focus, when it likes: some time after it says
# that it is restored. Who types before types into a cell. So the end of that command is waited for.
OPENED = """(() => {
    let app;
    window.testOpened = !location.pathname.includes('/tree/');
    Object.defineProperty(window, 'jupyterapp', { configurable: true, get: () => app, set: one => {
        app = one;
        app.commands.commandExecuted.connect((_, { id, result }) => {
            if (id === 'filebrowser:open-path') {
                const opened = () => requestAnimationFrame(() => setTimeout(() => { window.testOpened = true; }));
                result.then(opened, opened);
            }
        });
    } });
})()"""


@contextmanager
def lab_server(folder: Path, state: Path, short: Path, *options: str, python: str = sys.executable,
               app: str = "jupyterlab", **environment: str) -> Iterator[str]:
    """Its address; the token is "t". Files of its own go to `state`. `short`: for sockets, whose path may not be long.
    `app` may be "notebook", `python` that of another environment."""
    pytest.importorskip(app, reason=f"{app} is not installed")
    name = {"jupyterlab": "LabApp", "notebook": "JupyterNotebookApp"}[app]
    only_lab = ("--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = {name: str(state / name.lower()) for name in HOME}
    server = subprocess.Popen(
        [python, "-m", app, "--no-browser", "--allow-root", f"--port={port}",
         "--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=t",
         f"--{name}.expose_app_in_browser=True", f"--ServerApp.root_dir={folder}",
         *(only_lab if app == "jupyterlab" else ()), *options],
        env={**os.environ, **home, "TMPDIR": str(short), **environment}, cwd=folder,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    try:
        log = []
        for line in server.stderr:
            log.append(line)
            if "is running at" in line:
                break
        else:
            raise AssertionError("".join(log))
        # Somebody must read on, or a full pipe would stop the server.
        threading.Thread(target=server.stderr.read, daemon=True).start()
        _listens(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


def _listens(port: int) -> None:
    """It says where it is running before it listens there."""
    end = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=10).close()
            return
        except ConnectionRefusedError:
            assert time.monotonic() < end, f"nobody listens at {port}"
            time.sleep(0.01)


@contextmanager
def chromium(*options: str) -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as started:
        program = shutil.which("chromium") or shutil.which("google-chrome") or started.chromium.executable_path
        if not Path(program).exists():
            pytest.skip("there is no Chromium on this machine")
        browser = started.chromium.launch(executable_path=program, args=[*QUIET, *options])
        yield browser
        browser.close()


def listen(page: Any) -> list[str]:
    """The addresses that the page asks for, from now on."""
    asked: list[str] = []
    page.add_init_script(OPENED)
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda one: asked.append(one.url))
    return asked


def ready(page: Any) -> None:
    """Until the layout is there, the document in front is open and its kernel has nothing to do."""
    page.wait_for_function("() => window.jupyterapp && window.jupyterapp.restored.then(() => true)")
    page.wait_for_function("() => window.testOpened")
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'")


def off_machine(asked: Iterable[str]) -> set[str]:
    return {url for url in asked if urlsplit(url).scheme not in ("data", "blob")
            and urlsplit(url).hostname != "127.0.0.1"}
