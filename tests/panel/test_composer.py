"""The composer in a real browser: mentions with the keyboard, a model on the wire with its cost, conversations kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.panel.browser import Lab
from tests.services.models import ModelServer, Says, serving

COUNTED = Says((("final_answer", {"sql": "SELECT count(*) AS planes FROM planes", "restatement": "All planes, counted.",
                                  "confidence": 0.9}),), read=3000, written=200)


@pytest.fixture(scope="module")
def model_server() -> Iterator[ModelServer]:
    with serving() as made:
        yield made


def _run(lab: Lab, source: str) -> None:
    lab.page.evaluate("""source => {
        const { content } = window.jupyterapp.shell.currentWidget;
        const { sharedModel } = content.model;
        sharedModel.insertCell(sharedModel.cells.length, { cell_type: 'code', source });
    }""", source)
    at = len(lab.cells()) - 1
    lab.run_cell(at)
    assert not [one for one in lab.cells()[at]["outputs"] if one["output_type"] == "error"], lab.cells()[at]


@pytest.fixture
def chat(lab: Lab, model_server: ModelServer, lab_folder: Path) -> Any:
    """The panel, in a kernel whose settings name a model on this machine, with a view that makes "flights" ambiguous."""
    panel = lab.page.locator("#pluto-duck-chat")
    ready = lab.page.locator(".pd-status", has_text="flights, host")
    if not ready.is_visible():
        settings = {"BASE_URL": f"{model_server.url}/v1", "MODEL": "small-model", "PRICES": "small-model=1/5"}
        _run(lab, "import os\n" + "\n".join(f"os.environ['PLUTODUCK_AGENT__{name}'] = '{value}'"
                                            for name, value in settings.items()))
        lab.run_cell(0)
        ready.wait_for()
        _run(lab, "%%pluto sql\nCREATE OR REPLACE VIEW late_flights AS SELECT * FROM flights WHERE dep_delay > 60")
        _run(lab, "import pandas\nroutes_df = pandas.DataFrame({'carrier': ['AA', 'UA', 'AA'], 'distance': [10, 20, 50]})")
        lab.page.locator("#pluto-duck-data").get_by_role("treegrid").get_by_text("late_flights").wait_for()
        lab.page.locator("#pluto-duck-data").get_by_role("treegrid").get_by_text("routes_df").wait_for()
    panel.get_by_label("Planner").select_option("builtin")
    lab.command("pluto-duck:new-conversation")
    panel.get_by_label("Ask about your data").fill("")
    return panel


def _typed(lab: Lab, chat: Any, text: str) -> Any:
    """Types it, and gives the list that opens."""
    chat.get_by_label("Ask about your data").focus()
    lab.page.keyboard.type(text)
    return chat.get_by_role("listbox")


def _answered(chat: Any) -> Any:
    chat.locator(".pd-turn[aria-busy=false]").last.wait_for()
    chat.locator(".pd-log[aria-busy=false]").wait_for()
    return chat.locator(".pd-turn").last


def test_a_table_is_mentioned_with_the_keyboard_alone_and_steers_the_answer(lab: Lab, chat: Any) -> None:
    box = chat.get_by_label("Ask about your data")
    listed = _typed(lab, chat, "number of @fl")
    listed.wait_for()
    assert [one.split("\n")[0] for one in listed.get_by_role("option").all_inner_texts()][:2] == [
        "@flights", "@late_flights"]
    lab.shot("mentions")
    lab.page.keyboard.press("ArrowDown")
    assert listed.get_by_role("option", selected=True).inner_text().startswith("@late_flights")
    assert box.get_attribute("aria-activedescendant") == listed.get_by_role("option", selected=True).get_attribute("id")
    lab.page.keyboard.press("Enter")
    listed.wait_for(state="detached")
    assert box.input_value() == "number of @late_flights "
    lab.page.keyboard.type("by carrier")
    lab.page.keyboard.press("Enter")
    turn = _answered(chat)
    turn.get_by_role("grid").wait_for()
    turn.get_by_role("button", name="SQL", exact=False).first.click()
    assert "late_flights" in turn.locator("pre").inner_text()

    lab.command("pluto-duck:new-conversation")
    listed = _typed(lab, chat, "average @weather.wi")
    listed.wait_for()
    lab.shot("mentions-columns")
    lab.page.keyboard.press("Tab")
    assert box.input_value() == "average @weather.wind_dir "
    lab.page.keyboard.type("by @mo")
    chat.get_by_role("option", name="weather.month").click()
    assert box.input_value() == "average @weather.wind_dir by @weather.month "
    lab.page.keyboard.type("@pla")
    listed.wait_for()
    lab.page.keyboard.press("Escape")  # closes the list, and nothing else
    listed.wait_for(state="detached")
    assert box.input_value().endswith("@pla")
    for _ in range(5):
        lab.page.keyboard.press("Backspace")
    lab.page.keyboard.press("Enter")
    assert "Average wind_dir of weather, by month." in _answered(chat).inner_text()


def test_a_dataframe_of_the_notebook_is_mentioned_and_asked(lab: Lab, chat: Any) -> None:
    listed = _typed(lab, chat, "average distance of @rou")
    listed.wait_for()
    lab.page.keyboard.press("Enter")
    lab.page.keyboard.type("by carrier")
    lab.page.keyboard.press("Enter")
    turn = _answered(chat)
    turn.get_by_role("grid").wait_for()
    cells = turn.get_by_role("gridcell").all_inner_texts()
    assert cells[:4] == ["AA", "30", "UA", "20"] or cells[:4] == ["AA", "30.0", "UA", "20.0"], cells
    lab.shot("mentions-dataframe")


def test_a_file_that_is_mentioned_is_loaded_where_it_stands(lab: Lab, chat: Any, lab_folder: Path) -> None:
    (lab_folder / "data").mkdir(exist_ok=True)
    (lab_folder / "data" / "shop sales.csv").write_text("region,amount\nnorth,1\nsouth,2\nnorth,5\n", encoding="utf-8")
    box = chat.get_by_label("Ask about your data")
    _typed(lab, chat, "total amount of @dat").wait_for()
    chat.get_by_role("option", name="@data", exact=False).first.click()
    chat.get_by_role("option", name="shop sales.csv").click()
    assert box.input_value() == 'total amount of @"data/shop sales.csv" '
    chat.get_by_text("is a file, not a table").wait_for()
    lab.shot("mentions-file")
    chat.get_by_role("button", name="Load it as a table").click()
    lab.page.wait_for_function("() => !document.querySelector('[data-pd-composer]').value.includes('csv')")
    assert box.input_value() == 'total amount of @"shop sales" '
    box.press("End")
    lab.page.keyboard.type("by region")
    lab.page.keyboard.press("Enter")
    turn = _answered(chat)
    turn.get_by_role("grid").wait_for()
    assert turn.get_by_role("gridcell").all_inner_texts()[:4] == ["north", "6", "south", "2"]


def test_a_model_is_named_before_it_is_asked_and_its_cost_is_counted(
    lab: Lab, chat: Any, model_server: ModelServer
) -> None:
    model_server.script = [COUNTED]
    chat.get_by_text("Stays on this machine").wait_for()
    assert chat.get_by_role("note").count() == 0
    chat.get_by_label("Planner").select_option("openai")
    note = chat.get_by_role("note")
    text = note.inner_text()
    assert f"to a model on this machine, at 127.0.0.1:{model_server.port}" in text
    assert "table schemas" in text
    assert "No rows." in text
    assert model_server.asked == []  # choosing asks nobody
    note.get_by_role("button", name="List").click()
    note.get_by_role("button", name="1 model").wait_for()
    assert note.locator("datalist option").get_attribute("value") == "small-model"
    note.get_by_label("Model").fill("small-model-2")
    chat.get_by_label("Ask about your data").fill("how many @planes")
    lab.page.keyboard.press("Escape")
    lab.page.keyboard.press("Enter")
    turn = _answered(chat)
    turn.get_by_text("All planes, counted.").wait_for()
    assert model_server.asked[-1].body["model"] == "small-model-2"
    assert "The person points at @planes: the table planes." in model_server.wire()
    assert "3,200 tokens" in turn.inner_text()
    assert "price not known" in turn.inner_text()
    note.get_by_label("Model").fill("small-model")
    chat.get_by_label("Ask about your data").fill("and once more")
    lab.page.keyboard.press("Enter")
    turn = _answered(chat)
    turn.get_by_text("0.0040 USD").wait_for()  # 3,000 read at 1, 200 written at 5 dollars a million
    assert "This conversation: 2 questions, 6,400 tokens" in note.inner_text()
    assert "those before it" in note.inner_text()
    lab.shot("model")
    lab.theme("JupyterLab Dark")
    lab.shot("model-dark")
    lab.theme("JupyterLab Light")


def test_a_planner_far_away_is_warned_of_before_anything_is_sent(lab: Lab, chat: Any) -> None:
    chat.get_by_label("Planner").select_option("openai")
    # What the kernel would tell, were the model's server another machine.
    far = "https://me:pw@models.example/v1"
    _run(lab, f"here = os.environ['PLUTODUCK_AGENT__BASE_URL']\nos.environ['PLUTODUCK_AGENT__BASE_URL'] = '{far}'\n"
              "%reload_ext pluto_duck")
    lab.page.evaluate("() => window.jupyterapp.commands.execute('pluto-duck:refresh')")
    note = chat.locator(".pd-sends.pd-warn")
    note.wait_for()
    assert "Sends this question and" in note.inner_text()
    assert "models.example" in note.inner_text()
    assert "pw" not in chat.inner_text()
    chat.get_by_text("Question leaves").wait_for()
    lab.shot("leaves")
    _run(lab, "os.environ['PLUTODUCK_AGENT__BASE_URL'] = here\n%reload_ext pluto_duck")
    chat.locator(".pd-sends.pd-plain").wait_for()


def test_conversations_are_found_renamed_exported_and_forgotten(lab: Lab, chat: Any, tmp_path: Path) -> None:
    for question in ("how many airports are there", "number of @planes"):
        lab.command("pluto-duck:new-conversation")
        chat.get_by_label("Ask about your data").fill(question)
        lab.page.keyboard.press("Escape")
        lab.page.keyboard.press("Enter")
        _answered(chat)
    chat.get_by_role("button", name="Earlier conversations").click()
    rows = chat.locator(".pd-talks li")
    rows.filter(has_text="airports").wait_for()
    chat.get_by_label("Search conversations").fill("FROM airports")  # what stands in the SQL
    rows.filter(has_text="number of @planes").wait_for(state="detached")
    assert "how many airports" in rows.first.inner_text()
    row = rows.filter(has_text="how many airports").first
    row.get_by_role("button", name="Rename").click()
    chat.get_by_label("Title").fill("Airports, counted")
    lab.page.keyboard.press("Enter")
    row = rows.filter(has_text="Airports, counted")
    row.wait_for()
    lab.shot("conversations")
    with lab.page.expect_download() as download:
        row.get_by_role("button", name="Export as Markdown").click()
    assert download.value.suggested_filename == "Airports counted.md"
    download.value.save_as(tmp_path / "told.md")
    told = (tmp_path / "told.md").read_text(encoding="utf-8")
    assert told.startswith("# Airports, counted\n")
    assert "```sql\nSELECT" in told
    row.get_by_role("button", name="Airports, counted").first.click()
    chat.locator(".pd-head h2", has_text="Airports, counted").wait_for()
    assert "how many airports are there" in chat.locator(".pd-q").inner_text()

    chat.get_by_role("button", name="Earlier conversations").click()
    rows.filter(has_text="Airports, counted").get_by_role("button", name="Forget").click()
    lab.shot("conversations-forget")
    lab.page.keyboard.press("Enter")  # the focus is on Keep
    row = rows.filter(has_text="Airports, counted")
    row.get_by_role("button", name="Forget").click()
    chat.get_by_role("button", name="Forget conversation").click()
    row.wait_for(state="detached")
    chat.get_by_role("button", name="Earlier conversations").click()
    assert chat.locator(".pd-head h2").inner_text() == "New conversation"
