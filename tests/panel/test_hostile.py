"""Names and values that would like to be more than text, and tables with more columns than a page can bear."""

from __future__ import annotations

from tests.panel.browser import Lab


def test_hostile_names_and_values_are_text_and_two_hundred_columns_stay_light(loaded: Lab) -> None:
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
