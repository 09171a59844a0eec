"""Whatever a governed session does is on record, also where no door has begun a trail."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pluto_duck.errors import AuditUnavailable, PlutoError, UnknownName
from pluto_duck.governance import Actor
from pluto_duck.governance.audit import Entry, Recorder, Trail, following, recorder
from pluto_duck.governance.audit.searching import Filter, walk
from pluto_duck.session import Session
from pluto_duck.session.noted import KEY
from pluto_duck.workspace import Workspace
from tests.api.door import governed


@pytest.fixture
def session(workspace: Workspace) -> Iterator[Session]:
    governed(workspace)
    actor = Actor("key", "dash", ("eu",), {"region": "EU"}, "key:abc")
    owner = Session.open(workspace.root)
    with Session(workspace, owner.settings, actor=actor) as opened:
        yield opened
    owner.close()


def recorded(kept: Recorder) -> list[Entry]:
    kept.flush()
    return [row.entry for row in walk(kept.chain, Filter(who="dash"))]


def test_a_call_without_a_trail_makes_an_entry_of_its_own(session: Session, workspace: Workspace) -> None:
    session.query("SELECT * FROM orders")
    with pytest.raises(UnknownName) as refused:
        session.query("SELECT * FROM other")
    assert KEY not in refused.value.facts
    read, denied = recorded(recorder(workspace))
    assert (read.action, read.on, read.rows, read.who.id, read.via) == ("query", ("main.orders",), 3, "abc", "shell")
    assert read.rule == "role eu, grant 1 (line 6)"
    assert (denied.decision, denied.on) == ("deny", ("main.other",))


def test_a_call_of_a_request_is_part_of_its_trail(session: Session, workspace: Workspace) -> None:
    trail = Trail(action="read")
    with following(trail):
        session.query("SELECT * FROM orders")
        session.query("SELECT count(*) FROM orders")
    assert (list(trail.on), trail.rows, trail.denied) == (["main.orders"], 4, "")
    assert recorded(recorder(workspace)) == [], "the door makes one entry of all of it"


def test_the_row_that_a_page_looks_ahead_to_is_not_counted(session: Session) -> None:
    from pluto_duck.session import TableRef
    from pluto_duck.session.rows import Select

    for limit, rows in ((2, 2), (3, 3), (10, 3), (0, 0)):
        trail = Trail(action="read")
        with following(trail):
            assert len(session.page(Select(TableRef("orders"), limit=limit)).result) == rows
        assert (trail.rows or 0) == rows, limit


def test_nothing_passes_while_it_could_not_be_recorded(session: Session, workspace: Workspace) -> None:
    kept = recorder(workspace)
    kept._failing = AuditUnavailable("The audit can't be written: disk full.")
    with pytest.raises(PlutoError, match="disk full"):
        session.query("SELECT * FROM orders")
    kept.required = False
    assert session.query("SELECT count(*) FROM orders").scalar() == 3
