"""Entering the magics, formatters and completions into an IPython shell, and taking them back."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from pluto_duck.errors import PlutoError
from pluto_duck.magics.notebook import Notebook

_RESULT = "pluto_duck.workspace.result", "Result"
_ANSWER = "pluto_duck.agent.answer", "Answer"
MATCHER = "pluto_duck"


def register(ipython: Any, notebook: Notebook) -> None:
    from IPython.core.completer import context_matcher

    from pluto_duck.magics.complete import Completion
    from pluto_duck.magics.questions import Question

    for name, function in _magics(notebook).items():
        ipython.register_magic_function(function, magic_kind="line_cell", magic_name=name)
    # By name: the class itself is imported with the first statement.
    ipython.display_formatter.mimebundle_formatter.for_type_by_name(*_RESULT, _result_bundle(notebook))
    ipython.display_formatter.ipython_display_formatter.for_type_by_name(*_ANSWER, _show(notebook))
    matcher = Completion(notebook).match
    ipython.Completer.custom_matchers.append(
        context_matcher(identifier=MATCHER, priority=50)(lambda context: matcher(context)))
    ipython.input_transformer_manager.token_transformers.append(Question)
    atexit.register(notebook.close)


def unregister(ipython: Any, notebook: Notebook) -> None:
    for kind in ("line", "cell"):
        for name in ("pluto", "ask"):
            ipython.magics_manager.magics[kind].pop(name, None)
    formatters = ipython.display_formatter
    for formatter, named in ((formatters.mimebundle_formatter, _RESULT),
                             (formatters.ipython_display_formatter, _ANSWER)):
        formatter.deferred_printers.pop(named, None)
        for kind in [one for one in formatter.type_printers if (one.__module__, one.__name__) == named]:
            formatter.pop(kind)
    transformers = ipython.input_transformer_manager.token_transformers
    transformers[:] = [one for one in transformers if one.__module__ != "pluto_duck.magics.questions"]
    matchers = ipython.Completer.custom_matchers
    matchers[:] = [one for one in matchers if getattr(one, "matcher_identifier", "") != MATCHER]
    atexit.unregister(notebook.close)


def _magics(notebook: Notebook) -> dict[str, Callable[..., Any]]:
    def pluto(line: str, cell: str | None = None) -> Any:
        """`%pluto VERB ...`, `%%pluto sql [NAME]`. `%pluto help` lists the verbs."""
        from pluto_duck.magics import verbs

        return verbs.pluto(notebook, line, cell)

    def ask(line: str, cell: str | None = None) -> Any:
        """`%ask QUESTION`, or `%%ask [NAME]` with the question below it."""
        from pluto_duck.magics import asking

        return asking.ask(notebook, line) if cell is None else asking.ask(notebook, cell, bind=line.strip())

    return {"pluto": _magic(notebook, pluto), "ask": _magic(notebook, ask)}


def _magic(notebook: Notebook, function: Callable[..., Any]) -> Callable[..., Any]:
    """A magic whose errors are one short block, and whose text IPython leaves alone: its own `$name`
    would be pasted into the SQL."""
    from IPython.core.magic import no_var_expand

    @wraps(function)
    def magic(line: str, cell: str | None = None) -> Any:
        try:
            return function(line, cell)
        except PlutoError as error:
            notebook.last_error = error
            error._render_traceback_ = partial(_block, error)  # type: ignore[attr-defined]
            raise

    no_var_expand(magic)
    return magic


def _block(error: PlutoError) -> list[str]:
    from pluto_duck.display import error_text

    return error_text(error).split("\n")


def _show(notebook: Notebook) -> Callable[[Any], None]:
    def show(value: Any) -> None:
        from pluto_duck.magics import verbs

        verbs.show(notebook, value)

    return show


def _result_bundle(notebook: Notebook) -> Callable[..., dict[str, Any]]:
    def bundle(result: Any, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from pluto_duck.display import table_html, table_text

        text = table_text(result, max_rows=notebook.max_rows, width=notebook.width)
        if notebook.width is not None:
            return {"text/plain": text}
        return {"text/html": table_html(result, max_rows=notebook.max_rows), "text/plain": text}

    return bundle
