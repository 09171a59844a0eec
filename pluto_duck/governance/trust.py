"""Which folders' files may send data out, load code or name hosts: pluto.toml, and others by their name."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pluto_duck.settings import wants_trust
from pluto_duck.workspace import Workspace, personal_root


def file() -> Path:
    """Where consent is kept: in the user's own folder, which no cloned one can bring along."""
    return personal_root() / "trust.json"


def _read() -> dict[str, str]:
    try:
        found = json.loads(file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _print(wanted: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(wanted, sort_keys=True, default=str).encode()).hexdigest()


def is_trusted(workspace: Workspace) -> bool:
    """True when the owner has seen exactly these settings of this folder: a later change asks again."""
    return trusts(workspace, "", wants_trust(workspace.toml))


def trust(workspace: Workspace) -> dict[str, Any]:
    """Remembers, in the user's own folder, the settings as they stand now; returns them."""
    wanted = wants_trust(workspace.toml)
    grant(workspace, "", wanted)
    return wanted


def trusts(workspace: Workspace, what: str, wanted: Mapping[str, Any]) -> bool:
    """As `is_trusted`, for what another file of the folder wants; `what` is its name, "" for pluto.toml."""
    return not wanted or _read().get(_key(workspace, what)) == _print(wanted)


def grant(workspace: Workspace, what: str, wanted: Mapping[str, Any]) -> None:
    """Remembers that the owner has seen what that file wants. It is on record before it counts."""
    _tell(workspace, f"{'policy.' if what == 'policy.yaml' else ''}trust", what or "pluto.toml",
          print=_print(wanted)[:16], names=sorted(wanted))
    known = _read()
    known[_key(workspace, what)] = _print(wanted)
    _save(known)


def _tell(workspace: Workspace, action: str, file: str, **detail: Any) -> None:
    from pluto_duck.governance.audit import owners, recorder

    recorder(workspace).keep(owners(action, f"file:{file}", **detail))


def _key(workspace: Workspace, what: str) -> str:
    return f"{what} of {workspace.root}" if what else str(workspace.root)


def forget(workspace: Workspace) -> None:
    _tell(workspace, "trust.forget", "*")
    known = _read()
    known.pop(str(workspace.root), None)
    _save({key: seen for key, seen in known.items() if not key.endswith(f" of {workspace.root}")})


def _save(known: dict[str, str]) -> None:
    path = file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f"trust.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(known, indent=1, sort_keys=True), encoding="utf-8")
    temporary.chmod(0o600)
    temporary.replace(path)
