"""A host gives its guests their turn beside the Python that its user runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator

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
