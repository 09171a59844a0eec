"""The words people use for their data: `semantics.yaml` of the workspace, and what dbt says of its tables."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, replace
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

MAX_DBT_BYTES = 200_000_000
Stamp = tuple[int, int, int, int] | None
NOTHING = Semantics()


@dataclass(frozen=True)
class Told:
    """What the file said when it was looked at, its names not yet held against the tables."""

    stamp: Stamp = None
    text: str = ""
    own: Semantics = NOTHING
    """Of the file alone."""
    dbt_stamps: tuple[tuple[str, Stamp], ...] = ()
    dbt: Semantics = NOTHING
    semantics: Semantics = NOTHING


def told(workspace: Workspace, known: Told) -> Told:
    """As the files stand now. `semantics` is the same object while their content is: a `stat` each, no clock."""
    now = _of_dbt(workspace, _own(workspace, known))
    if now.own is known.own and now.dbt is known.dbt:
        return replace(now, semantics=known.semantics)
    if not now.dbt and not now.dbt.problems:
        return replace(now, semantics=now.own)
    from pluto_duck.catalog.semantics.dbt import merged

    return replace(now, semantics=merged(now.dbt, now.own))


def _own(workspace: Workspace, known: Told) -> Told:
    path = workspace.root / FILE
    stamp = _stamp(path)
    if stamp == known.stamp:
        return known
    if stamp is None:
        return replace(known, stamp=None, text="", own=NOTHING)
    try:
        text = _content(path, workspace.root, MAX_BYTES)
    except (OSError, ValueError) as error:
        broken = Semantics(problems=(Problem("", f"The file can't be read: {_why(error)}."),))
        return replace(known, stamp=stamp, text="", own=broken)
    if text == known.text and known.stamp is not None:
        return replace(known, stamp=stamp)
    from pluto_duck.catalog.semantics.reading import parse

    return replace(known, stamp=stamp, text=text, own=parse(text))


def _of_dbt(workspace: Workspace, known: Told) -> Told:
    if not known.dbt_stamps and not (workspace.root / "dbt_project.yml").exists():
        return known
    from pluto_duck.catalog.semantics import dbt

    found = [(one.relative_to(workspace.root).as_posix(), one) for one in dbt.files(workspace.root)]
    stamps = tuple((name, _stamp(path)) for name, path in found)
    if stamps == known.dbt_stamps:
        return known
    texts, problems = {}, []
    for name, path in found:
        try:
            texts[name] = _content(path, workspace.root, MAX_DBT_BYTES)
        except (OSError, ValueError) as error:
            problems.append(Problem("", f"The file can't be read: {_why(error)}.", level="doubtful", source=name))
    said = dbt.parse(texts)
    return replace(known, dbt_stamps=stamps, dbt=replace(said, problems=(*said.problems, *problems)))


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)


def _stamp(path: Path) -> Stamp:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns)


def _content(path: Path, root: Path, most: int) -> str:
    """Raises ValueError for what a cloned folder could bring to show or stop us: a link away from it, a pipe."""
    if not path.resolve().is_relative_to(root.resolve()):
        raise ValueError("it is a link to a place outside the workspace")
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("it is not a plain file")
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it has more than {most // 1_000_000} MB")
    return data.decode("utf-8-sig")


__all__ = ["FILE", "NOTHING", "ColumnWords", "Join", "Metric", "Problem", "Semantics", "TableWords", "Term", "Told",
           "Verified", "told"]
