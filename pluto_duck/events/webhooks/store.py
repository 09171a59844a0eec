"""The webhooks of a workspace: made, changed, paused and ended by its owner, each act in the audit.

A signing secret is not kept: it is made anew, each time, from a key in the user's own folder and a number that stands
in the record. The record itself is sealed, so a folder that was cloned sends nothing anywhere.
"""

from __future__ import annotations

import secrets as random
import string
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from pluto_duck.errors import Refused, UsageError, unknown_name
from pluto_duck.events.model import Position
from pluto_duck.events.webhooks.model import MOST_CONCURRENT, Secret, State, Vault, Webhook, Wish
from pluto_duck.events.webhooks.records import MIGRATIONS, ROOM, webhook_of, whole_url, written
from pluto_duck.events.webhooks.signing import secret_text
from pluto_duck.workspace import ControlStore

MOST = 200
_DIGITS = string.digits + string.ascii_lowercase


class Webhooks:
    """Those of one workspace."""

    def __init__(self, control: ControlStore, vault: Vault, *, clock: Callable[[], float] = time.time) -> None:
        self._control, self._vault, self._clock = control, vault, clock

    def close(self) -> None:
        self._control.close()

    def create(self, wish: Wish, position: Position) -> tuple[Webhook, str]:
        """The webhook, which gets what comes after `position`, and its secret, which is told this once."""
        _check(wish)
        if len(self.all()) >= MOST:
            raise Refused(f"There are {MOST} webhooks already.", hint="pluto-duck webhooks delete ID")
        id, secret = "wh" + _random(10), Secret(_random(24))
        now = self._clock()
        body = written(wish, (secret,), now, whole_url(wish))
        self._vault.ready()
        with self._control.connection(ROOM, MIGRATIONS) as db:
            db.execute("INSERT INTO webhooks (id, body, seal, state, seq, n) VALUES (?, ?, ?, 'active', ?, ?)",
                       (id, body, self._vault.seal("webhook", id, body), position.seq, position.n))
            self._vault.tell(db, "webhook.create", f"webhook:{id}", **_told(wish))
        return self.find(id), secret_text(self._vault.key(id, secret.nonce))

    def all(self) -> list[Webhook]:
        """Oldest first."""
        db = self._control.read(ROOM, MIGRATIONS)
        pending = dict(tuple(row) for row in db.execute(
            "SELECT webhook, count(*) FROM webhook_deliveries WHERE state = 'pending' GROUP BY 1").fetchall())
        found = (webhook_of(row, self._vault, pending.get(row["id"], 0))
                 for row in db.execute("SELECT * FROM webhooks ORDER BY rowid").fetchall())
        return [one for one in found if one is not None]

    def find(self, id: str) -> Webhook:
        """Raises UnknownName."""
        known = self.all()
        found = next((one for one in known if one.id == id), None)
        if found is None:
            raise unknown_name("webhook", id, [one.id for one in known])
        return found

    def live(self, id: str) -> Webhook | None:
        """One that is to be sent to now."""
        row = self._control.read(ROOM, MIGRATIONS).execute("SELECT * FROM webhooks WHERE id = ?", (id,)).fetchone()
        found = webhook_of(row, self._vault) if row is not None else None
        return found if found is not None and found.live else None

    def change(self, id: str, wish: Wish) -> Webhook:
        """What is in its queue already stays as it was wished for; only where it goes to is the new address."""
        _check(wish)
        return self._write(self._own(id), wish, None, "webhook.update", **_told(wish))

    def rotate(self, id: str, *, overlap_s: float) -> tuple[Webhook, str]:
        """Another secret; for as long as `overlap_s` each delivery is signed with the old one, too."""
        found, now = self._own(id), self._clock()
        new = Secret(_random(24))
        # One that ends already keeps its end: rotating often must not keep a leaked one alive.
        old = tuple(replace(one, ends_at=min(one.ends_at or now + overlap_s, now + overlap_s)) for one in found.secrets)
        kept = tuple(one for one in old if one.ends_at is not None and one.ends_at > now)[:4]
        changed = self._write(found, found.wish, (new, *kept), "webhook.rotate", overlap_s=int(overlap_s))
        return changed, secret_text(self._vault.key(id, new.nonce))

    def keys(self, webhook: Webhook) -> list[bytes]:
        """What a delivery is signed with now, newest first."""
        now = self._clock()
        return [self._vault.key(webhook.id, one.nonce) for one in webhook.secrets
                if one.ends_at is None or one.ends_at > now]

    def pause(self, id: str) -> Webhook:
        """Changes wait in the Journal, as long as that keeps them."""
        return self._set(id, "paused", "webhook.pause")

    def resume(self, id: str) -> Webhook:
        """Also what was disabled; what waits is tried at once."""
        found = self._own(id)
        self._vault.ready()
        with self._control.connection(ROOM, MIGRATIONS) as db:
            db.execute("UPDATE webhooks SET state = 'active', reason = '', failing_since = NULL, failures = 0, "
                       "not_before = 0, trouble = '' WHERE id = ?", (found.id,))
            db.execute("UPDATE webhook_deliveries SET due_at = 0, attempts = 0 WHERE webhook = ? AND state = 'pending'",
                       (found.id,))
            self._vault.tell(db, "webhook.resume", f"webhook:{id}")
        return self.find(id)

    def delete(self, id: str) -> Webhook:
        """With its queue and its log."""
        found = self.find(id)
        self._vault.ready()
        with self._control.connection(ROOM, MIGRATIONS) as db:
            db.execute("DELETE FROM webhook_attempts WHERE delivery IN "
                       "(SELECT n FROM webhook_deliveries WHERE webhook = ?)", (id,))
            db.execute("DELETE FROM webhook_deliveries WHERE webhook = ?", (id,))
            db.execute("DELETE FROM webhooks WHERE id = ?", (id,))
            self._vault.tell(db, "webhook.delete", f"webhook:{id}", url=found.wish.url.shown)
        return found

    def _set(self, id: str, state: State, action: str) -> Webhook:
        self._own(id)
        self._vault.ready()
        with self._control.connection(ROOM, MIGRATIONS) as db:
            db.execute("UPDATE webhooks SET state = ? WHERE id = ?", (state, id))
            self._vault.tell(db, action, f"webhook:{id}")
        return self.find(id)

    def _own(self, id: str) -> Webhook:
        found = self.find(id)
        if not found.sealed:
            raise Refused(f"The webhook {id} was not made by you on this machine; it sends nothing.",
                          hint=f"Delete it (pluto-duck webhooks delete {id}) and make it anew.")
        return found

    def _write(self, old: Webhook, wish: Wish, secrets: Sequence[Secret] | None, action: str, **detail: Any) -> Webhook:
        body = written(wish, tuple(secrets or old.secrets), old.created_at, whole_url(wish))
        self._vault.ready()
        with self._control.connection(ROOM, MIGRATIONS) as db:
            db.execute("UPDATE webhooks SET body = ?, seal = ? WHERE id = ?",
                       (body, self._vault.seal("webhook", old.id, body), old.id))
            self._vault.tell(db, action, f"webhook:{old.id}", **detail)
        return self.find(old.id)


def slowest(control: ControlStore) -> Position | None:
    """Where the slowest active webhook stands: the Journal is still wanted from there on. One that is paused or
    disabled wants nothing kept; it is told what it missed."""
    row = control.read(ROOM, MIGRATIONS).execute(
        "SELECT seq, n FROM webhooks WHERE state = 'active' ORDER BY seq, n LIMIT 1").fetchone()
    return None if row is None else Position(row["seq"], row["n"])


def _told(wish: Wish) -> dict[str, Any]:
    return {"url": wish.url.shown, "tables": list(wish.filter.tables), "ops": list(wish.filter.ops),
            "when": [str(one) for one in wish.filter.when], "roles": list(wish.roles or ())}


def _check(wish: Wish) -> None:
    if not 1 <= wish.concurrency <= MOST_CONCURRENT:
        raise UsageError(f"Between 1 and {MOST_CONCURRENT} deliveries may be on their way at once.")


def _random(size: int) -> str:
    return "".join(random.choice(_DIGITS) for _ in range(size))
