"""What `make bench` measures: the rows of the table of numbers that this house holds itself to."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pluto_duck.session import Session
from pluto_duck.workspace import Workspace, create, hostfile
from tests.benchmarks.table import Row, added, alternate, once_ms, plain, ratio
from tests.workspace.worker import Worker

MILLION = ("CREATE TABLE t AS SELECT range AS i, range * 1.5 AS d, 'name ' || range AS s, range % 7 AS k "
           "FROM range(1000000)")


@contextmanager
def folder() -> Iterator[Workspace]:
    with tempfile.TemporaryDirectory(prefix="pluto-bench-") as name:
        os.environ["PLUTODUCK_HOME"] = f"{name}/home"
        yield create(Path(name) / "workspace")


def _python(code: str) -> Callable[[], object]:
    return lambda: subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def load_ext() -> Row:
    """`%load_ext pluto_duck` inside a running kernel, by the kernel's own clock."""
    from jupyter_client.manager import start_new_kernel

    code = """
import time, json, sys
began = time.perf_counter()
get_ipython().run_line_magic("load_ext", "pluto_duck")
print(json.dumps([(time.perf_counter() - began) * 1000,
                  [m for m in ("pandas", "pyarrow", "sqlglot", "anthropic", "duckdb") if m in sys.modules]]))
"""
    times = []
    heavy: list[str] = []
    for _ in range(5):
        manager, client = start_new_kernel()
        try:
            said: list[str] = []
            client.execute_interactive(code, timeout=60, output_hook=lambda m, said=said: said.append(  # type: ignore[misc]
                m["content"].get("text", "")))
            took, heavy = json.loads("".join(said).strip().splitlines()[-1])
            times.append(took)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
    row = plain("`%load_ext pluto_duck` in a kernel", statistics.median(times), 300, 200,
                note=f"heavy modules it loaded: {', '.join(heavy) or 'none'}")
    return row if not heavy else Row(**{**row.__dict__, "held": False})


def cli_help() -> Row:
    command = Path(sys.executable).parent / "pluto-duck"
    ours, bare = alternate(lambda: subprocess.run([command, "--help"], check=True, capture_output=True),
                           _python("pass"), rounds=9)
    return plain("`pluto-duck --help`", ours, 200, 120, note=f"python -c pass: {bare:.0f} ms")


def server_start() -> Row:
    """Until /api answers, with the extension and without it."""
    import urllib.request

    def start(enabled: bool) -> float:
        with tempfile.TemporaryDirectory() as home:
            config = Path(home) / "config.json"
            config.write_text(json.dumps({"ServerApp": {"jpserver_extensions": {"pluto_duck": enabled}}}))
            port = _free_port()
            began = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "-m", "jupyter_server", f"--config={config}", f"--port={port}", "--no-browser",
                 "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=bench", "--ServerApp.port_retries=0",
                 "--allow-root", f"--ServerApp.root_dir={home}"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env={**os.environ, "JUPYTER_CONFIG_DIR": home, "JUPYTER_RUNTIME_DIR": home, "JUPYTER_NO_CONFIG": "1"})
            try:
                while True:
                    try:
                        urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=5).read()
                        return (time.perf_counter() - began) * 1000
                    except OSError:
                        time.sleep(0.005)
            finally:
                process.terminate()
                process.wait(20)

    start(True), start(False)
    # Starts differ by hundreds of ms for reasons of their own: pairs, one after the other, differ less.
    pairs = [(start(True), start(False)) if n % 2 else (start(False), start(True))[::-1] for n in range(10)]
    bare = statistics.median(without for _with, without in pairs)
    more = statistics.median(ours - without for ours, without in pairs)
    return added("Jupyter Server ready, with our extension (median of 10 pairs)", bare + more, "without it", bare, 150, 80)


def _free_port() -> int:
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def cells() -> Iterator[Row]:
    """SQL cells in a real IPython shell, against bare DuckDB in the same shell."""
    import duckdb
    from IPython.core.interactiveshell import InteractiveShell

    with folder() as workspace:
        with Session.open(workspace.root) as session:
            session.query(MILLION)
        os.chdir(workspace.root)
        shell = InteractiveShell.instance()
        shell.run_line_magic("load_ext", "pluto_duck")
        bare = duckdb.connect(str(workspace.root / "bare.duckdb"))
        bare.execute(MILLION)
        shell.user_ns["bare"] = bare
        shell.display_pub.publish = lambda *a, **k: None  # type: ignore[method-assign]
        shell.displayhook.quiet = lambda: True  # type: ignore[method-assign]

        def cell(code: str) -> Callable[[], object]:
            def run() -> object:
                done = shell.run_cell(code, silent=False)
                done.raise_error()
                return done

            return run

        ten, peer = alternate(cell("%%pluto sql\nSELECT * FROM t LIMIT 10"),
                              cell("bare.execute('SELECT * FROM t LIMIT 10').fetchall()"), rounds=100)
        yield added("SQL cell, 10 rows, shown", ten, "bare duckdb, fetchall", peer, 3, 1.5)
        many, peer = alternate(cell("%pluto sql --quiet --name found SELECT * FROM t\nframe = found.df()")
                               if _has_quiet() else cell("%%pluto sql found\nSELECT * FROM t") and
                               _cells(cell("%%pluto sql found\nSELECT * FROM t"), cell("frame = found.df()")),
                               cell("frame = bare.execute('SELECT * FROM t').df()"), rounds=7)
        yield ratio("SQL cell, 1M rows to pandas, through the host", many, "in-process `.df()`", peer, 0.7, 0.5)
        bare.close()
        shell.run_line_magic("unload_ext", "pluto_duck")
        os.chdir("/")


def _has_quiet() -> bool:
    return False


def _cells(*runs: Callable[[], object]) -> Callable[[], object]:
    def both() -> None:
        for run in runs:
            run()

    return both


def guests() -> Iterator[Row]:
    """A guest's reads against the same reads in-process, the host idle and busy inside DuckDB."""
    import duckdb

    with folder() as workspace, Worker(workspace.root) as host:
        host.query(MILLION)
        host.query("ALTER TABLE t ADD PRIMARY KEY (i)")
        bare = duckdb.connect(str(workspace.root / "bare.duckdb"))
        bare.execute(MILLION)
        bare.execute("ALTER TABLE t ADD PRIMARY KEY (i)")
        with Session.open(workspace.root) as guest:
            assert guest.hosting == "guest"
            point, scan = "SELECT * FROM t WHERE i = 777777", "SELECT * FROM t"
            for state in ("idle", "in DuckDB"):
                if state == "in DuckDB":
                    host.send("python", code="""
import threading
stop = threading.Timer(25, session.interrupt); stop.start()
try: session.query("SELECT count(*) FROM range(100000000000) a, range(1000) b WHERE a.range + b.range = 7")
except Exception: pass
stop.cancel(); value = 1""")
                    time.sleep(0.3)
                ours, peer = alternate(lambda: guest.query(point).arrow(),
                                       lambda: bare.execute(point).to_arrow_table(), rounds=150)
                yield ratio(f"guest point query, host {state}", ours, "in-process Arrow", peer, 1.5, 1.1)
                ours, peer = alternate(lambda: guest.query(scan).arrow(),
                                       lambda: list(bare.execute(scan).to_arrow_reader(65_536)), rounds=9)
                yield ratio(f"guest scan of 1M rows, host {state}", ours, "in-process Arrow batches", peer, 2.5, 1.6)
            host.answer(60)
        bare.close()


NATIVE_WRITES = """
from pluto_duck.workspace.database import _open
native = next(iter(_open)).cursor().native()
for i in range(5000):
    native.execute(f"INSERT INTO t VALUES ({i}, 'w')")
"""


def fail_over(*, native: bool = False) -> Row:
    """kill -9 of the host after 5,000 small commits, until a waiting guest's next write is acknowledged. `native`: by
    DuckDB's own connection alone, as a notebook may have it."""
    times = []
    for _ in range(5):
        with folder() as workspace, Worker(workspace.root) as host, Worker(workspace.root) as guest:
            host.query("CREATE TABLE t (i INTEGER, w VARCHAR)")
            if native:
                host.do("python", code=NATIVE_WRITES, timeout_s=300)
            else:
                host.do("write_many", start=0, count=5000, who="w", timeout_s=300)
            os.kill(host.process.pid, signal.SIGKILL)
            times.append(once_ms(lambda guest=guest: guest.query("INSERT INTO t VALUES (-1, 'x')")))  # type: ignore[misc]
            assert guest.query("SELECT count(*) FROM t")["rows"] == [[5001]]
    whose = "native commits" if native else "commits"
    row = plain(f"fail-over after kill -9 and 5,000 small {whose}", statistics.median(times), 1000, 300,
                note=f"max of {len(times)}: {max(times):.0f} ms; 0 acknowledged rows lost")
    return row


def rest() -> Iterator[Row]:
    """Over real HTTP: the first event after POST, and how soon a cancel stops DuckDB."""
    import httpx

    with folder() as workspace, tempfile.TemporaryDirectory() as home:
        with Session.open(workspace.root) as session:
            session.query("CREATE TABLE t AS SELECT range AS i FROM range(1000)")
        port = _free_port()
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyter_server", f"--port={port}", "--no-browser", "--ServerApp.ip=127.0.0.1",
             "--IdentityProvider.token=bench", "--allow-root", f"--ServerApp.root_dir={workspace.root}",
             "--ServerApp.jpserver_extensions={'pluto_duck': True}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "JUPYTER_CONFIG_DIR": home, "JUPYTER_RUNTIME_DIR": home})
        try:
            client = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Authorization": "token bench"}, timeout=60)
            while True:
                try:
                    client.get("/api/v1/health").raise_for_status()
                    break
                except httpx.HTTPError:
                    time.sleep(0.02)
            first, cancel = [], []
            for n in range(30):
                began = time.perf_counter()
                made = client.post("/api/v1/query", json={"sql": "SELECT count(*) FROM t"})
                with client.stream("GET", made.headers["location"], headers={"Accept": "text/event-stream"}) as stream:
                    next(line for line in stream.iter_lines() if line.startswith("data:"))
                    if n:
                        first.append((time.perf_counter() - began) * 1000)
            for _ in range(10):
                made = client.post("/api/v1/query", json={
                    "sql": "SELECT count(*) FROM range(100000000000) a, range(1000) b WHERE a.range + b.range = 7"})
                where = made.headers["location"]
                time.sleep(0.3)
                began = time.perf_counter()
                client.delete(where)
                while client.get(where, headers={"Accept": "application/json"}).json()["status"] == "running":
                    time.sleep(0.002)
                cancel.append((time.perf_counter() - began) * 1000)
            yield plain("first event after POST /api/v1/query (two requests)", statistics.median(first), 20, 10)
            yield plain("cancel over HTTP until the run has ended", statistics.median(cancel), 100, 50)
        finally:
            process.terminate()
            process.wait(20)


def all_rows() -> Iterator[Row]:
    assert hostfile  # the workspaces of these measures are their own
    yield load_ext()
    yield cli_help()
    yield server_start()
    yield from cells()
    yield from guests()
    yield fail_over()
    yield fail_over(native=True)
    yield from rest()
