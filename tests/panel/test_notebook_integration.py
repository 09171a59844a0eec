"""The sidebar's help inside the notebook: what runs, and cells of SQL."""

from __future__ import annotations

from typing import Any

import pytest

from tests.panel.browser import Lab

LONG = "SELECT count(*) FROM range(10000000000) AS a(i) WHERE i % 7 = 3"


@pytest.fixture
def cell(loaded: Lab) -> Any:
    """Puts a cell with that source at the end and makes it the active one; its place."""
    def add(source: str) -> int:
        return int(loaded.page.evaluate("""source => {
            const { content } = window.jupyterapp.shell.currentWidget;
            const { sharedModel } = content.model;
            sharedModel.insertCell(sharedModel.cells.length, { cell_type: 'code', source });
            content.activeCellIndex = sharedModel.cells.length - 1;
            return content.activeCellIndex;
        }""", source))
    return add


def _error(lab: Lab, at: int) -> dict[str, Any]:
    [output] = [one for one in lab.cells()[at]["outputs"] if one["output_type"] == "error"]
    return dict(output)


def test_a_query_that_a_cell_runs_is_in_the_status_bar_and_stops_within_a_second(loaded: Lab, cell: Any) -> None:
    page = loaded.page
    at = cell(f"%%pluto sql\n{LONG}")
    loaded.run_cell(at, wait=False)
    status = page.locator(".pd-status", has_text="flights, query")
    status.wait_for()
    assert "range(10000000000)" in str(status.get_attribute("title"))
    assert "analysis.ipynb" in str(status.get_attribute("title"))
    loaded.shot("status-running")
    took = page.evaluate("""async at => {
        const { outputs } = window.jupyterapp.shell.currentWidget.content.widgets[at].model;
        const failed = new Promise(resolve => outputs.changed.connect(
            () => outputs.toJSON().some(one => one.output_type === 'error') && resolve()));
        const started = performance.now();
        document.querySelector('.pd-status-item .pd-cancel').click();
        await failed;
        return performance.now() - started;
    }""", at)
    assert took < 1000  # it would run for minutes
    page.locator(".pd-status", has_text="flights, host").wait_for()
    assert _error(loaded, at)["ename"] == "Cancelled"
