"""What is followed, by whom, and what that costs the source: for `loads --following`, `status` and `doctor`."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from dataclasses import dataclass

from pluto_duck.errors import PlutoError
from pluto_duck.ingest.connections import Connections
from pluto_duck.ingest.connectors.postgres_address import Address, psycopg
from pluto_duck.ingest.follow import slot as slots
from pluto_duck.ingest.follow import state
from pluto_duck.ingest.follow.alone import followed
from pluto_duck.ingest.follow.messages import lsn_text
from pluto_duck.session import Session

PATIENCE_S = 2


@dataclass(frozen=True)
class Followed:
    source: str
    slot: str
    tables: tuple[str, ...]
    by: str | None
    """Who follows now; None: nobody, and the source keeps its log meanwhile."""
    changes: int
    lsn: str
    newest: dt.datetime | None
    """When the last change that was applied was committed at the source."""
    retained_bytes: int | None = None
    """Of the source's disk; None where it was not asked, or did not answer."""
    trouble: str = ""
    """Why it can't go on, as far as the source tells."""


def watched(session: Session, *, ask: bool = True) -> list[Followed]:
    """`ask`: each source for what it keeps, where it can be reached without a password that nobody gave."""
    found = []
    for one in state.read(session):
        retained, trouble = _asked(session, one) if ask else (None, "")
        found.append(Followed(
            one.source, one.slot, tuple(str(table.target) for table in one.tables),
            followed(session.workspace, one.slot), one.rows, lsn_text(one.lsn),
            dt.datetime.fromtimestamp(one.at_us / 1e6, dt.UTC) if one.at_us else None, retained, trouble))
    return found


def _asked(session: Session, follow: state.Follow) -> tuple[int | None, str]:
    uri = follow.source
    with suppress(PlutoError):
        known = Connections(session.control, session.workspace)
        uri = next((known.uri(one) for one in known.all() if one.address == uri), uri)
    try:
        address = Address(uri)
        with address.connect(application_name="pluto-duck loads", timeout_s=PATIENCE_S) as connection:
            status = slots.status(connection, follow.slot)
    except (PlutoError, psycopg().Error):
        return None, ""
    if status is None:
        return 0, "its slot is gone"
    return status.retained_bytes, "the source threw away what was kept for it" if status.wal == "lost" else ""
