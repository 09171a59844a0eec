"""The caller's side of `Session.changes`: through a line of its own, so that who waits holds up nobody."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from pluto_duck.errors import HostLost
from pluto_duck.events.model import ChangeBatch, Position
from pluto_duck.workspace import Request, TableRef
from pluto_duck.workspace.node import join

if TYPE_CHECKING:
    import pyarrow

    from pluto_duck.session import Session
    from pluto_duck.workspace import Reply
    from pluto_duck.workspace.link import Link


class Asking:
    """Of one session; opened by the first question."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._link: Link | None = None
        self._lock = threading.Lock()

    def changes(self, after: Position, tables: Sequence[TableRef], limit: int, wait_s: float) -> ChangeBatch:
        until = time.monotonic() + wait_s
        while True:
            left = max(0.0, until - time.monotonic())
            batch = self._once(after, tables, limit, left)
            if batch.table.num_rows or not left:
                return batch
            after = batch.position

    def _once(self, after: Position, tables: Sequence[TableRef], limit: int, wait_s: float) -> ChangeBatch:
        import pyarrow

        request = Request("changes", {"after": [after.seq, after.n], "limit": limit, "wait_s": wait_s,
                                      "tables": [[one.schema, one.name] for one in tables]}, retry="read")
        while True:
            reply = self._call(request)
            try:
                table = pyarrow.Table.from_batches(list(reply.batches), schema=reply.schema)
            except HostLost as lost:
                if lost.facts.get("outcome") != "partial":
                    raise
                continue  # nobody has seen any of them yet
            finally:
                reply.close()
            header = reply.header
            return ChangeBatch(table, Position(*header["position"]), int(header["head"]), dict(header["view"]))

    def snapshot(self, table: TableRef) -> tuple[Position, pyarrow.RecordBatchReader]:
        import pyarrow

        reply = self._call(Request("snapshot_changes", {"table": [table.schema, table.name]}, retry="read"))

        def batches() -> Iterator[Any]:
            try:
                yield from reply.batches
            finally:
                reply.close()

        return Position(*reply.header["position"]), pyarrow.RecordBatchReader.from_batches(reply.schema, batches())

    def head(self, seen: int, wait_s: float) -> int:
        """The newest commit with changes; waits for one after `seen`."""
        return int(self._call(Request("changes_head", {"after": [seen, Position.LAST], "wait_s": wait_s},
                                      retry="read")).header["head"])

    def _call(self, request: Request) -> Reply:
        from pluto_duck.session.handler import SessionHandler

        with self._lock:
            if self._link is None:
                one = self._session
                link = join(one.workspace, one.settings, SessionHandler, one.role, one._link.hello.label,
                            one.actor.to_dict() if one.actor is not None else None)
                if one.actor is not None:
                    from pluto_duck.session.noted import NotedLink

                    link = cast("Link", NotedLink(link, one.workspace, one.actor, one.role))
                self._link = link
        return self._link.call(request)

    def interrupt(self) -> None:
        if self._link is not None:
            self._link.interrupt()

    def close(self) -> None:
        with self._lock:
            if self._link is not None:
                self._link.interrupt()  # who waits in another thread
                self._link.close()


__all__ = ["Asking"]
