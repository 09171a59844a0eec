"""From the Journal into the queues: one reader for all webhooks of the owner, one for each that sees less."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pluto_duck.errors import HistoryGone, PlutoError
from pluto_duck.events.model import ChangeBatch, ChangeReader, Position
from pluto_duck.events.webhooks.model import Webhook
from pluto_duck.events.webhooks.queue import New, Queue
from pluto_duck.workspace.tableref import TableRef

BATCH = 1_000
MOST_WAITING = 10_000
"""Deliveries in one queue; the changes after them wait in the Journal."""
MOST_BODY = 1 << 20
"""Bytes; of a larger change its rows are left out."""
AFTER_TROUBLE_S = 30.0


class Intake:
    """For one thread."""

    def __init__(self, queue: Queue, reader: Callable[[Webhook | None], ChangeReader], *,
                 most_waiting: int = MOST_WAITING, batch: int = BATCH) -> None:
        """`reader`: of a webhook that has roles; of None, the owner's."""
        self._queue, self._reader, self._most, self._batch = queue, reader, most_waiting, batch
        self._head = 0
        self._later: dict[str, float] = {}

    def turn(self, webhooks: Sequence[Webhook], wait_s: float) -> bool:
        """Whether there was something; else it has waited so long for it."""
        room = [one for one in webhooks if one.pending < self._most and self._may_try(one.id)]
        behind = [one for one in room if one.position.seq < self._head]
        if behind:
            for group in _groups(behind):
                self._take(group, 0.0)
            return True
        owners = [one for one in room if one.wish.roles is None]
        if owners:
            return self._take(next(iter(_groups(owners))), wait_s)
        before = self._head
        try:
            head = self._reader(None).changes(Position(before, Position.LAST), limit=1, wait_s=wait_s).head
        except HistoryGone as error:
            head = int(error.facts["head"])
        self._head = max(before, head)
        return self._head > before

    def _may_try(self, id: str) -> bool:
        return self._later.get(id, 0.0) <= time.monotonic()

    def _take(self, group: Sequence[Webhook], wait_s: float) -> bool:
        """One batch for webhooks that stand at the same place and see the same."""
        first = group[0]
        try:
            reader = self._reader(first if first.wish.roles is not None else None)
            try:
                batch = reader.changes(first.position, limit=self._batch, wait_s=wait_s)
            except HistoryGone as error:
                return self._reset(group, Position(int(error.facts["oldest"]), Position.LAST))
        except PlutoError as error:
            if first.wish.roles is None:
                raise
            self._later[first.id] = time.monotonic() + AFTER_TROUBLE_S
            self._queue.trouble(first.id, error.message)
            return False
        self._head = max(self._head, batch.head)
        if batch.position <= first.position:
            return False
        self._queue.put(wanted(group, batch), batch.position)
        return True

    def _reset(self, group: Sequence[Webhook], start: Position) -> bool:
        """What is gone is said, and then it goes on with what is kept."""
        for one in group:
            body = json.dumps({
                "type": "io.plutoduck.changes.reset", "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "data": {"op": "reset", "since": str(one.position), "position": str(start),
                         "why": "Changes that this webhook has not had are no longer kept."}})
            self._queue.put({one.id: [New(f"msg_{one.id}_{start.seq}_reset", "io.plutoduck.changes.reset", str(start),
                                          body)]}, start)
        return True


def _groups(webhooks: Iterable[Webhook]) -> list[list[Webhook]]:
    """The hindmost first."""
    found: dict[tuple[Any, ...], list[Webhook]] = {}
    for one in webhooks:
        found.setdefault((one.position, one.id if one.wish.roles is not None else ""), []).append(one)
    return [found[key] for key in sorted(found)]


def wanted(webhooks: Sequence[Webhook], batch: ChangeBatch) -> dict[str, list[New]]:
    """By id: what of the batch is for each."""
    found: dict[str, list[New]] = {one.id: [] for one in webhooks}
    for row in batch.table.select(["seq", "n", "schema", "name", "op", "event"]).to_pylist():
        table = TableRef(row["name"], row["schema"])
        wanting = [one for one in webhooks if one.wish.filter.wants(table, row["op"])]
        if not wanting:
            continue
        event = json.loads(row["event"], parse_float=_exact)
        body, type = body_of(row["event"], event), str(event.get("type", ""))
        for one in wanting:
            if one.wish.filter.about(row["op"], event):
                found[one.id].append(New(f"msg_{one.id}_{row['seq']}_{row['n']}", type, f"{row['seq']}.{row['n']}",
                                         body))
    return found


def _exact(text: str) -> Any:
    from decimal import Decimal

    return Decimal(text)


def body_of(text: str, event: dict[str, Any]) -> str:
    """The CloudEvent with the member `timestamp`: what Standard Webhooks asks for ({type, timestamp, data}) and an
    event still. Put into its text, so that no number passes through Python."""
    if len(text) > MOST_BODY:
        data = {**event.get("data", {}), "before": None, "after": None, "omitted": ["before", "after"]}
        text = json.dumps({**event, "data": data}, ensure_ascii=False, default=str)
    return f"{text.rstrip()[:-1]},\"timestamp\":{json.dumps(event.get('time', ''))}}}"
