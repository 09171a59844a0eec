"""The schedules of a workspace, as people speak of them: in the control store, under a seal."""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import Refused, UsageError, unknown_name
from pluto_duck.schedule.model import MOST_CAUGHT_UP, STATES, Firing, Schedule, Wish
from pluto_duck.schedule.promising import promising
from pluto_duck.schedule.times import spelled, times
from pluto_duck.workspace import ControlStore, Workspace
from pluto_duck.workspace.blot import blotted

if TYPE_CHECKING:
    from pluto_duck.governance.audit import Chain

    Told = tuple[sqlite3.Connection, Callable[..., object]]

MIGRATIONS = (
    """CREATE TABLE schedules (
        id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE COLLATE NOCASE, cron TEXT NOT NULL, zone TEXT NOT NULL,
        args TEXT NOT NULL, folder TEXT NOT NULL, missed TEXT NOT NULL, most INTEGER NOT NULL, retries INTEGER NOT NULL,
        backoff_s REAL NOT NULL, timeout_s REAL NOT NULL, created_at REAL NOT NULL, paused INTEGER NOT NULL DEFAULT 0,
        seal TEXT NOT NULL, seen_at INTEGER NOT NULL, next_at INTEGER) WITHOUT ROWID""",
    "CREATE INDEX schedules_next ON schedules (next_at) WHERE paused = 0",
    """CREATE TABLE firings (
        id INTEGER PRIMARY KEY AUTOINCREMENT, schedule TEXT NOT NULL, due_at INTEGER NOT NULL, kind TEXT NOT NULL,
        state TEXT NOT NULL, attempt INTEGER NOT NULL DEFAULT 0, ready_at REAL NOT NULL, begun_at REAL, ended_at REAL,
        run_id TEXT NOT NULL DEFAULT '', holder TEXT NOT NULL DEFAULT '', code TEXT NOT NULL DEFAULT '',
        error TEXT NOT NULL DEFAULT '', hint TEXT NOT NULL DEFAULT '', times INTEGER NOT NULL DEFAULT 1)""",
    "CREATE UNIQUE INDEX firings_once ON firings (schedule, due_at) WHERE kind <> 'manual'",
    "CREATE INDEX firings_of ON firings (schedule, id)",
    "CREATE INDEX firings_open ON firings (state, ready_at) WHERE state IN ('queued', 'running')",
    "ALTER TABLE schedules ADD COLUMN only_if TEXT NOT NULL DEFAULT '[]'",
    "ALTER TABLE schedules ADD COLUMN alert TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE schedules ADD COLUMN pause_on_failure INTEGER NOT NULL DEFAULT 0",
)
ROOM = "schedules"
_NAME = re.compile(r"[A-Za-z][\w-]{0,62}\Z", re.ASCII)
MOST_SCHEDULES = 10_000
LONGEST_TIMEOUT_S = 30 * 86_400.0


class Schedules:
    """What verbs and routes say. `clock` gives the time of day, in seconds since 1970."""

    def __init__(self, control: ControlStore, workspace: Workspace, clock: Callable[[], float] = time.time) -> None:
        self.control, self.workspace, self.clock = control, workspace, clock
        self._chain: Chain | None = None

    def close(self) -> None:
        self.control.close()

    # -- what people say --------------------------------------------------------------------------

    def add(self, name: str, wish: Wish) -> Schedule:
        """`name` "": after its verb. Raises Refused where there is one of that name."""
        wish = _checked(wish)
        promising(wish, self.workspace, self.control)
        if name and not _NAME.match(name):
            raise UsageError(f"{name!r} can't be the name of a schedule.",
                             hint="Letters, digits, _ and -, beginning with a letter: nightly, load-orders.")
        now = self.clock()
        next_at = times(wish.cron, wish.zone).after(now)
        if next_at is None:
            raise UsageError(f"{wish.cron!r} never comes.", hint="There is no such day in the months it names.")
        id = secrets.token_hex(6)
        with self._telling() as (db, tell):
            taken = {str(row[0]).casefold() for row in db.execute("SELECT name FROM schedules")}
            if len(taken) >= MOST_SCHEDULES:
                raise Refused(f"There are {MOST_SCHEDULES:,} schedules already.", hint="Remove some.")
            name = name or _free(wish.args[0], taken)
            if name.casefold() in taken:
                raise Refused(f"There is a schedule {name} already.", hint=f"`schedule remove {name}` takes it away.")
            values = _columns(wish)
            db.execute(f"INSERT INTO schedules (id, name, created_at, seal, seen_at, next_at, {', '.join(values)}) "
                       f"VALUES (?, ?, ?, ?, ?, ?{', ?' * len(values)})",
                       (id, name, now, self._seal(id, wish), int(now), next_at, *values.values()))
            tell("schedule.add", id, name=name, verb=wish.args[0])
        return self.get(id)

    def adopt(self, name: str) -> Schedule:
        """Takes a schedule for one's own that came with the folder; what it missed before is not run."""
        found = self.get(name)
        wish, now = _checked(found.wish), self.clock()
        with self._telling() as (db, tell):
            db.execute("UPDATE schedules SET seal = ?, seen_at = ?, next_at = ? WHERE id = ?",
                       (self._seal(found.id, wish), int(now), times(wish.cron, wish.zone).after(now), found.id))
            self._drop_queued(db, found.id, "It was queued before this schedule was adopted.")
            tell("schedule.adopt", found.id, name=found.name, verb=wish.args[0])
        return self.get(found.id)

    def pause(self, name: str) -> Schedule:
        """What waits to be run is left out; what runs goes on."""
        found = self.get(name)
        with self._telling() as (db, tell):
            db.execute("UPDATE schedules SET paused = 1 WHERE id = ?", (found.id,))
            self._drop_queued(db, found.id, "The schedule was paused.")
            tell("schedule.pause", found.id, name=found.name)
        return self.get(found.id)

    def resume(self, name: str) -> Schedule:
        """From the next due time on: what came due meanwhile was not missed, it was not wanted."""
        found, now = self.get(name), self.clock()
        next_at = times(found.wish.cron, found.wish.zone).after(now) if found.ours else None
        with self._telling() as (db, tell):
            db.execute("UPDATE schedules SET paused = 0, seen_at = ?, next_at = ? WHERE id = ? AND paused = 1",
                       (int(now), next_at, found.id))
            tell("schedule.resume", found.id, name=found.name)
        return self.get(found.id)

    def remove(self, name: str) -> Schedule:
        """With its history. What runs at the moment goes on to its end."""
        found = self.get(name)
        with self._telling() as (db, tell):
            db.execute("DELETE FROM schedules WHERE id = ?", (found.id,))
            db.execute("DELETE FROM firings WHERE schedule = ?", (found.id,))
            tell("schedule.remove", found.id, name=found.name)
        return found

    def ask_for(self, name: str) -> Firing:
        """One run of it now, by whoever runs the schedules; also of one that is paused."""
        found, now = self.get(name), self.clock()
        if not found.ours:
            raise not_ours(found)
        with self._telling() as (db, tell):
            waiting = db.execute("SELECT 1 FROM firings WHERE schedule = ? AND kind = 'manual' AND state = 'queued'",
                                 (found.id,)).fetchone()
            if waiting:
                raise Refused(f"A run of {found.name} waits already.", hint=f"schedule history {found.name}")
            row = db.execute("INSERT INTO firings (schedule, due_at, kind, state, ready_at) "
                             "VALUES (?, ?, 'manual', 'queued', ?) RETURNING *", (found.id, int(now), now)).fetchone()
            tell("schedule.run", found.id, name=found.name)
        return firing(row)

    # -- looking ----------------------------------------------------------------------------------

    def all(self) -> list[Schedule]:
        """By name."""
        rows = self._read().execute("SELECT * FROM schedules ORDER BY name").fetchall()
        last = {row["schedule"]: firing(row) for row in self._read().execute(
            "SELECT * FROM firings WHERE id IN (SELECT max(id) FROM firings WHERE state <> 'skipped' "
            "GROUP BY schedule)").fetchall()}
        return [self._schedule(row, last.get(row["id"])) for row in rows]

    def mark(self) -> object:
        """Another one whenever a schedule is another; not told by how they went. A tenth of what `all` costs."""
        from pluto_duck.governance.seal import print_of_key

        rows = self._read().execute("SELECT id, name, args, only_if, cron, zone, folder, paused, seal FROM schedules "
                                    "ORDER BY name").fetchall()
        return print_of_key() if rows else None, [tuple(row) for row in rows]

    def find(self, name: str) -> Schedule | None:
        """By name or id."""
        row = self._read().execute("SELECT * FROM schedules WHERE id = ? OR name = ? ORDER BY id = ? DESC LIMIT 1",
                                   (name, name, name)).fetchone()
        if row is None:
            return None
        last = self._read().execute("SELECT * FROM firings WHERE schedule = ? AND state <> 'skipped' "
                                    "ORDER BY id DESC LIMIT 1", (row["id"],)).fetchone()
        return self._schedule(row, firing(last) if last else None)

    def get(self, name: str) -> Schedule:
        """Raises UnknownName with the nearest names."""
        found = self.find(name)
        if found is None:
            raise unknown_name("schedule", name, [one.name for one in self.all()])
        return found

    def history(self, name: str = "", *, limit: int = 50, before: int | None = None) -> list[Firing]:
        """Newest first, of one schedule or of all."""
        id = self.get(name).id if name else None
        rows = self._read().execute(
            "SELECT * FROM firings WHERE (? IS NULL OR schedule = ?) AND (? IS NULL OR id < ?) ORDER BY id DESC "
            "LIMIT ?", (id, id, before, before, limit)).fetchall()
        return [firing(row) for row in rows]

    def firing(self, id: int) -> Firing | None:
        row = self._read().execute("SELECT * FROM firings WHERE id = ?", (id,)).fetchone()
        return firing(row) if row else None

    def upcoming(self, schedule: Schedule, count: int) -> list[int]:
        """Its next due times, were it not paused."""
        found: list[int] = []
        at = float(self.clock())
        while schedule.ours and len(found) < count:
            moment = times(schedule.wish.cron, schedule.wish.zone).after(at)
            if moment is None:
                break
            found.append(moment)
            at = moment
        return found

    # -- parts ------------------------------------------------------------------------------------

    def _read(self) -> sqlite3.Connection:
        return self.control.read(ROOM, MIGRATIONS)

    def _schedule(self, row: sqlite3.Row, last: Firing | None = None) -> Schedule:
        wish, ours = self.read_wish(row)
        return Schedule(row["id"], row["name"], wish, row["created_at"], bool(row["paused"]), ours,
                        row["next_at"] if ours else None, last)

    def read_wish(self, row: sqlite3.Row) -> tuple[Wish, bool]:
        """And whether it is ours. What is not may hold anything."""
        from pluto_duck.governance.seal import is_sealed

        args = _words(row["args"])
        wish = Wish(args=args, only_if=_words(row["only_if"]), pause_on_failure=bool(row["pause_on_failure"]),
                    **{name: row[name] for name in _COLUMNS})
        return wish, bool(args) and is_sealed(self.workspace, str(row["seal"]), *_sealed(row["id"], wish))

    def _seal(self, id: str, wish: Wish) -> str:
        from pluto_duck.governance.seal import seal

        return seal(self.workspace, *_sealed(id, wish))

    def _drop_queued(self, db: sqlite3.Connection, id: str, why: str) -> None:
        db.execute("UPDATE firings SET state = 'skipped', error = ?, ended_at = ? WHERE schedule = ? "
                   "AND state = 'queued'", (why, self.clock(), id))

    @contextmanager
    def _telling(self) -> Iterator[Told]:
        """A write that the audit is told of, or that does not happen."""
        from pluto_duck.governance.audit import Chain, owners

        chain = self._chain = self._chain or Chain(self.workspace, self.control)
        chain.reading()  # its tables, before the transaction begins
        with self.control.connection(ROOM, MIGRATIONS) as db:
            yield db, lambda action, id, **detail: chain.append_in(db, [owners(action, f"schedule:{id}", **detail)])


_COLUMNS = ("cron", "zone", "folder", "missed", "most", "retries", "backoff_s", "timeout_s", "alert")


def _columns(wish: Wish) -> dict[str, Any]:
    return {**asdict(wish), "args": json.dumps(wish.args), "only_if": json.dumps(wish.only_if)}


def _words(text: str) -> tuple[str, ...]:
    try:
        return tuple(str(one) for one in json.loads(text))
    except (ValueError, TypeError):
        return ()


def _sealed(id: str, wish: Wish) -> tuple[Any, ...]:
    told = {**asdict(wish), "args": list(wish.args), "only_if": list(wish.only_if)}
    if not wish.pause_on_failure:
        del told["pause_on_failure"]
    if not wish.alert:
        del told["alert"]  # as those were sealed that know of none
    return "schedule", id, told


def _checked(wish: Wish) -> Wish:
    from pluto_duck.schedule.words import checked

    checked(wish.args)
    if wish.only_if:
        checked(wish.only_if)
    times(wish.cron, wish.zone)
    for name, value, least, most in (("retries", wish.retries, 0, 100), ("most", wish.most, 1, MOST_CAUGHT_UP),
                                     ("backoff_s", wish.backoff_s, 0, 86_400.0),
                                     ("timeout_s", wish.timeout_s, 1, LONGEST_TIMEOUT_S)):
        if not least <= value <= most:
            raise UsageError(f"{name} must be from {least:g} to {most:g}.", name=name)
    if wish.missed not in ("skip", "once", "all"):
        raise unknown_name("way with missed times", str(wish.missed), ("skip", "once", "all"))
    return replace(wish, cron=spelled(wish.cron), backoff_s=float(wish.backoff_s), timeout_s=float(wish.timeout_s))


def _free(verb: str, taken: set[str]) -> str:
    name, count = verb, 1
    while name.casefold() in taken:
        count += 1
        name = f"{verb}-{count}"
    return name


def not_ours(one: Schedule) -> Refused:
    return Refused(f"The schedule {one.name} was not made by you on this machine, so it runs nothing.",
                   hint=f"schedule show {one.name} tells what it would run; if it may: schedule adopt {one.name}")


def firing(row: sqlite3.Row) -> Firing:
    return Firing(**{name: row[name] for name in (
        "id", "schedule", "due_at", "kind", "attempt", "ready_at", "begun_at", "ended_at", "run_id", "holder", "code",
        "times")}, state=row["state"] if row["state"] in STATES else "failed", error=blotted(row["error"]),
        hint=blotted(row["hint"]))
