"""What a refresh of a view costs after 1 % more rows: from the changes, beside making it anew, in turns."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from pluto_duck.session import Session, TableRef
from pluto_duck.workspace import create
from tests.benchmarks.table import Row

ROWS = int(os.environ.get("BENCH_VIEW_ROWS", "10000000"))
ROUNDS = 5
_PICKS = ("i AS id, (hash(i) % 200)::INTEGER AS region, (hash(i + 1) % 100000)::INTEGER AS customer, "
          f"(hash(i + 2) % 1000000 / 100)::DECIMAL(12,2) AS price, DATE '2024-01-01' + (i * 700 // {ROWS})::INTEGER AS day")
VIEWS = {
    "month and region: sum, count, min, max and avg of 4,600 groups":
        "SELECT date_trunc('month', day) AS month, region, count(*) AS n, sum(price) AS total, min(price) AS least, "
        "max(id) AS newest, avg(price) AS middle FROM t WHERE customer > 100 GROUP BY month, region",
    "day and region: sum and count of 140,000 groups, of which 1 % gets all new rows":
        "SELECT day, region, count(*) AS n, sum(price) AS total FROM t GROUP BY day, region",
    "customer: sum and count of 100,000 groups, of which 63 % get new rows":
        "SELECT customer, count(*) AS n, sum(price) AS total FROM t GROUP BY customer",
    "filter and projection, half of the rows": "SELECT id, customer, price * 2 AS twice, day FROM t WHERE region < 100",
}


def all_rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        before = os.environ.get("PLUTODUCK_HOME")
        os.environ["PLUTODUCK_HOME"] = f"{folder}/home"
        try:
            for number, (what, sql) in enumerate(VIEWS.items()):
                yield _view(Path(folder) / str(number), what, sql)
        finally:
            if before is None:
                del os.environ["PLUTODUCK_HOME"]
            else:
                os.environ["PLUTODUCK_HOME"] = before


def _view(folder: Path, what: str, sql: str) -> Row:
    view, part = TableRef("v"), ROWS // 100
    with Session.open(create(folder / "workspace").root) as session:
        session.query(f"CREATE TABLE t AS SELECT {_PICKS} FROM range({ROWS}) r(i)")
        session.views.create(view, sql)
        pairs, last = [], ROWS
        for _ in range(ROUNDS):
            session.query(f"INSERT INTO t SELECT {_PICKS} FROM range({last}, {last + part}) r(i)")
            last += part
            time.sleep(1.5)  # the log of the rows is written into the file
            pairs.append((*_took(session, view, "incremental"), *_took(session, view, "full")))
        # The last digit of an average may differ.
        both = [f"(SELECT COLUMNS(c -> c <> 'middle') FROM {one})" for one in ("v", f"({sql})")]
        wrong = session.query(f"SELECT count(*) FROM (({both[0]} EXCEPT ALL {both[1]}) UNION ALL "
                              f"({both[1]} EXCEPT ALL {both[0]}))")
    assert wrong.rows() == [(0,)]
    ratio = statistics.median(full / quick for quick, _, full, _ in pairs)
    of_cpu = statistics.median(full / quick for _, quick, _, full in pairs)
    quick, cpu, full, full_cpu = (statistics.median(one) * 1000 for one in zip(*pairs, strict=True))
    return Row(f"{what}, {ROWS:,} rows and 1 % more", f"{quick:.0f} ms, {cpu:.0f} ms of cpu",
               f"made anew: {full:.0f} ms, {full_cpu:.0f} ms of cpu", f"{ratio:.1f} x quicker, {of_cpu:.1f} x less cpu",
               "10 x", "20 x", ratio >= 10)


def _took(session: Session, view: TableRef, way: str) -> tuple[float, float]:
    """Seconds, and those of cpu: on a busy machine each of the dozen small statements waits for its turn."""
    started, cpu = time.perf_counter(), time.process_time()
    assert session.views.refresh(view, full=way == "full").way == way
    return time.perf_counter() - started, time.process_time() - cpu
