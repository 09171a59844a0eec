"""Which files an address means: one, those of a folder, those of a glob."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from pluto_duck.errors import SourceError, UnknownName, UsageError, nearest, unknown_name
from pluto_duck.ingest.connectors.file_formats import FORMATS, format_of, loadable


def files_at(pattern: str, *, deep: bool = False) -> list[Path]:
    """Sorted; `deep`: folders inside one that holds no file itself, too. Raises UnknownName when there are none."""
    path = Path(pattern)
    try:
        if path.is_file():
            return [path]
    except OSError as error:
        raise SourceError(f"{pattern[:100]}... can't be read: {error.strerror}.", hint="Is the path right?") from error
    if path.is_dir():
        try:
            found = _inside(path, path.iterdir())
            if deep and not found:  # partitions: year=2024/part-0.parquet
                found = _inside(path, path.rglob("*"))
        except OSError as error:
            raise SourceError(f"{path} can't be read: {error.strerror}.", hint="May you read this folder?") from error
        if not found:
            raise SourceError(f"The folder {path} holds no file that can be loaded.",
                              hint=f"Files end in {', '.join(FORMATS)}.")
        return found
    found = sorted(Path(one) for one in glob.glob(pattern, recursive=True) if os.path.isfile(one))
    if found:
        return found
    raise _missing(path, pattern)


def _inside(folder: Path, paths: Iterable[Path]) -> list[Path]:
    """What can be loaded, without what programs hide or write for themselves: .git, _delta_log, ~$lock.xlsx."""
    return sorted(one for one in paths if format_of(one.name) and one.is_file()
                  and not any(part.startswith((".", "_", "~$")) for part in one.relative_to(folder).parts))


def _missing(path: Path, pattern: str) -> UnknownName:
    folder = path.parent
    while not folder.is_dir():
        path, folder = folder, folder.parent
    there = sorted(one.name for one in folder.iterdir())
    if glob.has_magic(path.name):
        return UnknownName(f"No file fits {pattern}.", hint=loadable(there), kind="file", name=pattern)
    # By the name before the ending: every csv looks like every other by its last four letters.
    near = [one for one in there if nearest(path.stem, [Path(one).stem])]
    error = unknown_name("file" if str(path) == pattern else "folder", path.name, near, where=str(folder.absolute()))
    error.hint = error.hint or loadable(there)
    return error


def format_at(path: Path, options: Mapping[str, str]) -> str:
    """What the file is, by its ending or the option `format`; raises UsageError when it is nothing of ours."""
    said = options.get("format", "") or format_of(path.name)
    said = {"tsv": "csv", "txt": "csv", "ndjson": "json", "jsonl": "json", "xlsx": "excel"}.get(said, said)
    if said not in set(FORMATS.values()):
        raise UsageError(f"{path.name} is of no kind that can be loaded.",
                         hint=f"Files end in {', '.join(FORMATS)}, also packed as .gz or .zst; "
                              "for another ending: --option format=csv")
    return said
