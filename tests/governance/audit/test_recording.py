"""Several processes and threads append at once; what was kept is there, whoever dies."""

from __future__ import annotations

import importlib
import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pluto_duck.errors import AuditUnavailable
from pluto_duck.governance.audit import Chain, Entry, Recorder, Trail, recorder, verify
from pluto_duck.governance.audit.searching import Filter, search, walk
from pluto_duck.governance.audit.summary import summary
from pluto_duck.workspace import Workspace
from tests.governance.audit.conftest import entries

writer = importlib.import_module("pluto_duck.governance.audit.recorder")

APPENDS = """
import sys
from pluto_duck.governance.audit import Entry, Recorder
from pluto_duck.workspace import find
recorder = Recorder(find(sys.argv[1]))
for i in range(int(sys.argv[3])):
    entry = Entry("read", via=sys.argv[2], rows=i)
    if i % 50 == 0:
        recorder.keep(entry)
        print(i, flush=True)
    else:
        recorder.note(entry)
recorder.close()
print("done", flush=True)
"""


def appending(workspace: Workspace, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", APPENDS, str(workspace.root), name, str(count)],
                            stdout=subprocess.PIPE, text=True, env={**os.environ})


@pytest.fixture
def recording(workspace: Workspace) -> Iterator[Recorder]:
    made = Recorder(workspace)
    yield made
    made.close()


def test_two_processes_append_a_thousand_each_into_one_chain(workspace: Workspace, chain: Chain) -> None:
    both = [appending(workspace, name, 1_000) for name in ("one", "other")]
    for one in both:
        assert one.communicate(timeout=60)[0].endswith("done\n")
    found = verify(chain)
    assert found.whole, found.problems
    assert found.rows == 2_000
    for name in ("one", "other"):
        rows = [row.entry.rows for row in walk(chain, Filter(via=name))]
        assert rows == list(range(1_000)), "each in its own order"


def test_what_was_kept_is_there_after_a_kill(workspace: Workspace, chain: Chain) -> None:
    process = appending(workspace, "killed", 100_000)
    assert process.stdout is not None
    for _ in range(20):
        last = int(process.stdout.readline())
    process.kill()
    process.wait()
    rows = [row.entry.rows for row in walk(chain)]
    assert rows[:last + 1] == list(range(last + 1)), "all up to the last one that was kept"
    assert verify(chain).whole
    chain.append(entries(3))
    assert verify(chain).whole, "and it goes on"


def test_notes_of_many_threads_share_a_transaction(recording: Recorder) -> None:
    threads = [threading.Thread(target=lambda: [recording.note(one) for one in entries(50)]) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    recording.flush()
    assert verify(recording.chain).rows == 200


def test_a_store_that_is_held_refuses_and_loses_nothing(recording: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "BUSY_S", 0.05)
    recording.keep(Entry("read"))
    holder = sqlite3.connect(recording.workspace.control, isolation_level=None)
    fresh = Recorder(recording.workspace)
    holder.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(AuditUnavailable, match=r"locked"):
            fresh.keep(Entry("insert", rows=1))
        with pytest.raises(AuditUnavailable):
            fresh.must_be_ready()
        fresh.note(Entry("read", rows=2))
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    fresh.keep(Entry("insert", rows=3))
    fresh.must_be_ready()
    assert [row.entry.rows for row in walk(fresh.chain)] == [None, 1, 2, 3], "what could not be written came later"
    fresh.close()


def test_where_it_is_not_required_nothing_is_refused(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace.control.mkdir()  # no store can be opened there
    free, strict = Recorder(workspace, required=False), Recorder(workspace)
    free.keep(Entry("insert"))
    free.must_be_ready()
    with pytest.raises(AuditUnavailable):
        strict.keep(Entry("insert"))
    for one in (free, strict):
        one._waiting.clear()
        one.close()


def test_a_forked_child_writes_with_a_thread_of_its_own(recording: Recorder) -> None:
    recording.keep(Entry("read", rows=1))
    child = os.fork()
    if child == 0:
        try:
            recording.keep(Entry("read", rows=2))
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    recording.keep(Entry("read", rows=3))
    assert [row.entry.rows for row in walk(recording.chain)] == [1, 2, 3]
    assert verify(recording.chain).whole


def test_the_recorder_of_a_workspace_is_one(workspace: Workspace) -> None:
    one = recorder(workspace)
    assert recorder(workspace) is one
    writer.leave(workspace)
    assert recorder(workspace) is not one
    writer.leave(workspace)


def test_search_finds_by_who_what_and_when(chain: Chain) -> None:
    chain.append(entries(30))
    chain.append([Entry("query", sql=chain.key.of_sql("SELECT 1"), decision="deny", run="r", trace="t", at=5)])
    assert [one.seq for one in search(chain, Filter(who="key 1"), limit=3)] == [29, 26, 23]
    assert [one.seq for one in search(chain, Filter(who="id1"), limit=3, before=26)] == [23, 20, 17]
    assert [one.seq for one in search(chain, Filter(table="main.t4", since=1_000_020))] == [30, 25]
    assert [one.seq for one in search(chain, Filter(until=1_000_001))] == [31, 1]
    assert [one.seq for one in search(chain, Filter(action="q*"))] == [31]
    assert [one.seq for one in search(chain, Filter(decision="deny", run="r", trace="t", sql=" SELECT 1 "))] == [31]
    for wanted in (Filter(action="[a-z]*"), Filter(action="q?ery"), Filter(sql="SELECT 2"), Filter(who="' OR 1=1")):
        assert search(chain, wanted) == []


def test_pruning_leaves_a_chain_that_verifies(chain: Chain) -> None:
    chain.append(entries(30))
    exported = [json.dumps(chain.export_head())]
    assert chain.prune(1_000_010, Entry("audit.prune")) == 10
    assert chain.prune(1_000_010, Entry("audit.prune")) == 0
    exported.append(json.dumps(chain.export_head()))
    found = verify(chain, [chain.imported(one) for one in exported])
    assert found.whole, found.problems
    assert (found.rows, found.start) == (21, 10)
    note = search(chain, Filter(action="audit.prune"))[0].entry
    assert (note.detail["upto"], note.detail["rows"]) == (10, 10)
    chain.append(entries(5, 60))
    assert verify(chain).whole
    assert chain.prune(2**60, Entry("audit.prune")) == 26
    assert verify(chain).rows == 1


def test_no_literal_reaches_the_store(recording: Recorder) -> None:
    sql = "SELECT * FROM t WHERE name = 'Ada Lovelace' AND pin = 47114711471147 -- Charles"
    trail = Trail(action="query", agent="curl\x1b[2J" + "x" * 500, sql=sql)
    recording.summaries = True
    recording.keep(recording.recorded(trail, status="succeeded"))
    recording.close()
    files = [one.read_bytes() for one in recording.workspace.folder.iterdir() if one.is_file()]
    for word in (b"Ada", b"Lovelace", b"47114711471147", b"Charles", b"\\u001b", b"\x1b[2J"):
        assert not any(word in one for one in files), word
    entry = search(recording.chain, Filter(sql=sql))[0].entry
    assert entry.summary == "SELECT * FROM t WHERE name = ? AND pin = ?"
    assert len(entry.agent) == 200


@pytest.mark.parametrize(("sql", "told"), [
    ("select 'it''s', E'a\\'b', $$x$$, $t$ y $t$, 1.5e3, .5, 0xff, x'ab'", "select ?, ?, ?, ?, ?, ?, ?, ?"),
    ("select \"a b\", t1.c2 from t1 /* 'x' */ where a=$1 and b<>-3", "select \"a b\", t1.c2 from t1 where a=$1 and b<>-?"),
    ("select 'never closed", ""), ("select \"never closed", ""), ("select $$never", ""), ("", ""),
    ("select 1; select 2", "select ?; select ?")])
def test_a_summary_has_no_literals(sql: str, told: str) -> None:
    assert summary(sql) == told


def test_a_summary_of_a_giant_is_quick(tmp_path: Path) -> None:
    assert summary("select '" + "\\'" * 50_000) == ""
    assert len(summary("(" * 100_000)) == 500


@pytest.mark.soak
def test_a_million_rows_verify(chain: Chain) -> None:
    for i in range(100):
        chain.append(entries(10_000, i * 10_000))
    assert verify(chain).whole
