"""What a person does with one answer: reads it otherwise, redraws it, mends its SQL, keeps it, goes on from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.panel.browser import ROOT, Lab

DARK = "JupyterLab Dark"


@pytest.fixture(scope="module", autouse=True)
def clipboard(opened: Lab) -> None:
    opened.page.set_default_timeout(30_000)
    opened.page.context.grant_permissions(["clipboard-read", "clipboard-write"])


def _chat(lab: Lab) -> Any:
    return lab.page.locator("#pluto-duck-chat")


def _turns(lab: Lab) -> Any:
    return lab.page.locator(".pd-turn")


def _ask(lab: Lab, question: str) -> Any:
    """This turn, also when others come after it."""
    lab.ask(question)
    return _turns(lab).nth(_turns(lab).count() - 1)


def _settled(lab: Lab, turns: int) -> Any:
    """The last turn, once there are so many and it is answered."""
    lab.page.wait_for_function("n => document.querySelectorAll('.pd-turn').length === n", arg=turns)
    lab.page.locator(".pd-log[aria-busy=false]").wait_for()
    return _turns(lab).nth(turns - 1)


def _edit(lab: Lab, turn: Any, sql: str) -> None:
    turn.get_by_role("button", name="Edit SQL").click()
    turn.get_by_label("SQL of this answer").fill(sql)
    lab.page.keyboard.press("Control+Enter")


def _more(turn: Any, item: str) -> None:
    turn.get_by_role("button", name="More", exact=True).click()
    turn.get_by_role("menuitem", name=item, exact=True).click()


def _copied(lab: Lab) -> str:
    return str(lab.page.evaluate("() => navigator.clipboard.readText()"))


def test_an_assumption_is_taken_away_and_the_old_answer_stays(loaded: Lab) -> None:
    first = _ask(loaded, "Airbus planes")
    assert "not 'AIRBUS INDUSTRIE'" in first.get_by_role("list", name="Assumptions").inner_text()
    before = first.get_by_text("rows", exact=False).last.inner_text()
    loaded.shot("answers-assumed")
    first.get_by_role("button", name="Take away", exact=False).click()
    second = _settled(loaded, 2)
    assert "AIRBUS INDUSTRIE" in second.inner_text()
    assert second.get_by_role("list", name="Assumptions").count() == 0
    assert "Airbus planes" in second.locator(".pd-q").inner_text()
    assert "Without:" in second.locator(".pd-q").inner_text()
    # The old one stands above, with its rows.
    assert first.get_by_role("grid").count() == 1
    assert before in first.inner_text()
    loaded.shot("answers-without")


def test_a_chart_is_redrawn_by_the_types_that_fit(loaded: Lab) -> None:
    turn = _ask(loaded, "number of flights by month")
    chart = turn.locator("svg.pd-chart")
    switch = turn.get_by_role("group", name="Type of chart")
    assert [one.get_attribute("aria-label") for one in switch.get_by_role("button").all()] == ["Lines", "Bars", "Points"]
    assert chart.locator("polyline").count() == 1
    switch.get_by_role("button", name="Bars").click()
    assert chart.locator("rect").count() == 12
    assert chart.locator("polyline").count() == 0
    loaded.shot("answers-bars")
    switch.get_by_role("button", name="Points").click()
    assert chart.locator("circle").count() == 12
    # What can be drawn in one way only has no switch.
    turn = _ask(loaded, "number of flights by carrier")
    assert turn.locator("svg.pd-chart").count() == 1
    assert turn.get_by_role("group", name="Type of chart").count() == 0
    # SQL of one's own is drawn as its rows allow.
    _edit(loaded, turn, "SELECT month, origin, count(*) AS n FROM flights GROUP BY 1, 2 ORDER BY 1, 2")
    turn.locator("svg.pd-chart polyline").nth(2).wait_for()
    assert "edited by you" in turn.inner_text()
    turn.get_by_role("button", name="Bars").click()
    assert turn.locator("svg.pd-chart rect").count() == 30  # 10 of 12 months, three origins each
    assert "2 more are not drawn" in turn.inner_text()
    loaded.shot("answers-series")


def test_sql_that_does_not_run_is_explained_and_mended(loaded: Lab) -> None:
    turn = _ask(loaded, "number of flights by carrier")
    _edit(loaded, turn, "SELECT carrier,\n  avg(dep_dealy) AS late\nFROM flights\nGROUP BY carrier\nORDER BY 2 DESC")
    failed = turn.get_by_role("group", name="What went wrong")
    failed.get_by_text("The nearest column is dep_delay.").wait_for()
    assert 'There is no column "dep_dealy" here.' in failed.get_by_role("alert").inner_text()
    change = failed.get_by_role("group", name="Proposed change")
    assert [line.inner_text().replace("\n", "") for line in change.locator(".pd-come, .pd-gone").all()] == [
        "\u2212  avg(dep_dealy) AS late", "+  avg(dep_delay) AS late"]
    assert change.locator("del").inner_text() == "dep_dealy"
    assert change.locator("ins").inner_text() == "dep_delay"
    assert "16 rows" in failed.inner_text()
    assert "nothing left this machine" in failed.inner_text()
    # The database's own words are a click away.
    assert failed.locator("pre").count() == 0
    failed.get_by_role("button", name="Binder Error", exact=False).click()
    assert "Candidate bindings" in failed.locator("pre").inner_text() or "LINE 2" in failed.locator("pre").inner_text()
    loaded.shot("answers-fix")
    # Another column was meant: another proposal.
    failed.get_by_role("button", name="arr_delay").click()
    failed.get_by_text("The nearest column is arr_delay.").wait_for()
    failed.get_by_role("button", name="Apply", exact=True).click()
    editor = turn.get_by_label("SQL of this answer")
    assert "avg(arr_delay)" in editor.input_value()
    assert failed.count() == 0
    assert turn.get_by_role("grid").count() == 0  # applied, not run
    editor.fill("SELECT carier FORM flihgts LIMIT 3")
    editor.press("Control+Enter")
    failed.get_by_role("button", name="Apply and run").click()
    turn.get_by_role("grid").wait_for()
    assert editor.input_value() == "SELECT carrier FROM flights LIMIT 3"
    turn.get_by_role("button", name="Back to the answer").click()
    assert "edited by you" not in turn.inner_text()


def test_a_write_that_fails_is_not_tried_and_what_nobody_knows_is_said(loaded: Lab) -> None:
    turn = _ask(loaded, "number of flights by carrier")
    _edit(loaded, turn, "DELETE FROM flihgts")
    failed = turn.get_by_role("group", name="What went wrong")
    failed.get_by_text("it was not run", exact=False).wait_for()
    failed.get_by_role("button", name="Dismiss").click()
    assert failed.get_by_role("button", name="Apply and run").count() == 0
    editor = turn.get_by_label("SQL of this answer")
    editor.fill("SELECT 1 +")
    editor.press("Control+Enter")
    failed.get_by_text("No rule mends this").wait_for()
    loaded.shot("answers-no-fix")
    assert _ask(loaded, "how many flights are there").get_by_text("33,682").count()


def test_an_answer_becomes_cells_that_run(loaded: Lab) -> None:
    turn = _ask(loaded, "number of flights by origin")
    before = len(loaded.cells())
    _more(turn, "Insert as Python")
    loaded.page.wait_for_function(
        "n => window.jupyterapp.shell.currentWidget.content.widgets.length === n", arg=before + 1)
    [at] = [at for at, cell in enumerate(loaded.cells()) if "session.query(" in cell["source"]]
    loaded.run_cell(at)
    loaded.page.wait_for_function(
        "at => window.jupyterapp.shell.currentWidget.content.widgets[at].model.outputs.length > 0", arg=at)
    [output] = [one for one in loaded.cells()[at]["outputs"] if one["output_type"] == "execute_result"]
    assert "EWR" in str(output["data"]["text/html"])
    check = loaded.add_cell("print(type(df).__name__, len(df))")
    loaded.run_cell(check)
    loaded.page.locator(".jp-OutputArea-output", has_text="DataFrame 3").wait_for()


def test_a_view_is_proposed_approved_and_there(loaded: Lab) -> None:
    turn = _ask(loaded, "number of flights by origin")
    turn.get_by_role("button", name="Save as view").click()
    form = turn.get_by_role("group", name="Save as view")
    assert form.get_by_label("Name").input_value() == "number_of_flights_by_origin"
    form.get_by_label("Name").fill("flights")
    form.get_by_role("button", name="Propose this view").click()
    form.get_by_role("alert").get_by_text("already", exact=False).wait_for()  # a table is in the way
    form.get_by_label("Name").fill("by_origin")
    loaded.shot("answers-save-view")
    form.get_by_role("button", name="Propose this view").click()
    card = turn.get_by_role("article", name="Proposal")
    card.get_by_text("waits for approval").wait_for()
    assert "CREATE VIEW" in card.inner_text()
    assert "3 rows" in card.inner_text()
    # Nothing is there before somebody says so, and Enter does not.
    tree = loaded.page.locator("#pluto-duck-data").get_by_role("treegrid")
    assert tree.get_by_text("by_origin").count() == 0
    loaded.shot("answers-proposal")
    card.get_by_role("button", name="Approve").click()
    card.get_by_text("approved and done").wait_for()
    tree.get_by_text("by_origin").wait_for()
    loaded.shot("answers-approved")
    # Its columns have names that the questions of other tests speak of.
    at = loaded.add_cell("%%pluto sql\nDROP VIEW by_origin")
    loaded.run_cell(at)
    assert "DROP: done" in str(loaded.cells()[at]["outputs"])


def test_an_answer_is_kept_as_a_model(loaded: Lab, lab_folder: Path) -> None:
    turn = _ask(loaded, "number of flights by origin")
    turn.get_by_role("button", name="Keep as model").click()
    form = turn.get_by_role("group", name="Keep as model")
    assert form.get_by_label("Name").input_value() == "number_of_flights_by_origin"
    assert form.get_by_label("Description").input_value() == "number of flights by origin"
    form.get_by_label("Name").fill("by_airport")
    form.get_by_label("dbt makes it as").select_option("table")
    loaded.shot("answers-keep-model")
    form.get_by_role("button", name="Propose this model").click()
    card = turn.get_by_role("article", name="Proposal")
    card.get_by_text("waits for approval").wait_for()
    for text in ("models/marts/by_airport.sql", "source('raw', 'flights')", "materialized='table'", "data_tests",
                 "number of flights by origin", "3 rows"):
        assert text in card.inner_text()
    loaded.shot("answers-model-proposed")
    # What a person edits is what is written.
    card.get_by_role("button", name="Edit").click()
    panel = loaded.page.locator("#pluto-duck-chat")
    field = panel.get_by_label("What is proposed")
    field.fill(field.input_value().replace("number of flights by origin", "Flights of each airport"))
    panel.get_by_role("button", name="Try and keep").click()
    panel.get_by_role("button", name="Approve").wait_for()
    assert "Flights of each airport" in panel.inner_text()
    loaded.shot("approvals-model")
    panel.get_by_role("button", name="Approve").click()
    panel.get_by_role("heading", name="Nothing waits for you").wait_for()
    made = lab_folder / "dbt/models/marts"
    assert "Flights of each airport" in (made / "by_airport.yml").read_text()
    assert "GROUP BY" in (made / "by_airport.sql").read_text().upper()


def test_a_question_is_verified_and_answered_by_its_sql(loaded: Lab) -> None:
    turn = _ask(loaded, "number of flights by origin")
    _edit(loaded, turn, "SELECT origin, count(*) AS departures FROM flights GROUP BY origin ORDER BY origin")
    turn.get_by_role("grid").get_by_text("departures").wait_for()
    _more(turn, "Save as verified …")
    form = turn.get_by_role("group", name="Save as verified")
    form.get_by_label("Question", exact=False).fill("departures of each airport")
    loaded.shot("answers-verify")
    form.get_by_role("button", name="Vouch for this SQL").click()
    turn.get_by_text("Verified: “departures of each airport”").wait_for()
    assert turn.get_by_role("button", name="Right answer").get_attribute("aria-pressed") == "true"
    again = _ask(loaded, "departures of each airport")
    assert "a verified question" in again.inner_text()
    assert again.get_by_role("grid").get_by_text("departures").count() == 1
    # With other SQL it has to be said twice.
    _edit(loaded, again, "SELECT 1 AS n")
    again.get_by_role("button", name="Save as view").wait_for()
    _more(again, "Save as verified …")
    again.get_by_role("button", name="Vouch for this SQL").click()
    again.get_by_role("button", name="Replace its SQL").wait_for()
    again.get_by_role("button", name="Cancel").click()


def test_a_wrong_answer_takes_a_note(loaded: Lab) -> None:
    turn = _ask(loaded, "number of flights by origin")
    turn.get_by_role("button", name="Wrong answer").click()
    turn.get_by_role("button", name="Say why").click()
    turn.get_by_label("Note").fill("it counts cancelled ones")
    turn.get_by_role("button", name="Keep this note").click()
    turn.get_by_role("group", name="What is wrong with it?").wait_for(state="detached")
    assert turn.get_by_role("button", name="Wrong answer").get_attribute("aria-pressed") == "true"


def test_sql_rows_and_chart_are_copied(loaded: Lab) -> None:
    turn = _ask(loaded, "number of flights by origin")
    _more(turn, "SQL")
    assert _copied(loaded).startswith("SELECT")
    _more(turn, "Rows, for a spreadsheet")
    assert "EWR\t" in _copied(loaded)
    turn.get_by_role("button", name="More", exact=True).click()
    loaded.shot("answers-menu")
    loaded.page.keyboard.press("End")
    loaded.page.keyboard.press("ArrowUp")
    loaded.page.keyboard.press("ArrowUp")
    assert loaded.page.locator("[role=menuitem]:focus").inner_text() == "Rows as CSV"
    loaded.page.keyboard.press("Enter")
    assert "EWR," in _copied(loaded)
    _more(turn, "Chart as SVG")
    picture = _copied(loaded)
    assert picture.startswith("<svg")
    assert "EWR" in picture
    assert "var(" not in picture
    assert "class=" not in picture
    _more(turn, "Chart as PNG")
    loaded.page.wait_for_function("""async () => {
        const [item] = await navigator.clipboard.read();
        if (!item.types.includes('image/png')) return false;
        const image = await createImageBitmap(await item.getType('image/png'));
        return image.width === 656;
    }""")


def test_what_is_offered_next_goes_on(loaded: Lab) -> None:
    turn = _ask(loaded, "number of flights by origin")
    chips = turn.locator(".pd-press")
    chips.nth(2).wait_for()
    texts = [one.inner_text() for one in chips.all()]
    assert any(one.startswith("only ") for one in texts)
    loaded.shot("answers-next")
    chips.first.click()
    went = _settled(loaded, 2)
    assert texts[0] in went.locator(".pd-q").inner_text()
    assert went.get_by_role("grid").count() + went.locator(".pd-number").count()
    assert _turns(loaded).first.locator(".pd-press").count() == 0  # they belong to the last answer
    _more(went, "Ask again")
    again = _settled(loaded, 3)
    assert texts[0] in again.locator(".pd-q").inner_text()


def test_steps_fold_to_a_line(loaded: Lab) -> None:
    turn = _ask(loaded, "number of flights by origin")
    line = turn.get_by_role("button", name="steps", exact=False)
    assert line.get_attribute("aria-expanded") == "false"
    assert "Found the words" in line.inner_text()
    assert turn.locator(".pd-steps").count() == 0
    line.click()
    assert turn.locator(".pd-steps li").count() >= 3
    loaded.shot("answers-steps")


def test_a_choice_folds_and_can_be_changed(loaded: Lab) -> None:
    turn = _ask(loaded, "average delay by carrier")
    assert turn.locator(".pd-opt").count() == 2
    loaded.shot("answers-clarify")
    loaded.page.keyboard.press("Escape")
    turn.locator(".pd-opt").first.press("2")
    second = _settled(loaded, 2)
    chosen = turn.locator(".pd-past").inner_text()
    assert "by carrier" in chosen
    assert second.get_by_role("grid").is_visible()
    loaded.shot("answers-chosen")
    turn.get_by_role("button", name="Change").click()
    turn.locator(".pd-opt").first.click()
    third = _settled(loaded, 3)
    assert third.locator(".pd-q").inner_text() != second.locator(".pd-q").inner_text()
    assert turn.locator(".pd-past").inner_text() != chosen


def test_an_unknown_word_is_marked_defined_and_then_known(loaded: Lab) -> None:
    turn = _ask(loaded, "tardiness by carrier")
    assert turn.locator(".pd-unknown").inner_text() == "tardiness"
    offers = turn.locator(".pd-opt")
    offers.first.wait_for()
    assert "by carrier" in offers.first.inner_text()
    loaded.shot("answers-declined")
    turn.get_by_role("button", name="Define “tardiness”").click()
    form = turn.get_by_role("group", name="Define “tardiness”")
    assert form.get_by_label("Measured over the rows of").input_value() == "flights"
    field = form.get_by_label("As SQL", exact=False)
    field.fill("avg(dep_dealy)")
    form.get_by_role("button", name="Propose this meaning").click()
    form.get_by_role("alert").get_by_text("dep_dealy", exact=False).wait_for()
    field.fill("avg(dep_delay)")
    loaded.shot("answers-define")
    form.get_by_role("button", name="Propose this meaning").click()
    card = turn.get_by_role("article", name="Proposal")
    assert "avg(dep_delay)" in card.inner_text()
    card.get_by_role("button", name="Approve").click()
    card.get_by_role("button", name="Ask again").click()
    known = _settled(loaded, 2)
    assert known.get_by_role("grid").is_visible()
    turn.get_by_text("approved and done").wait_for()


def test_the_rows_of_an_earlier_answer_come_again_with_their_charts(loaded: Lab) -> None:
    _ask(loaded, "number of flights by month")
    loaded.command("pluto-duck:new-conversation")
    _chat(loaded).get_by_role("button", name="Earlier conversations").click()
    _chat(loaded).locator(".pd-talk", has_text="number of flights by month").first.click()
    turn = _turns(loaded).last
    turn.get_by_role("button", name="Show rows").click()
    turn.locator("svg.pd-chart polyline").wait_for()
    assert turn.get_by_role("group", name="Type of chart").is_visible()


@pytest.mark.parametrize("theme", [DARK, "JupyterLab Light"])
def test_it_looks_well_in_the_dark_and_at_every_width(loaded: Lab, theme: str) -> None:
    loaded.theme(theme)
    turn = _ask(loaded, "number of flights by month")
    turn.get_by_role("button", name="Bars").click()
    loaded.shot(f"answers-chart-{theme.split()[-1].lower()}")
    _edit(loaded, turn, "SELECT carrier,\n  avg(dep_dealy) AS late\nFROM flights\nGROUP BY carrier")
    turn.get_by_role("button", name="Apply and run").wait_for()
    loaded.shot(f"answers-fix-{theme.split()[-1].lower()}")
    wide = loaded.page.evaluate("""() => [...document.querySelectorAll('#pluto-duck-chat .pd-turn *')]
        .filter(one => one.getBoundingClientRect().right > document.querySelector('#pluto-duck-chat')
            .getBoundingClientRect().right + 1 && !one.closest('.pd-sheet, .pd-change, .pd-pre'))
        .map(one => one.outerHTML.slice(0, 120))""")
    assert wide == []
    axe = ROOT / "jupyter_extension" / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.exists():
        pytest.skip("axe-core is not installed: no npm here when the sidebar was built")
    declined = _ask(loaded, "churn by carrier")
    declined.locator(".pd-opt").first.wait_for()
    declined.get_by_role("button", name="Define “churn”").click()
    loaded.shot(f"answers-define-{theme.split()[-1].lower()}")
    turn.get_by_role("button", name="More", exact=True).click()
    loaded.page.evaluate(axe.read_text(encoding="utf-8"))
    found = loaded.page.evaluate("""async () => (await axe.run({include: [['#pluto-duck-chat']]})).violations
        .filter(one => ['serious', 'critical'].includes(one.impact))
        .map(one => [one.id, one.nodes.slice(0, 3).map(node => node.html.slice(0, 160) + ' ' + node.failureSummary)])""")
    assert not found, found
