"""What a webhook is told of a run that has failed for good."""

from __future__ import annotations

import datetime as dt
import json

from pluto_duck.errors import PlutoError
from pluto_duck.events.webhooks.queue import New
from pluto_duck.schedule.model import Firing, State
from pluto_duck.workspace.blot import blotted

TYPE = "io.plutoduck.schedule.failed"


def alert(one: Firing, name: str, state: State, error: PlutoError | None, now: float) -> New:
    """Of each attempt at most one: the id of the message is its own."""
    body = {"type": TYPE, "timestamp": _when(now), "data": {
        "schedule": name, "state": state, "due_at": _when(one.due_at), "attempts": one.attempt,
        "code": error.code if error is not None else "", "error": blotted(error.message) if error is not None else "",
        "hint": blotted(error.hint) if error is not None else "", "run_id": one.run_id}}
    return New(f"msg_schedule_{one.schedule}_{one.id}_{one.attempt}", TYPE, "", json.dumps(body))


def _when(at: float) -> str:
    return dt.datetime.fromtimestamp(at, dt.UTC).isoformat(timespec="seconds")


__all__ = ["TYPE", "alert"]
