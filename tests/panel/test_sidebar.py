"""The sidebar as a person meets it."""

from __future__ import annotations

from pathlib import Path

from tests.panel.browser import Lab, notebook


def _opened(lab: Lab, folder: Path, *cells: str, name: str = "analysis.ipynb") -> None:
    (folder / name).write_text(notebook("%load_ext pluto_duck", *cells), encoding="utf-8")
    lab.open(name)


def test_the_tables_are_there_with_what_their_columns_hold(lab: Lab, lab_folder: Path) -> None:
    _opened(lab, lab_folder)
    page = lab.page
    lab.command("pluto-duck:show-data")
    panel = page.locator("#pluto-duck-data")
    panel.get_by_text("is not loaded in this kernel").wait_for()
    lab.shot("not-loaded")
    panel.get_by_role("button", name="Run %load_ext pluto_duck").click()
    flights = panel.get_by_role("row", name="flights", exact=False).first
    flights.wait_for()
    panel.get_by_role("treegrid").get_by_text("flights", exact=True).click()
    panel.get_by_text("profiled in").wait_for()
    panel.get_by_text("dep_delay", exact=True).click()
    lab.shot("data")
