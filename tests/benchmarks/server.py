"""The rows of `make bench` on the server: `pluto-duck serve` with keys and a policy, its peers beside it in turns."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from pluto_duck.workspace import create
from tests.benchmarks import server_peers as peers
from tests.benchmarks.server_cache import cache_rows
from tests.benchmarks.server_load import Ask, Load, load
from tests.benchmarks.server_policy import policy_rows, statements_row
from tests.benchmarks.table import Row
from tests.newcomer import free_port
from tests.serving import TOKEN, Served, serving, with_policy
from tests.workspace.worker import Worker

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))
POLICY = """
version: 1
roles:
  partner:
    grants:
      - {tables: projects, actions: [read, insert, update, delete], rows: currency_code = $region, masks: {description: partial}}
"""
PROJECT = {"project_name": "x", "total_amount": 12.5, "maturity_years": 3, "expected_tri": 2.5,
           "dscr": 1.2, "status": "ACTIVE", "creation_date": "2024-01-01", "last_updated": "2024-01-01 00:00:00",
           "currency_code": "EU"}
SPIN = "end = time.monotonic() + 300\nwhile time.monotonic() < end: sum(range(1000))"
TYPE = {"Content-Type": "application/json"}


@contextmanager
def peer(name: str, folder: Path) -> Iterator[tuple[int, int]]:
    """Its port and its process."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.server_peers", name,
                                str(folder / f"{name}.duckdb"), str(port)])
    try:
        while process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/projects/7").close()
                break
            except OSError:
                time.sleep(0.05)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


@contextmanager
def workspace_served(host: bool = True) -> Iterator[tuple[Served, list[str], Path]]:
    """All rows are EU's, so that each by-key read finds one: a filter that holds costs what one that hides does."""
    with tempfile.TemporaryDirectory(prefix="pluto-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        os.environ["PLUTODUCK_HOME"] = f"{name}/home"
        workspace = create(folder / "workspace")
        keys = with_policy(workspace, POLICY, peers.PROJECTS.replace("['EUR', 'USD'][1 + range % 2]", "'EU'") + "; "
                           + peers.PROJECTS_KEY, roles=["partner"], count=9)
        if not host:
            os.environ["PLUTODUCK_WORKSPACE__HOST"] = "auto"
            kernel = stack.enter_context(Worker(workspace.root, "kernel"))
            kernel.query("SELECT 1")
            kernel.send("python", code=SPIN)
        try:
            with serving(folder, keys[0], workspace=workspace) as served:
                address = f"{served.base}/tables/projects/rows/7"  # the first one loads what the server needs
                assert all(httpx.get(address, headers={"Authorization": f"Bearer {key}"}, timeout=60).status_code == 200
                           for key in keys)
                yield served, keys, folder
        finally:
            os.environ.pop("PLUTODUCK_WORKSPACE__HOST", None)
            if not host:
                kernel.process.kill()


def by_key(served: Served, keys: list[str]) -> Ask:
    return Ask(served.port, "/api/v1/tables/projects/rows/#", keys=keys)


def in_turns(asks: dict[str, Callable[[], Ask]], *, rounds: int = ROUNDS) -> dict[str, Load]:
    """The medians of each."""
    found: dict[str, list[Load]] = {name: [] for name in asks}
    for ask in asks.values():
        load(ask(), seconds=1)  # warm
    for _ in range(rounds):
        for name, ask in asks.items():
            found[name].append(load(ask(), seconds=SECONDS))
    for name, loads in found.items():
        assert all(one.per_s and not one.failed for one in loads), (name, loads)
    return {name: Load(*(statistics.median(getattr(one, part) for one in loads) for part in ("per_s", "p50_ms", "p99_ms")), 0)
            for name, loads in found.items()}


def cpu_s(pid: int) -> float:
    """Processor time so far: what a request costs, however busy the machine is with others."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cost_ms(pid: int, ask: Ask, seconds: float = SECONDS) -> float:
    began = time.perf_counter()
    before = cpu_s(pid)
    found = load(ask, seconds=seconds)
    took = time.perf_counter() - began
    return (cpu_s(pid) - before) * 1000 / max(1.0, found.per_s * min(seconds, took))


def _per_s(what: str, ours: Load, peer: str, theirs: Load, must: float, want: float) -> Row:
    ratio = ours.per_s / theirs.per_s
    return Row(what, f"{ours.per_s:.0f}/s", f"{peer}: {theirs.per_s:.0f}/s", f"{ratio:.2f} x", f">= {must} x",
               f">= {want} x", ratio >= must)


def reads_and_writes() -> Iterator[Row]:
    with ExitStack() as stack:
        served, keys, folder = stack.enter_context(workspace_served())
        (bare, bare_pid), (spawn, spawn_pid) = (stack.enter_context(peer(one, folder)) for one in ("bare", "spawn"))
        found = in_turns({"ours": lambda: by_key(served, keys[:1]), "bare": lambda: Ask(bare, "/projects/#"),
                          "spawn": lambda: Ask(spawn, "/projects/#"), "actors": lambda: by_key(served, keys[:8])})
        what = "GET by key, 8 connections, a key and a policy"
        yield _per_s(what, found["ours"], "bare tornado handler, no identity", found["bare"], 1.3, 1.5)
        yield _per_s(what, found["ours"], "duckdb-spawn's way", found["spawn"], 2, 2.5)
        ratio = found["ours"].p99_ms / found["spawn"].p99_ms
        yield Row(f"{what}, p99", f"{found['ours'].p99_ms:.1f} ms", f"duckdb-spawn's way: {found['spawn'].p99_ms:.1f} ms",
                  f"{ratio:.2f} x", "<= 0.6 x", "<= 0.5 x", ratio <= 0.6)
        ratio = found["actors"].per_s / found["bare"].per_s
        yield Row("the same, 8 different actors", f"{found['actors'].per_s:.0f}/s, p99 {found['actors'].p99_ms:.1f} ms",
                  f"bare: {found['bare'].per_s:.0f}/s", f"{ratio:.2f} x", "-", "-", True)

        costs = {name: statistics.median(cost_ms(pid, ask) for _ in range(ROUNDS)) for name, pid, ask in (
            ("ours", served.process.pid, by_key(served, keys[:1])), ("bare", bare_pid, Ask(bare, "/projects/#")),
            ("spawn", spawn_pid, Ask(spawn, "/projects/#")))}
        yield Row("processor time of a GET by key", f"{costs['ours']:.2f} ms", f"bare {costs['bare']:.2f} ms, duckdb-spawn's "
                  f"way {costs['spawn']:.2f} ms", f"{costs['ours'] / costs['bare']:.2f} x bare", "-", "-", True)

        counter = iter(range(1_000_000, 2_000_000_000, 10_000_000))

        def post(port: int, path: str, **more: Any) -> Ask:
            body = json.dumps({"id": "#", **PROJECT}).replace('"#"', "#")
            return Ask(port, path, body, count_from=next(counter), **more)

        found = in_turns({
            "ours": lambda: post(served.port, "/api/v1/tables/projects/rows", headers=TYPE, keys=keys[:1]),
            "spawn": lambda: post(spawn, "/projects", headers=TYPE), "bare": lambda: post(bare, "/projects", headers=TYPE)})
        yield _per_s("POST a row, durable, policy checked", found["ours"], "duckdb-spawn's way", found["spawn"], 1.5, 1.5)
        query = {"query": "query One($id: Int!) { projects_by_pk(id: $id) { id project_name total_amount } }", "variables": {"id": "#"}}
        body = json.dumps(query).replace('"#"', "#")
        found = in_turns({"ours": lambda: Ask(served.port, "/api/v1/graphql", body, TYPE, keys=keys[:1]),
                          "plain": lambda: Ask(bare, "/graphql", body, TYPE)})
        yield _per_s("GraphQL by key", found["ours"], "plain graphql-core, no identity", found["plain"], 2, 2)
        yield from _streams(served, bare)
        yield from cache_rows(served.base, served.identities["owner"])
        yield _followers(served)
    yield from busy_kernels()


def _curl(address: str, *headers: str) -> tuple[float, float, int]:
    """Seconds to the first byte and to the last, and bytes, as curl sees them."""
    words = [word for one in headers for word in ("-H", one)]
    done = subprocess.run(["curl", "-s", "-f", "-o", os.devnull, "-w", "%{time_starttransfer} %{time_total} %{size_download}",
                           *words, address], capture_output=True, text=True, check=True)
    first, total, size = done.stdout.split()
    return float(first), float(total), int(size)


def _streams(served: Served, bare: int) -> Iterator[Row]:
    owner = f"Authorization: token {TOKEN}"
    client = httpx.Client(base_url=served.base, headers=served.identities["owner"], timeout=120)
    number = iter(range(1, 100))

    def ours(kind: str) -> tuple[float, float, int]:
        """A new statement each time, so that nothing is answered from what is kept; the POST is part of it."""
        sql = peers.STREAM.replace("1000000", str(1_000_000 - next(number)))
        began = time.perf_counter()
        run = client.post("/query", json={"sql": sql}).json()["run_id"]
        before = time.perf_counter() - began
        first, total, size = _curl(f"{served.base}/query/{run}", owner, f"Accept: {kind}")
        return first + before, total + before, size

    used = []
    with client:
        for name, kind, must in (("NDJSON", "application/x-ndjson", 3.0), ("Arrow", "application/vnd.apache.arrow.stream", 0.8)):
            mine, theirs = [], []
            ours(kind)
            for _ in range(ROUNDS):
                mine.append(ours(kind))
                theirs.append(_curl(f"http://127.0.0.1:{bare}/{name.lower()}"))
                used.append(_rss_mb(served.process.pid))
            total, peer_total = (statistics.median(one[1] for one in some) for some in (mine, theirs))
            first = statistics.median(one[0] for one in mine) * 1000
            ratio = peer_total / total
            peer_name = "rows through orjson" if name == "NDJSON" else "a bare Arrow stream"
            yield Row(f"{name}, 1,000,000 rows, from the statement on", f"{1 / total:.2f} M rows/s",
                      f"{peer_name}: {1 / peer_total:.2f} M rows/s", f"{ratio:.2f} x", f">= {must:g} x", f">= {must:g} x",
                      ratio >= must)
            if name == "NDJSON":
                yield Row("NDJSON, first byte, from the statement on", f"{first:.0f} ms", "-", f"{first:.0f} ms", "25 ms",
                          "25 ms", first <= 25)
    yield Row(f"the server's memory over {len(used)} such streams", f"{used[-1]:.0f} MB at the end",
              f"{used[1]:.0f} MB after the second", f"+{used[-1] - used[1]:.0f} MB", "+50 MB", "+20 MB", used[-1] - used[1] <= 50)


def _rss_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _followers(served: Served, count: int = 200) -> Row:
    with httpx.Client(base_url=served.base, headers=served.identities["owner"], timeout=60) as client:
        sql = "SELECT count(*) FROM range(40000000) t(x) WHERE hash(x) % 7 = 1"
        run = client.post("/query", json={"sql": sql}).json()["run_id"]
        ends: list[float] = []

        def follow() -> None:
            headers = {**served.identities["owner"], "Accept": "text/event-stream"}
            request = urllib.request.Request(f"{served.base}/query/{run}", headers=headers)
            with urllib.request.urlopen(request, timeout=120) as stream:
                if '"type":"run","subtype":"end"' in stream.read().decode().replace('": "', '":"').replace(", ", ","):
                    ends.append(time.perf_counter())

        threads = [threading.Thread(target=follow) for _ in range(count)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    spread = max(ends, default=0.0) - min(ends, default=0.0)
    return Row(f"{count} followers of one run (SSE): from the first that saw its end to the last", f"{spread * 1000:.0f} ms",
               f"{len(ends)} saw it", f"{len(ends)}/{count}", f"{count}", f"{count}", len(ends) == count)


def busy_kernels() -> Iterator[Row]:
    for hosts, must in (("the server", 50.0), ("a kernel", 150.0)):
        with workspace_served(host=hosts == "the server") as (served, keys, _folder), ExitStack() as stack:
            if hosts == "the server":
                kernel = stack.enter_context(Worker(served.workspace.root, "kernel"))
                kernel.query("SELECT 1")
                kernel.send("python", code=SPIN)
            load(by_key(served, keys[:1]), seconds=1)
            found = [load(by_key(served, keys[:1]), seconds=SECONDS) for _ in range(ROUNDS)]
            assert all(one.per_s and not one.failed for one in found), found  # nothing answered is not quick
            p99 = statistics.median(one.p99_ms for one in found)
            yield Row(f"GET by key, p99 of 8 clients; {hosts} hosts, a kernel runs pure Python", f"{p99:.0f} ms",
                      f"{statistics.median(one.per_s for one in found):.0f}/s", f"{p99:.0f} ms", f"{must:g} ms", f"{must:g} ms",
                      p99 <= must)
            if hosts == "the server":
                kernel.process.kill()


def server_rows() -> Iterator[Row]:
    yield from reads_and_writes()
    yield statements_row()
    yield from policy_rows()
