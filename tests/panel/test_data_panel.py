"""The data panel: DataFrames beside tables, sizes, profiles of much, tables that are wide, names that are hostile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pluto_duck.session import Session
from tests.panel.browser import Lab

HOSTILE = ["<img src=x onerror=alert(1)>", "a\u202egnp.exe", "tab\there", 'quo"te', "\u0645\u0637\u0627\u0631", "n" * 200]
TASKS = """() => {
    window.tasks = [];
    new PerformanceObserver(list => window.tasks.push(...list.getEntries().map(one => one.duration)))
        .observe({type: 'longtask'});
}"""


@pytest.fixture(scope="module")
def lab_folder(lab_folder: Path) -> Path:
    with Session.open(lab_folder) as session:
        session.query("CREATE TABLE ten_million AS SELECT i, i % 97 AS g, hash(i) % 1000000 AS h, 'word ' || (i % 5000) AS w, "
                      "TIMESTAMP '2020-01-01' + INTERVAL (i) SECOND AS t, sqrt(i) AS r FROM range(10_000_000) AS r(i)")
        session.query("CREATE TABLE wide AS SELECT " + ", ".join(f"{at} AS column_{at}" for at in range(200)))
        names = ", ".join(f"""1 AS "{name.replace('"', '""')}" """ for name in HOSTILE)
        session.query(f"CREATE TABLE hostile AS SELECT {names}")
        long = "customer_relationship_export_" * 7
        session.query(f'CREATE TABLE "{long}" AS SELECT 1 AS "{long}", \'<b>bold</b>\' AS "<script>alert(1)</script>"')
    return lab_folder


def _row(lab: Lab, key: str) -> Any:
    return lab.page.locator(f"#pluto-duck-data [data-pd-row='{key}']")


def _column(lab: Lab, name: str) -> Any:
    return lab.page.locator("#pluto-duck-data .pd-col[data-pd-row]").filter(
        has=lab.page.get_by_text(name, exact=True))


@pytest.fixture(autouse=True)
def nothing_open(loaded: Lab) -> None:
    """All tables are closed, nothing is searched for."""
    for row in loaded.page.locator("#pluto-duck-data .pd-row[aria-expanded=true]").all():
        row.click()


def test_ten_million_rows_are_profiled_while_the_page_stays_awake(loaded: Lab) -> None:
    page, panel = loaded.page, loaded.page.locator("#pluto-duck-data")
    page.evaluate(TASKS)
    _row(loaded, "main.ten_million").click()
    panel.locator("[data-pd-profile=running]").wait_for()
    # The panel answers meanwhile: a search, and another table's profile.
    panel.get_by_label("Search tables and columns").fill("airl")
    _row(loaded, "main.airlines").wait_for()
    panel.get_by_label("Search tables and columns").fill("")
    panel.locator("[data-pd-profile=done]").wait_for()
    assert _column(loaded, "g").locator("rect").count() > 5
    assert "10,000,000" in _row(loaded, "main.ten_million").inner_text()
    loaded.shot("ten-million")
    tasks = sorted(page.evaluate("() => window.tasks"))
    print("main-thread tasks of 50 ms or more while 10 million rows were profiled:", tasks)


def test_a_profile_is_stopped_and_begun_again(loaded: Lab) -> None:
    panel = loaded.page.locator("#pluto-duck-data")
    _row(loaded, "main.ten_million").focus()
    loaded.page.keyboard.press("Shift+F10")
    loaded.page.get_by_role("menuitem", name="Profile").click()
    panel.get_by_role("button", name="Stop").click()
    panel.locator("[data-pd-profile=stopped]").wait_for()
    loaded.shot("profile-stopped")
    panel.get_by_role("button", name="Profile").click()
    panel.locator("[data-pd-profile=done]").wait_for()
    _row(loaded, "main.ten_million").click()


def test_dataframes_of_the_notebook_come_and_go(loaded: Lab) -> None:
    page = loaded.page
    page.evaluate("""() => {
        const { sharedModel } = window.jupyterapp.shell.currentWidget.content.model;
        sharedModel.insertCell(1, { cell_type: 'code', source:
            "import pandas\\nroutes_df = pandas.DataFrame({'origin': ['EWR', 'JFK', 'EWR'], 'miles': [719, 2586, 1400]})" });
        sharedModel.insertCell(2, { cell_type: 'code', source: 'del routes_df' });
    }""")
    loaded.run_cell(1)
    row = _row(loaded, "frame:routes_df")
    row.wait_for()
    assert "3" in row.inner_text()
    assert "in kernel" in row.inner_text()
    row.click()
    page.locator("#pluto-duck-data [data-pd-profile=done]").wait_for()
    assert "EWR" in _column(loaded, "origin").inner_text()
    loaded.shot("dataframe")
    row.click(button="right")
    assert page.get_by_role("menuitem", name="Refresh from Source").count() == 0
    page.get_by_role("menuitem", name="Preview").click()
    page.get_by_role("gridcell", name="2,586").wait_for()
    page.get_by_role("columnheader", name="miles").get_by_role("button").click()
    page.wait_for_function("() => [...document.querySelectorAll('.lm-Widget:not(.lm-mod-hidden) [role=gridcell]')]"
                           ".some(one => one.innerText === '719')")
    page.get_by_label("Filter rows").fill("jf")
    page.get_by_role("status").filter(has_text="1 row,").wait_for()
    page.get_by_role("button", name="Copy rows").click()
    page.get_by_role("status").filter(has_text="1 row copied").wait_for()
    page.get_by_role("button", name="Export all rows").click()
    page.get_by_role("heading", name="Export routes_df").wait_for()
    page.keyboard.press("Escape")
    loaded.shot("dataframe-preview")
    loaded.command("application:close")
    loaded.run_cell(2)
    row.wait_for(state="detached")


def test_two_hundred_columns_are_drawn_a_part_at_a_time(loaded: Lab) -> None:
    panel = loaded.page.locator("#pluto-duck-data")
    _row(loaded, "main.wide").click()
    panel.get_by_text("200 columns").wait_for()
    assert panel.locator(".pd-col[data-pd-row]").count() == 40
    loaded.shot("wide")
    panel.get_by_role("button", name="160 more columns").click()
    _column(loaded, "column_199").wait_for()
    panel.get_by_label("Search tables and columns").fill("column_19")
    assert panel.locator(".pd-col[data-pd-row]").count() == 11
    panel.get_by_label("Search tables and columns").fill("")
    _row(loaded, "main.wide").click()


def test_hostile_and_long_names_are_text_of_one_height(loaded: Lab) -> None:
    page, panel = loaded.page, loaded.page.locator("#pluto-duck-data")
    page.on("dialog", lambda one: pytest.fail(one.message))
    _row(loaded, "main.hostile").click()
    panel.locator("[data-pd-profile=done]").wait_for()
    long = panel.locator("[data-pd-row^='main.customer_relationship']").first
    long.click()
    panel.locator("[data-pd-profile=done]").nth(1).wait_for()
    loaded.shot("hostile")
    heights = set(panel.locator(".pd-col[data-pd-row]").evaluate_all("rows => rows.map(one => one.offsetHeight)"))
    assert len(heights) == 1
    assert panel.locator("img, script, b b").count() == 0
    assert "<img src=x onerror=alert(1)>" in panel.inner_text()
    assert "\u202e" not in panel.inner_text()
    assert page.evaluate("() => { const one = document.querySelector('#pluto-duck-data .pd-scroll');"
                         " return one.scrollWidth <= one.clientWidth; }")
    long.click()
    _row(loaded, "main.hostile").click()


def test_the_number_of_a_columns_values_ends_in_an_ellipsis_where_it_is_too_long(loaded: Lab) -> None:
    tree = loaded.page.locator("#pluto-duck-data").get_by_role("treegrid")
    tree.get_by_text("planes", exact=True).click()
    many = tree.locator(".pd-many").first
    many.wait_for()
    loaded.shot("data-many-values")
    # A flex box would cut its text without one.
    look = "one => [getComputedStyle(one).display, getComputedStyle(one).textOverflow]"
    assert many.evaluate(look) == ["block", "ellipsis"]
    tree.get_by_text("planes", exact=True).click()
