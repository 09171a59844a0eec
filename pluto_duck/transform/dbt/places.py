"""Where the SQL of a failed node stopped: the line as it ran, and the line of the file that it came from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

_SAID = re.compile(r"LINE (\d+): ?(.*)")
_QUOTED = re.compile(r'"([^"\n]+)"')
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}")
_ENDS = re.compile(r"^\.\.\.|\.\.\.$")
"""DuckDB shows the middle of a long line."""
WHOLE_FILE = 1_000_000


def failing_line(compiled: str, message: str) -> int | None:
    """Of the compiled SQL, from 1 on; None where the message names none.

    What DuckDB counts is the statement that dbt wraps around it, so the text of its line decides.
    """
    lines = compiled.strip("\n").splitlines()
    if found := _SAID.search(message):
        number, text = int(found[1]), _ENDS.sub("", found[2].strip()).strip()
        fitting = [at for at, line in enumerate(lines, 1) if text and text in line] or [
            at for at, line in enumerate(lines, 1) if line.strip() and line.strip() in text]
        return min(fitting, key=lambda at: abs(at - number)) if fitting else None
    for name in _QUOTED.findall(message):
        word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
        fitting = [at for at, line in enumerate(lines, 1) if word.search(line)]
        if fitting:
            return fitting[0]
    return None


def source_line(source: str, compiled: str, line: int) -> int | None:
    """The line of the model's file that became a line of its SQL as it ran; None where Jinja made it."""
    made, wanted = compiled.strip("\n").splitlines(), source.splitlines()
    if not 1 <= line <= len(made):
        return None
    text = made[line - 1].strip()
    alike = [at for at, one in enumerate(wanted, 1) if one.strip() == text] or [
        at for at, one in enumerate(wanted, 1) if _becomes(one.strip(), text)]
    if not text or not alike:
        return None
    near = line + len(wanted) - len(made)  # what is above it, settings mostly, has gone
    return min(alike, key=lambda at: abs(at - near))


def in_file(project: Path, path: str, compiled: str, line: int | None) -> int | None:
    """`source_line` of the file at `path` in the project."""
    if line is None or not path:
        return None
    try:
        with (project / path).open(encoding="utf-8") as file:
            return source_line(file.read(WHOLE_FILE), compiled, line)
    except (OSError, UnicodeDecodeError):
        return None


def _becomes(template: str, text: str) -> bool:
    parts: Sequence[str] = _JINJA.split(template)
    return len(parts) > 1 and any(one.strip() for one in parts) and re.fullmatch(
        ".*".join(re.escape(one) for one in parts), text) is not None
