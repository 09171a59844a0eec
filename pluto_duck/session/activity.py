"""What runs in a workspace at this moment, whoever runs it, and stopping one of these statements."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pluto_duck.session.handler import HostSession

LONGEST = 2_000
"""Characters of a statement that are told."""


@dataclass(frozen=True)
class Activity:
    """One statement that runs, as `Session.activity` found it."""

    id: str
    """Of this call alone: the next statement of the same session has another."""
    label: str
    """Who runs it, for people: `notebook delays.ipynb`, `sidebar`."""
    role: str
    pid: int
    sql: str
    """Without passwords, cut after 2,000 characters."""
    elapsed_s: float
    progress: float
    """Percent; -1 when not known."""


def activity(sessions: Iterable[HostSession]) -> list[dict[str, Any]]:
    """Those at work, the oldest statement first."""
    found = [one for session in sessions if (one := session.at_work()) is not None]
    return sorted(found, key=lambda one: -float(one["elapsed_s"]))


def stop(sessions: Iterable[HostSession], id: str) -> bool:
    """Interrupts that call; False when it has ended meanwhile. Whoever runs it reads `cancelled`."""
    for session in sessions:
        one = session.at_work()
        if one is not None and one["id"] == id:
            session.interrupt("cancel")
            return True
    return False


__all__ = ["Activity", "activity", "stop"]
