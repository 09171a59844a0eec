"""History: every version of a row, from when it was first seen to when it was seen to have changed.

A version is open (`is_current`, no `valid_to`) until the source has another one for its key; what vanished is
closed when told to, and opened again when it comes back.
"""

from __future__ import annotations

from pluto_duck.ingest.landing import Landed, differs, names_of, same_key
from pluto_duck.ingest.plan import TableLoad
from pluto_duck.ingest.records import literal
from pluto_duck.session import Session, WriteColumn
from pluto_duck.workspace import quote

MOMENT = "TIMESTAMP WITH TIME ZONE"


def opened(at: str) -> list[WriteColumn]:
    """The columns of a first load: every row has one version, open since then."""
    return [WriteColumn("valid_from", MOMENT, f"{literal(at)}::TIMESTAMPTZ", nullable=False),
            WriteColumn("valid_to", MOMENT, "NULL"), WriteColumn("is_current", "BOOLEAN", "true", nullable=False)]


def land(worker: Session, load: TableLoad, staged: str, *, at: str, delete_missing: bool) -> Landed:
    target, names = load.ref.sql, names_of(load)
    # Later than any version that is there, even when the clock was set back.
    now = worker.internal([
        f"SELECT CAST(greatest({literal(at)}::TIMESTAMPTZ, max(greatest(valid_from, coalesce(valid_to, valid_from))) "
        f"+ INTERVAL 1 MICROSECOND) AS VARCHAR) FROM {target}"])[0][0][0]
    moment = f"{literal(now)}::TIMESTAMPTZ"
    change = differs(load, "t", "s")
    closed = 0
    if delete_missing:
        closed = int(worker.internal([
            f"UPDATE {target} AS t SET valid_to = {moment}, is_current = false WHERE is_current AND NOT EXISTS "
            f"(SELECT 1 FROM {staged} AS s WHERE {same_key(load, 's', 't')})"])[0][0][0])
    updated = 0
    if change:
        updated = int(worker.internal([
            f"UPDATE {target} AS t SET valid_to = {moment}, is_current = false FROM {staged} AS s "
            f"WHERE t.is_current AND {same_key(load, 't', 's')} AND ({change})"])[0][0][0])
    first = quote(load.key[0])
    written = int(worker.internal([
        f"INSERT INTO {target} ({names}, valid_from, valid_to, is_current) "
        f"SELECT {names_of(load, 's.')}, {moment}, NULL, true FROM {staged} AS s "
        f"LEFT JOIN {target} AS t ON {same_key(load, 't', 's')} AND t.is_current WHERE t.{first} IS NULL"])[0][0][0])
    return Landed(written - updated, updated, closed)
