"""What crosses between a Session and the process that has the file open.

    Session -> Link -> Channel (in-process or over the socket) -> HandlerSession -> Database

`workspace/` carries; what a request means is the Handler's business, which `session/` supplies.
So rules run once, in the host, whoever asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from pluto_duck.workspace.database import Database

Role = Literal["kernel", "server", "shell"]
Json = Any


@dataclass
class Request:
    op: str
    args: dict[str, Json] = field(default_factory=dict)
    rows: Any = None
    """Rows that travel with it: whatever DuckDB can scan; over the socket an Arrow stream."""
    retry: Literal["read", "token", "no"] = "no"
    """What may be done when the host is lost in flight: send again (`read`), send again because the
    host knows from the token in `args` whether it ran (`token`), or tell the caller (`no`)."""


@dataclass
class Reply:
    header: dict[str, Json]
    schema: Any = None
    """A pyarrow.Schema when rows follow, else None."""
    batches: Iterator[Any] = field(default_factory=lambda: iter(()))
    """pyarrow.RecordBatch, in order; may be left early by `close`."""
    trailer: dict[str, Json] = field(default_factory=dict)
    """Filled when the last batch has been taken."""
    on_close: Callable[[], None] | None = None

    def close(self) -> None:
        if self.on_close is not None:
            closing, self.on_close = self.on_close, None
            closing()


@dataclass(frozen=True)
class Hello:
    """Who opens a session; sent once by a guest, made in-process by the host itself."""

    session_id: str
    role: Role
    pid: int
    label: str = ""
    """For people: a notebook's name, `pluto-duck ingest`."""
    actor: Json = None
    """Who asks, when it is not the owner; what it means is the Handler's business."""


class HandlerSession(Protocol):
    def hold(self, request: Request) -> None:
        """Waits for what a request waits for, before it counts as running; `release` ends that, and what would stop a
        running call."""

    def release(self) -> None:
        """From another thread: the host is about to leave."""

    def handle(self, request: Request) -> Reply: ...

    def interrupt(self, reason: Literal["cancel", "timeout", "moved", "gone"]) -> None:
        """From another thread. The running call fails with the error that fits the reason."""

    def progress(self) -> float:
        """Percent of the running statement; -1 when not known."""

    def in_transaction(self) -> bool: ...

    def holdings(self) -> list[str]:
        """What would be lost with this host, in words: `temp table x`, `open transaction`."""

    def close(self) -> None:
        """Rolls back; never raises."""


class Handler(Protocol):
    """Made by the floor above; one per open database."""

    def open(self, hello: Hello) -> HandlerSession: ...

    def tend(self) -> None:
        """Each second, in a thread of the host's."""

    def close(self) -> None: ...


HandlerFactory = Callable[["Database"], Handler]


class Channel(Protocol):
    """One session's way to the host. One call at a time; `interrupt` and `progress` from any thread."""

    role: Literal["host", "guest"]

    def call(self, request: Request) -> Reply: ...

    def interrupt(self) -> None: ...

    def progress(self) -> float: ...

    def close(self) -> None: ...
