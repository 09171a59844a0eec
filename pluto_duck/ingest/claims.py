"""One load of a table at a time, whichever processes want one: a lock file for each table.

The kernel lets go of the lock at the instant its holder dies, so a claim never outlives its load.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pluto_duck.errors import DatabaseBusy
from pluto_duck.workspace import TableRef, Workspace
from pluto_duck.workspace.locks import FileLock


class Claims:
    """What one load holds; let go by `release` or by the end of the process."""

    def __init__(self, workspace: Workspace, load_id: str) -> None:
        self._folder = workspace.folder / "loads"
        self._load_id = load_id
        self._held: dict[str, FileLock] = {}

    def take(self, ref: TableRef) -> None:
        """Raises DatabaseBusy, naming the load that has the table; one that is held already is held once."""
        if ref.key in self._held:
            return
        self._folder.mkdir(mode=0o700, exist_ok=True)
        path = _path(self._folder, ref.key)
        lock = FileLock.try_acquire(path)
        if lock is None:
            raise DatabaseBusy(f"{ref} is being loaded{_who(path)}.",
                               hint="Wait for it, or stop it; other tables can be loaded meanwhile.", table=ref.key)
        self._held[ref.key] = lock
        note = {"load_id": self._load_id, "pid": os.getpid(), "since": dt.datetime.now().strftime("%H:%M")}
        with suppress(OSError):  # it only helps to name us
            path.with_suffix(".json").write_text(json.dumps(note))

    def release(self) -> None:
        for lock in self._held.values():
            lock.close()
        self._held.clear()


@contextmanager
def claiming(workspace: Workspace, load_id: str) -> Iterator[Claims]:
    claims = Claims(workspace, load_id)
    try:
        yield claims
    finally:
        claims.release()


def holder(workspace: Workspace, key: str) -> str | None:
    """The id of the load that is filling a table now; None when none is."""
    path = _path(workspace.folder / "loads", key)
    if not path.exists():
        return None
    lock = FileLock.try_acquire(path)
    if lock is not None:
        lock.close()
        return None
    return str(_note(path).get("load_id", ""))


def _path(folder: Path, key: str) -> Path:
    return folder / (hashlib.sha256(key.encode()).hexdigest()[:24] + ".lock")


def _note(path: Path) -> dict[str, object]:
    try:
        return dict(json.loads(path.with_suffix(".json").read_text()))
    except (OSError, ValueError):
        return {}


def _who(path: Path) -> str:
    note = _note(path)
    if not note:
        return " by another process"
    return f" since {note.get('since')} by pid {note.get('pid')} (load {str(note.get('load_id'))[:8]})"
