"""Rows that fail a check may wait for a person: approved they are published as they are, rejected they are gone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.agent.approvals import Approval, Approvals
from pluto_duck.agent.changes import change_of
from pluto_duck.cli import main
from pluto_duck.commands.load_run import perform
from pluto_duck.errors import ChecksFailed, Refused, UsageError
from pluto_duck.ingest import LoadOptions, held
from pluto_duck.session import Session

CHECKS = """version: 1
tables:
  people:
    publish: checked
    on_failure: approve
    checks:
      - sql: id < 100
        name: small
"""
KEPT = "SELECT count(*) FROM duckdb_tables() WHERE schema_name = '_pluto' AND starts_with(table_name, 'held_')"


@pytest.fixture
def people(session: Session, tmp_path: Path) -> Path:
    (session.workspace.root / "checks.yaml").write_text(CHECKS, encoding="utf-8")
    path = tmp_path / "people.csv"
    path.write_text("id,name,at\n1,x,2024-01-01\n2,y,2024-01-02\n")
    return path


def load(session: Session, path: Path, **options: Any) -> int:
    return perform(session, str(path), LoadOptions(**options), shown=path.name).rows


def held_back(session: Session, path: Path, **options: Any) -> Approval:
    with pytest.raises(ChecksFailed, match="small: 1 of") as caught:
        load(session, path, **options)
    [one] = Approvals(session).all(waiting=True)
    assert f"pluto-duck approvals show {one.id}" in caught.value.hint
    assert "held" not in caught.value.facts
    return one


def rows(session: Session) -> list[tuple[object, ...]]:
    return session.query("SELECT id, name FROM people ORDER BY ALL").rows()


@pytest.mark.parametrize(("options", "after"), [
    ({}, [(2, "z"), (300, "far")]), ({"mode": "append"}, [(1, "x"), (2, "y"), (2, "z"), (300, "far")]),
    ({"mode": "merge", "key": ("id",)}, [(1, "x"), (2, "z"), (300, "far")]),
    ({"mode": "merge", "key": ("id",), "cursor": "at", "where": "id > 0"}, [(1, "x"), (2, "z"), (300, "far")])])
def test_what_is_approved_arrives_as_the_load_would_have_brought_it(
        session: Session, people: Path, options: dict[str, Any], after: list[tuple[object, ...]]) -> None:
    load(session, people, **options)
    people.write_text("id,name,at\n2,z,2024-01-03\n300,far,2024-01-03\n")
    one = held_back(session, people, **options)
    assert rows(session) == [(1, "x"), (2, "y")]
    assert (one.kind, one.dry_run) == ("publish", f"small: 1 of {len(after)} rows")
    shown = change_of("publish").sample(session, one, 5)
    assert shown is not None
    assert shown.rows()[0][:2] == (300, "far")
    sample = next(line for line in one.sql.splitlines() if "failed_" in line)
    assert session.query(sample).row_count == 1
    people.unlink()  # the source may be gone by then
    with Session.open(session.workspace.root) as another:  # as after a restart: nothing of it is in this process
        Approvals(another).approve(one.id, one.version)
    assert rows(session) == after
    assert session.query(KEPT).scalar() == 0
    assert Approvals(session).get(one.id).status == "done"
    if "cursor" in options:
        people.write_text("id,name,at\n2,z,2024-01-03\n4,next,2024-01-04\n")
        session.workspace.root.joinpath("checks.yaml").unlink()
        assert load(session, people, **options) == 1, "the cursor stands where the rows have brought it"


def test_what_is_rejected_is_gone(session: Session, people: Path) -> None:
    people.write_text("id,name,at\n300,far,2024-01-01\n")
    one = held_back(session, people)
    assert session.query(KEPT).scalar() == 1
    with pytest.raises(UsageError, match="as it is, or not at all"):
        Approvals(session).edit(one.id, one.body.replace("300", "1"))
    Approvals(session).reject(one.id)
    assert session.query(KEPT).scalar() == 0
    assert session.tables() == []


def test_a_table_that_has_changed_meanwhile_is_not_written_over(session: Session, people: Path) -> None:
    load(session, people)
    people.write_text("id,name,at\n300,far,2024-01-01\n")
    one = held_back(session, people)
    session.query("INSERT INTO people VALUES (5, 'mine', NULL)")
    with pytest.raises(Refused, match="has changed since"):
        Approvals(session).approve(one.id, one.version)
    assert len(rows(session)) == 3
    # Also where it changes after the look at it, within the transaction that would write.
    from pluto_duck.ingest.load import publish_held

    with pytest.raises(Refused, match="has changed since"):
        publish_held(session, held.Held.read(one.body), "token")
    assert len(rows(session)) == 3


def test_rows_that_pass_leave_nothing_aside(session: Session, people: Path) -> None:
    load(session, people)
    assert rows(session) == [(1, "x"), (2, "y")]
    assert session.query(KEPT).scalar() == 0


def test_a_process_that_is_killed_before_it_asks_leaves_the_table_as_it_was(
        session: Session, people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(session, people)
    people.write_text("id,name,at\n300,far,2024-01-01\n")
    script = f"""
import os, signal
from pluto_duck.ingest import ingest, publish
from pluto_duck.session import Session
publish.audit = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
with Session.open({str(session.workspace.root)!r}) as guest:
    ingest(guest, {str(people)!r})
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == -9, done.stderr
    assert rows(session) == [(1, "x"), (2, "y")]
    assert session.query(KEPT).scalar() == 1
    held.sweep(session, [])
    assert session.query(KEPT).scalar() == 1, "whoever put them there may still be about to ask"
    monkeypatch.setattr(held, "ORPHAN_S", -60.0)
    one = held_back(session, people)
    assert session.query(KEPT).scalar() == 1, "the old ones are let go, the new ones wait"
    Approvals(session).approve(one.id, one.version)
    assert rows(session) == [(300, "far")]


def test_the_shell_ends_with_what_is_to_be_done(
        session: Session, people: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(session.workspace.root)
    people.write_text("id,name,at\n300,far,2024-01-01\n")
    assert main(["ingest", str(people)]) == 3
    told = capfd.readouterr().err
    assert "small: 1 of 1 rows" in told
    [one] = Approvals(session).all(waiting=True)
    assert f"approvals show {one.id}" in told
    assert main(["approvals", "approve", one.id, "--seen", one.version]) == 0
    assert rows(session) == [(300, "far")]


@pytest.mark.parametrize("change", [
    {"name": "held_1_x; DROP TABLE people"}, {"name": "orders"}, {"target": ""}, {"failed": [["a", "b", "DROP TABLE people"]]}])
def test_what_is_held_names_nothing_but_what_is_ours(session: Session, people: Path, change: dict[str, Any]) -> None:
    people.write_text("id,name,at\n300,far,2024-01-01\n")
    told = json.loads(held_back(session, people).body)
    with pytest.raises(UsageError):
        held.Held.read(json.dumps({**told, **change}))


def test_what_nobody_decided_about_in_time_is_gone(session: Session, people: Path) -> None:
    people.write_text("id,name,at\n300,far,2024-01-01\n")
    one = held_back(session, people)
    later = Approvals(session, now=lambda: one.expires_at + 1)
    assert later.get(one.id).status == "expired"
    assert session.query(KEPT).scalar() == 0
