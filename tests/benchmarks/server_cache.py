"""What an answer costs that was computed before, beside the same one computed anew."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator

import httpx

from tests.benchmarks.table import Row

QUERY = ("SELECT id % 1000 AS bucket, count(*) AS n, sum(hash(description)) AS s, median(length(project_name)) AS m "
         "FROM projects, range(10) GROUP BY ALL ORDER BY ALL")
ROUNDS = 9


def _median_ms(rounds: list[float]) -> float:
    return statistics.median(rounds) * 1000


def cache_rows(base: str, headers: dict[str, str], sql: str = QUERY) -> Iterator[Row]:
    """By `GET /query?sql=`, as a dashboard asks; hits, misses and 304 in turns."""
    with httpx.Client(base_url=base, headers=headers, timeout=120) as client:
        number = itertools.count()

        def get(text: str, **more: str) -> httpx.Response:
            answer = client.get("/query", params={"sql": text, "format": "csv"}, headers=more)
            assert answer.status_code in (200, 304), answer.text
            return answer

        def timed(ask: Callable[[], httpx.Response], code: int) -> float:
            began = time.perf_counter()
            assert ask().status_code == code
            return time.perf_counter() - began

        get(sql)
        tag = get(sql).headers["ETag"]
        hits, misses, same = [], [], []
        for _ in range(ROUNDS):
            misses.append(timed(lambda: get(f"{sql} LIMIT {10**6 + next(number)}"), 200))
            hits.append(timed(lambda: get(sql), 200))
            same.append(timed(lambda: get(sql, **{"If-None-Match": tag}), 304))
        miss, hit, unchanged = map(_median_ms, (misses, hits, same))
        ratio = client.get("/status").json()["cache"]["hit_ratio"] if "token" in headers["Authorization"] else None
    yield Row("a query that was computed before", f"{hit:.0f} ms", f"computed anew: {miss:.0f} ms", f"{miss / hit:.1f} x", ">= 2 x",
              ">= 5 x", miss / hit >= 2)
    yield Row("the same for who has the rows (304)", f"{unchanged:.0f} ms", f"computed anew: {miss:.0f} ms",
              f"{miss / unchanged:.1f} x", ">= 2 x", ">= 10 x", miss / unchanged >= 2)
    assert ratio is None or ratio > 0
