"""A backup back into its workspace, or into a new folder.

The new database is made ready beside the old one and takes its place by one rename, at a moment when
nobody has it open. Whoever is killed on the way leaves the old database or the new one.
"""

from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pluto_duck.errors import DatabaseBusy, PlutoError, Refused, WorkspaceUnusable
from pluto_duck.session import Session
from pluto_duck.session.backup import (
    MIGRATIONS,
    ROOM,
    compare,
    copy_control,
    default_folder,
    named,
    partial,
    place_for,
    save_beside,
    sealed,
    sync,
    workspace_id,
)
from pluto_duck.workspace import ControlStore, TableRef, Workspace, create
from pluto_duck.workspace import manifest as manifests
from pluto_duck.workspace.alone import alone
from pluto_duck.workspace.backup import Contents, inspect, move_on, settle
from pluto_duck.workspace.manifest import CONFIGURATION, CONTROL, DATABASE, Manifest

LABEL = "pluto-duck restore"


@dataclass(frozen=True)
class Restored:
    workspace: Workspace
    manifest: Manifest
    before: Path | None
    """Where what was there until now is kept; None for a new folder."""


def restore_into(backup: Path, folder: Path) -> Restored:
    """A workspace in a new folder, as the backup has it: data, history, keys and configuration."""
    folder = Path(os.path.abspath(folder.expanduser()))
    if os.path.lexists(folder) and (not folder.is_dir() or folder.is_symlink() or any(folder.iterdir())):
        raise Refused(f"{folder} is there already.", hint=f"Name a new folder, or restore in place: "
                                                          f"pluto-duck -w {folder} restore BACKUP")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with partial(folder.parent) as made:
        workspace = create(made)
        manifest = manifests.read(backup)
        _stage(manifest, backup, workspace.folder, (DATABASE, CONTROL))
        workspace.toml.unlink()
        _stage(manifest, backup, made, CONFIGURATION)
        create(made)  # a backup may have no pluto.toml
        _new_identity(workspace)
        made.chmod(0o755 & ~_umask())
        sync(workspace.folder)
        sync(made)
        made.rename(folder)
        sync(folder.parent)
    return Restored(create(folder), manifest, None)


def restore(workspace: Workspace, backup: Path, *, open_session: Callable[[], Session],
            discard_newer: bool = False, control: bool = False) -> Restored:
    """Puts a backup in the place of what the workspace holds now, of which a backup is made first.

    Raises Refused where data would be lost that is newer than the backup, unless `discard_newer`. `control`: the
    history, keys and schedules go back to then as well; else they go on. Configuration files are brought
    back only where they are missing. Raises DatabaseBusy, naming who is busy, when there is no moment without work.
    """
    default_folder(workspace).mkdir(mode=0o700, exist_ok=True)
    with partial(default_folder(workspace)) as staging:
        manifest = manifests.read(backup)
        _stage(manifest, backup, staging, (DATABASE, CONTROL, *CONFIGURATION))
        with _alone(workspace, open_session):
            contents = _present(workspace, discard_newer)
            if not discard_newer:
                _refuse_loss(workspace, manifest, contents)
            before = _kept(workspace, contents, manifest)
            # Of a damaged file nobody knows how far it was: far beyond is safe.
            move_on(staging / DATABASE, max(contents.seq, manifest.seq) + 1 if contents else manifest.seq + 1_000_000,
                    manifest.backup_id)
            _swap(workspace, staging)
            if control or not _control_is_sound(workspace):
                _take_back_control(workspace, staging)
            for name in CONFIGURATION:
                if (staging / name).is_file() and not os.path.lexists(workspace.root / name):
                    manifests.copy_hashed(staging / name, workspace.root / name)
    return Restored(workspace, manifest, before)


def _stage(manifest: Manifest, backup: Path, into: Path, names: tuple[str, ...]) -> None:
    """Copies files of the backup, and no more than what its hashes vouch for; the database is opened and counted."""
    for one in manifest.files:
        if one.name in names:
            _exactly(manifests.copy_hashed(backup / one.name, into / one.name), one, backup)
    if DATABASE in names:
        compare(manifest, inspect(into / DATABASE), backup)


def _exactly(copied: manifests.SavedFile, said: manifests.SavedFile, backup: Path) -> None:
    if copied != said:
        raise WorkspaceUnusable(f"{backup} is no backup that can be used: {said.name} is not what was written: it was "
                                "cut short or changed.", hint="`pluto-duck backup --list` shows those there are.")


@contextmanager
def _alone(workspace: Workspace, open_session: Callable[[], Session]) -> Iterator[None]:
    with alone(workspace, LABEL) as granted:
        if granted:
            yield
            return
    with open_session().lend(LABEL):
        yield


def _present(workspace: Workspace, discard: bool) -> Contents | None:
    """What the workspace holds now, its log merged; None when there is nothing, or nothing that opens."""
    if not workspace.database.exists():
        return None
    try:
        return settle(workspace.database)
    except DatabaseBusy:
        raise
    except PlutoError as error:
        if discard:
            return None
        raise Refused(f"What {workspace.database} holds can't be looked at: {error.message}",
                      hint="If the backup is what you want, say so: --discard-newer. The file is kept.") from error


def _refuse_loss(workspace: Workspace, manifest: Manifest, contents: Contents | None) -> None:
    if contents is None:
        return
    here = {table: rows for table, rows in contents.rows.items() if table[0] != "_pluto"}
    if here and _identity(workspace) != manifest.workspace_id:
        raise Refused(f"The backup is one of another workspace ({manifest.workspace}), and this one is not empty: "
                      f"{', '.join(str(TableRef(name, schema)) for schema, name in list(here)[:5])}.",
                      hint="Restore it into a folder of its own: --into FOLDER. To put it here all the same: "
                           "--discard-newer")
    newer = _newer(manifest, contents)
    if newer:
        raise Refused(f"Since that backup of {manifest.made_at} this has changed: {', '.join(newer)}. "
                      "Going back would lose it.",
                      hint="To go back all the same: --discard-newer (a backup of the present state is made first). "
                           "To look at the backup beside it: --into FOLDER", changed=newer)


def _newer(manifest: Manifest, contents: Contents) -> list[str]:
    """What was committed after the backup, or after it was last restored here, in words."""
    since = manifest.seq
    if contents.restored[0] == manifest.backup_id:
        since = max(since, contents.restored[1])
    if contents.versions.get("*", 0) > since:
        if contents.versions["*"] == contents.restored[1]:
            return ["all of it, since another backup was restored"]
        return ["anything, by a program that does not say what it writes"]
    changed = {key for key, at in contents.versions.items() if at > since}
    names = {TableRef(name, schema).key: str(TableRef(name, schema)) for schema, name in contents.rows}
    found = [names.get(key, f"{key} (dropped, or a view)") for key in sorted(changed) if not key.startswith("#")]
    return found or (["views, macros or other definitions"] if changed else [])


def _kept(workspace: Workspace, contents: Contents | None, manifest: Manifest) -> Path | None:
    """A backup of what is there, byte for byte: nobody has it open."""
    if not workspace.database.exists():
        return None
    with partial(default_folder(workspace)) as folder:
        manifests.copy_hashed(workspace.database, folder / DATABASE)
        place = place_for(workspace)
        if contents is None:
            log = Path(f"{workspace.database}.wal")
            if log.exists():
                manifests.copy_hashed(log, folder / log.name)
            return named(folder, place.with_name(f"{place.name}-damaged"))
        save_beside(workspace, folder)
        sealed(folder, _identity(workspace) or manifest.workspace_id, workspace, contents,
               f"made before the restore of {manifest.made_at}")
        return named(folder, place)


def _swap(workspace: Workspace, staging: Path) -> None:
    # DuckDB would replay a log that is left of a damaged file; `_kept` has a copy. A sound one has none now.
    Path(f"{workspace.database}.wal").unlink(missing_ok=True)
    descriptor = os.open(staging / DATABASE, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(staging / DATABASE, workspace.database)
    sync(workspace.folder)


def _identity(workspace: Workspace) -> str:
    """"" where the control store is gone or does not know."""
    if not workspace.control.is_file():
        return ""
    store = ControlStore(workspace.control)
    try:
        return workspace_id(store)
    except (PlutoError, sqlite3.Error):
        return ""
    finally:
        store.close()


def _new_identity(workspace: Workspace) -> None:
    """A copy goes its own way: its later backups must not pass for those of the workspace it came from."""
    store = ControlStore(workspace.control)
    try:
        workspace_id(store)
        with store.connection(ROOM, MIGRATIONS) as db:
            db.execute("UPDATE workspace_identity SET id = ?", (uuid.uuid4().hex,))
    finally:
        store.close()


def _control_is_sound(workspace: Workspace) -> bool:
    if not workspace.control.is_file():
        return False
    try:
        with closing(sqlite3.connect(workspace.control, timeout=30)) as db:
            return bool(db.execute("PRAGMA quick_check").fetchone()[0] == "ok")
    except sqlite3.Error:
        return False


def _take_back_control(workspace: Workspace, staging: Path) -> None:
    """Through SQLite, whose transaction others who have it open see whole; a file that is none any more is
    put aside first."""
    if not (staging / CONTROL).is_file():
        return
    if workspace.control.is_file() and not _control_is_sound(workspace):
        workspace.control.replace(workspace.control.with_name(f"{CONTROL}.damaged"))
        for end in ("-wal", "-shm"):
            Path(f"{workspace.control}{end}").unlink(missing_ok=True)
    copy_control(staging / CONTROL, workspace.control)
    workspace.control.chmod(0o600)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask

