"""Where `ingest` is to read from, of all the ways to say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pluto_duck.commands import Door
from pluto_duck.commands.load_options import ALSO
from pluto_duck.commands.load_run import apart
from pluto_duck.errors import PlutoError, UnknownName, UsageError


@dataclass(frozen=True, repr=False)
class Place:
    source: Any
    """For the connector: an address, maybe with its password, or a DataFrame."""
    shown: str
    connector: str | None = None
    secret: str | None = None
    typed: str | None = None
    """The address as it was typed; None for a connection or a frame."""
    connection: str | None = None
    frame: str | None = None
    """The name of a DataFrame of the notebook."""


def place(door: Door, uri: str | None, connection: str | None, aliases: Mapping[str, str | None]) -> Place:
    """Raises UsageError unless exactly one was named."""
    named = [(alias.removeprefix("from_"), value) for alias, value in aliases.items() if value is not None]
    count = (uri is not None) + (connection is not None) + len(named)
    if count != 1:
        raise UsageError("Name one place to read from." if not count else "Name only one place to read from.",
                         hint=f"{door.program} ingest sales.csv, {door.program} ingest --from-postgres URI, or "
                              f"{door.program} ingest --from NAME for a saved connection.")
    if connection is not None:
        return saved_place(door, connection)
    if uri is None:
        alias, value = named[0]
        return _address(str(value), ALSO.get(alias, alias))
    frame = _frame(door, uri)
    if frame is not None:
        return Place({uri: frame}, f"the DataFrame {uri}", frame=uri)
    return _address(uri, None)


def _address(uri: str, connector: str | None) -> Place:
    shown, secret = apart(uri)
    return Place(uri, shown, connector, secret, typed=uri)


def saved_place(door: Door, name: str) -> Place:
    from pluto_duck.commands.connections import uri_of

    uri, found = uri_of(door, name)
    return Place(uri, found.address, found.connector, apart(uri)[1], connection=found.name)


def _frame(door: Door, word: str) -> Any:
    value = door.namespace.get(word) if word.isidentifier() else None
    if value is None or isinstance(value, str):
        return None
    from pluto_duck.ingest.connectors.dataframe_arrow import is_frame

    return value if is_frame(value) else None


def meant(door: Door, error: PlutoError, there: Place) -> PlutoError:
    """With the saved connection that a bare word may have meant, where there is no such file."""
    word = there.typed
    if isinstance(error, UnknownName | UsageError) and word is not None and word.replace("-", "_").isidentifier():
        from pluto_duck.commands.connections import saved

        with saved(door) as known:
            found = known.find(word)
        if found is not None:
            error.hint = f"Did you mean the connection? {door.program} ingest --from {found.name}"
    return error


