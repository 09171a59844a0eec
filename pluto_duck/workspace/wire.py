"""Frames over a private socket: JSON for control, Arrow for rows, and a key that both sides prove.

A frame is a head of 9 bytes (kind, length) and a body:

    J  JSON: a request, a reply's header        A  one Arrow IPC stream of one batch, dictionaries with it
    S  an Arrow schema                          B  one Arrow batch of that schema, without dictionaries
    X  JSON: an error                           E  JSON: the end of a reply or upload; EOF is never an end
    M  the host is leaving: nothing ran, ask again elsewhere

Only bytes are exchanged (nothing is unpickled). The key is proved both ways with the HMAC challenge of
multiprocessing.connection, over our own socket because its Listener and Client have no timeouts.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
from collections.abc import Iterable
from multiprocessing import connection as challenge
from typing import Any, Literal

Kind = Literal["J", "S", "A", "B", "E", "X", "M"]

PROTOCOL = 3
HANDSHAKE_S = 5.0
MAX_FRAME = 1 << 31
_HEAD = struct.Struct("!cQ")
_BUFFER = 1 << 20
_SMALL = 32_768


class Peer:
    """One end of a connection. Not for two threads at once."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._ahead = bytearray()
        self.reads_ahead = True
        """False where a descriptor may follow: bytes read ahead of it would drop it."""
        self.on_stall: Any = None
        """Called when nothing moved for `stall_s`; returns to go on waiting, raises to stop."""
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            try:
                sock.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
            except OSError:
                pass

    def settimeout(self, seconds: float | None) -> None:
        self._socket.settimeout(seconds)

    def fileno(self) -> int:
        return self._socket.fileno()

    # -- frames ---------------------------------------------------------------------------------

    def put(self, kind: Kind, body: Any = b"") -> None:
        """Queues a frame; small ones leave together at `flush`."""
        view = memoryview(body).cast("B") if not isinstance(body, bytes) else memoryview(body)
        head = _HEAD.pack(kind.encode(), len(view))
        if len(view) > _SMALL:
            self._pending.append(head)
            self.flush()
            self._send(view)
            return
        self._pending.append(head + view.tobytes())
        self._pending_size += len(view)
        if self._pending_size > 65_536:
            self.flush()

    def put_json(self, kind: Kind, value: Any) -> None:
        self.put(kind, json.dumps(value, separators=(",", ":")).encode())

    def flush(self) -> None:
        if self._pending:
            data, self._pending, self._pending_size = b"".join(self._pending), [], 0
            self._send(memoryview(data))

    def _send(self, view: memoryview) -> None:
        while view:
            try:
                sent = self._socket.send(view)
            except TimeoutError:
                self._stalled()
                continue
            view = view[sent:]

    def _stalled(self) -> None:
        if self.on_stall is None:
            raise TimeoutError("nothing moved on the socket")
        self.on_stall()

    def _receive(self, size: int) -> bytearray:
        """Exactly `size` bytes. Small frames come many at a time, large ones straight into their buffer."""
        ahead = self._ahead
        if len(ahead) < size <= _SMALL and self.reads_ahead:
            while len(ahead) < size:
                ahead += self._some(_SMALL)
        if len(ahead) >= size:
            self._ahead = ahead[size:]
            del ahead[size:]
            return ahead
        buffer = bytearray(size)
        view = memoryview(buffer)
        view[:len(ahead)] = ahead
        view = view[len(ahead):]
        self._ahead = bytearray()
        while view:
            try:
                got = self._socket.recv_into(view)
            except TimeoutError:
                self._stalled()
                continue
            if got == 0:
                raise EOFError("the other side is gone")
            view = view[got:]
        return buffer

    def _some(self, most: int) -> bytes:
        while True:
            try:
                data = self._socket.recv(most)
            except TimeoutError:
                self._stalled()
                continue
            if not data:
                raise EOFError("the other side is gone")
            return data

    def get(self) -> tuple[Kind, bytearray]:
        kind, size = _HEAD.unpack(self._receive(_HEAD.size))
        if size > MAX_FRAME:
            raise EOFError("a frame of impossible size: the other side speaks something else")
        return kind.decode(), self._receive(size)

    def get_json(self) -> tuple[Kind, Any]:
        kind, body = self.get()
        return kind, json.loads(body) if body else None

    # -- the shape multiprocessing's challenge functions want ------------------------------------

    def send_bytes(self, data: bytes) -> None:
        self._send(memoryview(struct.pack("!I", len(data)) + data))

    def recv_bytes(self, limit: int = 256) -> bytes:
        (size,) = struct.unpack("!I", self._receive(4))
        if size > limit:
            raise EOFError("an answer longer than a challenge may be")
        return bytes(self._receive(size))

    # -- descriptors ----------------------------------------------------------------------------

    def send_descriptor(self, descriptor: int) -> None:
        self.flush()
        socket.send_fds(self._socket, [b"D"], [descriptor])

    def receive_descriptor(self) -> int:
        _data, descriptors, _flags, _address = socket.recv_fds(self._socket, 1, 1)
        if not descriptors:
            raise EOFError("the other side sent no descriptor")
        return descriptors[0]

    def hang_up(self) -> None:
        """Wakes a thread that waits on this socket, here and on the other side."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self) -> None:
        self._socket.close()


def prove_as_host(peer: Peer, key: bytes) -> None:
    """Raises EOFError, OSError or AuthenticationError; the host challenges first."""
    challenge.deliver_challenge(peer, key)  # type: ignore[arg-type]
    challenge.answer_challenge(peer, key)  # type: ignore[arg-type]


def prove_as_guest(peer: Peer, key: bytes) -> None:
    challenge.answer_challenge(peer, key)  # type: ignore[arg-type]
    challenge.deliver_challenge(peer, key)  # type: ignore[arg-type]


def put_batches(peer: Peer, schema: Any, batches: Iterable[Any]) -> None:
    """A schema and its batches. A batch without dictionaries goes bare: a stream around each one costs
    more than the rows of a small result."""
    import pyarrow

    peer.put("S", schema.serialize())
    bare = not _has_dictionary(schema)
    for batch in batches:
        if bare:
            peer.put("B", batch.serialize())
            continue
        sink = pyarrow.BufferOutputStream()
        with pyarrow.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        peer.put("A", sink.getvalue())


def read_batch(kind: str, body: bytearray, schema: Any) -> Any:
    import pyarrow

    if kind == "B":
        return pyarrow.ipc.read_record_batch(pyarrow.py_buffer(body), schema)
    return pyarrow.ipc.open_stream(pyarrow.py_buffer(body)).read_next_batch()


def _has_dictionary(kind: Any) -> bool:
    """Whether a schema or type holds an ENUM at any depth."""
    import pyarrow

    if isinstance(kind, pyarrow.DataType) and pyarrow.types.is_dictionary(kind):
        return True
    if isinstance(kind, pyarrow.Schema):
        return any(_has_dictionary(field.type) for field in kind)
    return any(_has_dictionary(kind.field(i).type) for i in range(kind.num_fields))


def read_schema(body: bytearray) -> Any:
    import pyarrow

    return pyarrow.ipc.read_schema(pyarrow.py_buffer(body))


def bind(path: str) -> socket.socket:
    """A listening socket at `path`: AF_UNIX with mode 0600, loopback with a free port on Windows."""
    if sys.platform == "win32":
        sock = socket.create_server(("127.0.0.1", 0), backlog=64)
        return sock
    import os

    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(path)
        os.chmod(path, 0o600)
        sock.listen(64)
    except BaseException:
        sock.close()
        raise
    return sock


def dial(address: str, timeout_s: float, *, reads_ahead: bool = True) -> Peer:
    """Connects to an address that `bind` announced. ConnectionRefusedError and FileNotFoundError are
    normal and mean: look again who hosts."""
    if address.startswith("tcp:"):
        sock = socket.create_connection(("127.0.0.1", int(address[4:])), timeout=timeout_s)
    else:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(timeout_s)
        try:
            sock.connect(address)
        except BaseException:
            sock.close()
            raise
    peer = Peer(sock)
    peer.reads_ahead = reads_ahead
    return peer
