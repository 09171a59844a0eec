"""POST and GET /api/v1/panel: the frames of the sidebar, for when it has no kernel to send them to.

A request is a POST whose answer is a stream of its frames; hanging up stops it. News come in the stream of the GET,
which says that the sidebar is there: with the last one gone, what the server holds for them is let go.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from tornado.iostream import StreamClosedError

from pluto_duck.api.handler import HTTPProblem, PlutoHandler, guarded
from pluto_duck.errors import UsageError

if TYPE_CHECKING:
    from pluto_duck.api.app import PlutoDuckApp
    from pluto_duck.api.places import Place
    from pluto_duck.panel.desk import Desk

LINGER_S = 10.0
"""A sidebar that reloads finds its sessions still open."""
MAX_FRAME = 16_000_000
"""Bytes: a part of a file that is uploaded, at most."""
DECIDES = {"approve": "pluto_duck_approvals", "reject": "pluto_duck_approvals", "edit": "pluto_duck_approvals",
           "verify": "pluto_duck_verified"}
"""What an Authorizer of Jupyter rules on besides `pluto_duck`, as for the routes that do the same."""
Frames = asyncio.Queue[dict[str, Any]]


class Seats:
    """The sidebars at one workspace, and the desk where their frames are worked on. On the event loop only, but
    for `desk`."""

    def __init__(self, app: PlutoDuckApp, place: Place) -> None:
        self._app, self._place = app, place
        self._loop = asyncio.get_running_loop()
        self._desk: Desk | None = None
        self._making = threading.Lock()
        self._news: dict[str, Frames] = {}
        self._asking = 0

    def desk(self) -> Desk:
        """In any thread: a sidebar sends its first frames at once, and they need one desk."""
        with self._making:
            if self._desk is None:
                from pluto_duck.panel.desk import Desk

                self._desk = Desk(lambda: str(self._place.workspace.root), push=self._push, role="server",
                                  runs=lambda: self._place.runs)
            return self._desk

    def _push(self, frame: dict[str, Any]) -> None:
        def spread() -> None:
            for queue in self._news.values():
                queue.put_nowait(frame)

        self.call(spread)

    def call(self, work: Callable[[], None]) -> None:
        """From a thread of the desk."""
        try:
            self._loop.call_soon_threadsafe(work)
        except RuntimeError:
            pass  # the loop has ended with the server

    def come(self, client: str) -> Frames:
        self._news[client] = queue = Frames()
        return queue

    def go(self, client: str, queue: Frames) -> None:
        if self._news.get(client) is queue:
            del self._news[client]
            if self._desk is not None:
                self._desk.left(client)
        self.maybe_close()

    def begin(self) -> None:
        self._asking += 1

    def end(self) -> None:
        self._asking -= 1
        self.maybe_close()

    def maybe_close(self) -> None:
        if not self._news and not self._asking:
            self._loop.call_later(LINGER_S, self._close_if_empty)

    def _close_if_empty(self) -> None:
        if not self._news and not self._asking and not self._app.closing:
            desk, self._desk = self._desk, None
            if desk is not None:
                self._loop.run_in_executor(None, desk.close)

    def close(self) -> None:
        """With the server, in a thread."""
        desk, self._desk = self._desk, None
        if desk is not None:
            desk.close()


class PanelHandler(PlutoHandler):
    max_body: ClassVar = MAX_FRAME

    @guarded
    async def post(self) -> None:
        """The frames that answer one frame, the last with `end`."""
        frame = self._frame()
        op = frame.get("op")
        if isinstance(op, str) and op in DECIDES:
            await self.must_be_let(DECIDES[op])
        client = self._client()
        seats = (await self.place()).seats(self.app)
        seats.begin()  # so that nobody closes the desk meanwhile
        try:
            desk, frames = await self.in_thread(seats.desk), Frames()
            self.on_gone = lambda: desk.take(client, {"v": frame.get("v"), "op": "cancel", "id": 0,
                                                      "target": frame.get("id")}, lambda reply: None)
            self._start()
            await self.in_thread(desk.take, client, frame, lambda reply: seats.call(
                lambda: frames.put_nowait(reply)))
            while True:
                reply = await frames.get()
                await self._tell(reply)
                if reply.get("end"):
                    return
        except StreamClosedError:
            pass  # `on_gone` has seen to it
        finally:
            seats.end()

    @guarded
    async def get(self) -> None:
        """News, until the sidebar hangs up."""
        client = self._client()
        place = await self.place()
        seats = place.seats(self.app)
        gone = asyncio.Event()
        self.on_gone = gone.set
        queue = seats.come(client)
        try:
            self._start()
            self.write(": here\n\n")
            await self.flush()
            silent = 0.0
            while not gone.is_set() and not self.app.closing:
                try:
                    await self._tell(await asyncio.wait_for(queue.get(), 1.0))
                    silent = 0.0
                except TimeoutError:
                    silent += 1.0
                    if silent >= self.app.heartbeat_s:
                        silent = 0.0
                        self.write(": still here\n\n")
                        await self.flush()
        except StreamClosedError:
            pass
        finally:
            seats.go(client, queue)

    def _frame(self) -> dict[str, Any]:
        try:
            frame = json.loads(self.request.body.decode("utf-8"))
            if b"\\u" in self.request.body:
                json.dumps(frame, ensure_ascii=False).encode()  # "\ud800" is JSON, but no text
        except (ValueError, RecursionError):
            raise HTTPProblem(400, "The body is no frame: it must be JSON.") from None
        if not isinstance(frame, dict):
            raise UsageError("A frame is a JSON object.", hint='For example: {"v": 1, "op": "tables", "id": 1}')
        return frame

    def _client(self) -> str:
        client: str = self.get_query_argument("client", "")
        if not re.fullmatch(r"[\w-]{8,64}", client):
            raise UsageError("client= must be 8 to 64 letters, digits, - or _, chosen by the sidebar.", name="client")
        return client

    def _start(self) -> None:
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Accel-Buffering", "no")

    async def _tell(self, frame: dict[str, Any]) -> None:
        if "buffers" in frame:
            frame = frame | {"buffers": [base64.b64encode(one).decode() for one in frame["buffers"]]}
        self.write(f"data: {json.dumps(frame, ensure_ascii=False, default=str, separators=(',', ':'))}\n\n")
        await self.flush()

