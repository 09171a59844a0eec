"""Idempotency-Key: a request that is sent again is answered as the first one was, and runs once.

Source: draft-ietf-httpapi-idempotency-key-header-07. Only answers of writes that were made are kept: what failed may be
tried again under the same key. The write itself carries a token made from the key, so that one that committed while its
process died is not made again either.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pluto_duck.api.handler import HTTPProblem

if TYPE_CHECKING:
    from pluto_duck.workspace import ControlStore

KEPT_S = 24 * 3600
LOST_S = 60
"""After so long a request that has no answer is taken for lost, and may be sent again."""
_ROOM = "idempotency"
MIGRATIONS = (
    """CREATE TABLE idempotency (
        who TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL, at INTEGER NOT NULL, answer TEXT,
        PRIMARY KEY (who, key))""",
)


@dataclass(frozen=True)
class Kept:
    status: int
    headers: dict[str, str]
    body: str
    sees: str = ""
    """What the policy let its asker see and do when it was made; "" for the owner."""

    def for_one_who(self, sees: str) -> Kept:
        """As it may be told now: where the policy is another one, that it was done and no more."""
        return self if sees == self.sees else replace(self, headers={}, body="")


class Once:
    """Of one workspace."""

    def __init__(self, control: ControlStore) -> None:
        self._control = control

    def begin(self, who: str, key: str, digest: str) -> Kept | None:
        """The answer, if there is one; None: it is this request's to make. Raises HTTPProblem 409 and 422."""
        now = int(time.time())
        with self._control.connection(_ROOM, MIGRATIONS) as db:
            db.execute("DELETE FROM idempotency WHERE at < ?", (now - KEPT_S,))
            found = db.execute("SELECT digest, at, answer FROM idempotency WHERE who = ? AND key = ?",
                               (who, key)).fetchone()
            if found is not None and found["digest"] != digest:
                raise HTTPProblem(422, "This Idempotency-Key was sent with another request.",
                                  hint="A key belongs to one request alone; make another one.")
            if found is not None and found["answer"] is not None:
                return Kept(**json.loads(found["answer"]))
            if found is not None and found["at"] > now - LOST_S:
                raise HTTPProblem(409, "A request with this Idempotency-Key is under way.",
                                  hint="Try again in a moment.")
            db.execute("INSERT OR REPLACE INTO idempotency (who, key, digest, at) VALUES (?, ?, ?, ?)",
                       (who, key, digest, now))
        return None

    def keep(self, who: str, key: str, answer: Kept) -> None:
        with self._control.connection(_ROOM, MIGRATIONS) as db:
            db.execute("UPDATE idempotency SET answer = ? WHERE who = ? AND key = ?",
                       (json.dumps(vars(answer)), who, key))

    def forget(self, who: str, key: str) -> None:
        with self._control.connection(_ROOM, MIGRATIONS) as db:
            db.execute("DELETE FROM idempotency WHERE who = ? AND key = ? AND answer IS NULL", (who, key))

    def close(self) -> None:
        self._control.close()


def digest(*parts: Any) -> str:
    made = hashlib.sha256()
    for one in parts:
        data = one if isinstance(one, bytes) else json.dumps(one).encode()
        made.update(len(data).to_bytes(8, "big") + data)
    return made.hexdigest()


def checked(key: str) -> str:
    """Raises HTTPProblem for one that is no key."""
    text = key.strip()
    if text.startswith('"') and text.endswith('"') and len(text) > 1:
        text = text[1:-1]  # a Structured Field string, as the draft has it
    if not text or len(text) > 255 or not text.isascii() or not text.isprintable():
        raise HTTPProblem(400, "An Idempotency-Key is 1 to 255 plain characters.", hint="A random UUID.")
    return text
