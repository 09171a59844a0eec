"""What a policy costs on scans and look-ups, and how many statements a query over three levels is.

`python -m tests.benchmarks.server_policy` prints the numbers of the DuckDB that it finds.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.table import Row, once_ms

ROWS = int(os.environ.get("BENCH_POLICY_ROWS", "2000000"))
ROUNDS = 15
POLICY = """
version: 1
roles:
  filtered: {grants: [{tables: events, actions: read, rows: region = $region, masks: {note: partial}}]}
  masked: {grants: [{tables: events, actions: read, masks: {note: partial}}]}
"""
TABLES = ("CREATE TABLE events AS SELECT i::INTEGER AS id, ['EU', 'US'][1 + i % 2] AS region, i % 1000 AS bucket, hash(i) AS value, "
          f"'note ' || i AS note FROM range({ROWS}) r(i); ALTER TABLE events ADD PRIMARY KEY (id)")
LOOKS = {"aggregate over all": "SELECT bucket, count(*), sum(id) FROM events GROUP BY ALL ORDER BY ALL LIMIT 5",
         "one row by SQL": "SELECT * FROM events WHERE id = {id}", "first ten": "SELECT * FROM events LIMIT 10"}
THREE = ("{customers(limit: %d) {name orders(limit: %d) {id items {price} customer {id}} "
         "orders_aggregate {aggregate {count}}}}")


def numbers() -> dict[str, Any]:
    """Of each look the medians in ms by owner and roles, in turns."""
    import duckdb

    from pluto_duck.session import Session, TableRef
    from tests.benchmarks.measures import folder
    from tests.governance.policy.conftest import Company

    with folder() as workspace:
        company = Company(workspace)
        company.owner.query(TABLES)
        company.allow(POLICY)
        who: dict[str, Session] = {"owner": company.owner, "masked": company.as_("masked"),
                                   "filtered": company.as_("filtered", region="EU")}
        found: dict[str, dict[str, list[float]]] = {}
        for turn in range(ROUNDS + 1):
            for look, sql in LOOKS.items():
                for name, session in who.items():
                    text = sql.format(id=turn * 977 * 2)
                    found.setdefault(look, {}).setdefault(name, []).append(once_ms(lambda: session.query(text).rows()))  # noqa: B023
            for look, count in (("one row by key", 1), ("eight rows by key", 8)):
                keys = [[str((turn * 977 + i * 101) * 2)] for i in range(count)]
                for name, session in who.items():
                    found.setdefault(look, {}).setdefault(name, []).append(
                        once_ms(lambda: session.texts_by_key(TableRef("events"), keys)))  # noqa: B023
        company.close()
    return {"version": duckdb.__version__, "rows": ROWS,
            "looks": {look: {name: statistics.median(times[1:]) for name, times in by.items()} for look, by in found.items()}}


def policy_rows() -> Iterator[Row]:
    root = Path(__file__).parents[2]
    for extra in ("", ".duckdb2"):
        if extra and not (root / extra / "duckdb").exists():
            continue
        path = os.pathsep.join([str(root), *([str(root / extra)] if extra else [])])
        done = subprocess.run([sys.executable, "-m", "tests.benchmarks.server_policy"], capture_output=True, text=True,
                              check=True, env={**os.environ, "PYTHONPATH": path}, cwd=root)
        told = json.loads(done.stdout.splitlines()[-1])
        for look, ms in told["looks"].items():
            yield Row(f"{look}, {told['rows'] / 1e6:g} M rows, a filter and a mask; DuckDB {told['version']}",
                      f"{ms['filtered']:.2f} ms", f"owner: {ms['owner']:.2f} ms; a mask alone: {ms['masked']:.2f} ms",
                      f"{ms['filtered'] / ms['owner']:.2f} x", "-", "-", True)


def statements_row() -> Row:
    """Of a query over three levels, as a role and where they run."""
    from pluto_duck.governance import Actor
    from pluto_duck.session import Session
    from pluto_duck.workspace.database import Cursor
    from tests.api.gql.conftest import Asking, furnished
    from tests.benchmarks.measures import folder

    run: list[str] = []
    execute, fetchall = Cursor.execute, Cursor.fetchall

    def executed(self: Cursor, sql: str, **more: Any) -> Any:
        run.append(sql)
        return execute(self, sql, **more)

    def fetched(self: Cursor, sql: str) -> Any:
        run.append(sql)
        return fetchall(self, sql)

    with folder() as workspace:
        shop = furnished(workspace)
        with Session.open(shop.root) as owner:
            owner.query("INSERT INTO customers SELECT i, 'n' || i, 'EU', 'c' FROM range(6, 500) t (i);"
                        "INSERT INTO orders SELECT i, i % 500, 1, 'new', TIMESTAMP '2026-01-01', NULL FROM range(30, 5000) t (i)")
            with Session.open(shop.root, actor=Actor("key", "bench", ("eu",), {"region": "EU"})) as session:
                ask = Asking(session, cost=10**9, rows=10**6)
                counts, times = [], []
                ask(THREE % (1, 1))
                Cursor.execute, Cursor.fetchall = executed, fetched  # type: ignore[method-assign]
                try:
                    for many in (1, 20, 400):
                        run.clear()
                        times.append(once_ms(lambda: ask(THREE % (many, 10))))  # noqa: B023
                        counts.append(len(run))
                finally:
                    Cursor.execute, Cursor.fetchall = execute, fetchall  # type: ignore[method-assign]
    same = len(set(counts)) == 1
    return Row("GraphQL over three levels: statements of SQL for 1, 20, 400 rows at the top", ", ".join(map(str, counts)),
               ", ".join(f"{one:.0f} ms" for one in times), str(counts[-1]), "constant", "constant", same)


if __name__ == "__main__":
    print(json.dumps(numbers()))
