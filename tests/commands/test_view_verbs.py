"""`view`: made, listed, refreshed and dropped from the shell and the notebook."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from pluto_duck.commands import Door, each, invoke
from pluto_duck.commands.render import to_chunks
from pluto_duck.errors import Refused, UsageError
from pluto_duck.runs import Runs
from pluto_duck.session import Session

TOTALS = ("view", "create", "totals", "select region, sum(price) as total from orders group by region")


@pytest.fixture
def door(session: Session) -> Door:
    session.query("CREATE TABLE orders AS SELECT i AS id, i % 3 AS region, i::DECIMAL(10,2) AS price FROM range(9) r(i)")
    return Door(lambda: session, kind="notebook")


def say(door: Door, *words: str) -> str:
    return "".join(text for one in each(invoke(list(words), door)) for text in to_chunks(one, max_rows=50, width=300))


def test_a_view_is_made_and_its_staleness_told(door: Door, session: Session) -> None:
    told = say(door, *TOTALS, "--materialized")
    assert "incremental" in told
    assert "orders: its changes are kept from here on" in told
    session.query("INSERT INTO orders VALUES (100, 1, 5)")
    [found] = json.loads(say(door, "view", "list", "--format", "json"))
    assert (found["view"], found["is"], found["changes behind"], found["refresh"]) == ("totals", "stale", 1, "manual")
    assert "stale, 1 change behind" in say(door, "tables")
    assert "1: totals (stale)" in say(door, "status")
    assert "incremental: 1 of 3 rows written" in say(door, "view", "refresh", "--stale")
    assert "1: all of them fresh" in say(door, "status")
    assert "nothing is stale" in say(door, "view", "refresh", "--stale")
    assert "incremental: 1 of 3" in say(door, "view", "show", "totals")
    with closing(Runs(session)) as runs:
        assert [(one.kind, one.status) for one in runs.list(1)] == [("view", "succeeded")]


def test_stale_views_are_refreshed_after_what_they_are_made_of(door: Door, session: Session) -> None:
    say(door, *TOTALS, "--materialized")
    say(door, "view", "create", "above", "select sum(total) as total from totals", "--materialized")
    session.query("INSERT INTO orders VALUES (100, 1, 5)")
    say(door, "view", "refresh", "--stale")
    assert session.query("SELECT total FROM above").rows()[0][0] == 41


def test_a_schedule_comes_and_goes_with_its_view(door: Door) -> None:
    say(door, *TOTALS, "--materialized", "--refresh", "schedule", "--cron", "0 6 * * *", "--tz", "UTC")
    [found] = json.loads(say(door, "schedule", "list", "--format", "json"))
    assert found["runs"] == "view refresh totals"
    say(door, *TOTALS, "--materialized", "--replace", "--refresh", "schedule", "--cron", "@hourly")
    [found] = json.loads(say(door, "schedule", "list", "--format", "json"))
    assert found["cron"] == "0 * * * *"
    say(door, "schedule", "run", found["name"])
    say(door, "view", "drop", "totals")
    assert json.loads(say(door, "schedule", "list", "--format", "json")) == []


@pytest.mark.parametrize("words", [
    ("--refresh", "on-change"), ("--materialized", "--refresh", "schedule"), ("--materialized", "--cron", "@daily"),
    ("--materialized", "--refresh", "schedule", "--cron", "61 * * * *"), ("--file", "x.sql")])
def test_what_does_not_go_together_makes_nothing(door: Door, session: Session, words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        say(door, *TOTALS, *words)
    assert session.views.list() == []


def test_a_key_makes_no_view(session: Session) -> None:
    from pluto_duck.governance import Actor

    with Session.open(session.workspace.root, actor=Actor("key", "k1", ("analyst",))) as governed, \
            pytest.raises(Refused):
        governed.views.list()
