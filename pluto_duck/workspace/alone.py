"""The workspace's files for one process alone, when nobody has the database open."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from pluto_duck.workspace import hostfile
from pluto_duck.workspace.folder import Workspace
from pluto_duck.workspace.hostfile import HostFile
from pluto_duck.workspace.locks import FileLock


@contextmanager
def alone(workspace: Workspace, label: str) -> Iterator[bool]:
    """False where a process hosts the workspace: it must be asked (Session.lend). While the block lasts,
    everybody else waits, and is told for what."""
    lock = FileLock.try_acquire(workspace.host_lock)
    if lock is None:
        yield False
        return
    try:
        hostfile.clean(workspace)
        hostfile.write(workspace, HostFile("lent", "shell", os.getpid(), "", uuid.uuid4().hex,
                                           hostfile.hostname(), label, label))
        yield True
    finally:
        workspace.host_file.unlink(missing_ok=True)
        lock.close()
