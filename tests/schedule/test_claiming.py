"""Each due time is claimed once, whatever the clock does."""

from __future__ import annotations

import pytest

from pluto_duck.errors import SourceError, UsageError
from pluto_duck.governance import seal
from pluto_duck.schedule import claiming
from pluto_duck.workspace import Workspace
from tests.schedule.conftest import Clock, Desk, at

HOUR, DAY = 3_600, 86_400


def test_a_due_time_is_a_firing_once(desk: Desk) -> None:
    desk.add("0 6 * * *")
    six = at("2026-03-11 06:00")
    assert desk.go(six - 1) == []
    assert desk.go(six) == [("queued", six, "due")]
    assert desk.go(six + 1) == [("queued", six, "due")]
    assert desk.run() == six
    assert desk.go(six + 2) == []
    assert desk.go(six + DAY) == [("queued", six + DAY, "due")]


def test_two_that_look_at_one_moment_find_it_once(desk: Desk, workspace: Workspace, clock: Clock) -> None:
    other = Desk(workspace, clock)
    desk.add("0 6 * * *")
    six = at("2026-03-11 06:00")
    assert desk.go(six) == other.go(six) == [("queued", six, "due")]
    taken = desk.claims.take()
    assert taken is not None
    assert other.claims.take() is None
    taken[2].close()
    other.known.close()


@pytest.mark.parametrize(("missed", "runs"), [
    ("skip", []), ("once", ["2026-03-14 06:00"]),
    ("all", ["2026-03-11 06:00", "2026-03-12 06:00", "2026-03-13 06:00", "2026-03-14 06:00"])])
def test_after_a_long_sleep(desk: Desk, missed: str, runs: list[str]) -> None:
    desk.add("0 6 * * *", missed=missed)
    assert desk.go(at("2026-03-14 09:00")) == [("queued", at(one), "missed") for one in runs]
    left = [(one.state, one.times) for one in desk.history() if one.done]
    assert left == ([("skipped", 4 - len(runs))] if len(runs) < 4 else [])
    for one in runs:
        assert desk.run() == at(one)
    assert desk.go(at("2026-03-15 06:00")) == [("queued", at("2026-03-15 06:00"), "due")]


def test_what_is_due_now_makes_up_for_what_was_missed(desk: Desk) -> None:
    desk.add("0 6 * * *")
    assert desk.go(at("2026-03-14 06:00") + 2) == [("queued", at("2026-03-14 06:00"), "due")]


def test_all_that_was_missed_has_a_bound(desk: Desk) -> None:
    desk.add("* * * * *", missed="all", most=3)
    now = at("2026-06-01 00:00") + 100 * DAY
    assert [due for _, due, _ in desk.go(now)] == [now - 120, now - 60, now]


def test_a_clock_that_goes_back_fires_nothing_twice(desk: Desk) -> None:
    desk.add("*/10 * * * *")
    noon = at("2026-03-11 12:00")
    assert desk.go(noon) == [("queued", noon, "due")]
    desk.run()
    for moment in range(noon - HOUR, noon + 1, 300):
        assert desk.go(moment) == []
    assert desk.go(noon + 600) == [("queued", noon + 600, "due")]


def test_a_clock_that_was_years_ahead_stops_nothing_for_years(desk: Desk) -> None:
    desk.add("0 6 * * *")
    desk.go(at("2036-01-01 06:00"))
    desk.run()
    assert desk.go(at("2026-03-11 05:59")) == []
    six = at("2026-03-11 06:00")
    assert desk.go(six) == [("queued", six, "due")]


def test_a_clock_that_goes_forward_is_as_a_sleep(desk: Desk) -> None:
    desk.add("0 * * * *", missed="skip")
    assert desk.go(at("2026-03-10 20:30")) == []
    assert [(one.state, one.times) for one in desk.history()] == [("skipped", 8)]


def test_none_overlaps_with_itself(desk: Desk) -> None:
    desk.add("*/10 * * * *", missed="skip")
    noon = at("2026-03-11 12:00")
    desk.go(noon)
    taken = desk.claims.take()
    assert taken is not None
    assert desk.go(noon + 600) == [("running", noon, "due")]
    assert desk.history()[-1].error == "The one before was still running."
    desk.claims.finish(taken[0], taken[1], "succeeded")
    taken[2].close()
    assert desk.go(noon + 1200) == [("queued", noon + 1200, "due")]


def test_with_catch_up_one_run_waits_for_the_one_at_work(desk: Desk) -> None:
    desk.add("*/10 * * * *")
    noon = at("2026-03-11 12:00")
    desk.go(noon)
    taken = desk.claims.take()
    assert taken is not None
    for moment in (noon + 600, noon + 1200):
        desk.go(moment)
    assert [state for state, _, _ in desk.go(noon + 1201)] == ["running", "queued"]
    assert desk.claims.take() is None
    desk.claims.finish(taken[0], taken[1], "succeeded")
    taken[2].close()
    assert desk.run() == noon + 600


def test_retries_back_off_and_end(desk: Desk) -> None:
    desk.add("0 6 * * *", retries=2, backoff_s=30)
    six = at("2026-03-11 06:00")
    desk.go(six)
    for wait_s in (30, 60):
        assert desk.run("failed", SourceError("It is down.")) == six
        assert desk.claims.take() is None
        desk.clock.now += wait_s - 1
        assert desk.claims.take() is None
        desk.clock.now += 1
    assert desk.run("failed", SourceError("It is down.")) == six
    [one] = desk.history()
    assert (one.state, one.attempt, one.error) == ("failed", 3, "It is down.")


def test_what_can_never_work_is_not_tried_again(desk: Desk) -> None:
    desk.add("0 6 * * *", retries=5)
    desk.go(at("2026-03-11 06:00"))
    desk.run("failed", UsageError("There is no such verb."))
    assert [one.state for one in desk.history()] == ["failed"]


def test_a_retry_of_yesterday_makes_room_for_today(desk: Desk) -> None:
    desk.add("*/10 * * * *", retries=5, backoff_s=3_000)
    noon = at("2026-03-11 12:00")
    desk.go(noon)
    desk.run("failed", SourceError("It is down."))
    assert desk.go(noon + 600) == [("queued", noon + 600, "due")]
    assert [one.state for one in desk.history() if one.attempt] == ["failed"]


def test_one_whose_process_died_is_known_and_has_its_other_attempts(desk: Desk) -> None:
    desk.add("0 6 * * *", retries=1, backoff_s=0)
    six = at("2026-03-11 06:00")
    desk.go(six)
    for attempts in (1, 2):
        taken = desk.claims.take()
        assert taken is not None
        assert desk.claims.reap() == 0, "its lock is held"
        taken[2].close()  # what the kernel does at a death
        assert desk.claims.reap() == 1
        [one] = desk.history()
        assert (one.state, one.attempt) == ("queued" if attempts == 1 else "failed", attempts)
        assert "ended before it did" in one.error
    assert desk.claims.reap() == 0


def test_pausing_leaves_out_what_waits_and_resuming_makes_up_for_nothing(desk: Desk) -> None:
    desk.add("0 6 * * *")
    desk.go(at("2026-03-11 06:00"))
    assert desk.known.pause("it").paused
    assert desk.claims.take() is None
    assert desk.go(at("2026-03-14 12:00")) == []
    desk.known.resume("it")
    assert desk.go(at("2026-03-14 12:01")) == []
    assert desk.go(at("2026-03-15 06:00")) == [("queued", at("2026-03-15 06:00"), "due")]


@pytest.mark.parametrize("change", [
    "UPDATE schedules SET args = '[\"query\", \"select 2\"]'", "UPDATE schedules SET folder = '/'",
    "UPDATE schedules SET seal = ''", "UPDATE schedules SET timeout_s = 1", "UPDATE schedules SET cron = '* * * * *'",
    "UPDATE schedules SET id = 'x'", "UPDATE schedules SET args = 'x'", "UPDATE schedules SET only_if = '[\"backup\"]'", "UPDATE schedules SET zone = 'x'"])
def test_a_record_that_was_changed_runs_nothing(desk: Desk, change: str) -> None:
    desk.add("0 6 * * *")
    with desk.known.control.connection("schedules", ()) as db:
        db.execute(change)
    assert desk.go(at("2026-03-11 06:00")) == []
    [one] = desk.known.all()
    assert not one.ours
    assert desk.known.upcoming(one, 3) == []


def test_a_firing_that_came_along_runs_nothing(desk: Desk) -> None:
    desk.add("0 6 * * *")
    with desk.known.control.connection("schedules", ()) as db:
        db.execute("UPDATE schedules SET seal = 'x'")
        db.execute("INSERT INTO firings (schedule, due_at, kind, state, ready_at) "
                   "SELECT id, 1, 'manual', 'queued', 0 FROM schedules")
    assert desk.claims.take() is None
    assert desk.history()[0].state == "skipped"


def test_a_folder_of_somebody_else_runs_nothing_until_its_schedules_are_adopted(
        desk: Desk, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.add("0 6 * * *")
    monkeypatch.setenv("PLUTODUCK_HOME", f"{tmp_path}/another")
    seal.print_of_key()
    assert desk.go(at("2026-03-11 06:00")) == []
    desk.known.adopt("it")
    assert desk.go(at("2026-03-11 12:00")) == []
    assert desk.go(at("2026-03-12 06:00")) == [("queued", at("2026-03-12 06:00"), "due")]


def test_the_history_has_an_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.add("* * * * *")
    start = at("2026-03-11 00:00")
    monkeypatch.setattr(claiming, "KEPT", 10)
    for minute in range(15):
        desk.go(start + 60 * minute)
        desk.run()
    assert [one.due_at for one in desk.history()][-10:] == [start + 60 * minute for minute in range(5, 15)]
    assert len(desk.history()) <= 12
