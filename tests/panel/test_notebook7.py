"""The sidebar in Notebook 7, which has one document, two sides and no status bar."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.panel.browser import Lab, chromium, lab_server


@pytest.fixture(scope="module")
def notebook7(lab_folder: Path, lab_state: Path) -> Iterator[Lab]:
    with tempfile.TemporaryDirectory() as short, lab_server(lab_folder, lab_state, Path(short), app="notebook") as at, \
            chromium() as browser:
        page: Any = browser.new_page(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
        page.set_default_timeout(60_000)
        lab = Lab(page, at)
        page.goto(f"{at}/notebooks/analysis.ipynb?token=t")
        lab.ready()
        # Notebook 7.6 reads a menu before it is there: without the sidebar, too.
        lab.errors[:] = [one for one in lab.errors if "reading 'schema'" not in one or "pluto" in one]
        yield lab
        page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")


def test_the_panels_are_at_home_in_notebook_7(notebook7: Lab) -> None:
    page = notebook7.page
    page.keyboard.press("Control+Alt+d")
    data = page.locator("#pluto-duck-data")
    data.get_by_role("button", name="Run %load_ext pluto_duck").click()
    tree = data.get_by_role("treegrid")
    tree.get_by_text("flights", exact=True).click()
    data.locator("[data-pd-profile=done]").wait_for()
    page.keyboard.press("Control+Alt+p")
    page.locator("[data-pd-composer]:focus").wait_for()
    turn = notebook7.ask("number of flights by carrier")
    before = len(notebook7.cells())
    turn.get_by_role("button", name="Insert as SQL cell").click()
    page.wait_for_function("n => window.jupyterapp.shell.currentWidget.content.widgets.length === n", arg=before + 1)
    at = next(at for at, cell in enumerate(notebook7.cells()) if cell["source"].startswith("%%pluto sql"))
    notebook7.run_cell(at)
    (output,) = [one for one in notebook7.cells()[at]["outputs"] if one["output_type"] != "stream"]
    assert "UA" in json.dumps(output["data"])

    tree.get_by_role("button", name="Preview").click()  # below: the middle is the notebook's
    grid = page.get_by_role("grid", name="flights")
    grid.get_by_role("gridcell", name="2013").first.wait_for()
    assert grid.bounding_box()["height"] > 200
    notebook7.shot("notebook7")
    assert data.evaluate("one => one.scrollWidth <= one.clientWidth")
    notebook7.check()


def test_the_commands_are_in_its_palette_and_menus(notebook7: Lab) -> None:
    page = notebook7.page
    notebook7.command("apputils:activate-command-palette")
    page.locator(".lm-CommandPalette-input").first.fill("pluto-duck")
    found = page.locator(".lm-CommandPalette-itemLabel").all_inner_texts()
    assert {"Show Data", "Show Chat", "New Conversation"} <= set(found)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.get_by_role("menuitem", name="View", exact=True).click()
    page.locator("[data-type=command]", has_text="Show Chat").wait_for()
    page.keyboard.press("Escape")
    notebook7.check()
