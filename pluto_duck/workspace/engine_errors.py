"""DuckDB's errors in our words. None leaves workspace/ untranslated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from pluto_duck.errors import Cancelled, PlutoError, StatementError, UnknownName, WorkspaceUnusable
from pluto_duck.workspace.blot import blotted

_MISSING_TABLE = re.compile(r'Table with name (?:"(?P<quoted>.*?)"|(?P<plain>.*?)) does not exist', re.S)
_MEANT = re.compile(r'Did you mean "(.*?)"\?')
_MISSING_COLUMN = re.compile(r'column "?(.*?)"? not found|does not have a column named "(.*?)"', re.S)
_CANDIDATES = re.compile(r"Candidate bindings: (.*)")


@contextmanager
def translated(sql: str = "") -> Iterator[None]:
    """Turns what DuckDB raises in the block into a PlutoError, `from` the original."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        raise translate(error, sql) from error
    except RuntimeError as error:
        if "interrupted" in str(error).lower():  # 1.5: SIGINT in the main thread inside a call
            raise KeyboardInterrupt from error
        raise


def is_aborted(error: PlutoError) -> bool:
    """Whether nothing was done because the transaction had failed before."""
    return "transaction is aborted" in error.message


def translate(error: Exception, sql: str = "") -> PlutoError:
    import duckdb

    text = blotted(str(error))  # "Unable to connect to Postgres at "host=... password=..."", and the LINE itself
    message, position = _split(text)
    if isinstance(error, duckdb.InterruptException):
        return Cancelled("The statement was cancelled.")
    if isinstance(error, duckdb.CatalogException):
        missing = _MISSING_TABLE.search(message)
        if missing:
            name = missing["quoted"] or missing["plain"]
            meant = [one for one in _MEANT.findall(text) if not one.startswith(("pg_", "duckdb_", "sqlite_"))]
            return UnknownName(f'There is no table "{name}".',
                               hint=f"Did you mean {meant[0]}?" if meant else "The verb `tables` lists what is there.",
                               kind="table", name=name, nearest=meant, position=position)
    if isinstance(error, duckdb.BinderException):
        column = _MISSING_COLUMN.search(message)
        found = _CANDIDATES.search(text)
        if column:
            near = re.findall(r'"([^"]+)"', found[1]) if found else []
            return UnknownName(f'There is no column "{column[1] or column[2]}" here.',
                               hint="Did you mean " + " or ".join(near[:3]) + "?" if near else "",
                               kind="column", name=column[1] or column[2], nearest=near, position=position)
    if isinstance(error, duckdb.FatalException | duckdb.InternalException):
        hint = "The database is opened anew; committed rows are safe. Run it again."
        if "No space left" in text:
            hint = "The disk is full: free some space, then run it again. Committed rows are safe."
        return WorkspaceUnusable(f"The database stopped: {message}.", hint=hint, fatal=True)
    meant_any = _MEANT.search(text)
    hint = f"Did you mean {meant_any[1]}?" if meant_any else ""
    kind = type(error).__name__.removesuffix("Exception")
    if kind == "OutOfMemory":
        message = message.partition(" Possible solutions:")[0]  # SET statements, for a connection of one's own
        hint = "Give DuckDB more (PLUTODUCK_DUCKDB__MEMORY_LIMIT=8GB) or ask for fewer rows."
    return StatementError(message, hint=hint, engine=kind, position=position)


def _split(text: str) -> tuple[str, str]:
    """(the message in one line, the LINE n: block with its caret or "")."""
    head, _, tail = text.partition("\n\nLINE ")
    head = re.sub(r"\s*\n\s*(?:Did you mean|Candidate bindings).*", "", head, flags=re.S)
    head = re.sub(r"^(?:[A-Z]\w*(?: [A-Z]\w*)*) Error: ", "", head)
    return " ".join(head.split()), f"LINE {tail}" if tail else ""
