"""A schedule that has failed for good tells a webhook: once, signed, and in the transaction that says so."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from pluto_duck.errors import SourceError, UnknownName, UsageError
from pluto_duck.governance import seal
from pluto_duck.workspace import Workspace
from tests.events.webhooks.conftest import Bench, Endpoint
from tests.schedule.conftest import Clock, Desk


def test_a_run_that_failed_for_good_is_told_once(bench: Bench, endpoints: Callable[..., Endpoint],
                                                 workspace: Workspace) -> None:
    endpoint, bench.now = endpoints(), time.time()
    hook, secret = bench.hook(endpoint.url, tables=["alerts"])
    desk = Desk(workspace, Clock(bench.now))
    desk.add("0 6 * * *", "nightly", retries=1, backoff_s=0, alert=hook.id)
    desk.known.ask_for("nightly")
    desk.run("failed", SourceError("postgresql://ann:hunter2@db is down."))
    bench.settle()
    assert endpoint.got == [], "it will be tried again"
    desk.run("failed", SourceError("postgresql://ann:hunter2@db is down.", hint="Start it."))
    bench.settle()
    told = endpoint.verified(secret)
    assert told["type"] == "io.plutoduck.schedule.failed"
    assert {**told["data"], "due_at": ""} == {
        "schedule": "nightly", "state": "failed", "due_at": "", "attempts": 2, "code": "source", "run_id": "",
        "error": "postgresql://ann:***@db is down.", "hint": "Start it."}
    desk.known.ask_for("nightly")
    desk.run("succeeded")
    desk.known.ask_for("nightly")
    desk.run("cancelled")
    bench.settle()
    assert len(endpoint.got) == 1
    codes = iter((503, 204))
    endpoint.answer = lambda number: (next(codes), {}, b"")
    desk.known.ask_for("nightly")
    taken = desk.claims.take()
    assert taken is not None
    taken[2].close()  # as the kernel does where its process is killed
    desk.claims.reap()
    taken = desk.claims.take()
    assert taken is not None
    desk.claims.begun(taken[1], "run-7")
    desk.claims.finish(taken[0], taken[1], "timed_out")
    taken[2].close()
    bench.settle()
    bench.later(120)
    assert [headers["webhook-id"] for headers, _, _ in endpoint.got[1:]] == [endpoint.ids[1]] * 2, "sent until it arrives"
    assert endpoint.verified(secret)["data"]["state"] == "timed_out"
    assert endpoint.verified(secret)["data"]["run_id"] == "run-7"
    desk.known.close()


def test_a_webhook_that_is_not_there_is_said_at_once(bench: Bench, workspace: Workspace, tmp_path: object,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(workspace, Clock(bench.now))
    with pytest.raises(UnknownName):
        desk.add("0 6 * * *", alert="wh_none")
    hook, _ = bench.hook("http://127.0.0.1:8443/hook")
    monkeypatch.setenv("PLUTODUCK_HOME", f"{tmp_path}/another")
    seal.print_of_key()
    with pytest.raises(UsageError, match="not made by you"):
        desk.add("0 6 * * *", alert=hook.id)
    desk.known.close()


def test_a_webhook_that_was_deleted_stops_no_schedule(bench: Bench, workspace: Workspace) -> None:
    hook, _ = bench.hook("http://127.0.0.1:8443/hook")
    desk = Desk(workspace, Clock(bench.now))
    desk.add("0 6 * * *", alert=hook.id)
    bench.store.delete(hook.id)
    desk.known.ask_for("it")
    desk.run("failed", SourceError("no"))
    assert [one.state for one in desk.history()] == ["failed"]
    desk.known.close()
