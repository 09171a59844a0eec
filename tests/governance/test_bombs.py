"""Statements that would eat the machine: refused, capped, or stopped by an interrupt. In a child that can be killed."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

PATIENCE_S = 60
"""Far above what any of them takes (under 2 s on an idle machine): only a hang reaches it."""

CHILD = """
import json, resource, sys
from pathlib import Path
from pluto_duck.errors import PlutoError
from tests.governance.conftest import Agent, fill, open_database
resource.setrlimit(resource.RLIMIT_AS, (12 << 30, 12 << 30))
database = open_database(Path(sys.argv[1])); fill(database)
cursor = database.cursor(); cursor.execute("SET memory_limit = '1GB'"); cursor.execute("SET threads = 2")
agent = Agent(database)
print("ready", flush=True)
for line in sys.stdin:
    sql = json.loads(line)
    try:
        approved = agent.check(sql)
        running = agent.catalog.cursor()
        done = []
        database.watchdog.after(0.5, lambda r=running, d=done: not d and (r.interrupt() or True))
        try:
            running.execute(approved, select=True).fetchall()
            answer = "ran"
        finally:
            done.append(True)
            running.close()
    except PlutoError as error:
        answer = type(error).__name__ + ": " + error.message
    print(json.dumps(answer[:300]), flush=True)
"""


class Child:
    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen([sys.executable, "-c", CHILD, str(folder)], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        assert self._lines.get(timeout=PATIENCE_S) == "ready\n"

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def run(self, sql: str) -> str:
        assert self._process.stdin is not None
        print(json.dumps(sql), file=self._process.stdin, flush=True)
        try:
            line = self._lines.get(timeout=PATIENCE_S)
        except queue.Empty:
            pytest.fail(f"not stopped within {PATIENCE_S} s")
        assert line, "the process died"
        return str(json.loads(line))

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    started = Child(tmp_path_factory.mktemp("bombs"))
    yield started
    started.close()


def doubling(count: int, body: str) -> str:
    ctes = ", ".join(f"c{i} AS ({body.format(before=f'c{i - 1}')})" for i in range(1, count))
    return f"WITH c0 AS (SELECT 1 AS a), {ctes} SELECT count(*) FROM c{count - 1}"


REFUSED_BY_THE_GATE = {
    "unions": " UNION ALL ".join(["SELECT 1"] * 200),
    "unions in brackets": "SELECT * FROM (" + " UNION SELECT ".join(["SELECT 1", *["1"] * 150]) + ")",
    "many CTEs": "WITH " + ", ".join(f"c{i} AS (SELECT {i})" for i in range(60)) + " SELECT 1",
    "columns that double": doubling(40, "SELECT *, * FROM {before}"),
    "plans that double": doubling(40, "SELECT 1 AS a FROM {before} x, {before} y"),
    "plans that double in subqueries": doubling(
        40, "SELECT (SELECT max(a) FROM {before}) + (SELECT 1 FROM {before}) AS a"),
    "long text": "SELECT '" + "x" * 100_001 + "'",
    "many parts": "SELECT " + ",".join(["1"] * 40_000),
    "deep calls": "SELECT " + "abs(" * 5_000 + "1" + ")" * 5_000,
    "deep sums": "SELECT 1" + " + 1" * 5_000,
    "deep subqueries": "SELECT * FROM " + "(SELECT * FROM " * 800 + "people" + ")" * 800,
    "a wide format": "SELECT printf('%999999999d', 1)",
}

CAPPED = [
    "SELECT length(repeat('x', 4000000000))",
    "SELECT length(repeat(name, 1000000000)) FROM people",
    "SELECT len(repeat([1, 2], 1000000000))",
    "SELECT length(lpad('x', 2000000000, 'y'))",
    "SELECT length(rpad(name, 2000000000, 'y')) FROM people",
    "SELECT len(range(10000000000))",
    "SELECT len(range(0, 10000000000))",
    "SELECT len(range(0, 10000000000, 2))",
    "SELECT len(range(10000000000, 0, -1))",
    "SELECT len(range(DATE '0001-01-01', DATE '9999-01-01', INTERVAL 1 MINUTE))",
    "SELECT len(generate_series(TIMESTAMP '1000-01-01', TIMESTAMP '9999-01-01', INTERVAL 1 SECOND))",
    "SELECT len(generate_series(1, id * 10000000000)) FROM people",
    "SELECT count(*) FROM (SELECT unnest(range(100000000000)))",
    "SELECT bitstring('1', 2000000000)",
    "SELECT len(list_resize([1], 4000000000))",
    "SELECT len(array_resize([1], 4000000000, 7))",
    "SELECT length(bar(1, 0, 1, 2000000000))",
    "SELECT levenshtein(repeat('a', 99999), repeat('b', 99999))",
    "SELECT damerau_levenshtein(repeat('a', 99999), repeat('b', 99999))",
]

STOPPED = [
    "SELECT count(*) FROM range(1000000000000)",
    "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b",
    "SELECT count(*) FROM people, range(1000000000), range(1000000000)",
    "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
    "SELECT count(DISTINCT range) FROM range(1000000000000)",
    "SELECT list(range) FROM range(1000000000000)",
    "SELECT string_agg('xxxxxxxxxxxxxxxx', '') FROM range(1000000000000)",
    "SELECT row_number() OVER (ORDER BY hash(range)) FROM range(1000000000000) ORDER BY 1 DESC LIMIT 1",
]


@pytest.mark.parametrize("sql", REFUSED_BY_THE_GATE.values(), ids=REFUSED_BY_THE_GATE.keys())
def test_a_statement_that_hangs_the_planner_is_refused(child: Child, sql: str) -> None:
    assert child.run(sql).split(":")[0] in ("Refused", "StatementError")


@pytest.mark.parametrize("sql", CAPPED)
def test_a_function_that_no_interrupt_reaches_is_capped(child: Child, sql: str) -> None:
    assert "too large here" in child.run(sql)


@pytest.mark.parametrize("sql", STOPPED)
def test_the_watchdog_or_the_memory_limit_stops_the_rest(child: Child, sql: str) -> None:
    answer = child.run(sql)
    assert answer.split(":")[0] in ("Cancelled", "StatementError")
