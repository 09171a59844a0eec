"""`running` and `stop`, frame by frame."""

from __future__ import annotations

from typing import Any

from pluto_duck.panel.desk import THREADS
from tests.panel.test_desk import Sidebar, ended
from tests.panel.test_desk import sidebar as sidebar

LONG = "SELECT count(*) FROM range(1000000) a, range(1000000) b"


def _told(sidebar: Sidebar) -> dict[str, Any]:
    """The next news of what runs."""
    while (news := sidebar.pushed.get(timeout=30))["op"] != "running":
        pass
    return news


def test_what_runs_is_told_and_stopped_though_every_thread_is_at_work(sidebar: Sidebar) -> None:
    nothing = sidebar.ask("running")[-1]
    assert nothing["statements"] == []
    sidebar.ask("hello", version="0")
    requests = [sidebar.send("query", sql=LONG) for _ in range(THREADS)]
    told = _told(sidebar)
    while len(told["statements"]) < THREADS:
        told = _told(sidebar)
    assert (told["op"], told["hosting"]) == ("running", "host")
    assert {one["label"] for one in told["statements"]} == {"sidebar"}
    assert told["statements"][0]["sql"] == LONG
    for one in told["statements"]:
        [stopped] = sidebar.ask("stop", statement=one["id"])
        assert stopped["stopped"]
    assert {ended(replies)[-1]["code"] for _number, replies in requests} == {"cancelled"}
    while told["statements"]:  # and that nothing runs any more
        told = _told(sidebar)
    [stopped] = sidebar.ask("stop", statement="gone:1")
    assert not stopped["stopped"]
