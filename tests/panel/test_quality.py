"""The sidebar for everybody: three themes, axe, narrow panels, 200 % zoom, wide fonts, right to left, no motion."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.panel.browser import ROOT, Lab

THEMES = ("JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast")
AXE = ROOT / "jupyter_extension" / "node_modules" / "axe-core" / "axe.min.js"
#: All of ours in the page, wherever it stands: panels, tabs, dialogs, cells, the status bar.
FOUND = """async () => {
    const ours = one => [...one.classList].some(name => name.startsWith('pd-'));
    const roots = [...document.querySelectorAll('[class*="pd-"]')].filter(one => ours(one) && one.checkVisibility()
        && !one.parentElement.closest('.pd-root, .pd-status-item'));
    const found = await axe.run({include: roots}, {rules: {'target-size': {enabled: true}}});
    return found.violations.filter(one => ['serious', 'critical'].includes(one.impact))
        .map(one => [one.id, one.nodes.slice(0, 3).map(node => node.html.slice(0, 160) + ' ' + node.failureSummary)]);
}"""
#: What is wider than its place, or stands outside of its panel; what is made to scroll may be wider.
OVERFLOWING = """() => ['#pluto-duck-data', '#pluto-duck-chat'].flatMap(id => {
    const panel = document.querySelector(id);
    const box = panel.getBoundingClientRect();
    const scrolls = one => /(auto|scroll)/.test(getComputedStyle(one).overflowX);
    const found = [...panel.querySelectorAll('*')].filter(one => {
        const here = one.getBoundingClientRect();
        if (!one.checkVisibility() || !here.width || one.closest('.pd-sheet, pre, textarea, svg, .pd-sr')) return false;
        return here.left < box.left - 1 || here.right > box.right + 1;
    });
    const wide = [panel, ...panel.querySelectorAll('.pd-panel, .pd-scroll, .pd-log')]
        .filter(one => one.scrollWidth > one.clientWidth + 1);
    return [...found, ...wide].map(one => `${id} ${one.className} ${one.textContent.slice(0, 40)}`);
})"""


def _open_table(lab: Lab) -> None:
    row = lab.page.locator("[data-pd-row='main.flights']")
    row.wait_for()
    if row.get_attribute("aria-expanded") == "false":
        row.click()
    lab.page.locator("[data-pd-profile=done]").first.wait_for()
    column = lab.page.locator("#pluto-duck-data").get_by_role("row").filter(has_text="dep_delay").first
    if column.get_attribute("aria-expanded") == "false":
        column.click()
    lab.page.locator(".pd-detail").wait_for()


def _answered(lab: Lab) -> None:
    _open_table(lab)
    turn = lab.ask("average dep delay by month in flights")
    turn.get_by_role("button", name="SQL", exact=False).first.click()
    turn.get_by_role("button", name=re.compile(r"^\d+ steps?$")).click()


def _declined(lab: Lab) -> None:
    lab.ask("churn by carrier")


def _edited(lab: Lab) -> None:
    turn = lab.ask("how many planes are there")
    turn.get_by_role("button", name="Edit SQL").click()
    turn.get_by_label("SQL of this answer").fill("SELECT no_such_column FROM planes")
    lab.page.keyboard.press("Control+Enter")
    turn.get_by_role("alert").wait_for()


def _earlier(lab: Lab) -> None:
    lab.page.get_by_role("button", name="Earlier conversations").click()
    lab.page.get_by_label("Search conversations").wait_for()


def _approvals(lab: Lab) -> None:
    lab.command("pluto-duck:show-approvals")
    lab.page.get_by_text("Nothing waits for you").wait_for()


def _preview(lab: Lab) -> None:
    lab.command("pluto-duck:preview", table="main.weather")
    lab.page.get_by_role("grid", name="weather").get_by_role("gridcell", name="EWR").first.wait_for()


STATES: dict[str, Callable[[Lab], None]] = {
    "answered": _answered, "declined": _declined, "edited": _edited, "earlier": _earlier, "approvals": _approvals,
    "preview": _preview}


def _serious(lab: Lab, name: str) -> list[Any]:
    """What axe finds in each theme."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: no npm here when the sidebar was built")
    found = []
    for theme in THEMES:
        lab.theme(theme)
        if not lab.page.evaluate("() => 'axe' in window"):
            lab.page.evaluate(AXE.read_text(encoding="utf-8"))
        lab.shot(f"quality-{name}-{theme.split()[-1].lower()}")
        found += [(theme, one) for one in lab.page.evaluate(FOUND)]
    lab.theme(THEMES[0])
    return found


def _wide(lab: Lab, width: int) -> None:
    lab.page.evaluate("""width => {
        const split = window.jupyterapp.shell._hsplitPanel;
        const all = split.node.clientWidth;
        split.setRelativeSizes([width, all - 2 * width, width]);
    }""", width)
    lab.page.wait_for_function("width => Math.abs(document.querySelector('#pluto-duck-data').clientWidth - width) < 3",
                               arg=width)


def test_axe_finds_nothing_serious_before_it_is_loaded(lab: Lab) -> None:
    lab.page.locator("#pluto-duck-data").get_by_text("is not loaded in this kernel").wait_for()
    assert _serious(lab, "not-loaded") == []


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_serious_in_any_theme(loaded: Lab, state: str) -> None:
    STATES[state](loaded)
    found = _serious(loaded, state)
    if state == "preview":
        loaded.command("application:close")
    assert found == []


def test_every_variable_of_a_theme_that_is_used_exists_in_each_theme(loaded: Lab) -> None:
    styles = "".join(one.read_text(encoding="utf-8") for one in (ROOT / "jupyter_extension" / "style").glob("*.css"))
    names = sorted(set(re.findall(r"var\((--jp-[\w-]+)", styles)))
    assert len(names) > 15
    for theme in THEMES:
        loaded.theme(theme)
        missing = loaded.page.evaluate("""names => names.filter(name =>
            !getComputedStyle(document.body).getPropertyValue(name).trim())""", names)
        assert missing == [], theme
    loaded.theme(THEMES[0])


def test_nothing_is_cut_off_in_narrow_panels_at_200_percent_or_in_a_wide_font(loaded: Lab) -> None:
    page = loaded.page
    _answered(loaded)
    _declined(loaded)
    found = []
    for width in (320, 352, 420):
        _wide(loaded, width)
        loaded.shot(f"quality-{width}")
        found += [(width, one) for one in page.evaluate(OVERFLOWING)]
    page.evaluate("() => document.body.style.setProperty('--jp-ui-font-family', 'monospace')")
    _wide(loaded, 320)
    loaded.shot("quality-wide-font")
    found += [("wide font", one) for one in page.evaluate(OVERFLOWING)]
    page.evaluate("() => document.body.style.removeProperty('--jp-ui-font-family')")
    # A browser's 200 %: as many pixels of the page on half of the screen's.
    page.set_viewport_size({"width": 720, "height": 450})
    loaded.shot("quality-zoom")
    found += [("zoom", one) for one in page.evaluate(OVERFLOWING)]
    assert "1,458" in loaded.ask("how many airports are there").inner_text()
    page.set_viewport_size({"width": 1440, "height": 900})
    # The toolbar of notebooks, which is Lab's, stumbles over what it has just put into its own menu.
    loaded.errors[:] = [one for one in loaded.errors if "removeChild" not in one or "pluto" in one]
    assert found == []


def test_from_right_to_left_it_is_a_mirror_and_names_of_other_scripts_do_not_turn_the_rest(loaded: Lab) -> None:
    page = loaded.page
    loaded.run_cell(loaded.add_cell(
        "%%pluto sql\nCREATE OR REPLACE TABLE \"رحلات\" AS SELECT 'تأخير' AS \"المطار المغادر\", 7 AS \"שדה\u202eabc\""))
    loaded.command("pluto-duck:refresh")
    page.locator("#pluto-duck-data").get_by_role("treegrid").get_by_text("رحلات", exact=True).click()
    row = page.locator("#pluto-duck-data").get_by_role("row").filter(has_text="المطار المغادر").first
    row.wait_for()
    assert row.bounding_box()["height"] == 26
    assert page.locator("#pluto-duck-data").get_by_text("\\u202e").count() == 1  # shown, not obeyed
    _answered(loaded)
    page.evaluate("() => { document.documentElement.dir = 'rtl'; }")
    loaded.shot("quality-rtl")
    found = page.evaluate(OVERFLOWING)
    chevron, name, count = (page.locator("[data-pd-row='main.flights']").locator(one).first.bounding_box()
                            for one in (".pd-chev", ".pd-name", ".pd-n"))
    page.evaluate("() => { document.documentElement.removeAttribute('dir'); }")
    loaded.run_cell(loaded.add_cell("%%pluto sql\nDROP TABLE \"رحلات\""))
    assert chevron["x"] > name["x"] > count["x"]
    assert found == []


def test_nothing_moves_for_who_wants_no_motion(loaded: Lab) -> None:
    page = loaded.page
    moving = """() => {
        const one = document.createElement('span');
        one.className = 'pd-spin';
        document.querySelector('#pluto-duck-chat').append(one);
        const here = [...document.querySelectorAll('.pd-root, .pd-root *, .pd-status-item *')]
            .filter(node => { const style = getComputedStyle(node);
                return style.animationName !== 'none' || style.transitionDuration.split(', ').some(each => each !== '0s'); })
            .map(node => node.className);
        one.remove();
        return here;
    }"""
    assert page.evaluate(moving) == []
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate(moving)  # else the test above would say nothing
    page.emulate_media(reduced_motion="reduce")
    # What is not in the page now may not move either.
    for file in (ROOT / "jupyter_extension" / "style").glob("*.css"):
        text = file.read_text(encoding="utf-8")
        if re.search(r"^\s+(animation|transition)", text, re.MULTILINE):
            assert "prefers-reduced-motion" in text, file.name


def test_tab_goes_through_the_panels_in_the_order_one_reads(loaded: Lab) -> None:
    page = loaded.page
    loaded.ask("number of flights by carrier")
    named = """() => { const one = document.activeElement;
        return one.dataset.pdRow ? 'row' : one.getAttribute('aria-label') || one.textContent.trim().slice(0, 30); }"""

    def walk(panel: str, steps: int) -> list[str]:
        page.locator(panel).get_by_role("button").first.focus()
        said = [page.evaluate(named)]
        for _ in range(steps):
            page.keyboard.press("Tab")
            said.append(page.evaluate(named))
        return said

    flights = page.locator("[data-pd-row='main.flights']")
    flights.wait_for()
    # Earlier tests have opened tables, each with buttons of its own on the way, and the list's one stop is the row that
    # had the focus last.
    opened = "#pluto-duck-data [role=row][aria-level='1'][aria-expanded=true]"
    page.evaluate("rows => document.querySelectorAll(rows).forEach(one => one.click())", opened)
    page.locator(opened).first.wait_for(state="hidden")
    flights.focus()
    data = walk("#pluto-duck-data", 12)
    assert "row" in data, " | ".join(data)
    assert data.index("Search tables and columns") < data.index("row")
    assert data.count("row") == 1, "one stop for the whole list"
    chat = walk("#pluto-duck-chat", 30)
    assert chat.index("New conversation") < chat.index("Insert as SQL cell") < chat.index("Ask about your data")
