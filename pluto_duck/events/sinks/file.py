"""Changes as files: one CloudEvent a line (NDJSON), or Parquet, in the order of the commits.

The file at hand ends in `.part`. A batch is first on the disk, then its length and position are noted beside it by a
rename; a start cuts off whatever stands after that length. So a batch is in the files once, however the writer ended.
"""

from __future__ import annotations

import errno
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from pluto_duck.errors import TargetBusy, TargetError
from pluto_duck.events.model import ChangeBatch, Delivery, Position
from pluto_duck.events.sinks import Option, Place
from pluto_duck.workspace.locks import FileLock

if TYPE_CHECKING:
    import pyarrow

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EINTR, errno.EAGAIN)
_NUMBERED = re.compile(r"changes-(\d{8})\.(?:ndjson|parquet)(\.part)?\Z")


class FileSink:
    """A folder of numbered files; the highest number is the newest."""

    OPTIONS: ClassVar[Mapping[str, Option]] = {
        "folder": Option("Where the files are written; made where it is missing.", required=True),
        "format": Option("What a file is once it is whole: ndjson or parquet. The one at hand is NDJSON always.",
                         default="ndjson", choices=("ndjson", "parquet")),
        "rotate_mb": Option("Megabytes after which the next file begins.", "float", 64.0, least=0.001),
        "rotate_s": Option("Seconds after which the next change begins another file.", "float", 3600.0, least=1),
    }

    def __init__(self, options: Mapping[str, Any], place: Place) -> None:
        self.folder = place.root / Path(str(options["folder"])).expanduser()
        self._name = place.name
        self._parquet = options["format"] == "parquet"
        self._most, self._rotate_s = int(options["rotate_mb"] * 1_000_000), options["rotate_s"]
        self._note = self.folder / f".{place.name}.position"
        self._lock: FileLock | None = None
        self._file: BinaryIO | None = None
        self._number, self._size, self._begun = 1, 0, time.monotonic()
        self._position = Position()

    def start(self, position: Position) -> Position:
        with _told(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            if self._lock is None:
                # Beside the relay's lease: two workspaces may name one folder.
                self._lock = FileLock.try_acquire(self.folder / f".{self._name}.lock")
            if self._lock is None:
                raise TargetBusy(f"Somebody else writes changes into {self.folder}.",
                                 hint="Give each sink a folder of its own.")
            noted = self._noted()
            if noted is None:
                self._number = 1 + max(self._numbers(), default=0)
                self._position = position
            else:
                self._number, self._size, self._position = noted
            self._whole()
            self._open()
        return self._position

    def deliver(self, batch: ChangeBatch) -> Delivery:
        if batch.table.num_rows:
            with _told(self.folder):
                if self._size and (self._size >= self._most or time.monotonic() - self._begun >= self._rotate_s):
                    self._rotate()
                self._append(_lines(batch.table))
                self._write_note(batch.position)
        return Delivery(batch.position)

    def close(self) -> None:
        for one in (self._file, self._lock):
            if one is not None:
                one.close()
        self._file = self._lock = None

    # -- the file at hand -------------------------------------------------------------------------

    @property
    def part(self) -> Path:
        return self.folder / f"changes-{self._number:08d}.ndjson.part"

    def _open(self) -> None:
        """Cuts what no note covers: a batch that was not whole, or whose note was not written, comes again."""
        descriptor = os.open(self.part, os.O_CREAT | os.O_RDWR | getattr(os, "O_CLOEXEC", 0), 0o600)
        self._file = os.fdopen(descriptor, "r+b", buffering=0)
        there = self._file.seek(0, os.SEEK_END)
        if there < self._size:
            raise TargetError(f"{self.part} is shorter than what was written into it.", hint="It was changed by "
                              f"somebody else. Move the files of {self.folder} away and remove {self._note.name}: the "
                              "sink goes on with a new file.")
        self._file.truncate(self._size)
        self._file.seek(self._size)
        self._begun = time.monotonic()
        _sync_folder(self.folder)

    def _append(self, content: bytes) -> None:
        assert self._file is not None
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[self._file.write(rest):]
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(self._size)  # a shorter file always has room
            self._file.seek(self._size)
            raise
        self._size += len(content)

    def _rotate(self) -> None:
        """The file at hand is whole. The note says so first: what is left half done then is done at the next start."""
        assert self._file is not None
        self._file.close()
        self._file = None
        self._number, self._size = self._number + 1, 0
        self._write_note(self._position)
        self._whole()
        self._open()

    def _whole(self) -> None:
        """Gives every finished file its own name; again, where that was interrupted."""
        for path in self.folder.glob("changes-*.ndjson.part"):
            found = _NUMBERED.match(path.name)
            if found is None or int(found[1]) >= self._number:
                continue
            final = path.with_name(path.name.removesuffix(".part"))
            if self._parquet:
                _to_parquet(path, final.with_suffix(".parquet"))
                path.unlink()
            else:
                path.replace(final)
            _sync_folder(self.folder)

    def _numbers(self) -> Iterator[int]:
        for path in self.folder.iterdir():
            found = _NUMBERED.match(path.name)
            if found:
                yield int(found[1])

    # -- the note ---------------------------------------------------------------------------------

    def _noted(self) -> tuple[int, int, Position] | None:
        try:
            found = json.loads(self._note.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return found["file"], found["size"], Position(found["seq"], found["n"])

    def _write_note(self, position: Position) -> None:
        _replace(self._note, json.dumps({"file": self._number, "size": self._size, "seq": position.seq,
                                         "n": position.n}).encode())
        self._position = position


def _lines(table: pyarrow.Table) -> bytes:
    return ("\n".join(table.column("event").to_pylist()) + "\n").encode()


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"{path.name}.tmp")
    with open(temporary, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """So that a rename outlives a loss of power."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _to_parquet(source: Path, target: Path) -> None:
    """The same lines with what a reader filters by as columns of their own."""
    import pyarrow
    from pyarrow import parquet

    schema = pyarrow.schema([(name, pyarrow.string()) for name in
                             ("sequence", "time", "table_schema", "table_name", "op", "subject", "event")])
    temporary = target.with_name(f"{target.name}.tmp")
    with parquet.ParquetWriter(temporary, schema, compression="zstd") as writer, open(source, "rb") as lines:
        while chunk := lines.readlines(8 << 20):
            writer.write_table(pyarrow.Table.from_pylist([_row(one) for one in chunk], schema=schema))
    with open(temporary, "rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(target)


def _row(line: bytes) -> dict[str, str | None]:
    event = json.loads(line)
    body = event.get("data") or {}
    source = body.get("source") or {}
    return {"sequence": event.get("sequence"), "time": event.get("time"), "table_schema": source.get("schema"),
            "table_name": source.get("table"), "op": body.get("op"), "subject": event.get("subject"),
            "event": line.decode().rstrip("\n")}


class _told:
    """What the system says about a file in words of ours: what may pass, and what will not."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, OSError):
            return
        what = error.strerror or str(error)
        if error.errno in _FULL:
            raise TargetBusy(f"Changes can't be written into {self._folder}: {what}.",
                             hint="It goes on by itself when there is room again.") from error
        raise TargetError(f"Changes can't be written into {self._folder}: {what}.",
                          hint="Check the folder and its permissions.") from error
