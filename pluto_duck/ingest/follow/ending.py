"""The end of following: nothing is left at the source that would fill its disk."""

from __future__ import annotations

from contextlib import suppress

from pluto_duck.errors import PlutoError, SourceError
from pluto_duck.ingest.connectors.postgres_address import Address, psycopg
from pluto_duck.ingest.follow import slot as slots
from pluto_duck.ingest.follow import state
from pluto_duck.ingest.follow.alone import alone
from pluto_duck.ingest.follow.stream import connect
from pluto_duck.session import Session
from pluto_duck.session.backup import workspace_id


def unfollow(session: Session, uri: str) -> list[str]:
    """In words, what was dropped at the source. Raises DatabaseBusy while it is being followed."""
    address = Address(uri)
    identity = workspace_id(session.control)
    try:
        with connect(address, "pluto-duck unfollow") as connection:
            server = slots.identify(connection)
    except SourceError:
        # Its right to replicate may be gone; what we know is enough then.
        known = [one for one in state.read(session) if one.source == address.shown]
        if not known:
            raise
        server = known[0].server
    name = slots.name_of(identity, server)
    with alone(session.workspace, name, address.shown):
        try:
            with slots.open_plain(address, name) as plain:
                gone = slots.drop(plain, name)
        except psycopg().Error as error:
            raise slots.refused(error, address, "its slot was dropped") from None
        with suppress(PlutoError):
            state.forget(session, name)
    return gone
