"""From an empty folder to the first answer, and what a person does while one is on its way. The tests go on with each
other's notebook."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.panel.browser import Lab, ready

ORDERS = [("north", 12.5), ("south", 7.25), ("north", 30.0), ("west", 8.0), ("south", 41.75), ("north", 19.0)]
# `brake` decides how long whoever reads the view has to wait.
SLOW = """%%pluto sql
CREATE TABLE brake AS FROM range(1) AS r(i);
CREATE VIEW slow_orders AS SELECT o.* FROM orders o, brake a, brake b WHERE a.i + b.i >= 0"""
PULL, RELEASE = "%pluto sql INSERT INTO brake FROM range(1, 100000)", "%pluto sql DELETE FROM brake WHERE i > 0"


@pytest.fixture(scope="module")
def lab_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty one, but for a file that somebody was sent."""
    folder = tmp_path_factory.mktemp("lab") / "mine"
    folder.mkdir()
    lines = "".join(f"{at},{region},{amount}\n" for at, (region, amount) in enumerate(ORDERS * 10))
    (folder / "orders.csv").write_text("order_id,region,amount\n" + lines, encoding="utf-8")
    return folder


@pytest.fixture
def mine(opened: Lab) -> Iterator[Lab]:
    opened.command("pluto-duck:show-data")
    opened.command("pluto-duck:new-conversation")
    opened.page.locator("[data-pd-composer]:focus").wait_for()
    yield opened
    opened.check()


def test_from_an_empty_folder_to_the_first_answer(opened: Lab) -> None:
    page = opened.page
    page.goto(f"{opened.address}/lab?token=t&reset")
    page.wait_for_function("() => window.jupyterapp && window.jupyterapp.restored.then(() => true)")
    card = page.locator(".jp-LauncherCard", has_text="pluto-duck Notebook")
    card.wait_for()
    opened.shot("first-launcher")
    card.click()
    panel = page.locator("#pluto-duck-data")
    panel.get_by_text("No tables yet").wait_for()
    opened.shot("first-empty")
    ready(page)
    opened.run_cell(opened.add_cell("%pluto ingest orders.csv"))
    panel.get_by_role("treegrid").get_by_text("orders", exact=True).wait_for()
    chat = page.locator("#pluto-duck-chat")
    chat.get_by_role("heading", name="Ask about orders").wait_for()
    opened.shot("first-question")
    chat.locator(".pd-opt", has_text="average amount by region in orders").click()
    turn = page.locator(".pd-turn[aria-busy=false]")
    turn.get_by_role("grid").get_by_role("gridcell", name="north").wait_for()
    assert "20.5" in turn.get_by_role("grid").inner_text()
    assert "nothing left this machine" in turn.inner_text()
    opened.shot("first-answer")
    opened.check()


def test_a_question_about_what_takes_long_is_stopped_by_escape_and_its_query_ends(mine: Lab) -> None:
    mine.run_cell(mine.add_cell(SLOW))
    assert "60" in mine.ask("how many slow orders are there").inner_text()
    mine.run_cell(mine.add_cell(PULL))
    turn = mine.ask("how many slow orders are there", wait=False)
    turn.locator("[aria-current=step]", has_text="Running").wait_for()
    mine.shot("running")
    mine.page.keyboard.press("Escape")
    turn.get_by_text("Stopped. Nothing was changed.").wait_for()
    # It is not only forgotten: nothing but this look runs any more.
    look = mine.add_cell("%pluto sql SELECT 'quiet' AS it")
    mine.run_cell(look)
    assert "quiet" in str(mine.cells()[look]["outputs"])
    mine.run_cell(mine.add_cell(RELEASE))
    turn.get_by_role("button", name="Ask again").click()
    mine.page.locator(".pd-turn").last.get_by_text("60").first.wait_for()


def test_a_page_that_is_reloaded_in_the_middle_of_an_answer_comes_back_to_its_conversation(mine: Lab) -> None:
    page = mine.page
    mine.ask("how many orders are there")
    mine.run_cell(mine.add_cell(PULL))
    turn = mine.ask("how many slow orders are there", wait=False)
    turn.locator("[aria-current=step]", has_text="Running").wait_for()
    page.evaluate("() => window.jupyterapp.shell.currentWidget.context.save()")
    page.reload()
    mine.ready()
    page.locator(".pd-q", has_text="how many orders are there").wait_for()
    mine.run_cell(mine.add_cell(RELEASE))
    assert "60" in mine.ask("how many orders are there").inner_text()


def test_a_restart_in_the_middle_of_an_answer_keeps_the_question(mine: Lab) -> None:
    page = mine.page
    mine.run_cell(mine.add_cell(PULL))
    turn = mine.ask("how many slow orders are there", wait=False)
    turn.locator("[aria-current=step]", has_text="Running").wait_for()
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    turn.get_by_text("The question is kept.").wait_for()
    mine.shot("restarted-in-mid-answer")
    load = page.locator("#pluto-duck-chat").get_by_role("button", name="Run %load_ext pluto_duck")
    load.wait_for()
    mine.run_cell(mine.add_cell("%load_ext pluto_duck\n" + RELEASE))
    turn.get_by_role("button", name="Ask again").click()
    page.locator(".pd-turn").last.get_by_text("60").first.wait_for()
