"""Where the tables of a workspace came from, as the head of the list shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pluto_duck.commands.workbench import Workbench


def sources(session: Workbench, tables: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The saved connections, the sources of loads whose tables are here, and live ones: by name, each with what kind
    it is and how many tables it has here."""
    from pluto_duck.ingest.connections import Connections
    from pluto_duck.ingest.live import sources as live

    counts: dict[str, int] = {}
    for one in tables:
        if one["source"]:
            counts[one["source"]] = counts.get(one["source"], 0) + 1
    found = []
    for known in Connections(session.control, session.workspace).all():
        found.append(_source("connection", known.name, known.address, counts.pop(known.address, 0)))
    found += [_source("live", one.name, one.address, len(one.tables)) for one in live(session.control)]
    found += [_source("load", one, one, count) for one, count in counts.items()]
    return sorted(found, key=lambda one: (str(one["kind"]), str(one["name"]).casefold()))


def _source(kind: str, name: str, address: str, tables: int) -> dict[str, Any]:
    return {"kind": kind, "name": name, "address": address, "tables": tables}
