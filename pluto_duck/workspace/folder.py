"""A workspace on disk: finding it, creating it, and refusing folders whose locks can't be trusted."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from pluto_duck.errors import WorkspaceNotFound, WorkspaceUnusable

TOML = "pluto.toml"
FOLDER = ".pluto-duck"

_NEW_TOML = """\
# A pluto-duck workspace. `pluto-duck doctor` prints every setting and where its value came from.
[workspace]
"""

# Locks on these are emulated, missing, or reach one machine only.
_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "ceph", "glusterfs", "lustre", "gpfs",
            "ocfs2", "vboxsf", "fuse.sshfs", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse", "fuse.glusterfs",
            "afpfs", "webdav", "davfs", "prl_fs"}


@dataclass(frozen=True)
class Workspace:
    root: Path
    """Absolute and resolved: two spellings of one folder are one workspace."""

    @property
    def toml(self) -> Path:
        return self.root / TOML

    @property
    def policy(self) -> Path:
        """Who else may do what here; where there is one, a server is expected."""
        return self.root / "policy.yaml"

    @property
    def folder(self) -> Path:
        return self.root if self.root.name == FOLDER else self.root / FOLDER

    @property
    def database(self) -> Path:
        return self.folder / "workspace.duckdb"

    @property
    def control(self) -> Path:
        return self.folder / "control.sqlite"

    @property
    def host_lock(self) -> Path:
        return self.folder / "host.lock"

    @property
    def host_file(self) -> Path:
        return self.folder / "host.json"

    @property
    def key_file(self) -> Path:
        return self.folder / "host.key"

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    @property
    def snapshots(self) -> Path:
        return self.folder / "snapshots"

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    @property
    def name(self) -> str:
        return self.root.name if self.root.name != FOLDER else "personal"


def personal_root() -> Path:
    return Path(os.environ.get("PLUTODUCK_HOME") or Path.home() / FOLDER)


def find(start: Path | str | None = None, *, create_personal: bool = True) -> Workspace:
    """The workspace of a folder: the nearest one upward that has a pluto.toml, else the personal one.

    A path that is given and holds no workspace (nor a parent) raises WorkspaceNotFound.
    """
    here = Path(start) if start is not None else Path.cwd()
    here = here.expanduser().absolute()
    for folder in (here, *here.parents):
        if (folder / TOML).is_file():
            return create(folder)
    if here.is_file():
        raise WorkspaceNotFound(f"{here} is a file, and a workspace is a folder.",
                                hint=f"pluto-duck init {here.parent}")
    if start is not None:
        raise WorkspaceNotFound(f"There is no workspace in {here} nor above it.",
                                hint=f"pluto-duck init {here}")
    if not create_personal:
        raise WorkspaceNotFound(f"There is no workspace in {here} nor above it.", hint="pluto-duck init")
    return create(personal_root())


def create(root: Path | str) -> Workspace:
    """Makes what is missing and changes nothing that is there; safe for many processes at one instant."""
    root = Path(root).expanduser().absolute()
    try:
        root.mkdir(parents=True, exist_ok=True)
        workspace = Workspace(root.resolve())
        _refuse_links(workspace)
        workspace.folder.mkdir(mode=0o700, exist_ok=True)
        _refuse_foreign(workspace)
        if workspace.folder.stat().st_mode & 0o077 and workspace.folder.stat().st_uid == _uid():
            workspace.folder.chmod(0o700)
        _write_once(workspace.toml, _NEW_TOML, 0o644)
        _write_once(workspace.folder / ".gitignore", "*\n", 0o600)
        workspace.runs.mkdir(mode=0o700, exist_ok=True)
        if not os.access(workspace.folder, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied", str(workspace.folder))
    except (PermissionError, OSError) as error:
        raise _unusable(root, error) from error
    return workspace


def _refuse_links(workspace: Workspace) -> None:
    """Raises WorkspaceUnusable when one of our files is a symbolic link: a cloned folder could bring one,
    and then our tables, our tidying up and our chmod would meet somebody else's files."""
    if workspace.root == personal_root().expanduser().resolve():
        return  # nobody but the user put it there
    ours = (workspace.database, workspace.control, workspace.host_lock, workspace.host_file, workspace.key_file,
            workspace.runs, workspace.snapshots, workspace.cache, workspace.folder / "tmp",
            workspace.folder / ".gitignore")
    beside = [Path(f"{one}{end}") for one in ours[:2] for end in (".wal", "-wal", "-shm", "-journal")]
    for path in (workspace.folder, *ours, *beside):
        if path.is_symlink():
            raise WorkspaceUnusable(f"{path} is a symbolic link to {os.readlink(path)}; a workspace keeps its files "
                                    "in its own folder.",
                                    hint="Remove the link. To keep the data elsewhere, make the workspace there: "
                                         "pluto-duck init FOLDER")


def _refuse_foreign(workspace: Workspace) -> None:
    """Raises WorkspaceUnusable for a folder that another user made: what we write there would be theirs."""
    owner = workspace.folder.stat().st_uid
    if is_foreign(workspace.folder):
        raise WorkspaceUnusable(f"The workspace {workspace.root} belongs to {_user(owner)}, who could read and "
                                "change what you keep in it.",
                                hint="Make one of your own: pluto-duck init FOLDER")


def is_foreign(path: Path) -> bool:
    """True for what another user made, who could change it under us."""
    # Root may: in a container the user's own folders belong to somebody else.
    return _uid() > 0 and path.stat().st_uid != _uid()


def _user(uid: int) -> str:
    try:
        import pwd

        return pwd.getpwuid(uid).pw_name
    except (ImportError, KeyError):
        return f"another user ({uid})"


def _uid() -> int:
    return os.getuid() if hasattr(os, "getuid") else -1


def _unusable(root: Path, error: OSError) -> WorkspaceUnusable:
    if isinstance(error, NotADirectoryError | FileExistsError):
        return WorkspaceUnusable(f"{root} is not a folder.", hint="Name a folder: pluto-duck init FOLDER")
    return WorkspaceUnusable(
        f"The workspace {root} can't be written: {error.strerror or error}.",
        hint="A workspace writes a folder .pluto-duck beside your files: choose a folder of your own "
             "(pluto-duck init FOLDER) or give yourself write access.",
    )


def _write_once(path: Path, text: str, mode: int) -> None:
    if path.exists():
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def filesystem_type(path: Path, *, mounts: str | None = None) -> str:
    """The type of the file system that holds a path, in the kernel's words; "" where it can't be told.

    `mounts` is the text of /proc/self/mountinfo.
    """
    if mounts is None:
        if not sys.platform.startswith("linux"):
            return _mac_filesystem_type(path)
        try:
            mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
    best, kind = -1, ""
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        fields, after = left.split(), right.split()
        if len(fields) < 5 or not after:
            continue
        point = fields[4].encode().decode("unicode_escape")  # mountinfo writes a space as \040
        if (path.is_relative_to(point)) and len(point) >= best:
            best, kind = len(point), after[0]
    return kind


def _mac_filesystem_type(path: Path) -> str:
    import subprocess

    try:
        listing = subprocess.run(["/sbin/mount"], capture_output=True, text=True, timeout=5).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    best, kind = -1, ""
    for line in listing.splitlines():
        if " on " not in line or "(" not in line:
            continue
        point, _, options = line.split(" on ", 1)[1].rpartition(" (")
        if path.is_relative_to(point) and len(point) >= best:
            best, kind = len(point), options.split(",")[0].rstrip(")")
    return kind


def refuse_network(workspace: Workspace, *, mounts: str | None = None) -> None:
    """Raises WorkspaceUnusable for a network or VM-shared file system."""
    kind = filesystem_type(workspace.root, mounts=mounts)
    if kind in _NETWORK:
        raise WorkspaceUnusable(
            f"{workspace.root} is on a network file system ({kind}), where file locks can't be trusted: "
            "two machines could write the database at once and destroy it.",
            hint="Keep the workspace on a local disk (pluto-duck init ~/FOLDER). If only one machine ever "
                 "uses it: PLUTODUCK_WORKSPACE__ALLOW_NETWORK_FILESYSTEM=1",
        )
