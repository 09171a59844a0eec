"""What runs in a workspace can be seen and stopped from another session."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from pluto_duck.errors import Cancelled, WorkspaceError
from pluto_duck.session import Activity, Session
from pluto_duck.workspace import Workspace
from tests.workspace.worker import Worker

LONG = "SELECT count(*) FROM range(1000000) AS a, range(1000000) AS b -- password='hunter2'"


class Job(threading.Thread):
    """A statement that never ends by itself."""

    error: BaseException | None = None

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.start()

    def run(self) -> None:
        try:
            self._session.query(LONG)
        except Cancelled as error:
            self.error = error

    def was_stopped(self) -> bool:
        self.join(30)
        return isinstance(self.error, Cancelled)


@pytest.fixture(params=["host", "guest"])
def sessions(request: pytest.FixtureRequest, workspace: Workspace) -> Iterator[tuple[Session, Session]]:
    """One that works and one that watches, beside the host or both through it."""
    if request.param == "host":
        with Session.open(workspace.root, label="notebook delays.ipynb") as busy, Session.open(workspace.root) as other:
            yield busy, other
        return
    with Worker(workspace.root), Session.open(workspace.root, label="notebook delays.ipynb") as busy, \
            Session.open(workspace.root) as other:
        assert other.hosting == "guest"
        yield busy, other


def _running(session: Session) -> Activity:
    """The one that comes to run."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        found = session.activity()
        if found:
            return found[0]
        time.sleep(0.01)
    raise AssertionError("nothing runs")


def test_a_statement_is_seen_with_who_runs_it_and_stopped(sessions: tuple[Session, Session]) -> None:
    busy, watcher = sessions
    assert watcher.activity() == []  # the look itself is not told
    job = Job(busy)
    found = _running(watcher)
    assert (found.label, found.role) == ("notebook delays.ipynb", "shell")
    assert found.sql.startswith("SELECT count(*)")
    assert "hunter2" not in found.sql
    assert found.elapsed_s >= 0
    assert watcher.stop(found.id)
    assert job.was_stopped()
    assert watcher.activity() == []


def test_the_stop_of_an_ended_statement_does_not_touch_the_next_one(sessions: tuple[Session, Session]) -> None:
    busy, watcher = sessions
    assert not watcher.stop("")
    job = Job(busy)
    old = _running(watcher)
    assert watcher.stop(old.id)
    assert job.was_stopped()
    job = Job(busy)
    now = _running(watcher)
    assert now.id != old.id
    assert not watcher.stop(old.id)
    assert _running(watcher).id == now.id
    assert watcher.stop(now.id)
    assert job.was_stopped()


def test_a_look_ends_no_rows_of_the_session_that_looks(sessions: tuple[Session, Session]) -> None:
    session, _ = sessions
    with session.stream("FROM range(3000000)") as rows:
        first = next(iter(rows)).num_rows
        assert "range(3000000)" in session.activity()[0].sql, "its own statement is told, too"
        assert first + sum(one.num_rows for one in rows) == 3_000_000
    session.close()
    with pytest.raises(WorkspaceError):
        session.activity()
