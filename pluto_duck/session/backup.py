"""A backup: a folder with the database, the control store and the configuration, as they were at one moment.

It is made beside its place, verified by opening it, and renamed: what has a name is whole.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pluto_duck.errors import HostLost, PlutoError, Refused, UsageError, WorkspaceUnusable, unknown_name
from pluto_duck.version import __version__
from pluto_duck.workspace import ControlStore, Request, Workspace
from pluto_duck.workspace import manifest as manifests
from pluto_duck.workspace.backup import Contents, engine_version, inspect
from pluto_duck.workspace.database import STORAGE_VERSION
from pluto_duck.workspace.locks import FileLock
from pluto_duck.workspace.manifest import CONFIGURATION, CONTROL, DATABASE, Manifest, SavedTable

if TYPE_CHECKING:
    from pluto_duck.session import Session

ROOM = "backups"
MIGRATIONS = ("CREATE TABLE workspace_identity (id TEXT NOT NULL)",)
_PARTIAL = ".pluto-duck-partial-"
_LOCK = ".lock"


@dataclass(frozen=True)
class Backup:
    path: Path
    manifest: Manifest


def back_up(session: Session, target: Path | None = None, *, keep: int | None = None, note: str = "") -> Backup:
    """Makes a backup, while others write; what they have not committed is not in it.

    `target`: a folder that is not there yet, else a new one in the workspace's `.pluto-duck/backups`. `keep`:
    of those only that many are left, the newest. Raises WorkspaceUnusable when the disk is full; then, and when
    it is interrupted, nothing is left of it.
    """
    if keep is not None and (keep < 1 or target is not None):
        raise UsageError("--keep counts the backups in the workspace's own folder, and leaves one at least.")
    workspace = session.workspace
    place = place_for(workspace, target)
    identity = workspace_id(session.control)
    with partial(place.parent) as folder:
        contents = _copied(session, folder / DATABASE)
        _compare(contents, inspect(folder / DATABASE), folder / DATABASE)
        save_beside(workspace, folder)
        manifest = sealed(folder, identity, workspace, contents, note)
        backup = Backup(named(folder, place), manifest)
    if keep is not None:
        for old in backups(workspace)[keep:]:
            shutil.rmtree(old.path, ignore_errors=True)
    return backup


def backups(workspace: Workspace) -> list[Backup]:
    """Those in the workspace's own folder that can be read, newest first."""
    found = []
    folder = default_folder(workspace)
    for path in folder.iterdir() if folder.is_dir() else ():
        if not path.name.startswith("."):
            try:
                found.append(Backup(path, manifests.read(path)))
            except PlutoError:
                continue
    return sorted(found, key=lambda one: (one.manifest.made_at, one.path.name), reverse=True)


def find_backup(workspace: Workspace, name: str) -> Path:
    """The folder of a backup: a path, the name of one in the workspace's own folder, or `latest`."""
    there = {one.path.name: one.path for one in backups(workspace)}
    if name == "latest" and there:
        return next(iter(there.values()))
    if name in there:
        return there[name]
    path = Path(os.path.abspath(Path(name).expanduser()))
    if not os.path.lexists(path):
        raise unknown_name("backup", name, there)
    return path


def verify(folder: Path) -> Manifest:
    """Reads every byte of a backup, opens its database and counts. Raises WorkspaceUnusable."""
    found = manifests.check(folder)
    compare(found, inspect(folder / DATABASE), folder)
    return found


def compare(manifest: Manifest, contents: Contents, folder: Path) -> None:
    """Raises WorkspaceUnusable where a database does not hold what its manifest says."""
    said = {(one.schema, one.name): one.rows for one in manifest.tables}
    if said != contents.rows or manifest.seq != contents.seq:
        raise WorkspaceUnusable(f"{folder} is no backup that can be used: its tables are not those it names.",
                                hint="`pluto-duck backup --list` shows those there are.")


def default_folder(workspace: Workspace) -> Path:
    return workspace.folder / "backups"


def workspace_id(control: ControlStore) -> str:
    """Tells this workspace from every other, wherever its folder is moved to."""
    with control.connection(ROOM, MIGRATIONS) as db:
        row = db.execute("SELECT id FROM workspace_identity").fetchone()
        if row is None:
            row = (uuid.uuid4().hex,)
            db.execute("INSERT INTO workspace_identity VALUES (?)", row)
        return str(row[0])


# -- the parts, which a restore uses too ----------------------------------------------------------------


def place_for(workspace: Workspace, target: Path | None = None) -> Path:
    if target is None:
        folder = default_folder(workspace)
        if folder.is_symlink():
            raise WorkspaceUnusable(f"{folder} is a symbolic link.", hint="Remove it, or name another folder.")
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder / dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    target = Path(os.path.abspath(target.expanduser()))
    if os.path.lexists(target):
        raise Refused(f"{target} is there already.", hint="Name a folder that is not there yet.")
    if target.is_relative_to(workspace.folder) and target.parent != default_folder(workspace):
        raise Refused(f"{target} is inside the workspace's own folder.", hint="Leave the folder out, or name another.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{target.parent} can't be made: {error.strerror}.") from error
    return target


@contextmanager
def partial(parent: Path) -> Iterator[Path]:
    """A folder for a backup in the making; what a killed one left beside it is taken away."""
    try:
        tidy(parent)
        folder, mine = _locked(parent)
    except OSError as error:
        raise UsageError(f"No backup can be written into {parent}: {error.strerror}.") from error
    try:
        yield folder
    except OSError as error:
        raise WorkspaceUnusable(f"The backup could not be written: {error.strerror or error}.",
                                hint="Is the disk full? Name another folder.") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        Path(f"{folder}{_LOCK}").unlink(missing_ok=True)
        mine.close()


def tidy(parent: Path) -> None:
    """Removes what work that was killed left in a folder; work that goes on holds a lock."""
    for path in parent.glob(f"{_PARTIAL}*{_LOCK}"):
        lock = None if path.is_symlink() else FileLock.try_acquire(path)
        if lock is not None:
            shutil.rmtree(str(path).removesuffix(_LOCK), ignore_errors=True)
            path.unlink(missing_ok=True)
            lock.close()


def _locked(parent: Path) -> tuple[Path, FileLock]:
    while True:
        folder = parent / f"{_PARTIAL}{uuid.uuid4().hex}"
        lock = FileLock.try_acquire(Path(f"{folder}{_LOCK}"))
        if lock is not None:  # else somebody tidies up at this instant
            folder.mkdir(mode=0o700)
            return folder, lock


def _copied(session: Session, path: Path) -> Contents:
    """The database, copied by whoever has it open; once more when that process ends meanwhile."""
    for last in (False, True):
        try:
            header = session._link.call(Request("backup", {"path": str(path)})).header
            break
        except HostLost:
            if last:
                raise
            path.unlink(missing_ok=True)
            Path(f"{path}.wal").unlink(missing_ok=True)
        except PlutoError as error:
            if "No space left" in error.message:
                raise WorkspaceUnusable(f"There is no room for the backup in {path.parent.parent}.",
                                        hint="Free some space, or name another folder.") from error
            raise
    if not path.is_file():
        raise WorkspaceUnusable(f"The process that hosts this workspace does not see the folder {path.parent}.",
                                hint="It may run in a container: name a folder that both can see.")
    os.chmod(path, 0o600)
    return Contents({(schema, name): rows for schema, name, rows in header["rows"]}, header["versions"], header["seq"])


def _compare(written: Contents, found: Contents, path: Path) -> None:
    if (written.rows, written.versions, written.seq) != (found.rows, found.versions, found.seq):
        raise WorkspaceUnusable(f"{path} does not hold what was copied into it.",
                                hint="Try again; if it stays so, please report it.")


def save_beside(workspace: Workspace, folder: Path) -> None:
    """The control store and the configuration."""
    if workspace.control.is_file():
        copy_control(workspace.control, folder / CONTROL)
        os.chmod(folder / CONTROL, 0o600)
    for name in CONFIGURATION:
        source = workspace.root / name
        if source.is_file() and not source.is_symlink():
            manifests.copy_hashed(source, folder / name)


def copy_control(source: Path, target: Path) -> None:
    """One SQLite file into another, at one moment, while others write to it. What the target held is gone."""
    try:
        with closing(sqlite3.connect(source, timeout=30)) as reading, \
                closing(sqlite3.connect(target, timeout=30)) as writing:
            reading.backup(writing)
    except sqlite3.Error as error:
        raise WorkspaceUnusable(f"{source} could not be copied: {error}.",
                                hint="Is the disk full?") from error


def sealed(folder: Path, identity: str, workspace: Workspace, contents: Contents, note: str) -> Manifest:
    """Writes the manifest of a folder that is otherwise complete."""
    found = Manifest(
        backup_id=uuid.uuid4().hex, workspace_id=identity, workspace=str(workspace.root),
        made_at=dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"), pluto_duck=__version__,
        duckdb=engine_version(), storage=STORAGE_VERSION, seq=contents.seq,
        tables=tuple(SavedTable(schema, name, rows, contents.version(schema, name))
                     for (schema, name), rows in sorted(contents.rows.items())),
        files=tuple(manifests.hashed(path) for path in sorted(folder.iterdir())), note=note)
    manifests.write(folder, found)
    return found


def named(folder: Path, place: Path) -> Path:
    sync(folder)
    for number in range(1, 1000):
        wanted = place if number == 1 else place.with_name(f"{place.name}-{number}")
        try:
            # Over an empty folder a rename works; over a backup it does not.
            folder.rename(wanted)
            break
        except OSError:
            if not os.path.lexists(wanted):
                raise
    sync(wanted.parent)
    return wanted


def sync(folder: Path) -> None:
    """So that a rename survives a power cut."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return  # Windows opens no folder
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
