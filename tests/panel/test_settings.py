"""What a person can set about the sidebar: its settings, its language, its keys, and each of its parts off."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.panel.browser import ROOT, Lab

GERMAN = ROOT / "pluto_duck" / "locale" / "de_DE" / "LC_MESSAGES" / "pluto_duck.json"
LANGUAGE = "@jupyterlab/translation-extension:plugin"
SOURCES = ROOT / "jupyter_extension" / "src" / "plugins"
#: The part that all others need is not among them.
PARTS = sorted(set(re.findall(r"id: 'pluto-duck-labextension:([\w-]+)'",
                              "".join(one.read_text(encoding="utf-8") for one in SOURCES.glob("*.ts*"))))
               - {"connection"})
#: Keys that browsers keep for themselves, whatever a page says.
BROWSER = {"Ctrl N", "Ctrl T", "Ctrl W", "Ctrl Shift N", "Ctrl Shift T", "Ctrl Shift W", "Ctrl Tab"}


def _save(lab: Lab, plugin: str, **values: Any) -> None:
    lab.page.evaluate("([plugin, raw]) => window.jupyterapp.serviceManager.settings.save(plugin, raw)",
                      [plugin, json.dumps(values)])


def test_settings_are_followed_while_they_change(loaded: Lab) -> None:
    page = loaded.page
    turn = loaded.ask("number of flights by carrier")
    assert turn.locator("figure").count() == 1
    assert turn.locator("pre").count() == 0
    loaded.command("settingeditor:open", query="pluto-duck")
    form = page.locator(".jp-SettingsForm")
    form.get_by_label("Draw charts").uncheck()
    turn.locator("figure").wait_for(state="detached")
    form.get_by_label("Open the SQL of answers").check()
    turn.locator("pre").wait_for()
    rows = form.locator("[id$=plugin_rows]")
    rows.fill("3")
    rows.blur()
    turn.get_by_text("3 of 16 rows").wait_for()
    form.locator("[id$=plugin_askWith]").select_option(label="Ctrl+Enter")
    page.locator("button[title='Ask (Ctrl+Enter)']").wait_for()
    loaded.shot("settings")
    composer = page.get_by_label("Ask about your data")
    composer.fill("how many airports are there")
    composer.press("Enter")
    assert composer.input_value() == "how many airports are there\n"
    composer.press("Control+Enter")
    page.locator(".pd-number", has_text="1,458").wait_for()
    page.get_by_role("button", name="Restore to Defaults").click()
    turn.locator("figure").first.wait_for()
    turn.locator("pre").wait_for(state="detached")
    loaded.command("application:close")


def test_the_keys_are_nobody_elses_and_the_palette_menus_and_launcher_lead_to_the_panels(loaded: Lab) -> None:
    page = loaded.page
    bound = page.evaluate("""() => window.jupyterapp.commands.keyBindings
        .map(one => [one.command, one.keys.join(' / '), one.selector])""")
    ours = {command: keys for command, keys, _ in bound if command.startswith("pluto-duck:")}
    assert {"pluto-duck:show-data", "pluto-duck:show-chat"} <= set(ours)
    taken = [(command, other) for command, keys in ours.items() for other, there, _ in bound
             if not other.startswith("pluto-duck:") and there.split(" / ")[0] == keys.split(" / ")[0]]
    assert taken == []
    assert not set(ours.values()) & BROWSER

    loaded.command("apputils:activate-command-palette")
    search = page.locator("#command-palette input, .lm-CommandPalette-input").first
    search.fill("pluto-duck")
    found = page.locator(".lm-CommandPalette-itemLabel").all_inner_texts()
    for one in ("New Notebook with pluto-duck", "Show Data", "Show Chat", "New Conversation"):
        assert one in found
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")

    page.get_by_role("menuitem", name="View", exact=True).click()
    page.locator("[data-type=command]", has_text="Show Chat").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("menuitem", name="File", exact=True).click()
    page.locator("[data-type=submenu]", has_text="New").first.hover()
    page.locator("[data-type=command]", has_text="pluto-duck Notebook").wait_for()
    loaded.shot("menu")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    bar = page.locator("#jp-MainMenu .lm-MenuBar-itemLabel").all_inner_texts()
    assert "Help" in bar
    assert not [one for one in bar if "mainmenu" in one.lower()]


def test_the_launcher_makes_a_notebook_with_everything_beside_it(loaded: Lab) -> None:
    page = loaded.page
    loaded.command("launcher:create")
    card = page.locator(".jp-LauncherCard", has_text="pluto-duck Notebook")
    card.wait_for()
    loaded.shot("launcher")
    card.click()
    page.wait_for_function("() => /^Untitled/.test(window.jupyterapp.shell.currentWidget?.title.label)")
    loaded.ready()
    page.wait_for_function("() => window.jupyterapp.shell.currentWidget.content.widgets[0].model.executionCount === 1")
    assert loaded.cells()[0]["source"] == "%load_ext pluto_duck"
    page.locator(".pd-status", has_text="flights").wait_for()
    page.locator("#pluto-duck-data").get_by_role("treegrid").get_by_text("flights", exact=True).wait_for()
    assert page.locator("#pluto-duck-chat").is_visible()
    page.evaluate("""async () => {
        const made = window.jupyterapp.shell.currentWidget;
        await made.sessionContext.shutdown();
        await made.context.save();
        made.close();
    }""")
    page.locator(".pd-status", has_text="flights, host").wait_for()


@pytest.fixture
def german(loaded: Lab) -> Iterator[Lab]:
    _save(loaded, LANGUAGE, locale="de_DE")
    loaded.open("analysis.ipynb")
    yield loaded
    _save(loaded, LANGUAGE)
    loaded.open("analysis.ipynb")


def test_in_german_every_word_is_german(german: Lab) -> None:
    page = german.page
    german.command("pluto-duck:show-data")
    german.command("pluto-duck:new-conversation")
    tree = page.locator("#pluto-duck-data").get_by_role("treegrid")
    flights = tree.locator("[data-pd-row='main.flights']")
    flights.wait_for()
    if flights.get_attribute("aria-expanded") == "false":
        flights.click()
    page.locator("[data-pd-profile=done]").first.wait_for()
    page.get_by_label("Eine Frage zu den Daten").fill("number of flights by carrier")
    page.keyboard.press("Enter")
    turn = page.locator(".pd-turn[aria-busy=false]").last
    turn.get_by_role("button", name="Als SQL-Zelle einfügen").wait_for()
    turn.get_by_text("6 von 16 Zeilen").wait_for()
    turn.get_by_role("button", name=re.compile(r"^\d+ Schritte?$")).click()
    turn.get_by_text("16 Zeilen", exact=True).wait_for()  # the plural
    german.shot("german")
    said = page.evaluate("""() => [...document.querySelectorAll('.pd-root, .pd-status-item, .jp-SettingsForm')]
        .flatMap(root => [...root.querySelectorAll('*')].flatMap(one => [
            ...[...one.childNodes].filter(node => node.nodeType === 3).map(node => node.textContent),
            ...['aria-label', 'title', 'placeholder'].map(name => one.getAttribute(name) ?? '')]))
        .map(text => text.trim()).filter(Boolean)""")
    texts = json.loads(GERMAN.read_text(encoding="utf-8"))
    english = {key.split("\u0004")[-1] for key, value in texts.items() if key and key.split("\u0004")[-1] != value[0]}
    english -= {value[0] for value in texts.values() if isinstance(value, list)}
    assert english & set(said) == set()
    assert "Tabellen und Spalten suchen" in said

    german.command("settingeditor:open", query="pluto-duck")
    form = page.locator(".jp-SettingsForm")
    form.get_by_label("Diagramme zeichnen").wait_for()
    form.get_by_text("So viele stehen da").wait_for()
    german.shot("german-settings")
    german.command("application:close")
    labels = page.evaluate("() => ['show-data', 'show-chat'].map(one => window.jupyterapp.commands.label(`pluto-duck:${one}`))")
    assert labels == ["Daten anzeigen", "Chat anzeigen"]


@pytest.mark.parametrize("off", [("data", "palette"), ("chat", "plugin"), ("preview", "status", "launcher"),
                                 *(pytest.param((one,), marks=pytest.mark.soak) for one in PARTS)], ids="-".join)
def test_parts_can_be_switched_off_and_the_others_go_on(opened: Lab, lab_state: Path, off: tuple[str, ...]) -> None:
    """As `jupyter labextension disable` writes it. They come last: the page is left without its last ones."""
    page = opened.page
    config = lab_state / "jupyter_config_dir" / "labconfig" / "page_config.json"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(json.dumps({"disabledExtensions": {f"pluto-duck-labextension:{one}": True for one in off}}),
                      encoding="utf-8")
    page.goto(f"{opened.address}/lab/tree/analysis.ipynb?token=t&reset")
    opened.ready()
    active = page.evaluate("""() => window.jupyterapp.listPlugins().filter(one => one.startsWith('pluto-duck-')
        && window.jupyterapp.isPluginActivated(one))""")
    assert {one.partition(":")[2] for one in active} == {*PARTS, "connection"} - set(off)
    if "data" not in off:
        opened.command("pluto-duck:show-data")
    opened.run_cell(0)
    if "status" not in off:
        page.locator(".pd-status", has_text="flights, host").wait_for()
    if "data" not in off:
        page.locator("[data-pd-row='main.flights']").click()
        tree = page.get_by_role("treegrid")
        tree.get_by_role("button", name="Insert").wait_for()
        assert tree.get_by_role("button", name="Preview").count() == ("preview" not in off)
        assert tree.get_by_role("button", name="Ask").count() == ("chat" not in off)
    if "chat" not in off:
        opened.command("pluto-duck:new-conversation")
        assert "1,458" in opened.ask("how many airports are there").inner_text()
    opened.check()
