"""The rows of a run: an Arrow IPC stream file that may be read while it is written.

A reader may take only as many batches as the run's record says are complete, so it never meets half
a message. A finished file is a whole Arrow stream, and can be sent as it lies.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import RunError

if TYPE_CHECKING:
    import pyarrow


_OURS = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")


def is_ours(name: str) -> bool:
    """True for the names we make. The folder and the record may have come with a clone: what they name
    otherwise is somebody else's file, here or at the end of a `../../`."""
    return bool(_OURS.fullmatch(name))


def rows_path(folder: Path, run_id: str) -> Path:
    """Raises RunError for an id that is none of ours."""
    if not is_ours(run_id):
        raise RunError(f"{run_id!r} is not the id of a run.")
    return folder / f"{run_id}.arrow"


class RowsWriter:
    def __init__(self, path: Path, schema: pyarrow.Schema) -> None:
        import pyarrow

        with _told():
            self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self._writer = pyarrow.ipc.new_stream(self._file, schema)
        self.batches = 0
        self.row_count = 0

    def write(self, batch: pyarrow.RecordBatch) -> int:
        """The size of the file once the batch is readable to everybody."""
        with _told():
            self._writer.write_batch(batch)
            self._file.flush()
        self.batches += 1
        self.row_count += batch.num_rows
        return self._file.tell()

    def close(self) -> int:
        """Writes the end mark (and the schema, when no batch came); the final size."""
        with _told():
            self._writer.close()
            self._file.flush()
        size = self._file.tell()
        self._file.close()
        return size

    def abandon(self) -> None:
        """Leaves the file without an end mark: what is there is not all."""
        with suppress(OSError):  # what it still holds finds no room either
            self._file.close()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(f"The rows could not be kept: {error.strerror or error}.",
                       hint="Free some disk space, or ask for fewer rows.") from error


class RowsReader:
    """Batches in order, once each. Call it again with a larger number as the run goes on."""

    def __init__(self, path: Path, *, growing: bool) -> None:
        import pyarrow

        try:
            # A map is free of copies but keeps the size it had when it was made.
            self._source: Any = pyarrow.OSFile(str(path), "rb") if growing else pyarrow.memory_map(str(path))
        except FileNotFoundError:
            raise RunError("The rows of this run are gone.", hint="Run it again.") from None
        self._stream: Any = None
        self._taken = 0

    @property
    def schema(self) -> pyarrow.Schema:
        """Only once a batch is complete or the run has ended."""
        import pyarrow

        if self._stream is None:
            self._stream = pyarrow.ipc.open_stream(self._source)
        schema: pyarrow.Schema = self._stream.schema
        return schema

    def upto(self, batches: int) -> Iterator[pyarrow.RecordBatch]:
        """The batches not yet taken, as long as there are fewer than `batches`."""
        while self._taken < batches:
            _ = self.schema
            batch = self._stream.read_next_batch()
            self._taken += 1
            yield batch

    def close(self) -> None:
        self._source.close()

    def __enter__(self) -> RowsReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
