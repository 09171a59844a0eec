"""The sidebar as a person meets it, in a real JupyterLab. One page and one kernel: the tests build on each other's
notebook, never on each other's questions."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.panel.browser import ROOT, Lab

BUSY = "import os, time\nwhile not os.path.exists('goes_on'): time.sleep(0.01)\nprint('over')"
LONG = "SELECT count(*) FROM range(10000000000) AS a(i) WHERE i % 7 = 3"


def test_it_says_what_is_missing_and_does_it(lab: Lab) -> None:
    panel = lab.page.locator("#pluto-duck-data")
    panel.get_by_text("is not loaded in this kernel").wait_for()
    lab.shot("not-loaded")
    panel.get_by_role("button", name="Run %load_ext pluto_duck").click()
    panel.get_by_role("treegrid").get_by_text("flights", exact=True).wait_for()
    assert [cell["count"] for cell in lab.cells()] == [1]  # by the cell that was there
    lab.page.locator(".pd-status", has_text="flights, host").wait_for()
    lab.shot("empty")


def test_a_table_opens_into_what_its_columns_hold(loaded: Lab) -> None:
    panel = loaded.page.locator("#pluto-duck-data")
    tree = panel.get_by_role("treegrid")
    tree.get_by_text("flights", exact=True).click()
    panel.locator("[data-pd-profile=done]").wait_for()
    carrier = tree.get_by_role("row").filter(has_text="carrier").first
    assert "UA" in carrier.inner_text()
    assert "17.4 %" in carrier.inner_text()
    tree.get_by_text("dep_delay", exact=True).click()
    detail = panel.locator(".pd-detail")
    assert "821" in detail.inner_text()  # nulls
    assert detail.locator("rect").count() > 5
    loaded.shot("data")
    panel.get_by_label("Search tables and columns").fill("visib")
    tree.get_by_text("weather", exact=True).wait_for()
    assert tree.get_by_text("flights", exact=True).count() == 0
    panel.get_by_label("Search tables and columns").fill("")


def test_a_question_is_answered_with_its_sql_rows_and_a_cell_of_ones_own(loaded: Lab) -> None:
    page = loaded.page
    turn = loaded.ask("number of flights by carrier")
    loaded.shot("answer")
    assert turn.get_by_role("grid").get_by_role("row").nth(1).is_visible()
    assert "nothing left this machine" in turn.inner_text()
    turn.get_by_role("button", name="SQL", exact=False).first.click()
    assert "GROUP BY" in turn.locator("pre").inner_text()
    turn.get_by_role("button", name="Right answer").click()
    turn.locator("button[aria-pressed=true]", has=page.locator("svg")).wait_for()

    before = len(loaded.cells())
    turn.get_by_role("button", name="Insert as SQL cell").click()
    page.wait_for_function("n => window.jupyterapp.shell.currentWidget.content.widgets.length === n", arg=before + 1)
    inserted = next(at for at, cell in enumerate(loaded.cells()) if cell["source"].startswith("%%pluto sql"))
    loaded.run_cell(inserted)
    (output,) = [one for one in loaded.cells()[inserted]["outputs"] if one["output_type"] != "stream"]
    assert "UA" in str(output["data"])

    turn.get_by_role("button", name="Edit SQL").click()
    turn.get_by_label("SQL of this answer").fill("SELECT 40 + 2 AS found")
    page.keyboard.press("Control+Enter")
    turn.get_by_role("gridcell", name="42").wait_for()
    assert "edited by you" in turn.inner_text()
    loaded.shot("edited")


def test_it_answers_while_a_cell_runs(loaded: Lab, lab_folder: Path) -> None:
    at = loaded.add_cell(BUSY)
    loaded.run_cell(at, wait=False)
    loaded.page.locator(".jp-InputPrompt", has_text="[*]").wait_for()
    turn = loaded.ask("how many airports are there")
    assert loaded.page.locator(".jp-InputPrompt", has_text="[*]").is_visible()  # the cell goes on
    assert "1,458" in turn.inner_text()
    loaded.shot("busy")
    (lab_folder / "goes_on").touch()
    loaded.page.locator(".jp-OutputArea-output", has_text="over").last.wait_for()


def test_an_unknown_word_is_said_and_marked(loaded: Lab) -> None:
    turn = loaded.ask("churn by carrier")
    assert turn.locator(".pd-unknown").inner_text() == "churn"
    assert turn.get_by_role("grid").count() == 0
    loaded.shot("declined")


def test_a_table_that_a_cell_makes_appears_and_a_question_with_two_readings_is_asked_back(loaded: Lab) -> None:
    at = loaded.add_cell("%%pluto sql\nCREATE OR REPLACE VIEW late_flights AS SELECT * FROM flights WHERE dep_delay > 60")
    loaded.run_cell(at)
    loaded.page.locator("[data-pd-row='main.late_flights']").wait_for()
    turn = loaded.ask("number of flights by carrier")
    choices = turn.locator(".pd-opt")
    assert choices.count() >= 2
    loaded.shot("choices")
    said = choices.first.locator("span").inner_text()
    choices.first.click()
    loaded.page.locator(".pd-turn").nth(1).get_by_role("grid").wait_for()
    assert loaded.page.locator(".pd-q").last.inner_text() == said
    loaded.run_cell(loaded.add_cell("%%pluto sql\nDROP VIEW late_flights"))


def test_a_long_query_is_stopped(loaded: Lab) -> None:
    page = loaded.page
    turn = loaded.ask("how many planes are there")
    turn.get_by_role("button", name="Edit SQL").click()
    turn.get_by_label("SQL of this answer").fill(LONG)
    page.keyboard.press("Control+Enter")
    turn.get_by_role("button", name="Stop").click()
    turn.get_by_text("Stopped").wait_for()


def test_rows_of_a_table_scroll_sort_and_filter(loaded: Lab) -> None:
    page = loaded.page
    page.locator("#pluto-duck-data").get_by_role("treegrid").get_by_text("weather", exact=True).click()
    page.get_by_role("button", name="Preview").last.click()
    grid = page.get_by_role("grid", name="weather")
    grid.get_by_role("gridcell", name="EWR").first.wait_for()
    assert "26,115 rows" in page.locator(".pd-gridbar").inner_text()
    rows = grid.get_by_role("row").count()
    grid.evaluate("one => { one.scrollTop = one.scrollHeight; }")
    grid.locator("[aria-rowindex='26116']").get_by_role("gridcell", name="LGA").wait_for()
    assert grid.get_by_role("row").count() <= rows + 12  # only what is in sight
    grid.evaluate("one => { one.scrollTop = 0; }")
    grid.get_by_role("columnheader", name="temp").get_by_role("button").click()
    grid.locator("[aria-rowindex='2']").get_by_role("gridcell", name="100.04").wait_for()
    page.get_by_label("Column of the filter").select_option("origin")
    page.get_by_label("Filter rows").fill("jfk")
    page.locator(".pd-gridbar", has_text="8,706 rows").or_(page.locator(".pd-gridbar", has_text="201+ rows")).wait_for()
    assert grid.get_by_role("gridcell", name="EWR").count() == 0
    loaded.shot("preview")
    loaded.command("application:close")


def test_after_a_restart_and_a_reload_the_conversation_goes_on(loaded: Lab) -> None:
    page = loaded.page
    loaded.ask("how many airlines are there")
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.locator("#pluto-duck-chat").get_by_text("is not loaded in this kernel").wait_for()
    # What is asked now waits for the kernel, and goes on in the same conversation.
    turn = loaded.ask("how many airports are there", wait=False)
    turn.get_by_text("Waiting for the kernel").wait_for()
    loaded.shot("restarted")
    page.locator("#pluto-duck-chat").get_by_role("button", name="Run %load_ext pluto_duck").click()
    turn.get_by_text("1,458").first.wait_for()
    page.reload()
    loaded.ready()
    loaded.command("pluto-duck:show-chat")
    page.locator(".pd-q", has_text="how many airlines are there").wait_for()
    page.get_by_role("button", name="Show rows").first.click()
    page.locator(".pd-number", has_text="16").wait_for()


def test_the_keyboard_alone_is_enough(loaded: Lab) -> None:
    page = loaded.page
    panel = page.locator("#pluto-duck-data")
    focused = page.locator(":focus")
    panel.locator("[aria-level='1']").first.wait_for()
    panel.get_by_label("Search tables and columns").focus()
    page.keyboard.press("Tab")  # into the list, to its first row
    page.keyboard.press("End")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.locator("[data-pd-row='main.airports']:focus").wait_for()
    assert "airports" in focused.inner_text()
    assert focused.get_attribute("aria-level") == "1"
    page.keyboard.press("ArrowRight")
    assert focused.get_attribute("aria-expanded") == "true"
    page.keyboard.press("ArrowRight")
    assert focused.get_attribute("aria-level") == "2"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert focused.get_attribute("aria-expanded") == "false"
    page.keyboard.press("/")
    assert focused.get_attribute("aria-label") == "Search tables and columns"
    page.keyboard.press("Control+Alt+p")
    page.locator("[data-pd-composer]:focus").wait_for()
    page.keyboard.type("number of flights by origin")
    page.keyboard.press("Enter")
    page.locator(".pd-turn[aria-busy=false]").wait_for()
    # From the composer backwards into the answer, to its last button.
    for _ in range(12):
        page.keyboard.press("Shift+Tab")
        if focused.inner_text() == "Insert as SQL cell":
            break
    before = len(loaded.cells())
    page.keyboard.press("Enter")
    page.wait_for_function("n => window.jupyterapp.shell.currentWidget.content.widgets.length === n", arg=before + 1)


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast"])
def test_it_is_at_home_in_every_theme_and_axe_finds_nothing_serious(loaded: Lab, theme: str) -> None:
    axe = ROOT / "jupyter_extension" / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.exists():
        pytest.skip("axe-core is not installed: no npm here when the sidebar was built")
    page = loaded.page
    loaded.theme(theme)
    flights = page.locator("#pluto-duck-data").get_by_role("row").filter(has_text="flights").first
    if flights.get_attribute("aria-expanded") == "false":
        flights.click()
    page.locator("[data-pd-profile=done]").first.wait_for()
    loaded.ask("churn by carrier")
    loaded.ask("number of flights by carrier")
    page.evaluate(axe.read_text(encoding="utf-8"))
    found = page.evaluate("""async () => (await axe.run({include: [['#pluto-duck-data'], ['#pluto-duck-chat'],
        ['.pd-status-item']]})).violations.filter(one => ['serious', 'critical'].includes(one.impact))
        .map(one => [one.id, one.nodes.slice(0, 3).map(node => node.html.slice(0, 160) + ' ' + node.failureSummary)])""")
    loaded.shot(theme.lower().replace(" ", "-"))
    assert not found, found
