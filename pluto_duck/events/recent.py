"""The newest changes, kept in memory as they were taken down: who follows is told them without a question to DuckDB."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pluto_duck.events.model import Position

if TYPE_CHECKING:
    from pluto_duck.events.journal import Who
    from pluto_duck.events.tracked import Tracked

MOST_OF_A_COMMIT = 500
"""Changes of a transaction that are kept; of a larger one none is."""
MOST, MOST_CHARACTERS = 2_000, 2_000_000
"""Changes, and the length of their values, that are kept in all."""

Texts = tuple[str | None, ...]
"""The values of a row, in the order of its columns, as DuckDB writes them."""


@dataclass(frozen=True)
class Said:
    """One change of a row."""

    n: int
    table: Tracked
    op: str
    before: Texts | None
    """As it is kept: of a row that is gone the key alone, where no more is kept."""
    after: Texts | None

    def size(self) -> int:
        return sum(len(one) for texts in (self.before, self.after) for one in texts or () if one is not None)


@dataclass(frozen=True)
class Commit:
    seq: int
    tx: int
    at_ms: int
    who: Who
    changes: tuple[Said, ...]


class Recent:
    """All changes after one commit, or none. Written under the commit lock, read by anybody."""

    def __init__(self, since: int) -> None:
        """`since`: the newest commit with changes; none of it is known here."""
        self._since = self._head = since
        self._commits: deque[tuple[Commit, int, int]] = deque()
        self._changes = self._characters = 0
        self._lock = threading.Lock()

    def add(self, commit: Commit) -> None:
        changes, characters = len(commit.changes), sum(one.size() for one in commit.changes)
        with self._lock:
            self._head = commit.seq
            self._commits.append((commit, changes, characters))
            self._changes, self._characters = self._changes + changes, self._characters + characters
            while self._changes > MOST or self._characters > MOST_CHARACTERS:
                self._drop()

    def _drop(self) -> None:
        commit, changes, characters = self._commits.popleft()
        self._changes, self._characters = self._changes - changes, self._characters - characters
        self._since = commit.seq

    def forget(self, seq: int, *, changes: bool = False) -> None:
        """Nothing up to that commit is told from here any more. `changes`: it is the newest one, and has some."""
        with self._lock:
            if changes:
                self._head = max(self._head, seq)
            while self._commits and self._commits[0][0].seq <= seq:
                self._drop()
            self._since = max(self._since, min(seq, self._head))

    def after(self, position: Position) -> tuple[list[Commit], int] | None:
        """The commits that end after that position, and the newest one with changes; None where they are not all
        here."""
        with self._lock:
            if not Position(self._since, Position.LAST) <= position or position.seq > self._head:
                return None
            found = []
            for commit, changes, _ in reversed(self._commits):
                if Position(commit.seq, changes) <= position:
                    break
                found.append(commit)
            return found[::-1], self._head


__all__ = ["Commit", "Recent", "Said", "Texts"]
