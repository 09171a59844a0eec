"""Files in one text, each below a line with its name, so that a person can read and edit them as one; and on disk."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from pluto_duck.errors import Refused, UsageError

Texts = dict[str, str]
"""Path in the project -> text."""
MAX_LENGTH = 200_000
_HEAD = re.compile(r"^==> (.+) <==$", re.MULTILINE)


def joined(texts: Texts) -> str:
    """As `tail` shows more files than one; neither SQL nor YAML has such a line."""
    return "\n".join(f"==> {name} <==\n{text.rstrip()}\n" for name, text in texts.items())


def parsed(body: str, names: Sequence[str] | None = None) -> Texts:
    """`names`: which files there may be, the first of them must be. Raises UsageError for anything else."""
    if len(body) > MAX_LENGTH:
        raise UsageError(f"That has {len(body):,} characters; {MAX_LENGTH:,} is the most.")
    must_be_unicode(body)
    body = body.replace("\r\n", "\n")
    start, *parts = _HEAD.split(body)
    found = {name: f"{text.strip()}\n" for name, text in zip(parts[::2], parts[1::2], strict=True)}
    if names is not None and (start.strip() or names[0] not in found or not set(found) <= set(names)
                              or len(found) * 2 != len(parts)):
        raise UsageError("The text of a model is its files, each once and below a line with its name.",
                         hint="\n".join(f"==> {name} <==\n..." for name in names))
    return found


def must_be_unicode(*texts: str) -> None:
    """Raises UsageError for half of a character, which no file can hold."""
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise UsageError(f"The text must be valid Unicode: {error.reason} at character {error.start}.") from None


def read(folder: Path, names: Sequence[str]) -> Texts:
    """Those that are there."""
    found = {}
    for name in names:
        try:
            with (folder / name).open(encoding="utf-8", newline="") as file:
                found[name] = f"{file.read().strip()}\n"
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{name} can't be read as UTF-8 text.", hint="Mend the file first.") from error
    return found


def put(folder: Path, texts: Texts, *, mark: str) -> None:
    """All of them or none. `mark`: names the temporary files, the same for a second attempt at the same."""
    aside = {name: (folder / name).with_name(f".{Path(name).name}.{mark[:12]}.tmp") for name in texts}
    before: dict[Path, bytes | None] = {}
    try:
        for name, text in texts.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            aside[name].unlink(missing_ok=True)
            with aside[name].open("x", encoding="utf-8", newline="\n") as file:  # never through a link
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if (folder / name).exists():
                aside[name].chmod((folder / name).stat().st_mode & 0o777)
        for name in texts:
            before[folder / name] = (folder / name).read_bytes() if (folder / name).exists() else None
            aside[name].replace(folder / name)
    except OSError as error:
        for path, was in before.items():
            _back(path, was)
        raise Refused(f"{folder} can't be written: {error.strerror}.",
                      hint="Make the folder writable, or name another project.") from error
    finally:
        for one in aside.values():
            _without(one)


def _back(path: Path, was: bytes | None) -> None:
    if was is None:
        _without(path)
    elif path.read_bytes() != was:
        path.write_bytes(was)


def _without(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        pass  # the folder can't be written, so there is nothing of ours in it
