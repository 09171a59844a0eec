"""`%load_ext pluto_duck`: the notebook's door.

    %pluto VERB ...            every verb of the shell; `%pluto help`
    %pluto sql SELECT ...      one line of SQL
    %%pluto sql [name]         a cell of SQL; its rows are bound to `name`
    %ask, %%ask [name]         a question in plain words

Loading imports nothing heavy: the workspace is opened by the first statement.
"""

from __future__ import annotations

from typing import Any

from pluto_duck.magics.notebook import Notebook
from pluto_duck.magics.register import register, unregister

_notebooks: dict[int, tuple[Any, Notebook]] = {}
"""By id of the IPython shell, which is kept beside it so that the id stays its own."""


def load(ipython: Any) -> Notebook:
    """Once for each shell: loading again changes nothing."""
    if id(ipython) not in _notebooks:
        notebook = Notebook(ipython)
        _notebooks[id(ipython)] = ipython, notebook
        register(ipython, notebook)
    return _notebooks[id(ipython)][1]


def unload(ipython: Any) -> None:
    """Takes everything back and closes the session; open transactions are rolled back."""
    _shell, notebook = _notebooks.pop(id(ipython), (None, None))
    if notebook is not None:
        unregister(ipython, notebook)
        notebook.close()


__all__ = ["load", "unload"]
