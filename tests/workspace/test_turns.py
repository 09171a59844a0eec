"""A host gives its guests their turn beside the Python that its user runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from pluto_duck.session import Session
from pluto_duck.workspace import Workspace
from pluto_duck.workspace.turns import SHORT_S, short_turns
from tests.workspace.worker import Worker


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.005)
    yield
    sys.setswitchinterval(before)


def test_turns_are_short_as_long_as_there_are_guests(workspace: Workspace) -> None:
    with Session.open(workspace.root) as host:
        host.query("SELECT 1")
        assert sys.getswitchinterval() == pytest.approx(0.005)
        with Worker(workspace.root) as one, Worker(workspace.root) as two:
            for guest in (one, two):
                guest.query("SELECT 1")
            assert sys.getswitchinterval() == pytest.approx(SHORT_S)


def test_the_interval_is_given_back_unless_it_is_somebody_elses() -> None:
    with short_turns():
        with short_turns():
            assert sys.getswitchinterval() == pytest.approx(SHORT_S)
        assert sys.getswitchinterval() == pytest.approx(SHORT_S)
    assert sys.getswitchinterval() == pytest.approx(0.005)
    with short_turns():
        sys.setswitchinterval(0.01)
    assert sys.getswitchinterval() == pytest.approx(0.01)
    sys.setswitchinterval(0.0001)
    with short_turns():
        assert sys.getswitchinterval() == pytest.approx(0.0001), "shorter is good, too"
    assert sys.getswitchinterval() == pytest.approx(0.0001)


def test_closing_waits_for_whoever_just_takes_a_cursor(workspace: Workspace) -> None:
    """DuckDB 2.0 refuses to close what is in use for that moment; 1.5 waits by itself."""
    session = Session.open(workspace.root)
    database = session._link._channel._host.database  # type: ignore[union-attr]
    root, left = database._root, 3

    class Busy:
        def close(self) -> None:
            nonlocal left
            left -= 1
            if left > 0:
                raise duckdb.Error("Resource In Use Error: connection is busy with another call; it refuses")
            root.close()

        def __getattr__(self, name: str) -> Any:
            return getattr(root, name)

    database._root = Busy()
    session.close()
    assert left == 0
    with Session.open(workspace.root) as again:
        assert again.query("SELECT 1").rows() == [(1,)]
