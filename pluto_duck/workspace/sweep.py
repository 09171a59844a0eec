"""What hosts leave behind when they are killed, and nobody else would ever remove: folders of sockets, rows on disk."""

from __future__ import annotations

import errno
import os
import random
import socket
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path

PREFIX = "pluto-duck-"
MOST = 200
"""Folders that are looked at each time; drawn by chance, so that living ones keep no dead one from its turn."""
YOUNG_S = 60.0
"""A socket that was just made may not listen yet."""


def sweep(parent: str) -> int:
    """Removes this user's dead ones, and says how many: a folder that holds one of our sockets and nothing else,
    to which nobody answers. Raises nothing."""
    if sys.platform == "win32":  # no such sockets there
        return 0
    try:
        with os.scandir(parent) as entries:
            found = [one.path for one in entries if one.name.startswith(PREFIX)]
    except OSError:
        return 0
    return sum(_remove(Path(path)) for path in random.sample(found, min(MOST, len(found))))


def sweep_spilled(folder: Path) -> None:
    """Removes what a killed host's DuckDB had put aside on disk, gigabytes perhaps; for the host that has the
    database open now, and before it puts anything there itself. Raises nothing."""
    with suppress(OSError), os.scandir(folder) as entries:
        for one in entries:
            if one.name.startswith("duckdb_temp_") and one.is_file(follow_symlinks=False):
                with suppress(OSError):
                    os.unlink(one.path)


def _remove(folder: Path) -> bool:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:  # a link, a file, another user's
        return False
    with suppress(OSError):
        try:
            about = os.fstat(descriptor)
            names = os.listdir(descriptor) if about.st_uid == os.getuid() and about.st_mode & 0o077 == 0 else []
            if len(names) != 1 or not (names[0].startswith("host-") and names[0].endswith(".sock")):
                return False
            made = os.stat(names[0], dir_fd=descriptor, follow_symlinks=False)
            if not stat.S_ISSOCK(made.st_mode) or made.st_uid != os.getuid() or time.time() - made.st_mtime < YOUNG_S \
                    or not _dead(folder / names[0]):
                return False
            os.unlink(names[0], dir_fd=descriptor)
            folder.rmdir()
            return True
        finally:
            os.close(descriptor)
    return False


def _dead(path: Path) -> bool:
    """Only a refusal is proof: a host that is stopped or busy does not refuse."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        return probe.connect_ex(str(path)) == errno.ECONNREFUSED
