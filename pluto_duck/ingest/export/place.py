"""A place on disk that is filled whole or not at all: written beside, renamed at the end."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from pluto_duck.errors import PlutoError, Refused, TargetError, UsageError
from pluto_duck.workspace import Workspace
from pluto_duck.workspace.manifest import CONFIGURATION


@contextmanager
def new_file(workspace: Workspace, target: Path, *, overwrite: bool) -> Iterator[Path]:
    """An empty file of the caller's beside the target, which takes its place when the block ends well.

    The caller makes it, so its owner and mode are the caller's, whichever process writes the rows.
    """
    target = _resolved(workspace, target)
    if target.is_dir():
        raise Refused(f"{target} is a folder.", hint="Name a file.")
    if target.exists():
        if not target.is_file():
            raise UsageError(f"{target} is no plain file.", hint="`query --format csv` writes to standard output.")
        _may_replace(target, overwrite)
    with _beside(target) as path:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        if target.exists():
            os.chmod(path, target.stat().st_mode & 0o777)
        yield path
        _sync(path)
        if target.exists():
            _may_replace(target, overwrite)  # it came meanwhile
        os.replace(path, target)
        _sync(target.parent)


@contextmanager
def new_folder(workspace: Workspace, target: Path, *, overwrite: bool, endings: Sequence[str]) -> Iterator[Path]:
    """The same for a folder of partitions. Only a folder that holds nothing but such is ever replaced."""
    target = _resolved(workspace, target)
    if target.is_file():
        raise Refused(f"{target} is a file.", hint="Partitions go into a folder: name another.")
    if target.exists():
        _may_replace(target, overwrite or not any(target.iterdir()))
        _refuse_other_things(target, endings)
    with _beside(target) as path:
        path.mkdir()
        yield path
        for folder, _folders, files in os.walk(path):
            for name in files:
                _sync(Path(folder, name))
        old = target.with_name(f".{target.name}.{uuid.uuid4().hex}.old")
        if target.exists():
            target.rename(old)
        try:
            path.rename(target)
        except OSError:
            with suppress(OSError):
                old.rename(target)
            raise
        shutil.rmtree(old, ignore_errors=True)
        _sync(target.parent)


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    path = target.with_name(f".{target.name[:100]}.{uuid.uuid4().hex}.part")
    try:
        yield path
    except OSError as error:
        raise TargetError(f"{target} can't be written: {error.strerror or error}.",
                          hint="Check the folder, your rights in it, and its free space.") from error
    except PlutoError as error:
        if "No space left" in error.message:
            raise TargetError(f"{target} can't be written: the disk is full.", hint="Free some space.") from error
        if str(path) in error.message:
            raise TargetError(error.message.replace(str(path), str(target)), hint=error.hint) from error
        raise
    finally:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _resolved(workspace: Workspace, target: Path) -> Path:
    """Where the name leads: of a symbolic link the file behind it is replaced, not the link."""
    path = Path(os.path.realpath(target.expanduser()))
    if path.is_relative_to(workspace.folder.resolve()):
        raise Refused(f"{target} is inside the workspace's own folder.", hint="Choose another place.")
    if path.parent == workspace.root.resolve() and path.name.casefold() in CONFIGURATION:
        raise Refused(f"{target} tells how this workspace works; no export may take its place.",
                      hint="Choose another name.")
    if any(part.casefold() == ".git" for part in path.parts):
        raise Refused(f"{target} is inside git's own folder, where a file may be a program that git runs.",
                      hint="Choose another place.")
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent}.", hint=f"mkdir -p {path.parent}")
    return path


def _may_replace(target: Path, overwrite: bool) -> None:
    if not overwrite:
        raise Refused(f"{target} is there already.", hint="--overwrite puts the export in its place.")


def _refuse_other_things(target: Path, endings: Sequence[str]) -> None:
    for folder, folders, files in os.walk(target):
        for name in [one for one in folders if "=" not in one] + [
                one for one in files if not one.endswith(tuple(endings))]:
            raise Refused(f"{target} holds something that no export made: {Path(folder, name).relative_to(target)}.",
                          hint="Name a folder of its own; nothing was removed.")


def _sync(path: Path) -> None:
    """So that what has the name after a power cut has its rows, too."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
