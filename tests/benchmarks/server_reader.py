"""The reader beside bare DuckDB: a snapshot of a gigabyte against COPY FROM DATABASE, what writers notice of it, and
what a statement pays for running elsewhere."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from pluto_duck.governance import Actor, trust
from pluto_duck.governance.policy.file import FILE, wanted
from pluto_duck.governance.policy.reading import read
from pluto_duck.session import Session
from pluto_duck.workspace import Request, create
from tests.benchmarks.table import Row, added, plain, ratio

POLICY = "version: 1\nroles:\n  all: {grants: [{tables: 't*', actions: read}]}\n"
TABLES = 4


class Writer:
    """Small commits, one after the other, and how long each took."""

    def __init__(self, root: Path) -> None:
        self._session = Session.open(root)
        self._stop = threading.Event()
        self.times_s: list[float] = []
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        n = 0
        while not self._stop.wait(0.005):
            n += 1
            started = time.perf_counter()
            self._session.query(f"INSERT INTO log VALUES ({n})")
            self.times_s.append(time.perf_counter() - started)

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._session.close()


def snapshot_numbers(gigabytes: float = 1.0, rounds: int = 3) -> dict[str, Any]:
    """Seconds of both by turns, in one process; stalls of a writer while ours copies."""
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        root = create(Path(folder) / "w").root
        (root / FILE).write_text(POLICY, encoding="utf-8")
        workspace = create(root)
        trust.grant(workspace, FILE, wanted(read(POLICY)[1]))
        rows = int(gigabytes * 1.0e9 / TABLES / 46)  # bytes of a row as DuckDB packs it: random values don't shrink
        with Session.open(root, role="server") as owner:
            owner.query("CREATE TABLE log (i BIGINT)")
            for i in range(TABLES):
                owner.query(f"CREATE TABLE t{i} AS SELECT i AS id, hash(i) AS a, hash(i + 1) AS b, random() AS c, "
                            f"md5(i::VARCHAR)[:16] AS s FROM range({rows}) r(i)")
            owner.query("CHECKPOINT")
            size = workspace.database.stat().st_size
            plain = Path(folder) / "plain.duckdb"
            with owner.lend("the benchmark") as path:
                shutil.copyfile(path, plain)
            bare = duckdb.connect(str(plain))
            bare.execute("SET enable_progress_bar = false")
            ours_s, bare_s = [], []
            with Session(workspace, owner.settings, role="server", actor=Actor("key", "k", ("all",))) as key:
                sql = " UNION ALL ".join(f"SELECT count(*) FROM t{i}" for i in range(TABLES))
                def publish(n: int) -> float:
                    for i in range(TABLES):
                        owner.query(f"UPDATE t{i} SET c = {n} WHERE id = {n}")
                    started = time.perf_counter()
                    key._link.call(Request("publish", {"sql": sql, "max_age_s": 0}))
                    return time.perf_counter() - started

                for turn in range(rounds):
                    ours_s.append(publish(turn))
                    target = Path(folder) / f"bare{turn}.duckdb"
                    started = time.perf_counter()
                    bare.execute(f"ATTACH '{target}' AS target; COPY FROM DATABASE plain TO target; DETACH target")
                    bare_s.append(time.perf_counter() - started)
                    target.unlink()
                with Writer(root) as calm:
                    time.sleep(5)
                with Writer(root) as writer:
                    publish(rounds)
                stalls_s, calm_s = writer.times_s, calm.times_s
                point = "SELECT a FROM t1 WHERE id = 4711"
                key.query_apart(point, max_age_s=3600)
                apart_s = _median(lambda: key.query_apart(point, max_age_s=3600))
                live_s = _median(lambda: key.query(point))
            bare.close()
    return {"gigabytes": size / 1e9, "ours_s": statistics.median(ours_s), "bare_s": statistics.median(bare_s),
            "ratio": statistics.median(ours_s) / statistics.median(bare_s), "rounds": [ours_s, bare_s],
            "stall_s": max(stalls_s), "calm_s": max(calm_s), "commits": len(stalls_s),
            "apart_ms": apart_s * 1e3, "live_ms": live_s * 1e3}


def _median(call: Any, times: int = 50) -> float:
    found = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        found.append(time.perf_counter() - started)
    return statistics.median(found)


def reader_rows() -> list[Row]:
    """For the table of `make bench`."""
    from tests.benchmarks.measures import folder

    with folder():
        found = snapshot_numbers()
    return [
        ratio(f"snapshot of {found['gigabytes']:.1f} GB, made anew", found["ours_s"] * 1e3, "COPY FROM DATABASE",
              found["bare_s"] * 1e3, 1.2, 1.0),
        plain("longest wait of a writer meanwhile", found["stall_s"] * 1e3, 500, 100,
              note=f"without a snapshot: {found['calm_s'] * 1e3:.0f} ms"),
        added("a key's point query in a reader", found["apart_ms"], "live in the host", found["live_ms"], 50, 15)]
