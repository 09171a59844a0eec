"""One follower of a database at a time in a workspace: a lock file, let go by the kernel when its holder dies."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pluto_duck.errors import DatabaseBusy
from pluto_duck.workspace import Workspace
from pluto_duck.workspace.locks import FileLock


@contextmanager
def alone(workspace: Workspace, slot: str, shown: str) -> Iterator[None]:
    """Raises DatabaseBusy while another one follows."""
    folder = workspace.folder / "loads"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{slot}.lock"
    lock = FileLock.try_acquire(path)
    if lock is None:
        note = _note(workspace, slot)
        who = f" since {note['since']} by pid {note['pid']}" if note else ""
        raise DatabaseBusy(f"{shown} is being followed already{who}.",
                           hint="Stop that one first, or leave it at work: it brings everything.")
    try:
        with suppress(OSError):  # it only helps to name us
            path.with_suffix(".json").write_text(json.dumps(
                {"pid": os.getpid(), "since": dt.datetime.now().strftime("%H:%M")}))
        yield
    finally:
        lock.close()


def followed(workspace: Workspace, slot: str) -> str | None:
    """Who follows now: "pid 17 since 12:30"; None when nobody does."""
    path = workspace.folder / "loads" / f"{slot}.lock"
    if not path.exists():
        return None
    lock = FileLock.try_acquire(path)
    if lock is not None:
        lock.close()
        return None
    note = _note(workspace, slot)
    return f"pid {note['pid']} since {note['since']}" if note else "another process"


def _note(workspace: Workspace, slot: str) -> dict[str, object]:
    try:
        return dict(json.loads((workspace.folder / "loads" / f"{slot}.json").read_text()))
    except (OSError, ValueError):
        return {}
