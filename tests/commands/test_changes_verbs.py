"""`changes track|untrack|status`, in a shell and in a cell."""

from __future__ import annotations

import pytest

from pluto_duck.commands import Door, invoke
from pluto_duck.commands.render import to_chunks
from pluto_duck.errors import Refused, UnknownName, UsageError
from pluto_duck.session import Session


@pytest.fixture
def door(session: Session) -> Door:
    session.query("CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE ab (id INTEGER PRIMARY KEY); "
                  "CREATE TABLE rest (x INTEGER); CREATE SCHEMA raw; CREATE TABLE raw.a (id INTEGER PRIMARY KEY)")
    return Door(lambda: session)


def shown(door: Door, words: str) -> str:
    return "".join(to_chunks(invoke(words.split(), door), max_rows=50, width=200))


def test_tables_are_tracked_by_name_and_by_pattern(door: Door, session: Session) -> None:
    assert "No table is tracked" in shown(door, "changes status")
    assert "a, ab" in shown(door, "changes track a*")
    shown(door, "changes track rest --full-row")
    assert "raw.a" in shown(door, "changes track raw.* --before")
    session.query("INSERT INTO raw.a VALUES (1); INSERT INTO rest VALUES (2), (3)")
    told = {line.split()[0]: line for line in shown(door, "changes status --format csv").replace(",", " ").splitlines()}
    assert set(told) == {"table", "a", "ab", "raw.a", "rest"}
    assert "whole rows" in told["rest"]
    assert "kept" in told["raw.a"]
    assert len(shown(door, "changes status a --format csv").splitlines()) == 2
    shown(door, "changes untrack *")
    assert [one["schema"] for one in session.tracked()["tables"]] == ["raw"]


def test_tracking_says_what_updates_tell_and_what_they_tell_no_longer(door: Door) -> None:
    assert "no longer" not in shown(door, "changes track a --before")
    told = shown(door, "changes track a*")
    assert "with --before also" in told
    assert "the rows of a as they were" in told
    assert "a delete and an insert" in shown(door, "changes track rest --full-row")


def test_what_can_not_be_tracked_says_why(door: Door, session: Session) -> None:
    with pytest.raises(UsageError, match="no primary key"):
        shown(door, "changes track rest")
    with pytest.raises(UnknownName):
        shown(door, "changes track nothing")
    with pytest.raises(UnknownName, match="tracked table"):
        shown(door, "changes untrack a")
    with pytest.raises(Refused):
        shown(door, "changes track _pluto.commits")
    session.query("BEGIN")
    with pytest.raises(UsageError, match="in a transaction"):
        shown(door, "changes track a")
