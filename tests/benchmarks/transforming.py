"""What `make bench` measures of dbt: `pluto-duck run-dbt` beside the bare `dbt` on a file of its own, and what four guests
feel of a build of fifty models."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from pluto_duck.session import Session
from pluto_duck.workspace import create
from tests.benchmarks.table import Row

MODELS = 50
QUIET_S = 6.0
ROUNDS = 3
ROWS = 300_000
SOURCE = f"""CREATE TABLE IF NOT EXISTS events AS
SELECT range AS id, range % 1000 AS customer, range % 37 AS product, (range % 9973)::DECIMAL(12, 2) AS amount,
       TIMESTAMP '2025-01-01' + to_minutes(range) AS happened_at FROM range({ROWS})"""
BARE = """
bench:
  target: dev
  outputs:
    dev: {{type: duckdb, path: '{path}', threads: 4}}
"""


def project(folder: Path, database: Path) -> Path:
    """Ten views, thirty tables that hang on them, five incremental ones and five that join; a test for each table."""
    (folder / "models").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text("name: bench\nversion: '1.0'\nprofile: bench\nmodels: {+materialized: table}\n")
    (folder / "bare").mkdir()
    (folder / "bare/profiles.yml").write_text(BARE.format(path=database))
    tested = []
    for number in range(MODELS):
        name = f"m{number:02}"
        if number < 10:
            text = f"{{{{ config(materialized='view') }}}} select * from {{{{ source('raw', 'events') }}}} where id % 10 = {number}"
        elif number < 40:
            text = (f"select customer, product, sum(amount) as amount, count(*) as n from {{{{ ref('m{number % 10:02}') }}}} "
                    "group by all")
        elif number < 45:
            text = (f"{{{{ config(materialized='incremental', unique_key='customer') }}}} select customer, max(amount) as top "
                    f"from {{{{ ref('m{number - 30:02}') }}}} group by all")
        else:
            text = (f"select a.customer, sum(a.amount * b.top) as x from {{{{ ref('m{number - 20:02}') }}}} a "
                    f"join {{{{ ref('m{number - 5:02}') }}}} b using (customer) group by all")
        (folder / f"models/{name}.sql").write_text(text)
        if number >= 40:
            tested.append(f"  - {{name: {name}, columns: [{{name: customer, data_tests: [unique, not_null]}}]}}")
    (folder / "models/schema.yml").write_text("version: 2\nsources: [{name: raw, schema: main, tables: [{name: events}]}]\n"
                                              "models:\n" + "\n".join(tested) + "\n")
    return folder


class Both:
    """The same project, on a workspace and on a bare file."""

    def __init__(self, folder: Path) -> None:
        self.workspace = create(folder / "workspace")
        self.project = project(folder / "project", folder / "bare.duckdb")
        with Session.open(self.workspace.root) as session:
            session.query(SOURCE)
        self._run([sys.executable, "-c", "import duckdb, sys; duckdb.connect(sys.argv[1]).execute(sys.argv[2])",
                   str(folder / "bare.duckdb"), SOURCE])

    def ours(self, *more: str) -> tuple[float, float]:
        return self._run([str(Path(sys.executable).parent / "pluto-duck"), "-w", str(self.workspace.root), "run-dbt",
                          "--project", str(self.project), *more])

    def bare(self) -> tuple[float, float]:
        return self._run([str(Path(sys.executable).parent / "dbt"), "build", "--project-dir", str(self.project),
                          "--profiles-dir", str(self.project / "bare"), "--target-path", str(self.project / "bare/target"),
                          "--log-path", str(self.project / "bare/logs")])

    @staticmethod
    def _run(command: list[str]) -> tuple[float, float]:
        """(seconds, seconds of all cores' time)"""
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={
            **os.environ, "DO_NOT_TRACK": "1", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_VERSION_CHECK": "false"})
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def overhead(both: Both, rounds: int = 4) -> Row:
    """Of the cores' time, which a busy machine changes least; the seconds are told as well."""
    both.bare(), both.ours()
    pairs = [(both.bare(), both.ours()) if number % 2 else (both.ours(), both.bare())[::-1] for number in range(rounds)]
    (bare_s, bare_cpu), (ours_s, ours_cpu) = ([statistics.median(pair[side][what] for pair in pairs) for what in (0, 1)]
                                              for side in (0, 1))
    return Row(f"`run-dbt` of {MODELS} models and 20 tests", f"{ours_s:.1f} s, {ours_cpu:.1f} s of cpu",
               f"bare `dbt build`: {bare_s:.1f} s, {bare_cpu:.1f} s of cpu",
               f"{ours_s / bare_s:.2f} x, {ours_cpu / bare_cpu:.2f} x of cpu", "1.1 x", "1.05 x", ours_cpu <= 1.1 * bare_cpu)


GUEST = """
import os, sys, time
from pluto_duck.session import Session
with Session.open(sys.argv[1]) as session:
    session.query("SELECT 1")
    print("up", flush=True)
    sys.stdin.readline()
    while not os.path.exists(sys.argv[2]):
        for sql in ("SELECT count(*), sum(amount) FROM events WHERE customer = 7", "SELECT * FROM events WHERE id = 4711"):
            began = time.perf_counter()
            session.query(sql)
            print((time.perf_counter() - began) * 1000, flush=True)
        time.sleep(0.02)
"""


def guests(both: Both) -> Row:
    """Four guests that query, without a build beside them and with one, in turns."""

    def ask(beside: bool) -> tuple[list[float], int]:
        with Session.open(both.workspace.root) as host:
            host.query("SELECT 1")
            enough = both.project / "enough"
            enough.unlink(missing_ok=True)
            running = [subprocess.Popen([sys.executable, "-c", GUEST, str(both.workspace.root), str(enough)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                       for _ in range(4)]
            for one in running:
                assert one.stdout is not None
                assert one.stdin is not None
                one.stdout.readline()
                one.stdin.write("\n")
                one.stdin.flush()
            if beside:
                both.ours("--full-refresh")
            else:
                time.sleep(QUIET_S)
            enough.touch()
            said = [one.communicate(timeout=120) for one in running]
            return [float(line) for out, _ in said for line in out.split()], sum(one.returncode != 0 for one in running)

    def p95(took: list[float]) -> float:
        return statistics.quantiles(took, n=20)[18]

    rounds, errors, asked = [], 0, 0
    for _ in range(ROUNDS):  # in turns: the machine may be busy, and become so
        (quiet, first), (busy, second) = ask(False), ask(True)
        rounds.append((p95(busy) / p95(quiet), p95(busy), p95(quiet)))
        errors, asked = errors + first + second, asked + len(quiet) + len(busy)
    ratio, beside, alone = statistics.median_low(rounds)
    each = ", ".join(f"{one[0]:.2f}" for one in rounds)
    return Row("queries of four guests beside a build, p95", f"{beside:.1f} ms", f"without it, in turns: {alone:.1f} ms",
               f"{ratio:.2f} x (rounds: {each}), {errors} errors in {asked:,}", "2 x, 0 errors", "1.5 x",
               ratio <= 2 and not errors)


def all_rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="pluto-bench-", ignore_cleanup_errors=True) as folder:
        os.environ["PLUTODUCK_HOME"] = f"{folder}/home"
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed is compiled
        both = Both(Path(folder))
        yield overhead(both)
        yield guests(both)
