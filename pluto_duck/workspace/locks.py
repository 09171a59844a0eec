"""The lock that decides who hosts: flock on a file of our own (msvcrt's on Windows).

DuckDB's lock decides against outsiders, this one among ourselves; neither alone is enough. The file
is created once and never unlinked: with unlink two processes would lock two inodes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


class FileLock:
    """Held by the open descriptor: a process that dies lets go, a pid or a file's age says nothing."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    def try_acquire(cls, path: Path) -> FileLock | None:
        """The lock, or None when another process (or another FileLock of this one) has it."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        return cls(descriptor)

    def fileno(self) -> int:
        if self._descriptor is None:
            raise ValueError("the lock has been let go")
        return self._descriptor

    def close(self) -> None:
        """Lets go by closing, never by LOCK_UN: that would unlock the copy that a fork or a hand-over made."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)
