"""Completion in `%pluto` lines and `%%pluto sql` cells: verbs, options, tables, columns, variables."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import Any

from pluto_duck.commands.completing import complete_sql, fits, is_table, written
from pluto_duck.errors import PlutoError
from pluto_duck.magics.notebook import Notebook

_LINE = re.compile(r"^\s*(?:\w+\s*=\s*)?%{1,2}pluto(?:\s+|$)")
_SQL_LINE = re.compile(r"^\s*(?:\w+\s*=\s*)?%pluto\s+sql\s")
_SQL_CELL = re.compile(r"^\s*%%pluto\s+sql\b")
_OWN = ("sql", "cell", "chart", "traceback")
"""Verbs that only a notebook has."""
_FOUND_TABLES = ("describe",)
"""Verbs whose argument is a table."""


class Completion:
    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook

    def match(self, context: Any) -> dict[str, Any]:
        """A matcher of IPython's second kind. Whatever goes wrong, there is just nothing to offer."""
        from IPython.core.completer import SimpleCompletion

        fragment = ""
        found: list[tuple[str, str]] = []
        try:
            fragment, found = self.complete(context.full_text, context.cursor_line, context.cursor_position)
        except Exception:  # a plug-in around IPython's own loop: an error here would print in the prompt
            pass
        return {"completions": [SimpleCompletion(text=text, type=kind) for text, kind in found],
                "matched_fragment": fragment, "suppress": bool(found)}

    def complete(self, text: str, line_number: int, column: int) -> tuple[str, list[tuple[str, str]]]:
        """The fragment before the cursor and what may replace it, with its kind."""
        lines = text.split("\n")
        before = lines[line_number][:column]
        if _SQL_CELL.match(text) and line_number > text[:_start(text)].count("\n"):
            return self._sql("\n".join([*lines[:line_number], before]), "\n".join(lines[1:]))
        if _SQL_LINE.match(before):
            return self._sql(before, lines[line_number])
        if _LINE.match(before):
            return self._line(before)
        return "", []

    # -- %pluto VERB ... ---------------------------------------------------------------------------

    def _line(self, before: str) -> tuple[str, list[tuple[str, str]]]:
        from pluto_duck.commands.table import pluto

        rest = before[_LINE.match(before).end():]  # type: ignore[union-attr]
        *words, fragment = re.split(r"\s+", rest)
        cell = before.lstrip().startswith("%%")
        if not words:
            verbs = ["sql", "ask"] if cell else [*pluto.commands, *_OWN]
            return fragment, _starting(sorted(verbs), fragment, "verb")
        if words == ["help"]:
            return fragment, _starting(sorted([*pluto.commands, *_OWN]), fragment, "verb")
        command = pluto.commands.get(words[0])
        if command is None or cell:
            return fragment, []
        if fragment.startswith("-"):
            return fragment, _starting(_options(command), fragment, "option")
        if words[0] in ("ingest", "diagnose", "connections"):
            found = self._places(words, fragment)
            if found:
                return fragment, found
        choices = _choices(command, words[-1])
        if choices:
            return fragment, _starting(choices, fragment, "value")
        if words[0] in _FOUND_TABLES:
            return fragment, _starting((written(str(one.ref)) for one in self._tables()), fragment, "table")
        return fragment, _paths(fragment) if words[0] in ("ingest", "diagnose") else []

    def _places(self, words: list[str], fragment: str) -> list[tuple[str, str]]:
        """Connections by name, their verbs, and frames that can be loaded."""
        from pluto_duck.commands.connections import connections, saved

        if words == ["connections"]:
            return _starting(sorted(connections.commands), fragment, "verb")
        if words in (["ingest"], ["diagnose"]):
            frames = _starting((name for name, value in self._variables() if is_table(value)), fragment, "variable")
            return frames + _paths(fragment) if frames else []
        if words[-1] == "--from" or words in (["connections", "test"], ["connections", "remove"]):
            with saved(self._notebook.door()) as known:
                return _starting([one.name for one in known.all()], fragment, "connection")
        return []

    # -- SQL ---------------------------------------------------------------------------------------

    def _sql(self, before: str, whole: str) -> tuple[str, list[tuple[str, str]]]:
        fragment, found = complete_sql(before, whole, self._tables(), self._variables())
        return fragment, [(one.text, one.kind) for one in found]

    def _tables(self) -> list[Any]:
        try:
            return self._notebook.tables()
        except PlutoError:
            return []

    def _variables(self) -> Iterator[tuple[str, Any]]:
        for name, value in list(self._notebook.ipython.user_ns.items()):
            if not name.startswith("_"):
                yield name, value


def _start(text: str) -> int:
    """Where the cell's magic line ends, blank lines before it counted."""
    end = text.find("\n", len(text) - len(text.lstrip()))
    return len(text) if end < 0 else end


def _starting(candidates: Iterable[str], fragment: str, kind: str) -> list[tuple[str, str]]:
    return [(one, kind) for one in candidates if fits(one, fragment)]


def _paths(fragment: str) -> list[tuple[str, str]]:
    """Files that a path may go on to; IPython offers them only inside quotes."""
    folder, name = os.path.split(fragment)
    with os.scandir(os.path.expanduser(folder) or ".") as entries:
        found = sorted(entry.name + "/" * entry.is_dir() for entry in entries if entry.name.startswith(name))
    return [(os.path.join(folder, one), "path") for one in found if not one.startswith(".") or name]


def _options(command: Any) -> list[str]:
    import click

    with click.Context(command) as context:
        return sorted(name for one in command.get_params(context) for name in one.opts if name.startswith("--"))


def _choices(command: Any, option: str) -> list[str]:
    import click

    if not option.startswith("-"):
        return []
    with click.Context(command) as context:
        for one in command.get_params(context):
            if option in one.opts:
                return [str(choice) for choice in getattr(one.type, "choices", ())]
    return []
