"""Whatever clock, processes and deaths come together: no due time runs twice, none overlaps, none is lost."""

from __future__ import annotations

import random

import pytest

from pluto_duck.errors import SourceError
from pluto_duck.schedule import claiming
from pluto_duck.schedule.model import Missed
from pluto_duck.schedule.times import Times
from pluto_duck.workspace import Workspace
from tests.schedule.conftest import BERLIN, Clock, Desk, at

CRONS = ("*/10 * * * *", "0 * * * *", "30 2 * * *", "0 6 * * MON-FRI")


def walk(workspace: Workspace, seed: int, *, missed: Missed, jumps: bool) -> None:
    chance = random.Random(seed)
    clock = Clock(at("2026-03-27 12:00"))  # the clocks of Berlin change two days later
    desks = [Desk(workspace, clock) for _ in range(3)]
    retries, cron = chance.choice((0, 2)), chance.choice(CRONS)
    desks[0].add(cron, missed=missed, most=100, retries=retries, backoff_s=60)
    began, held, furthest, runs = clock.now, [], clock.now, []
    for _ in range(60):
        step = chance.choice((1, 61, 600, 5_000, 40_000))
        clock.now += -step if jumps and chance.random() < 0.3 else step
        began, furthest = min(began, clock.now), max(furthest, clock.now)
        desk = chance.choice(desks)
        desk.claims.reap()
        desk.claims.mend(all_times=chance.random() < 0.1)
        desk.claims.fall_due()
        if held and chance.random() < 0.6:
            (owner, taken), held = held[0], []
            ending = chance.choice(("succeeded", "failed", "dies"))
            if ending != "dies":
                owner.claims.finish(taken[0], taken[1], ending, None if ending == "succeeded" else SourceError("no"))
            taken[2].close()
        if (taken := chance.choice(desks).claims.take()) is not None:
            assert not held, "two of one schedule at once"
            held = [(desk, taken)]
            runs.append((taken[1].due_at, taken[1].attempt))
    for _, taken in held:
        taken[2].close()
    assert len(runs) == len(set(runs)), "one attempt was made twice"
    due = Times(cron, BERLIN).within(began, furthest, 10_000)
    firings = desks[0].known.history(limit=10_000)
    assert {one for one, _ in runs} <= set(due), "it ran at a time that is none of its own"
    for due_at, attempt in runs:
        assert attempt == 1 or (due_at, attempt - 1) in runs
        assert attempt <= retries + 1
    assert len({one.due_at for one in firings}) == len(firings)
    if not jumps:
        assert sum(one.times for one in firings) == len(due), "a due time is neither run nor told, or told twice"
        if missed == "all" and len(due) <= 100:  # so many are caught up with
            assert not [one for one in firings if one.state == "skipped"]
    for one in desks:
        one.known.close()


@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(one, marks=pytest.mark.soak) for one in range(3, 150))])
@pytest.mark.parametrize("missed", ["skip", "once", "all"])
def test_any_walk_of_the_clock(workspace: Workspace, missed: Missed, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claiming, "KEPT", 100_000)  # to count them all
    walk(workspace, seed, missed=missed, jumps=seed % 2 == 1)
