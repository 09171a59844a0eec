"""Adding a sink and taking it away, whoever asks: a verb or REST."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pluto_duck.commands.relaying import account, address_of, folder_of, make, sealed, tracked_of
from pluto_duck.errors import Refused, UsageError
from pluto_duck.events.model import Position
from pluto_duck.events.sinks import checked, secrets_of
from pluto_duck.events.sinkstore import SinkRecord, Sinks
from pluto_duck.session import Session
from pluto_duck.workspace import Workspace
from pluto_duck.workspace.tableref import TableRef


def added(session: Session, known: Sinks, name: str, kind: str, *, tables: Sequence[str], options: Mapping[str, Any],
          begin: str, secret: Callable[[str], str]) -> SinkRecord:
    """`begin`: "snapshot" or "now". `secret`: gives the value of an option that is to be in the keyring; raises where
    nobody has it."""
    from pluto_duck.ingest import connections_keyring as keyring

    workspace, wanted = session.workspace, dict(options)
    checked(kind, wanted)
    refs = [TableRef.parse(one) for one in tables]
    tracked = tracked_of(session)
    missing = [one for one in refs if one.key not in {other.key for other in tracked}]
    if missing:
        raise UsageError(f"{', '.join(map(str, missing))}: no changes of it are kept.",
                         hint=f"Keep them first: pluto-duck changes track {missing[0].shell}")
    if known.find(name) is not None:
        raise Refused(f"There is a sink {name} already.", hint=f"`sinks remove {name}` takes it away.")
    _try(workspace, name, kind, refs, wanted)
    for option in secrets_of(kind):
        if wanted.get(option) == "keyring":
            keyring.keep(account(workspace, name, option), address_of(wanted), secret(option))
    now = Position(session.changes(Position(), limit=1).head, Position.LAST) if begin == "now" else None
    return known.add(name, kind, tables=refs, options=wanted, position=now, known=refs or tracked,
                     seal=sealed(workspace, name, kind, refs, wanted))


def removed(known: Sinks, workspace: Workspace, name: str) -> SinkRecord:
    """Raises Refused for one that stands in a file."""
    from pluto_duck.ingest import connections_keyring as keyring

    one = known.get(name)
    if one.origin:
        raise Refused(f"The sink {one.name} stands in {one.origin}.", hint="Remove it there.")
    known.remove(name)
    for option, value in one.options.items():
        if value == "keyring":
            keyring.drop(account(workspace, one.name, option))
    shutil.rmtree(folder_of(workspace, one.name), ignore_errors=True)
    return one


def _try(workspace: Workspace, name: str, kind: str, tables: Sequence[TableRef], options: Mapping[str, Any]) -> None:
    """Raises what making such a sink would; nothing is reached yet."""
    make(workspace, SinkRecord(
        name=name, kind=kind, tables=tuple(tables), options=options, origin="", added_at=0.0, paused=False, revision=0,
        position=Position(), sent=Position(), head=0, delivered=0, delivered_at=None, state="new", error="", hint="",
        error_at=None, token=0, holder="", seen_at=None))


__all__ = ["added", "removed"]
