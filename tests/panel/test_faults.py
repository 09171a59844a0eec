"""What goes wrong around the sidebar: it says so, loses nothing, and goes on. One page; each test leaves it working."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.panel.browser import Lab

SCRIPT = "<img src=x onerror=\"window.harmed = 1\"><script>window.harmed = 1</script>"
MARKS = "\u202egnp.exe\u202c \x1b[31mred\x1b[0m \u2067שלום\u2069"


def _edited(lab: Lab, sql: str) -> Any:
    """The turn in which a person's own SQL has run."""
    turn = lab.ask("how many airlines are there")
    turn.get_by_role("button", name="Edit SQL").click()
    turn.get_by_label("SQL of this answer").fill(sql)
    lab.page.keyboard.press("Control+Enter")
    return turn


def test_a_kernel_that_dies_is_said_and_its_successor_answers(loaded: Lab) -> None:
    page = loaded.page
    loaded.run_cell(loaded.add_cell("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"), wait=False)
    dialog = page.locator(".jp-Dialog", has_text="Kernel Restarting")
    dialog.wait_for()
    loaded.shot("kernel-died")
    dialog.get_by_role("button", name="Ok").click()
    chat = page.locator("#pluto-duck-chat")
    chat.get_by_role("button", name="Run %load_ext pluto_duck").click()
    page.locator(".pd-status", has_text="flights, host").wait_for()
    assert "1,458" in loaded.ask("how many airports are there").inner_text()


def test_what_cells_do_right_after_the_extension_is_loaded_is_seen(loaded: Lab) -> None:
    page = loaded.page
    tree = page.locator("#pluto-duck-data").get_by_role("treegrid")
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.locator("#pluto-duck-chat").get_by_role("button", name="Run %load_ext pluto_duck").wait_for()
    loaded.run_cell(0, wait=False)
    loaded.run_cell(loaded.add_cell("%pluto sql CREATE TABLE made_first AS SELECT 1 AS x"))
    tree.get_by_text("made_first").wait_for()
    loaded.run_cell(loaded.add_cell("%pluto sql DROP TABLE made_first"))
    tree.get_by_text("made_first").wait_for(state="detached")


def test_a_page_that_is_reloaded_while_a_cell_runs_is_answered_before_its_end(loaded: Lab, lab_folder: Path) -> None:
    page = loaded.page
    wait = "import os, time\nwhile not os.path.exists('goes_on'): time.sleep(0.01)\nprint('over')"
    loaded.run_cell(loaded.add_cell(wait), wait=False)
    page.locator(".jp-InputPrompt", has_text="[*]").wait_for()
    page.evaluate("() => window.jupyterapp.shell.currentWidget.context.save()")
    page.reload()
    page.wait_for_function("() => window.jupyterapp && window.jupyterapp.restored.then(() => true)")
    page.wait_for_function("() => window.testOpened")
    loaded.command("pluto-duck:show-data")
    loaded.command("pluto-duck:new-conversation")
    page.locator(".pd-status", has_text="flights, host").wait_for()
    page.locator("#pluto-duck-data").get_by_role("treegrid").get_by_text("airports", exact=True).wait_for()
    assert "1,458" in loaded.ask("how many airports are there").inner_text()
    loaded.shot("reloaded-while-busy")
    (lab_folder / "goes_on").touch()
    loaded.ready()
    look = loaded.add_cell("print('free')")
    loaded.run_cell(look)
    assert "free" in str(loaded.cells()[look]["outputs"])


def test_two_thousand_columns_and_a_cell_of_ten_megabytes_stay_light(loaded: Lab) -> None:
    columns = ", ".join(f"{at} AS c{at}" for at in range(1_998))
    turn = _edited(loaded, f"SELECT repeat('long text ', CASE i WHEN 0 THEN 1000000 ELSE 1 END) AS big, {columns}, "
                            "'last' AS at_the_end FROM range(300) AS r(i)")
    grid = turn.get_by_role("grid")
    cell = grid.get_by_role("gridcell").filter(has_text="long text").first
    cell.wait_for()
    assert loaded.page.locator("#pluto-duck-chat *").count() < 3_000  # of 600,000 values
    assert len(cell.inner_text()) < 2_000
    assert grid.get_attribute("aria-colcount") == "2000"
    loaded.shot("two-thousand-columns")
    row = grid.get_by_role("row").nth(1)
    assert row.bounding_box()["height"] <= 30


def test_hostile_names_values_and_errors_are_text(loaded: Lab) -> None:
    page = loaded.page
    name = SCRIPT.replace('"', '""')
    turn = _edited(loaded, f"SELECT '{SCRIPT}' AS \"{name}\"")
    turn.get_by_role("gridcell").filter(has_text="<script>").wait_for()
    box = turn.get_by_label("SQL of this answer")
    box.fill(f"SELECT '{MARKS}' AS \"{MARKS}\"")
    box.press("Control+Enter")
    turn.get_by_role("gridcell").filter(has_text="\\u202egnp.exe").wait_for()
    text = turn.get_by_role("grid").inner_text()
    assert "שלום" in text
    assert not {"\x1b", "\u202e", "\u2067"} & set(text)
    loaded.shot("hostile")
    box.fill(f"SELECT CAST('{SCRIPT}' AS INTEGER)")
    box.press("Control+Enter")
    turn.get_by_text("<script>window.harmed").last.wait_for()
    asked = loaded.ask(f"how many {SCRIPT} are there")
    assert "<script>" in asked.locator(".pd-q").inner_text()
    loaded.shot("hostile-question")
    assert page.locator("img[src=x]").count() == 0
    assert page.evaluate("() => window.harmed") is None


def test_hostile_names_in_the_panel_and_a_preview_are_text_and_two_hundred_columns_stay_light(loaded: Lab) -> None:
    page = loaded.page
    name = "<img src=x onerror=alert(1)>\u202eevil"
    columns = ", ".join(f"{at} AS c{at}" for at in range(199))
    cell = f"%%pluto sql\nCREATE OR REPLACE TABLE wide AS SELECT '{name}' AS \"{name * 4}\", {columns} FROM range(300)"
    loaded.run_cell(loaded.add_cell(cell))
    loaded.command("pluto-duck:refresh")
    panel = page.locator("#pluto-duck-data")
    panel.get_by_role("treegrid").get_by_text("wide", exact=True).click()
    row = panel.get_by_role("row").filter(has_text="<img src=x").first
    row.wait_for()
    assert "\\u202eevil" in row.inner_text()
    assert row.bounding_box()["height"] == 26
    assert panel.evaluate("one => one.scrollWidth <= one.clientWidth")
    panel.get_by_role("button", name="160 more columns").wait_for()
    page.get_by_role("button", name="Preview").last.click()
    grid = page.get_by_role("grid", name="wide")
    grid.get_by_role("gridcell").filter(has_text="<img src=x").first.wait_for()
    assert page.locator("img[src=x]").count() == 0
    assert grid.locator("[role=gridcell], [role=columnheader]").count() < 2_000  # of 60,200
    loaded.shot("wide")
    grid.evaluate("one => { one.scrollLeft = one.scrollWidth; }")
    grid.get_by_role("columnheader", name="c198").wait_for()
    loaded.command("application:close")


def test_a_planner_that_fails_says_why_and_the_question_can_be_asked_again(loaded: Lab) -> None:
    page = loaded.page
    planner = page.get_by_label("Planner")
    planner.select_option("anthropic")
    chat = page.locator("#pluto-duck-chat")
    chat.get_by_label("Model", exact=True).fill("a-model")  # before, nobody would be asked
    turn = loaded.ask("how many airports are there")
    turn.get_by_role("alert").wait_for()
    assert "ANTHROPIC_API_KEY" in turn.get_by_role("alert").inner_text()  # what to set
    loaded.shot("planner-failed")
    planner.select_option("builtin")
    turn.get_by_role("button", name="Ask again").click()
    page.locator(".pd-turn").last.get_by_text("1,458").first.wait_for()


def test_sql_goes_into_a_new_notebook_where_none_is_open(loaded: Lab) -> None:
    page = loaded.page
    loaded.ask("how many airports are there").get_by_text("1,458").first.wait_for()
    page.evaluate("() => window.jupyterapp.shell.currentWidget.context.save()")
    loaded.command("application:close-all")
    page.locator(".jp-NotebookPanel").wait_for(state="detached")
    page.get_by_role("button", name="Insert as SQL cell").click()
    page.locator(".jp-Notebook .jp-CodeCell", has_text="%%pluto sql").wait_for()
    page.locator(".pd-status", has_text="flights, guest").wait_for()  # beside the kernel of the other one
    loaded.shot("inserted-without-a-notebook")
    load, sql = loaded.cells()
    assert load["source"] == "%load_ext pluto_duck"
    assert "airports" in sql["source"]
    loaded.run_cell(1)
    assert "1458" in str(loaded.cells()[1]["outputs"])
