"""What of the Journal is kept: by age, by number, and for whoever has not read it yet."""

from __future__ import annotations

import time

import pytest

from pluto_duck.events.model import Position
from pluto_duck.events.retention import DAY_MS, Keep
from pluto_duck.events.webhooks.guard import parse
from pluto_duck.events.webhooks.model import Wish
from pluto_duck.events.webhooks.rules import Filter
from pluto_duck.session import Session
from pluto_duck.session.retaining import Retaining
from pluto_duck.session.webhooks import Hooks
from pluto_duck.workspace import TableRef, Workspace
from tests.events.replay import journal, replayed, table

T = TableRef("t")
NOW = int(time.time() * 1000)


def _retaining(session: Session) -> Retaining:
    """Of the host, which this process is."""
    handler = session._link.node._host._handler  # type: ignore[union-attr]
    found = handler.retaining  # type: ignore[union-attr]
    assert isinstance(found, Retaining)
    return found


@pytest.fixture
def filled(workspace: Workspace, session: Session) -> Retaining:
    session.query("CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR)")
    session.track(T)
    for i in range(6):
        session.query(f"INSERT INTO t VALUES ({i}, 'v'), ({i + 100}, 'v')")
    return _retaining(session)


def test_changes_go_with_their_age(session: Session, filled: Retaining) -> None:
    assert filled.trim(NOW) == 0
    assert len(journal(session, T)) == 12
    last = journal(session, T)[-1]["seq"]
    assert filled.trim(NOW + 8 * DAY_MS) == last
    assert journal(session, T) == []
    assert session.tracked()["oldest"] == last
    start, after = table(session, T), session.tracked()["head"]
    session.query("UPDATE t SET v = 'w' WHERE id < 3")
    found = replayed(session, T, start, after=after)
    assert (found.rows, found.resyncs) == (table(session, T), [])


def test_changes_beyond_a_number_go_in_whole_commits(session: Session, filled: Retaining) -> None:
    filled.keep = Keep(7, 5, 30)
    filled.trim(NOW)
    assert len(journal(session, T)) == 4


def test_a_slow_consumer_is_waited_for_but_not_for_ever(session: Session, filled: Retaining) -> None:
    seqs = sorted({one["seq"] for one in journal(session, T)})
    filled.slowest = lambda: seqs[1]
    filled.trim(NOW + 8 * DAY_MS)
    assert sorted({one["seq"] for one in journal(session, T)}) == seqs[2:]
    filled.trim(NOW + 31 * DAY_MS)
    assert journal(session, T) == []


def test_shapes_that_nothing_is_left_of_go_too(session: Session, filled: Retaining) -> None:
    session.query("ALTER TABLE t ADD COLUMN z INTEGER; INSERT INTO t VALUES (900, 'v', 1)")
    filled.trim(NOW + 8 * DAY_MS)
    assert [row[0] for row in session.query("SELECT version FROM _pluto.change_shapes").rows()] == [2]
    session.query("UPDATE t SET z = 2 WHERE id = 900")
    assert [one["op"] for one in journal(session, T)] == ["u"]



def test_a_snapshot_after_all_changes_went_can_be_gone_on_from(session: Session, workspace: Workspace,
                                                               filled: Retaining) -> None:
    last = filled.trim(NOW + 8 * DAY_MS)
    at, rows = session.snapshot_changes(T)
    assert at == Position(last, Position.LAST)
    assert len(rows.read_all()) == 12
    assert session.changes(at).table.num_rows == 0
    session.query("UPDATE t SET v = 'w' WHERE id = 3")
    assert session.changes(at).table.column("op").to_pylist() == ["u"]
    filled.trim(NOW + 8 * DAY_MS)
    last = session.tracked()["head"]
    session.close()
    with Session.open(workspace.root) as again:
        assert again.tracked()["head"] == last


def test_an_active_webhook_is_waited_for_and_a_paused_one_is_not(session: Session, filled: Retaining) -> None:
    seqs = sorted({one["seq"] for one in journal(session, T)})
    hooks = Hooks.of(session.workspace, session.control, session.settings)
    hook, _ = hooks.store.create(Wish(parse("https://1.1.1.1/"), Filter()), Position(seqs[1], Position.LAST))
    filled.trim(NOW + 8 * DAY_MS)
    assert sorted({one["seq"] for one in journal(session, T)}) == seqs[2:]
    hooks.queue.put({hook.id: []}, Position(seqs[3], 1))
    filled.trim(NOW + 8 * DAY_MS)
    assert sorted({one["seq"] for one in journal(session, T)}) == seqs[3:], "of a commit that it has read in part all is kept"
    hooks.store.pause(hook.id)
    filled.trim(NOW + 8 * DAY_MS)
    assert journal(session, T) == []
