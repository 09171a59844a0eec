"""The sinks of a workspace, how far each has come, and what it could not deliver: in the control store."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pluto_duck.errors import Refused, UsageError, unknown_name
from pluto_duck.events.model import DeadLetter, Position
from pluto_duck.workspace import ControlStore
from pluto_duck.workspace.blot import blotted
from pluto_duck.workspace.tableref import TableRef

MIGRATIONS = (
    """CREATE TABLE sinks (
        name TEXT NOT NULL PRIMARY KEY COLLATE NOCASE, kind TEXT NOT NULL, tables TEXT NOT NULL, options TEXT NOT NULL,
        origin TEXT NOT NULL, added_at REAL NOT NULL, paused INTEGER NOT NULL DEFAULT 0,
        revision INTEGER NOT NULL DEFAULT 0, seq INTEGER NOT NULL DEFAULT 0, n INTEGER NOT NULL DEFAULT 0,
        sent_seq INTEGER NOT NULL DEFAULT 0, sent_n INTEGER NOT NULL DEFAULT 0,
        head INTEGER NOT NULL DEFAULT 0, delivered INTEGER NOT NULL DEFAULT 0, delivered_at REAL,
        state TEXT NOT NULL DEFAULT 'new', error TEXT, hint TEXT, error_at REAL,
        token INTEGER NOT NULL DEFAULT 0, holder TEXT NOT NULL DEFAULT '', seen_at REAL)""",
    """CREATE TABLE sink_tables (
        sink TEXT NOT NULL COLLATE NOCASE, table_key TEXT NOT NULL, schema_name TEXT NOT NULL, table_name TEXT NOT NULL,
        seq INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (sink, table_key)) WITHOUT ROWID""",
    """CREATE TABLE sink_dead (
        id INTEGER PRIMARY KEY AUTOINCREMENT, sink TEXT NOT NULL COLLATE NOCASE, seq INTEGER NOT NULL,
        n INTEGER NOT NULL, schema_name TEXT NOT NULL, table_name TEXT NOT NULL, op TEXT NOT NULL, key TEXT,
        event TEXT NOT NULL, reason TEXT NOT NULL, at REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 1,
        wanted INTEGER NOT NULL DEFAULT 0, UNIQUE (sink, seq, n, schema_name, table_name))""",
    "ALTER TABLE sinks ADD COLUMN seal TEXT NOT NULL DEFAULT ''",
)
_ROOM = "sinks"
_NAME = re.compile(r"[A-Za-z][\w-]{0,62}\Z", re.ASCII)


class LeaseLost(Exception):
    """Somebody else publishes by now: what this one says about the sink counts no more."""


@dataclass(frozen=True)
class SinkRecord:
    """One sink as it is written down; everything in it may be shown."""

    name: str
    kind: str
    tables: tuple[TableRef, ...]
    """None: every tracked table."""
    options: Mapping[str, Any]
    origin: str
    """"" for one that was added by a verb, else the file that it stands in."""
    added_at: float
    paused: bool
    revision: int
    """Grows with each change that a relay must know of."""
    position: Position
    sent: Position
    """What the target was told last, so that it should know it itself. Beyond it there was nothing for this sink."""
    head: int
    """The newest commit that the relay has heard of."""
    delivered: int
    """Changes, since it was added."""
    delivered_at: float | None
    state: str
    """new, running, retrying, failed or stopped."""
    error: str
    hint: str
    error_at: float | None
    token: int
    holder: str
    seen_at: float | None
    seal: str = ""
    """Who wrote it down proves by it that it was they: a folder that came from elsewhere may bring records along."""

    @property
    def lag(self) -> int:
        """Commits that have not arrived."""
        return max(0, self.head - self.position.seq)


@dataclass(frozen=True)
class Dead:
    """A change that could not be delivered."""

    id: int
    sink: str
    position: Position
    table: TableRef
    op: str
    key: str | None
    event: str
    reason: str
    at: float
    attempts: int
    wanted: bool
    """It will be tried again."""


class Sinks:
    """What verbs say about sinks, and what relays note about them under their token."""

    def __init__(self, control: ControlStore) -> None:
        self._control = control

    # -- what people say --------------------------------------------------------------------------

    def add(self, name: str, kind: str, *, tables: Sequence[TableRef] = (), options: Mapping[str, Any],
            origin: str = "", position: Position | None = None, known: Sequence[TableRef] = (),
            seal: str = "") -> SinkRecord:
        """`position`: only what comes after it, without telling the tables `known` whole first. Raises Refused where
        there is one of that name."""
        if not _NAME.match(name):
            raise UsageError(f"{name!r} can't be the name of a sink.",
                             hint="Letters, digits, _ and -, beginning with a letter: warehouse, kafka-eu.")
        start = position or Position()
        with self._control.connection(_ROOM, MIGRATIONS) as db:
            if db.execute("SELECT 1 FROM sinks WHERE name = ?", (name,)).fetchone():
                raise Refused(f"There is a sink {name} already.", hint=f"`sinks remove {name}` takes it away.")
            db.execute("INSERT INTO sinks (name, kind, tables, options, origin, added_at, seq, n, seal) VALUES "
                       "(?, ?, ?, ?, ?, ?, ?, ?, ?)",
                       (name, kind, json.dumps([[one.schema, one.name] for one in tables]), json.dumps(dict(options)),
                        origin, time.time(), start.seq, start.n, seal))
            db.executemany("INSERT INTO sink_tables VALUES (?, ?, ?, ?, ?, ?)", [
                (name, one.key, one.schema, one.name, start.seq, start.n)
                for one in (known if position is not None else ())])
        return self.get(name)

    def change(self, name: str, *, kind: str, tables: Sequence[TableRef], options: Mapping[str, Any],
               seal: str = "") -> None:
        """Another wish for the same sink; where it stands stays."""
        with self._control.connection(_ROOM, MIGRATIONS) as db:
            db.execute("UPDATE sinks SET kind = ?, tables = ?, options = ?, seal = ?, revision = revision + 1 "
                       "WHERE name = ?", (kind, json.dumps([[one.schema, one.name] for one in tables]),
                                          json.dumps(dict(options)), seal, name))

    def pause(self, name: str, paused: bool = True) -> SinkRecord:
        """Also what lets a failed one try again."""
        found = self.get(name)
        with self._control.connection(_ROOM, MIGRATIONS) as db:
            db.execute("UPDATE sinks SET paused = ?, revision = revision + 1 WHERE name = ?", (paused, found.name))
        return self.get(name)

    def remove(self, name: str) -> SinkRecord:
        """With its dead letters."""
        found = self.get(name)
        with self._control.connection(_ROOM, MIGRATIONS) as db:
            for table, column in (("sinks", "name"), ("sink_tables", "sink"), ("sink_dead", "sink")):
                db.execute(f"DELETE FROM {table} WHERE {column} = ?", (found.name,))
        return found

    def all(self) -> list[SinkRecord]:
        """By name."""
        rows = self._control.read(_ROOM, MIGRATIONS).execute("SELECT * FROM sinks ORDER BY name").fetchall()
        return [_record(row) for row in rows]

    def find(self, name: str) -> SinkRecord | None:
        row = self._control.read(_ROOM, MIGRATIONS).execute("SELECT * FROM sinks WHERE name = ?", (name,)).fetchone()
        return _record(row) if row else None

    def get(self, name: str) -> SinkRecord:
        """Raises UnknownName with the nearest names."""
        found = self.find(name)
        if found is None:
            raise unknown_name("sink", name, [one.name for one in self.all()])
        return found

    def change_mark(self) -> int:
        """Differs from the last call of this thread when any other connection has written to the control store."""
        return int(self._control.read(_ROOM, MIGRATIONS).execute("PRAGMA data_version").fetchone()[0])

    # -- what a relay notes -----------------------------------------------------------------------

    def take(self, name: str, holder: str) -> int:
        """The token of a new holder of the lease; whoever had it before is fenced from now on."""
        with self._control.connection(_ROOM, MIGRATIONS) as db:
            row = db.execute("UPDATE sinks SET token = token + 1, holder = ?, seen_at = ? WHERE name = ? "
                             "RETURNING token", (holder, time.time(), name)).fetchone()
        if row is None:
            raise LeaseLost
        return int(row[0])

    def _note(self, db: sqlite3.Connection, name: str, token: int, assignments: str, values: Sequence[Any]) -> None:
        changed = db.execute(f"UPDATE sinks SET {assignments}, seen_at = ? WHERE name = ? AND token = ?",
                             (*values, time.time(), name, token)).rowcount
        if not changed:
            raise LeaseLost

    def say(self, name: str, token: int, state: str, error: str = "", hint: str = "") -> None:
        with self._control.connection(_ROOM, MIGRATIONS) as db:
            self._note(db, name, token, "state = ?" + (", error = ?, hint = ?, error_at = ?" if error else ""),
                       (state, blotted(error), blotted(hint), time.time()) if error else (state,))

    def went(self, name: str, token: int, position: Position, *, sent: Position | None = None, head: int = 0,
             delivered: int = 0, dead: Sequence[tuple[DeadLetter, str, str | None]] = ()) -> None:
        """Everything up to `position` is durable at the target, or among the dead letters: (letter, op, key). `sent`:
        the position that the target was told with it."""
        now = time.time()
        with self._control.connection(_ROOM, MIGRATIONS) as db:
            moved = "seq = ?, n = ?, head = max(?, ?), delivered = delivered + ?, state = 'running'"
            more: list[Any] = [position.seq, position.n, head, position.seq, delivered]
            if sent is not None:
                moved += ", sent_seq = ?, sent_n = ?"
                more += [sent.seq, sent.n]
            if delivered:
                moved += ", delivered_at = ?"
                more.append(now)
            self._note(db, name, token, moved, more)
            for letter, op, key in dead:
                db.execute(
                    "INSERT INTO sink_dead (sink, seq, n, schema_name, table_name, op, key, event, reason, at) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET reason = excluded.reason, "
                    "at = excluded.at, attempts = attempts + 1, wanted = 0",
                    (name, letter.position.seq, letter.position.n, letter.table.schema, letter.table.name, op, key,
                     letter.event, blotted(letter.reason), now))

    def covered(self, name: str) -> dict[str, tuple[TableRef, Position]]:
        """By key: tables that the target was given whole, and as of where; older changes of them are in that."""
        rows = self._control.read(_ROOM, MIGRATIONS).execute("SELECT * FROM sink_tables WHERE sink = ?", (name,))
        return {row["table_key"]: (TableRef(row["table_name"], row["schema_name"]), Position(row["seq"], row["n"]))
                for row in rows.fetchall()}

    def cover(self, name: str, token: int, table: TableRef, at: Position) -> None:
        with self._control.connection(_ROOM, MIGRATIONS) as db:
            self._note(db, name, token, "name = name", ())
            db.execute("INSERT OR REPLACE INTO sink_tables VALUES (?, ?, ?, ?, ?, ?)",
                       (name, table.key, table.schema, table.name, at.seq, at.n))

    def uncover(self, name: str, token: int, keys: Sequence[str] | None = None) -> None:
        """These tables must be given whole again; None: all of them."""
        with self._control.connection(_ROOM, MIGRATIONS) as db:
            self._note(db, name, token, "name = name", ())
            for key in keys or ():
                db.execute("DELETE FROM sink_tables WHERE sink = ? AND table_key = ?", (name, key))
            if keys is None:
                db.execute("DELETE FROM sink_tables WHERE sink = ?", (name,))

    # -- dead letters -----------------------------------------------------------------------------

    def dead(self, name: str, *, wanted: bool = False, limit: int = 1000) -> list[Dead]:
        """Oldest first."""
        rows = self._control.read(_ROOM, MIGRATIONS).execute(
            "SELECT * FROM sink_dead WHERE sink = ? AND wanted >= ? ORDER BY id LIMIT ?",
            (name, int(wanted), limit)).fetchall()
        return [Dead(row["id"], row["sink"], Position(row["seq"], row["n"]),
                     TableRef(row["table_name"], row["schema_name"]), row["op"], row["key"], row["event"],
                     row["reason"], row["at"], row["attempts"], bool(row["wanted"])) for row in rows]

    def dead_count(self, name: str) -> int:
        return int(self._control.read(_ROOM, MIGRATIONS).execute(
            "SELECT count(*) FROM sink_dead WHERE sink = ?", (name,)).fetchone()[0])

    def retry(self, name: str, ids: Sequence[int] = ()) -> int:
        """Its relay tries these again (none given: all of them); how many."""
        return self._marked(name, ids, "UPDATE sink_dead SET wanted = 1")

    def drop(self, name: str, ids: Sequence[int] = ()) -> int:
        """They are forgotten; how many."""
        return self._marked(name, ids, "DELETE FROM sink_dead")

    def _marked(self, name: str, ids: Sequence[int], statement: str) -> int:
        found = self.get(name).name
        with self._control.connection(_ROOM, MIGRATIONS) as db:
            if not ids:
                return db.execute(f"{statement} WHERE sink = ?", (found,)).rowcount
            return sum(db.execute(f"{statement} WHERE sink = ? AND id = ?", (found, one)).rowcount for one in ids)


def slowest(control: ControlStore) -> Position | None:
    """Where the slowest sink stands, a paused one too: changes after it are still wanted. One that has not begun wants
    none, since it begins with the tables as they are. None: nobody wants any."""
    row = control.read(_ROOM, MIGRATIONS).execute(
        "SELECT seq, n FROM sinks WHERE seq > 0 ORDER BY seq, n LIMIT 1").fetchone()
    return None if row is None else Position(row[0], row[1])


def _record(row: sqlite3.Row) -> SinkRecord:
    return SinkRecord(
        name=row["name"], kind=row["kind"], tables=tuple(TableRef(name, schema) for schema, name in
                                                         json.loads(row["tables"])),
        options=json.loads(row["options"]), origin=row["origin"], added_at=row["added_at"],
        paused=bool(row["paused"]), revision=row["revision"],
        position=Position(row["seq"], row["n"]), sent=Position(row["sent_seq"], row["sent_n"]),
        head=row["head"], delivered=row["delivered"],
        delivered_at=row["delivered_at"], state=row["state"], error=row["error"] or "", hint=row["hint"] or "",
        error_at=row["error_at"], token=row["token"], holder=row["holder"], seen_at=row["seen_at"], seal=row["seal"])
