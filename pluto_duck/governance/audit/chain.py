"""The chain itself: each row's HMAC covers its number, its text and the HMAC of the row before.

The key is derived from one in the user's own folder, so whoever can write to the workspace's files alone can't make
a row that fits. Head and rows change in one transaction of control.sqlite, whichever process appends.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pluto_duck.errors import AuditUnavailable
from pluto_duck.governance.audit.entry import Entry
from pluto_duck.governance.audit.mark import Mark
from pluto_duck.governance.seal import derived
from pluto_duck.workspace import ControlStore, Workspace

ROOM = "audit"
MIGRATIONS = (
    """CREATE TABLE audit (
        seq INTEGER PRIMARY KEY, body TEXT NOT NULL, prev BLOB NOT NULL, mac BLOB NOT NULL, key TEXT NOT NULL,
        who TEXT GENERATED ALWAYS AS (json_extract(body, '$.who.name')) VIRTUAL)""",
    "CREATE INDEX audit_who ON audit (who)",
    """CREATE TABLE audit_head (
        one INTEGER PRIMARY KEY CHECK (one = 1), chain TEXT NOT NULL, start INTEGER NOT NULL, start_mac BLOB NOT NULL,
        seq INTEGER NOT NULL, mac BLOB NOT NULL, key TEXT NOT NULL, seal BLOB NOT NULL)""",
)
FIRST = bytes(32)
"""What stands before the first row."""


@dataclass(frozen=True)
class Head:
    """The end of the chain at some moment, and where it begins since it was pruned."""

    chain: str
    seq: int
    mac: bytes
    start: int = 0
    start_mac: bytes = FIRST
    key: str = ""


class AuditKey:
    """What rows are sealed with; of this user on this machine."""

    def __init__(self) -> None:
        self._secret = derived("audit")
        self.id = hashlib.sha256(b"id" + self._secret).hexdigest()[:16]

    def mac(self, chain: str, seq: int, prev: bytes, body: str) -> bytes:
        return hmac.digest(self._secret, f"{chain}\n{seq}\n".encode() + prev + body.encode(), "sha256")

    def seal(self, kind: str, *parts: object) -> bytes:
        text = json.dumps([kind, *(one.hex() if isinstance(one, bytes) else one for one in parts)])
        return hmac.digest(self._secret, text.encode(), "sha256")

    def of_sql(self, sql: str) -> str:
        """Keyed, so that a literal can't be found by trying."""
        return self.seal("sql", sql.strip()).hex()[:32]


class Chain:
    """That of one workspace, for one process."""

    def __init__(self, workspace: Workspace, control: ControlStore | None = None) -> None:
        self.workspace = workspace
        self.control = control or ControlStore(workspace.control)
        self.key = AuditKey()
        self._mark = Mark(workspace)
        self._looked = False

    def close(self) -> None:
        self.control.close()

    # -- writing ----------------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Raises AuditUnavailable where the store is locked, full or broken."""
        try:
            with self.control.connection(ROOM, MIGRATIONS) as db:
                yield db
        except sqlite3.Error as error:
            raise unavailable(error) from error

    def append(self, entries: Sequence[Entry]) -> Head:
        """All of them or none. They are on the disk when it returns, if the connection is `durable`."""
        with self.transaction() as db:
            head = self.append_in(db, entries)
        self._mark.move(head.chain, head.seq, head.mac)
        return head

    def append_in(self, db: sqlite3.Connection, entries: Sequence[Entry]) -> Head:
        """In a write transaction of control.sqlite that is open; it commits or fails with the rest."""
        head, before = self._continued(db)
        rows: list[tuple[int, str, bytes, bytes, str]] = []
        seq, mac = head.seq, head.mac
        for entry in (*before, *entries):
            body, prev, seq = entry.body(), mac, seq + 1
            mac = self.key.mac(head.chain, seq, prev, body)
            rows.append((seq, body, prev, mac, self.key.id))
        done = db.executemany("INSERT INTO audit (seq, body, prev, mac, key) VALUES (?, ?, ?, ?, ?)", rows)
        if done.rowcount != len(rows):  # somebody else's trigger
            raise sqlite3.IntegrityError("rows of the audit were not kept")
        return self._set_head(db, Head(head.chain, seq, mac, head.start, head.start_mac, self.key.id))

    def _set_head(self, db: sqlite3.Connection, head: Head) -> Head:
        db.execute("INSERT OR REPLACE INTO audit_head (one, chain, start, start_mac, seq, mac, key, seal) "
                   "VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
                   (head.chain, head.start, head.start_mac, head.seq, head.mac, self.key.id, self._sealed(head)))
        return head

    def _sealed(self, head: Head) -> bytes:
        return self.key.seal("head", head.chain, head.start, head.start_mac, head.seq, head.mac)

    def _continued(self, db: sqlite3.Connection) -> tuple[Head, list[Entry]]:
        """Where the next row stands, and what must be said before it: a break is not covered up by going on."""
        row = db.execute("SELECT * FROM audit_head").fetchone()
        last = db.execute("SELECT seq, mac FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
        told: list[Entry] = []
        if row is None:
            seen = self._mark.read() if last is not None else None
            head = Head(seen.chain if seen is not None else secrets.token_hex(16), last["seq"] if last else 0,
                        bytes(last["mac"]) if last else FIRST)
            if last is not None:
                told.append(_broken("the head of the chain is missing", last["seq"]))
        else:
            head = _head(row)
            if head.key != self.key.id:
                told.append(Entry("audit.key", detail={"was": head.key}))
            elif not hmac.compare_digest(bytes(row["seal"]), self._sealed(head)):
                told.append(_broken("the head of the chain was changed", head.seq))
            there = (last["seq"], bytes(last["mac"])) if last is not None else (head.start, head.start_mac)
            if there != (head.seq, head.mac):
                told.append(_broken(f"the chain ended at {head.seq}, and its last row is {there[0]}", there[0]))
                # Never a number twice: a row of the lost end that comes back would seem to belong here.
                head = Head(head.chain, max(head.seq, there[0]), there[1], head.start, head.start_mac, head.key)
        if not self._looked:
            self._looked = True
            seen = self._mark.read()
            if seen is not None and (seen.chain != head.chain or seen.seq > head.seq):
                told.append(_broken(f"this machine has seen row {seen.seq} of chain {seen.chain[:8]}", head.seq))
        return head, told

    # -- reading ----------------------------------------------------------------------------------

    def reading(self) -> sqlite3.Connection:
        """Raises AuditUnavailable."""
        try:
            return self.control.read(ROOM, MIGRATIONS)
        except sqlite3.Error as error:
            raise unavailable(error) from error

    def head(self) -> Head | None:
        """None before the first row."""
        row = self.reading().execute("SELECT * FROM audit_head").fetchone()
        return None if row is None else _head(row)

    def is_sealed(self, db: sqlite3.Connection) -> bool:
        """Whether the head in the store is one that this key has sealed."""
        row = db.execute("SELECT * FROM audit_head").fetchone()
        return row is not None and hmac.compare_digest(bytes(row["seal"]), self._sealed(_head(row)))

    def seen(self) -> Head | None:
        """The furthest this machine has seen the chain of this folder."""
        return self._mark.read()

    def accept(self) -> None:
        """What this machine has seen before counts no more."""
        head = self.head()
        self._mark.set(head)

    # -- an end that is kept elsewhere --------------------------------------------------------------

    def export_head(self) -> dict[str, Any]:
        """Signed: to be kept where who may write to the workspace can't."""
        head = self.head() or Head("", 0, FIRST)
        return {"chain": head.chain, "seq": head.seq, "mac": head.mac.hex(), "key": self.key.id,
                "signature": self.key.seal("exported", head.chain, head.seq, head.mac).hex()}

    def imported(self, text: str) -> Head:
        """Raises ValueError where it was not signed by this key."""
        found = json.loads(text)
        try:
            head = Head(str(found["chain"]), int(found["seq"]), bytes.fromhex(found["mac"]), key=str(found["key"]))
            signature = bytes.fromhex(found["signature"])
        except (KeyError, TypeError) as error:
            raise ValueError("it is no exported head") from error
        if not hmac.compare_digest(signature, self.key.seal("exported", head.chain, head.seq, head.mac)):
            raise ValueError("its signature does not fit")
        return head

    def prune(self, before: int, note: Entry) -> int:
        """Removes the oldest rows, up to the last that is older than `before` (microseconds); how many. Where the rest
        begins is sealed with the head, and `note` tells it in the chain."""
        with self.transaction() as db:
            row = db.execute("SELECT * FROM audit_head").fetchone()
            if row is None:
                return 0
            head = _head(row)
            # By number, not by time: a clock that went back must not tear a hole.
            first_kept = db.execute("SELECT min(seq) AS seq FROM audit WHERE json_extract(body, '$.at') >= ?",
                                    (before,)).fetchone()["seq"]
            upto = head.seq if first_kept is None else first_kept - 1
            last = db.execute("SELECT mac FROM audit WHERE seq = ?", (upto,)).fetchone()
            if upto <= head.start or last is None:
                return 0
            gone = db.execute("DELETE FROM audit WHERE seq <= ?", (upto,)).rowcount
            self._set_head(db, Head(head.chain, head.seq, head.mac, upto, bytes(last["mac"]), self.key.id))
            found = self.append_in(db, [Entry(**{**note.__dict__, "detail": {
                **note.detail, "upto": upto, "mac": bytes(last["mac"]).hex(), "rows": gone}})])
        self._mark.move(found.chain, found.seq, found.mac)
        return gone


def _head(row: sqlite3.Row) -> Head:
    return Head(str(row["chain"]), int(row["seq"]), bytes(row["mac"]), int(row["start"]), bytes(row["start_mac"]),
                str(row["key"]))


def _broken(why: str, at: int) -> Entry:
    return Entry("audit.broken", decision="deny", detail={"why": why, "at": at})


def unavailable(error: Exception) -> AuditUnavailable:
    return AuditUnavailable(f"The audit can't be written: {str(error).rstrip('.')}.",
                            hint="Free space on the disk of the workspace, or end what holds its control store.")
