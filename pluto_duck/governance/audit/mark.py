"""How far this machine has seen a workspace's chain, in the user's own folder: an end that was cut off is missed even
where nobody has exported a head."""

from __future__ import annotations

import hashlib
import json
import os
import time
from typing import TYPE_CHECKING

from pluto_duck.workspace import Workspace, personal_root

if TYPE_CHECKING:
    from pluto_duck.governance.audit.chain import Head

EVERY_S = 1.0
"""How often at most it moves: it need not keep up, it must not lead."""


class Mark:
    def __init__(self, workspace: Workspace) -> None:
        print_ = hashlib.sha256(str(workspace.root).encode()).hexdigest()[:24]
        self._path = personal_root() / "audit" / f"{print_}.json"
        self._moved_at = float("-inf")

    def read(self) -> Head | None:
        from pluto_duck.governance.audit.chain import Head

        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            return Head(str(found["chain"]), int(found["seq"]), bytes.fromhex(found["mac"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def move(self, chain: str, seq: int, mac: bytes) -> None:
        """Forward only, and only for a row that is committed; a mark that can't be written is done without."""
        now = time.monotonic()
        if now - self._moved_at < EVERY_S:
            return
        seen = self.read()
        if seen is None or (seen.chain == chain and seen.seq < seq):
            self._write(chain, seq, mac)
        self._moved_at = now

    def set(self, head: Head | None) -> None:
        if head is None:
            self._path.unlink(missing_ok=True)
        else:
            self._write(head.chain, head.seq, head.mac)

    def _write(self, chain: str, seq: int, mac: bytes) -> None:
        temporary = self._path.with_name(f"{self._path.name}.{os.getpid()}.{os.urandom(3).hex()}.tmp")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary.write_text(json.dumps({"chain": chain, "seq": seq, "mac": mac.hex()}), encoding="utf-8")
            temporary.chmod(0o600)
            temporary.replace(self._path)
        except OSError:
            temporary.unlink(missing_ok=True)
