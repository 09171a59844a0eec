"""A mark on what this user entered on this machine, for records in a folder that could have been cloned."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from functools import lru_cache

from pluto_duck.workspace import Workspace, personal_root


def _key() -> bytes:
    path = personal_root() / "seal.key"
    for _ in range(2):
        try:
            key = path.read_bytes()
            if len(key) == 32:
                return key
        except FileNotFoundError:
            pass
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_name(f"seal.{os.getpid()}.{os.urandom(4).hex()}.tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(32))
        try:
            os.link(temporary, path)  # whoever comes second takes the first one's
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            os.replace(temporary, path)
        temporary.unlink(missing_ok=True)
    return path.read_bytes()


def print_of_key() -> tuple[object, ...]:
    """Another one as soon as the key on which all seals stand is another."""
    path = _where(os.environ.get("PLUTODUCK_HOME", ""), os.environ.get("HOME", ""))
    try:
        found = os.stat(path)
    except OSError:
        return (path,)
    return path, found.st_mtime_ns, found.st_ino


@lru_cache(8)
def _where(_home: str, _users: str) -> str:
    """Each request of a key asks: a path costs more to put together than to look at."""
    return str(personal_root() / "seal.key")


def derived(purpose: str) -> bytes:
    """A key of this user on this machine for one purpose; it tells nothing of the others."""
    return hmac.new(_key(), f"pluto-duck {purpose}".encode(), hashlib.sha256).digest()


def seal(workspace: Workspace, *parts: object) -> str:
    """Of JSON values that stand in a workspace's records; it moves with neither the folder nor the user."""
    text = json.dumps([str(workspace.root), *parts], sort_keys=True)
    return hmac.new(_key(), text.encode(), hashlib.sha256).hexdigest()


def is_sealed(workspace: Workspace, mark: str, *parts: object) -> bool:
    return hmac.compare_digest(mark, seal(workspace, *parts))
