"""Changing the semantic file of a workspace: whole or not at all, and only as far as was meant."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pluto_duck.catalog.semantics import FILE, Semantics
from pluto_duck.errors import Refused, UsageError
from pluto_duck.workspace import Workspace
from pluto_duck.workspace.locks import FileLock

NEW = """\
# What people call the data of this workspace. `pluto-duck semantics check` holds it against the tables.
version: 1
"""
LOCK_S = 10.0


def path_of(workspace: Workspace) -> Path:
    """Raises Refused for a link to a place outside: a cloned folder must not choose what is overwritten."""
    path = workspace.root / FILE
    if not path.resolve().is_relative_to(workspace.root.resolve()):
        raise Refused(f"{path} is a link to a place outside the workspace.", hint="Put the file itself there.")
    return path.resolve()


def text_of(workspace: Workspace) -> str:
    """As it stands; "" where there is none."""
    try:
        with path_of(workspace).open(encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{FILE} can't be read as UTF-8 text.", hint="Mend the file first.") from error


def change(workspace: Workspace, edit: Callable[[str], str],
           meant: Callable[[Semantics, Semantics], bool]) -> tuple[str, str]:
    """The text before and after. `meant`: whether what the file said before and says now differ as they should.

    Raises UsageError, with nothing written, where the file is written in a way that can't be changed safely.
    """
    from pluto_duck.catalog.semantics.nodes import Unreadable
    from pluto_duck.catalog.semantics.reading import parse

    with _locked(workspace):
        before = text_of(workspace)
        try:
            after = edit(before or NEW)
        except Unreadable as error:
            raise UsageError(f"{FILE} can't be read: {error.text}", hint="Mend the file first.") from None
        if not meant(parse(before), parse(after)):
            raise UsageError(f"{FILE} is written in a way that can't be changed safely.",
                             hint="Change it by hand, then `pluto-duck semantics check`.")
        write(path_of(workspace), after)
        return before, after


def write(path: Path, text: str) -> None:
    """All or nothing; the file keeps its permissions."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with aside.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
        if path.exists():
            aside.chmod(path.stat().st_mode & 0o777)
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise UsageError(f"{path} can't be written: {error.strerror}.") from error


@contextmanager
def _locked(workspace: Workspace) -> Iterator[None]:
    """Of two who change it at once one waits: neither takes away what the other wrote."""
    until = time.monotonic() + LOCK_S
    while (lock := FileLock.try_acquire(workspace.folder / "semantics.lock")) is None:
        if time.monotonic() > until:
            raise Refused(f"Somebody else is changing {FILE} just now.", hint="Try again in a moment.")
        time.sleep(0.02)
    try:
        yield
    finally:
        lock.close()
