"""What a run is, to those who look at it."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass
from typing import Any, Literal

from pluto_duck.errors import PlutoError, from_dict

Status = Literal["queued", "running", "succeeded", "failed", "cancelled", "timed_out"]
EventType = Literal["reasoning", "tool", "message", "rows", "progress", "log", "run"]
Subtype = Literal["start", "chunk", "end", "final", "error"]

UNFINISHED: tuple[Status, ...] = ("queued", "running")
EVENT_TYPES = ("reasoning", "tool", "message", "rows", "progress", "log", "run")
SUBTYPES = ("start", "chunk", "end", "final", "error")


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    """DuckDB's type text."""


@dataclass(frozen=True)
class RunEvent:
    run_id: str
    seq: int
    """1, 2, 3, ... without gaps, in the order the run emitted them."""
    at: dt.datetime
    type: str
    subtype: str
    content: dict[str, Any]

    @property
    def is_last(self) -> bool:
        return self.type == "run" and self.subtype in ("end", "error")


@dataclass(frozen=True)
class Run:
    """A snapshot; ask `Runs.get` again for a newer one. Times are UTC."""

    run_id: str
    number: int
    """Grows with every run of the workspace: the order of lists."""
    kind: str
    """`sql`, `question`, `ingest`, ... in the words of whoever started it."""
    text: str
    """What was asked, passwords blotted out."""
    status: Status
    created_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
    deadline_s: float | None
    error: dict[str, Any] | None
    """`PlutoError.to_dict()` of what ended it; None while running and when it succeeded."""
    columns: tuple[Column, ...] | None
    """None until the first row is known to come, and for work that has none."""
    row_count: int
    """Rows kept so far."""
    batches: int
    """Batches that readers may take from the rows file so far."""
    size: int
    """Bytes of the rows file that are complete."""
    facts: dict[str, Any]
    """What the work returned: `affected_rows`, `statement`, `truncated`, `answer`, ..."""
    actor: str = ""
    """Whose it is, when not the owner's: nobody else but the owner may look at it."""

    @property
    def done(self) -> bool:
        return self.status not in UNFINISHED

    @property
    def elapsed_s(self) -> float:
        """From its start to its end, or to now; 0.0 while it waits."""
        if self.started_at is None:
            return 0.0
        end = self.finished_at.timestamp() if self.finished_at else time.time()
        return max(0.0, end - self.started_at.timestamp())

    def failure(self) -> PlutoError | None:
        return from_dict(self.error) if self.error else None
