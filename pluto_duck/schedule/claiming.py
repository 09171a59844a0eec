"""From due times to firings: each due time is claimed once, whoever looks and however the clock jumps.

A firing is a row, unique for its schedule and due time, written in the transaction that moves the schedule on. Who runs
one holds the lock of its schedule, of the kernel's: so no firing overlaps with another of the same schedule, and one
whose process died is known as such.
"""

from __future__ import annotations

import logging
import os
import socket
import sqlite3
from pathlib import Path

from pluto_duck.errors import PlutoError, RunError
from pluto_duck.events.webhooks import records as webhooks
from pluto_duck.events.webhooks.queue import Queue
from pluto_duck.schedule.alerting import alert
from pluto_duck.schedule.model import Firing, Schedule, State, Wish
from pluto_duck.schedule.store import MIGRATIONS, ROOM, Schedules, firing
from pluto_duck.schedule.times import Times, times
from pluto_duck.workspace import Workspace
from pluto_duck.workspace.locks import FileLock

GRACE_S = 90.0
"""A due time that is older than this was missed: nobody was there."""
AHEAD_S = 86_400.0
"""Where the clock was set back by more than this, times that were dealt with count no more: it was wrong before."""
MOST_MISSED = 1_000
"""So many missed times are looked at; what is older is not counted."""
LONGEST_BACKOFF_S = 3_600.0
KEPT = 200
"""Firings that are kept of each schedule."""
TERMINAL = ("usage", "setting", "statement", "refused", "untrusted", "missing_extra", "cancelled",
            "checks_failed")
"""Trying again changes nothing about these."""

_log = logging.getLogger(__name__)


def lock_of(workspace: Workspace, schedule: str) -> Path:
    folder = workspace.folder / "schedules"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / f"{schedule}.lock"


class Claims:
    """What whoever runs schedules does with their records."""

    def __init__(self, known: Schedules) -> None:
        self._known, self._control = known, known.control
        self._control.read(webhooks.ROOM, webhooks.MIGRATIONS)  # its tables, before any transaction
        self._holder = f"{socket.gethostname()}:{os.getpid()}"

    # -- due times --------------------------------------------------------------------------------

    def fall_due(self) -> None:
        """Writes a firing for each due time that is to be run; moves the schedules on."""
        now = self._known.clock()
        if not self._reading().execute("SELECT 1 FROM schedules WHERE paused = 0 AND next_at <= ? LIMIT 1",
                                       (now,)).fetchone():
            return
        with self._control.connection(ROOM, MIGRATIONS) as db:
            for row in db.execute("SELECT * FROM schedules WHERE paused = 0 AND next_at <= ? ORDER BY next_at, id",
                                  (now,)).fetchall():
                wish, ours = self._known.read_wish(row)
                next_at = self._due(db, row, wish, now) if ours else None
                db.execute("UPDATE schedules SET next_at = ? WHERE id = ?", (next_at, row["id"]))

    def _due(self, db: sqlite3.Connection, row: sqlite3.Row, wish: Wish, now: float) -> int | None:
        """The due time after these."""
        cron = _times(wish)
        if cron is None:
            return None
        found = cron.within(row["seen_at"], now, MOST_MISSED)
        if not found:
            return cron.after(max(now, row["seen_at"]))
        db.execute("UPDATE schedules SET seen_at = ? WHERE id = ?", (found[-1], row["id"]))
        fresh = found[-1:] if now - found[-1] <= GRACE_S else []
        missed = found[:len(found) - len(fresh)]
        wanted = _caught_up(wish, missed, len(fresh))
        if left := missed[:len(missed) - len(wanted)]:
            self._leave(db, row["id"], left, now, "Nobody was there to run it.")
        self._queue(db, row["id"], wish, [*wanted, *fresh], fresh, now)
        self._prune(db, row["id"])
        return cron.after(max(now, found[-1]))

    def _queue(self, db: sqlite3.Connection, id: str, wish: Wish, wanted: list[int], fresh: list[int], now: float,
               ) -> None:
        running, waiting = 0, 0
        for one in db.execute("SELECT id, state, kind, attempt FROM firings WHERE schedule = ? "
                              "AND state IN ('queued', 'running')", (id,)).fetchall():
            if one["state"] == "running":
                running += 1
            elif one["attempt"] and wanted and wish.missed != "all":
                # A retry that still waits is of yesterday's run: today's takes its place.
                db.execute("UPDATE firings SET state = 'failed', ended_at = ? WHERE id = ?", (now, one["id"]))
            elif one["kind"] != "manual":
                waiting += 1
        most = wish.most if wish.missed == "all" else 1
        for due_at in wanted:
            if wish.missed == "skip" and running:
                self._leave(db, id, [due_at], now, "The one before was still running.")
            elif waiting >= most:
                self._leave(db, id, [due_at], now, "The one before was still waiting.")
            else:
                waiting += db.execute(
                    "INSERT OR IGNORE INTO firings (schedule, due_at, kind, state, ready_at) VALUES (?, ?, ?, "
                    "'queued', ?)", (id, due_at, "due" if due_at in fresh else "missed", now)).rowcount

    @staticmethod
    def _leave(db: sqlite3.Connection, id: str, due: list[int], now: float, why: str) -> None:
        db.execute("INSERT OR IGNORE INTO firings (schedule, due_at, kind, state, ready_at, ended_at, error, times) "
                   "VALUES (?, ?, 'missed', 'skipped', ?, ?, ?, ?)", (id, due[-1], now, now, why, len(due)))

    @staticmethod
    def _prune(db: sqlite3.Connection, id: str) -> None:
        db.execute("DELETE FROM firings WHERE schedule = ? AND state NOT IN ('queued', 'running') AND id <= "
                   "(SELECT id FROM firings WHERE schedule = ? ORDER BY id DESC LIMIT 1 OFFSET ?)", (id, id, KEPT))

    def mend(self, *, all_times: bool = False) -> None:
        """Each minute: a clock that was far ahead of itself is believed no more. `all_times`, after a start: they are
        worked out anew, since zones change."""
        now = self._known.clock()
        ahead = self._reading().execute("SELECT id, name FROM schedules WHERE seen_at > ?", (now + AHEAD_S,)).fetchall()
        if not ahead and not all_times:
            return
        with self._control.connection(ROOM, MIGRATIONS) as db:
            for row in ahead:
                _log.warning("the clock was set back by more than a day: the schedule %s begins anew", row["name"])
                db.execute("UPDATE schedules SET seen_at = ? WHERE id = ?", (int(now), row["id"]))
            ids = {row["id"] for row in ahead}
            for row in db.execute("SELECT * FROM schedules WHERE paused = 0").fetchall():
                if not all_times and row["id"] not in ids:
                    continue
                wish, ours = self._known.read_wish(row)
                cron = _times(wish) if ours else None
                # Not after now: what came due since `seen_at` must be found as due.
                next_at = None if cron is None else cron.after(row["seen_at"])
                if next_at != row["next_at"]:
                    db.execute("UPDATE schedules SET next_at = ? WHERE id = ?", (next_at, row["id"]))

    def next_at(self) -> float | None:
        """When somebody must look again: a due time, or the next attempt of a firing."""
        row = self._reading().execute(
            "SELECT min(at) FROM (SELECT min(next_at) AS at FROM schedules WHERE paused = 0 UNION ALL "
            "SELECT min(ready_at) FROM firings WHERE state = 'queued' AND ready_at > ?)",
            (self._known.clock(),)).fetchone()
        return row[0]  # type: ignore[no-any-return]

    # -- firings ----------------------------------------------------------------------------------

    def take(self) -> tuple[Schedule, Firing, FileLock] | None:
        """One that is ready and whose schedule is not running; the caller ends it with `finish` and closes the lock."""
        ready = self._reading().execute(
            "SELECT id, schedule FROM firings WHERE state = 'queued' AND ready_at <= ? ORDER BY ready_at, id",
            (self._known.clock(),)).fetchall()
        tried: set[str] = set()
        for id, of in ready:
            if of in tried:
                continue
            tried.add(of)
            lock = FileLock.try_acquire(lock_of(self._known.workspace, of))
            if lock is None:
                continue
            taken = self._take(id, of)
            if taken is not None:
                return *taken, lock
            lock.close()
        return None

    def take_one(self, id: int) -> tuple[Schedule, Firing, FileLock] | None:
        """The one of that id, if it waits and nothing of its schedule runs."""
        found = self._known.firing(id)
        lock = None if found is None else FileLock.try_acquire(lock_of(self._known.workspace, found.schedule))
        if found is None or lock is None:
            return None
        taken = self._take(id, found.schedule)
        if taken is None:
            lock.close()
            return None
        return *taken, lock

    def _take(self, id: int, of: str) -> tuple[Schedule, Firing] | None:
        """Under the lock of its schedule."""
        now, schedule = self._known.clock(), self._known.find(of)
        with self._control.connection(ROOM, MIGRATIONS) as db:
            for row in db.execute("SELECT * FROM firings WHERE schedule = ? AND state = 'running'", (of,)).fetchall():
                self._lost(db, firing(row), schedule, now)
            if schedule is None or not schedule.ours:
                db.execute("UPDATE firings SET state = 'skipped', ended_at = ?, error = ? WHERE id = ? "
                           "AND state = 'queued'", (now, "Its schedule is not one of this user's.", id))
                return None
            row = db.execute("UPDATE firings SET state = 'running', attempt = attempt + 1, begun_at = ?, ended_at = "
                             "NULL, holder = ?, run_id = '' WHERE id = ? AND state = 'queued' RETURNING *",
                             (now, self._holder, id)).fetchone()
        return None if row is None else (schedule, firing(row))

    def begun(self, one: Firing, run_id: str) -> None:
        with self._control.connection(ROOM, MIGRATIONS) as db:
            db.execute("UPDATE firings SET run_id = ? WHERE id = ? AND attempt = ?", (run_id, one.id, one.attempt))

    def finish(self, schedule: Schedule, one: Firing, state: State, error: PlutoError | None = None) -> State:
        """Under the lock. What failed waits for its next attempt, as far as it has one: then `queued` comes back."""
        with self._control.connection(ROOM, MIGRATIONS) as db:
            return self._finish(db, schedule.wish, one, state, error, self._known.clock())

    def _finish(self, db: sqlite3.Connection, wish: Wish, one: Firing, state: State, error: PlutoError | None,
                now: float) -> State:
        again = (state in ("failed", "timed_out") and one.attempt <= wish.retries
                 and (error is None or error.code not in TERMINAL))
        wait_s = min(wish.backoff_s * 2 ** min(one.attempt - 1, 30), LONGEST_BACKOFF_S)
        told = ["", "", ""] if error is None else [error.code, error.message, error.hint]
        gone_wrong = not again and state in ("failed", "timed_out")
        if gone_wrong and wish.pause_on_failure:
            told[2] = f"It is paused until: schedule resume {self._name(db, one)}\n{told[2]}".strip()
            db.execute("UPDATE schedules SET paused = 1 WHERE id = ?", (one.schedule,))
            db.execute("UPDATE firings SET state = 'skipped', error = ?, ended_at = ? WHERE schedule = ? AND state = "
                       "'queued' AND id <> ?", ("The run before it failed, and paused the schedule.", now,
                                                one.schedule, one.id))
        db.execute("UPDATE firings SET state = ?, ended_at = ?, ready_at = ?, code = ?, error = ?, hint = ? "
                   "WHERE id = ? AND attempt = ? AND state = 'running'",
                   ("queued" if again else state, now, now + wait_s, *told, one.id, one.attempt))
        if wish.alert and gone_wrong:
            now_is = db.execute("SELECT * FROM firings WHERE id = ?", (one.id,)).fetchone()  # with its run
            Queue.put_in(db, wish.alert, alert(firing(now_is) if now_is is not None else one, self._name(db, one),
                                               state, error, now), now)
        return "queued" if again else state

    @staticmethod
    def _name(db: sqlite3.Connection, one: Firing) -> str:
        row = db.execute("SELECT name FROM schedules WHERE id = ?", (one.schedule,)).fetchone()
        return str(row["name"]) if row is not None else one.schedule

    def _lost(self, db: sqlite3.Connection, one: Firing, schedule: Schedule | None, now: float) -> None:
        error = RunError("The process that ran it ended before it did.",
                         hint="What it had not finished is as it was; the next run begins anew.")
        self._finish(db, schedule.wish if schedule is not None and schedule.ours else _NOTHING, one, "failed", error,
                     now)

    def reap(self) -> int:
        """Ends the firings whose process is gone; how many there were."""
        rows = self._reading().execute("SELECT * FROM firings WHERE state = 'running'").fetchall()
        count = 0
        for row in rows:
            lock = FileLock.try_acquire(lock_of(self._known.workspace, row["schedule"]))
            if lock is None:
                continue  # somebody is at it
            try:
                schedule = self._known.find(row["schedule"])
                with self._control.connection(ROOM, MIGRATIONS) as db:
                    still = db.execute("SELECT * FROM firings WHERE id = ? AND state = 'running'",
                                       (row["id"],)).fetchone()
                    if still is not None:
                        self._lost(db, firing(still), schedule, self._known.clock())
                        count += 1
            finally:
                lock.close()
        return count

    def _reading(self) -> sqlite3.Connection:
        return self._control.read(ROOM, MIGRATIONS)


_NOTHING = Wish("", "", (), "")


def _times(wish: Wish) -> Times | None:
    try:
        return times(wish.cron, wish.zone)
    except PlutoError as error:  # a zone that this machine does not know any more
        _log.warning("a schedule does not come due: %s", error.message)
        return None


def _caught_up(wish: Wish, missed: list[int], fresh: int) -> list[int]:
    if wish.missed == "all":
        return missed[max(0, len(missed) + fresh - wish.most):]
    return missed[-1:] if wish.missed == "once" and not fresh else []


__all__ = ["Claims", "lock_of"]
