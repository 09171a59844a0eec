"""The words of webhooks: an endpoint, what is to be sent to it, and what became of that."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from pluto_duck.events.model import Position
from pluto_duck.events.webhooks.guard import Url
from pluto_duck.events.webhooks.rules import Filter

State = Literal["active", "paused", "disabled"]
MOST_CONCURRENT = 16


@dataclass(frozen=True)
class Secret:
    """What a signing key is made from; by itself it tells nothing."""

    nonce: str
    ends_at: float | None = None
    """When the overlap of its rotation is over; None: not before the next one."""


@dataclass(frozen=True)
class Wish:
    """What somebody asked for, all of it under the seal of whoever did."""

    url: Url
    filter: Filter
    roles: tuple[str, ...] | None = None
    """Whose view of the changes is sent; None: the owner's."""
    claims: Mapping[str, Any] = field(default_factory=dict)
    concurrency: int = 1
    """Deliveries on their way at once; 1 keeps their order."""


@dataclass(frozen=True)
class Webhook:
    """Times are seconds since 1970."""

    id: str
    wish: Wish
    secrets: tuple[Secret, ...]
    """Newest first."""
    created_at: float
    state: State
    reason: str
    """Why it is disabled."""
    position: Position
    """Changes up to here are in its queue, or not for it."""
    failing_since: float | None
    failures: int
    """In a row."""
    not_before: float
    """While it fails, nothing is tried before."""
    trouble: str
    """What keeps changes from getting into its queue; "" where nothing does."""
    sealed: bool
    """False: this record was not made by this user on this machine; nothing is ever sent for it."""
    pending: int = 0

    @property
    def live(self) -> bool:
        return self.sealed and self.state == "active"


@dataclass(frozen=True)
class Delivery:
    """One change for one endpoint."""

    n: int
    webhook: str
    message: str
    """The header webhook-id: the same for each attempt, and for each time that it is sent again."""
    type: str
    position: str
    body: str
    state: Literal["pending", "delivered", "failed"]
    attempts: int
    due_at: float
    created_at: float
    done_at: float | None
    status: int | None
    """Of its last attempt."""
    error: str


@dataclass(frozen=True)
class Attempt:
    at: float
    status: int | None
    ms: float
    said: str
    error: str


class Vault(Protocol):
    """What webhooks need of the rooms that look after secrets and the audit."""

    def seal(self, *parts: object) -> str: ...

    def is_sealed(self, mark: str, *parts: object) -> bool: ...

    def key(self, *parts: str) -> bytes:
        """32 bytes, the same each time, which only this user on this machine can make."""
        ...

    def ready(self) -> None:
        """Called before a transaction that tells something."""
        ...

    def tell(self, db: sqlite3.Connection, action: str, on: str, **detail: Any) -> None:
        """Records an act of the owner, in the transaction that is it."""
        ...
