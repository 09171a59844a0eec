"""The rows of one SELECT as Arrow, for when the host's DuckDB does not read them itself."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any, Protocol

from pluto_duck.ingest.connectors.postgres_adbc import AdbcStream
from pluto_duck.ingest.connectors.postgres_address import Address
from pluto_duck.ingest.connectors.postgres_copy import RowParser

Guard = Callable[[], AbstractContextManager[None]]
"""Translates what the driver raises inside it."""


class Rows(Protocol):
    def reader(self, guard: Guard) -> Any:
        """A pyarrow.RecordBatchReader."""

    def stop(self) -> None:
        """From another thread: the stream fails soon."""

    def close(self) -> None: ...


class AdbcRows:
    def __init__(self, conninfo: str, begin: Sequence[str], sql: str) -> None:
        self._conninfo, self._begin, self._sql = conninfo, begin, sql
        self._stream: AdbcStream | None = None
        self._batches: Iterator[Any] | None = None

    def reader(self, guard: Guard) -> Any:
        import pyarrow

        self._stream = AdbcStream(self._conninfo, self._begin, self._sql)
        self._batches = self._guarded(self._stream, guard)
        return pyarrow.RecordBatchReader.from_batches(self._stream.schema, self._batches)

    def _guarded(self, stream: AdbcStream, guard: Guard) -> Iterator[Any]:
        with guard():
            try:
                yield from stream
            finally:
                stream.close()

    def stop(self) -> None:
        """Its connection is ended by name, see `postgres_stop`."""

    def close(self) -> None:
        if self._batches is not None:
            self._batches.close()  # type: ignore[attr-defined]
        if self._stream is not None:
            self._stream.close()


class CopyRows:
    def __init__(self, address: Address, name: str, begin: Sequence[str], sql: str, table: str,
                 columns: Sequence[tuple[str, str, str]]) -> None:
        self._address, self._name, self._begin, self._sql = address, name, begin, sql
        self._parser = RowParser(table, columns)
        self._batches: Iterator[Any] | None = None
        self._reading: tuple[Any, socket.socket] | None = None
        """The connection of the open stream, and a second handle on its line."""

    def reader(self, guard: Guard) -> Any:
        import pyarrow

        self._batches = self._guarded(guard)
        return pyarrow.RecordBatchReader.from_batches(self._parser.schema, self._batches)

    def _guarded(self, guard: Guard) -> Iterator[Any]:
        with guard():
            connection = self._address.connect(application_name=self._name)
            try:
                connection.execute("; ".join(self._begin))
                with socket.socket(fileno=os.dup(connection.pgconn.socket)) as line:
                    self._reading = connection, line
                    with connection.cursor().copy(f"COPY ({self._sql}) TO STDOUT (FORMAT csv)") as copy:
                        yield from self._parser.batches(copy)
            finally:
                self._reading = None
                connection.close()

    def stop(self) -> None:
        reading = self._reading
        if reading is None:
            return
        connection, line = reading
        with suppress(Exception):  # a server that hangs takes no cancel either
            connection.cancel_safe(timeout=1)
        with suppress(OSError):  # whatever the server does, whoever waits for it wakes up
            line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        if self._batches is not None:
            self._batches.close()  # type: ignore[attr-defined]
