"""The owner's reading of changes that the Journal still has in memory: the answer of `Reading`, without a statement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pluto_duck.events.envelope import Origin, Seen
from pluto_duck.events.marks import batch_table
from pluto_duck.events.model import Position
from pluto_duck.events.textevent import Untold, event
from pluto_duck.session.changes.reading import MOST
from pluto_duck.workspace.protocol import Reply, Request
from pluto_duck.workspace.tableref import TableRef

if TYPE_CHECKING:
    from pluto_duck.session.handler import SessionHandler


def remembered(handler: SessionHandler, request: Request) -> Reply | None:
    """As `Reading.changes`; None where it has to be asked, also for whatever is to be refused."""
    args, journal = request.args, handler.ledger.journal
    after, limit = Position(*args["after"]), max(1, min(int(args["limit"]), MOST))
    tracked = journal.tracked
    wanted = {TableRef(name, schema).key for schema, name in args["tables"]}
    found = journal.recent.after(after)
    if found is None or wanted - tracked.keys():
        return None
    commits, head = found
    if sum(len(one.changes) for one in commits) > limit:
        return None
    origin = Origin(handler.ledger.workspace_id, handler.database.workspace.name)
    rows: list[dict[str, object]] = []
    try:
        for commit in commits:
            told = [one for one in commit.changes if Position(commit.seq, one.n) > after
                    and (not wanted or one.table.key in wanted)]
            for one in told:
                table = one.table
                key, text = event(origin, Seen(table.ref, table.version, table.columns, table.key_columns), commit, one)
                rows.append({"seq": commit.seq, "n": one.n, "last": one is told[-1], "schema": table.ref.schema,
                             "name": table.ref.name, "op": one.op, "key": key, "event": text})
    except Untold:
        return None
    batch, position = batch_table(rows), max(after, Position(head, Position.LAST))
    return Reply({"position": [position.seq, position.n], "head": head, "view": {},
                  "on": sorted({(one["schema"], one["name"]) for one in rows})},
                 schema=batch.schema, batches=iter(batch.to_batches()))


__all__ = ["remembered"]
