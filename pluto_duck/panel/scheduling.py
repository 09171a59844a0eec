"""`schedules`, `set_schedule`: what runs by itself, when next, and how it went."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import unknown_name
from pluto_duck.panel.protocol import Request

if TYPE_CHECKING:
    from pluto_duck.commands.workbench import Workbench
    from pluto_duck.panel.desk import Desk
    from pluto_duck.schedule.model import Schedule
    from pluto_duck.schedule.store import Schedules

ACTS = ("pause", "resume", "run")


@contextmanager
def _kept(session: Workbench) -> Iterator[Schedules]:
    from pluto_duck.schedule.store import Schedules
    from pluto_duck.workspace import ControlStore

    known = Schedules(ControlStore(session.workspace.control), session.workspace)
    try:
        yield known
    finally:
        known.close()


def schedules(desk: Desk, request: Request, session: Workbench) -> None:
    """By name."""
    with _kept(session) as known:
        _reply(request, session, known)


def set_schedule(desk: Desk, request: Request, session: Workbench) -> None:
    """`act`: pause, resume, or run it within a second, by whoever runs the schedules."""
    name, act = request.text("schedule"), request.text("act")
    if act not in ACTS:
        raise unknown_name("act", act, ACTS)
    with _kept(session) as known:
        {"pause": known.pause, "resume": known.resume, "run": known.ask_for}[act](name)
        _reply(request, session, known)


def _reply(request: Request, session: Workbench, known: Schedules) -> None:
    from pluto_duck.schedule.running import somebody_runs

    request.reply("schedules", end=True, somebody_runs=somebody_runs(session.workspace),
                  schedules=[_told(one) for one in known.all()])


def _told(one: Schedule) -> dict[str, Any]:
    last = one.last
    return {"id": one.id, "name": one.name, "cron": one.wish.cron, "zone": one.wish.zone,
            "text": shlex.join(one.wish.args), "only_if": shlex.join(one.wish.only_if),
            "state": "disabled" if not one.ours else "paused" if one.paused else "active",
            "next_at": None if one.paused else _moment(one.next_at),
            "last": None if last is None else {
                "state": last.state, "at": _moment(last.ended_at or last.begun_at or last.due_at), "error": last.error,
                "hint": last.hint}}


def _moment(at: float | None) -> str | None:
    return None if at is None else dt.datetime.fromtimestamp(at, dt.UTC).isoformat()
