"""A load as a Run: followed and cancelled from anywhere, whichever door it came through."""

from __future__ import annotations

import re
import threading
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pluto_duck.commands import Door
from pluto_duck.commands.holding import asked
from pluto_duck.commands.load_options import as_words
from pluto_duck.errors import Cancelled, PlutoError, from_dict
from pluto_duck.workspace.blot import blotted

if TYPE_CHECKING:
    from pluto_duck.ingest import LoadOptions, LoadReport, Progress
    from pluto_duck.runs import RunContext
    from pluto_duck.session import Session

TELL_EVERY_S = 0.5
"""Each event is a commit in the control store; the end of a table is always told."""
_SHORTEST_SECRET = 4
"""Taken out of the texts of errors from this length on; a shorter one would take half of the words with it."""

_warned: weakref.WeakSet[Session] = weakref.WeakSet()


def perform(session: Session, source: Any, options: LoadOptions, *, shown: str, secret: str | None = None,
            on_progress: Callable[[Progress], None] | None = None) -> LoadReport:
    """Loads, as a run of kind `ingest` with `progress` events. `shown`: the source for the history; `secret`: the
    password in it, which is in no error that comes out."""
    from pluto_duck.commands.asking import _runs
    from pluto_duck.ingest import ingest

    stopped = threading.Event()

    def work(run: RunContext) -> tuple[LoadReport, int, dict[str, Any]]:
        try:
            with session.interrupting(stopped.set):
                report = ingest(session, source, options, on_progress=Teller(run, on_progress))
        except PlutoError as error:
            if stopped.is_set() and not isinstance(error, Cancelled):
                # In the source's own words: "canceling statement due to user request".
                raise Cancelled("The load was cancelled.", hint="The tables are as they were.") from None
            raise without(asked(session, error), secret) from error.__cause__
        return report, report.rows, {"load_id": report.load_id, "tables": [
            {"table": str(one.ref), "rows": one.rows, "elapsed_s": round(one.elapsed_s, 3)} for one in report.tables]}

    with _runs(session) as runs:
        text = f"{shown} {as_words(options)}".strip()
        return runs.attend("ingest", _replaced(text, secret) if secret else text, session, work)


class Teller:
    """Passes progress on, to the door and to the run's followers."""

    def __init__(self, run: RunContext, also: Callable[[Progress], None] | None) -> None:
        self._run = run
        self._also = also
        self._told: dict[str, float] = {}

    def __call__(self, progress: Progress) -> None:
        if self._also is not None:
            self._also(progress)
        now = time.monotonic()
        if not progress.done and now - self._told.get(progress.table, 0.0) < TELL_EVERY_S:
            return
        first = progress.table not in self._told
        self._told[progress.table] = now
        try:
            self._run.emit("progress", "end" if progress.done else "start" if first else "chunk",
                           table=progress.table, rows=progress.rows, total_rows=progress.total_rows,
                           bytes=progress.bytes)
        except Cancelled:
            pass  # the load is being interrupted already, in the way that leaves nothing half-written


def without(error: PlutoError, secret: str | None) -> PlutoError:
    """The error, or one like it where the secret stood in its texts."""
    if not secret or secret not in str(error.to_dict()):
        return error
    clean = from_dict(_replaced(error.to_dict(), secret))
    report = getattr(error, "report", None)
    if report is not None:
        clean.report = report  # type: ignore[attr-defined]
    return clean


def _replaced(value: Any, secret: str) -> Any:
    if len(secret) < _SHORTEST_SECRET:
        return value
    if isinstance(value, dict):
        return {key: _replaced(one, secret) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(one, secret) for one in value]
    return value.replace(secret, "***") if isinstance(value, str) else value


def apart(uri: str) -> tuple[str, str | None]:
    """(the address as it may be shown, its password)."""
    from pluto_duck.ingest.connections_address import split

    if re.match(r"(https?|s3)://[^?]*\?[^@]*\Z", uri, re.I):  # what follows the ? may be a key to what is there
        uri = uri.partition("?")[0]
    try:
        address, password = split(uri)
        return address, password
    except PlutoError:
        return blotted(uri), None


def warn(door: Door, session: Session) -> None:
    """Once in a session: a password that was typed stays where it was typed."""
    if session in _warned:
        return
    spare_warning(session)
    place = "the history of your shell" if door.kind == "shell" else "this notebook"
    door.say(f"The password in that address now stands in {place}. Better: {door.program} connections add NAME URI "
             "without it (you are asked), then ingest --from NAME.")


def spare_warning(session: Session) -> None:
    """For an address that nobody typed: no warning now, nor later in this session."""
    _warned.add(session)
