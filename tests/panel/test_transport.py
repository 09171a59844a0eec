"""Who answers the sidebar: the kernel over its comm, the Jupyter server without one; and what is said of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.session import Session
from tests.panel.browser import Lab, chromium, notebook
from tests.panel.line import Line

LONG = "SELECT count(*) FROM range(10000000000) AS a(i) WHERE i % 7 = 3"


@pytest.fixture(scope="module")
def line(lab_address: str) -> Iterator[Line]:
    made = Line(int(lab_address.rpartition(":")[2]))
    yield made
    made.close()


@pytest.fixture(scope="module")
def opened(line: Line) -> Iterator[Lab]:
    """As in conftest, over a line that can be cut."""
    with chromium() as browser:
        page: Any = browser.new_page(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
        page.set_default_timeout(120_000)
        yield Lab(page, f"http://127.0.0.1:{line.port}")
        page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")


def _banner(lab: Lab, panel: str = "chat") -> Any:
    return lab.page.locator(f"#pluto-duck-{panel} .pd-msg")


def _both(lab: Lab) -> None:
    lab.command("pluto-duck:show-data")
    lab.command("pluto-duck:show-chat")


def _open_without_a_notebook(lab: Lab) -> None:
    lab.page.goto(f"{lab.address}/lab?token=t&reset")
    lab.page.wait_for_function("() => window.jupyterapp && window.jupyterapp.restored.then(() => true)")
    _both(lab)
    lab.page.locator("#pluto-duck-data").get_by_text("The Jupyter server answers from the workspace flights").wait_for()


def test_without_a_kernel_the_panels_work_through_the_server(opened: Lab) -> None:
    lab, page = opened, opened.page
    _open_without_a_notebook(lab)
    panel = page.locator("#pluto-duck-data")
    tree = panel.get_by_role("treegrid")
    tree.get_by_text("flights", exact=True).click()
    panel.locator("[data-pd-profile=done]").wait_for()
    assert "17.4 %" in tree.get_by_role("row").filter(has_text="carrier").first.inner_text()
    turn = lab.ask("number of flights by carrier")
    assert turn.get_by_role("grid").get_by_role("row").count() > 3
    assert "nothing left this machine" in turn.inner_text()
    lab.shot("no-kernel")

    turn.get_by_role("button", name="Edit SQL").click()
    turn.get_by_label("SQL of this answer").fill(LONG)
    page.keyboard.press("Control+Enter")
    turn.get_by_role("button", name="Stop").click()
    turn.get_by_text("Stopped").wait_for()

    lab.command("pluto-duck:new-conversation")
    page.get_by_role("button", name="Earlier conversations").click()
    page.locator(".pd-talk", has_text="number of flights by carrier").click()
    page.locator(".pd-q", has_text="number of flights by carrier").wait_for()

    lab.start("pluto-duck:preview", table="main.weather")
    grid = page.get_by_role("grid", name="weather")
    grid.get_by_role("gridcell", name="EWR").first.wait_for()
    grid.evaluate("one => { one.scrollTop = one.scrollHeight; }")
    grid.locator("[aria-rowindex='26116']").get_by_role("gridcell", name="LGA").wait_for()
    lab.command("application:close")
    lab.check()


def test_without_a_kernel_it_hears_of_what_others_write(opened: Lab, lab_folder: Path) -> None:
    tree = opened.page.locator("#pluto-duck-data").get_by_role("treegrid")
    with Session.open(lab_folder) as session:
        session.query("CREATE TABLE made_elsewhere AS SELECT 1 AS x")
        tree.get_by_text("made_elsewhere").wait_for()
        session.query("DROP TABLE made_elsewhere")
    tree.get_by_text("made_elsewhere").wait_for(state="detached")
    opened.check()


def test_a_server_that_goes_away_is_looked_for(opened: Lab, line: Line) -> None:
    line.cut()
    _banner(opened).get_by_text("The Jupyter server does not answer.").wait_for()
    opened.shot("server-away")
    line.mend()
    _banner(opened).get_by_text("The Jupyter server answers from the workspace flights").wait_for()
    assert "1,458" in opened.ask("how many airports are there").inner_text()
    opened.errors.clear()  # the browser's own, of a line that was cut


def test_a_notebook_takes_over_and_both_are_told(opened: Lab) -> None:
    page = opened.page
    opened.start("docmanager:open", path="analysis.ipynb")
    _banner(opened).get_by_text("is not loaded in this kernel").wait_for()
    page.locator("#pluto-duck-chat").get_by_role("button", name="Run %load_ext pluto_duck").click()
    page.locator(".pd-status", has_text="flights, host").wait_for()
    _banner(opened).get_by_text("The kernel answers again.").wait_for()
    opened.shot("kernel-back")
    assert page.locator(".pd-q", has_text="how many airports").is_visible()  # the conversation goes on
    assert "16" in opened.ask("how many airlines are there").inner_text()
    opened.check()


def test_without_its_kernel_a_notebook_goes_on_through_the_server(opened: Lab) -> None:
    page = opened.page
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    _banner(opened).get_by_text("The Jupyter server answers from the workspace flights").wait_for()
    opened.shot("kernel-gone")
    assert "1,458" in opened.ask("how many airports are there").inner_text()
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.startKernel()")
    _banner(opened).get_by_text("is not loaded in this kernel").wait_for()
    opened.run_cell(0)
    page.locator(".pd-status", has_text="flights, host").wait_for()
    opened.check()


def test_a_line_that_was_cut_is_taken_up_again(opened: Lab, line: Line) -> None:
    line.cut()
    _banner(opened).get_by_text("The Jupyter server does not answer.").wait_for()
    line.mend()
    _banner(opened).get_by_text("The Jupyter server does not answer.").wait_for(state="detached")
    opened.page.locator(".pd-status", has_text="flights, host").wait_for()
    assert "16" in opened.ask("how many airlines are there").inner_text()
    opened.errors.clear()


def test_unloading_the_extension_closes_the_comm_and_is_said(opened: Lab) -> None:
    opened.run_cell(opened.add_cell("%unload_ext pluto_duck"))
    _banner(opened).get_by_text("is not loaded in this kernel").wait_for()
    opened.run_cell(0)
    opened.page.locator(".pd-status", has_text="flights, host").wait_for()
    opened.check()


def test_a_cell_that_lets_nothing_in_is_said_and_survived(opened: Lab, lab_folder: Path) -> None:
    page, fifo = opened.page, lab_folder / "goes_on"
    os.mkfifo(fifo)
    # PyDLL keeps Python's lock: no thread of the kernel runs until somebody writes.
    at = opened.add_cell("import ctypes, os\nctypes.PyDLL(None).open(b'goes_on', os.O_RDONLY)\nprint('over')")
    opened.run_cell(at, wait=False)
    page.locator(".jp-InputPrompt", has_text="[*]").wait_for()
    opened.ask("how many planes are there", wait=False)
    _banner(opened).get_by_text("The kernel does not answer yet.").wait_for()
    opened.shot("kernel-slow")
    os.close(os.open(fifo, os.O_WRONLY))
    page.locator(".pd-log[aria-busy=false]").wait_for()
    assert "3,322" in page.locator(".pd-turn").last.inner_text()
    _banner(opened).get_by_text("The kernel does not answer yet.").wait_for(state="detached")
    opened.check()


def test_a_kernel_without_subshells_says_so_and_answers_after_the_cell(opened: Lab, lab_folder: Path) -> None:
    page = opened.page
    page.evaluate("""() => {
        const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
        kernel.commsOverSubshells = 'disabled';
    }""")
    opened.run_cell(opened.add_cell("%unload_ext pluto_duck"))
    _banner(opened).get_by_text("is not loaded in this kernel").wait_for()
    opened.run_cell(0)
    _banner(opened).get_by_text("This kernel has no subshells.").wait_for()
    opened.shot("no-subshells")
    at = opened.add_cell("import os, time\nwhile not os.path.exists('over_now'): time.sleep(0.01)\nprint('over')")
    opened.run_cell(at, wait=False)
    page.locator(".jp-InputPrompt", has_text="[*]").wait_for()
    opened.ask("how many airlines are there", wait=False)
    _banner(opened).get_by_text("It has no subshells, and answers after the running cell.").wait_for()
    (lab_folder / "over_now").touch()
    page.locator(".pd-log[aria-busy=false]").wait_for()
    assert "16" in page.locator(".pd-turn").last.inner_text()
    opened.check()


def test_two_notebooks_on_one_workspace_show_the_same_tables(opened: Lab, lab_folder: Path) -> None:
    page = opened.page
    (lab_folder / "second.ipynb").write_text(notebook("%load_ext pluto_duck"), encoding="utf-8")
    opened.run_cell(opened.add_cell("%%pluto sql\nCREATE TABLE from_the_first AS SELECT 1 AS x"))
    opened.start("docmanager:open", path="second.ipynb")
    page.wait_for_function("""() => { const one = window.jupyterapp.shell.currentWidget;
        return one.title.label === 'second.ipynb' && one.sessionContext?.session?.kernel?.status === 'idle'; }""")
    _banner(opened).get_by_text("is not loaded in this kernel").wait_for()
    opened.run_cell(0)
    page.locator(".pd-status", has_text="flights, guest").wait_for()
    tree = page.locator("#pluto-duck-data").get_by_role("treegrid")
    tree.get_by_text("from_the_first").wait_for()
    opened.run_cell(opened.add_cell("%%pluto sql\nDROP TABLE from_the_first"))
    tree.get_by_text("from_the_first").wait_for(state="detached")
    opened.start("docmanager:open", path="analysis.ipynb")
    page.wait_for_function("() => window.jupyterapp.shell.currentWidget.title.label === 'analysis.ipynb'")
    page.locator(".pd-status", has_text="flights, host").wait_for()
    assert tree.get_by_text("from_the_first").count() == 0
    opened.check()


def test_another_version_in_the_kernel_is_explained(opened: Lab) -> None:
    opened.run_cell(opened.add_cell(
        "%unload_ext pluto_duck\nimport pluto_duck.panel.protocol as protocol\nprotocol.VERSION = 2"))
    opened.run_cell(0)
    _banner(opened).get_by_text("Versions differ.").wait_for()
    said = _banner(opened).first.inner_text()
    assert "version 1" in said
    assert "speaks 2" in said
    opened.shot("versions-differ")
    opened.check()


WIDE = "SELECT " + ", ".join(f"i + {one} AS c{one}" for one in range(2_000)) + " FROM range(1000) AS r(i)"
HUGE = "SELECT i, repeat('x', 10_000_000) AS big, [repeat('y', 5000)] AS many, 9007199254740993 + i AS exact FROM range(3) AS r(i)"
BIG = "SELECT i, i * 1.5 AS half, 'row ' || i AS name, TIMESTAMP '2013-01-01' + INTERVAL (i) SECOND AS at FROM range(1000000) AS r(i)"


def _grid(lab: Lab, folder: Path, name: str, sql: str) -> Any:
    with Session.open(folder) as session:
        session.query(f"CREATE TABLE {name} AS {sql}")
    lab.page.locator("#pluto-duck-data").get_by_role("treegrid").get_by_text(name, exact=True).wait_for()
    lab.start("pluto-duck:preview", table=f"main.{name}")
    grid = lab.page.get_by_role("grid", name=name)
    grid.locator("[aria-rowindex='2'] .pd-td:not(.pd-late)").first.wait_for()
    return grid


def _again(lab: Lab) -> None:
    """The kernel of the first notebook, of this version."""
    lab.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    _banner(lab).get_by_text("is not loaded in this kernel").wait_for()
    lab.run_cell(0)
    # The other notebook's kernel may have become the host meanwhile.
    lab.page.locator(".pd-status", has_text="flights, ").wait_for()


def test_a_million_rows_scroll_with_as_many_elements_as_before(opened: Lab, lab_folder: Path) -> None:
    _again(opened)
    grid = _grid(opened, lab_folder, "million", BIG)
    rows = grid.get_by_role("row").count()
    counts = set()
    for part in (0.1, 0.37, 0.5, 0.99, 0.2):
        grid.evaluate("(one, part) => { one.scrollTop = one.scrollHeight * part; }", part)
        opened.page.wait_for_function("() => !document.querySelector('.pd-fill .pd-late')")
        counts.add(grid.get_by_role("row").count())
    assert counts == {rows}
    grid.evaluate("one => { one.scrollTop = one.scrollHeight; }")
    last = grid.locator("[aria-rowindex='1000001']")
    last.get_by_role("gridcell", name="row 999999").wait_for()
    assert "999,999" in last.inner_text()
    opened.shot("a-million-rows")
    opened.command("application:close")
    opened.check()


def test_two_thousand_columns_are_drawn_as_far_as_they_are_in_sight(opened: Lab, lab_folder: Path) -> None:
    grid = _grid(opened, lab_folder, "wide", WIDE)
    assert grid.get_by_role("columnheader").count() < 40
    assert "of 2,000" in grid.locator(".pd-where").inner_text()
    grid.evaluate("one => { one.scrollLeft = one.scrollWidth; }")
    grid.get_by_role("columnheader", name="c1999").wait_for()
    grid.locator("[aria-rowindex='2'] [aria-colindex='2000']").get_by_text("1,999", exact=True).wait_for()
    opened.shot("two-thousand-columns")
    opened.command("application:close")
    opened.check()


def test_values_of_ten_megabytes_are_cut_and_exact_numbers_are_not(opened: Lab, lab_folder: Path) -> None:
    grid = _grid(opened, lab_folder, "huge", HUGE)
    row = grid.locator("[aria-rowindex='3']")
    assert "9,007,199,254,740,994" in row.inner_text()
    assert len(row.inner_text()) < 2_000
    assert row.bounding_box()["height"] == 24
    opened.shot("huge-values")
    opened.command("application:close")
    opened.check()
