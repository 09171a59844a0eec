"""Who begins next: turn by turn, the owner behind nobody."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest

from pluto_duck.errors import Overloaded, QueueFull
from pluto_duck.governance import Actor
from pluto_duck.runs import RunContext, Runs, Share
from pluto_duck.runs.queue import OWNER, FairQueue
from pluto_duck.session import Session

ONE = Share(1, 1_000)


@dataclass(frozen=True)
class Job:
    run_id: str
    lane: str
    share: Share = ONE


def queue(**sizes: int) -> FairQueue[Job]:
    return FairQueue(2, 100, **{"others_running": 2, "others_waiting": 2_000, **sizes})


def taken(jobs: FairQueue[Job]) -> list[str]:
    """The order in which they begin, where one ends before the next begins."""
    found = []
    while (job := jobs.take()) is not None:
        found.append(job.run_id)
        jobs.done(job, 0.1)
    return found


def test_one_with_a_single_run_does_not_wait_for_one_with_a_hundred() -> None:
    jobs = queue()
    for number in range(100):
        jobs.put(Job(f"a{number}", "a"))
    jobs.put(Job("b0", "b"))
    jobs.put(Job("c0", "c"))
    jobs.put(Job("c1", "c"))
    told = {one.run_id: jobs.position(one) for one in jobs.jobs()}
    order = taken(jobs)
    assert order[:5] == ["a0", "b0", "c0", "a1", "c1"]
    assert told == {run_id: place for place, run_id in enumerate(order)}, "the position told is the place in the line"


def test_an_actor_has_no_more_at_work_than_its_share_and_all_no_more_than_there_are() -> None:
    jobs = queue(others_running=3)
    for lane in "abcd":
        for number in range(3):
            jobs.put(Job(f"{lane}{number}", lane, Share(2, 10)))
    first = [jobs.take() for _ in range(4)]
    assert [one.run_id if one else None for one in first] == ["a0", "b0", "c0", None]
    assert first[0] is not None
    jobs.done(first[0], 0.1)
    assert jobs.ready() == 1
    following = jobs.take()
    assert following is not None
    assert following.run_id == "d0", "whoever has none at work is first"


def test_the_owner_is_behind_nobody_and_nobody_waits_for_the_owner() -> None:
    jobs = queue()
    for number in range(50):
        jobs.put(Job(f"a{number}", "a"))
    assert jobs.take() == Job("a0", "a")
    for number in range(4):
        jobs.put(Job(f"o{number}", OWNER))
    assert [one.run_id for _ in range(2) if (one := jobs.take())] == ["o0", "o1"]
    assert jobs.take() is None, "the owner has two at work, `a` its share"
    jobs.put(Job("b0", "b"))
    assert jobs.take() == Job("b0", "b"), "although the owner has more waiting"


def test_what_is_full_says_whose_fault_it_is_and_when_to_come_again() -> None:
    jobs = queue(others_waiting=3)
    small = Share(1, 2)
    for number in range(2):
        jobs.check("a", small)
        jobs.put(Job(f"a{number}", "a", small))
    with pytest.raises(QueueFull) as full:
        jobs.check("a", small)
    assert (full.value.http_status, full.value.facts["position"]) == (429, 2)
    assert 1 <= full.value.facts["retry_after_s"] <= 60
    jobs.check("b", small)
    jobs.put(Job("b0", "b", small))
    with pytest.raises(Overloaded) as over:
        jobs.check("c", small)
    assert over.value.http_status == 503
    assert over.value.facts["position"] == 0, "nobody learns what others do"
    jobs.check(OWNER, small)


def test_one_that_is_taken_out_leaves_no_trace() -> None:
    jobs = queue()
    one = Job("a0", "a")
    jobs.put(one)
    jobs.remove(one)
    assert (len(jobs), jobs.take(), jobs.standing()) == (0, None, {"running": 0, "waiting": 0, "actors": []})


def _actor(name: str) -> Actor:
    return Actor("key", name, (), {}, f"key:{name}")


def test_runs_of_many_actors_begin_in_turn(session: Session) -> None:
    runs = Runs(session)
    runs.queue.others_running = 1
    begun: list[str] = []
    hold, at_work = threading.Event(), threading.Event()

    def work(name: str) -> object:
        def inner(run: RunContext) -> None:
            begun.append(name)
            at_work.set()
            hold.wait(30)
        return inner

    first = runs.start("sql", "first", work("first"), actor=_actor("a"))
    assert at_work.wait(30)
    many = [runs.start("sql", "many", work("many"), actor=_actor("a")) for _ in range(10)]
    single = runs.start("sql", "single", work("single"), actor=_actor("b"))
    assert runs.position(many[0].run_id) == 0
    assert runs.position(single.run_id) == 1, "behind one of the ten, not behind ten"
    assert runs.position(first.run_id) is None
    owners = runs.start("sql", "owner", lambda run: None)
    assert runs.wait(owners.run_id, 30).status == "succeeded", "the owner's did not wait"
    standing = runs.standing()
    assert standing["actors"] == [{"actor": "key:a", "running": 1, "waiting": 10},
                                  {"actor": "key:b", "running": 0, "waiting": 1}]
    hold.set()
    for one in (*many, single):
        assert runs.wait(one.run_id, 30).status == "succeeded"
    assert begun.index("single") == 2
    runs.close()


def test_no_more_finished_runs_are_kept_than_the_most(session: Session) -> None:
    runs = Runs(session, settings=session.settings.but(runs__keep_most=5))
    made = [runs.record("sql", f"select {number}", "succeeded", 0.0) for number in range(9)]
    assert runs.sweep() == 4
    assert [one.run_id for one in runs.list()] == [one.run_id for one in reversed(made[4:])]
    runs.close()
