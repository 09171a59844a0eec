"""What a publication sends: PostgreSQL's pgoutput, version 1, values as text.

Source: PostgreSQL's documentation, "Logical Replication Message Formats".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

BEGIN, COMMIT, RELATION, INSERT, UPDATE, DELETE, TRUNCATE = map(ord, "BCRIUDT")
BESIDE = frozenset(map(ord, "YOM"))
"""Types (asked of the catalog instead), origins and messages of other programs."""

_SIZE = struct.Struct(">I").unpack_from
_COUNT = struct.Struct(">H").unpack_from
_BEGIN = struct.Struct(">QqI").unpack_from
_COMMIT = struct.Struct(">BQQq").unpack_from
_COLUMN = struct.Struct(">Ii").unpack_from
_TEXT, _NULL, _UNCHANGED = map(ord, "tnu")
_NEW = ord("N")
EPOCH_US: Final = 946_684_800_000_000
"""From 1970 to 2000, where PostgreSQL's clock begins."""


class Kept(Enum):
    """In place of a long value that was stored outside of its row and that an UPDATE left as it was."""

    KEPT = "kept"


KEPT: Final = Kept.KEPT
Value = bytes | None | Literal[Kept.KEPT]
Row = list[Value]


@dataclass(frozen=True)
class Begin:
    lsn: int
    """Where its commit stands."""
    at_us: int
    """When it was committed, since 1970."""
    xid: int


@dataclass(frozen=True)
class Commit:
    lsn: int
    end: int
    """Where the next one may begin."""
    at_us: int


@dataclass(frozen=True)
class SentColumn:
    name: str
    oid: int
    modifier: int
    key: bool
    """Of the replica identity."""


@dataclass(frozen=True)
class Relation:
    """A table as it was when the changes after this message were made."""

    oid: int
    schema: str
    name: str
    identity: str
    """pg_class.relreplident: d (its key), i (an index), f (the whole row), n (nothing)."""
    columns: tuple[SentColumn, ...]


def begin(data: bytes) -> Begin:
    lsn, at, xid = _BEGIN(data, 1)
    return Begin(lsn, at + EPOCH_US, xid)


def commit(data: bytes) -> Commit:
    _flags, lsn, end, at = _COMMIT(data, 1)
    return Commit(lsn, end, at + EPOCH_US)


def relation(data: bytes) -> Relation:
    oid, = _SIZE(data, 1)
    schema, at = _word(data, 5)
    name, at = _word(data, at)
    identity = chr(data[at])
    count, = _COUNT(data, at + 1)
    at += 3
    columns = []
    for _ in range(count):
        key = bool(data[at] & 1)
        column, at = _word(data, at + 1)
        kind, modifier = _COLUMN(data, at)
        at += 8
        columns.append(SentColumn(column, kind, modifier, key))
    # pg_catalog is sent as nothing.
    return Relation(oid, schema or "pg_catalog", name, identity, tuple(columns))


def truncated(data: bytes) -> list[int]:
    """The oids of the tables that were emptied together."""
    count, = _SIZE(data, 1)
    return [_SIZE(data, 6 + 4 * place)[0] for place in range(count)]


def table_of(data: bytes) -> int:
    """The oid of the table that an INSERT, UPDATE or DELETE speaks of."""
    return int(_SIZE(data, 1)[0])


def inserted(data: bytes) -> Row:
    return row(data, 6)[0]


def updated(data: bytes) -> tuple[Row | None, Row]:
    """(the row before, or only its key, where it came along; the row now)."""
    if data[5] == _NEW:
        return None, row(data, 6)[0]
    before, at = row(data, 6)
    return before, row(data, at + 1)[0]


def deleted(data: bytes) -> Row:
    return row(data, 6)[0]


def row(data: bytes, at: int) -> tuple[Row, int]:
    """The values of one row, and where the message goes on. The hot loop of following."""
    found: Row = []
    add = found.append
    count, = _COUNT(data, at)
    at += 2
    for _ in range(count):
        kind = data[at]
        if kind == _TEXT:
            size, = _SIZE(data, at + 1)
            at += 5
            add(data[at:at + size])
            at += size
        else:
            add(None if kind == _NULL else KEPT)
            at += 1
    if at > len(data):
        raise ValueError("a value that ends before its length")
    return found, at


def _word(data: bytes, at: int) -> tuple[str, int]:
    end = data.index(0, at)
    return data[at:end].decode(), end + 1


def lsn_text(lsn: int) -> str:
    """As PostgreSQL writes it: 16/B374D848."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def lsn_of(text: str) -> int:
    high, _slash, low = text.partition("/")
    return int(high, 16) << 32 | int(low, 16)
