"""Access tokens that count no longer, though their issuer still vouches for them: by their id, or by whose they are.

Kept in the control store of the workspace. A list that came with a folder can only take away.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from pluto_duck.errors import UsageError
from pluto_duck.governance.audit import Chain, owners
from pluto_duck.governance.tokens.verifying import Verified
from pluto_duck.workspace import ControlStore, Workspace

MIGRATIONS = (
    """CREATE TABLE revoked_tokens (
        kind TEXT NOT NULL CHECK (kind IN ('id', 'subject')), value TEXT NOT NULL, issuer TEXT NOT NULL,
        at INTEGER NOT NULL, PRIMARY KEY (kind, value, issuer))""",
)
_ROOM = "revoked_tokens"
MAX_TEXT = 1_000


@dataclass(frozen=True)
class Revoked:
    kind: str
    """"id": the one token of that jti; "subject": all of that sub that were issued up to `at`."""
    value: str
    issuer: str
    """"" for any."""
    at: int
    """Seconds since 1970."""


class Revocations:
    """Of one workspace."""

    def __init__(self, control: ControlStore, workspace: Workspace) -> None:
        self._control, self._chain = control, Chain(workspace, control)

    def close(self) -> None:
        self._control.close()

    def revoke(self, *, id: str = "", subject: str = "", issuer: str = "") -> Revoked:
        """From the next request on. Later tokens of a subject are good: who may have none is its issuer's to say."""
        kind, value = ("id", id) if id else ("subject", subject)
        if bool(id) == bool(subject) or not value.isprintable() or len(value) > MAX_TEXT or len(issuer) > MAX_TEXT:
            raise UsageError("Which? Give either the id of a token (its jti) or a subject (its sub).",
                             hint="pluto-duck tokens revoke alice; pluto-duck tokens revoke --id 7f3a")
        made = Revoked(kind, value, issuer, int(time.time()))
        self._chain.reading()  # its tables are there before the transaction
        with self._control.connection(_ROOM, MIGRATIONS) as db:
            db.execute("INSERT OR REPLACE INTO revoked_tokens VALUES (?, ?, ?, ?)", (kind, value, issuer, made.at))
            self._chain.append_in(db, [owners("token.revoke", f"token:{value}", by=kind, issuer=issuer)])
        return made

    def list(self) -> list[Revoked]:
        """Newest first."""
        rows = self._control.read(_ROOM, MIGRATIONS).execute(
            "SELECT kind, value, issuer, at FROM revoked_tokens ORDER BY at DESC, rowid DESC")
        return [Revoked(*row) for row in rows.fetchall()]

    def hold(self, token: Verified) -> bool:
        """Whether it counts no longer. What was issued in the very second of its revocation does not, either."""
        id = token.claims.get("jti")
        return self._control.read(_ROOM, MIGRATIONS).execute(
            "SELECT 1 FROM revoked_tokens WHERE issuer IN ('', ?) AND ((kind = 'id' AND value = ?) OR "
            "(kind = 'subject' AND value = ? AND at >= ?)) LIMIT 1",
            (token.issuer, id if isinstance(id, str) else None, token.subject,
             int(token.claims["iat"]))).fetchone() is not None
