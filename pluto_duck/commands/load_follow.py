"""`ingest --follow` and `--unfollow`: a PostgreSQL database whose changes keep coming, as a run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pluto_duck.commands import Door
from pluto_duck.commands.load_options import as_words
from pluto_duck.commands.load_run import Teller, _replaced, without
from pluto_duck.errors import Cancelled, PlutoError, UsageError

if TYPE_CHECKING:
    from pluto_duck.commands.load_place import Place
    from pluto_duck.ingest import LoadOptions
    from pluto_duck.ingest.follow import FollowReport, Lag
    from pluto_duck.runs import Run, RunContext, Runs
    from pluto_duck.session import Session

KIND = "follow"
OFTEN_S = 60.0
"""So long each second's lag stands in the log of the run, then every quarter of a minute: it may go on for months."""

_kept: list[Runs] = []
"""Of sessions without runs of their own: they end with the process."""


def follow(door: Door, there: Place, options: LoadOptions, *, once: bool, resnapshot: bool) -> str:
    """In a shell until it is stopped; in a notebook as a run in the background, unless `once`."""
    session = door.open_session()
    text = text_of(there.shown, options, there.secret)
    if door.kind == "notebook" and not once:
        run = begin(session, uri_of(there), options, text=text, secret=there.secret, resnapshot=resnapshot)
        return (f"Follows {there.shown} in the background of this kernel, as run {run.run_id}.\n"
                "%pluto loads tells how far it is; it ends with the kernel, and goes on with the same command.")
    report = attend(session, uri_of(there), options, text=text, secret=there.secret, once=once, resnapshot=resnapshot,
                    say=door.say, on_progress=door.progress)
    return told(report, door.program)


def attend(session: Session, uri: str, options: LoadOptions, *, text: str, secret: str | None, once: bool,
           resnapshot: bool, say: Callable[[str], None], on_progress: Any = None) -> FollowReport:
    """In this thread, until all has come (`once`), Ctrl-C, or a cancel of the run."""
    from pluto_duck.commands.asking import _runs

    stop = threading.Event()

    def work(run: RunContext) -> tuple[FollowReport, int, dict[str, Any]]:
        with session.interrupting(stop.set):
            report = _follow(session, run, uri, options, secret, once=once, resnapshot=resnapshot, say=say,
                             on_progress=on_progress, stopped=lambda: stop.is_set() or run.cancelled)
        run.check()  # a cancel is no success
        return report, report.rows, facts(report)

    with _runs(session) as runs:
        return runs.attend(KIND, text, session, work)


def begin(session: Session, uri: str, options: LoadOptions, *, text: str, secret: str | None = None,
          resnapshot: bool = False) -> Run:
    """In the background of this process."""
    from pluto_duck.commands.workbench import Workbench
    from pluto_duck.ingest.follow.following import check_options
    from pluto_duck.runs import Runs

    check_options(options)

    def work(run: RunContext) -> dict[str, Any]:
        report = _follow(run.session, run, uri, options, secret, once=False, resnapshot=resnapshot,
                         say=lambda _text: None, on_progress=None, stopped=lambda: run.cancelled)
        run.check()
        return facts(report)

    if isinstance(session, Workbench):
        runs = session.runs
    else:
        runs = Runs(session, session.workspace)
        _kept.append(runs)
    return runs.start(KIND, text, work)


def _follow(session: Session, run: RunContext, uri: str, options: LoadOptions, secret: str | None, *, once: bool,
            resnapshot: bool, say: Callable[[str], None], on_progress: Any,
            stopped: Callable[[], bool]) -> FollowReport:
    from pluto_duck.ingest.follow import Follower, Told

    def tell(text: str) -> None:
        say(text)
        with suppress(Cancelled):
            run.emit("log", "chunk", text=text)

    lag = _Lags(run)
    follower: Follower | None = None
    try:
        follower = Follower(session, uri, options, Told(tell, Teller(run, on_progress), lag, stopped), once=once,
                            resnapshot=resnapshot)
        return follower.run()
    except KeyboardInterrupt:
        if follower is None or (report := follower.report()) is None:
            raise
        return report  # Ctrl-C is how one stops following
    except PlutoError as error:
        raise without(error, secret) from error.__cause__


class _Lags:
    def __init__(self, run: RunContext) -> None:
        self._run = run
        self._began = time.monotonic()
        self._told = 0.0

    def __call__(self, lag: Lag) -> None:
        now = time.monotonic()
        if lag.bytes and now - self._began > OFTEN_S and now - self._told < OFTEN_S / 4:
            return
        self._told = now
        with suppress(Cancelled):
            self._run.emit("progress", "chunk", rows=lag.rows, transactions=lag.transactions,
                           rows_per_s=round(lag.rows_per_s), lag_bytes=lag.bytes, lag_s=round(lag.seconds, 3),
                           lsn=lag.lsn)


def facts(report: FollowReport) -> dict[str, Any]:
    return {"slot": report.slot, "rows": report.rows, "transactions": report.transactions,
            "tables": list(report.tables), "caught_up": report.caught_up, "notices": list(report.notices)}


def told(report: FollowReport, program: str) -> str:
    copied = "" if report.copied is None else f"Copied {report.copied.rows:,} rows. "
    names = ", ".join(report.tables[:6]) + (f" and {len(report.tables) - 6} more" if len(report.tables) > 6 else "")
    lines = [f"{copied}Applied {report.rows:,} changes in {report.transactions:,} transactions to {names}."]
    lines += report.notices
    lines.append(f"The source keeps what changes from now on for slot {report.slot}, on its disk: go on with the same "
                 f"command, or end it with {program} ingest ... --unfollow.")
    return "\n".join(lines)


def unfollow(door: Door, there: Place) -> str:
    """Drops slot and publication at the source, and what is known here. The tables stay."""
    from pluto_duck.ingest.follow.ending import unfollow as end

    try:
        gone = end(door.open_session(), uri_of(there))
    except PlutoError as error:
        raise without(error, there.secret) from error.__cause__
    done = f"Dropped {' and '.join(gone)} at {there.shown}." if gone else f"Nothing was followed at {there.shown}."
    return f"{done} The tables here stay as they are."


def uri_of(there: Place) -> str:
    if not isinstance(there.source, str):
        raise UsageError("A DataFrame can't be followed.", hint="Only a PostgreSQL database can.")
    from pluto_duck.ingest.connections_address import as_libpq
    from pluto_duck.ingest.connectors.postgres_address import accepts
    from pluto_duck.ingest.sources import from_environment

    uri = as_libpq(from_environment(there.source))
    if there.connector not in (None, "postgres") or not accepts(uri):
        raise UsageError(f"{there.shown} can't be followed: only a PostgreSQL database can.",
                         hint="For other sources: --mode merge --cursor COLUMN takes what is new.")
    return uri


def text_of(shown: str, options: LoadOptions, secret: str | None) -> str:
    """What the history says of it."""
    text = f"{shown} --follow {as_words(options)}".strip()
    return str(_replaced(text, secret)) if secret else text
