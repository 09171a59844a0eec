"""Who publishes: one process at a time for each sink.

The lease is a lock of the kernel on a file, not a time in a table: it is let go at the instant its holder dies, and no
clock that jumps can hand it to two. A token that grows with each take-over fences what the last holder still writes
into the control store; a target that can, fences by itself (Kafka's transactional id).
"""

from __future__ import annotations

import os
import re
import threading
import weakref
from hashlib import sha256
from pathlib import Path

from pluto_duck.workspace.locks import FileLock

POLL_S = 0.25
_held: weakref.WeakSet[Lease] = weakref.WeakSet()


class Lease:
    """Held until `close` or death."""

    def __init__(self, lock: FileLock) -> None:
        self._lock = lock
        _held.add(self)

    @classmethod
    def take(cls, folder: Path, name: str) -> Lease | None:
        """None where somebody has it, also within this process."""
        lock = FileLock.try_acquire(folder / f"{file_name(name)}.lock")
        return None if lock is None else cls(lock)

    @classmethod
    def wait(cls, folder: Path, name: str, stop: threading.Event) -> Lease | None:
        """None only when `stop` was set first."""
        while not stop.is_set():
            lease = cls.take(folder, name)
            if lease is not None:
                return lease
            stop.wait(POLL_S)
        return None

    def close(self) -> None:
        self._lock.close()
        _held.discard(self)


def is_held(folder: Path, name: str) -> bool:
    """Whether a living process publishes to this sink."""
    lease = Lease.take(folder, name)
    if lease is not None:
        lease.close()
    return lease is None


def file_name(name: str) -> str:
    """A sink's name as that of a file; names are compared without case, file systems differ."""
    folded = name.casefold()
    return folded if re.fullmatch(r"[a-z0-9_-]{1,60}", folded) else sha256(folded.encode()).hexdigest()[:24]


def _let_go() -> None:
    """A forked child inherits the descriptors, and would keep the lock after its parent's death."""
    for lease in list(_held):
        lease.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
