"""host.json: a hint where the host listens. Never proof that it lives: the lock is."""

from __future__ import annotations

import json
import os
import secrets
import socket
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pluto_duck.errors import WorkspaceUnusable
from pluto_duck.workspace.folder import Workspace
from pluto_duck.workspace.protocol import Role
from pluto_duck.workspace.sweep import PREFIX, sweep

State = Literal["waiting", "open", "handover", "lent"]

LONGEST_SOCKET_PATH = 100
"""Bytes; the system's own limit is 107 on Linux and 103 on macOS."""


@dataclass(frozen=True)
class HostFile:
    state: State
    role: Role
    pid: int
    address: str
    """The socket's path, or `tcp:PORT`; "" while nobody listens."""
    epoch: str
    """Random, new for each opening of the database."""
    hostname: str
    label: str = ""
    note: str = ""
    """Why it is not open: who holds the file, who borrowed it."""

    def who(self) -> str:
        label = f", {self.label}" if self.label else ""
        return f"{self.role} (pid {self.pid}{label})"


def read(workspace: Workspace) -> HostFile | None:
    """None when it is missing, half-written or of another version."""
    try:
        return HostFile(**json.loads(workspace.host_file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write(workspace: Workspace, host: HostFile) -> None:
    temporary = workspace.folder / f"host.{os.getpid()}.tmp"
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(host), file)
        temporary.replace(workspace.host_file)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def clean(workspace: Workspace) -> None:
    """Removes what dead hosts left. Only the holder of the host lock may call it."""
    old = read(workspace)
    if old is not None:
        remove_socket(old.address)
    for leftover in (*workspace.folder.glob("host-*.sock"), *workspace.folder.glob("host.*.tmp")):
        leftover.unlink(missing_ok=True)
    workspace.host_file.unlink(missing_ok=True)


def remove_socket(address: str) -> None:
    """The socket of an address, and the temporary folder that was made for it."""
    path = Path(address)
    # The name was chosen by us; a hostile host.json must not make us delete anything else.
    if path.name.startswith("host-") and path.suffix == ".sock":
        path.unlink(missing_ok=True)
        if path.parent.name.startswith(PREFIX):
            try:
                path.parent.rmdir()
            except OSError:
                pass


def new_address(workspace: Workspace) -> str:
    """A fresh socket path; in a private temporary folder when the workspace's own path is too long."""
    if sys.platform == "win32":
        return "tcp:0"
    name = f"host-{secrets.token_hex(6)}.sock"
    path = workspace.folder / name
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return str(path)
    return temporary_address(name)


def temporary_address(name: str) -> str:
    """A socket path in a private temporary folder, in the first place where it is short enough."""
    for parent in (tempfile.gettempdir(), os.environ.get("XDG_RUNTIME_DIR"), "/tmp"):
        if parent and len(os.fsencode(parent)) + len(name) + 24 <= LONGEST_SOCKET_PATH and os.access(parent, os.W_OK):
            sweep(parent)
            return str(Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent)) / name)
    raise WorkspaceUnusable(f"There is no folder whose path is short enough for a socket: {tempfile.gettempdir()}.",
                            hint="Set TMPDIR to a folder with a shorter path.")


def key(workspace: Workspace) -> bytes:
    """The workspace's secret, made by whoever comes first; 0600."""
    path = workspace.key_file
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    except PermissionError as error:
        raise _foreign(path) from error
    write_key(workspace, secrets.token_hex(32).encode())
    return path.read_bytes()


def write_key(workspace: Workspace, secret: bytes) -> None:
    """Puts the key there unless another process was first."""
    path = workspace.key_file
    temporary = path.with_name(f"host.key.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
    try:
        os.link(temporary, path)  # atomic, and never over another's
    except FileExistsError:
        pass
    except OSError:  # no hard links here
        if not path.exists():
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _foreign(path: Path) -> WorkspaceUnusable:
    try:
        import pwd

        owner = pwd.getpwuid(path.stat().st_uid).pw_name
    except (ImportError, KeyError, OSError):
        owner = "another user"
    return WorkspaceUnusable(f"This workspace belongs to {owner}: its key {path} can't be read by you.",
                             hint="Make one of your own: pluto-duck init FOLDER")


def hostname() -> str:
    return socket.gethostname()
