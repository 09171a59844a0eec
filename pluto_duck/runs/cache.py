"""Answers kept on disk: the rows file of a run, for the next one that would compute the same.

    cache/<key>.arrow     the file of the run that computed it, linked: it costs nothing while that run is kept
    cache/<key>.json      what the run's record says of it, sealed and written last: without it there is no answer

Keys are stamps (`session/stamps.py`): nothing is looked up under a key once a table that it reads has moved. A file
that is not of this user, workspace and machine, or not as it was written, is no answer and is removed. Whatever fails
here, a full disk above all, only means that nothing is kept.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pluto_duck.governance.seal import is_sealed, seal
from pluto_duck.runs.model import Column
from pluto_duck.workspace import Workspace

SHARE = 4
"""One answer may take a quarter of the room, so that it drives out no more than three others of its size."""
MOST = 5_000
"""Answers."""
TURN_S = 0.05
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)

_KEY = re.compile(r"[0-9a-f]{64}")
_OURS = re.compile(r"(?:[0-9a-f]{64})\.(?:arrow|json)|[0-9a-f]{32}\.tmp")
LEFT_S = 60.0
"""How long after its last write a file that a crash left is still somebody's."""


@dataclass(frozen=True)
class Kept:
    """Of an answer, all but the rows."""

    columns: tuple[Column, ...]
    batches: tuple[tuple[int, int], ...]
    """(rows, bytes of the file up to its end) of each."""
    size: int
    digest: str
    data: str
    """The same for all runs that share these rows, and for no others."""
    facts: dict[str, Any]
    """Of the run that computed them, what every other one may say, too."""


class ResultCache:
    """One for each workspace and process; others of the same workspace may stand beside it."""

    def __init__(self, workspace: Workspace, max_bytes: int, keep_days: float = 7) -> None:
        self._workspace = workspace
        self._keep_s = keep_days * 86_400
        self._folder = workspace.cache
        self._max_bytes = max_bytes
        self._lock = threading.Condition()
        self._going: set[str] = set()
        self._seen: dict[str, tuple[int, ...]] = {}
        """key -> the file whose digest was right."""

    # -- looking ----------------------------------------------------------------------------------

    def find(self, key: str, target: Path) -> Kept | None:
        """What is kept, its rows linked to `target`."""
        try:
            kept = self._read(key)
            if kept is None:
                return None
            _link(self._rows(key), target)
            os.utime(self._record(key))  # who was asked for last goes last
            return kept
        except (OSError, ValueError, KeyError, TypeError):
            self._remove(key)
            with suppress(OSError):
                target.unlink(missing_ok=True)
            return None

    def data_of(self, key: str) -> str:
        """`Kept.data` of what is kept; "" for nothing."""
        try:
            kept = self._read(key)
        except (OSError, ValueError, KeyError, TypeError):
            return ""
        return kept.data if kept is not None else ""

    def _read(self, key: str) -> Kept | None:
        """Raises what json and the file system raise for an answer that is none."""
        if not _KEY.fullmatch(key):
            return None
        try:
            record = json.loads(self._record(key).read_bytes())
        except FileNotFoundError:
            return None
        mark, body = str(record["seal"]), record["answer"]
        if not is_sealed(self._workspace, mark, "kept", key, body):
            raise ValueError("not sealed here")
        kept = Kept(tuple(Column(one["name"], one["type"]) for one in body["columns"]),
                    tuple((rows, end) for rows, end in body["batches"]), body["size"], body["digest"], body["data"],
                    dict(body["facts"]))
        self._must_be_whole(key, kept)
        return kept

    def _must_be_whole(self, key: str, kept: Kept) -> None:
        with os.fdopen(os.open(self._rows(key), os.O_RDONLY | _NO_LINK), "rb") as file:
            found = os.fstat(file.fileno())
            look = (found.st_ino, found.st_mtime_ns, found.st_size)
            if self._seen.get(key) == look:
                return
            if found.st_size != kept.size or not hmac.compare_digest(_digest(file), kept.digest):
                raise ValueError("not as it was written")
        with self._lock:
            if len(self._seen) > MOST:
                self._seen.clear()
            self._seen[key] = look

    # -- keeping ----------------------------------------------------------------------------------

    def keep(self, key: str, rows: Path, *, columns: tuple[Column, ...], batches: tuple[tuple[int, int], ...],
             data: str, facts: dict[str, Any]) -> bool:
        """Keeps a finished rows file under a key; False where it can't be, which is no error."""
        if not _KEY.fullmatch(key):
            return False
        aside = self._folder / f"{uuid.uuid4().hex}.tmp"
        try:
            size = rows.stat().st_size
            if size > self._max_bytes // SHARE:
                return False
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._make_room(size)
            with open(rows, "rb") as file:
                kept = Kept(columns, batches, size, _digest(file), data, facts)
            body = json.loads(json.dumps(asdict(kept)))
            _link(rows, aside)
            os.replace(aside, self._rows(key))
            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file_:
                json.dump({"answer": body, "seal": seal(self._workspace, "kept", key, body)}, file_)
            os.replace(aside, self._record(key))
            return True
        except (OSError, ValueError):
            self._remove(key)
            return False
        finally:
            with suppress(OSError):
                aside.unlink(missing_ok=True)

    def _make_room(self, size: int) -> None:
        """Removes what was asked for longest ago, and what a crash left."""
        found: list[tuple[float, str, int]] = []
        with os.scandir(self._folder) as entries:
            files = {one.name: one.stat(follow_symlinks=False) for one in entries if _OURS.fullmatch(one.name)}
        now = time.time()
        for name, stat in files.items():
            stem, _, ending = name.rpartition(".")
            if ending == "json" and f"{stem}.arrow" in files and stat.st_mtime > now - self._keep_s:
                found.append((stat.st_mtime, stem, files[f"{stem}.arrow"].st_size + stat.st_size))
            elif (ending != "arrow" or f"{stem}.json" not in files) and stat.st_mtime < now - LEFT_S:
                (self._folder / name).unlink(missing_ok=True)
        taken = sum(one[2] for one in found) + size
        for count, (_at, stem, bytes_) in enumerate(sorted(found)):
            if taken <= self._max_bytes and len(found) - count < MOST:
                break
            self._remove(stem)
            taken -= bytes_

    def usage(self) -> tuple[int, int]:
        """(answers, bytes)"""
        try:
            with os.scandir(self._folder) as entries:
                sizes = [one.stat(follow_symlinks=False).st_size for one in entries if one.name.endswith(".arrow")]
        except OSError:
            return 0, 0
        return len(sizes), sum(sizes)

    def _remove(self, key: str) -> None:
        if _KEY.fullmatch(key):
            for path in (self._record(key), self._rows(key)):
                with suppress(OSError):
                    path.unlink(missing_ok=True)

    def _rows(self, key: str) -> Path:
        return self._folder / f"{key}.arrow"

    def _record(self, key: str) -> Path:
        return self._folder / f"{key}.json"

    # -- one computation for all who ask at once --------------------------------------------------

    @contextmanager
    def turn(self, key: str, check: Callable[[], None]) -> Iterator[None]:
        """Waits once while another run of this process computes the same; `check` raises to give up."""
        with self._lock:
            first = key not in self._going
            if first:
                self._going.add(key)
            while not first and key in self._going:
                check()
                self._lock.wait(TURN_S)
        try:
            yield
        finally:
            if first:
                with self._lock:
                    self._going.discard(key)
                    self._lock.notify_all()


def _link(source: Path, target: Path) -> None:
    """Raises OSError. `target` must not be there."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without links, or another one
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as into, open(source, "rb") as out:
                shutil.copyfileobj(out, into, 1 << 20)
        except BaseException:
            target.unlink(missing_ok=True)
            raise


def _digest(file: Any) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()
