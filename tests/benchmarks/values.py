"""The value index of a workspace of 50 tables and 10 million rows: seconds, megabytes, and a question meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from pluto_duck.session import Session
from pluto_duck.workspace import create
from tests.benchmarks.measures import folder
from tests.benchmarks.table import Row

FACTS = (3_000_000, 2_000_000, *[900_000] * 4, *[150_000] * 8)
DIMENSIONS = 36
ROWS_OF_DIMENSION = 5_500

_CHILD = """
import json, resource, sys, threading, time
from pluto_duck.agent import ask
from pluto_duck.catalog import Catalog, background
from pluto_duck.session import Session

def megabytes():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 1e6

def timed(work):
    began = time.perf_counter()
    value = work()
    return value, time.perf_counter() - began

peak, done = [0.0], threading.Event()
def watch():
    while not done.wait(0.02):
        peak[0] = max(peak[0], megabytes())

with Session.open(sys.argv[2]) as session:  # what a kernel has loaded after its first question
    session.query("CREATE OR REPLACE TABLE t AS SELECT 'a' AS name")
    ask(session, "how many t are there?", planner="builtin")
with Session.open(sys.argv[1], role="kernel") as session:
    catalog, profiled = timed(lambda: Catalog.of(session))
    before = megabytes()
    threading.Thread(target=watch, daemon=True).start()
    began = time.perf_counter()
    index, first = timed(lambda: catalog.values(session))
    asked = []
    while index.unread():
        asked.append(timed(lambda: ask(session, "how many events 3 in Oslo?", planner="builtin"))[1])
        background.wait(session.workspace.root, 0.5)
    took = time.perf_counter() - began
    done.set()
    after = timed(lambda: ask(session, "how many events 3 in Oslo?", planner="builtin"))[1]
    print(json.dumps({"profiled": profiled, "first": first, "took": took, "asked": asked, "after": after,
                      "values": len(index), "grew": peak[0] - before, "late": len(catalog.unread)}))
"""


def _fill(session: Session) -> None:
    for n in range(DIMENSIONS):
        session.query(
            f"CREATE TABLE kind_{n:02d} AS SELECT i AS kind_{n:02d}_id, 'kind {n} number ' || i AS name, "
            f"'group ' || i % 40 AS family, md5('{n} ' || i)[:8] AS code FROM range({ROWS_OF_DIMENSION}) t(i)")
    for n, rows in enumerate(FACTS):
        keys = ", ".join(f"(i * {7919 + k}) % {ROWS_OF_DIMENSION} AS kind_{(3 * n + k) % DIMENSIONS:02d}_id" for k in range(3))
        session.query(
            f"CREATE TABLE events_{n} AS SELECT i AS id, {keys}, "
            "['Berlin', 'London', 'Paris', 'Oslo', 'Rome', 'Madrid', 'Vienna'][1 + i % 7] AS city, "
            f"'person ' || (i * 31) % {min(rows, 4_000)} AS person, 'note ' || i AS note, "
            "CASE WHEN i % 3 = 0 THEN 'open' ELSE 'closed' END AS status, (i % 1000) * 1.5 AS amount, "
            f"DATE '2015-01-01' + (i % 3650)::INTEGER AS day FROM range({rows}) t(i)")


def _child(root: Path, other: Path) -> dict[str, float | list[float]]:
    done = subprocess.run([sys.executable, "-c", _CHILD, str(root), str(other)], check=True, capture_output=True, text=True,
                          env={**os.environ})
    found: dict[str, float | list[float]] = json.loads(done.stdout)
    return found


def value_rows() -> list[Row]:
    with folder() as workspace:
        with Session.open(workspace.root) as session:
            _fill(session)
        other = create(workspace.root.parent / "other")
        cold, warm = _child(workspace.root, other.root), _child(workspace.root, other.root)
    size = f"50 tables, {(sum(FACTS) + DIMENSIONS * ROWS_OF_DIMENSION) / 1e6:.1f}M rows"
    asked = [1000 * one for one in cold["asked"]]  # type: ignore[union-attr]
    return [
        _row(f"values of {size}, read in the background", cold["took"], "s", 20, 20,
             f"{cold['values']:,} values; load of the machine {os.getloadavg()[0]:.0f}"),
        _row("memory that it took, at most", cold["grew"], "MB", 200, 200, "over the process with its catalog"),
        _row("a question meanwhile, at most", max(asked, default=0.0), "ms", 300, 100,
             f"{len(asked)} asked; afterwards {1000 * cold['after']:.0f} ms"),  # type: ignore[operator]
        _row("the next process: until all values are there", 1000 * warm["first"], "ms", 300, 100,  # type: ignore[operator]
             f"not read: {warm['late']:.0f}; its catalog {warm['profiled']:.1f} s"),
    ]


def _row(what: str, value: object, unit: str, must: float, want: float, note: str) -> Row:
    found = float(value)  # type: ignore[arg-type]
    shown = f"{found:.1f} {unit}" if unit == "s" else f"{found:.0f} {unit}"
    return Row(what, shown, note, shown, f"{must:g} {unit}", f"{want:g} {unit}", found <= must)
