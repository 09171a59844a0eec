"""Models in the sidebar, in a real browser: dbt beside a running cell, where tables come from, what runs by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.panel.browser import Lab
from tests.panel.test_quality import AXE, FOUND

PROJECT = {
    "dbt_project.yml": "name: shop\nversion: '1.0'\nmodels:\n  +materialized: table\n",
    "models/by_carrier.sql": "select carrier, count(*) as n from main.flights group by 1",
    "models/slip.sql": "{{ config(alias='slip') }}\n-- of by_carrier\nselect\n    carrier,\n    no_such as b\n"
                       "from {{ ref('by_carrier') }}\n",
    "models/schema.yml": "version: 2\nmodels:\n  - name: by_carrier\n    columns:\n      - {name: n, data_tests: ["
                         "{accepted_values: {arguments: {values: [1]}, config: {severity: warn}}}]}\n",
}


def _found_by_axe(lab: Lab) -> list[Any]:
    """In light and dark."""
    if not AXE.exists():
        return []
    found = []
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        lab.theme(theme)
        if not lab.page.evaluate("() => 'axe' in window"):
            lab.page.evaluate(AXE.read_text(encoding="utf-8"))
        found += lab.page.evaluate(FOUND)
    return found


@pytest.mark.timeout(300)
def test_dbt_runs_beside_a_cell_and_a_reload_and_its_tables_say_where_they_come_from(
        loaded: Lab, lab_folder: Path) -> None:
    pytest.importorskip("dbt.adapters.duckdb", reason="dbt is not installed: pip install 'pluto-duck[dbt]'")
    for name, text in PROJECT.items():
        (lab_folder / "shop" / name).parent.mkdir(parents=True, exist_ok=True)
        (lab_folder / "shop" / name).write_text(text, encoding="utf-8")
    page, data, tab = loaded.page, loaded.page.locator("#pluto-duck-data"), loaded.page.locator(".pd-builds")
    loaded.run_cell(loaded.add_cell("import time; time.sleep(600)"), wait=False)
    data.get_by_role("button", name="Run dbt").click()
    tab.get_by_label("Project").locator("option", has_text="shop").wait_for(state="attached")
    tab.get_by_role("button", name="Run dbt").click()
    tab.locator("[data-pd-build]").wait_for()
    page.reload()
    loaded.ready()
    loaded.command("pluto-duck:show-data")
    data.locator("[data-pd-build]").wait_for()  # it goes on, or has just ended
    loaded.command("pluto-duck:run-dbt")
    tab.locator("[data-pd-build=failed]").wait_for()
    assert tab.locator("[data-pd-node]").first.get_attribute("data-pd-state") == "failed", "what needs a look is first"
    by_carrier = tab.locator("[data-pd-node=by_carrier]")
    assert by_carrier.get_attribute("data-pd-state") == "ok"
    assert "16" in by_carrier.inner_text()
    assert "no_such as b" in tab.locator(".pd-here").filter(has_text="no_such").inner_text()
    assert _found_by_axe(loaded) == []
    loaded.shot("dbt-failed")
    tab.get_by_role("button", name="Open line 5 of models/slip.sql").click()
    page.get_by_text("Ln 5, Col 1").wait_for()
    loaded.command("application:close")
    loaded.command("docmanager:open", path="analysis.ipynb")
    loaded.command("notebook:interrupt-kernel")

    row = data.get_by_role("treegrid").locator("[data-pd-row='main.by_carrier']")
    row.get_by_text("1 warning").wait_for(state="attached")  # dbt's own test, taken over
    row.click()
    about = data.locator(".pd-about").last
    about.get_by_role("button", name="models/by_carrier.sql").wait_for()
    about.get_by_role("button", name="flights").wait_for()
    loaded.shot("about")
    about.get_by_role("button", name="What breaks without it").click()
    dialog = page.locator("dialog.pd-dialog")
    dialog.get_by_text("slip").first.wait_for()
    assert _found_by_axe(loaded) == []
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    about.get_by_role("button", name="Lineage").click()
    picture = page.get_by_role("img", name="by_carrier")
    picture.wait_for()
    assert picture.evaluate("one => one.complete && one.naturalWidth > 100")
    about.get_by_role("button", name="flights").click()
    page.wait_for_function("() => document.activeElement.dataset.pdRow === 'main.flights'")
    loaded.command("application:close")

    loaded.command("pluto-duck:schedules")
    page.get_by_text("Nothing runs by itself yet").wait_for()
    loaded.command("docmanager:open", path="analysis.ipynb")
    loaded.run_cell(loaded.add_cell('%pluto schedule add "0 6 * * *" --name nightly -- backup --keep 3'))
    loaded.command("pluto-duck:schedules")
    page.get_by_role("button", name="Pause nightly").click()
    page.get_by_role("button", name="Resume nightly").wait_for()
    assert _found_by_axe(loaded) == []
    loaded.command("application:close")
