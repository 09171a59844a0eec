"""A run as server-sent events.

    id: 7
    data: {"run_id": ..., "seq": 7, "at": ..., "type": "progress", "subtype": "chunk", "content": {...}}

A `rows`/`chunk` event carries its rows, in pieces of at most PIECE; a piece that is not the last of its
event has the id `seq.rows`, so that a client which comes back with Last-Event-ID gets each row once.
There is no `event:` line: a plain `onmessage` sees everything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tornado.iostream import StreamClosedError

from pluto_duck.api.follow import Follower
from pluto_duck.display.jsonable import json_rows
from pluto_duck.errors import PlutoError, UsageError

if TYPE_CHECKING:
    from pluto_duck.api.handler import PlutoHandler
    from pluto_duck.api.places import Place
    from pluto_duck.runs import Run, RunEvent
    from pluto_duck.runs.rowsfile import RowsReader

PIECE = 2_000
RETRY_MS = 3_000


def parse_last_event_id(text: str | None) -> tuple[int, int]:
    """(last event that was got whole, rows that were got of the next one)."""
    if not text:
        return 0, 0
    found = re.fullmatch(r"([0-9]{1,18})(?:\.([0-9]{1,18}))?", text.strip())
    if found is None:
        raise UsageError(f"Last-Event-ID {text!r} is none of ours.", hint="Leave it out to start at the beginning.")
    seq, rows = int(found[1]), found[2]
    return (seq - 1, int(rows)) if rows else (seq, 0)


def frame(event: RunEvent, *, content: dict[str, Any] | None = None, id: str | None = None) -> str:
    body = {"run_id": event.run_id, "seq": event.seq, "at": event.at.isoformat(), "type": event.type,
            "subtype": event.subtype, "content": event.content if content is None else content}
    return f"id: {id or event.seq}\ndata: {json.dumps(body, ensure_ascii=False, separators=(',', ':'))}\n\n"


class RowFrames:
    """The frames of `rows`/`chunk` events; reads the rows file in step with them."""

    def __init__(self, place: Place, run: Run, types: list[str]) -> None:
        self._place, self._run, self._types = place, run, types
        self._reader: RowsReader | None = None
        self._at = 0

    def of(self, event: RunEvent, skip: int) -> Iterator[str]:
        for content, end, last in self.pieces(event, skip):
            yield frame(event, content=content, id=str(event.seq) if last else f"{event.seq}.{end}")

    def pieces(self, event: RunEvent, skip: int = 0) -> Iterator[tuple[dict[str, Any], int, bool]]:
        """(content with its rows, rows of the event up to its end, whether it is the last one)"""
        if self._reader is None:
            self._reader = self._place.runs.open_rows(self._run)
        for batch in self._reader.upto(event.content["batch"] + 1):
            wanted, self._at = self._at == event.content["batch"], self._at + 1
            if not wanted:
                continue
            for start in range(skip, batch.num_rows, PIECE):
                piece = batch.slice(start, PIECE)
                end = start + piece.num_rows
                content = {"offset": event.content["offset"] + start, "count": piece.num_rows,
                           "rows": json_rows(piece, self._types)}
                yield content, end, end == batch.num_rows

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()


async def stream(handler: PlutoHandler, place: Place, run: Run) -> None:
    with_rows = handler.integer("rows", 1, least=0, most=1)
    after, skip = parse_last_event_id(handler.request.headers.get("Last-Event-ID")
                                      or handler.get_query_argument("after", None))
    if run.done and not skip and not await handler.in_thread(place.runs.read_events, run.run_id, after, 1):
        handler.set_status(204)  # an EventSource that has seen the end comes back once: this stops it
        return
    handler.set_header("Content-Type", "text/event-stream")
    handler.set_header("Cache-Control", "no-store")
    handler.set_header("X-Accel-Buffering", "no")
    follower = Follower(handler.app, place, run.run_id)
    handler.on_gone = follower.leave
    types = [one.type for one in run.columns or ()]
    rows = RowFrames(place, run, types)
    try:
        async with follower:
            handler.write(f"retry: {RETRY_MS}\n\n")
            await handler.flush()
            async for events in follower.events(after):
                if not events:
                    handler.write(": still here\n\n")
                for event in events:
                    if event.type == "rows" and event.subtype == "start":
                        types[:] = [one["type"] for one in event.content["columns"]]
                    if event.type == "rows" and event.subtype == "chunk" and with_rows:
                        frames = rows.of(event, skip)
                        while (text := await handler.in_thread(next, frames, None)) is not None:
                            handler.write(text)
                            await handler.flush()
                    else:
                        handler.write(frame(event))
                    skip = 0
                await handler.flush()
            if handler.app.closing:
                handler.write(f": the server stops\nretry: {RETRY_MS}\n\n")
    except StreamClosedError:
        return
    except PlutoError as error:  # too late for a status
        body = {"run_id": run.run_id, "type": "log", "subtype": "error", "content": error.to_dict()}
        handler.write(f"data: {json.dumps(body)}\n\n")
    finally:
        await handler.in_thread(rows.close)
