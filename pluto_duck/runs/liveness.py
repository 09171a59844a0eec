"""Who is alive: each process that runs something holds a lock on a file of its own.

The lock is the only sign of life. A pid is used again by another process, and a file's age says
nothing about a stopped one; the kernel lets go of a lock at the instant its holder dies.
"""

from __future__ import annotations

import uuid
from pathlib import Path

from pluto_duck.runs.rowsfile import is_ours
from pluto_duck.workspace.locks import FileLock


class Presence:
    """This process's lock, held until `leave` or death."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock: FileLock | None = None
        while self._lock is None:
            self.owner = uuid.uuid4().hex
            lock = FileLock.try_acquire(lock_path(folder, self.owner))
            # Somebody who sweeps dead locks may have met the file between its making and its locking.
            if lock is not None and not lock_path(folder, self.owner).exists():
                lock.close()
                lock = None
            self._lock = lock

    def leave(self) -> None:
        if self._lock is not None:
            lock_path(self._folder, self.owner).unlink(missing_ok=True)
            self.forget()

    def forget(self) -> None:
        """In a forked child: closes the inherited descriptor, which would look alive after the parent's
        death. The parent keeps its lock."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def lock_path(folder: Path, owner: str) -> Path:
    return folder / f"{owner}.lock"


def is_alive(folder: Path, owner: str) -> bool:
    """True while the owner's process lives. Removes the lock file of a dead one."""
    if not is_ours(owner):
        return False
    path = lock_path(folder, owner)
    if not path.exists():
        return False
    lock = FileLock.try_acquire(path)
    if lock is None:
        return True
    path.unlink(missing_ok=True)
    lock.close()
    return False


def sweep_locks(folder: Path) -> None:
    """Removes the lock files that dead processes left."""
    for path in folder.glob("*.lock"):
        is_alive(folder, path.stem)
