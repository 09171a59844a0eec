"""What goes wrong at a PostgreSQL, in our words: from psycopg's errors and from the texts of the other two drivers."""

from __future__ import annotations

import re

from pluto_duck.errors import ColumnRefused, SourceError
from pluto_duck.ingest.connectors.postgres_address import Address

REFUSED = re.compile(r"(?P<what>[^\n]*?) holds (?P<value>.*?), which (?P<kind>.*?) does not have", re.S)
_LOST = ("server closed the connection", "terminating connection", "connection to server", "could not receive data",
         "could not send data", "ssl syscall", "no connection to the server", "connection not open", "lost synchron",
         "the database system is", "connection already closed", "connection has been closed")
_SAID = re.compile(r"(?:ERROR|FATAL):\s*(?P<words>.*?)(?:\n(?:LINE|DETAIL|HINT|CONTEXT)|\n\n|$)", re.S)


def lost(source: str, when: str) -> SourceError:
    return SourceError(f"The connection to {source} was lost while {when}.",
                       hint="Nothing of this load was kept; run it again when the server is back.", reason="lost")


def of_state(state: str | None, said: str, source: str, when: str) -> SourceError:
    """By SQLSTATE, where the driver tells it."""
    if state == "42501":
        if "row-level security" in said:
            return _hidden(source, said)
        return SourceError(f"{source} refuses while {when}: {said}.",
                           hint="Ask for SELECT on it, or name the tables to load with --table.", reason="permission")
    if state in ("42P01", "42703", "3F000") or "cache lookup failed" in said:
        return SourceError(f"{source} changed while {when}: {said}.", hint="Run the load again.", reason="changed",
                           said=said)
    if state == "42601":
        return SourceError(f"{source} can't read the SQL it was given: {said}.", reason="syntax", said=said,
                           hint="Check --where, --query and --cast: they are in PostgreSQL's SQL.")
    if state == "57014" and "timeout" in said:
        return SourceError(f"{source} stopped while {when}: {said}.",
                           hint="The server or this user has a statement_timeout. Load less at once (--where), or "
                                "ask for a longer one.", reason="timeout")
    if state and state.startswith(("57P", "08")):
        return lost(source, when)
    return SourceError(f"{source} reports while {when}: {said}.")


def of_text(text: str, source: str, when: str, address: Address) -> SourceError | None:
    """By the words alone, as DuckDB's extension and ADBC pass them on; None when they are not PostgreSQL's."""
    lowered = text.lower()
    if any(words in lowered for words in _LOST):
        return lost(source, when)
    found = _SAID.search(text)
    if found is None:
        return None
    said = address.words(found["words"]).rstrip(".")
    states = (("permission denied", "42501"), ("row-level security", "42501"), ("does not exist", "42P01"),
              ("statement timeout", "57014"), ("syntax error", "42601"))
    state = next((state for words, state in states if words in said), None)
    return of_state(state, said, source, when)


def of_value(text: str, table: str, columns: dict[str, str]) -> ColumnRefused | None:
    """A value that an expression of `postgres_carrier.refused` stopped at; `columns`: label -> column."""
    found = REFUSED.search(text)
    if found is None:
        return None
    what = found["what"]
    name = next((column for label, column in sorted(columns.items(), key=lambda one: -len(one[0]))
                 if what.endswith(label) or label in what), None)
    if name is None:
        return None
    return value_refused(table, name, found["value"], found["kind"])


def value_refused(table: str, column: str, value: str, kind: str) -> ColumnRefused:
    return ColumnRefused(
        f"{table}.{column} holds {value!r}, which {kind} does not have.",
        hint=f"Load it as text with --cast {column}=text, or leave it out with --skip {column}.",
        column=column, table=table, value=value)


def _hidden(source: str, said: str) -> SourceError:
    return SourceError(f"{source} hides rows from this user: {said}.",
                       hint="Load as a user who may see them all, or leave out row_security=off.",
                       reason="row_security")
