"""How the database's file stood after our last commit, so that writes made while no host ran are noticed.

A small file beside it, written after each commit while tables are tracked. Whoever opens the file otherwise (another
program, a backup put in its place) leaves another count of checkpoints, another log or another newest commit.
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from pathlib import Path

_RECORD = struct.Struct("<8sqq16s?7x")
_MAGIC = b"pluto-1\0"
Mark = tuple[int, bytes]
"""Of `Database.mark`."""


class Seal:
    def __init__(self, folder: Path) -> None:
        self._path = folder / "changes.seal"
        self._file: int | None = None

    def holds(self, seq: int, mark: Mark) -> bool:
        """Whether a file that stands so now, with this newest commit, was written by nobody else."""
        try:
            magic, at, wal, counts, moving = _RECORD.unpack(self._path.read_bytes())
        except (OSError, struct.error):
            return False
        if magic != _MAGIC:
            return False
        same_file = counts == _padded(mark[1])
        if at == seq and same_file and wal == mark[0]:
            return True
        if at == seq and moving:
            return True  # the host was killed while it wrote its own log into the file
        # The host was killed between a COMMIT and this record of it.
        return bool(at + 1 == seq and (moving or (same_file and mark[0] > wal)))

    def write(self, seq: int, mark: Mark, *, moving: bool = False) -> None:
        """`moving`: the log is about to be written into the file."""
        try:
            if self._file is None:
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
                                     | getattr(os, "O_BINARY", 0), 0o600)
            os.lseek(self._file, 0, os.SEEK_SET)
            os.write(self._file, _RECORD.pack(_MAGIC, seq, mark[0], _padded(mark[1]), moving))
        except OSError:
            # A full disk: the record of before stays, and the next host says `resync`.
            with suppress(OSError):
                self.close()

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _padded(counts: bytes) -> bytes:
    return counts.ljust(16, b"\0")[:16]
