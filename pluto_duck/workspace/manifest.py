"""What a backup says of itself: each file with its hash, each table with its rows."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pluto_duck.errors import WorkspaceUnusable
from pluto_duck.workspace.folder import is_foreign

NAME = "manifest.json"
FORMAT = 1
DATABASE = "workspace.duckdb"
CONTROL = "control.sqlite"
CONFIGURATION = ("pluto.toml", "ingest.toml", "policy.yaml", "semantics.yaml", "checks.yaml")
"""Files of the workspace's root that go with it, where they are there."""

_CHUNK = 1 << 20


@dataclass(frozen=True)
class SavedFile:
    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class SavedTable:
    schema: str
    name: str
    rows: int
    version: int
    """The commit that last wrote it; 0 for none through a Session."""


@dataclass(frozen=True)
class Manifest:
    backup_id: str
    workspace_id: str
    workspace: str
    """The folder it was made in; for people."""
    made_at: str
    """ISO 8601, UTC."""
    pluto_duck: str
    duckdb: str
    storage: str
    """The oldest DuckDB that can open it."""
    seq: int
    """The last commit it holds."""
    tables: tuple[SavedTable, ...]
    files: tuple[SavedFile, ...]
    note: str = ""

    @property
    def rows(self) -> int:
        """Of the user's tables."""
        return sum(one.rows for one in self.tables if one.schema != "_pluto")

    @property
    def bytes(self) -> int:
        return sum(one.bytes for one in self.files)


def copy_hashed(source: Path, target: Path) -> SavedFile:
    """Copies a regular file to a new one, 0600 and on disk when this returns; follows no link."""
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    digest, size = hashlib.sha256(), 0
    with os.fdopen(descriptor, "wb") as into:
        for chunk in _chunks(source):
            into.write(chunk)
            digest.update(chunk)
            size += len(chunk)
        into.flush()
        os.fsync(into.fileno())
    return SavedFile(source.name, size, digest.hexdigest())


def hashed(path: Path) -> SavedFile:
    digest, size = hashlib.sha256(), 0
    for chunk in _chunks(path):
        digest.update(chunk)
        size += len(chunk)
    return SavedFile(path.name, size, digest.hexdigest())


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise _unusable(path.parent, f"{path.name} can't be read: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _unusable(path.parent, f"{path.name} is not a plain file")
        while chunk := file.read(_CHUNK):
            yield chunk


def write(folder: Path, manifest: Manifest) -> None:
    """Last of all: a folder without its manifest is no backup."""
    fields = asdict(manifest)
    text = json.dumps({"format": FORMAT, **fields, "seal": _seal(fields)}, indent=1)
    descriptor = os.open(folder / NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())


def read(folder: Path) -> Manifest:
    """What the backup in a folder says of itself. Raises WorkspaceUnusable for a folder that is none, one
    that was tampered with, one of somebody else. The files are looked at by name only; `check` reads them."""
    if folder.is_symlink() or not folder.is_dir():
        raise _unusable(folder, "it is not a folder")
    if is_foreign(folder):
        raise _unusable(folder, "it belongs to another user, who could change it meanwhile")
    try:
        fields: dict[str, Any] = json.loads(b"".join(_chunks(folder / NAME)))
        version, seal = fields.pop("format"), fields.pop("seal")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise _unusable(folder, f"its {NAME} can't be read") from error
    if version != FORMAT:
        raise _unusable(folder, "it was made by a newer pluto-duck")
    if seal != _seal(fields):
        raise _unusable(folder, f"its {NAME} was changed after it was written")
    try:
        manifest = Manifest(**{**fields, "tables": tuple(SavedTable(**one) for one in fields["tables"]),
                               "files": tuple(SavedFile(**one) for one in fields["files"])})
    except (TypeError, KeyError) as error:
        raise _unusable(folder, f"its {NAME} can't be read") from error
    named = {one.name for one in manifest.files}
    if DATABASE not in named or not named <= {DATABASE, CONTROL, *CONFIGURATION}:
        raise _unusable(folder, f"its {NAME} names other files than a backup has")
    # More than it names could be a write-ahead log, which DuckDB would replay into the database.
    found = set(os.listdir(folder))
    if found != named | {NAME}:
        odd = sorted(found ^ (named | {NAME}))[0]
        raise _unusable(folder, f"{odd} is {'missing' if odd in named else 'not part of it'}")
    return manifest


def check(folder: Path) -> Manifest:
    """As `read`, with every byte of it compared to its hash."""
    manifest = read(folder)
    for one in manifest.files:
        if hashed(folder / one.name) != one:
            raise _unusable(folder, f"{one.name} is not what was written: it was cut short or changed")
    return manifest


def _seal(fields: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _unusable(folder: Path, why: str) -> WorkspaceUnusable:
    return WorkspaceUnusable(f"{folder} is no backup that can be used: {why}.",
                             hint="`pluto-duck backup --list` shows those there are.")
