"""Fixtures for everybody: a home of its own, a fresh workspace, an open session."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.session import Session
from pluto_duck.workspace import Workspace, create

pytest_plugins = ["pytest_jupyter.jupyter_server", "tests.services.postgres", "tests.services.mysql",
                  "tests.services.models", "tests.services.issuer",
                  "tests.services.oidc", "tests.services.kafka"]

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A job in the background is deaf to Ctrl-C, and so would be what tests press it on: each waits for its time-out.
    signal.signal(signal.SIGINT, signal.default_int_handler)

REQUIRE_ALL = os.environ.get("PLUTODUCK_REQUIRE_ALL") == "1"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may touch the personal workspace or the settings of whoever runs it."""
    for name in list(os.environ):
        if name.startswith("PLUTODUCK_") and name != "PLUTODUCK_REQUIRE_ALL":
            monkeypatch.delenv(name)
    monkeypatch.setenv("PLUTODUCK_HOME", str(tmp_path / "home"))
    for limit in ("REFUSED", "READS", "WRITES", "RUNS"):  # tests of something else ask more than people do
        monkeypatch.setenv(f"PLUTODUCK_LIMITS__{limit}", "unlimited")


@pytest.fixture(autouse=True)
def _plug_ins() -> Iterator[None]:
    """What a test makes known as a plug-in is known no longer after it."""
    from pluto_duck import plugins

    yield
    plugins._group.cache_clear()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return create(tmp_path / "workspace")


@pytest.fixture
def session(workspace: Workspace) -> Iterator[Session]:
    with Session.open(workspace.root) as opened:
        yield opened


UNMEASURED = pytest.StashKey[bool]()
MEASURED = 2
"""So many cases of a test are traced for the coverage."""

LONG = ("panel/", "notebooks/", "test_docs.py", "test_packaging.py", "test_together.py", "transform/", "workspace/test_hosting.py",
        "commands/test_demo.py", "agent/planners/test_dialogue.py", "agent/planners/test_safety.py")
"""Files that take long begin first: side by side, the last one to end should be a short one."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Files of soak tests alone, where making up their cases takes long."""
    return True if collection_path.name.endswith("_soak.py") and "not soak" in config.option.markexpr else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    _leave_out_what_needs_root(config, items)
    _measure_a_few_cases_of_each(items)
    items.sort(key=lambda item: not item.nodeid.removeprefix("tests/").startswith(LONG))


def _leave_out_what_needs_root(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Only root can act for two users or mount a disk: for everybody else such tests are not part of the
    suite, rather than skipped, since nobody without root could make them pass."""
    if hasattr(os, "geteuid") and os.geteuid() == 0 and sys.platform.startswith("linux"):
        return
    left_out = [one for one in items if one.get_closest_marker("root")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [one for one in items if one not in left_out]


def _measure_a_few_cases_of_each(items: list[pytest.Item]) -> None:
    """Being traced makes Python two to three times as slow, and the tenth case of a test runs the lines of the
    first ones. What is left out can only make the coverage less than it is, so the gate holds all the more."""
    seen: Counter[str] = Counter()
    for item in items:
        name = item.nodeid.partition("[")[0]
        seen[name] += 1
        if seen[name] > MEASURED:
            item.stash[UNMEASURED] = True


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """With its fixtures: pytest-cov alone would leave out the call of the test only."""
    plugin = item.config.pluginmanager.getplugin("_cov")
    measuring = getattr(plugin, "cov_controller", None)
    if measuring is None or UNMEASURED not in item.stash:
        return (yield)
    measuring.pause()
    try:
        return (yield)
    finally:
        measuring.resume()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """What a process that died had still to do was done by nobody: the Makefile must not take the rest for the whole."""
    if error and getattr(node.config, "cache", None):
        node.config.cache.set("pluto_duck/died", str(error))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """With PLUTODUCK_REQUIRE_ALL=1 (CI) a skipped test is a failed one: the reason is in its report."""
    report = yield
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped although PLUTODUCK_REQUIRE_ALL=1: {report.longrepr}"
    return report
