"""The sidebar's help inside the notebook: what runs, and cells of SQL."""

from __future__ import annotations

from typing import Any

import pytest

from tests.panel.browser import ROOT, Lab

AXE = ROOT / "jupyter_extension" / "node_modules" / "axe-core" / "axe.min.js"

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


def _serious(lab: Lab, *where: str) -> list[Any]:
    """What axe finds there; nothing where it is not installed."""
    if not AXE.exists():
        return []
    lab.page.evaluate(AXE.read_text(encoding="utf-8"))
    return list(lab.page.evaluate("""async where => (await axe.run({include: where.map(one => [one])}))
        .violations.filter(one => ['serious', 'critical'].includes(one.impact))
        .map(one => [one.id, one.nodes.slice(0, 3).map(node => node.html.slice(0, 160) + ' ' + node.failureSummary)])""",
        where))


def _error(lab: Lab, at: int) -> dict[str, Any]:
    [output] = [one for one in lab.cells()[at]["outputs"] if one["output_type"] == "error"]
    return dict(output)


# Within a second where nothing else runs; in any case long before its end.
@pytest.mark.parametrize("most_ms", [20_000, pytest.param(1_000, marks=pytest.mark.soak)])
def test_a_query_that_a_cell_runs_is_in_the_status_bar_and_stops_at_once(loaded: Lab, cell: Any, most_ms: int) -> None:
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
    assert took < most_ms  # it would run for minutes
    page.locator(".pd-status", has_text="flights, host").wait_for()
    assert _error(loaded, at)["ename"] == "Cancelled"


def _edit(lab: Lab, at: int) -> Any:
    """The editor of a cell, with the cursor at its end."""
    lab.page.evaluate("""at => {
        const { content } = window.jupyterapp.shell.currentWidget;
        content.activeCellIndex = at;
        content.mode = 'edit';
        const { editor } = content.activeCell;
        editor.focus();
        editor.setCursorPosition(editor.getPositionAt(editor.model.sharedModel.getSource().length));
    }""", at)
    return lab.page.locator(".jp-Notebook-cell").nth(at).locator(".cm-content")


def test_sql_is_coloured_as_sql_from_the_moment_the_cell_says_so(loaded: Lab, cell: Any) -> None:
    at = cell("SELECT count(*) FROM range(3) -- all of 'em\nWHERE month = $month")
    editor = _edit(loaded, at)
    editor.locator(".cm-line span", has_text="range").first.wait_for()  # a builtin of Python's
    assert editor.locator("span", has_text="SELECT").filter(has_not=loaded.page.locator("span")).count() == 0

    def weight(word: str) -> str:
        return str(editor.locator("span", has_text=word).last.evaluate("one => getComputedStyle(one).fontWeight"))

    loaded.page.evaluate("""at => {
        const { sharedModel } = window.jupyterapp.shell.currentWidget.content.widgets[at].model;
        sharedModel.setSource('%%pluto sql late\\n' + sharedModel.getSource());
    }""", at)
    editor.locator("span", has_text="SELECT").last.wait_for()
    assert weight("SELECT") == weight("WHERE") == "700"
    assert weight("month") == "400"
    comment = editor.locator("span", has_text="-- all of 'em").last
    assert comment.evaluate("one => getComputedStyle(one).fontStyle") == "italic"
    loaded.shot("highlight")
    _edit(loaded, at)
    loaded.page.keyboard.press("Control+/")
    loaded.page.wait_for_function("at => window.jupyterapp.shell.currentWidget.content.widgets[at].model.sharedModel"
                                  ".getSource().endsWith('-- WHERE month = $month')", arg=at)


def test_tables_and_columns_are_completed_also_while_a_cell_runs(loaded: Lab, cell: Any, lab_folder: Any) -> None:
    page = loaded.page
    busy = cell("import os, time\nwhile not os.path.exists('completed'): time.sleep(0.01)")
    loaded.run_cell(busy, wait=False)
    page.locator(".jp-InputPrompt", has_text="[*]").wait_for()
    at = cell("%%pluto sql\nSELECT f.carr FROM flights AS f")
    _edit(loaded, at)
    for _ in " FROM flights AS f":
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Tab")
    page.locator(".jp-Completer").get_by_text("f.carrier").wait_for()
    page.keyboard.press("Enter")
    page.wait_for_function("() => window.jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel.getSource()"
                           ".includes('SELECT f.carrier FROM')")
    page.evaluate("""() => window.jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel
        .setSource('%%pluto sql\\nSELECT * FROM air')""")
    _edit(loaded, at)
    page.keyboard.press("Tab")
    offered = page.locator(".jp-Completer")
    offered.get_by_text("airports").wait_for()
    assert page.locator(".jp-InputPrompt", has_text="[*]").is_visible()
    loaded.shot("completion")
    page.keyboard.press("Escape")
    (lab_folder / "completed").touch()


def test_a_failed_cell_explains_itself_and_is_mended_by_a_click_alone(loaded: Lab, cell: Any) -> None:
    page = loaded.page
    wrong = "%%pluto sql late\nSELECT carrier,\n  avg(dep_dealy) AS delay\nFROM flights\nGROUP BY carrier"
    at = cell(wrong)
    loaded.run_cell(at)
    bar = page.locator(".pd-mend")
    bar.wait_for()
    assert "dep_dealy" in bar.inner_text()
    bar.get_by_role("button", name="Explain and fix").click()
    page.locator(".pd-mend[aria-busy=false]").get_by_text("The nearest column is dep_delay.").wait_for()
    assert page.locator(".pd-mend-diff .pd-old").inner_text().split() == ["\u2212", "avg(dep_dealy)", "AS", "delay"]
    assert page.locator(".pd-mend-diff .pd-new mark").inner_text() == "dep_delay"
    assert "16 rows" in bar.inner_text()
    assert "nothing left this machine" in bar.inner_text()
    assert loaded.cells()[at]["source"] == wrong  # nobody has clicked yet
    bar.scroll_into_view_if_needed()
    loaded.shot("mend")
    bar.get_by_role("button", name="Apply and run").click()
    bar.wait_for(state="detached")
    page.wait_for_function("at => window.jupyterapp.shell.currentWidget.content.widgets[at].model.outputs.toJSON()"
                           ".some(one => one.output_type === 'execute_result')", arg=at)
    assert loaded.cells()[at]["source"] == wrong.replace("dealy", "delay")


def test_what_no_rule_mends_is_said_and_what_a_person_stopped_is_left_alone(loaded: Lab, cell: Any) -> None:
    page = loaded.page
    at = cell("%pluto sql SELECT 1 + FROM flights")
    loaded.run_cell(at)
    bar = page.locator(".pd-mend")
    bar.get_by_role("button", name="Explain and fix").click()
    page.locator(".pd-mend[aria-busy=false] h3").wait_for()
    assert page.locator(".pd-mend-diff").count() == 0
    bar.get_by_role("button", name="Dismiss").click()
    assert bar.count() == 0
    at = cell("raise KeyError('not ours')")
    loaded.run_cell(at)
    assert _error(loaded, at)["ename"] == "KeyError"
    assert bar.count() == 0


def test_the_active_sql_cell_has_buttons_that_lay_it_out_plan_it_and_draw_it(loaded: Lab, cell: Any) -> None:
    page = loaded.page
    at = cell("least = 60")
    loaded.run_cell(at)
    bar = page.locator(".jp-cell-toolbar")
    assert bar.get_by_role("button", name="Format the SQL of this cell").count() == 0
    at = cell("%%pluto sql\nselect carrier, count(*)::int as n from flights where dep_delay > $least group by 1")
    bar.get_by_role("button", name="Format the SQL of this cell").click()
    laid = ("%%pluto sql\nSELECT carrier, count(*)::int AS n\nFROM flights\nWHERE dep_delay > $least\nGROUP BY 1")
    page.wait_for_function("([at, laid]) => window.jupyterapp.shell.currentWidget.content.widgets[at].model.sharedModel"
                           ".getSource() === laid", arg=[at, laid])
    loaded.shot("cell-toolbar")

    bar.get_by_role("button", name="Show how DuckDB runs").click()
    steps = page.get_by_role("region", name="Steps")
    steps.get_by_text("dep_delay>60").wait_for()
    assert page.get_by_role("columnheader", name="Time").count() == 0
    page.get_by_role("button", name="Run and measure").click()
    page.get_by_role("columnheader", name="Time").wait_for()
    loaded.shot("cell-plan")
    assert not _serious(loaded, ".pd-steps-table", ".jp-cell-toolbar [data-command^=pluto]")
    loaded.command("application:close")

    bar.get_by_role("button", name="Draw the rows of this cell").click()
    page.locator(".pd-cell-chart svg").wait_for()
    loaded.shot("cell-chart")
    page.get_by_role("button", name="Insert as cell").click()
    page.wait_for_function("at => window.jupyterapp.shell.currentWidget.content?.widgets?.[at + 1]", arg=at)
    assert loaded.cells()[at]["source"] == laid.replace("sql\n", "sql rows_1\n", 1)
    loaded.run_cell(at)
    loaded.run_cell(at + 1)
    assert "image/svg+xml" in str(loaded.cells()[at + 1]["outputs"]) or "image/png" in str(loaded.cells()[at + 1])


def test_what_is_selected_begins_a_question(loaded: Lab, cell: Any) -> None:
    page = loaded.page
    at = cell("%%pluto sql\nSELECT carrier FROM flights WHERE carrier = 'UA' LIMIT 1")
    loaded.run_cell(at)
    value = page.locator(".jp-Notebook-cell").nth(at).locator(".jp-OutputArea-output td", has_text="UA")
    value.wait_for()
    value.click(click_count=3)
    loaded.command("pluto-duck:ask-selection")
    page.wait_for_function("() => document.querySelector('[data-pd-composer]').value.includes('UA')")
    page.get_by_label("Ask about your data").fill("")
    _edit(loaded, at)
    page.keyboard.press("Shift+Home")
    loaded.command("pluto-duck:ask-selection")
    page.wait_for_function("() => document.querySelector('[data-pd-composer]').value.includes(\"carrier = 'UA' LIMIT 1\")")
    page.get_by_label("Ask about your data").fill("")


def test_a_dataframe_of_the_notebook_is_asked_about(loaded: Lab, cell: Any) -> None:
    page = loaded.page
    loaded.run_cell(cell("import pyarrow\nroutes = pyarrow.table({'place': ['JFK', 'LGA', 'JFK'], 'seats': [10, 20, 30]})"))
    loaded.command("pluto-duck:ask-frame")  # there is one only: nothing to choose
    page.wait_for_function("() => document.querySelector('[data-pd-composer]').value.includes('@routes')")
    turn = loaded.ask("total seats by place in @routes")
    assert "40" in turn.get_by_role("grid").inner_text()


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: no npm here when the sidebar was built")
@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_axe_finds_nothing_serious_in_a_cell(loaded: Lab, cell: Any, theme: str) -> None:
    page = loaded.page
    loaded.theme(theme)
    at = cell("%%pluto sql\nSELECT carrier, avg(dep_dealy) AS delay FROM flights GROUP BY carrier")
    loaded.run_cell(at)
    page.locator(".pd-mend").last.get_by_role("button", name="Explain and fix").click()
    page.locator(".pd-mend[aria-busy=false] .pd-mend-diff").last.wait_for()
    loaded.command("pluto-duck:cell-plan")
    page.locator(".pd-msg", has_text="dep_dealy").wait_for()
    page.locator(".pd-mend").last.scroll_into_view_if_needed()
    found = _serious(loaded, ".pd-mend", ".pd-msg", ".pd-status-item")
    loaded.shot(f"cell-{theme.lower().replace(' ', '-')}")
    loaded.command("application:close")
    loaded.page.locator(".pd-mend").last.get_by_role("button", name="Dismiss").click()
    assert not found, found
