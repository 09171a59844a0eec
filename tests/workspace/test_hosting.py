"""Who hosts: election, leftovers, fail-over, hand-over, lend, and a host that does not answer."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest

from pluto_duck.errors import DatabaseBusy, HostNotAnswering, SettingError, WorkspaceUnusable
from pluto_duck.session import Session
from pluto_duck.workspace import Workspace, create, hostfile
from pluto_duck.workspace.locks import FileLock
from tests.workspace.worker import Worker


def until(condition: Callable[[], bool], timeout_s: float = 15) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


# -- election ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("leftovers", [False, True])
def test_of_many_at_one_instant_exactly_one_hosts(workspace: Workspace, leftovers: bool) -> None:
    if leftovers:  # what a power loss leaves: a dead socket, a lock file, a host file naming a live stranger
        (workspace.folder / "host-0123456789ab.sock").write_bytes(b"")
        workspace.host_lock.touch()
        hostfile.write(workspace, hostfile.HostFile("open", "kernel", os.getpid(),
                                                    str(workspace.folder / "host-0123456789ab.sock"), "x", "here"))
    with ThreadPoolExecutor(6) as pool:
        workers = list(pool.map(lambda _n: Worker(workspace.root, opened=False), range(6)))
    try:
        for worker in workers:
            worker.send("open")
        roles = [worker.answer()["value"] for worker in workers]
        assert sorted(roles) == ["guest"] * 5 + ["host"]
        workers[0].query("CREATE TABLE t (i INTEGER, w VARCHAR)")
        for i, worker in enumerate(workers):
            worker.query("INSERT INTO t VALUES ($i, 'w')", params={"i": i})
        assert workers[-1].query("SELECT count(DISTINCT i) FROM t")["rows"] == [[6]]
    finally:
        for worker in workers:
            worker.__exit__(None, None, None)


def test_two_processes_may_create_the_same_workspace_at_once(tmp_path: Path) -> None:
    code = ("import sys; from pluto_duck.workspace import create; from pluto_duck.session import Session; "
            "create(sys.argv[1]); s = Session.open(sys.argv[1]); s.query('CREATE TABLE IF NOT EXISTS t (i INTEGER)'); "
            "s.query('INSERT INTO t VALUES (1)'); s.control.read('x', ('CREATE TABLE x (i)',)); s.close()")
    started = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "new")]) for _ in range(3)]
    assert [process.wait(60) for process in started] == [0, 0, 0]
    with Session.open(tmp_path / "new") as session:
        assert session.query("SELECT count(*) FROM t").scalar() == 3


def test_a_workspace_path_longer_than_a_socket_path_works(tmp_path: Path) -> None:
    root = create(tmp_path / ("long" * 40)).root
    with Session.open(root) as host, Worker(root) as guest:
        assert host.hosting == "host"
        assert guest.do("hosting") == "guest"
        found = hostfile.read(host.workspace)
        assert found is not None
        assert len(found.address) < 104
    assert not Path(found.address).parent.exists()


def test_a_long_temporary_folder_is_not_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    (tmp_path / ("temp" * 30)).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("temp" * 30)))
    with Session.open(create(tmp_path / ("long" * 40)).root) as session:
        assert session.query("SELECT 1").scalar() == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such sockets")
def test_dead_sockets_of_killed_hosts_are_swept_and_nothing_else_is(tmp_path: Path,
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    place = Path(tempfile.mkdtemp(prefix="pd", dir="/tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(place))

    def bound(name: str, *, listening: bool = False, old: bool = True, mode: int = 0o700) -> socket.socket:
        (place / name).mkdir(mode=0o700)
        made = socket.socket(socket.AF_UNIX)
        made.bind(str(place / name / "host-ab.sock"))
        if listening:
            made.listen(1)
        if old:
            os.utime(place / name / "host-ab.sock", (1, 1))
        (place / name).chmod(mode)
        return made

    try:
        with bound("pluto-duck-alive", listening=True), bound("pluto-duck-young", old=False), \
                bound("pluto-duck-shared", mode=0o777), bound("pluto-duck-more"), bound("elsewhere"), \
                bound("pluto-duck-dead"):
            (place / "pluto-duck-more" / "rows.csv").touch()
            (place / "pluto-duck-link").symlink_to(place / "elsewhere")
            (place / "pluto-duck-empty").mkdir(mode=0o700)
            with Session.open(create(tmp_path / ("long" * 40)).root) as session:
                found = hostfile.read(session.workspace)
                assert found is not None
                left = {one.name for one in place.iterdir()} - {Path(found.address).parent.name}
        assert left == {"pluto-duck-alive", "pluto-duck-young", "pluto-duck-shared", "pluto-duck-more", "elsewhere",
                        "pluto-duck-link", "pluto-duck-empty"}
        assert (place / "elsewhere" / "host-ab.sock").exists()
    finally:
        shutil.rmtree(place)


def test_a_deleted_folder_can_be_left(tmp_path: Path) -> None:
    session = Session.open(create(tmp_path / "gone").root)
    shutil.rmtree(tmp_path / "gone")
    session.close()


def test_a_memory_limit_that_is_none_is_named(workspace: Workspace) -> None:
    with pytest.raises(SettingError, match=r"duckdb\.memory_limit = 'lots'"):
        Session.open(workspace.root, duckdb__memory_limit="lots")


@pytest.mark.parametrize("prepared", [
    "CREATE SCHEMA _pluto; CREATE TABLE _pluto.commits (x INTEGER)",
    "CREATE SCHEMA _pluto; CREATE TABLE _pluto.commits (seq BIGINT, token VARCHAR, affected BIGINT, "
    "tables VARCHAR[], at_ms BIGINT); INSERT INTO _pluto.commits VALUES (9223372036854775807, 'x', 1, ['*'], 0)"])
def test_records_that_are_not_ours_are_refused(workspace: Workspace, prepared: str) -> None:
    with duckdb.connect(str(workspace.database), config={"storage_compatibility_version": "v1.5.0"}) as connection:
        connection.execute(prepared)
    with pytest.raises(WorkspaceUnusable, match="_pluto"):
        Session.open(workspace.root)


def test_deleted_host_files_come_back_under_a_live_host(workspace: Workspace) -> None:
    with Session.open(workspace.root) as session:
        workspace.host_file.unlink()
        workspace.key_file.unlink()
        until(lambda: workspace.host_file.exists() and workspace.key_file.exists())
        with Worker(workspace.root) as guest:
            assert guest.do("hosting") == "guest"
        assert session.hosting == "host"


def test_after_the_engine_stopped_the_database_is_opened_anew(workspace: Workspace) -> None:
    """DuckDB refuses everything after a fatal error, until its file has been closed."""
    with Worker(workspace.root) as host, Worker(workspace.root) as guest:
        host.query("CREATE TABLE t AS SELECT 1 AS i")
        host.do("python", code="""
import duckdb
from pluto_duck.session import handler
from pluto_duck.workspace.engine_errors import translated
run = handler.HostSession._run
def stop_once(self, *args):
    handler.HostSession._run = run
    with translated():
        raise duckdb.FatalException("FATAL Error: the engine has stopped")
handler.HostSession._run = stop_once""")
        stopped = guest.query("INSERT INTO t VALUES (2)")["error"]
        assert stopped["code"] == "workspace_unusable"
        assert guest.query("INSERT INTO t VALUES (2)")["affected"] == 1
        assert host.query("SELECT sum(i) FROM t")["rows"] == [[3]]


def test_both_stores_are_private(session: Session) -> None:
    session.control.read("x", ())
    folder = session.workspace.folder
    assert folder.stat().st_mode & 0o777 == 0o700
    for name in ("workspace.duckdb", "control.sqlite", "host.key", "host.json"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600, name
    assert (folder / ".gitignore").read_text() == "*\n"


# -- fail-over --------------------------------------------------------------------------------------


def test_a_waiting_guest_takes_over_even_when_it_has_nothing_to_ask(workspace: Workspace) -> None:
    with Worker(workspace.root) as host, Worker(workspace.root) as guest:
        host.query("CREATE TABLE t AS SELECT 1 AS i")
        host.kill()
        until(lambda: guest.do("hosting_idle"))
        assert guest.query("FROM t")["rows"] == [[1]]


def test_a_session_says_that_its_process_hosts_before_it_asks_for_anything(workspace: Workspace) -> None:
    with Worker(workspace.root) as host:
        host.query("CREATE TABLE t AS SELECT 1 AS i")
        with Session.open(workspace.root) as guest:
            assert guest.query("FROM t").scalar() == 1
            assert guest.hosting == "guest"
            host.kill()
            until(lambda: guest.hosting == "host")


def test_what_a_killed_host_had_put_aside_on_disk_is_removed(workspace: Workspace) -> None:
    aside = workspace.folder / "tmp"
    with Session.open(workspace.root, duckdb__memory_limit="100MB") as session:
        session.query("CREATE TEMP TABLE large AS SELECT random() AS a, range AS b FROM range(20000000)")
        spilled = {one.name: one.stat().st_size for one in aside.iterdir()}
        assert sum(spilled.values()) > 50 << 20
    aside.mkdir(exist_ok=True)  # DuckDB takes the whole folder along when it closes in peace
    for name in (*spilled, "mine.txt"):
        (aside / name).touch()
    with Session.open(workspace.root):
        assert [one.name for one in aside.iterdir()] == ["mine.txt"]


def test_a_kernel_takes_over_before_a_shell(workspace: Workspace) -> None:
    with Worker(workspace.root, "kernel") as host, Worker(workspace.root, "shell") as shell, \
            Worker(workspace.root, "kernel") as kernel:
        host.kill()
        until(lambda: kernel.do("hosting_idle"))
        assert shell.do("hosting") == "guest"


def test_a_killed_host_loses_nothing_that_was_acknowledged_and_doubles_nothing(workspace: Workspace) -> None:
    rounds_of_kills(workspace, rounds=3, writers=3)


def test_a_forked_child_that_outlives_the_killed_host_changes_nothing(workspace: Workspace) -> None:
    rounds_of_kills(workspace, rounds=2, writers=2, fork=True)


def rounds_of_kills(workspace: Workspace, *, rounds: int, writers: int, fork: bool = False) -> list[float]:
    """Kills the host while guests write; returns the seconds until each guest's next acknowledged write."""
    stop = threading.Event()
    acknowledged: dict[str, list[int]] = {}
    gaps: list[float] = []
    killed_at = [0.0]

    with Worker(workspace.root) as first:
        first.query("CREATE TABLE t (i INTEGER, w VARCHAR); CREATE TABLE u (i INTEGER, w VARCHAR)")

    def write(name: str, worker: Worker) -> None:
        done, i = acknowledged.setdefault(name, []), len(acknowledged[name]) and acknowledged[name][-1] + 1
        waiting_since = 0.0
        while not stop.is_set():
            i += 1
            if i % 3:
                sql = "INSERT INTO t VALUES ($i, $w)"
            else:
                sql = "BEGIN; INSERT INTO t VALUES ($i, $w); INSERT INTO u VALUES ($i, $w); COMMIT"
            if killed_at[0] and waiting_since != killed_at[0]:
                waiting_since, began = killed_at[0], killed_at[0]
            else:
                began = 0.0
            try:
                answer = worker.query(sql, params={"i": i, "w": name})
            except (EOFError, OSError):
                return  # this one was the host and has been killed
            if "error" in answer:
                # Said to have been rolled back; it must not be there afterwards.
                assert answer["error"]["code"] == "host_lost", answer
                assert answer["error"]["facts"]["outcome"] in ("rolled_back", "not_run"), answer
                continue
            done.append(i)
            if began:
                gaps.append(time.monotonic() - began)

    workers = {f"w{n}": Worker(workspace.root) for n in range(writers)}
    children: list[int] = []
    try:
        for round_number in range(rounds):
            victim = Worker(workspace.root)
            names = {f"{name}.{round_number}": worker for name, worker in workers.items()}
            killed_at[0] = 0.0
            stop.clear()
            if fork:
                victim.query("SELECT 1")
                hosts = (hostfile.read(workspace) or pytest.fail("nobody hosts")).pid
                forking = next(w for w in (*workers.values(), victim) if w.process.pid == hosts)
                children.append(forking.do("python", code="""
value = os.fork()
if value == 0:
    os.close(0); os.close(1)
    time.sleep(600); os._exit(0)"""))
            threads = [threading.Thread(target=write, args=item) for item in names.items()]
            for thread in threads:
                thread.start()
            until(lambda names=names: all(len(acknowledged.get(n, [])) > 5 for n in names))  # type: ignore[misc]
            host_pid = (hostfile.read(workspace) or pytest.fail("nobody hosts")).pid
            hosting = next((w for w in (*workers.values(), victim) if w.process.pid == host_pid), None)
            assert hosting is not None
            killed_at[0] = time.monotonic()
            os.kill(host_pid, signal.SIGKILL)
            hosting.process.wait(10)
            alive = [n for n, w in names.items() if w is not hosting]
            counts = {n: len(acknowledged[n]) for n in alive}
            until(lambda alive=alive, counts=counts: all(  # type: ignore[misc]
                len(acknowledged[n]) > counts[n] + 3 for n in alive))
            stop.set()
            for thread in threads:
                thread.join(30)
                assert not thread.is_alive(), "a writer is stuck"
            hosting.__exit__(None, None, None)
            for name, worker in list(workers.items()):
                if worker is hosting:
                    workers[name] = Worker(workspace.root)
            if victim is not hosting:
                victim.__exit__(None, None, None)
    finally:
        stop.set()
        for worker in workers.values():
            worker.__exit__(None, None, None)
        for child in children:
            os.kill(child, signal.SIGKILL)
    with Session.open(workspace.root) as session:
        for name, numbers in acknowledged.items():
            rows = [i for (i,) in session.query("SELECT i FROM t WHERE w = $w ORDER BY i", {"w": name}).rows()]
            assert len(rows) == len(set(rows)), "a write ran twice"
            assert set(numbers) <= set(rows), "an acknowledged write is lost"
            pairs = {i for (i,) in session.query("SELECT i FROM u WHERE w = $w", {"w": name}).rows()}
            assert pairs == {i for i in rows if i % 3 == 0}, "a transaction is torn"
    return gaps


def test_a_statement_in_an_open_transaction_is_reported_as_rolled_back(workspace: Workspace) -> None:
    with Worker(workspace.root) as host, Worker(workspace.root) as guest:
        host.query("CREATE TABLE t (i INTEGER)")
        guest.query("BEGIN")
        guest.query("INSERT INTO t VALUES (1)")
        host.kill()
        lost = guest.query("INSERT INTO t VALUES (2)")["error"]
        assert (lost["code"], lost["facts"]["outcome"]) == ("host_lost", "rolled_back")
        assert guest.query("SELECT count(*) FROM t")["rows"] == [[0]]


def test_temp_tables_that_were_lost_are_named_once_and_settings_come_back(workspace: Workspace) -> None:
    with Worker(workspace.root) as host, Worker(workspace.root) as guest:
        guest.query("CREATE TEMP TABLE scratch AS SELECT 1 AS i")
        guest.query("CREATE SCHEMA raw")
        guest.query("USE raw")
        guest.query("SET VARIABLE answer = 42")
        guest.query("SET threads TO 1")
        guest.query("SET default_order TO 'DESC'")
        host.kill()
        lost = guest.query("FROM scratch")["error"]
        assert lost["code"] == "session_reset"
        assert "temp table scratch" in lost["message"]
        assert guest.query("FROM scratch")["error"]["code"] == "unknown_name"
        assert guest.query("SELECT current_schema(), getvariable('answer'), current_setting('threads'), "
                           "current_setting('default_order')")["rows"] == [["raw", 42, 1, "DESC"]]


def test_a_write_in_flight_runs_exactly_once(workspace: Workspace) -> None:
    """The host dies right after COMMIT, before its answer leaves: the token tells the new host."""
    with Worker(workspace.root) as host, Worker(workspace.root) as guest:
        host.query("CREATE TABLE t (i INTEGER)")
        host.do("python", code="""
from pluto_duck.session.ledger import Ledger
commit = Ledger.commit
def die_after(self, *args, **kwargs):
    commit(self, *args, **kwargs)
    os.kill(os.getpid(), 9)
Ledger.commit = die_after""")
        answer = guest.query("INSERT INTO t VALUES (1), (2)")
        assert answer["affected"] == 2
        assert any("not run again" in notice for notice in answer["notices"])
        assert guest.query("SELECT count(*) FROM t")["rows"] == [[2]]


@pytest.mark.parametrize("committed", [True, False])
def test_a_commit_in_flight_is_answered_with_what_became_of_it(workspace: Workspace, committed: bool) -> None:
    with Worker(workspace.root) as host, Worker(workspace.root) as guest:
        host.query("CREATE TABLE t (i INTEGER)")
        guest.query("BEGIN")
        guest.query("INSERT INTO t VALUES (1)")
        host.do("python", code=f"""
from pluto_duck.session.ledger import Ledger
commit = Ledger.commit
def die(self, *args, **kwargs):
    if {committed}: commit(self, *args, **kwargs)
    os.kill(os.getpid(), 9)
Ledger.commit = die""")
        answer = guest.query("COMMIT")
        if committed:
            assert "error" not in answer
        else:
            assert answer["error"]["facts"]["outcome"] == "rolled_back"
        assert guest.query("SELECT count(*) FROM t")["rows"] == [[1 if committed else 0]]


def test_a_statement_that_may_have_run_and_leaves_no_trace_is_not_repeated(workspace: Workspace, tmp_path: Path) -> None:
    with Worker(workspace.root) as host, Worker(workspace.root) as guest:
        host.do("python", code="""
from pluto_duck.session.handler import HostSession
HostSession._run = lambda *a: os.kill(os.getpid(), 9)""")
        answer = guest.query(f"COPY (SELECT 1) TO '{tmp_path / 'out.csv'}'")
        assert answer["error"]["facts"]["outcome"] == "unknown"


def test_an_upload_in_flight_is_rolled_back_and_said_so(workspace: Workspace) -> None:
    with Worker(workspace.root) as host, Worker(workspace.root) as guest:
        host.query("CREATE TABLE t AS SELECT 1 AS i")
        guest.send("python", code="""
import pyarrow
from pluto_duck.session import TableRef, WriteColumn
def batches():
    for n in range(1000000):
        yield pyarrow.record_batch({"i": list(range(1000))})
        if n == 100: open(root + "/started", "w").close()
        time.sleep(0.001)
reader = pyarrow.RecordBatchReader.from_batches(pyarrow.schema({"i": pyarrow.int64()}), batches())
try:
    session.write(TableRef("t"), reader, [WriteColumn("i", "BIGINT", "i")], mode="replace")
except Exception as error:
    value = [type(error).__name__, error.facts["outcome"]]""")
        until((workspace.root / "started").exists)
        host.kill()
        assert guest.answer()["value"] == ["HostLost", "rolled_back"]
        assert guest.query("FROM t")["rows"] == [[1]]


# -- hand-over ----------------------------------------------------------------------------------------


def test_a_kernel_takes_the_place_of_a_server_and_of_a_shell(workspace: Workspace) -> None:
    with Worker(workspace.root, "shell") as shell:
        shell.query("CREATE TABLE t AS SELECT 1 AS i")
        with Worker(workspace.root, "server") as server:
            assert server.do("hosting") == "host"
            assert shell.do("hosting") == "guest"
            with Worker(workspace.root, "kernel") as kernel:
                assert kernel.do("hosting") == "host"
                assert (server.query("FROM t")["rows"], shell.query("FROM t")["rows"]) == ([[1]], [[1]])
                with Worker(workspace.root, "server") as late:
                    assert late.do("hosting") == "guest"
            until(lambda: server.do("hosting_idle"))
        assert shell.query("FROM t")["rows"] == [[1]]


def test_with_host_server_it_is_the_other_way_round(workspace: Workspace) -> None:
    workspace.toml.write_text('[workspace]\nhost = "server"\n')
    with Worker(workspace.root, "kernel") as kernel:
        assert kernel.do("hosting") == "host"
        with Worker(workspace.root, "server") as server:
            assert server.do("hosting") == "host"
            assert kernel.do("hosting") == "guest"


def test_once_there_is_a_policy_a_server_hosts_and_outlives_the_notebook(workspace: Workspace) -> None:
    with Worker(workspace.root, "kernel") as kernel:
        kernel.query("CREATE TABLE t AS SELECT 1 AS i")
        with Worker(workspace.root, "server") as early:
            assert early.do("hosting") == "guest", "without a policy a kernel hosts"
        workspace.policy.write_text("version: 1\nroles: {}\n")
        with Worker(workspace.root, "server") as server:
            assert server.do("hosting") == "host"
            assert kernel.query("FROM t")["rows"] == [[1]]
            kernel.kill()
            assert server.query("FROM t")["rows"] == [[1]]
            with Worker(workspace.root, "kernel") as again:
                assert again.do("hosting") == "guest"


def test_a_setting_goes_before_the_policy(workspace: Workspace) -> None:
    workspace.policy.write_text("version: 1\nroles: {}\n")
    workspace.toml.write_text('[workspace]\nhost = "auto"\n')
    with Worker(workspace.root, "server"), Worker(workspace.root, "kernel") as kernel:
        assert kernel.do("hosting") == "host"


def test_a_hand_over_never_cuts_a_statement_nor_a_transaction(workspace: Workspace) -> None:
    with Worker(workspace.root, "server") as server:
        server.query("CREATE TABLE t (i INTEGER)")
        server.query("BEGIN")
        server.query("INSERT INTO t VALUES (1)")
        with Worker(workspace.root, "kernel") as kernel:
            assert kernel.do("hosting") == "guest"
            server.query("COMMIT")
            assert kernel.query("FROM t")["rows"] == [[1]]
            assert server.do("hosting") == "host"


def test_during_a_hand_over_a_third_process_writes_on(workspace: Workspace) -> None:
    with Worker(workspace.root, "shell") as host, Worker(workspace.root, "shell") as writer:
        host.query("CREATE TABLE t (i INTEGER, w VARCHAR)")
        writer.send("write_many", start=0, count=60, who="w")
        with Worker(workspace.root, "kernel") as kernel:
            done = writer.answer()["value"]
            assert kernel.query("SELECT count(*), count(DISTINCT i) FROM t")["rows"] == [[len(done), len(done)]]


# -- lend ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["host", "guest"])
def test_the_file_can_be_lent_and_comes_back(workspace: Workspace, by: str) -> None:
    with Worker(workspace.root) as first, Session.open(workspace.root) as session:
        first.query("CREATE TABLE t AS SELECT 1 AS i")
        borrower = first if by == "host" else None
        code = (f"import duckdb; c = duckdb.connect({str(workspace.database)!r}); "
                "c.execute('INSERT INTO t VALUES (2)'); c.close()")
        if borrower is not None:
            borrower.do("python", code=f"""
import subprocess, sys
with session.lend("a test"):
    subprocess.run([sys.executable, "-c", {code!r}], check=True)""")
        else:
            with session.lend("a test") as path:
                assert path == workspace.database
                subprocess.run([sys.executable, "-c", code], check=True)
        assert session.query("SELECT sum(i) FROM t").scalar() == 3
        assert first.query("SELECT sum(i) FROM t")["rows"] == [[3]]


def test_a_borrower_that_is_killed_gives_the_file_back(workspace: Workspace) -> None:
    with Worker(workspace.root) as host, Worker(workspace.root) as borrower:
        borrower.send("python", code="""
with session.lend("a test"):
    open(root + "/borrowed", "w").close()
    time.sleep(60)""")
        until((workspace.root / "borrowed").exists)
        borrower.kill()
        assert host.query("SELECT 1")["rows"] == [[1]]


def test_an_error_of_the_borrower_stays_its_own(workspace: Workspace) -> None:
    with Worker(workspace.root), Session.open(workspace.root) as session:
        with pytest.raises(FileNotFoundError), session.lend("a test"):
            subprocess.run([workspace.root / "no such program"])
        assert session.query("SELECT 1").scalar() == 1


def test_lending_waits_for_idle_and_names_who_is_busy(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pluto_duck.workspace.node.HANDOVER_WAIT_S", 0.1)
    with Session.open(workspace.root) as session:
        session.query("BEGIN")
        with pytest.raises(DatabaseBusy, match="busy"), session.lend("a test"):
            pass
        session.query("COMMIT")
        assert session.query("SELECT 1").scalar() == 1


# -- outsiders and silence ----------------------------------------------------------------------------


def test_a_database_held_by_an_outsider_is_waited_for_then_named(workspace: Workspace) -> None:
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE t AS SELECT 1 AS i")
    code = f"import duckdb, sys; c = duckdb.connect({str(workspace.database)!r}); print('got', flush=True); sys.stdin.read()"
    outsider = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert outsider.stdout is not None
    assert outsider.stdin is not None
    try:
        outsider.stdout.readline()
        with pytest.raises(DatabaseBusy, match=str(outsider.pid)):
            Session.open(workspace.root, workspace__wait_s=0.2)
        threading.Timer(0.3, outsider.stdin.close).start()
        with Session.open(workspace.root) as session:
            assert session.query("FROM t").rows() == [(1,)]
    finally:
        outsider.kill()
        outsider.wait(10)
        outsider.stdout.close()


def test_the_lock_of_the_file_is_taken_again_after_something_dropped_it(workspace: Workspace) -> None:
    """Any close of another descriptor on the file drops DuckDB's own lock (a POSIX trap)."""
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE t AS SELECT 1 AS i; CHECKPOINT")
        workspace.database.open("rb").close()
        code = (f"import duckdb\ntry: duckdb.connect({str(workspace.database)!r})\n"
                "except duckdb.IOException: raise SystemExit(7)")

        def refused() -> bool:
            return subprocess.run([sys.executable, "-c", code]).returncode == 7

        time.sleep(1.1)  # the guard takes it again each second
        assert refused()


def test_a_stopped_host_is_reported_and_never_replaced(workspace: Workspace) -> None:
    with Worker(workspace.root) as host, Worker(workspace.root, PLUTODUCK_WORKSPACE__WAIT_S="1") as guest:
        host.query("CREATE TABLE t (i INTEGER)")
        os.kill(host.process.pid, signal.SIGSTOP)
        try:
            silent = guest.query("SELECT 1")["error"]
            assert silent["code"] == "host_not_answering"
            assert str(host.process.pid) in silent["message"]
            with pytest.raises(HostNotAnswering):
                Session.open(workspace.root, workspace__wait_s=0.5)
            assert FileLock.try_acquire(workspace.host_lock) is None
        finally:
            os.kill(host.process.pid, signal.SIGCONT)
        assert guest.query("INSERT INTO t VALUES (1)")["affected"] == 1
        assert host.do("hosting") == "host"


def test_a_silent_client_delays_nobody(workspace: Workspace) -> None:
    with Session.open(workspace.root) as session:
        found = hostfile.read(workspace)
        assert found is not None
        silent = [socket.socket(socket.AF_UNIX) for _ in range(5)]
        for one in silent:
            one.connect(found.address)
        with Worker(workspace.root) as guest:
            assert guest.do("hosting") == "guest"
        for one in silent:
            one.close()
        assert session.query("SELECT 1").scalar() == 1


def test_a_stranger_without_the_key_gets_nothing(workspace: Workspace) -> None:
    with Session.open(workspace.root):
        found = hostfile.read(workspace)
        assert found is not None
        from pluto_duck.workspace.guest import connect

        with pytest.raises((EOFError, OSError)):
            connect(found, b"wrong key", {"protocol": 2, "pluto_duck": "x"}, "session", timeout_s=5,
                    session_id="x", role="shell", pid=1)


def test_another_protocol_is_refused_with_both_versions(workspace: Workspace) -> None:
    from pluto_duck.errors import VersionMismatch
    from pluto_duck.workspace.guest import connect

    with Session.open(workspace.root):
        found = hostfile.read(workspace)
        assert found is not None
        with pytest.raises(VersionMismatch, match="99"):
            connect(found, hostfile.key(workspace), {"protocol": 99, "pluto_duck": "9.9"}, "session", timeout_s=5,
                    session_id="x", role="shell", pid=1)


def test_a_reader_that_does_not_read_does_not_hold_the_host(workspace: Workspace) -> None:
    with Worker(workspace.root) as host, Session.open(workspace.root) as session:
        stream = session.stream("SELECT range AS i, 'some text' AS s FROM range(50000000)")
        next(iter(stream))
        began = time.monotonic()
        host.do("close")
        assert time.monotonic() - began < 60  # nobody ever reads on
        host.kill()
        with pytest.raises(Exception, match="incomplete"):
            for _batch in stream:
                pass
        assert session.query("SELECT 1").scalar() == 1


def test_a_guest_that_vanishes_is_rolled_back(workspace: Workspace) -> None:
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE t (i INTEGER)")
        with Worker(workspace.root) as guest:
            guest.query("BEGIN")
            guest.query("INSERT INTO t VALUES (1)")
            guest.kill()
        with Worker(workspace.root) as other:
            other.query("INSERT INTO t VALUES (2)")
        assert session.query("FROM t").rows() == [(2,)]


def test_the_process_ends_quickly_and_cleanly_with_statements_running(workspace: Workspace) -> None:
    code = f"""
import threading, time
from pluto_duck.session import Session
sessions = [Session.open({str(workspace.root)!r}) for _ in range(3)]
def run(s):
    try: s.query("SELECT count(*) FROM range(100000000000) a, range(1000) b WHERE a.range + b.range = 7")
    except BaseException: pass
for s in sessions: threading.Thread(target=run, args=(s,), daemon=True).start()
while not all(s._link._channel._served.running for s in sessions): time.sleep(0.01)
"""
    ended = subprocess.run([sys.executable, "-c", code], timeout=60, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_while_an_intruder_has_the_file_nothing_is_written(workspace: Workspace) -> None:
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE t AS SELECT 1 AS i; CHECKPOINT")
        code = (f"import fcntl, os, sys; d = os.open({str(workspace.database)!r}, os.O_RDWR); "
                "fcntl.lockf(d, fcntl.LOCK_EX); print('got', flush=True); sys.stdin.read()")
        intruder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            workspace.database.open("rb").close()
            assert intruder.stdout is not None
            assert intruder.stdin is not None
            intruder.stdout.readline()

            def refused() -> bool:
                try:
                    session.query("UPDATE t SET i = 1")
                except DatabaseBusy as error:
                    return "nothing is written" in error.message
                return False

            until(refused)
            intruder.stdin.close()
            intruder.wait(10)

            def accepted() -> bool:
                try:
                    return session.query("INSERT INTO t VALUES (3)").affected_rows == 1
                except DatabaseBusy:
                    return False

            until(accepted)
        finally:
            intruder.kill()
            intruder.wait(10)
            intruder.stdout.close()  # type: ignore[union-attr]
        assert session.query("SELECT sum(i) FROM t").scalar() == 4


# -- other refusals -----------------------------------------------------------------------------------


def test_a_database_of_a_newer_duckdb_is_refused_with_a_hint(workspace: Workspace) -> None:
    made = Path(__file__).parent / "made_by_duckdb_2.duckdb.gz"
    workspace.database.write_bytes(gzip.decompress(made.read_bytes()))
    if duckdb.__version__ >= "2":
        with Session.open(workspace.root) as session:
            assert session.query("FROM t").rows() == [(1,)]
        return
    with pytest.raises(WorkspaceUnusable, match="newer DuckDB") as caught:
        Session.open(workspace.root)
    assert "pip install" in caught.value.hint


def test_a_damaged_database_is_said_to_be_damaged(workspace: Workspace) -> None:
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE t (i INTEGER)")
    data = bytearray(workspace.database.read_bytes())
    data[12:20] = (999).to_bytes(8, "little")
    workspace.database.write_bytes(data)
    with pytest.raises(WorkspaceUnusable, match="damaged"):
        Session.open(workspace.root)


def test_a_file_that_is_no_database_is_refused_and_left_alone(workspace: Workspace) -> None:
    workspace.database.write_text("something else, of some length " * 500)
    with pytest.raises(WorkspaceUnusable, match="not a DuckDB database"):
        Session.open(workspace.root)
    assert workspace.database.read_text().startswith("something else")


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_a_folder_that_can_not_be_written_is_refused_with_a_hint(workspace: Workspace) -> None:
    with Session.open(workspace.root):
        pass
    code = f"""
import os, duckdb, pyarrow, pathlib, pwd
import pluto_duck.session.handler, pluto_duck.governance.trust
from pluto_duck.errors import WorkspaceUnusable
from pluto_duck.session import Session
if os.geteuid() == 0:
    os.setgid(65534); os.setuid(65534)
else:
    os.chmod({str(workspace.folder)!r}, 0o500)
try: Session.open({str(workspace.root)!r})
except WorkspaceUnusable as error: print(error, error.hint)"""
    for folder in (workspace.root, *workspace.root.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    workspace.folder.chmod(0o700)
    assert "can't be written" in ended.stdout, ended.stderr
    assert "pluto-duck init" in ended.stdout


def test_host_json_of_a_stranger_is_only_a_hint(workspace: Workspace) -> None:
    workspace.host_file.write_text(json.dumps({"state": "open", "nonsense": True}))
    with Session.open(workspace.root) as session:
        assert session.hosting == "host"
    victim = workspace.root / "precious.txt"
    victim.write_text("keep me")
    hostfile.write(workspace, hostfile.HostFile("open", "kernel", 1, str(victim), "x", "here"))
    with Session.open(workspace.root):
        pass
    assert victim.read_text() == "keep me"


# -- a disk without room ----------------------------------------------------------------------------

_FILL = """
import sys
from pluto_duck.errors import WorkspaceUnusable
from pluto_duck.session import Session
acknowledged = 0
with Session.open(sys.argv[1]) as session:
    session.query("create table t (i bigint, x varchar)")
    try:
        while acknowledged < 400_000:
            session.query(f"insert into t select range + {acknowledged}, md5(random()::varchar) || "
                          "md5(random()::varchar) from range(1000)")
            acknowledged += 1000
    except WorkspaceUnusable as error:
        print(acknowledged, error.hint)
"""


@pytest.mark.root
def test_a_full_disk_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("this machine does not let us mount a small disk")
    try:
        workspace = create(disk / "w")
        ran = subprocess.run([sys.executable, "-c", _FILL, workspace.root], capture_output=True, text=True, timeout=120)
        # What DuckDB 2.0's binding now and then says when a process ends is not ours.
        said = "" if ran.stderr.startswith("nanobind: leaked") else ran.stderr
        assert (ran.returncode, said) == (0, "")
        acknowledged, _, hint = ran.stdout.partition(" ")
        assert "free some space" in hint
        subprocess.run(["mount", "-o", "remount,size=60m", disk], check=True)
        with Session.open(workspace.root) as session:
            rows = session.query("select count(*), count(distinct i) from t").rows()
        assert rows == [(int(acknowledged), int(acknowledged))]
    finally:
        subprocess.run(["umount", disk], check=False)


@pytest.mark.root
def test_a_disk_that_is_full_already_is_named_when_a_workspace_is_opened(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("this machine does not let us mount a small disk")
    try:
        workspace = create(disk / "w")
        Session.open(workspace.root).close()
        subprocess.run(["dd", "if=/dev/zero", f"of={disk / 'ballast'}", "bs=4k"], capture_output=True, check=False)
        with pytest.raises(WorkspaceUnusable, match="disk is full") as caught:
            Session.open(workspace.root)
        assert "ree some space" in caught.value.hint
        (disk / "ballast").unlink()
        with Session.open(workspace.root) as session:
            assert session.query("SELECT 1").scalar() == 1
    finally:
        subprocess.run(["umount", "-l", disk], check=False)


@pytest.mark.skipif(os.name == "nt", reason="Windows deletes no open file")
def test_a_folder_that_is_gone_can_still_be_left(workspace: Workspace) -> None:
    session = Session.open(workspace.root)
    shutil.rmtree(workspace.root)
    session.close()
    create(workspace.root)
    with Session.open(workspace.root) as again:
        assert again.hosting == "host"
