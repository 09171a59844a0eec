"""JupyterLab with the sidebar, in a real browser: what the tests beside it share."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "pluto_duck" / "labextension"
SHOTS = Path(os.environ.get("PLUTODUCK_SCREENSHOTS") or ROOT / ".screenshots")
# Nothing of the browser's own goes out either: what is asked for is the page's doing.
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--force-prefers-reduced-motion"]
OVERRIDES = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}


def notebook(*cells: str) -> str:
    """A notebook of code cells."""
    made = [{"cell_type": "code", "id": f"c{at}", "metadata": {}, "execution_count": None, "outputs": [],
             "source": cell} for at, cell in enumerate(cells)]
    return json.dumps({"cells": made, "nbformat": 4, "nbformat_minor": 5, "metadata": {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}})


@contextmanager
def lab_server(folder: Path, state: Path, short: Path) -> Iterator[str]:
    """Its address. `short`: for sockets, whose path may not be long."""
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")
    if not (BUNDLE / "package.json").exists():
        pytest.skip("the sidebar is not built: no node here when pluto-duck was installed")
    extensions = state / "extensions"
    extensions.mkdir(parents=True)
    (extensions / "pluto-duck-labextension").symlink_to(BUNDLE)
    settings = state / "app" / "settings"
    settings.mkdir(parents=True)
    (settings / "overrides.json").write_text(json.dumps(OVERRIDES), encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTERLAB_SETTINGS_DIR",
             "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR")
    home = {name: str(state / name.lower()) for name in names}
    environment = {**os.environ, **home, "TMPDIR": str(short), "PLUTODUCK_HOME": str(state / "home")}
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
         "--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=t",
         "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=",
         f"--LabApp.extra_labextensions_path={extensions}", f"--LabApp.app_settings_dir={settings}",
         "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", f"--ServerApp.root_dir={folder}"],
        env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
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
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


@contextmanager
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as started:
        program = shutil.which("chromium") or shutil.which("google-chrome") or started.chromium.executable_path
        if not Path(program).exists():
            pytest.skip("there is no Chromium on this machine")
        browser = started.chromium.launch(executable_path=program, args=QUIET)
        yield browser
        browser.close()


class Lab:
    """One page of it, and what went over its lines."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.address = page, address
        self.asked: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("websocket", lambda one: self.asked.append(one.url))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, name: str) -> None:
        self.page.goto(f"{self.address}/lab/tree/{name}?token=t&reset")
        self.ready()

    def ready(self) -> None:
        self.page.wait_for_function("() => window.jupyterapp && window.jupyterapp.restored.then(() => true)")
        self.page.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'")

    def command(self, name: str, **args: Any) -> Any:
        return self.page.evaluate("([name, args]) => window.jupyterapp.commands.execute(name, args)?.then?.(() => 0)",
                                  [name, args])

    def start(self, name: str, **args: Any) -> None:
        """A command that nobody waits for."""
        self.page.evaluate("([name, args]) => { window.jupyterapp.commands.execute(name, args); }", [name, args])

    def cells(self) -> list[dict[str, Any]]:
        return self.page.evaluate("""() => window.jupyterapp.shell.currentWidget.content.widgets
            .map(cell => ({source: cell.model.sharedModel.getSource(), count: cell.model.executionCount,
                           outputs: cell.model.outputs?.toJSON() ?? []}))""")

    def run_cell(self, at: int, *, wait: bool = True) -> None:
        self.page.evaluate("at => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = at; }", at)
        (self.command if wait else self.start)("notebook:run-cell")

    def shot(self, name: str) -> None:
        SHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=str(SHOTS / f"{name}.png"))

    def check(self) -> None:
        """Nothing left the machine, and the console shows no error."""
        off = {url for url in self.asked if urlsplit(url).scheme not in ("data", "blob")
               and urlsplit(url).hostname != "127.0.0.1"}
        assert off == set()
        # Lab's own debugger says so when a kernel restarts while it asks it something.
        errors = [one for one in self.errors if "Could not restore the debugger state" not in one]
        self.errors.clear()
        assert not errors, errors
