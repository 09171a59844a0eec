"""The tables of webhooks in the control store, and what a row of them means."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from pluto_duck.events.model import Position
from pluto_duck.events.webhooks.guard import parse
from pluto_duck.events.webhooks.model import Attempt, Delivery, Secret, Vault, Webhook, Wish
from pluto_duck.events.webhooks.rules import Filter, StateRule

ROOM = "webhooks"
MIGRATIONS = (
    """CREATE TABLE webhooks (
        id TEXT PRIMARY KEY, body TEXT NOT NULL, seal TEXT NOT NULL, state TEXT NOT NULL,
        reason TEXT NOT NULL DEFAULT '', seq INTEGER NOT NULL, n INTEGER NOT NULL, failing_since REAL,
        failures INTEGER NOT NULL DEFAULT 0, not_before REAL NOT NULL DEFAULT 0, trouble TEXT NOT NULL DEFAULT '')""",
    """CREATE TABLE webhook_deliveries (
        n INTEGER PRIMARY KEY AUTOINCREMENT, webhook TEXT NOT NULL, message TEXT NOT NULL, type TEXT NOT NULL,
        position TEXT NOT NULL, body TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
        due_at REAL NOT NULL, created_at REAL NOT NULL, done_at REAL, status INTEGER, error TEXT NOT NULL DEFAULT '',
        UNIQUE (webhook, message))""",
    "CREATE INDEX webhook_pending ON webhook_deliveries (webhook, n) WHERE state = 'pending'",
    "CREATE INDEX webhook_done ON webhook_deliveries (done_at) WHERE done_at IS NOT NULL",
    """CREATE TABLE webhook_attempts (
        delivery INTEGER NOT NULL, at REAL NOT NULL, status INTEGER, ms REAL NOT NULL, said TEXT NOT NULL,
        error TEXT NOT NULL)""",
    "CREATE INDEX webhook_attempts_of ON webhook_attempts (delivery)",
)


def written(wish: Wish, secrets: tuple[Secret, ...], created_at: float, url: str) -> str:
    """All that stands under the seal."""
    return json.dumps({
        "url": url, "tables": wish.filter.tables, "ops": wish.filter.ops,
        "when": [str(one) for one in wish.filter.when],
        "roles": wish.roles, "claims": dict(wish.claims), "concurrency": wish.concurrency, "created_at": created_at,
        "secrets": [[one.nonce, one.ends_at] for one in secrets]}, sort_keys=True)


def whole_url(wish: Wish) -> str:
    return f"{wish.url.scheme}://{wish.url.authority}{wish.url.target}"


def webhook_of(row: sqlite3.Row, vault: Vault, pending: int = 0) -> Webhook | None:
    """None for a record that can't even be read, which nobody here wrote."""
    try:
        body: dict[str, Any] = json.loads(row["body"])
        wish = Wish(parse(body["url"]), Filter(tuple(body["tables"]), tuple(body["ops"]), tuple(
            StateRule.parse(one) for one in body["when"])),
            None if body["roles"] is None else tuple(body["roles"]), body["claims"], int(body["concurrency"]))
        secrets = tuple(Secret(nonce, ends_at) for nonce, ends_at in body["secrets"])
    except Exception:  # whatever a stranger's record may hold
        return None
    return Webhook(row["id"], wish, secrets, body["created_at"], row["state"], row["reason"],
                   Position(row["seq"], row["n"]), row["failing_since"], row["failures"], row["not_before"],
                   row["trouble"], vault.is_sealed(row["seal"], "webhook", row["id"], row["body"]), pending)


def delivery_of(row: sqlite3.Row) -> Delivery:
    return Delivery(**{name: row[name] for name in Delivery.__dataclass_fields__})


def attempt_of(row: sqlite3.Row) -> Attempt:
    return Attempt(row["at"], row["status"], row["ms"], row["said"], row["error"])
