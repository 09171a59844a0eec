"""Walks the chain and tells where it was touched: changed, inserted, taken out, moved, renumbered, cut off."""

from __future__ import annotations

import hmac
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pluto_duck.governance.audit.chain import FIRST, MIGRATIONS, Chain, Head

BATCH = 5_000
MOST_PROBLEMS = 100
_OURS = {"audit", "audit_head", "audit_who"}


@dataclass(frozen=True)
class Problem:
    seq: int
    """The row it was found at; 0 for the chain as a whole."""
    what: str


@dataclass(frozen=True)
class Verdict:
    rows: int
    start: int
    """The number of the last row that was pruned; 0 for none."""
    head: Head | None
    problems: tuple[Problem, ...]
    more: int = 0
    """Problems beyond those that are listed."""
    notes: tuple[Problem, ...] = ()
    """What the owner has accepted, or should know."""

    @property
    def whole(self) -> bool:
        return not self.problems


class _Found:
    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []
        self.more = 0

    def say(self, seq: int, what: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(seq, what))
        else:
            self.more += 1


def verify(chain: Chain, heads: Sequence[Head] = (), *, progress: Callable[[int], None] | None = None) -> Verdict:
    """Of the chain as one transaction sees it. `heads`: exported ends that must be part of it."""
    db, found = chain.reading(), _Found()
    db.execute("BEGIN")
    try:
        return _verify(chain, db, heads, found, progress)
    finally:
        db.execute("ROLLBACK")


def _verify(chain: Chain, db: sqlite3.Connection, heads: Sequence[Head], found: _Found,
            progress: Callable[[int], None] | None) -> Verdict:
    _shape(db, found)
    row = db.execute("SELECT chain, start, start_mac, seq, mac, key FROM audit_head").fetchone()
    head = None if row is None else Head(row[0], row[3], bytes(row[4]), row[1], bytes(row[2]), row[5])
    count = int(db.execute("SELECT count(*) FROM audit").fetchone()[0])
    seen = chain.seen()
    if head is None:
        if count:
            found.say(0, "the head of the chain is missing")
        wanted = [*heads, *([seen] if seen is not None else [])]
        for one in wanted:
            found.say(0, f"the chain is gone: it had {one.seq} rows")
        return Verdict(count, 0, None, tuple(found.problems))
    if head.key == chain.key.id and not chain.is_sealed(db):
        found.say(0, "the head of the chain was changed")
    last_seq, last_mac = _walk(chain, db, head, heads, found, progress)
    if (last_seq, last_mac) != (head.seq, head.mac):
        found.say(last_seq, f"the end is cut off: the chain had {head.seq} rows" if last_seq < head.seq
                  else "rows stand behind the head of the chain")
    for one, whose in [*((head_, "the exported head") for head_ in heads),
                       *([(seen, "what this machine has seen")] if seen is not None else [])]:
        _must_hold(db, head, one, whose, found)
    return Verdict(count, head.start, head, tuple(found.problems), found.more, tuple(found.notes))


def _walk(chain: Chain, db: sqlite3.Connection, head: Head, heads: Sequence[Head], found: _Found,
          progress: Callable[[int], None] | None) -> tuple[int, bytes]:
    key, id, mac_of, digest = chain.key, head.chain, chain.key.mac, hmac.compare_digest
    own_key = key.id
    seq, mac, done = head.start, head.start_mac, 0
    broken: list[Problem] = []
    rows = db.execute("SELECT seq, body, prev, mac, key FROM audit ORDER BY seq")
    rows.row_factory = None
    while batch := rows.fetchmany(BATCH):
        for number, body, prev, own, by in batch:
            # A value of another type than ours is a row of somebody else's.
            if not (type(body) is str and type(prev) is bytes and type(own) is bytes):
                found.say(number, "this row is not one that was written here")
                seq = number
                continue
            if number != seq + 1:
                found.say(number, f"rows {seq + 1} to {number - 1} are missing")
            if by != own_key:
                found.say(number, f"this row was sealed with another key ({plain_key(by)}): of another user or machine")
            elif not digest(mac_of(id, number, prev, body), own):
                found.say(number, _why(chain, id, number, seq, mac, prev, body, own))
            elif prev != mac:
                found.say(number, "the row before it is another one than when it was written")
            if '"audit.' in body:
                _told(number, body, broken, found)
            seq, mac = number, own
        done += len(batch)
        if progress is not None:
            progress(done)
    for one in broken:
        found.say(one.seq, one.what)
    return seq, mac


def plain_key(by: object) -> str:
    return str(by)[:16] if str(by).isalnum() else "?"


def _why(chain: Chain, id: str, number: int, before: int, mac: bytes, prev: bytes, body: str, own: bytes) -> str:
    """Of a row whose HMAC does not fit: what it would fit."""
    fits = chain.key.mac
    if hmac.compare_digest(fits(id, number, mac, body), own):
        return "its link to the row before was changed"
    for distance in range(1, 1_001):
        for other in (number - distance, number + distance):
            if other > 0 and hmac.compare_digest(fits(id, other, prev, body), own):
                return f"this row was written as number {other}"
    return "this row was changed, or was not written here"


def _told(number: int, body: str, broken: list[Problem], found: _Found) -> None:
    """Breaks that were noticed when the chain went on, until the owner accepted them."""
    import json

    try:
        entry = json.loads(body)
    except ValueError:
        return
    why = str(entry.get("detail", {}).get("why", ""))
    if entry.get("action") == "audit.broken":
        broken.append(Problem(number, f"noticed when this row was written: {why}"))
    elif entry.get("action") == "audit.accept":
        found.notes += [Problem(one.seq, f"{one.what} (accepted in row {number}: {why})") for one in broken]
        broken.clear()


def _must_hold(db: sqlite3.Connection, head: Head, one: Head, whose: str, found: _Found) -> None:
    """That an end which was seen before is still part of the chain."""
    if one.seq == 0:
        return
    if one.chain != head.chain:
        found.say(0, f"{whose} is of another chain ({one.chain[:8]}, {one.seq} rows) than this one ({head.chain[:8]})")
        return
    if one.seq < head.start:
        return  # pruned since
    if one.seq == head.start:
        there = head.start_mac
    else:
        row = db.execute("SELECT mac FROM audit WHERE seq = ?", (one.seq,)).fetchone()
        if row is None:
            found.say(one.seq, f"the end is cut off: {whose} is row {one.seq}" if one.seq > head.seq
                      else f"the row of {whose} is missing")
            return
        there = bytes(row[0])
    if not hmac.compare_digest(there, one.mac):
        found.say(one.seq, f"it is another row than that of {whose}")


def _shape(db: sqlite3.Connection, found: _Found) -> None:
    """The tables are what we made, and nobody hung a trigger on them."""
    there = db.execute("SELECT type, name, sql FROM sqlite_schema WHERE tbl_name IN ('audit', 'audit_head') "
                       "AND sql IS NOT NULL").fetchall()
    for kind, name, sql in there:
        if name not in _OURS or " ".join(sql.split()) not in {" ".join(one.split()) for one in MIGRATIONS}:
            found.say(0, f"the {kind} {str(name)[:60]!r} of the audit is not as it was made")
    if {name for _kind, name, _sql in there} & _OURS != _OURS:
        found.say(0, "a table or index of the audit is missing")


__all__ = ["FIRST", "Problem", "Verdict", "verify"]
