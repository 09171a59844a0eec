"""Which connector an address means. `env:NAME` stands for what the variable holds, and is never replaced
by it in anything that is shown or kept."""

from __future__ import annotations

import os
import re

from pluto_duck import plugins
from pluto_duck.errors import UsageError, nearest, unknown_name
from pluto_duck.ingest.connections_address import as_libpq
from pluto_duck.ingest.connectors import Connector

GROUP = "pluto_duck.connectors"


def open_source(uri: str, connector: str | None = None) -> tuple[Connector, str]:
    """(a connector that has not connected yet, the source as it may be shown)."""
    address = as_libpq(from_environment(uri))
    kind = plugins.load(GROUP, connector) if connector else _kind(address)
    made: Connector = kind(address)
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
    for name in sorted(plugins.names(GROUP), key=lambda one: (one == "file", one)):
        kind: type[Connector] = plugins.load(GROUP, name)
        if kind.accepts(address):
            return kind
    # The rest of the address is not repeated: it may hold a password.
    scheme = re.match(r"[a-z][a-z0-9+.-]*://", address, re.I)
    hint = (f"Connectors: {', '.join(plugins.names(GROUP))}. Write postgresql://... or the path of a file, "
            "or name the connector.")
    if scheme and scheme[0].lower() in ("http://", "https://"):
        hint = "Download the file first, then ingest its path."
    raise UsageError(f"No connector knows {scheme[0] + '...' if scheme else 'this kind of address'}.", hint=hint)
