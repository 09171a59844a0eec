"""Changes that wait for a person, decided in the sidebar: seen, edited, approved, rejected, too late."""

from __future__ import annotations

from typing import Any

import pytest

from tests.panel.browser import Lab

PROPOSE = """
import json, time, pluto_duck
from pluto_duck.agent.approvals import Approvals
_s = pluto_duck.open()
def _proposed(kind, target, body, question="", now=time.time):
    return Approvals(_s, now).propose(kind, target, body, question=question, planner="team-model").id
"""


def _run(lab: Lab, source: str) -> str:
    """What it prints."""
    lab.page.evaluate("""source => {
        const { content } = window.jupyterapp.shell.currentWidget;
        const { sharedModel } = content.model;
        sharedModel.insertCell(sharedModel.cells.length, { cell_type: 'code', source });
    }""", source)
    at = len(lab.cells()) - 1
    lab.run_cell(at)
    outputs = lab.cells()[at]["outputs"]
    assert not [one for one in outputs if one["output_type"] == "error"], outputs
    return "".join(one.get("text", "") for one in outputs)


def _count(lab: Lab, sql: str) -> int:
    return int(_run(lab, f"print(_s.query({sql!r}).scalar())"))


@pytest.fixture
def waits(loaded: Lab) -> Any:
    """Makes proposals in the kernel, as an agent would, and opens the list. At the end nothing waits."""
    _run(loaded, PROPOSE)
    panel = loaded.page.locator("#pluto-duck-chat")

    def propose(*calls: str) -> Any:
        _run(loaded, "\n".join(f"_proposed({one})" for one in calls))
        panel.get_by_role("button", name=f"Approvals, {len(calls)} waiting").click()
        panel.locator(".pd-card").nth(len(calls) - 1).wait_for()
        return panel

    yield propose
    _run(loaded, "for one in Approvals(_s).all(waiting=True): Approvals(_s).reject(one.id)")
    panel.get_by_text("Nothing waits for you").wait_for()


def test_a_new_table_is_approved_and_is_there(loaded: Lab, waits: Any) -> None:
    panel = waits("'table', 'late_flights', 'SELECT carrier, origin, dep_delay FROM flights WHERE dep_delay > 60', "
                  "'keep the flights that left over an hour late'")
    card = panel.locator(".pd-card")
    late = _count(loaded, "SELECT count(*) FROM flights WHERE dep_delay > 60")
    assert f"{late:,} rows" in card.inner_text()
    assert "DROP TABLE" in card.inner_text()
    tab = loaded.page.locator(".lm-TabBar-tab[data-id=pluto-duck-chat], .lm-TabBar-tab[data-pd-waiting]").first
    assert tab.get_attribute("data-pd-waiting") == "1"
    assert not panel.locator(".pd-btn.pd-main:focus").count()  # after opening, nothing dangerous has the focus
    loaded.page.keyboard.press("Enter")
    loaded.shot("approvals")
    tree = loaded.page.locator("#pluto-duck-data").get_by_role("treegrid")
    assert tree.get_by_text("late_flights", exact=True).count() == 0
    card.get_by_role("button", name="Approve").click()
    tree.get_by_text("late_flights", exact=True).wait_for()
    panel.get_by_text("Nothing waits for you").wait_for()
    assert _count(loaded, "SELECT count(*) FROM late_flights") == late > 1000
    panel.get_by_role("button", name="earlier decision").click()
    panel.get_by_text("approved, by").first.wait_for()
    _run(loaded, "_s.query('DROP TABLE late_flights')")


def test_a_view_that_is_replaced_shows_what_changes_and_can_be_edited_first(loaded: Lab, waits: Any) -> None:
    _run(loaded, "_s.query('CREATE OR REPLACE VIEW monthly AS\\nSELECT month, avg(dep_delay) AS delay\\nFROM flights\\nGROUP BY month')")
    panel = waits("'view', 'monthly', 'SELECT month, round(avg(dep_delay), 1) AS delay, count(*) AS flights\\nFROM flights"
                  "\\nGROUP BY month', 'round the delays of monthly and count the flights'")
    card = panel.locator(".pd-card")
    assert card.get_by_role("heading").count() == 0
    assert "Replace view monthly" in card.inner_text()
    assert card.locator(".pd-del").count() >= 1
    assert card.locator(".pd-add").count() >= 1
    loaded.shot("approvals-diff")
    card.get_by_role("button", name="Edit SQL").click()
    text = card.get_by_label("What is proposed")
    text.fill("SELECT nothing_here FROM flights")
    card.get_by_role("button", name="Try and keep").click()
    card.get_by_text("nothing_here", exact=False).last.wait_for()
    assert text.input_value() == "SELECT nothing_here FROM flights"
    loaded.shot("approvals-edit-failed")
    text.fill("SELECT month, count(*) AS flights FROM flights WHERE month <= 6 GROUP BY month")
    loaded.page.keyboard.press("Enter")  # breaks the line, and nothing else
    card.get_by_role("button", name="Try and keep").click()
    card.get_by_text("6 rows", exact=False).wait_for()
    card.get_by_role("button", name="Approve").click()
    panel.get_by_text("Nothing waits for you").wait_for()
    assert _count(loaded, "SELECT count(*) FROM monthly") == 6
    _run(loaded, "_s.query('DROP VIEW monthly')")


def test_what_somebody_else_edits_is_not_approved_unread(loaded: Lab, waits: Any) -> None:
    panel = waits("'table', 'some', 'SELECT * FROM airports LIMIT 3'")
    card = panel.locator(".pd-card")
    # The click comes before the news of the edit: that is held back.
    _run(loaded, "from pluto_duck.panel.deciding import Proposals\n"
                 "look, Proposals.look = Proposals.look, lambda self, session: None\n"
                 "one = Approvals(_s).all(waiting=True)[0]\n"
                 "Approvals(_s).edit(one.id, 'SELECT * FROM airports LIMIT 1000')")
    assert "3 rows" in card.inner_text()
    card.get_by_role("button", name="Approve").click()
    card.get_by_text("was edited after you looked at it").wait_for()
    card.get_by_text("1,000 rows").wait_for()
    loaded.shot("approvals-outdated")
    _run(loaded, "Proposals.look = look")
    assert "LIMIT 1000" in card.inner_text()
    card.get_by_role("button", name="Reject").click()
    card.get_by_label("Why not?").fill("too many rows")
    loaded.page.keyboard.press("Enter")
    assert card.is_visible()  # Enter decides nothing
    loaded.shot("approvals-reject")
    card.get_by_role("button", name="Reject").click()
    panel.get_by_text("Nothing waits for you").wait_for()
    panel.get_by_role("button", name="earlier decision").click()
    panel.get_by_text("too many rows").wait_for()
    assert _count(loaded, "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'some'") == 0
    loaded.shot("approvals-earlier")


def test_what_came_too_late_is_expired(loaded: Lab, waits: Any) -> None:
    panel = waits("'table', 'soon', 'SELECT 1 AS a', 'in a moment', lambda: time.time() - 72 * 3600 + 4")
    panel.locator(".pd-card").wait_for()
    panel.get_by_text("Nothing waits for you").wait_for()
    panel.get_by_role("button", name="earlier decision").click()
    panel.get_by_text("expired").first.wait_for()


def test_several_kinds_with_hostile_and_long_names_stand_in_the_dark(loaded: Lab, waits: Any) -> None:
    long = "a_view_with_a_name_that_goes_on_and_on_" * 4
    panel = waits(f"'view', '{long}', 'SELECT 1 AS a', 'a long name'",
                  "'view', '\"<img src=x onerror=alert(1)> \\u202egnp\"', 'SELECT 2 AS b', '<b>bold</b>'",
                  "'semantics', 'metrics.mean_delay', json.dumps({'table': 'flights', 'expression': 'avg(dep_delay)'}),"
                  " 'remember what a mean delay is'")
    assert panel.locator(".pd-card img").count() == 0
    assert "<img src=x onerror=alert(1)> \\u202egnp" in panel.inner_text()
    box = panel.bounding_box()
    assert panel.evaluate("node => node.scrollWidth <= node.clientWidth")
    assert box["width"] >= 320
    loaded.theme("JupyterLab Dark")
    loaded.shot("approvals-dark")
    loaded.theme("JupyterLab Light")


HELD_BACK = """
_root = _s.workspace.root
(_root / 'checks.yaml').write_text('version: 1\\ntables:\\n  fares:\\n    publish: checked\\n    on_failure: approve\\n'
                                   '    checks:\\n      - {sql: fare > 0, name: positive}\\n')
(_root / 'fares.csv').write_text('id,fare\\n1,20\\n2,-5\\n')
try:
    _s.ingest(str(_root / 'fares.csv'))
except pluto_duck.errors.ChecksFailed as error:
    print(error.message)
"""


def test_rows_that_a_check_held_back_are_looked_at_and_published(loaded: Lab, waits: Any) -> None:
    _run(loaded, "import pluto_duck.errors")
    assert "positive: 1 of 2 rows" in _run(loaded, HELD_BACK)
    panel = loaded.page.locator("#pluto-duck-chat")
    panel.get_by_role("button", name="Approvals, 1 waiting").click()
    card = panel.locator(".pd-card")
    card.wait_for()
    said = card.inner_text()
    assert "Publish what was held back of fares" in said
    assert "positive: 1 of 2 rows" in said
    assert "\nThe rows that fail:\n" in said, "line by line"
    assert card.get_by_role("button", name="Edit").count() == 0
    assert _count(loaded, "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'fares'") == 0
    loaded.shot("approvals-held")
    card.get_by_role("button", name="Approve").click()
    panel.get_by_text("Nothing waits for you").wait_for()
    assert _count(loaded, "SELECT count(*) FROM fares") == 2
    _run(loaded, "_s.query('DROP TABLE fares'); (_root / 'checks.yaml').unlink(); (_root / 'fares.csv').unlink()")
