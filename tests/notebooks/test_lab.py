"""Our notebooks in a real JupyterLab in a real browser."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

QUICKSTART = Path(__file__).parents[2] / "notebooks" / "01_quickstart.ipynb"
ASK = QUICKSTART.with_name("03_ask.ipynb")
# Nothing of the browser's own goes out either: what is asked for is the page's doing.
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]

# Lab's promise resolves when the last cell has run; false when one of them failed.
RUN_ALL = "() => window.jupyterapp.commands.execute('notebook:run-all-cells')"
OUTPUTS = """() => window.jupyterapp.shell.currentWidget.content.widgets
    .filter(cell => cell.model.type === 'code')
    .map(cell => ({source: cell.model.sharedModel.getSource(), count: cell.model.executionCount,
                   outputs: cell.model.outputs.toJSON()}))"""


@pytest.fixture
def page() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as started:
        program = shutil.which("chromium") or shutil.which("google-chrome") or started.chromium.executable_path
        if not Path(program).exists():
            pytest.skip("there is no Chromium on this machine")
        browser = started.chromium.launch(executable_path=program, args=QUIET)
        opened = browser.new_page(viewport={"width": 1280, "height": 1600})
        opened.set_default_timeout(60_000)
        yield opened
        browser.close()


@pytest.fixture
def lab(request: pytest.FixtureRequest, tmp_path: Path, short: Path) -> Iterator[str]:
    """The address of a JupyterLab in an empty folder with the quickstart in it, or the notebook that is asked for."""
    notebook: Path = getattr(request, "param", QUICKSTART)
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")
    folder = tmp_path / "lab"
    folder.mkdir()
    shutil.copy(notebook, folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = {name: str(tmp_path / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    environment = {**os.environ, **home, "TMPDIR": str(short)}
    environment.pop("FLIGHTS_URL", None)
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
         "--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=t",
         "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=",
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
        yield f"http://127.0.0.1:{port}/lab/tree/{notebook.name}?token=t"
    finally:
        server.terminate()
        server.wait(30)


def _opened(page: Any, lab: str) -> list[str]:
    """The addresses that the page asks for, from now on."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    page.goto(lab)
    page.wait_for_function("() => window.jupyterapp && window.jupyterapp.restored.then(() => true)")
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'")
    return asked


def _off_machine(asked: list[str]) -> set[str]:
    return {url for url in asked if urlsplit(url).scheme not in ("data", "blob")
            and urlsplit(url).hostname != "127.0.0.1"}


def test_the_quickstart_runs_in_lab_and_asks_nothing_of_the_network(page: Any, lab: str) -> None:
    asked = _opened(page, lab)
    ran = page.evaluate(RUN_ALL)
    cells = page.evaluate(OUTPUTS)
    failed = [(cell["source"], one) for cell in cells for one in cell["outputs"] if one["output_type"] == "error"]
    assert failed == []
    assert ran is True
    assert all(cell["count"] for cell in cells)

    notebook = page.locator(".jp-NotebookPanel:visible")
    table = notebook.locator(".jp-OutputArea table", has_text="ExpressJet Airlines Inc.").first
    table.scroll_into_view_if_needed()
    assert table.is_visible()
    # Plotly draws when its cell comes into view: the bars themselves must be there.
    cell = notebook.locator(".jp-CodeCell", has_text="chart_bundle(chart, by_airline)")
    cell.scroll_into_view_if_needed()
    bars = cell.locator(".js-plotly-plot .bars .point")
    bars.first.wait_for(state="visible")
    assert bars.count() > 5

    assert _off_machine(asked) == set()
    assert any(url.startswith("ws://127.0.0.1") for url in asked)


@pytest.mark.parametrize("lab", [ASK], indirect=True, ids=["ask"])
def test_an_answer_goes_on_by_its_buttons(page: Any, lab: str) -> None:
    asked = _opened(page, lab)
    page.evaluate(RUN_ALL)
    failed = [(cell["source"], one) for cell in page.evaluate(OUTPUTS) for one in cell["outputs"]
              if one["output_type"] == "error"]
    assert failed == []

    notebook = page.locator(".jp-NotebookPanel:visible")
    cell = notebook.locator(".jp-CodeCell", has_text="what is the average delay?").first
    cell.scroll_into_view_if_needed()
    choice = cell.get_by_role("button", name="2. Average dep_delay of flights.")
    choice.click()
    cell.get_by_text("AVG(dep_delay)").first.wait_for(state="visible")
    assert choice.is_disabled()

    # `%pluto cell` put one below: it runs without a planner.
    inserted = notebook.locator(".jp-CodeCell", has_text="%%pluto sql lateness_again").first
    inserted.scroll_into_view_if_needed()
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
        page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)
        cell.scroll_into_view_if_needed()
        _keep(page, f"ask-{theme.split()[-1].lower()}")
    assert _off_machine(asked) == set()


def _keep(page: Any, name: str) -> None:
    """A picture to look at, where PLUTODUCK_SCREENSHOTS names a folder."""
    folder = os.environ.get("PLUTODUCK_SCREENSHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"))
