"""Errors for those who may not see everything: DuckDB quotes values, names and paths in them.

A class of error and a place in one's own text remain; the whole text is the owner's, in the log.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable

from pluto_duck.errors import (
    Cancelled,
    HostLost,
    PlutoError,
    QueueFull,
    Refused,
    SessionReset,
    StatementError,
    TimedOut,
    UnknownName,
    nearest,
)
from pluto_duck.workspace.tableref import fold

_LOG = logging.getLogger("pluto_duck.policy")

_OURS = (Refused, Cancelled, TimedOut, QueueFull, HostLost, SessionReset)
"""Never DuckDB's words."""

_WORDS = {
    "Binder": ("a column, a function or a type in it does not fit", "DESCRIBE the tables it reads."),
    "Catalog": ("a name in it is not known", "SHOW TABLES lists what may be read."),
    "Parser": ("it can't be read as SQL", ""),
    "Conversion": ("a value could not be turned into the type it asks for", "TRY_CAST gives NULL for such a value."),
    "OutOfRange": ("a number grew beyond its type", "Cast it to a larger type first."),
    "InvalidInput": ("a function got a value that it can't work with", "TRY(...) gives NULL for such a value."),
    "OutOfMemory": ("it needs more memory than there is", "Ask for fewer rows."),
}
_OTHER = ("the database could not run it", "")
_QUOTED = re.compile(r"LINE \d+: (?:\.\.\.)?(.*?)(?:\.\.\.)?(?:\n|$)", re.S)


def scrubbed(error: PlutoError, sql: str, columns: Iterable[str]) -> PlutoError:
    """`error` of a statement that passed the Gate, for its actor. `columns`: names that the actor may know."""
    if isinstance(error, _OURS):
        return error
    _LOG.info("For a role, in place of: %s", error)
    position = _position(error, sql)
    if isinstance(error, UnknownName) and error.facts.get("kind") == "column":
        name = str(error.facts.get("name", ""))
        if fold(name) in fold(sql):
            near = nearest(name, columns)
            return UnknownName(f'There is no column "{name}" here.', hint=f"Did you mean {' or '.join(near)}?" if near
                               else "", kind="column", name=name, nearest=near, position=position)
    kind = str(error.facts.get("engine", "")) if isinstance(error, StatementError) else ""
    if isinstance(error, UnknownName):
        kind = "Catalog"
    if not isinstance(error, StatementError | UnknownName):
        return type(error)("The database could not run the statement.", hint="Tell the owner of the data; "
                           "the log has the details.")
    words, hint = _WORDS.get(kind, _OTHER)
    return StatementError(f"The statement failed: {words}.", hint=hint, engine=kind, position=position)


def _position(error: PlutoError, sql: str) -> str:
    """DuckDB's LINE with its caret, where it quotes the actor's own text and not that of a view."""
    position = str(error.facts.get("position", ""))
    quoted = _QUOTED.match(position)
    line = quoted[1].rstrip() if quoted else ""
    return position if line and any(line in one for one in sql.splitlines()) else ""
