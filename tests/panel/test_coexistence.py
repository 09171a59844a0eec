"""The sidebar beside other people's: jupyter-ai 3, jupysql with its plugin, and ipywidgets, in one JupyterLab.

They live in an environment of their own, `.venv-coexist`, which `make coexist` makes."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.panel.browser import ROOT, Lab, chromium, lab_server, notebook

PYTHON = Path(os.environ.get("PLUTODUCK_COEXIST") or ROOT / ".venv-coexist") / "bin" / "python"
CELLS = ("%load_ext pluto_duck",
         "%load_ext sql\n%config SqlMagic.displaycon = False\nimport pluto_duck\nsession = pluto_duck.open()\n"
         "connection = session.connection()\n%sql connection\nrows = %sql SELECT count(*) AS n FROM airports\nprint(rows)",
         "import ipywidgets\nipywidgets.IntSlider(value=7, description='late')")


@pytest.fixture(scope="module")
def crowded(lab_folder: Path, lab_state: Path) -> Iterator[Lab]:
    if not PYTHON.exists():
        pytest.skip("there is no .venv-coexist: `make coexist` makes it")
    (lab_folder / "crowded.ipynb").write_text(notebook(*CELLS), encoding="utf-8")
    prefix = Path(sys.prefix)
    with tempfile.TemporaryDirectory() as short, \
            lab_server(lab_folder, lab_state, Path(short), f"--LabApp.app_dir={prefix / 'share' / 'jupyter' / 'lab'}",
                       python=str(PYTHON), JUPYTER_PATH=str(prefix / "share" / "jupyter"),
                       JUPYTER_CONFIG_PATH=str(prefix / "etc" / "jupyter"), PLOOMBER_STATS_ENABLED="false",
                       PLOOMBER_VERSION_CHECK_DISABLED="true") as address, chromium() as browser:
        page: Any = browser.new_page(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
        page.set_default_timeout(60_000)
        lab = Lab(page, address)
        lab.open("crowded.ipynb")
        yield lab
        page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")


def test_everybody_works_beside_everybody(crowded: Lab) -> None:
    page = crowded.page
    active = page.evaluate("""() => window.jupyterapp.listPlugins().filter(one => window.jupyterapp.isPluginActivated(one))""")
    for one in ("pluto-duck-labextension:chat", "jupyterlab-chat-extension:", "jupysql-plugin:", "@jupyter-widgets/"):
        assert [name for name in active if name.startswith(one)], (one, sorted(active))
    for at in range(len(CELLS)):
        crowded.run_cell(at)
    page.locator(".widget-slider").wait_for()  # ipywidgets
    assert "1458" in json.dumps(crowded.cells()[1]["outputs"])  # jupysql, on the connection of the session
    crowded.command("pluto-duck:show-data")
    page.locator("#pluto-duck-data").get_by_role("treegrid").get_by_text("flights", exact=True).wait_for()
    crowded.command("pluto-duck:show-chat")
    assert "16" in crowded.ask("how many airlines are there").inner_text()
    crowded.shot("coexistence")
    # jupyter-ai's panel is on the side of the tables: each comes back when it is asked for.
    found = page.evaluate("""() => [...window.jupyterapp.shell.widgets('left')].map(one => one.id)
        .filter(one => /chat/i.test(one) && !one.startsWith('pluto-duck'))""")
    assert found
    page.evaluate("id => window.jupyterapp.shell.activateById(id)", found[0])
    page.locator("#pluto-duck-data").wait_for(state="hidden")
    crowded.shot("coexistence-jupyter-ai")
    assert "1,458" in crowded.ask("how many airports are there").inner_text()
    crowded.command("pluto-duck:show-data")
    page.locator("#pluto-duck-data").wait_for()
    crowded.errors[:] = [one for one in crowded.errors if "pluto" in one.lower()]  # others' are theirs
    crowded.check()


def test_none_of_the_keys_is_taken_twice(crowded: Lab) -> None:
    bound = crowded.page.evaluate("""() => window.jupyterapp.commands.keyBindings
        .map(one => [one.command, one.keys.join(' / ')])""")
    ours = {keys for command, keys in bound if command.startswith("pluto-duck:")}
    assert ours
    assert [command for command, keys in bound if keys in ours and not command.startswith("pluto-duck:")] == []
