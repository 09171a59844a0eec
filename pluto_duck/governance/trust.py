"""Which folders' pluto.toml may send data out, load code or name hosts."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from pluto_duck.settings import wants_trust
from pluto_duck.workspace import Workspace, personal_root


def _file() -> Path:
    return personal_root() / "trust.json"


def _read() -> dict[str, str]:
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _print(wanted: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(wanted, sort_keys=True, default=str).encode()).hexdigest()


def is_trusted(workspace: Workspace) -> bool:
    """True when the owner has seen exactly these settings of this folder: a later change asks again."""
    wanted = wants_trust(workspace.toml)
    return not wanted or _read().get(str(workspace.root)) == _print(wanted)


def trust(workspace: Workspace) -> dict[str, Any]:
    """Remembers, in the user's own folder, the settings as they stand now; returns them."""
    wanted = wants_trust(workspace.toml)
    known = _read()
    known[str(workspace.root)] = _print(wanted)
    _save(known)
    return wanted


def forget(workspace: Workspace) -> None:
    known = _read()
    known.pop(str(workspace.root), None)
    _save(known)


def _save(known: dict[str, str]) -> None:
    path = _file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f"trust.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(known, indent=1, sort_keys=True), encoding="utf-8")
    temporary.chmod(0o600)
    temporary.replace(path)
