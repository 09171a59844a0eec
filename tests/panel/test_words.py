"""The sidebar's texts: each can be translated, each is in German; and its colours are the theme's."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from importlib.metadata import entry_points

import pytest

from tests.panel.browser import ROOT

FOLDER = ROOT / "jupyter_extension"
#: Words that German shares, or that are names.
SAME = {"Name", "Plan", "View %1", "%1, %2", "%1: %2", "SQL", "Arrow", "CSV", "Excel (xlsx)", "JSON", "Parquet",
        "PostgreSQL", "URL", "live, %1", "Chat", "Chat (pluto-duck)", "in", "max", "min", "null", "pluto-duck",
        "pluto_duck …", "host"}


def test_every_text_can_be_translated_and_is_there_in_german() -> None:
    """`npm run messages` in `jupyter_extension/` adds what is new to the languages."""
    node = shutil.which("node")
    if node is None or not (FOLDER / "node_modules" / "typescript").exists():
        pytest.skip("there is no node, or the sidebar was not built here")
    ran = subprocess.run([node, "messages.mjs", "--check"], cwd=FOLDER, text=True, capture_output=True, timeout=120,
                         check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_jupyterlab_finds_the_translations_beside_its_language_pack() -> None:
    pytest.importorskip("jupyterlab_language_pack_de_DE", reason="the German language pack is not installed")
    from jupyterlab_server.translation_utils import get_language_pack

    assert [one.value for one in entry_points(group="jupyterlab.locale") if one.name == "pluto_duck"] == ["pluto_duck"]
    texts, problem = get_language_pack("de_DE")
    assert problem == ""
    assert texts["pluto_duck"][""]["language"] == "de-DE"  # else the browser finds none of them
    assert texts["pluto_duck"]["%2 row"] == ["%2 Zeile", "%2 Zeilen"]


def test_german_is_german() -> None:
    file = ROOT / "pluto_duck" / "locale" / "de_DE" / "LC_MESSAGES" / "pluto_duck.json"
    texts = json.loads(file.read_text(encoding="utf-8"))
    same = {key.split("\u0004")[-1] for key, said in texts.items() if key and said[0] == key.split("\u0004")[-1]}
    assert same <= SAME, same - SAME


def test_every_colour_is_one_of_the_theme() -> None:
    named = r"\b(white|black|red|green|blue|gr[ae]y|orange|yellow|silver|navy|purple)\b(?![-\w])"
    found = []
    for file in (FOLDER / "style").glob("*.css"):
        text = re.sub(r"/\*.*?\*/", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
        for value in re.findall(r":\s*([^;{}]+);", text):
            if re.search(r"#[0-9a-fA-F]{3,8}\b|\b(rgb|hsl|hwb|lab|lch|oklch)a?\(|" + named, value):
                found.append((file.name, value))
        unknown = {name for name in re.findall(r"var\((--[\w-]+)", text)
                   if not name.startswith(("--jp-", "--pd-")) and name not in ("--v",)}
        assert unknown == set()
    for file in (FOLDER / "src").rglob("*.ts*"):
        for value in re.findall(r"(?:fill|stroke|color|background)[A-Za-z]*[=:]\s*[\"'`]([^\"'`]+)", file.read_text("utf-8")):
            if re.search(r"#[0-9a-fA-F]{3,8}\b|\brgba?\(|" + named, value):
                found.append((file.name, value))
    assert found == []


def test_every_command_setting_and_part_is_in_the_docs() -> None:
    text = (ROOT / "docs" / "sidebar.md").read_text(encoding="utf-8")
    schema = json.loads((FOLDER / "schema" / "plugin.json").read_text(encoding="utf-8"))
    plugins = "".join(one.read_text(encoding="utf-8") for one in sorted((FOLDER / "src" / "plugins").glob("*.ts*")))
    parts = re.findall(r"id: 'pluto-duck-labextension:([\w-]+)'", plugins)
    names = (FOLDER / "src" / "plugins" / "names.ts").read_text(encoding="utf-8")
    commands = {one for one in re.findall(r"'(pluto-duck:[a-z-]+)'", names) if ":row-" not in one}  # those of a menu
    wanted = {*schema["properties"], *parts, *commands}
    missing = {one for one in wanted if f"`{one}`" not in text}
    assert missing == set()
    for name, one in schema["properties"].items():
        default = one["default"] if isinstance(one["default"], str) else json.dumps(one["default"])
        assert f"| `{name}` | `{default}` |" in text
    for one in schema["jupyter.lab.shortcuts"]:
        keys = one["keys"][0].replace("Accel", "Ctrl").replace(" ", "+")
        assert re.search(rf"`{one['command']}` \|.*\| {re.escape(keys)} \|", text), one
