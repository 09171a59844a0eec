"""Which connector an address means. `env:NAME` stands for what the variable holds, and is never replaced
by it in anything that is shown or kept."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from typing import Any

from pluto_duck import plugins
from pluto_duck.errors import UsageError, nearest, unknown_name
from pluto_duck.ingest.connections_address import as_libpq
from pluto_duck.ingest.connectors import Connector

GROUP = "pluto_duck.connectors"


def open_source(uri: Any, connector: str | None = None) -> tuple[Connector, str]:
    """(a connector that has not connected yet, the source as it may be shown). `uri`: an address or a DataFrame."""
    if not isinstance(uri, str):
        frame: Connector = plugins.load(GROUP, connector or "dataframe")(uri)
        return frame, frame.source
    address = as_libpq(from_environment(uri))
    if "\0" in address:
        raise UsageError("An address holds no NUL character.")
    kind = plugins.load(GROUP, connector) if connector else _kind(address)
    try:
        made: Connector = kind(address)
    except ValueError:  # whose words may quote a part of a password
        raise UsageError("This address can't be read: a bracket or a port in it is not as it should be.",
                         hint="For example https://host/file.csv or postgresql://me@host/shop.") from None
    return made, uri if uri.startswith("env:") else made.source


def from_environment(uri: str) -> str:
    """What the variable of `env:NAME` holds; other addresses as they are. Raises UnknownName with the nearest names."""
    if not uri.startswith("env:"):
        return uri
    name = uri.removeprefix("env:")
    if not os.environ.get(name):
        error = unknown_name("environment variable", name, nearest(name, os.environ))
        error.hint = error.hint or f"Set it first, for example: export {name}=postgresql://..."
        raise error
    return os.environ[name]


def _kind(address: str) -> type[Connector]:
    # Files last: their connector takes any path that no other knows by its ending.
    broken: list[str] = []
    # The one that is called like the scheme first, which spares importing the others.
    scheme = address.partition("://")[0] if "://" in address else ""
    for name in sorted(plugins.names(GROUP), key=lambda one: (one == "file", not scheme.startswith(one), one)):
        try:
            kind: type[Connector] = plugins.load(GROUP, name)
        except Exception as error:  # somebody else's plug-in must not keep all others from loading
            broken.append(f"The connector {name} can't be loaded ({type(error).__name__}: {error}).")
            continue
        if kind.accepts(address) and not (name == "file" and _is_host(address)):
            return kind
    unknown = _unknown(address)
    unknown.hint = " ".join((unknown.hint, *broken))
    raise unknown


def _is_host(address: str) -> bool:
    """Any word may be the path of a file; these are not, unless there is one."""
    return re.match(r"localhost\b|[\w.-]+:\d+|\d+(\.\d+){3}\b", address) is not None and not os.path.exists(address)


_SCHEMES = ("postgresql://", "postgres://", "mysql://", "mariadb://", "sqlite://", "duckdb://", "https://", "http://",
            "s3://", "file://")
# A host, with a port or a database behind it: nothing says what kind of database it is.
_HOST = re.compile(r"(?:localhost|[\w-]+(?:\.[\w-]+)+|[\w.-]+(?=:\d))(?::\d{1,5})?(?:/[\w-]*)?\Z")


def _unknown(address: str) -> UsageError:
    """What is not repeated of the address may hold a password."""
    scheme = re.match(r"(?:jdbc:)?([a-z][a-z0-9+.-]*://)", address, re.I)
    if scheme is None:
        if _HOST.match(address):
            return UsageError(f"{address} says where, but not what kind of source it is.",
                              hint=f"For a PostgreSQL: postgresql://USER@{address.rstrip('/')}"
                                   f"{'' if '/' in address else '/DATABASE'}")
        return UsageError("No connector knows this kind of address.",
                          hint=f"Write postgresql://user@host/database, or the path of a file. {_installed()}")
    found = scheme[1].lower()
    if address.lower().startswith("jdbc:"):
        return UsageError("An address for Java does not work here.", hint=f"Leave jdbc: out: {found}USER@HOST/DATABASE")
    close = get_close_matches(found, _SCHEMES, 1, 0.8)
    if close and close[0] != found:
        hint = f"Did you mean {close[0]}?"
    elif found in ("http://", "https://"):
        hint = "Download the file first, then ingest its path."
    else:
        hint = f"{_installed()} A plug-in can bring others."
    return UsageError(f"No connector knows addresses that begin with {found}.", hint=hint)


def _installed() -> str:
    return f"There are the connectors {', '.join(plugins.names(GROUP))}."
