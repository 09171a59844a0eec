"""A guest's side of the socket: one session through the process that hosts."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from multiprocessing import AuthenticationError
from typing import Any

from pluto_duck.errors import HostNotAnswering, PlutoError, StatementError, from_dict
from pluto_duck.workspace import wire
from pluto_duck.workspace.hostfile import HostFile
from pluto_duck.workspace.protocol import Hello, Reply, Request
from pluto_duck.workspace.wire import Peer

STALL_S = 1.0
"""After so long without a byte the host is asked whether it still lives."""


class ChannelLost(Exception):
    """The connection is gone. `sent`: the request may have run. `moved`: the host said that it did not."""

    def __init__(self, *, sent: bool, moved: bool = False) -> None:
        super().__init__("the host is gone")
        self.sent = sent
        self.moved = moved


def connect(host: HostFile, key: bytes, versions: dict[str, Any], purpose: str, *, timeout_s: float,
            **fields: Any) -> tuple[Peer, dict[str, Any]]:
    """A proven connection for a purpose, and the host's hello.

    Raises OSError or EOFError when nobody is there (look again), HostNotAnswering when someone is but
    stays silent, VersionMismatch.
    """
    try:
        peer = wire.dial(host.address, timeout_s, reads_ahead=purpose != "handover")
    except TimeoutError as error:
        raise not_answering(host, timeout_s) from error
    try:
        peer.settimeout(timeout_s)
        wire.prove_as_guest(peer, key)
        peer.put_json("J", {**versions, "purpose": purpose, **fields})
        peer.flush()
        if purpose in ("handover", "lend"):
            return peer, {}
        kind, answer = peer.get_json()
    except AuthenticationError as error:
        peer.close()
        raise EOFError("not our host") from error  # host.json named a foreign socket: look again
    except TimeoutError as error:
        peer.close()
        raise not_answering(host, timeout_s) from error
    except BaseException:
        peer.close()
        raise
    if kind == "X":
        peer.close()
        raise from_dict(answer)
    if kind == "M":
        peer.close()
        raise ConnectionResetError("the host is leaving")
    return peer, answer


def not_answering(host: HostFile, waited_s: float) -> HostNotAnswering:
    return HostNotAnswering(
        f"The process that hosts this workspace does not answer: {host.who()} on {host.hostname}, "
        f"waited {waited_s:.1f} s.",
        hint="It may be stopped or busy in a computation that never pauses: let it go on, or close it. "
             "Nothing is lost by waiting.", pid=host.pid)


class GuestChannel:
    """One session: a connection for its calls, a second one for interrupt, progress and signs of life."""

    role = "guest"

    def __init__(self, host: HostFile, key: bytes, versions: dict[str, Any], hello: Hello, wait_s: float) -> None:
        self._host = host
        self._wait_s = wait_s
        self.peer, _answer = connect(host, key, versions, "session", timeout_s=wait_s,
                                     session_id=hello.session_id, role=hello.role, pid=hello.pid, label=hello.label,
                                     actor=hello.actor)
        try:
            self._control, _answer = connect(host, key, versions, "control", timeout_s=wait_s,
                                             session_id=hello.session_id)
        except BaseException:
            self.peer.close()
            raise
        self._control.settimeout(None)
        self._control_lock = threading.Lock()
        self.peer.settimeout(STALL_S)
        self.peer.on_stall = self._stalled
        self._reading: Reply | None = None
        """The reply whose rows are still under way."""
        self._closed = False

    def _stalled(self) -> None:
        """Nothing moved for a second: a long statement is fine, a host that does not answer is not."""
        self._ask({"op": "ping"})

    def _ask(self, fields: dict[str, Any]) -> dict[str, Any]:
        with self._control_lock:
            control = self._control
            control.settimeout(self._wait_s)
            try:
                control.put_json("J", fields)
                control.flush()
                _kind, answer = control.get_json()
            except TimeoutError as error:
                self._abandon()  # the answer may still come and would be taken for the next one
                raise not_answering(self._host, self._wait_s) from error
            return answer or {}

    def call(self, request: Request) -> Reply:
        if self._closed:
            raise ChannelLost(sent=False)
        sent = False
        try:
            self._discard_rest()
            fields = {"op": request.op, "args": request.args, "rows": request.rows is not None}
            self.peer.put_json("J", fields)
            if request.rows is not None:
                sent = True
                self._upload(request.rows)
            self.peer.flush()
            sent = True
            kind, body = self.peer.get_json()
        except (EOFError, OSError) as error:
            self._abandon()
            raise ChannelLost(sent=sent) from error
        if kind == "M":
            self._abandon()
            raise ChannelLost(sent=False, moved=True)
        if kind == "X":
            raise _error(body)
        return self._reply(body)

    def _upload(self, rows: Any) -> None:
        """The rows as Arrow frames. What their source raises comes out of here once the host has answered."""
        import pyarrow

        reader = rows if hasattr(rows, "read_next_batch") else pyarrow.table(rows).to_reader(65_536)
        try:
            wire.put_batches(self.peer, reader.schema, reader)
        except (EOFError, OSError, HostNotAnswering):
            raise
        except BaseException:
            self.peer.put("X", b"{}")
            self.peer.flush()
            self.peer.get()  # the host's own error for the broken upload; the source's is the true one
            raise
        self.peer.put("E", b"{}")

    def _reply(self, header: dict[str, Any]) -> Reply:
        kind, body = self._next_frame()
        if kind == "E":
            return Reply(header, trailer=_json(body))
        reply = Reply(header, schema=wire.read_schema(body))
        self._reading = reply
        reply.batches = self._batches(reply)
        reply.on_close = lambda: self._leave_early(reply)
        return reply

    def _batches(self, reply: Reply) -> Iterator[Any]:
        while self._reading is reply:
            kind, body = self._next_frame()
            if kind in "AB":
                yield wire.read_batch(kind, body, reply.schema)
                continue
            self._reading = None
            if kind == "X":
                raise _error(_json(body))
            reply.trailer.update(_json(body))
            return
        raise StatementError("Another statement of this session ended these rows.",
                             hint="Read them first, or use a session of its own.")

    def _next_frame(self) -> tuple[str, bytearray]:
        try:
            return self.peer.get()
        except (EOFError, OSError) as error:
            self._abandon()
            raise ChannelLost(sent=True) from error

    def _leave_early(self, reply: Reply) -> None:
        """The reader wants no more rows: the statement stops, what is under way is thrown away."""
        if self._reading is reply:
            try:
                self.interrupt()
                self._discard_rest()
            except (ChannelLost, PlutoError):
                pass

    def _discard_rest(self) -> None:
        while self._reading is not None:
            kind, _body = self._next_frame()
            if kind not in "AB":
                self._reading = None

    def interrupt(self) -> None:
        try:
            self._ask({"op": "interrupt"})
        except (EOFError, OSError):
            pass  # the host is gone, and the statement with it

    def progress(self) -> float:
        try:
            return float(self._ask({"op": "progress"}).get("percent", -1.0))
        except (EOFError, OSError, HostNotAnswering):
            return -1.0

    def _abandon(self) -> None:
        self._closed = True
        self._reading = None
        self.peer.hang_up()
        self._control.hang_up()

    def close(self) -> None:
        self._closed = True
        self._reading = None
        self.peer.close()
        self._control.close()


def _json(body: bytearray) -> dict[str, Any]:
    import json

    return json.loads(body) if body else {}


def _error(fields: dict[str, Any]) -> PlutoError:
    error = from_dict(fields)
    error.facts["_state"] = fields.get("state")
    return error


class Watch:
    """A connection that does nothing but end when the host does."""

    def __init__(self, host: HostFile, key: bytes, versions: dict[str, Any], wait_s: float, on_end: Any) -> None:
        self._peer, _answer = connect(host, key, versions, "watch", timeout_s=wait_s)
        self._peer.settimeout(None)
        self._on_end = on_end
        self._closed = False
        self.since = time.monotonic()
        threading.Thread(target=self._wait, name="pluto-duck-watch", daemon=True).start()

    def _wait(self) -> None:
        try:
            while True:
                self._peer.get()
        except (EOFError, OSError):
            pass
        if not self._closed:
            self._on_end(self)

    def close(self) -> None:
        self._closed = True
        self._peer.hang_up()
        self._peer.close()

    def after_fork_in_child(self) -> None:
        self._closed = True
        self._peer.close()
