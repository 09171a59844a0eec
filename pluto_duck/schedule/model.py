"""A schedule and its firings, as they are written down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Missed = Literal["skip", "once", "all"]
State = Literal["queued", "running", "succeeded", "failed", "timed_out", "cancelled", "skipped"]
STATES: tuple[State, ...] = ("queued", "running", "succeeded", "failed", "timed_out", "cancelled", "skipped")

MOST_CAUGHT_UP = 100
"""Missed times that are run one after the other, at most; the newest ones."""


@dataclass(frozen=True)
class Wish:
    """What somebody wants to run when. All of it stands under the seal."""

    cron: str
    zone: str
    args: tuple[str, ...]
    """A verb and its arguments; never a line for a shell."""
    folder: str
    """Where relative paths of the arguments begin."""
    missed: Missed = "once"
    """Of times that nobody was there for, or that came while the one before still ran: none is run, one, or each."""
    most: int = 24
    """With `all`: so many of them, the newest."""
    retries: int = 0
    backoff_s: float = 30.0
    """Before the first retry; twice as long before each other one."""
    timeout_s: float = 86_400.0
    """Of each attempt."""
    only_if: tuple[str, ...] = ()
    """A verb and its arguments that must succeed first: checks of what is to be built on."""
    pause_on_failure: bool = False
    """Once a run has failed for good it runs no more, until somebody has looked."""
    alert: str = ""
    """The id of a webhook that is told when a run has failed for good."""


@dataclass(frozen=True)
class Schedule:
    id: str
    name: str
    wish: Wish
    created_at: float
    paused: bool
    ours: bool
    """Made by this user on this machine. Nothing else is ever run: a folder may bring records along."""
    next_at: int | None
    """None: it is not ours, or comes no more."""
    last: Firing | None = None
    """The newest one that was not skipped."""


@dataclass(frozen=True)
class Firing:
    id: int
    schedule: str
    due_at: int
    kind: Literal["due", "missed", "manual"]
    state: State
    attempt: int
    """Begun so far."""
    ready_at: float
    """With `queued`: not before then."""
    begun_at: float | None
    ended_at: float | None
    run_id: str
    """Of its last attempt."""
    holder: str
    code: str
    error: str
    hint: str
    times: int = 1
    """With `skipped`: how many due times this is, the last of them `due_at`."""

    @property
    def done(self) -> bool:
        return self.state not in ("queued", "running")


__all__ = ["MOST_CAUGHT_UP", "STATES", "Firing", "Missed", "Schedule", "State", "Wish"]
