"""`make soak`: the fault tests of hosting with all their rounds; its numbers go into RESULTS.md."""

from __future__ import annotations

import statistics

import pytest

from pluto_duck.workspace import Workspace
from tests.benchmarks.test_numbers import machine, write_section
from tests.workspace.test_hosting import rounds_of_kills

ROUNDS = 50


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("fork", [False, True], ids=["", "a forked child outlives the host"])
def test_fifty_kills_of_the_host_under_four_writing_guests(workspace: Workspace, fork: bool) -> None:
    # One of the five hosts, and is the one that is killed.
    gaps = rounds_of_kills(workspace, rounds=ROUNDS, writers=5, fork=fork)
    gaps_ms = sorted(gap * 1000 for gap in gaps)
    name = "soak-fork" if fork else "soak"
    write_section(f"<!-- {name} -->", f"<!-- /{name} -->", (
        f"## `make soak`: {ROUNDS} kill -9 of the host under four writing guests"
        f"{', with a forked child that outlives it' if fork else ''}\n{machine()}.\n\n"
        f"0 acknowledged rows lost, 0 torn, 0 doubled, 0 stuck. A guest's next acknowledged write after the kill: "
        f"p50 {statistics.median(gaps_ms):.0f} ms, p90 {gaps_ms[int(len(gaps_ms) * 0.9)]:.0f} ms, "
        f"max {gaps_ms[-1]:.0f} ms ({len(gaps_ms)} seen)."))
    assert gaps
