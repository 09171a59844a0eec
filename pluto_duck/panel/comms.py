"""The comms of one kernel: each open sidebar has one. Imports nothing heavy: `%load_ext` makes it."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Mapping
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pluto_duck.panel.desk import Desk


class Comms:
    def __init__(self, workspace: Callable[[], str | None], namespace: Callable[[], Mapping[str, Any]] = dict) -> None:
        self._workspace = workspace
        self._namespace = namespace
        self._lock = threading.Lock()
        self._desk: Desk | None = None
        self._open: dict[str, Any] = {}
        self._ways: dict[str, Context] = {}
        """Of each comm, the context its last frame came in."""
        self._sending = threading.Lock()
        atexit.register(self._leave)

    def opened(self, comm: Any, message: dict[str, Any]) -> None:
        """A sidebar came. What the message carries is its first frame."""
        with self._lock:
            self._open[comm.comm_id] = comm
        comm.on_msg(lambda one: self._take(comm, one["content"]["data"]))
        comm.on_close(lambda one: self._closed(comm))
        if message["content"].get("data"):
            self._take(comm, message["content"]["data"])

    def _take(self, comm: Any, frame: Any) -> None:
        with self._lock:
            self._ways[comm.comm_id] = copy_context()
            if self._desk is None:
                from pluto_duck.panel.desk import Desk

                self._desk = Desk(self._workspace, push=self._push, namespace=self._namespace)
            desk = self._desk
        desk.take(comm.comm_id, frame, lambda reply: self._send(comm, reply))

    def _send(self, comm: Any, frame: dict[str, Any]) -> None:
        with self._lock:
            way = self._ways.get(comm.comm_id) if comm.comm_id in self._open else None
        if way is not None:
            with self._sending:  # frames of one request must not overtake each other on the way out
                # ipykernel takes a frame for the running cell's where it can't tell, and from then on lets what the
                # sidebar sends wait behind that cell.
                way.run(comm.send, {name: one for name, one in frame.items() if name != "buffers"},
                        buffers=list(frame.get("buffers", ())))

    def _push(self, frame: dict[str, Any]) -> None:
        with self._lock:
            comms = list(self._open.values())
        for comm in comms:
            self._send(comm, frame)

    def _closed(self, comm: Any) -> None:
        with self._lock:
            self._open.pop(comm.comm_id, None)
            self._ways.pop(comm.comm_id, None)
            desk = self._desk
        if desk is not None:
            desk.left(comm.comm_id)

    def close(self) -> None:
        """Stops what runs, leaves the workspace and says so to the sidebars."""
        atexit.unregister(self._leave)
        for comm in self._leave():
            comm.close()

    def _leave(self) -> list[Any]:
        """At exit no comm is closed: JupyterLab has forgotten those of a kernel that ends, and would say in the
        browser's console that it doesn't know them."""
        with self._lock:
            desk, self._desk = self._desk, None
            comms, self._open = list(self._open.values()), {}
        if desk is not None:
            desk.close()
        return comms
