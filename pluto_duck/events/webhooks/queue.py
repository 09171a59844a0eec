"""Deliveries that wait, and what became of those that do not any more: in the control store.

A change is in here, or before the position of its webhook, never neither: both move in one transaction. So a process
that is killed at any moment sends a message twice at worst, under the same id.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from random import random as uniform

from pluto_duck.errors import UsageError, unknown_name
from pluto_duck.events.model import Position
from pluto_duck.events.webhooks import retrying
from pluto_duck.events.webhooks.model import Attempt, Delivery
from pluto_duck.events.webhooks.records import MIGRATIONS, ROOM, attempt_of, delivery_of
from pluto_duck.events.webhooks.sending import Answer
from pluto_duck.workspace import ControlStore

ASTRAY_S = 2 * retrying.LONGEST_S
"""Due so far ahead is nothing: the clock was set back."""
OPEN_AFTER = 5
"""Failures in a row after which one delivery at a time tries whether the endpoint is back."""

SKIPPED = "skipped by its owner"


@dataclass(frozen=True)
class New:
    message: str
    type: str
    position: str
    body: str


class Queue:
    """Of one workspace; any thread."""

    def __init__(self, control: ControlStore, *, clock: Callable[[], float] = time.time,
                 random: Callable[[], float] = uniform) -> None:
        self._control, self._clock, self._random = control, clock, random

    def put(self, new: Mapping[str, Sequence[New]], position: Position) -> int:
        """By id of a webhook: what there is for it up to `position`. How many were not there yet."""
        now, count = self._clock(), 0
        with self._control.connection(ROOM, MIGRATIONS) as db:
            for webhook, all in new.items():
                if all:
                    count += db.executemany(
                        "INSERT OR IGNORE INTO webhook_deliveries (webhook, message, type, position, body, state, "
                        "due_at, created_at) VALUES (?, ?, ?, ?, ?, 'pending', ?, ?)",
                        [(webhook, one.message, one.type, one.position, one.body, now, now) for one in all]).rowcount
                db.execute("UPDATE webhooks SET seq = ?, n = ?, trouble = '' WHERE id = ? AND (seq, n) <= (?, ?)",
                           (position.seq, position.n, webhook, position.seq, position.n))
        return count

    @staticmethod
    def put_in(db: sqlite3.Connection, webhook: str, new: New, now: float) -> None:
        """One that is about no change, in somebody's transaction of this store, whose room `ROOM` is there."""
        db.execute("INSERT OR IGNORE INTO webhook_deliveries (webhook, message, type, position, body, state, due_at, "
                   "created_at) SELECT id, ?, ?, '', ?, 'pending', ?, ? FROM webhooks WHERE id = ?",
                   (new.message, new.type, new.body, now, now, webhook))

    def trouble(self, webhook: str, why: str) -> None:
        with self._control.connection(ROOM, MIGRATIONS) as db:
            db.execute("UPDATE webhooks SET trouble = ? WHERE id = ?", (why, webhook))

    def take(self, webhook: str, concurrency: int, under_way: Collection[int]) -> Delivery | None:
        """What is to be sent now; None: nothing is due, or enough is under way."""
        db, now = self._control.read(ROOM, MIGRATIONS), self._clock()
        of = db.execute("SELECT failures, not_before FROM webhooks WHERE id = ? AND state = 'active'",
                        (webhook,)).fetchone()
        if of is None or len(under_way) >= concurrency or (of["failures"] >= OPEN_AFTER and under_way):
            return None
        if of["failures"] >= OPEN_AFTER and now < of["not_before"] <= now + ASTRAY_S:
            return None
        # With an order to keep, the first that waits is the only one there is; else the first that is due.
        row = db.execute(
            "SELECT * FROM webhook_deliveries WHERE webhook = ? AND state = 'pending' "
            + ("" if concurrency == 1 else
               f"AND n NOT IN ({','.join(str(int(one)) for one in under_way)}) AND (due_at <= {now!r} OR due_at > "
               f"{now + ASTRAY_S!r}) ") + "ORDER BY n LIMIT 1", (webhook,)).fetchone()
        if row is None or row["n"] in under_way or now < row["due_at"] <= now + ASTRAY_S:
            return None
        return delivery_of(row)

    def note(self, delivery: Delivery, answer: Answer, *, once: bool = False) -> None:
        """What became of one attempt. `once`: there is no other, and a failure tells nothing of the endpoint."""
        now, tried = self._clock(), delivery.attempts + 1
        gone = answer.status == retrying.GONE and not once
        wait_s = None if once else retrying.delay_s(tried, answer.retry_after_s, self._random)
        over = answer.good or (wait_s is None and not gone)
        with self._control.connection(ROOM, MIGRATIONS) as db:
            row = db.execute("SELECT state, error FROM webhook_deliveries WHERE n = ?", (delivery.n,)).fetchone()
            if row is None:
                return  # its webhook was deleted meanwhile
            if row["state"] == "failed" and row["error"] == SKIPPED and not answer.good and not once:
                wait_s, over = None, True  # it was skipped meanwhile
            db.execute("INSERT INTO webhook_attempts VALUES (?, ?, ?, ?, ?, ?)",
                       (delivery.n, now, answer.status, answer.ms, answer.said, answer.error))
            db.execute(
                "UPDATE webhook_deliveries SET state = ?, attempts = ?, due_at = ?, done_at = ?, status = ?, error = ? "
                "WHERE n = ?", (("delivered" if answer.good else "failed") if over else "pending", tried,
                                now + (wait_s or 0.0), now if over else None, answer.status, answer.error, delivery.n))
            if answer.good:
                self._recovered(db, delivery.webhook, now)
            elif not once:
                self._failed(db, delivery.webhook, answer, now, now + (wait_s or 0.0))

    def _failed(self, db: sqlite3.Connection, webhook: str, answer: Answer, now: float, not_before: float) -> None:
        db.execute("UPDATE webhooks SET failing_since = coalesce(failing_since, ?), failures = failures + 1, "
                   "not_before = ? WHERE id = ?", (now, not_before, webhook))
        row = db.execute("SELECT failing_since FROM webhooks WHERE id = ?", (webhook,)).fetchone()
        if answer.status == retrying.GONE:
            self._disable(db, webhook, "The endpoint answered 410: it is gone for good.")
        elif row is not None and now - row[0] >= retrying.GIVE_UP_S:
            self._disable(db, webhook, "The endpoint has taken nothing for "
                          f"{retrying.GIVE_UP_S / 86_400:g} days; the last attempt: {answer.error}.")

    @staticmethod
    def _recovered(db: sqlite3.Connection, webhook: str, now: float) -> None:
        was = db.execute("SELECT failures FROM webhooks WHERE id = ?", (webhook,)).fetchone()
        if was is not None and was[0]:
            db.execute("UPDATE webhooks SET failing_since = NULL, failures = 0, not_before = 0 WHERE id = ?",
                       (webhook,))
            # It is back: what waits for hours because it was away need not.
            db.execute("UPDATE webhook_deliveries SET due_at = min(due_at, ?) WHERE webhook = ? AND state = 'pending'",
                       (now, webhook))

    @staticmethod
    def _disable(db: sqlite3.Connection, webhook: str, why: str) -> None:
        db.execute("UPDATE webhooks SET state = 'disabled', reason = ? WHERE id = ?", (why, webhook))

    def due_at(self, webhook: str, concurrency: int) -> float | None:
        """When the next one is to be sent; None: nothing waits."""
        db = self._control.read(ROOM, MIGRATIONS)
        row = db.execute(
            "SELECT due_at FROM webhook_deliveries WHERE webhook = ? AND state = 'pending' ORDER BY "
            f"{'n' if concurrency == 1 else 'due_at'} LIMIT 1", (webhook,)).fetchone()
        of = db.execute("SELECT failures, not_before FROM webhooks WHERE id = ? AND state = 'active'",
                        (webhook,)).fetchone()
        if row is None or of is None:
            return None
        at = max(row[0], of["not_before"]) if of["failures"] >= OPEN_AFTER else row[0]
        return 0.0 if at > self._clock() + ASTRAY_S else float(at)

    def pending(self, webhook: str) -> int:
        return int(self._control.read(ROOM, MIGRATIONS).execute(
            "SELECT count(*) FROM webhook_deliveries WHERE webhook = ? AND state = 'pending'",
            (webhook,)).fetchone()[0])

    # -- the log ----------------------------------------------------------------------------------

    def log(self, webhook: str, *, state: str = "", before: int | None = None, limit: int = 50) -> list[Delivery]:
        """Newest first."""
        rows = self._control.read(ROOM, MIGRATIONS).execute(
            "SELECT * FROM webhook_deliveries WHERE webhook = ? AND (? = '' OR state = ?) AND n < ? "
            "ORDER BY n DESC LIMIT ?", (webhook, state, state, 2**62 if before is None else before, limit)).fetchall()
        return [delivery_of(row) for row in rows]

    def get(self, webhook: str, n: int) -> tuple[Delivery, list[Attempt]]:
        """Raises UnknownName."""
        db = self._control.read(ROOM, MIGRATIONS)
        row = db.execute("SELECT * FROM webhook_deliveries WHERE webhook = ? AND n = ?", (webhook, n)).fetchone()
        if row is None:
            raise unknown_name("delivery", str(n), (), where=webhook)
        attempts = db.execute("SELECT * FROM webhook_attempts WHERE delivery = ? ORDER BY rowid", (n,)).fetchall()
        return delivery_of(row), [attempt_of(one) for one in attempts]

    def again(self, webhook: str, first: int, last: int, *, failed_only: bool = False) -> int:
        """These are sent once more, under the ids they had, before what waits; how many."""
        if first > last:
            raise UsageError(f"{first}-{last} is no range of deliveries.")
        with self._control.connection(ROOM, MIGRATIONS) as db:
            return int(db.execute(
                "UPDATE webhook_deliveries SET state = 'pending', attempts = 0, due_at = ?, done_at = NULL "
                "WHERE webhook = ? AND n BETWEEN ? AND ? AND state <> 'pending' AND (NOT ? OR state = 'failed')",
                (self._clock(), webhook, first, last, failed_only)).rowcount)

    def skip(self, webhook: str, n: int | None = None) -> Delivery:
        """One that waits is given up, the first where none is named, and what comes after it is sent at once. It stays
        in the log. Raises UnknownName, and UsageError where nothing waits."""
        with self._control.connection(ROOM, MIGRATIONS) as db:
            row = db.execute("SELECT * FROM webhook_deliveries WHERE webhook = ? AND state = 'pending' AND (? IS NULL "
                             "OR n = ?) ORDER BY n LIMIT 1", (webhook, n, n)).fetchone()
            if row is None:
                raise UsageError(f"The delivery {n} does not wait." if n is not None else "No delivery waits.",
                                 hint="`webhooks deliveries` lists what there is.")
            now = self._clock()
            db.execute("UPDATE webhook_deliveries SET state = 'failed', done_at = ?, error = ? WHERE n = ?",
                       (now, SKIPPED, row["n"]))
            db.execute("UPDATE webhooks SET not_before = 0 WHERE id = ?", (webhook,))
        return delivery_of(row)

    def put_test(self, webhook: str, message: str) -> int:
        """One that tells nothing but that it arrives; its number."""
        now = self._clock()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
        body = json.dumps({"type": "io.plutoduck.webhook.test", "timestamp": stamp, "data": {"webhook": webhook}})
        with self._control.connection(ROOM, MIGRATIONS) as db:
            return int(db.execute(
                "INSERT INTO webhook_deliveries (webhook, message, type, position, body, state, due_at, created_at, "
                "done_at) VALUES (?, ?, 'io.plutoduck.webhook.test', '', ?, 'failed', ?, ?, ?)",
                (webhook, message, body, now, now, now)).lastrowid or 0)

    def prune(self, keep_s: float) -> int:
        """What is over for longer than that; how many."""
        with self._control.connection(ROOM, MIGRATIONS) as db:
            old = self._clock() - keep_s
            db.execute("DELETE FROM webhook_attempts WHERE delivery IN "
                       "(SELECT n FROM webhook_deliveries WHERE done_at < ?)", (old,))
            return int(db.execute("DELETE FROM webhook_deliveries WHERE done_at < ?", (old,)).rowcount)
