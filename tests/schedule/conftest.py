"""Schedules of a workspace under a clock that tests set."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.schedule.claiming import Claims
from pluto_duck.schedule.model import Firing, Wish
from pluto_duck.schedule.store import Schedules
from pluto_duck.workspace import ControlStore, Workspace

BERLIN = "Europe/Berlin"


def at(text: str, zone: str = BERLIN, *, fold: int = 0) -> int:
    """Of `2026-03-29 06:00`, in a zone."""
    moment = dt.datetime.fromisoformat(text).replace(tzinfo=zoneinfo.ZoneInfo(zone), fold=fold)
    return int(moment.timestamp())


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Desk:
    """One process's view: what people say, and what runs it."""

    def __init__(self, workspace: Workspace, clock: Clock) -> None:
        self.workspace, self.clock = workspace, clock
        self.known = Schedules(ControlStore(workspace.control), workspace, clock)
        self.claims = Claims(self.known)

    def add(self, cron: str, name: str = "it", args: tuple[str, ...] = ("query", "select 1"), **wished: Any) -> None:
        self.known.add(name, Wish(cron, wished.pop("zone", BERLIN), args, str(self.workspace.root), **wished))

    def go(self, moment: float) -> list[tuple[str, int, str]]:
        """(state, due, why) of the firings that are open once the clock says so, oldest first."""
        self.clock.now = moment
        self.claims.mend()
        self.claims.fall_due()
        return [(one.state, one.due_at, one.kind) for one in self.history() if not one.done]

    def history(self) -> list[Firing]:
        return self.known.history()[::-1]

    def run(self, state: Any = "succeeded", error: Any = None) -> int:
        """Takes the next one and ends it so; its due time."""
        taken = self.claims.take()
        assert taken is not None
        schedule, firing, lock = taken
        self.claims.finish(schedule, firing, state, error)
        lock.close()
        return firing.due_at


@pytest.fixture
def clock() -> Clock:
    return Clock(at("2026-03-10 12:00"))


@pytest.fixture
def desk(workspace: Workspace, clock: Clock) -> Iterator[Desk]:
    made = Desk(workspace, clock)
    yield made
    made.known.close()


@pytest.fixture
def folder(workspace: Workspace) -> Path:
    return workspace.root
