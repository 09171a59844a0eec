"""Runs in one process: states, events, cancel, deadline, rows, history."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pytest

from pluto_duck.errors import (
    Cancelled,
    QueueFull,
    RunError,
    RunNotFound,
    StatementError,
    TimedOut,
    UsageError,
    WorkspaceUnusable,
)
from pluto_duck.runs import RunContext, Runs
from pluto_duck.session import Session
from pluto_duck.workspace.blot import blotted

ENDLESS = "select count(*) from range(100000000000) a(x), range(1000) b(y) where hash(x * y) = 1"


@pytest.fixture
def runs(session: Session) -> Iterator[Runs]:
    opened = Runs(session)
    yield opened
    opened.close()


def sql(text: str, **options: Any) -> Callable[[RunContext], dict[str, Any]]:
    def work(run: RunContext) -> dict[str, Any]:
        with run.session.stream(text, **options) as stream:
            return run.write_stream(stream)

    return work


def waits_for(gate: threading.Event, reached: threading.Event) -> Callable[[RunContext], None]:
    """Work that stands still until the test opens the gate."""

    def work(run: RunContext) -> None:
        reached.set()
        while not gate.wait(0.01):
            run.check()

    return work


def names(events: Any) -> list[str]:
    return [f"{one.type}/{one.subtype}" for one in events]


def test_a_run_tells_its_whole_story_in_numbered_events(runs: Runs) -> None:
    run = runs.start("sql", "select 1", sql("select range as i from range(3)"))
    events = list(runs.events(run.run_id))
    assert names(events) == ["run/start", "run/chunk", "rows/start", "rows/chunk", "rows/end", "run/end"]
    assert [one.seq for one in events] == [1, 2, 3, 4, 5, 6]
    assert events[-1].content["status"] == "succeeded"
    assert runs.result(run.run_id).rows() == [(0,), (1,), (2,)]


def test_events_can_be_replayed_from_any_number(runs: Runs) -> None:
    run = runs.start("sql", "select 1", sql("select 1"))
    whole = list(runs.events(run.run_id))
    for after in range(len(whole) + 1):
        assert list(runs.events(run.run_id, after)) == whole[after:]


def test_what_the_work_says_stands_among_the_events(runs: Runs) -> None:
    def work(run: RunContext) -> dict[str, Any]:
        run.emit("reasoning", "chunk", text="thinking")
        return {"answer": 42}

    run = runs.wait(runs.start("question", "what?", work).run_id)
    assert run.facts == {"answer": 42}
    assert [e.content for e in runs.events(run.run_id) if e.type == "reasoning"] == [{"text": "thinking"}]


def test_work_may_not_write_the_events_that_are_the_runs_own(runs: Runs) -> None:
    run = runs.wait(runs.start("x", "x", lambda run: run.emit("run", "end") and None).run_id)  # type: ignore[arg-type]
    assert isinstance(run.failure(), UsageError)


def test_many_followers_each_see_every_event_once(runs: Runs) -> None:
    gate, reached = threading.Event(), threading.Event()

    def work(run: RunContext) -> None:
        reached.set()
        assert gate.wait(30)
        for i in range(50):
            run.emit("log", "chunk", i=i)

    run = runs.start("x", "x", work)
    seen: list[list[int]] = [[] for _ in range(4)]
    followers = [threading.Thread(target=lambda into=into: into.extend(e.seq for e in runs.events(run.run_id)))
                 for into in seen]
    for one in followers:
        one.start()
    assert reached.wait(30)
    gate.set()
    for one in followers:
        one.join(30)
    assert seen == [list(range(1, 54))] * 4


def test_a_failing_statement_ends_its_run_with_the_error_and_its_hint(runs: Runs) -> None:
    run = runs.wait(runs.start("sql", "selekt", sql("selekt 1")).run_id)
    assert run.status == "failed"
    assert isinstance(run.failure(), StatementError)
    with pytest.raises(StatementError):
        runs.result(run.run_id)


def test_an_unexpected_error_keeps_its_words_out_of_the_record(runs: Runs) -> None:
    def work(run: RunContext) -> None:
        raise ValueError("postgres://me:hunter2@host")

    run = runs.wait(runs.start("ingest", "x", work).run_id)
    assert run.status == "failed"
    assert "hunter2" not in str(run.error)
    assert "ValueError" in str(run.error)


def test_cancel_stops_the_statement_in_the_database(runs: Runs) -> None:
    reached = threading.Event()

    def work(run: RunContext) -> None:
        _ = run.session
        reached.set()
        run.session.query(ENDLESS)

    run = runs.start("sql", ENDLESS, work)
    assert reached.wait(30)
    runs.cancel(run.run_id)
    ended = runs.wait(run.run_id, 30)
    assert ended.status == "cancelled"
    assert isinstance(ended.failure(), Cancelled)
    assert list(runs.events(run.run_id))[-1].subtype == "error"


def test_cancel_before_the_work_reaches_the_database_still_stops_it(runs: Runs) -> None:
    gate, reached = threading.Event(), threading.Event()

    def work(run: RunContext) -> None:
        reached.set()
        assert gate.wait(30)
        run.session.query(ENDLESS)

    run = runs.start("sql", ENDLESS, work)
    assert reached.wait(30)
    runs.cancel(run.run_id)
    gate.set()
    assert runs.wait(run.run_id, 30).status == "cancelled"


def test_cancelling_what_has_ended_changes_nothing(runs: Runs) -> None:
    run = runs.wait(runs.start("sql", "select 1", sql("select 1")).run_id)
    assert runs.cancel(run.run_id) == run


def test_a_deadline_ends_a_run_as_timed_out(runs: Runs) -> None:
    run = runs.start("sql", ENDLESS, sql(ENDLESS), deadline_s=0.1)
    ended = runs.wait(run.run_id, 30)
    assert ended.status == "timed_out"
    assert isinstance(ended.failure(), TimedOut)


def test_work_that_never_listens_is_given_up_after_its_grace(
        runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pluto_duck.runs.runner.STOP_GRACE_S", 0.0)
    gate = threading.Event()

    def deaf(run: RunContext) -> dict[str, Any]:
        assert gate.wait(60)
        return {"late": True}

    run = runs.start("x", "x", deaf, deadline_s=0.05)
    ended = runs.wait(run.run_id, 30)
    gate.set()
    assert ended.status == "timed_out"
    runs.wait(runs.start("x", "x", lambda run: None).run_id, 30)
    assert runs.get(run.run_id).facts == {}  # what it returned too late does not count


def test_runs_beyond_the_limit_wait_and_a_waiting_one_can_be_cancelled(session: Session) -> None:
    runs = Runs(session, max_running=1)
    gate, reached = threading.Event(), threading.Event()
    first = runs.start("x", "first", waits_for(gate, reached))
    assert reached.wait(30)
    second = runs.start("x", "second", lambda run: None)
    third = runs.start("x", "third", lambda run: None)
    assert second.status == "queued"
    assert runs.cancel(second.run_id).status == "cancelled"
    gate.set()
    assert runs.wait(first.run_id, 30).status == "succeeded"
    assert runs.wait(third.run_id, 30).status == "succeeded"
    assert runs.get(second.run_id).status == "cancelled"
    runs.close()


def test_a_full_queue_refuses_and_says_what_to_do(session: Session) -> None:
    runs = Runs(session, max_running=1, max_waiting=1)
    gate, reached = threading.Event(), threading.Event()
    runs.start("x", "x", waits_for(gate, reached))
    assert reached.wait(30)
    runs.start("x", "x", lambda run: None)
    with pytest.raises(QueueFull) as refused:
        runs.start("x", "x", lambda run: None)
    assert refused.value.hint
    gate.set()
    runs.close()


def test_rows_can_be_read_while_they_are_written(runs: Runs) -> None:
    batch = pyarrow.record_batch({"i": pyarrow.array([1, 2], pyarrow.int32())})
    gate, half = threading.Event(), threading.Event()

    def work(run: RunContext) -> None:
        from pluto_duck.runs import Column

        def batches() -> Iterator[pyarrow.RecordBatch]:
            yield batch
            half.set()
            assert gate.wait(30)
            yield batch

        run.write_batches([Column("i", "INTEGER")], batch.schema, batches())

    run = runs.start("x", "x", work)
    assert half.wait(30)
    now = runs.get(run.run_id)
    assert (now.status, now.batches, now.row_count) == ("running", 1, 2)
    with runs.open_rows(now) as reader:
        assert [b.num_rows for b in reader.upto(now.batches)] == [2]
        gate.set()
        ended = runs.wait(run.run_id, 30)
        assert [b.num_rows for b in reader.upto(ended.batches)] == [2]
    assert runs.result(run.run_id).rows() == [(1,), (2,), (1,), (2,)]


def test_the_rows_file_is_private_and_is_a_whole_arrow_stream(runs: Runs) -> None:
    run = runs.wait(runs.start("sql", "x", sql("select 1 as one")).run_id)
    path = runs.workspace.runs / f"{run.run_id}.arrow"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_size == run.size
    with pyarrow.OSFile(str(path), "rb") as file:
        assert pyarrow.ipc.open_stream(file).read_all().to_pydict() == {"one": [1]}


def test_a_page_crosses_batches(runs: Runs) -> None:
    run = runs.wait(runs.start("sql", "x", sql("select range::INTEGER as i from range(150000)")).run_id)
    assert run.batches > 1
    page = runs.page(run, 65_530, 10)
    assert page is not None
    assert page.column(0).to_pylist() == list(range(65_530, 65_540))
    past = runs.page(run, 150_000, 10)
    assert past is not None
    assert past.num_rows == 0


def test_a_statement_without_rows_keeps_its_count(runs: Runs) -> None:
    runs.wait(runs.start("sql", "x", sql("create table t (i int)")).run_id)
    run = runs.wait(runs.start("sql", "x", sql("insert into t values (1), (2)")).run_id)
    assert (run.columns, run.facts["affected_rows"], run.row_count) == (None, 2, 0)
    assert not runs.result(run.run_id).has_rows


def test_rows_beyond_the_cap_are_cut_and_it_says_so(runs: Runs) -> None:
    run = runs.wait(runs.start("sql", "x", sql("from range(10)", max_rows=3)).run_id)
    assert (run.row_count, run.facts["truncated"]) == (3, True)
    assert runs.result(run.run_id).truncated


def test_history_of_work_done_elsewhere_stands_in_the_same_list(runs: Runs) -> None:
    runs.record("sql", "select 1", "succeeded", 0.5, 1)
    runs.record("sql", "selekt", "failed", 0.1, error=StatementError("no", hint="yes"))
    failed, good = runs.list()
    assert (good.status, good.row_count, round(good.elapsed_s, 3)) == ("succeeded", 1, 0.5)
    assert str(failed.failure()) == "no"
    assert names(runs.events(good.run_id)) == ["run/start", "run/end"]


def test_the_list_goes_page_by_page_newest_first(runs: Runs) -> None:
    for i in range(5):
        runs.record("sql", f"select {i}", "succeeded", 0.0)
    first = runs.list(2)
    second = runs.list(2, before=first[-1].number)
    assert [one.text for one in (*first, *second)] == ["select 4", "select 3", "select 2", "select 1"]
    assert runs.list(status="failed") == []


def test_an_unknown_run_is_not_found(runs: Runs) -> None:
    with pytest.raises(RunNotFound):
        runs.get("nope")
    with pytest.raises(RunNotFound):
        runs.cancel("nope")


def test_old_runs_go_with_their_events_and_rows(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    old = runs.wait(runs.start("sql", "x", sql("select 1")).run_id)
    assert runs.sweep() == 0
    stray = runs.workspace.runs / f"{uuid.uuid4()}.arrow"
    stray.touch()
    monkeypatch.setattr(runs, "_keep_days", lambda: 0)
    assert runs.sweep() == 1
    assert not stray.exists()
    assert not list(runs.workspace.runs.glob("*.arrow"))
    assert runs.read_events(old.run_id) == []
    with pytest.raises(RunNotFound):
        runs.get(old.run_id)


def test_a_prepared_record_names_no_file_of_others(runs: Runs, tmp_path: Path) -> None:
    """control.sqlite may have come with a cloned folder."""
    runs.record("sql", "select 1", "succeeded", 0.0)
    files = [tmp_path / "theirs.arrow", tmp_path / "poetry.lock", runs.workspace.runs / "theirs.arrow",
             runs.workspace.runs / "poetry.lock"]
    for file in files:
        file.write_text("theirs")
    out = os.path.relpath(tmp_path, runs.workspace.runs)
    with sqlite3.connect(runs.workspace.control) as db:
        db.execute("INSERT INTO runs (run_id, kind, text, status, owner, created_at, finished_at, columns, batches) "
                   "VALUES (?, 'sql', '', 'succeeded', '', 1, 1, '[]', 1)", (f"{out}/theirs",))
        db.execute("INSERT INTO runs (run_id, kind, text, status, owner, created_at) "
                   "VALUES ('theirs', 'sql', '', 'running', ?, 1)", (f"{out}/poetry",))
    db.close()
    with pytest.raises(RunError, match="not the id"):
        runs.page(runs.get(f"{out}/theirs"), 0, 1)
    assert runs.reap() == 1
    assert runs.sweep() == 1
    assert all(file.exists() for file in files)


def test_the_error_of_a_run_is_kept_without_passwords(runs: Runs) -> None:
    error = StatementError("Unable to connect at \"host=h password=hunter2\"", hint="x", near=["password='hunter2'"])
    run = runs.record("sql", "x", "failed", 0.0, error=error)
    assert "***" in str(run.error)
    assert "hunter2" not in str(run.error)
    assert "hunter2" not in str(runs.read_events(run.run_id))


def test_rows_that_are_gone_are_said_to_be_gone(runs: Runs) -> None:
    run = runs.wait(runs.start("sql", "x", sql("select 1")).run_id)
    (runs.workspace.runs / f"{run.run_id}.arrow").unlink()
    with pytest.raises(RunError, match="gone"):
        runs.page(run, 0, 1)


def test_closing_cancels_what_runs_and_takes_nothing_more(session: Session) -> None:
    runs = Runs(session)
    gate, reached = threading.Event(), threading.Event()
    run = runs.start("x", "x", waits_for(gate, reached))
    assert reached.wait(30)
    runs.close()
    runs.close()
    assert Runs(session).get(run.run_id).status == "cancelled"
    assert not list(session.workspace.runs.glob("*.lock"))
    with pytest.raises(RunError):
        runs.start("x", "x", lambda run: None)


@pytest.mark.parametrize(("text", "safe"), [
    ("attach 'postgres://me:hunter2@host/db'", "attach 'postgres://me:***@host/db'"),
    ("attach 'host=h password=hunter2 dbname=d'", "attach 'host=h password=*** dbname=d'"),
    ("create secret s (type s3, key_id 'a', secret 'hunter2')", "create secret s (type s3, key_id 'a', secret '***')"),
    ("select token, secret from t where x = y", "select token, secret from t where x = y"),
    ("select 'a:b@c'", "select 'a:b@c'"),
])
def test_passwords_do_not_reach_the_history(text: str, safe: str) -> None:
    assert blotted(text) == safe


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_starts_afresh_and_leaves_the_parents_run_alone(runs: Runs) -> None:
    gate, reached = threading.Event(), threading.Event()
    run = runs.start("x", "x", waits_for(gate, reached))
    assert reached.wait(30)
    child = os.fork()
    if child == 0:
        try:
            ours = runs.get(run.run_id).status == "running" and not runs.is_mine(run.run_id)
            mine = runs.wait(runs.start("x", "x", lambda run: None).run_id, 30).status == "succeeded"
            os._exit(0 if ours and mine else 1)
        except BaseException:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    gate.set()
    assert runs.wait(run.run_id, 30).status == "succeeded"


# -- work that its caller does himself ----------------------------------------------------------------


def test_work_done_here_is_a_run_that_others_follow(runs: Runs, session: Session) -> None:
    def work(run: RunContext) -> tuple[str, int, dict[str, Any]]:
        assert run.session is session
        (seen,) = runs.list(1)
        assert (seen.kind, seen.status) == ("ingest", "running")
        run.emit("progress", "chunk", table="orders", rows=5)
        return "done", 7, {"tables": ["orders"]}

    assert runs.attend("ingest", "from postgresql://me:s3cret@h/db", session, work) == "done"
    (run,) = runs.list(1)
    assert (run.status, run.row_count, run.facts) == ("succeeded", 7, {"tables": ["orders"]})
    assert "s3cret" not in run.text
    events = list(runs.events(run.run_id))
    assert names(events) == ["run/start", "run/chunk", "progress/chunk", "run/end"]
    assert events[2].content == {"table": "orders", "rows": 5}
    assert events[3].content["row_count"] == 7
    assert session.query("select 1").scalar() == 1, "the session stays open: it is its caller's"


@pytest.mark.parametrize("elsewhere", [False, True])
def test_work_done_here_is_cancelled_from_anywhere(runs: Runs, session: Session, elsewhere: bool) -> None:
    other = Runs(session) if elsewhere else runs

    def work(run: RunContext) -> tuple[None, int, dict[str, Any]]:
        threading.Thread(target=lambda: other.cancel(run.run_id)).start()
        session.query(ENDLESS)
        raise AssertionError("it ended by itself")

    with pytest.raises(Cancelled):
        runs.attend("ingest", "endless", session, work)
    (run,) = runs.list(1)
    assert run.status == "cancelled"
    assert session.query("select 1").scalar() == 1
    if elsewhere:
        other.close()


@pytest.mark.parametrize(("error", "status"), [
    (KeyboardInterrupt(), "cancelled"), (StatementError("no"), "failed"), (ValueError("odd"), "failed"),
    (TimedOut("slow"), "timed_out")])
def test_what_work_done_here_raises_comes_out_as_it_is(
    runs: Runs, session: Session, error: BaseException, status: str,
) -> None:
    def work(run: RunContext) -> tuple[None, int, dict[str, Any]]:
        raise error

    with pytest.raises(type(error)) as caught:
        runs.attend("ingest", "fails", session, work)
    assert caught.value is error
    (run,) = runs.list(1)
    assert run.status == status
    assert runs.progress(run.run_id) == -1.0


def test_a_workspace_that_went_away_hinders_nobody_from_closing(
        session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs(session)
    gate, reached = threading.Event(), threading.Event()
    runs.start("x", "x", lambda run: (reached.set(), gate.wait(60)))
    assert reached.wait(30)

    def gone(*_: object, **__: object) -> None:
        raise WorkspaceUnusable("its folder is gone", hint="none")

    monkeypatch.setattr(runs._store, "finish", gone)
    runs.close()  # raises nothing
    gate.set()
