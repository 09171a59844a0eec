"""The frames between sidebar and kernel. Version 1; `docs/panel.md` has the table of them.

Sidebar to kernel: {"v": 1, "op": ..., "id": n, ...}. Kernel to sidebar: {"v": 1, "op": ..., "re": n, ...}, the last
one of a request with "end": true; without "re" it is news that nobody asked for. "buffers" travel beside the JSON,
as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from pluto_duck.errors import PlutoError, UsageError
from pluto_duck.version import __version__

VERSION = 1
Frame = dict[str, Any]
Send = Callable[[Frame], None]


_SHELL = re.compile(r"(?<![\w/%'-])pluto-duck (?!serve\b|demo\b)(?=[a-z])")


def for_sidebar(hint: str) -> str:
    """A hint with the words of a shell as those of a cell: who reads it has a notebook beside it."""
    return _SHELL.sub("%pluto ", hint)


class Request:
    """One frame of a sidebar, and the way back."""

    def __init__(self, frame: Any, send: Send) -> None:
        self._send = send
        self.frame: Mapping[str, Any] = frame if isinstance(frame, Mapping) else {}
        number, op = self.frame.get("id"), self.frame.get("op")
        self.id: int = number if isinstance(number, int) and not isinstance(number, bool) else -1
        self.op: str = op if isinstance(op, str) else ""

    def check(self) -> None:
        """Raises UsageError for what is no frame of this version."""
        if self.frame.get("v") != VERSION:
            raise UsageError(
                f"The sidebar speaks version {self.frame.get('v')} of the panel's protocol, this kernel's pluto-duck "
                f"{__version__} speaks {VERSION}.",
                hint="Install the same pluto-duck for JupyterLab and for this kernel, then reload the page.",
                protocol=VERSION, version=__version__)
        if self.id < 0:
            raise UsageError("A frame needs a whole number from 0 on as its id.")

    def text(self, name: str, default: str | None = None) -> str:
        return str(self._typed(name, str, default))

    def whole(self, name: str, default: int, *, least: int = 0, most: int = 2**53) -> int:
        value = int(self._typed(name, int, default))
        if not least <= value <= most:
            raise UsageError(f"{name} must be from {least:,} to {most:,}.")
        return value

    def items(self, name: str) -> list[Any]:
        return list(self._typed(name, list, []))

    def flag(self, name: str) -> bool:
        return bool(self._typed(name, bool, False))

    def _typed(self, name: str, kind: type, default: Any) -> Any:
        value = self.frame.get(name, default)
        if value is None:
            raise UsageError(f"{self.op} needs {name}.")
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise UsageError(f"{name} must be a {kind.__name__}, not {type(value).__name__}.")
        return value

    def reply(self, op: str, *, end: bool = False, **content: Any) -> None:
        self._send({"v": VERSION, "op": op, "re": self.id, **content} | ({"end": True} if end else {}))

    def fail(self, error: BaseException) -> None:
        """The request ends with it. Anything but a PlutoError is a fault of ours and says only so."""
        if isinstance(error, PlutoError):
            told = error.to_dict()
            self.reply("error", end=True, **told | {"hint": for_sidebar(str(told.get("hint") or ""))})
        else:
            self.reply("error", end=True, code="internal", facts={},
                       message=f"The panel stopped with an unexpected {type(error).__name__}.",
                       hint="Try again; if it comes again, please report it.")
