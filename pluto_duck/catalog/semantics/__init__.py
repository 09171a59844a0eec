"""The words people use for their data: `semantics.yaml` of the workspace, read and held against the tables."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from pluto_duck.catalog.semantics.model import (
    FILE,
    ColumnWords,
    Join,
    Metric,
    Problem,
    Semantics,
    TableWords,
    Term,
    Verified,
)
from pluto_duck.workspace import Workspace

MAX_BYTES = 2_000_000

Stamp = tuple[int, int, int, int] | None
NOTHING = Semantics()


@dataclass(frozen=True)
class Told:
    """What the file said when it was looked at, its names not yet held against the tables."""

    stamp: Stamp = None
    text: str = ""
    semantics: Semantics = NOTHING


def told(workspace: Workspace, known: Told) -> Told:
    """As the file stands now. `known` itself while its content is the same: a `stat`, no clock."""
    path = workspace.root / FILE
    stamp = _stamp(path)
    if stamp == known.stamp:
        return known
    if stamp is None:
        return Told()
    try:
        text = _content(path, workspace.root)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        said = (error.strerror or str(error)) if isinstance(error, OSError) else (
            "is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error))
        return Told(stamp, "", Semantics(problems=(Problem("", f"The file can't be read: {said}."),)))
    if text == known.text and known.stamp is not None:
        return Told(stamp, text, known.semantics)
    from pluto_duck.catalog.semantics.reading import parse

    return Told(stamp, text, parse(text))


def _stamp(path: Path) -> Stamp:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns)


def _content(path: Path, root: Path) -> str:
    """Raises ValueError for what a cloned folder could bring to show or stop us: a link away from it, a pipe."""
    if not path.resolve().is_relative_to(root.resolve()):
        raise ValueError("it is a link to a place outside the workspace")
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("it is not a plain file")
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES // 1_000_000} MB")
    return data.decode("utf-8-sig")


__all__ = ["FILE", "NOTHING", "ColumnWords", "Join", "Metric", "Problem", "Semantics", "TableWords", "Term", "Told",
           "Verified", "told"]
