"""Buttons below an answer, on top of plain output: without ipywidgets, or in an exported page, nothing is lost.

Each does what a line of `%pluto` does, and says that line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import PlutoError
from pluto_duck.magics.notebook import Notebook

if TYPE_CHECKING:
    from pluto_duck.agent import Answer
    from pluto_duck.agent.approvals import Approval

_WAITS = re.compile(r"waits for approval: (\w+)\Z")


def there(notebook: Notebook) -> bool:
    """Only a kernel has somebody who can press them."""
    return notebook.width is None and find_spec("ipywidgets") is not None


def offer(notebook: Notebook, answer: Answer) -> None:
    if not there(notebook):
        return
    if answer.choices and answer.id:
        _put(_choices(notebook, answer))
    elif answer.sql:
        _put(_actions(notebook, answer))
    for line in answer.evidence:
        found = _WAITS.match(line)
        if found:
            approval(notebook, found[1])


def _put(widget: Any) -> None:
    """The view alone: as text or HTML a widget would leave its Python name in the page."""
    from IPython.display import display

    display({"application/vnd.jupyter.widget-view+json": {
        "version_major": 2, "version_minor": 0, "model_id": widget.model_id}, "text/plain": ""}, raw=True)


class _Panel:
    """A row of buttons and, below it, what pressing them said."""

    def __init__(self, notebook: Notebook) -> None:
        import ipywidgets

        self._widgets = ipywidgets
        self._notebook = notebook
        self.said = ipywidgets.Output()
        self.buttons: list[Any] = []

    def button(self, label: str, tooltip: str, act: Callable[[], None], *, icon: str = "", style: str = "",
               once: bool = False) -> Any:
        one = self._widgets.Button(description=label, tooltip=tooltip, icon=icon, button_style=style,
                                   layout=self._widgets.Layout(width="auto", max_width="100%"))

        def pressed(_: Any) -> None:
            self.said.clear_output()
            with self.said:
                try:
                    act()
                except PlutoError as error:
                    self._notebook.last_error = error
                    self._complain(error)
                    return
            if once:
                for other in self.buttons:
                    other.disabled = True

        one.on_click(pressed)
        self.buttons.append(one)
        return one

    def _complain(self, error: PlutoError) -> None:
        from IPython.display import display

        from pluto_duck.display import error_html, error_text

        display({"text/html": error_html(error), "text/plain": error_text(error)}, raw=True)

    def box(self, *, upright: bool = False) -> Any:
        row = self._widgets.VBox if upright else self._widgets.HBox
        return self._widgets.VBox([row(self.buttons, layout=self._widgets.Layout(flex_flow="row wrap")
                                       if not upright else self._widgets.Layout()), self.said])


def _choices(notebook: Notebook, answer: Answer) -> Any:
    panel = _Panel(notebook)

    def choose(number: int) -> Callable[[], None]:
        from pluto_duck.commands.asking import chosen
        from pluto_duck.magics.asking import run

        return lambda: run(notebook, lambda door: chosen(door, door.open_session(), answer.id, number))

    for number, one in enumerate(answer.choices, 1):
        panel.button(f"{number}. {one.text}", f"%ask --choose {number}", choose(number), once=True)
    return panel.box(upright=True)


def _actions(notebook: Notebook, answer: Answer) -> Any:
    from pluto_duck.magics.asking import cell_of

    panel, id = _Panel(notebook), answer.id
    panel.button("SQL cell", "%pluto cell puts it into a cell below", lambda: _show_cell(cell_of(answer)), icon="code")
    if id:
        panel.button("Right", f"%pluto conversations rate up {id}",
                     lambda: _verb(notebook, "conversations", "rate", "up", id), icon="thumbs-up")
        panel.button("Wrong", f"%pluto conversations rate down {id}",
                     lambda: _verb(notebook, "conversations", "rate", "down", id), icon="thumbs-down")
        if not answer.verified:
            panel.button("Save as verified", f"%pluto verified add --answer {id}",
                         lambda: _verb(notebook, "verified", "add", "--answer", id), icon="check")
    return panel.box()


def _show_cell(text: str) -> None:
    """A page's button can't write into the notebook: only a cell that runs can."""
    print(f"{text}\n\n# %pluto cell puts this into a cell below.")


def _verb(notebook: Notebook, *arguments: str) -> None:
    from pluto_duck.magics.verbs import command

    command(notebook, list(arguments))


# -- approvals ------------------------------------------------------------------------------------


def approval(notebook: Notebook, id: str) -> None:
    """The buttons for one that waits; nothing for one that is decided."""
    if not there(notebook):
        return
    from pluto_duck.agent.approvals import Approvals

    one = notebook.run(lambda: Approvals(notebook.session()).get(id))
    if one.status == "waiting":
        _put(_decision(notebook, one))


def _decision(notebook: Notebook, one: Approval) -> Any:
    import ipywidgets

    panel = _Panel(notebook)
    text = ipywidgets.Textarea(value=one.body, layout=ipywidgets.Layout(width="100%", height="8em", display="none"))
    save = _Panel(notebook)

    def edit() -> None:
        text.layout.display = save.buttons[0].layout.display = ""

    def saved() -> None:
        _verb(notebook, "approvals", "edit", one.id, text.value)
        text.layout.display = save.buttons[0].layout.display = "none"

    panel.button("Approve", f"%pluto approvals approve {one.id} --seen {one.version}",
                 lambda: _verb(notebook, "approvals", "approve", one.id, "--seen", one.version),
                 icon="check", style="primary", once=True)
    panel.button("Edit", f"%pluto approvals edit {one.id} 'SELECT ...'", edit, icon="pencil")
    panel.button("Reject", f"%pluto approvals reject {one.id}",
                 lambda: _verb(notebook, "approvals", "reject", one.id), icon="times", once=True)
    save.button("Save", "Try it again and keep it waiting", saved).layout.display = "none"
    return ipywidgets.VBox([ipywidgets.Label(f"{one.kind} {one.target} waits for your word"), text, save.box(),
                            panel.box()])
