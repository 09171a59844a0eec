"""API keys: a secret that is shown once, and what it opens: roles, claims and scopes in one workspace.

`pdk_ID_SECRET_CHECK`. Kept is a seal over the secret and all that it opens, made with a key of this user on this
machine: nobody can read the secret from it, add a role to it, or bring keys along in a folder that is cloned.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import secrets
import sqlite3
import string
import time
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pluto_duck.errors import UsageError, WorkspaceError, nearest, unknown_name
from pluto_duck.governance.actor import ROLE_NAME, Actor, Claim
from pluto_duck.governance.audit import Chain, Entry, owners
from pluto_duck.governance.seal import is_sealed, print_of_key, seal
from pluto_duck.workspace import ControlStore, Workspace

SCOPES = {
    "schema:read": "the tables and columns that its roles see",
    "data:read": "rows of the tables that its roles read, by conditions and keys",
    "data:write": "rows of the tables that its roles may insert into, update and delete from",
    "data:ingest": "rows by the file into the tables that its roles may ingest into",
    "approvals:write": "proposed changes of the tables that its roles may approve: to see and to decide",
    "query:ask": "questions in plain words about them",
    "query:run": "SQL of its own over them, which runs in the process that holds the data",
}
DEFAULT_SCOPES = ("schema:read", "query:ask")
PREFIX = "pdk_"
_DIGITS = string.digits + string.ascii_letters
_SHAPE = re.compile(r"pdk_([0-9A-Za-z]{8})_([0-9A-Za-z]{43})_([0-9a-f]{8})")
MOST_GOOD = 1_000
"""Secrets that are remembered as good."""
SEEN_S = 60.0
"""How often at most the last use is written down."""

MIGRATIONS = (
    """CREATE TABLE keys (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, roles TEXT NOT NULL, claims TEXT NOT NULL, scopes TEXT NOT NULL,
        created_at INTEGER NOT NULL, expires_at INTEGER, ends_at INTEGER, last_used_at INTEGER, successor TEXT,
        seal TEXT NOT NULL)""",
    "ALTER TABLE keys ADD COLUMN lineage TEXT NOT NULL DEFAULT ''",
)
_ROOM = "keys"


@dataclass(frozen=True)
class Key:
    """All that is known of a key but its secret. Times are seconds since 1970."""

    id: str
    name: str
    roles: tuple[str, ...]
    claims: Mapping[str, Claim]
    scopes: tuple[str, ...]
    created_at: int
    expires_at: int | None
    ends_at: int | None = None
    """When it was revoked, or when the overlap of its rotation is over."""
    last_used_at: int | None = None
    successor: str = ""
    lineage: str = ""
    """The id of the key that this one came from by rotation, the first of them; "" where it is the first itself."""

    def is_over(self, now: float) -> bool:
        return any(at is not None and at <= now for at in (self.expires_at, self.ends_at))

    @property
    def actor(self) -> Actor:
        """Known by its id, or by that of the key it took over from: another key of the same name is somebody else."""
        return Actor("key", self.name, self.roles, self.claims, f"key:{self.lineage or self.id}")

    def sealed(self, secret: str) -> tuple[object, ...]:
        return ("key", self.id, self.name, secret, list(self.roles), dict(self.claims), list(self.scopes),
                self.expires_at, *([self.lineage] if self.lineage else []))


class Keys:
    """Those of one workspace."""

    def __init__(self, control: ControlStore, workspace: Workspace) -> None:
        self._control, self._workspace = control, workspace
        self._chain = Chain(workspace, control)
        self._good: dict[bytes, tuple[tuple[object, ...], Key]] = {}
        """By the hash of a secret: the record that it was held against, and what it opens."""

    def close(self) -> None:
        self._control.close()

    def create(self, name: str, roles: Sequence[str], *, claims: Mapping[str, Claim] | None = None,
               scopes: Sequence[str] = DEFAULT_SCOPES, expires_s: float | None = None) -> tuple[Key, str]:
        """The key, and its secret, which nobody can tell again. Raises UsageError, UnknownName."""
        if not name.strip() or len(name) > 200 or not name.isprintable():
            raise UsageError("A key needs a name on one line, of at most 200 characters.",
                             hint="Say what it is for: dashboard")
        for role in roles:
            if not re.fullmatch(ROLE_NAME, role):
                raise UsageError(f"{role!r} is no name of a role.")
        for scope in scopes:
            if scope not in SCOPES:
                raise unknown_name("scope", scope, SCOPES)
        if not roles or not scopes:
            raise UsageError("A key needs a role and a scope: without, it opens nothing.")
        now = int(time.time())
        if any(one.name == name.strip() and not one.is_over(now) for one in self.list()):
            raise UsageError(f"There is a key called {name.strip()!r}: it is what conditions know it by ($actor).",
                             hint=f"pluto-duck keys rotate {name.strip()}, or another name")
        key = Key(_random(8), name.strip(), tuple(dict.fromkeys(roles)), dict(claims or {}),
                  tuple(dict.fromkeys(scopes)), now, None if expires_s is None else now + int(expires_s))
        assert key.actor.governed  # its claims are checked there
        return key, self._keep(key, "key.create")

    def _keep(self, key: Key, action: str, **detail: Any) -> str:
        secret = _random(43)
        self._chain.reading()  # its tables are there before the transaction
        with self._control.connection(_ROOM, MIGRATIONS) as db:
            db.execute("INSERT INTO keys (id, name, roles, claims, scopes, created_at, expires_at, seal, lineage) "
                       "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                       (key.id, key.name, json.dumps(key.roles), json.dumps(dict(key.claims)), json.dumps(key.scopes),
                        key.created_at, key.expires_at, seal(self._workspace, *key.sealed(secret)), key.lineage))
            # In one transaction: there is no key that the audit does not know of.
            self._chain.append_in(db, [owners(
                action, f"key:{key.id}", name=key.name, roles=list(key.roles), scopes=list(key.scopes),
                claims=sorted(key.claims), expires_at=key.expires_at, **detail)])
        body = f"{PREFIX}{key.id}_{secret}"
        return f"{body}_{_check(body)}"

    def verify(self, text: str) -> Key | None:
        """The key of a secret that is good now; None for any other."""
        parts = _SHAPE.fullmatch(text)
        if parts is None or not is_whole(text):
            return None
        row, secret = self._row(parts[1]), digest(text)
        known = self._good.get(secret)
        if known is not None and row is not None and known[0] == (tuple(row), print_of_key()):
            # The record is, letter by letter, the one that this secret was held against, and so is the seal's own key.
            return None if known[1].is_over(time.time()) else self._used(known[1])
        try:
            key = _key(row) if row is not None else None
        except (ValueError, TypeError, UsageError):
            return None  # a record that somebody has changed
        # Sealed before it is looked at: a changed record must cost as long as a wrong secret.
        sealed = key is not None and is_sealed(self._workspace, str(row["seal"]), *key.sealed(parts[2]))
        now = time.time()
        if key is None or not sealed or key.is_over(now):
            return None
        if len(self._good) >= MOST_GOOD:
            self._good.clear()
        self._good[secret] = (tuple(row), print_of_key()), key
        return self._used(key)

    def again(self, digest: bytes) -> tuple[bool, Key | None]:
        """(whether that is certain, the key) of a secret that was good a moment ago: by one look at its record, and
        nothing that takes long. What is not certain `verify` finds out."""
        known, now = self._good.get(digest), time.time()
        if known is None or now - (known[1].last_used_at or 0) >= SEEN_S:
            return False, None
        row = self._row(known[1].id)
        if row is None or known[0] != (tuple(row), print_of_key()):
            return False, None
        return True, None if known[1].is_over(now) else known[1]

    def _row(self, id: str) -> Any:
        return self._control.read(_ROOM, MIGRATIONS).execute("SELECT * FROM keys WHERE id = ?", (id,)).fetchone()

    def _used(self, key: Key) -> Key:
        now = time.time()
        if key.last_used_at is None or now - key.last_used_at > SEEN_S:
            # Good or bad does not hang on whether this can be written now.
            with suppress(WorkspaceError), self._control.connection(_ROOM, MIGRATIONS) as db:
                db.execute("UPDATE keys SET last_used_at = ? WHERE id = ?", (int(now), key.id))
        return key

    def list(self) -> list[Key]:
        """Newest first, those that are over too."""
        rows = self._control.read(_ROOM, MIGRATIONS).execute("SELECT * FROM keys ORDER BY created_at DESC, rowid DESC")
        return [_key(row) for row in rows.fetchall()]

    def find(self, wanted: str) -> Key:
        """By id, or the newest by name that is not over. Raises UnknownName."""
        found, now = self.list(), time.time()
        by_id = [one for one in found if one.id == wanted]
        named = [one for one in found if one.name == wanted and not one.is_over(now)]
        if not by_id and not named:
            raise unknown_name("key", wanted, [one.id for one in found] + nearest(wanted, [one.name for one in found]))
        return (by_id or named)[0]

    def rotate(self, wanted: str, *, overlap_s: float) -> tuple[Key, str]:
        """Another secret for the same; the old one is good for as long as `overlap_s` still."""
        old, now = self.find(wanted), int(time.time())
        if old.is_over(now):
            raise UsageError(f"The key {old.id} is over; it can't be rotated.", hint="Create another one.")
        left = None if old.expires_at is None else old.expires_at - old.created_at
        new = Key(_random(8), old.name, old.roles, old.claims, old.scopes, now, None if left is None else now + left,
                  lineage=old.lineage or old.id)
        secret = self._keep(new, "key.rotate", of=old.id, overlap_s=int(overlap_s))
        self._end(old.id, now + int(overlap_s), new.id)
        return new, secret

    def revoke(self, wanted: str) -> Sequence[Key]:
        """From now on: one by its id; by a name all that have it, those too that a rotation has left for a while.
        A key that is over stays as it is."""
        key, now = self.find(wanted), int(time.time())
        named = [one for one in self.list() if one.name == key.name and not one.is_over(now)]
        ended = [key] if key.id == wanted else named
        for one in ended:
            self._end(one.id, now, one.successor, owners("key.revoke", f"key:{one.id}", name=one.name))
        return [self.find(one.id) for one in ended]

    def _end(self, id: str, at: int, successor: str, told: Entry | None = None) -> None:
        self._chain.reading()
        with self._control.connection(_ROOM, MIGRATIONS) as db:
            db.execute("UPDATE keys SET ends_at = min(coalesce(ends_at, ?), ?), successor = ? WHERE id = ?",
                       (at, at, successor, id))
            if told is not None:
                self._chain.append_in(db, [told])


def _key(row: sqlite3.Row) -> Key:
    claims: dict[str, Any] = json.loads(row["claims"])
    return Key(row["id"], row["name"], tuple(json.loads(row["roles"])), claims, tuple(json.loads(row["scopes"])),
               row["created_at"], row["expires_at"], row["ends_at"], row["last_used_at"], row["successor"] or "",
               row["lineage"])


def digest(secret: str) -> bytes:
    """What secrets are remembered by."""
    return hashlib.sha256(secret.encode()).digest()


def _random(size: int) -> str:
    """43 of these 62 digits hold 256 bits."""
    return "".join(secrets.choice(_DIGITS) for _ in range(size))


def is_whole(text: str) -> bool:
    """Whether a text could be a key: a slip of copying is told without a look at any record."""
    parts = _SHAPE.fullmatch(text)
    return parts is not None and _check(text.rpartition("_")[0]) == parts[3]


def _check(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"


def when(seconds: int | None) -> str:
    """For people, in their own time zone; "" for None."""
    return "" if seconds is None else dt.datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")
