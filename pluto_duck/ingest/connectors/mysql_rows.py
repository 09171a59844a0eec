"""A statement's rows as Arrow record batches. The server writes each row as one field, a line of csv.

Python's driver takes 15 s for 1M rows of 9 columns, DuckDB's scanner 5.2, this 2.2: one value for each row, split
from the wire here, and parsed by Arrow.
Source: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from pluto_duck.errors import ColumnRefused
from pluto_duck.ingest.connectors.mysql_types import Carrier, arrow_type
from pluto_duck.ingest.connectors.row_lines import RowLines

READ_BYTES = 1 << 18
FETCH_ROWS = 1_000
_WHOLE_PACKET = 0xFFFFFF
_VALUE = re.compile(r"(?:invalid value|The string) '(.*?)'(?: is|$)", re.S)


class TooLong(Exception):
    """A row that the server could not write as one field."""


class Lines:
    """The only field of every row of an executed SSCursor, straight from the wire where the driver lets us."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self._connection = cursor.connection
        self._result = getattr(cursor, "_result", None)
        self._wire: Any = getattr(self._connection, "_rfile", None)
        self._rest = b""
        """Bytes that came and are not split yet; whole packets of it may have been handed out: see `_at`."""
        self._at = 0
        self.ended = False

    def __iter__(self) -> Iterator[bytes]:
        if hasattr(self._wire, "read1") and getattr(self._result, "unbuffered_active", None) is True:
            return self._split()
        return self._fetched()

    def leave(self) -> None:
        """Reads what is still on its way, so that the connection may be used again; the statement was killed."""
        with suppress(Exception):
            for _row in self:
                pass
        self._finished()

    def _fetched(self) -> Iterator[bytes]:
        while rows := self._cursor.fetchmany(FETCH_ROWS):
            for row in rows:
                if row[0] is None:
                    raise TooLong
                yield row[0] if isinstance(row[0], bytes) else row[0].encode()
        self.ended = True

    def _finished(self) -> None:
        self.ended = True
        if self._result is not None:
            self._result.unbuffered_active = False
            self._result.connection = None

    def _split(self) -> Iterator[bytes]:
        long = b""
        while True:
            data = self._rest
            while len(data) - self._at >= 4:
                start = self._at + 4
                length = data[start - 4] | data[start - 3] << 8 | data[start - 2] << 16
                end = start + length
                if end > len(data):
                    break
                self._at = end  # before the row is handed out: the reader may not come back
                if length == _WHOLE_PACKET:
                    long += data[start:end]
                    continue
                if long:
                    yield _field(long + data[start:end])
                    long = b""
                    continue
                first = data[start]
                if first < 251:
                    yield data[start + 1:end]
                elif first == 252:
                    yield data[start + 3:end]
                elif first == 253:
                    yield data[start + 4:end]
                elif first == 254 and length < 9:
                    self._connection.server_status = data[end - 2] | data[end - 1] << 8
                    self._finished()
                    return
                elif first == 255:
                    from pymysql.err import raise_mysql_exception

                    self._finished()
                    raise_mysql_exception(data[start:end])
                else:
                    yield _field(data[start:end])
            came = self._wire.read1(READ_BYTES)
            if not came:
                from pymysql.err import OperationalError

                self._finished()
                raise OperationalError(2013, "Lost connection to MySQL server during query")
            self._rest, self._at = data[self._at:] + came, 0


def _field(payload: bytes) -> bytes:
    if payload[0] == 251:
        raise TooLong
    return payload[9 if payload[0] == 254 else 4 if payload[0] == 253 else 3 if payload[0] == 252 else 1:]


class RowParser(RowLines):
    def __init__(self, table: str, columns: Sequence[tuple[str, str, Carrier]]) -> None:
        """Columns as (name in the stream, name in the source, the way of its type)."""
        super().__init__(table, [(incoming, name, arrow_type(way.arrow)) for incoming, name, way in columns],
                         true="1", false="0")
        self._ways = [way for _incoming, _name, way in columns]

    def refused(self, place: int, said: str) -> ColumnRefused:
        name, way = self._names[place], self._ways[place]
        found = _VALUE.search(said)
        value = found[1] if found else said.splitlines()[0]
        limits = f" ({way.limits})" if way.limits else ""
        casts = dict.fromkeys((way.cast_to, "char"))
        return ColumnRefused(
            f"{self._table}.{name} holds {value!r}, which {way.duckdb} does not have{limits}.",
            hint=" or ".join(f"--cast {name}={one}" for one in casts)
                 + (f" ({way.cast_to} makes those NULL)" if way.cast_to in ("date", "datetime", "timestamp") else "")
                 + f", or leave it out with --skip {name}.",
            column=name, table=self._table, value=value)
