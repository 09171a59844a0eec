"""JupyterLab with the sidebar, in a real browser: what the tests beside it share."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.services import lab as service
from tests.services.lab import listen, off_machine, ready

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "pluto_duck" / "labextension"
SHOTS = Path(os.environ.get("PLUTODUCK_SCREENSHOTS") or ROOT / ".screenshots")
OVERRIDES = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}


def notebook(*cells: str) -> str:
    """A notebook of code cells."""
    made = [{"cell_type": "code", "id": f"c{at}", "metadata": {}, "execution_count": None, "outputs": [],
             "source": cell} for at, cell in enumerate(cells)]
    return json.dumps({"cells": made, "nbformat": 4, "nbformat_minor": 5, "metadata": {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}})


@contextmanager
def lab_server(folder: Path, state: Path, short: Path, *options: str, python: str = sys.executable,
               app: str = "jupyterlab", **environment: str) -> Iterator[str]:
    """One with the sidebar that was built here; else as in tests/services/lab.py."""
    if not (BUNDLE / "package.json").exists():
        pytest.skip("the sidebar is not built: no node here when pluto-duck was installed")
    extensions = state / "extensions"
    extensions.mkdir(parents=True)
    (extensions / "pluto-duck-labextension").symlink_to(BUNDLE)
    settings = state / "app" / "settings"
    settings.mkdir(parents=True)
    (settings / "overrides.json").write_text(json.dumps(OVERRIDES), encoding="utf-8")
    with service.lab_server(folder, state, short, f"--LabServerApp.extra_labextensions_path={extensions}",
                            f"--LabServerApp.app_settings_dir={settings}", *options, python=python, app=app,
                            PLUTODUCK_HOME=str(state / "home"), **environment) as address:
        yield address


@contextmanager
def chromium() -> Iterator[Any]:
    with service.chromium("--force-prefers-reduced-motion") as browser:
        yield browser


class Lab:
    """One page of it, and what went over its lines."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.address = page, address
        self.asked = listen(page)
        self.errors: list[str] = []
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(f"{error}\n{error.stack}"))

    def open(self, name: str) -> None:
        self.page.goto(f"{self.address}/lab/tree/{name}?token=t&reset")
        self.ready()

    def ready(self) -> None:
        ready(self.page)

    def command(self, name: str, **args: Any) -> Any:
        return self.page.evaluate("([name, args]) => window.jupyterapp.commands.execute(name, args)?.then?.(() => 0)",
                                  [name, args])

    def theme(self, name: str) -> None:
        """Lab shows its splash meanwhile; a second change before that has gone makes Lab remove it twice, and say so."""
        self.command("apputils:change-theme", theme=name)
        self.page.locator(f"body[data-jp-theme-name='{name}']").wait_for(state="attached")
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")

    def start(self, name: str, **args: Any) -> None:
        """A command that nobody waits for."""
        self.page.evaluate("([name, args]) => { window.jupyterapp.commands.execute(name, args); }", [name, args])

    def cells(self) -> list[dict[str, Any]]:
        return self.page.evaluate("""() => window.jupyterapp.shell.currentWidget.content.widgets
            .map(cell => ({source: cell.model.sharedModel.getSource(), count: cell.model.executionCount,
                           outputs: cell.model.outputs?.toJSON() ?? []}))""")

    def run_cell(self, at: int, *, wait: bool = True) -> None:
        self.page.evaluate("at => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = at; }", at)
        (self.command if wait else self.start)("notebook:run-cell")

    def add_cell(self, source: str) -> int:
        """Its place: at the end."""
        return int(self.page.evaluate("""source => {
            const { sharedModel } = window.jupyterapp.shell.currentWidget.content.model;
            sharedModel.insertCell(sharedModel.cells.length, { cell_type: 'code', source });
            return sharedModel.cells.length - 1;
        }""", source))

    def ask(self, question: str, *, wait: bool = True) -> Any:
        """The turn of it, with its answer."""
        box = self.page.get_by_label("Ask about your data")
        box.fill(question)
        box.press("Enter")
        turn = self.page.locator(".pd-turn").last
        turn.locator(".pd-q", has_text=question).wait_for()
        if wait:
            self.page.locator(".pd-log[aria-busy=false]").wait_for()
        return turn

    def shot(self, name: str) -> None:
        SHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=str(SHOTS / f"{name}.png"))

    def check(self) -> None:
        """Nothing left the machine, and the console shows no error."""
        assert off_machine(self.asked) == set()
        # Lab's own debugger says so when a kernel restarts while it asks it something.
        errors = [one for one in self.errors if "Could not restore the debugger state" not in one]
        self.errors.clear()
        assert not errors, errors
