"""What leaves the machine: every word that goes to a model passes `Sharing.clear`, and nothing else makes a `Cleared`.

A tool does not decide what may be told. It says of each piece of text what it holds, and this module keeps
back what the setting agent.share does not allow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pluto_duck.errors import PlutoError, Refused, StatementError, UsageError
from pluto_duck.workspace.blot import blotted

Level = Literal["schema", "values", "rows"]
_ORDER: dict[str, int] = {"schema": 0, "values": 1, "rows": 2}

_BEFORE_ROWS = ("Binder", "Parser", "Catalog", "Syntax")
"""Errors that DuckDB raises before it has looked at a row."""
_ABOUT_ROWS = {
    "Conversion": "A value could not be converted to the type asked for. TRY_CAST gives NULL instead.",
    "OutOfRange": "A value is out of the range of its type.",
    "InvalidInput": "A function was given an input that it can't take.",
    "OutOfMemory": "The statement needs more memory than there is. Ask for fewer rows.",
}
_ENUM = re.compile(r"\bENUM\s*\(", re.I)


class Cleared(str):
    """Text that may leave the machine. Made by `Sharing.clear` alone."""


@dataclass(frozen=True)
class Piece:
    """A text and the most telling thing in it."""

    text: str
    holds: Level = "schema"
    instead: str = ""
    """What is said where this may not be told."""


class Sharing:
    """The one filter. `secrets`: texts that must never leave, whatever the level."""

    def __init__(self, level: Level, secrets: Iterable[str] = ()) -> None:
        self.level = level
        self._secrets = tuple(one for one in secrets if len(one) >= 6)

    def allows(self, level: Level) -> bool:
        return _ORDER[level] <= _ORDER[self.level]

    def clear(self, *pieces: Piece, most: int = 0) -> Cleared:
        """The pieces that may be told, each on a line of its own; cut after `most` characters, 0: not cut."""
        told = (one.text if self.allows(one.holds) else one.instead for one in pieces)
        text = blotted("\n".join(one for one in told if one))
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return Cleared(text[:most] + "\n... cut" if most and len(text) > most else text)

    def clear_json(self, value: Any) -> Any:
        """A model's own earlier words going back to it: no level to keep, but secrets."""
        if isinstance(value, str):
            return self.clear(Piece(value))
        if isinstance(value, dict):
            return {self.clear(Piece(str(key))): self.clear_json(one) for key, one in value.items()}
        return [self.clear_json(one) for one in value] if isinstance(value, list | tuple) else value

    def error(self, error: PlutoError, own: str = "") -> Piece:
        """An error as a model may see it: DuckDB writes the offending value into its texts.

        `own`: what the model itself wrote; what is quoted from there is no news to it.
        """
        if self.allows("rows"):
            return Piece(" ".join(filter(None, (error.message, error.hint))), "rows")
        text = error.message
        if isinstance(error, StatementError):
            engine = str(error.facts.get("engine", ""))
            if engine not in _BEFORE_ROWS:
                text = _ABOUT_ROWS.get(engine, "The statement failed while it ran.")
            text = _unquoted(without_values(text), own)
        near = error.facts.get("nearest") or ()
        hint = f"Nearest names: {', '.join(map(str, near))}." if near else ""
        if type(error) in (UsageError, Refused):
            hint = error.hint  # ours, made of the words of the call alone
        return Piece(without_values(" ".join(filter(None, (text, hint)))))


def _unquoted(text: str, own: str) -> str:
    """Without what is quoted, unless the model wrote all of it. Quotes within quotes make pairs uncertain, so
    everything between the first and the last goes."""
    before, *inner = text.split("'")
    if len(inner) % 2:
        return f"{before}..."
    if all(one in own for one in inner[:-1:2]):
        return text
    return f"{before}'...'{inner[-1]}"


def without_values(text: str) -> str:
    """Text with a type in it, without the values that an ENUM's type lists."""
    parts, at = [], 0
    while found := _ENUM.search(text, at):
        parts.append(text[at:found.start()] + "ENUM")
        at = _closing(text, found.end())
    return "".join(parts) + text[at:]


def _closing(text: str, at: int) -> int:
    """Behind the bracket that closes one opened before `at`; the end of the text where none does."""
    depth, quoted = 1, False
    for i in range(at, len(text)):
        if text[i] == "'":
            quoted = not quoted
        elif not quoted and text[i] in "()":
            depth += 1 if text[i] == "(" else -1
            if depth == 0:
                return i + 1
    return len(text)


def masked(sql: str, known: str) -> str:
    """SQL that somebody else than the model wrote, without the values in it that do not stand in `known`.

    Empty where the SQL can't be read.
    """
    import sqlglot
    from sqlglot import expressions

    def mask(node: Any) -> Any:
        if not isinstance(node, expressions.Literal):
            return node
        plain = node.name
        small = not node.is_string and plain in ("0", "1", "100")
        if small or isinstance(node.parent, expressions.Limit) or (plain and _stands_in(plain, known)):
            return node
        return expressions.Literal.string("...")

    try:
        return str(sqlglot.parse_one(sql, dialect="duckdb").transform(mask).sql(dialect="duckdb"))
    except sqlglot.errors.SqlglotError:
        return ""


def _stands_in(value: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text) is not None
