"""One line of the audit: what is kept of a deed, and nothing personal of it.

No literal of a statement, no value of a row, no secret: SQL is kept as a keyed hash, so that nobody can find out by
trying what stood in it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

LONGEST = 200
"""Characters of a text that comes from outside: a name, a client's own words about itself."""
MOST_TABLES = 100

Decided = Literal["allow", "deny"]


@dataclass(frozen=True)
class Who:
    kind: str
    """person (the owner), key, token, agent, or nobody: who could not say who they are."""
    name: str = ""
    id: str = ""
    """Of the key, or the subject of a token; never a secret."""
    issuer: str = ""
    roles: tuple[str, ...] = ()


OWNER = Who("person", "local")


@dataclass(frozen=True)
class Entry:
    action: str
    """read, query, ask, insert, update, delete, ingest, approve, login, key.create, policy.trust, audit.read..."""
    who: Who = OWNER
    via: str = ""
    """rest, graphql, cell, shell, sidebar or agent."""
    on: tuple[str, ...] = ()
    """Keys of tables, or what else it was done to: `key:ID`, `approval:ID`."""
    decision: Decided = "allow"
    rule: str = ""
    """Which rule decided, as `policy explain` tells it."""
    status: str = ""
    """How it ended: an HTTP status, the state of a run, the code of an error."""
    run: str = ""
    sql: str = ""
    """A keyed hash."""
    summary: str = ""
    """The statement without its literals, where the setting audit.sql asks for it."""
    rows: int | None = None
    ms: float | None = None
    address: str = ""
    agent: str = ""
    """What the client calls itself, cut."""
    trace: str = ""
    """Of W3C's traceparent, else the id of the request."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """What this action has besides; plain JSON values."""
    at: int = field(default_factory=lambda: time.time_ns() // 1_000)
    """Microseconds since 1970, UTC."""

    def body(self) -> str:
        """As it is kept: JSON with sorted keys, without what is empty."""
        fields: dict[str, Any] = {
            "at": self.at, "who": {name: value for name, value in (
                ("kind", self.who.kind), ("name", plain(self.who.name)), ("id", plain(self.who.id)),
                ("issuer", plain(self.who.issuer)), ("roles", list(self.who.roles))) if value},
            "via": self.via, "action": self.action, "on": [plain(one) for one in self.on[:MOST_TABLES]],
            "decision": self.decision, "rule": self.rule[:1_000], "status": self.status, "run": self.run,
            "sql": self.sql, "summary": self.summary, "rows": self.rows,
            "ms": None if self.ms is None else round(self.ms, 2), "address": plain(self.address),
            "agent": plain(self.agent), "trace": plain(self.trace), "detail": dict(self.detail)}
        if len(self.on) > MOST_TABLES:
            fields["detail"]["more_tables"] = len(self.on) - MOST_TABLES
        return _encode({name: value for name, value in fields.items() if value not in ("", None, [], {})})


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str).encode


def entry_of(body: str) -> Entry:
    """Raises ValueError, KeyError or TypeError for a text that `body` did not write."""
    found = json.loads(body)
    who = found.pop("who", {})
    return Entry(who=Who(who.get("kind", ""), who.get("name", ""), who.get("id", ""), who.get("issuer", ""),
                         tuple(who.get("roles", ()))),
                 on=tuple(found.pop("on", ())), **found)


def plain(text: str) -> str:
    """A stranger's text for a line that people read: cut, and without control characters."""
    if len(text) <= LONGEST and text.isprintable():
        return text
    return "".join(one if one.isprintable() else "?" for one in text[:LONGEST])
