"""What the checks of a wide table cost: beside the same aggregates as one bare DuckDB statement, in turns."""

from __future__ import annotations

import datetime as dt
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from pluto_duck.governance.checks.reading import read
from pluto_duck.ingest import ingest
from pluto_duck.session import Session, checking
from pluto_duck.workspace import create
from tests.benchmarks.table import Row

ROWS = int(os.environ.get("BENCH_CHECK_ROWS", "10000000"))
LOADED = int(os.environ.get("BENCH_CHECK_LOADED", "2000000"))
ROUNDS = 5
_COLUMNS = ["i AS id", *(f"(hash(i + {n}) % 1000)::INTEGER AS n{n}" for n in range(9)),
            *(f"(hash(i * {n + 2}) % 100000) / 100.0 AS d{n}" for n in range(5)),
            "['open', 'paid', 'NO'][i % 3 + 1] AS status", "'P' || (i % 5000) AS code",
            "TIMESTAMP '2026-01-01' + to_seconds(i % 8000000) AS seen", "'u' || (i % 20000) || '@x.de' AS email",
            "CASE WHEN i % 7 > 0 THEN i END AS hole"]
TABLE = f"CREATE TABLE t AS SELECT {', '.join(_COLUMNS)} FROM range({ROWS}) r(i)"
CHECKS = "\n".join([
    'version: "1"', "tables:", "  t:", "    - primary_key: id", "    - unique: code", "    - row_count: {min: 1}",
    "    - not_null: [n0, n1, n2, n3, n4, n5, n6, n7, n8, d0, d1, d2, d3, d4, status, code, seen, email]",
    *(f"    - range: {{column: {name}{n}, min: 0, max: 900}}" for name, many in (("n", 9), ("d", 5)) for n in range(many)),
    "    - accepted_values: {column: status, values: [open, paid]}", "    - freshness: {column: seen, within: 1d}",
    "    - pattern: {column: email, matches: '[^@]+@x[.]de'}", "    - sql: n0 + n1 < 1900"])


def all_rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        before = os.environ.get("PLUTODUCK_HOME")
        os.environ["PLUTODUCK_HOME"] = f"{folder}/home"
        try:
            yield _scan(Path(folder))
            yield from _loads(Path(folder))
        finally:
            if before is None:
                del os.environ["PLUTODUCK_HOME"]
            else:
                os.environ["PLUTODUCK_HOME"] = before


def _scan(folder: Path) -> Row:
    checks = read(CHECKS).checks
    with Session.open(create(folder / "workspace").root) as session, duckdb.connect(str(folder / "peer.duckdb")) as peer:
        session.query(TABLE)
        peer.execute(TABLE)
        asked: list[str] = []
        query = session.query

        def listening(sql: str, **more: Any) -> Any:
            asked.append(sql)
            return query(sql, **more)

        session.query = listening  # type: ignore[method-assign, assignment]

        def ours() -> object:
            return list(checking.check(session, checks, loaded={}, now=dt.datetime.now(dt.UTC)))

        ours()
        [statement] = asked  # one scan, however many checks
        peer.execute(statement).fetchall()
        pairs = [(_took(ours), _took(lambda: peer.execute(statement).fetchall())) for _ in range(ROUNDS)]
    ratio = statistics.median(mine / bare for mine, bare in pairs)
    mine, bare = (statistics.median(one) for one in zip(*pairs, strict=True))
    return Row(f"{len(checks)} checks of {ROWS:,} rows x {len(_COLUMNS)} columns", f"{mine:.2f} s", f"{bare:.2f} s",
               f"{ratio:.2f} x", "1.5 x", "1.1 x", ratio <= 1.5)


def _loads(folder: Path) -> Iterator[Row]:
    """What --check adds to a load: without it, held, and where rows that fail are to wait for a person."""
    source = folder / "t.parquet"
    with duckdb.connect() as peer:
        peer.execute(f"{TABLE.replace(str(ROWS), str(LOADED))}; COPY t TO '{source}' (FORMAT parquet)")
    csv = folder / "t.csv"
    with duckdb.connect() as peer:
        peer.execute(f"COPY (FROM '{source}') TO '{csv}'")
    with Session.open(create(folder / "loads").root) as session:
        file = session.workspace.root / "checks.yaml"
        plain = "\n".join(one for one in CHECKS.split("\n") if "unique:" not in one and "freshness" not in one)
        plain = plain.replace("max: 900", "max: 1000").replace("paid]", "paid, NO]").replace("< 1900", "< 2000")
        held = plain.replace("  t:\n", "  t:\n    on_failure: approve\n    checks:\n").replace("    - ", "      - ")
        for path, text, what in ((source, plain, "parquet, --check"), (csv, plain, "csv, --check"),
                                 (csv, held, "csv, --check, on_failure: approve")):
            file.write_text(text, encoding="utf-8")
            count = len(read(text).checks)
            ingest(session, str(path), check=True)  # none of them may fail
            pairs = [(_took(partial(ingest, session, str(path), check=True)), _took(partial(ingest, session, str(path))))
                     for _ in range(ROUNDS)]
            ratio = statistics.median(mine / bare for mine, bare in pairs)
            mine, bare = (statistics.median(one) for one in zip(*pairs, strict=True))
            yield Row(f"{LOADED:,} rows x {len(_COLUMNS)} columns from {what}, {count} checks", f"{mine:.2f} s",
                      f"without: {bare:.2f} s", f"{ratio:.2f} x", "2 x", "1.3 x", ratio <= 2)


def _took(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
