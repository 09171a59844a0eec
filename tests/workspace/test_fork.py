"""A notebook that forks (joblib, multiprocessing) must not destroy what the host has committed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pluto_duck.session import Session
from pluto_duck.workspace import Workspace
from pluto_duck.workspace.sqlite import _calls, connect

CHILD = {
    "computes and leaves by os._exit": "sum(range(1000)); os._exit(0)",
    "reads": "session._link.node._host.database._root.cursor().execute('SELECT count(*) FROM t').fetchall(); os._exit(0)",
    "tries to insert": """
try: session._link.node._host.database._root.cursor().execute("INSERT INTO t VALUES (99)")
except Exception: pass
os._exit(0)""",
    "closes the connection": "session._link.node._host.database._root.close(); os._exit(0)",
    "checkpoints": """
try: session._link.node._host.database._root.cursor().execute('CHECKPOINT')
except Exception: pass
os._exit(0)""",
    "runs its destructors": "sys.exit(0)",
    "outlives the host": "time.sleep(30); os._exit(0)",
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("child", CHILD.values(), ids=CHILD.keys())
def test_commits_of_the_parent_survive_a_forked_child(workspace: Workspace, child: str) -> None:
    code = f"""
import os, signal, sys, time, warnings
warnings.simplefilter("ignore")
from pluto_duck.session import Session
session = Session.open({str(workspace.root)!r})
session.query("CREATE TABLE t (i INTEGER); CHECKPOINT; INSERT INTO t VALUES (1)")
pid = os.fork()
if pid == 0:
{chr(10).join('    ' + line for line in child.strip().splitlines())}
print(pid, flush=True)
if {'outlives' not in str([k for k, v in CHILD.items() if v == child])!r}:
    os.waitpid(pid, 0)
session.query("INSERT INTO t VALUES (2)")
os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert ended.stdout is not None
    pid = int(ended.stdout.readline())
    assert ended.wait(60) == -signal.SIGKILL
    try:
        with Session.open(workspace.root) as session:
            assert session.query("SELECT i FROM t ORDER BY i").rows() == [(1,), (2,)]
    finally:
        ended.stdout.close()
        if "time.sleep" in child:
            os.kill(pid, signal.SIGKILL)


def test_a_session_says_that_it_was_forked_and_a_new_one_works(workspace: Workspace) -> None:
    code = f"""
import os, warnings
warnings.simplefilter("ignore")
from pluto_duck.errors import Forked
from pluto_duck.session import Session
session = Session.open({str(workspace.root)!r})
session.query("CREATE TABLE t AS SELECT 1 AS i")
read, write = os.pipe()
pid = os.fork()
if pid == 0:
    try:
        session.query("FROM t")
    except Forked as error:
        said = error.hint
    with Session.open({str(workspace.root)!r}) as own:
        os.write(write, f"{{said}} {{own.hosting}} {{own.query('FROM t').rows()}}".encode())
    os._exit(0)
os.waitpid(pid, 0)
os.close(write)
print(os.read(read, 1000).decode(), session.query("FROM t").rows())
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "pluto_duck.open()" in ended.stdout, ended.stderr
    assert ended.stdout.rstrip().endswith("guest [(1,)] [(1,)]")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_does_not_wait_for_a_statement_that_a_thread_was_reading(tmp_path: Path) -> None:
    code = f"""
import os, sys, warnings
warnings.simplefilter("ignore")
from pathlib import Path
from pluto_duck.session import Session
from pluto_duck.workspace import create
from pluto_duck.workspace.parser import own_parser
first, second = (create(Path({str(tmp_path)!r}) / name) for name in ("first", "second"))
with Session.open(first.root) as session, Session.open(second.root) as other:
    session.query("SELECT 1"), other.query("SELECT 1")
    assert session._link.node._host.database.parser is other._link.node._host.database.parser is own_parser()
    before = own_parser()
    before._lock.acquire()  # as another thread would
    pid = os.fork()
    if pid == 0:
        third = create(Path({str(tmp_path)!r}) / "third")
        with Session.open(third.root) as mine:
            answer = mine.query("SELECT 42").scalar()
        os._exit(0 if answer == 42 and own_parser() is not before else 1)
    _, status = os.waitpid(pid, 0)
    before._lock.release()
    assert session.query("SELECT 43").scalar() == 43
sys.exit(os.waitstatus_to_exitcode(status))
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, stderr=subprocess.DEVNULL)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_pool_of_forked_workers_does_no_harm(workspace: Workspace) -> None:
    script = Path(workspace.root) / "pool.py"
    script.write_text(f"""
import multiprocessing, os, signal, warnings
warnings.simplefilter("ignore")
from pluto_duck.session import Session

def work(n):
    return n * n

if __name__ == "__main__":
    session = Session.open({str(workspace.root)!r})
    session.query("CREATE TABLE t (i INTEGER); INSERT INTO t VALUES (1)")
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(work, range(4)) == [0, 1, 4, 9]
        session.query("INSERT INTO t VALUES (2)")
    session.query("INSERT INTO t VALUES (3)")
    os.kill(os.getpid(), signal.SIGKILL)
""")
    assert subprocess.run([sys.executable, script], timeout=60).returncode == -signal.SIGKILL
    with Session.open(workspace.root) as session:
        assert session.query("SELECT count(*) FROM t").scalar() == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_waits_for_what_other_threads_have_at_work_in_sqlite(tmp_path: Path) -> None:
    # The child's connect would wait for ever for a lock of the process that was taken in the parent.
    path, began, stop, sleeping = tmp_path / "a.sqlite", threading.Event(), threading.Event(), threading.Event()
    connect(path).execute("CREATE TABLE t (i)")

    def work() -> None:
        db = connect(path)
        db.create_function("stands_still", 1, lambda _row: [began.set(), sleeping.wait(0.1), None][2])
        while not stop.is_set():
            rows = db.execute("SELECT stands_still(1) UNION ALL SELECT stands_still(2)")  # one in it, one after it
            assert len(list(rows)) == 2

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(3):
            began.clear()
            assert began.wait(30)
            calls = _calls._inside
            child = os.fork()
            if child == 0:
                signal.alarm(30)
                os._exit(0 if not calls and connect(path).execute("SELECT count(*) FROM t").fetchone() == (0,) else 1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        thread.join()
