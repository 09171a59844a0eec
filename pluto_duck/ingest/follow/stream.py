"""The changes as they come over the wire, on a thread of its own: it answers the server's keepalives however long a
group takes to be applied, and reads no further than a few megabytes ahead."""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections import deque
from contextlib import suppress
from typing import Any, Final

from pluto_duck.errors import SourceError
from pluto_duck.ingest.connectors import postgres_errors as errors
from pluto_duck.ingest.connectors.postgres_address import Address, psycopg
from pluto_duck.ingest.follow.messages import EPOCH_US, lsn_text

AHEAD_BYTES: Final = 8 << 20
"""Read and not taken yet."""
STATUS_S: Final = 2.0
"""A server ends a connection that says nothing for wal_sender_timeout, a minute by default."""
_CHUNK = 500
_HEADER = 25
_KEEPALIVE = struct.Struct(">QqB").unpack_from
_END = struct.Struct(">Q").unpack_from
_STATUS = struct.Struct(">cQQQqB").pack
_DATA, _ALIVE = b"w"[0], b"k"[0]

# What a value looks like as text hangs on these; a load asks for the same ones (`connectors.postgres`).
_WORDS = ("TimeZone=UTC", "DateStyle=ISO,YMD", "extra_float_digits=3", "bytea_output=hex",
          "IntervalStyle=postgres_verbose", "lc_monetary=C", "statement_timeout=0",
          "idle_in_transaction_session_timeout=0")


def connect(address: Address, name: str) -> Any:
    """A connection that can make slots and stream. Raises SourceError."""
    options = " ".join([address.field("options"), *(f"-c {one}" for one in _WORDS)]).strip()
    return address.connect(application_name=name, more={"replication": "database", "options": options})


class Position(int):
    """In the queue beside the messages: all that was committed before it has come."""

    asked = False
    """The server waits for an answer: it may be shutting down."""


class Stream:
    """START_REPLICATION on a slot. Used by one thread beside its own."""

    def __init__(self, address: Address, slot: str, publications: tuple[str, ...], lsn: int) -> None:
        self._address = address
        self.connection = connect(address, f"pluto-duck follow {slot}"[:63])
        self._pg = self.connection.pgconn
        self.confirmed = lsn
        """Applied and kept: what the server need not send again."""
        self.server_end = lsn
        self.server_at_us = 0
        """Its clock when it sent last; since 1970."""
        names = ",".join(f'"{one}"' for one in publications)
        command = (f'START_REPLICATION SLOT "{slot}" LOGICAL {lsn_text(lsn)} '
                   f"(proto_version '1', publication_names '{names}')")
        try:
            self._pg.send_query(command.encode())
            result = self._pg.get_result()
            if result is None or result.status != psycopg().pq.ExecStatus.COPY_BOTH:
                raise self._refused(result)
        except BaseException:
            self.connection.close()
            raise
        self._queue: deque[bytes | Position] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._error: BaseException | None = None
        self._closed = False
        self._wake, self._woken = socket.socketpair()
        self._sent_at = 0.0
        self._sent = -1
        self._thread = threading.Thread(target=self._run, name="pluto-duck-follow", daemon=True)
        self._thread.start()

    # -- for who applies --------------------------------------------------------------------------

    def take(self, wait_s: float) -> list[bytes | Position]:
        """What has come, at most some thousand messages; nothing after `wait_s`. Raises SourceError at its end."""
        with self._changed:
            if not self._queue and self._error is None:
                self._changed.wait(wait_s)
            if not self._queue and self._error is not None:
                raise self._error
            many = min(len(self._queue), 2_000)
            taken = [self._queue.popleft() for _ in range(many)]
            self._bytes -= sum(map(_size, taken))
            self._changed.notify_all()
        return taken

    @property
    def empty(self) -> bool:
        return not self._queue

    def confirm(self, lsn: int) -> None:
        self.confirmed = lsn
        with suppress(OSError):
            self._woken.send(b"x")

    def close(self) -> None:
        """Tells the server what is confirmed, and hangs up. Never raises."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        with suppress(OSError):
            self._woken.send(b"x")
        self._thread.join(5)
        with suppress(Exception):
            self.connection.close()
        self._wake.close()
        self._woken.close()

    # -- the thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        driver = psycopg()
        try:
            self._receive()
            with suppress(Exception):  # the last word; whoever does not hear it sends a little again
                self._status(force=True)
        except driver.Error as error:
            said = self._address.words(str(error)).rstrip(".")
            lost = errors.lost(self._address.shown, "its changes were read")
            self._ended(SourceError(f"{lost.message} ({said})" if said else lost.message, reason="lost",
                                    hint="It is connected to again."))
        except BaseException as error:
            self._ended(error)

    def _ended(self, error: BaseException) -> None:
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def _receive(self) -> None:
        pg = self._pg
        chunk: list[bytes | Position] = []
        get = pg.get_copy_data
        while not self._closed:
            count, view = get(1)
            if count > 0:
                data = bytes(view)
                if data[0] == _DATA:
                    chunk.append(data[_HEADER:])
                    if len(chunk) < _CHUNK:
                        continue
                    self.server_end = max(self.server_end, _END(data, 9)[0])
                elif data[0] == _ALIVE:
                    end, at, asked = _KEEPALIVE(data, 1)
                    self.server_end, self.server_at_us = max(self.server_end, end), at + EPOCH_US
                    position = Position(end)
                    position.asked = bool(asked)
                    chunk.append(position)
                    self._status(force=bool(asked))
                self._give(chunk)
                chunk = []
            elif count == 0:
                if chunk:
                    self._give(chunk)
                    chunk = []
                self._status()
                self._wait(STATUS_S)
                pg.consume_input()
            else:
                result = pg.get_result()
                raise self._refused(result) if result is not None and result.error_message else errors.lost(
                    self._address.shown, "its changes were read")

    def _wait(self, seconds: float) -> None:
        ready, _, _ = select.select([self._pg.socket, self._wake], [], [], seconds)
        if self._wake in ready:
            self._wake.recv(4096)
            self._status()

    def _give(self, chunk: list[bytes | Position]) -> None:
        size = sum(map(_size, chunk))
        with self._changed:
            self._queue.extend(chunk)
            self._bytes += size
            self._changed.notify_all()
        while self._bytes > AHEAD_BYTES and not self._closed:
            self._status()
            with self._changed:
                self._changed.wait(1.0)

    def _status(self, *, force: bool = False) -> None:
        now = time.monotonic()
        lsn = self.confirmed
        if not force and lsn == self._sent and now - self._sent_at < STATUS_S:
            return
        if not force and now - self._sent_at < 0.1:
            return  # under load one in a tenth of a second is enough
        at = int(time.time() * 1e6) - EPOCH_US
        self._pg.put_copy_data(_STATUS(b"r", lsn, lsn, lsn, at, 0))
        self._pg.flush()
        self._sent, self._sent_at = lsn, now

    def _refused(self, result: Any) -> SourceError:
        driver = psycopg()
        said = self._address.words(result.error_message.decode(errors="replace")) if result is not None else ""
        state = result.error_field(driver.pq.DiagnosticField.SQLSTATE) if result is not None else None
        reason = {b"55006": "active", b"42704": "slot", b"55000": "slot"}.get(state or b"", "replication")
        if (state or b"").startswith((b"57P", b"08")):
            return errors.lost(self._address.shown, "its changes were read")
        return SourceError(f"{self._address.shown} does not send its changes: {said.removeprefix('ERROR: ').strip()}.",
                           reason=reason, hint="`pluto-duck loads` shows what is followed.")


def _size(message: bytes | Position) -> int:
    return len(message) + 60 if isinstance(message, bytes) else 60
