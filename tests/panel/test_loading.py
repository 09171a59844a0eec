"""Data in and out through the sidebar: files, a real PostgreSQL, stop, failure, loads done again, exports, history."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.commands.private_postgres import PrivatePostgres
from tests.panel.browser import ROOT, Lab
from tests.services.postgres import new_database

PEOPLE = "id,name,amount\n" + "".join(f"{i},name {i},{i}.5\n" for i in range(1, 2001))


@pytest.fixture(scope="module")
def lab_folder(lab_folder: Path) -> Path:
    data = lab_folder / "data"
    data.mkdir()
    (data / "people.csv").write_text(PEOPLE)
    (data / "broken.csv").write_text("id,name,amount\n" + "".join(f"{i},n{i},{i}.5\n" for i in range(30_000)) + "1,Ann,oops\n2,x,n/a\n")
    with (data / "long.csv").open("w") as file:
        file.write("a,b\n")
        for at in range(0, 4_000_000, 1000):
            file.write("".join(f"{i},text {i}\n" for i in range(at, at + 1000)))
    return lab_folder


@pytest.fixture
def dialog(loaded: Lab) -> Iterator[Any]:
    """Open, at the file tab."""
    if not loaded.page.locator("dialog.pd-dialog").is_visible():
        loaded.page.locator("#pluto-duck-data").get_by_role("button", name="Add data").click()
    found = loaded.page.locator("dialog.pd-dialog")
    found.get_by_role("tab", name="File").click()
    yield found
    if found.is_visible():
        found.get_by_role("button", name="Close").first.click()
        found.wait_for(state="detached")


def _table(lab: Lab, name: str) -> Any:
    return lab.page.locator("#pluto-duck-data").get_by_role("treegrid").locator(f"[data-pd-row='main.{name}']")


def test_a_file_of_the_workspace_is_picked_looked_at_and_loaded(loaded: Lab, dialog: Any) -> None:
    dialog.get_by_role("button", name="data", exact=True).click()
    dialog.get_by_role("button", name="people.csv").wait_for()
    loaded.shot("add-file")
    dialog.get_by_role("button", name="people.csv").click()
    dialog.get_by_role("cell", name="amount").wait_for()
    assert "DOUBLE" in dialog.get_by_role("row").filter(has_text="amount").inner_text()
    assert _table(loaded, "people").count() == 0
    loaded.shot("add-file-what")
    dialog.get_by_label("Table", exact=True).fill("staff")
    dialog.get_by_role("button", name="Load into staff").click()
    dialog.locator("[data-pd-load=done]").wait_for()
    assert "2,000" in dialog.inner_text()
    loaded.shot("add-file-done")
    dialog.get_by_role("button", name="Show staff").click()
    loaded.page.get_by_role("gridcell", name="name 1", exact=True).wait_for()
    _table(loaded, "staff").wait_for()
    assert "2,000" in _table(loaded, "staff").inner_text()


def test_a_table_of_postgres_is_chosen_and_its_password_is_shown_nowhere(
        loaded: Lab, dialog: Any, postgres_with_password: PrivatePostgres, lab_folder: Path) -> None:
    from pluto_duck.ingest.connections_address import split

    shop = new_database(postgres_with_password)
    shop.run("CREATE TABLE orders (id int PRIMARY KEY, status text, at timestamptz DEFAULT now())",
             "INSERT INTO orders SELECT i, 'paid' FROM generate_series(1, 50000) AS r(i)",
             "CREATE TABLE customers (id int)", "CREATE TABLE odd (a int, b point)")
    address, password = split(shop.uri)
    assert password
    dialog.get_by_role("tab", name="PostgreSQL").click()
    dialog.get_by_label("Address").fill(address)
    dialog.get_by_label("Password").fill("wrong")
    dialog.get_by_role("button", name="Look at it").click()
    dialog.get_by_role("alert").wait_for()
    assert "refused the password" in dialog.get_by_role("alert").inner_text()
    loaded.shot("add-postgres-failed")
    # The whole address, password and all, as people paste it: it leaves the field at once.
    dialog.get_by_label("Address").fill(shop.uri)
    dialog.get_by_label("Password").fill("")
    dialog.get_by_role("button", name="Look at it").click()
    orders = dialog.get_by_role("listitem").filter(has_text="orders")
    orders.wait_for()
    for name in ("customers", "odd"):
        box = dialog.get_by_role("listitem").filter(has_text=name).get_by_role("checkbox")
        if box.is_checked():
            box.uncheck()
    loaded.shot("add-postgres-what")
    dialog.get_by_label("Table", exact=True).fill("bookings")
    dialog.get_by_role("button", name="Load into bookings").click()
    dialog.locator("[data-pd-load=done]").wait_for()
    assert "50,000" in dialog.inner_text()
    dialog.get_by_role("cell", name="paid").first.wait_for()
    loaded.shot("add-postgres-done")
    assert password not in loaded.page.content()
    assert password not in str(loaded.cells())
    dialog.get_by_role("button", name="Close").first.click()
    _table(loaded, "bookings").wait_for()
    assert _table(loaded, "customers").count() == 0

    # From its source again: nobody kept the password, so it is asked for.
    shop.run("INSERT INTO orders VALUES (50001, 'new')")
    _table(loaded, "bookings").click(button="right")
    loaded.page.get_by_role("menuitem", name="Refresh from Source").click()
    dialog.locator("[data-pd-load=failed]").wait_for()
    dialog.get_by_label("Password").fill(password)
    loaded.shot("refresh-password")
    dialog.get_by_role("button", name="Load it again").click()
    dialog.locator("[data-pd-load=done]").wait_for()
    assert "50,001" in dialog.inner_text()
    dialog.get_by_role("button", name="Close").first.click()
    for file in lab_folder.rglob("*"):
        if file.is_file():
            assert password.encode() not in file.read_bytes(), file


def test_a_row_that_does_not_fit_is_named_with_a_hint_or_kept_apart(loaded: Lab, dialog: Any) -> None:
    dialog.get_by_label("File, folder or pattern").fill("data/broken.csv")
    dialog.get_by_role("button", name="Look at it").click()
    dialog.get_by_role("button", name="Load into broken").click()
    alert = dialog.locator("[data-pd-load=failed]").get_by_role("alert")
    alert.wait_for()
    assert "30002" in alert.inner_text().replace(",", "")
    assert "Nothing was written" in dialog.inner_text()
    loaded.shot("load-failed")
    assert _table(loaded, "broken").count() == 0
    # What the hint says can be done here, too.
    dialog.get_by_role("button", name="Change what is loaded").click()
    dialog.get_by_label("More options").fill("--cast amount=VARCHAR")
    dialog.get_by_role("row").filter(has_text="amount").get_by_role("cell", name="VARCHAR", exact=True).wait_for()
    dialog.get_by_label("More options").fill("--nonsense")
    dialog.get_by_role("alert").filter(has_text="nonsense").wait_for()
    dialog.get_by_label("More options").fill("")
    dialog.get_by_role("radio", name="Keep apart").check()
    dialog.get_by_role("button", name="Load into broken").click()
    dialog.locator("[data-pd-load=done]").wait_for()
    kept = dialog.get_by_role("region", name="Rows that were kept apart").get_by_role("table")
    kept.get_by_text("1,Ann,oops").wait_for()
    assert "2 rows did not fit" in dialog.inner_text()
    loaded.shot("load-rejects")


def test_stop_leaves_nothing_half_written(loaded: Lab, dialog: Any) -> None:
    dialog.get_by_label("File, folder or pattern").fill("data/long.csv")
    dialog.get_by_role("button", name="Look at it").click()
    dialog.get_by_role("button", name="Load into long").click()
    dialog.locator("[data-pd-load=running]").wait_for()
    loaded.shot("load-running")
    dialog.get_by_role("button", name="Run in background").click()
    foot = loaded.page.locator("#pluto-duck-data .pd-loadline")
    foot.wait_for()
    loaded.shot("load-background")
    foot.get_by_role("button", name="Stop").click()
    loaded.page.locator("#pluto-duck-data [data-pd-load=stopped]").wait_for()
    loaded.shot("load-stopped")
    foot.get_by_role("button", name="Dismiss").click()
    loaded.command("pluto-duck:refresh")
    assert _table(loaded, "long").count() == 0


def test_a_file_of_ones_own_machine_goes_up_and_is_loaded(loaded: Lab, dialog: Any, lab_folder: Path,
                                                          tmp_path: Path) -> None:
    own = tmp_path / "own trips.csv"
    own.write_text("a,b\n" + "1,x\n" * 200_000)  # more than one part
    dialog.locator("input[type=file]").set_input_files(str(own))
    dialog.get_by_role("button", name="Load into").wait_for()
    assert (lab_folder / "uploads" / "own trips.csv").read_bytes() == own.read_bytes()
    assert [one.name for one in (lab_folder / "uploads").iterdir()] == ["own trips.csv"]
    dialog.get_by_label("Table", exact=True).fill("trips")
    dialog.get_by_role("button", name="Load into trips").click()
    dialog.locator("[data-pd-load=done]").wait_for()
    assert "200,000" in dialog.inner_text()


def test_a_table_is_refreshed_from_its_source_by_the_keyboard_alone(loaded: Lab, lab_folder: Path) -> None:
    page = loaded.page
    (lab_folder / "data" / "people.csv").write_text(PEOPLE + "9999,one more,1.5\n")
    _table(loaded, "staff").focus()
    page.keyboard.press("Shift+F10")
    item = page.get_by_role("menuitem", name="Refresh from Source")
    item.wait_for()
    loaded.shot("menu")
    page.keyboard.press("ArrowUp")  # the last one
    page.keyboard.press("Enter")
    page.locator("dialog [data-pd-load=done]").wait_for()
    assert "2,001" in page.locator("dialog").inner_text()
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="detached")
    page.wait_for_function("row => document.querySelector(row).innerText.includes('2,001')", arg="[data-pd-row='main.staff']")


def test_names_and_queries_go_into_cells_by_key_menu_and_drag(loaded: Lab) -> None:
    page = loaded.page
    notebook = "#" + str(page.evaluate("() => [...window.jupyterapp.shell.widgets('main')].find(one => one.content?.activeCell).id"))
    page.evaluate("id => window.jupyterapp.shell.activateById(id)", notebook[1:])
    loaded.command("notebook:insert-cell-below")
    page.evaluate("() => window.jupyterapp.shell.currentWidget.content.activeCell.editor.focus()")
    source = "() => window.jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel.getSource()"
    _table(loaded, "staff").focus()
    page.keyboard.press("Enter")
    page.wait_for_function(f"() => ({source})() === 'staff'")
    _table(loaded, "flights").drag_to(page.locator(".jp-Notebook .jp-mod-active .cm-content"))
    page.wait_for_function(f"() => ({source})().includes('flights')")
    _table(loaded, "staff").click(button="right")
    page.get_by_role("menuitem", name="Insert Query as Cell").click()
    page.wait_for_function(f"() => ({source})().startsWith('%%pluto sql\\nSELECT id, name, amount')")
    _table(loaded, "staff").click(button="right")
    page.get_by_role("menuitem", name="Ask About It").click()
    page.wait_for_function("() => document.querySelector('[data-pd-composer]').value.includes('staff')")
    page.locator("[data-pd-composer]").fill("")


def test_rows_go_out_into_the_workspace_and_to_the_browser(loaded: Lab, lab_folder: Path) -> None:
    page = loaded.page
    _table(loaded, "staff").click(button="right")
    page.get_by_role("menuitem", name="Export").click()
    dialog = page.locator("dialog.pd-dialog")
    with page.expect_download() as caught:
        dialog.get_by_role("button", name="Download", exact=True).click()
    assert caught.value.suggested_filename == "staff.csv"
    assert Path(caught.value.path()).read_text().startswith("id,name,amount\n1,name 1,1.5\n")
    dialog.locator("[data-pd-export=done]").wait_for()
    dialog.get_by_role("radio", name="File of the workspace").check()
    dialog.get_by_label("Kind of file").select_option("parquet")
    dialog.get_by_role("button", name="Write the file").click()
    dialog.locator("[data-pd-export=done]").wait_for()
    loaded.shot("export")
    assert (lab_folder / "exports" / "staff.parquet").read_bytes()[:4] == b"PAR1"
    dialog.get_by_role("button", name="Write the file").click()
    dialog.get_by_role("alert").wait_for()  # one is there already
    loaded.shot("export-failed")
    dialog.get_by_role("button", name="Close").click()


def test_the_history_tells_what_came_and_what_did_not(loaded: Lab) -> None:
    page = loaded.page
    page.locator("#pluto-duck-data").get_by_role("button", name="Load history").click()
    history = page.locator(".pd-loads")
    failed = history.locator("tr[data-pd-state=failed]").filter(has_text="broken")
    failed.first.wait_for()
    assert history.locator("tr[data-pd-state=cancelled]").filter(has_text="long").count() == 1
    assert history.locator(".pd-reason").filter(has_text="30002").count() + history.locator(".pd-reason").filter(
        has_text="30,002").count() >= 1
    loaded.shot("history")
    history.get_by_role("button", name="Load staff again").click()
    page.locator("dialog [data-pd-load=done]").wait_for()
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="detached")
    history.get_by_label("Search loads").fill("postgres")
    history.get_by_role("status").filter(has_text="loads").wait_for()
    assert history.locator("tbody tr").filter(has_text="people.csv").count() == 0


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast"])
def test_dialogs_and_history_are_at_home_in_every_theme(loaded: Lab, dialog: Any, theme: str) -> None:
    axe = ROOT / "jupyter_extension" / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.exists():
        pytest.skip("axe-core is not installed: no npm here when the sidebar was built")
    page = loaded.page
    loaded.theme(theme)
    page.evaluate(axe.read_text(encoding="utf-8"))
    found = """async where => (await axe.run({include: where})).violations
        .filter(one => ['serious', 'critical'].includes(one.impact))
        .map(one => [one.id, one.nodes.slice(0, 3).map(node => node.html.slice(0, 160) + ' ' + node.failureSummary)])"""
    name = theme.lower().replace(" ", "-").removeprefix("jupyterlab-")
    dialog.get_by_role("button", name="Workspace").click()
    assert not page.evaluate(found, [["dialog"]])
    dialog.get_by_label("File, folder or pattern").fill("data/people.csv")
    dialog.get_by_role("button", name="Look at it").click()
    dialog.get_by_role("button", name="Load into people").wait_for()
    loaded.shot(f"add-{name}")
    assert not page.evaluate(found, [["dialog"]])
    dialog.get_by_role("button", name="Close").first.click()
    loaded.command("pluto-duck:load-history")
    page.locator(".pd-loads tbody tr").first.wait_for()
    loaded.shot(f"history-{name}")
    assert not page.evaluate(found, [[".pd-loads"], ["#pluto-duck-data"]])
