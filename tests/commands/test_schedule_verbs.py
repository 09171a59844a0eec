"""`schedule ...`: verbs that run by themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pluto_duck.commands import Door, exit_code, invoke
from pluto_duck.commands.render import to_chunks
from pluto_duck.errors import Refused, RunError, StatementError, UnknownName, UsageError
from pluto_duck.schedule.claiming import Claims
from pluto_duck.schedule.store import Schedules
from pluto_duck.session import Session
from pluto_duck.workspace import ControlStore


@pytest.fixture
def door(session: Session, monkeypatch: pytest.MonkeyPatch) -> Door:
    monkeypatch.chdir(session.workspace.root)
    return Door(lambda: session, kind="notebook")


def say(door: Door, *words: str) -> str:
    value = invoke(["schedule", *words], door)
    values = value if hasattr(value, "__next__") else [value]
    return "".join("".join(to_chunks(one, max_rows=50, width=200)) for one in values)  # type: ignore[union-attr]


def test_a_schedule_from_its_making_to_its_end(door: Door, session: Session) -> None:
    assert "No schedules yet" in say(door)
    made = say(door, "add", "0 6 * * MON-FRI", "--tz", "Europe/Berlin", "--name", "nightly", "--retries", "2",
               "--retry-after", "20s", "--timeout", "1h", "--skip", "--only-if", "query 'select 1'", "--", "query", "create table seen as select 1 as a")
    for told in ("nightly", "Europe/Berlin", "06:00:00", "skipped", "2, first after 20s", "1h", str(session.workspace.root)):
        assert told in made
    assert "nightly" in say(door, "list")
    rows = json.loads(say(door, "next", "nightly", "--count", "3", "--format", "json"))
    assert [one["at"][11:16] for one in rows] == ["06:00"] * 3
    with pytest.raises(UsageError, match="not run yet"):
        say(door, "log", "nightly")
    assert "paused" in say(door, "pause", "nightly")
    assert "paused" in say(door, "list")
    assert "done in" in say(door, "run", "nightly")
    assert session.query("SELECT a FROM seen").rows() == [(1,)]
    [one] = json.loads(say(door, "history", "nightly", "--format", "json"))
    assert (one["state"], one["why"], one["attempts"]) == ("succeeded", "manual", 1)
    with pytest.raises(RunError, match="failed") as told_why:
        say(door, "run", "nightly")
    assert "already exists" in told_why.value.message
    said = say(door, "log", "nightly")
    assert "failed, " in said
    assert "already exists" in said
    assert "succeeded, " in say(door, "log", "nightly", "--back", "1")
    with pytest.raises(UsageError, match="has run 2 times"):
        say(door, "log", "nightly", "--back", "2")
    assert exit_code(invoke(["schedule", "show", "nightly"], door)) == 1
    assert "goes on" in say(door, "resume", "nightly")
    assert "Nothing is due" in say(door, "run-due")
    assert "Removed" in say(door, "remove", "nightly")
    with pytest.raises(UnknownName):
        say(door, "show", "nightly")


@pytest.mark.parametrize(("words", "kind", "says"), [
    (("0 6 * *", "--", "backup"), UsageError, "five fields"), (("0 6 * * *",), UsageError, "no verb"),
    (("0 6 * * *", "--", "backu"), UsageError, "backup"), (("0 6 * * *", "--", "serve"), Refused, "can't be scheduled"),
    (("0 6 * * *", "--tz", "Europe/Berln", "--", "backup"), UnknownName, "time zone"),
    (("0 6 * * *", "--timeout", "soon", "--", "backup"), UsageError, "length of time"),
    (("0 6 * * *", "--only-if", "serve", "--", "backup"), Refused, "can't be scheduled"),
    (("0 6 * * *", "--only-if", "'", "--", "backup"), UsageError, "--only-if"),
    (("0 6 * * *", "--timeout", "0s", "--", "backup"), UsageError, "timeout_s"),
    (("0 6 * * *", "--name", "a b", "--", "backup"), UsageError, "name of a schedule"),
    (("0 6 * * *", "--", "ingest", "--from", "shpo"), UnknownName, "connections add shpo"),
    (("0 6 * * *", "--", "query", "SELEC 1"), StatementError, "SELEC"),
    (("0 6 * * *", "--", "query", "-"), UsageError, "standard input"),
    (("0 6 * * *", "--only-if", "query 'selec 1'", "--", "backup"), StatementError, "selec"),
    (("0 6 * * *", "--alert", "wh_none", "--", "backup"), UnknownName, "webhook")])
def test_what_makes_no_sense_is_refused(door: Door, words: tuple[str, ...], kind: type[Exception], says: str) -> None:
    with pytest.raises(kind) as told:
        say(door, "add", *words)
    assert says in f"{told.value} {getattr(told.value, 'hint', '')}"
    assert "No schedules yet" in say(door)


def test_names_come_from_verbs_and_are_one_each(door: Door) -> None:
    for _ in range(2):
        say(door, "add", "@daily", "--", "backup")
    assert [one["name"] for one in json.loads(say(door, "list", "--format", "json"))] == ["backup", "backup-2"]
    with pytest.raises(Refused, match="BACKUP already"):
        say(door, "add", "@daily", "--name", "BACKUP", "--", "backup")


def test_one_that_came_with_the_folder_runs_only_after_its_owner_was_asked(
        door: Door, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    say(door, "add", "@daily", "--", "query", "select 1")
    monkeypatch.setenv("PLUTODUCK_HOME", str(tmp_path / "another"))
    assert "not made here" in say(door, "list")
    assert "select 1" in say(door, "show", "query")
    with pytest.raises(Refused, match="not made by you"):
        say(door, "run", "query")
    with pytest.raises(Refused, match="select 1"):
        say(door, "adopt", "query")
    door.interactive, door.ask = True, lambda question: False
    assert "Nothing was changed" in say(door, "adopt", "query")
    door.ask = lambda question: "select 1" in question
    assert "active" in say(door, "adopt", "query")


def test_the_audit_has_who_made_it(door: Door, session: Session) -> None:
    say(door, "add", "@daily", "--", "backup")
    say(door, "remove", "backup")
    control = ControlStore(session.workspace.control)
    bodies = [row[0] for row in control.read("audit", ()).execute("SELECT body FROM audit")]
    control.close()
    assert [json.loads(one)["action"] for one in bodies if "schedule." in one] == ["schedule.add", "schedule.remove"]


def test_the_doctor_names_what_is_wrong_with_them(door: Door, session: Session, tmp_path: Path,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    say(door, "add", "@daily", "--", "query", "select * from nothing")
    assert "nobody runs them" in problems(door)
    known = Schedules(session.control, session.workspace)
    claims, asked = Claims(known), known.ask_for("query")
    taken = claims.take_one(asked.id)
    assert taken is not None
    claims.finish(taken[0], taken[1], "failed", RunError("no"))
    taken[2].close()
    assert "The schedule query failed when it ran last" in problems(door)
    monkeypatch.setenv("PLUTODUCK_HOME", str(tmp_path / "another"))
    assert "schedule query was not made by you" in problems(door)


def problems(door: Door) -> str:
    return " ".join(one for one, _ in getattr(invoke(["doctor"], door), "problems"))  # noqa: B009
