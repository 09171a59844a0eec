"""Our notebooks in a real JupyterLab in a real browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.lab import chromium, lab_server, listen, off_machine, ready

QUICKSTART = Path(__file__).parents[2] / "notebooks" / "01_quickstart.ipynb"
ASK = QUICKSTART.with_name("03_ask.ipynb")

# Lab's promise resolves when the last cell has run; false when one of them failed.
RUN_ALL = "() => window.jupyterapp.commands.execute('notebook:run-all-cells')"
OUTPUTS = """() => window.jupyterapp.shell.currentWidget.content.widgets
    .filter(cell => cell.model.type === 'code')
    .map(cell => ({source: cell.model.sharedModel.getSource(), count: cell.model.executionCount,
                   outputs: cell.model.outputs.toJSON()}))"""


@pytest.fixture
def page() -> Iterator[Any]:
    with chromium() as browser:
        opened = browser.new_page(viewport={"width": 1280, "height": 1600})
        opened.set_default_timeout(120_000)
        yield opened


@pytest.fixture
def lab(request: pytest.FixtureRequest, tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a JupyterLab in an empty folder with the quickstart in it, or the notebook that is asked for."""
    notebook: Path = getattr(request, "param", QUICKSTART)
    monkeypatch.delenv("FLIGHTS_URL", raising=False)
    folder = tmp_path / "lab"
    folder.mkdir()
    shutil.copy(notebook, folder)
    with lab_server(folder, tmp_path, short) as address:
        yield f"{address}/lab/tree/{notebook.name}?token=t"


def _opened(page: Any, lab: str) -> list[str]:
    """The addresses that the page asks for, from now on."""
    asked = listen(page)
    page.goto(lab)
    ready(page)
    return asked


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

    assert off_machine(asked) == set()
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
    assert off_machine(asked) == set()


def _keep(page: Any, name: str) -> None:
    """A picture to look at, where PLUTODUCK_SCREENSHOTS names a folder."""
    folder = os.environ.get("PLUTODUCK_SCREENSHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"))
