"""A body that goes to a file as it comes: data, of which more may come than memory holds."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import BinaryIO

from pluto_duck.api.protect_body import Body


class FileBody(Body):
    """`path` is the caller's once `whole` has returned; `drop` takes it away."""

    path: Path | None = None
    suffix = ""
    _file: BinaryIO | None = None

    def _keep(self, chunk: bytes) -> None:
        if self._file is None:
            descriptor, name = tempfile.mkstemp(self.suffix, "pluto-upload-")  # 0600
            self._file, self.path = os.fdopen(descriptor, "wb"), Path(name)
        self._file.write(chunk)

    def take(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size <= self._most and self.refused is None:
            try:
                self._keep(chunk)
            except OSError as error:
                self.refused = self._full(error)
                self.drop()
            return
        self._size -= len(chunk)
        self.drop()
        super().take(chunk)

    def whole(self) -> bytes:
        try:
            super().whole()
            self._keep(b"")
            assert self._file is not None
            self._file.close()
        except BaseException:
            self.drop()
            raise
        return b""

    def drop(self) -> None:
        if self._file is not None:
            self._file.close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)
        self._file = self.path = None

    @staticmethod
    def _full(error: OSError) -> BaseException:
        from pluto_duck.errors import WorkspaceUnusable

        return WorkspaceUnusable(f"The rows can't be kept: {error.strerror}.", hint="Free space on the server's disk.")
