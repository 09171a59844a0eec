"""`files`, `upload`: files of the workspace's folder, to pick one, or to put one there."""

from __future__ import annotations

import base64
import binascii
import filecmp
import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pluto_duck.errors import PlutoError, Refused, UsageError, WorkspaceUnusable, unknown_name
from pluto_duck.panel.protocol import Request

if TYPE_CHECKING:
    from pluto_duck.commands.workbench import Workbench
    from pluto_duck.panel.desk import Desk

SHOWN = 1_000
UPLOADS = "uploads"
DATABASES = (".duckdb", ".ddb", ".sqlite", ".sqlite3", ".db")
_PART = ".part"
LONGEST = 255
"""Bytes of a name, to every file system that a workspace may lie on."""


def files(desk: Desk, request: Request, session: Workbench) -> None:
    """The folders of a folder and the files that can be loaded, without what programs hide."""
    from pluto_duck.ingest.connectors.file_formats import format_of

    root = session.workspace.root
    folder = inside(root, request.text("folder", ""))
    if not folder.is_dir():
        raise unknown_name("folder", request.text("folder", ""), [one.name for one in root.iterdir() if one.is_dir()])
    found = []
    for one in sorted(folder.iterdir(), key=lambda one: one.name.casefold()):
        if one.name.startswith((".", "_", "~$")):
            continue
        try:
            kind = "folder" if one.is_dir() else "database" if one.name.lower().endswith(DATABASES) else (
                "file" if format_of(one.name) else "")
            if kind and one.resolve().is_relative_to(root.resolve()):
                found.append({"name": one.name, "path": one.relative_to(root).as_posix(), "kind": kind,
                              "bytes": one.stat().st_size if kind != "folder" else None})
        except OSError:
            continue  # gone meanwhile, or not ours to look at
    path = folder.relative_to(root).as_posix()
    request.reply("files", end=True, folder="" if path == "." else path, files=found[:SHOWN],
                  more=len(found) > SHOWN)


def inside(root: Path, path: str) -> Path:
    """A path of the workspace's folder. Raises Refused for one that leads out of it, by .. or a link."""
    if any(len(one.encode(errors="replace")) > LONGEST for one in Path(path).parts):
        raise UsageError(f"A name in this path has more than {LONGEST} bytes.", hint="Take a shorter one.")
    whole = root / path
    if "\0" in path or not whole.resolve().is_relative_to(root.resolve()):
        raise Refused(f"{path} is not in the folder of this workspace.",
                      hint=f"Paths here begin in {root}. A cell reaches all others: %pluto ingest PATH")
    return Path(os.path.normpath(whole))


def upload(desk: Desk, request: Request, session: Workbench) -> None:
    """A part of a file, in order; with the last one it gets its name. `at` 0 begins it anew.

    The files of uploads/ are kept, so that they can be loaded again: one of the same name that holds something else
    stays, and this one is called sales-2.csv, as `path` says.
    """
    name = Path(request.text("name")).name
    if not name or name.startswith(".") or "\0" in name:
        raise UsageError("A file needs a name that does not begin with a dot.", hint="Rename it first.")
    folder = session.workspace.root / UPLOADS
    if folder.is_symlink():
        raise Refused(f"{UPLOADS} is a link: what it leads to is not written to.", hint="Make it a folder of its own.")
    try:
        data = base64.b64decode(request.text("data", ""), validate=True)
    except (binascii.Error, ValueError):
        raise UsageError("data must be base64.", hint="Upload it again.") from None
    at = request.whole("at", 0)
    try:
        folder.mkdir(exist_ok=True)
        part = folder / f".{name}{_PART}"
        if at == 0:
            part.unlink(missing_ok=True)  # a folder from somebody else may bring a link of that name along
            part.open("xb").close()
        if request.flag("stop"):
            part.unlink(missing_ok=True)
            request.reply("uploaded", end=True, path="", size=0)
            return
        if part.is_symlink() or not part.exists() or part.stat().st_size != at:
            raise UsageError("A part of that file is missing.", hint="Upload it again.")
        try:
            with part.open("ab") as file:
                file.write(data)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        size = part.stat().st_size
        path = ""
        if request.flag("last"):
            path = f"{UPLOADS}/{_kept(part, folder, name)}"
    except OSError as error:
        raise _unwritable(folder, error) from error
    request.reply("uploaded", end=True, path=path, size=size)


def _kept(part: Path, folder: Path, name: str) -> str:
    """The name that the file has in the folder from here on."""
    stem, ending = os.path.splitext(name)
    for number in itertools.count(1):
        called = name if number == 1 else f"{stem}-{number}{ending}"
        try:
            (folder / called).open("xb").close()  # nobody else's from here on
        except FileExistsError:
            there = folder / called
            if there.is_symlink():  # brought along by somebody else: what it leads to is not written to
                os.replace(part, there)
                return called
            if there.is_file() and filecmp.cmp(part, there, shallow=False):
                part.unlink()
                return called
            continue
        os.replace(part, folder / called)
        return called
    raise AssertionError


def _unwritable(folder: Path, error: OSError) -> PlutoError:
    return WorkspaceUnusable(f"{folder} can't be written: {error.strerror}.",
                             hint="Check the folder's permissions and free space.")
