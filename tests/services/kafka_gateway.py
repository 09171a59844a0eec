"""TLS and passwords in front of the broker of the tests, which itself speaks neither.

Frames pass as they are, but for two: the address that the broker tells clients becomes the gateway's, and a password
(SASL PLAIN) that is wrong is refused as Kafka refuses it. What is proved is the client's side: certificates looked at,
credentials sent as the protocol has them, and what is said when either is wrong.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from contextlib import suppress

_AUTHENTICATE, _WRONG = 36, 58


class Gateway:
    """Until `close`; `logins` tells who was let in."""

    def __init__(self, broker: str, context: ssl.SSLContext) -> None:
        self._broker, self._context = broker, context
        self.passwords: dict[str, str] = {}
        self.logins: list[str] = []
        self.spoken = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"localhost:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                raw, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(raw,), daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        with suppress(OSError, ssl.SSLError), self._context.wrap_socket(raw, server_side=True) as client, \
                socket.create_connection(("127.0.0.1", int(self._broker.rpartition(":")[2]))) as broker:
            self._open += [client, broker]
            threading.Thread(target=self._back, args=(broker, client), daemon=True).start()
            while (frame := _frame(client)) is not None:
                self.spoken += 1
                api, version, correlation = struct.unpack(">hhi", frame[:8])
                if api == _AUTHENTICATE:
                    user, password = frame.rsplit(b"\0", 2)[1:] if version < 2 else frame.rsplit(b"\0", 3)[1:3]
                    if self.passwords.get(user.decode()) != password.decode():
                        client.sendall(_sized(_refusal(version, correlation)))
                        continue
                    self.logins.append(user.decode())
                broker.sendall(_sized(frame))

    def _back(self, broker: socket.socket, client: ssl.SSLSocket) -> None:
        port = struct.pack(">i", int(self._broker.rpartition(":")[2]))
        ours = struct.pack(">i", int(self.address.rpartition(":")[2]))
        with suppress(OSError, ssl.SSLError):
            while (frame := _frame(broker)) is not None:
                client.sendall(_sized(frame.replace(b"127.0.0.1" + port, b"127.0.0.1" + ours)))


def _frame(one: socket.socket) -> bytes | None:
    head = _exactly(one, 4)
    return None if head is None else _exactly(one, struct.unpack(">i", head)[0])


def _exactly(one: socket.socket, size: int) -> bytes | None:
    found = b""
    while len(found) < size:
        part = one.recv(size - len(found))
        if not part:
            return None
        found += part
    return found


def _sized(frame: bytes) -> bytes:
    return struct.pack(">i", len(frame)) + frame


def _refusal(version: int, correlation: int) -> bytes:
    """SaslAuthenticate's answer: the error, its text, no bytes, how long the session lasts."""
    said = b"Wrong user or password."
    if version < 2:
        return (struct.pack(">ihh", correlation, _WRONG, len(said)) + said + struct.pack(">i", 0)
                + (struct.pack(">q", 0) if version else b""))
    return (struct.pack(">i", correlation) + b"\0" + struct.pack(">h", _WRONG) + bytes([len(said) + 1]) + said + b"\1"
            + struct.pack(">q", 0) + b"\0")
