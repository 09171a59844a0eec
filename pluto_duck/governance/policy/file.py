"""The policy that is in force: read once, again when the file or the owner's consent changes.

It widens what others may do, so it counts only as its owner has allowed it on this machine (`pluto-duck trust`): the
policy of a cloned folder, and every change of one's own, grants nothing before that.
"""

from __future__ import annotations

import os
import threading
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import PlutoError
from pluto_duck.governance import trust
from pluto_duck.workspace import Workspace

if TYPE_CHECKING:
    from pluto_duck.governance.policy.model import Policy
    from pluto_duck.governance.policy.reading import Lines

FILE = "policy.yaml"


@dataclass(frozen=True)
class InForce:
    """Compared by identity: each change makes a new one."""

    policy: Policy | None = None
    """None: nobody but the owner may do anything."""
    why: str = ""
    """Why there is none, for the owner."""
    lines: Lines = field(default_factory=dict)
    number: int = 0
    """Grows with each change: nobody may go back to an older one."""
    print: int = 0
    """Of the file and of the owner's consent as they were read; the same in the next process."""

    def line_of(self, role: str, grant: int) -> int:
        """`grant` counts from 0."""
        return self.lines.get(("roles", role, "grants", str(grant)), 1)


NO_POLICY = InForce(why=f"There is no {FILE}: only the owner may do anything.")


class PolicyFile:
    """One for each open database."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.path = workspace.root / FILE
        self._seen: tuple[object, ...] = ()
        self._in_force = NO_POLICY
        self._number = 0
        self._lock = threading.Lock()

    def current(self) -> InForce:
        """Two looks at the file system when nothing has changed."""
        seen = (stamp(self.path), stamp(trust.file()))
        with self._lock:
            if seen != self._seen:
                self._number += 1
                found = self._read() if seen[0] is not None else NO_POLICY
                self._in_force = replace(found, number=self._number, print=zlib.crc32(repr(seen).encode()))
                self._seen = seen
            return self._in_force

    def _read(self) -> InForce:
        from pluto_duck.governance.policy.reading import read

        try:
            policy, data, lines = read(text_of(self.path))
        except (PlutoError, OSError) as error:
            return InForce(why=f"{FILE} can't be read, so it grants nothing: {error}")
        if not trust.trusts(self._workspace, FILE, wanted(data)):
            return InForce(why=f"{FILE} has not been allowed as it is now, so it grants nothing: pluto-duck trust")
        return InForce(policy, "", lines)


def text_of(path: Path) -> str:
    """Raises OSError, and PolicyError where it is no text."""
    from pluto_duck.governance.policy.reading import MAX_BYTES, PolicyError

    if path.exists() and not path.is_file():  # a pipe would be waited for without an end
        raise PolicyError(f"{path} is no plain file.")
    with open(path, "rb") as file:
        data = file.read(MAX_BYTES + 1)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PolicyError(f"{path} is not UTF-8 text.") from None


def wanted(data: dict[str, Any]) -> dict[str, Any]:
    """What of a policy's plain data its owner must have allowed: every role that is granted something."""
    roles = data.get("roles")
    return {name: role for name, role in roles.items() if role.get("grants")} if isinstance(roles, dict) else {}


def stamp(path: Path) -> tuple[int, ...] | None:
    """Another one whenever the file was written; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
