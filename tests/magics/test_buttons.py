"""Buttons below an answer, pressed in a real kernel; and what is left of them where nobody can press."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.agent.memory import Memory
from pluto_duck.session import Session
from pluto_duck.workspace import Workspace
from tests.magics.conftest import Kernel, Shell, start

VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kernel, Workspace]]:
    pytest.importorskip("ipywidgets", reason="ipywidgets is not installed")
    from pluto_duck.workspace import create

    folder = tmp_path_factory.mktemp("buttons")
    workspace = create(folder / "work")
    with start(workspace, folder) as kernel:
        assert kernel.run("%load_ext pluto_duck").error is None
        kernel.run("%pluto sql CREATE TABLE shifts AS SELECT i AS early_load, i * 2 AS late_load FROM range(5) t(i)")
        yield kernel, workspace


PRESS = """
import ipywidgets
found = [one for one in ipywidgets.Widget._instances.values() if isinstance(one, ipywidgets.Button)
         and one.description.startswith({label!r})] if hasattr(ipywidgets.Widget, "_instances") else \\
        [one for one in __import__("ipywidgets.widgets.widget", fromlist=["_instances"])._instances.values()
         if isinstance(one, ipywidgets.Button) and one.description.startswith({label!r})]
found[-1].click()
"""


def _press(kernel: Kernel, label: str) -> Any:
    ran = kernel.run(PRESS.format(label=label))
    assert ran.error is None, ran.error
    return ran


def test_a_choice_is_a_button_that_answers(there: tuple[Kernel, Workspace]) -> None:
    kernel, workspace = there
    asked = kernel.run("%ask what is the average load?")
    assert sum(VIEW in one for one in asked.data) == 1
    assert "1. " in asked.data[0]["text/plain"]  # the plain output comes first, whole
    _press(kernel, "2. ")
    with Session.open(workspace.root) as session:
        turns = Memory(session).turns(Memory(session).last("notebook"))
    assert turns[-1].answer.chosen == 2
    assert turns[-1].row_count == 1


def test_a_thumb_and_a_verified_question_are_kept(there: tuple[Kernel, Workspace]) -> None:
    kernel, workspace = there
    assert kernel.run("%ask how many shifts?").error is None
    _press(kernel, "Right")
    with Session.open(workspace.root) as session:
        newest = Memory(session).turns(Memory(session).last("notebook"))[-1]
    assert newest.rating == "up"
    _press(kernel, "Save as verified")
    assert "how many shifts" in (workspace.root / "semantics.yaml").read_text(encoding="utf-8")
    assert "A verified question" in str(kernel.run("%ask how many shifts?").data)


def test_an_approval_is_decided_by_buttons(there: tuple[Kernel, Workspace], monkeypatch: pytest.MonkeyPatch) -> None:
    from pluto_duck.agent.approvals import Approvals

    kernel, workspace = there
    monkeypatch.setenv("PLUTODUCK_HOME", str(workspace.root.parent / "home"))  # the kernel's: one user proposes and decides
    with Session.open(workspace.root) as session:
        made = [Approvals(session).propose("view", name, "SELECT 1 AS one", question="q", planner="p")
                for name in ("kept", "refused")]
        kernel.run(f"%pluto approvals show {made[0].id}")
        _press(kernel, "Approve")
        shown = kernel.run(f"%pluto approvals show {made[1].id}")
        assert sum(VIEW in one for one in shown.data) == 1
        _press(kernel, "Reject")
        assert [Approvals(session).get(one.id).status for one in made] == ["done", "rejected"]
        assert {str(one.ref) for one in session.tables()} >= {"kept"}
        again = kernel.run(f"%pluto approvals show {made[0].id}")
        assert not any(VIEW in one for one in again.data)


def test_a_view_leaves_no_words_in_an_exported_page(there: tuple[Kernel, Workspace]) -> None:
    import nbformat
    from nbconvert import HTMLExporter

    kernel, _workspace = there
    ran = kernel.run("%ask how many shifts?")
    outputs = [nbformat.v4.new_output("display_data", data=one) for one in ran.data]
    cell = nbformat.v4.new_code_cell("%ask how many shifts?", outputs=outputs)
    page, _resources = HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    assert "SELECT COUNT(*)" in page or "SELECT count(*)" in page
    assert "VBox" not in page
    assert "Button(" not in page


def test_where_nobody_can_press_there_are_no_buttons(shell: Shell) -> None:
    shell.run("%pluto sql CREATE TABLE shifts AS SELECT i AS load FROM range(5) t(i)")
    ran = shell.run("%ask how many shifts?")
    assert ran.error is None
    assert not any(VIEW in one for one in ran.bundles)
    assert json.dumps(ran.bundles)


def test_without_ipywidgets_the_answer_is_the_same(there: tuple[Kernel, Workspace], tmp_path: Path) -> None:
    kernel, _workspace = there
    hidden = "import pluto_duck.magics.buttons as buttons\nold = buttons.find_spec\nbuttons.find_spec = lambda name: None"
    whole = kernel.run("%ask how many shifts?").data
    kernel.run(hidden)
    plain = kernel.run("%ask how many shifts?").data
    kernel.run("buttons.find_spec = old")
    assert [one for one in whole if VIEW not in one] == plain
