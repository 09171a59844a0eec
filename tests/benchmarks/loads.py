"""What `make bench` measures of ingest: ours and its peers in turns, each load in a process of its own."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pluto_duck.commands.private_postgres import PrivatePostgres
from pluto_duck.session import Session
from tests.benchmarks.table import Row, once_ms, plain, ratio

ROOT = Path(__file__).parents[2]
MIXED = """CREATE TABLE t AS SELECT i::bigint AS id, (i % 1000)::int AS k, (i * 1.37)::numeric(12,2) AS amt,
    'name ' || i AS name, timestamptz '2020-01-01' + i * interval '1 second' AS ts, date '2020-01-01' + (i % 1000)::int AS d,
    i % 2 = 0 AS b, i / 7.0::float8 AS f, jsonb_build_object('a', i, 'b', 'x' || i) AS j
    FROM generate_series(1, {rows}) AS i"""


@dataclass(frozen=True)
class Seen:
    ms: float
    rss_mb: float


@contextmanager
def server(rows: int) -> Iterator[PrivatePostgres]:
    """A PostgreSQL with the table `t` of that many mixed rows, keyed by id."""
    import psycopg

    with tempfile.TemporaryDirectory(prefix="pluto-bench-") as name:
        os.chmod(name, 0o755)
        postgres = PrivatePostgres(Path(name) / "server", options={"fsync": "off", "max_wal_size": "4GB"})
        postgres.start()
        try:
            with psycopg.connect(postgres.uri("postgres"), autocommit=True) as connection:
                connection.execute(MIXED.format(rows=rows))
                connection.execute("ALTER TABLE t ADD PRIMARY KEY (id)")
                connection.execute("VACUUM ANALYZE t")
            yield postgres
        finally:
            postgres.remove()


def once(tool: str, source: str) -> Seen:
    with tempfile.TemporaryDirectory(prefix="pluto-bench-") as folder:
        done = subprocess.run([sys.executable, "-m", "tests.benchmarks.peers", tool, source, folder], cwd=ROOT,
                              capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{tool}: {done.stderr[-2000:]}")
        seen = json.loads(done.stdout.strip().splitlines()[-1])
        return Seen(seen["seconds"] * 1000, seen["rss_mb"])


def turns(tools: Sequence[str], source: str, rounds: int) -> dict[str, Seen]:
    """The median of each, all taken in turns."""
    seen: dict[str, list[Seen]] = {tool: [] for tool in tools}
    for _ in range(rounds):
        for tool in tools:
            seen[tool].append(once(tool, source))
    return {tool: Seen(statistics.median(one.ms for one in many), statistics.median(one.rss_mb for one in many))
            for tool, many in seen.items()}


def memory(what: str, ours: Seen, note: str, must_mb: float, want_mb: float) -> Row:
    return Row(what, f"{ours.rss_mb:.0f} MB", note, f"{ours.rss_mb:.0f} MB", f"{must_mb:.0f} MB", f"{want_mb:.0f} MB",
               ours.rss_mb <= must_mb)


def three_million() -> Iterator[Row]:
    with server(3_000_000) as postgres:
        uri = postgres.uri("postgres")
        seen = turns(("scanner", "ours", "adbc", "ours-adbc"), uri, rounds=3)
        slow = turns(("connectorx", "ours-copy", "dlt"), uri, rounds=1)
        yield ratio("Postgres, 3M mixed rows, checks and key", seen["ours"].ms, "bare scanner and key",
                    seen["scanner"].ms, 1.25, 1.1)
        yield memory("peak memory of that load", seen["ours"], f"bare scanner: {seen['scanner'].rss_mb:.0f} MB", 300, 250)
        yield ratio("the same without the extension", seen["ours-adbc"].ms, "bare ADBC, casts and key",
                    seen["adbc"].ms, 1.1, 1.0)
        yield ratio("the same against connectorx", seen["ours"].ms, "connectorx, casts and key", slow["connectorx"].ms, 1, 0.5)
        yield ratio("the same against dlt", seen["ours"].ms, "dlt, connectorx backend", slow["dlt"].ms, 0.2, 0.1)
        yield ratio("the same by psycopg's COPY alone", slow["ours-copy"].ms, "bare ADBC, casts and key",
                    seen["adbc"].ms, 1.5, 1.1)
        yield from increments(uri)
        yield from merging(uri)


def increments(uri: str) -> Iterator[Row]:
    """A load that finds nothing new, in an open session and from a cold shell."""
    import psycopg

    from pluto_duck.ingest import ingest
    from pluto_duck.workspace import create

    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("CREATE TABLE events AS SELECT id, name, ts FROM t WHERE id <= 200000")
        connection.execute("ALTER TABLE events ADD PRIMARY KEY (id)")
        connection.execute("CREATE INDEX ON events (ts)")
        connection.execute("ANALYZE events")
    with tempfile.TemporaryDirectory(prefix="pluto-bench-") as folder:
        os.environ["PLUTODUCK_HOME"] = f"{folder}/home"
        workspace = create(Path(folder) / "workspace")
        with Session.open(workspace.root) as session:
            def load() -> None:
                ingest(session, uri, tables=["events"], mode="merge", cursor="ts")

            load(), load()
            yield plain("increment with nothing new, warm", statistics.median(once_ms(load) for _ in range(30)), 20, 8,
                        note="dlt, its own record: 172-196 ms")
        command = [str(Path(sys.executable).parent / "pluto-duck"), "ingest", uri, "--table", "events", "--mode", "merge",
                   "--cursor", "ts"]
        # As installed: with its byte code kept, whatever this run was told.
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        subprocess.run(command, check=True, capture_output=True, cwd=workspace.root, env=env)
        cold = statistics.median(once_ms(lambda: subprocess.run(
            command, check=True, capture_output=True, cwd=workspace.root, env=env)) for _ in range(7))
        yield plain("the same from a cold shell", cold, 600, 400)


def merging(uri: str) -> Iterator[Row]:
    """10 % of 3M rows changed at the source, merged by key."""
    import duckdb
    import psycopg

    from pluto_duck.ingest import ingest
    from pluto_duck.workspace import create, extensions

    with tempfile.TemporaryDirectory(prefix="pluto-bench-") as folder:
        os.environ["PLUTODUCK_HOME"] = f"{folder}/home"
        workspace = create(Path(folder) / "workspace")
        bare = duckdb.connect(f"{folder}/bare.duckdb")
        bare.execute(f"LOAD '{extensions.wheel_file('postgres_scanner', duckdb.__version__)}'")
        bare.execute(f"ATTACH '{uri}' AS pg (TYPE postgres, READ_ONLY)")
        bare.execute("CREATE TABLE t AS SELECT * FROM pg.t")
        bare.execute("ALTER TABLE t ADD PRIMARY KEY (id)")
        ours, theirs = [], []
        with Session.open(workspace.root) as session, psycopg.connect(uri, autocommit=True) as connection:
            ingest(session, uri, tables=["t"], mode="merge", cursor="ts")
            for turn in range(3):
                # The clock runs on: the changed rows are those above the last one seen.
                connection.execute("UPDATE t SET amt = amt + 1, ts = (SELECT max(ts) FROM t) + id * interval '1 microsecond' "
                                   "WHERE id %% 10 = %s", (turn,))
                since = connection.execute("SELECT min(ts) FROM t WHERE id %% 10 = %s", (turn,)).fetchone()
                assert since is not None
                theirs.append(once_ms(lambda since=since: bare.execute(
                    f"INSERT INTO t SELECT * FROM pg.t WHERE ts >= TIMESTAMPTZ '{since[0].isoformat()}' "
                    "ON CONFLICT DO UPDATE SET k = excluded.k, amt = excluded.amt, name = excluded.name, ts = excluded.ts, "
                    "d = excluded.d, b = excluded.b, f = excluded.f, j = excluded.j")))
                ours.append(once_ms(lambda: ingest(session, uri, tables=["t"], mode="merge", cursor="ts")))
            same = session.query("SELECT count(*), sum(amt), max(ts) FROM t").rows()
        assert same == bare.execute("SELECT count(*), sum(amt), max(ts) FROM t").fetchall()
        bare.close()
        yield ratio("merge of 300,000 changed rows into 3M", statistics.median(ours), "bare DuckDB upsert from the scanner",
                    statistics.median(theirs), 1.5, 1.2)


def files() -> Iterator[Row]:
    import duckdb

    with tempfile.TemporaryDirectory(prefix="pluto-bench-") as folder:
        rows = ("SELECT i AS id, i % 1000 AS k, CAST(i * 1.37 AS DECIMAL(12,2)) AS amt, 'name ' || i AS name, "
                "TIMESTAMP '2020-01-01' + to_seconds(i) AS ts, DATE '2020-01-01' + CAST(i % 1000 AS INTEGER) AS d, "
                "i % 2 = 0 AS b, i / 7 AS f FROM range(3000000) AS r(i)")
        for kind in ("csv", "parquet"):
            path = f"{folder}/t.{kind}"
            duckdb.connect().execute(f"COPY ({rows}) TO '{path}'")
            seen = turns(("file", "ours-file"), path, rounds=5)
            yield ratio(f"{kind}, 3M rows", seen["ours-file"].ms, "bare DuckDB", seen["file"].ms, 1.15, 1.05)


def many_small() -> Iterator[Row]:
    """100 tables of 1,000 rows in one command."""
    import duckdb
    import psycopg

    from pluto_duck.ingest import ingest
    from pluto_duck.workspace import create, extensions

    with server(1) as postgres, tempfile.TemporaryDirectory(prefix="pluto-bench-") as folder:
        uri = postgres.uri("postgres")
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute("CREATE SCHEMA small")
            for n in range(100):
                connection.execute(f"CREATE TABLE small.t{n} AS SELECT i AS id, 'name ' || i AS name, i * 1.5 AS d "
                                   "FROM generate_series(1, 1000) AS i")
                connection.execute(f"ALTER TABLE small.t{n} ADD PRIMARY KEY (id), ALTER COLUMN d TYPE numeric(12,2)")
        bare = duckdb.connect(f"{folder}/bare.duckdb")
        bare.execute(f"LOAD '{extensions.wheel_file('postgres_scanner', duckdb.__version__)}'")
        bare.execute(f"ATTACH '{uri}' AS pg (TYPE postgres, READ_ONLY)")
        os.environ["PLUTODUCK_HOME"] = f"{folder}/home"

        def scans() -> None:
            for n in range(100):
                bare.execute(f"CREATE OR REPLACE TABLE t{n} AS SELECT * FROM pg.small.t{n}")

        with Session.open(create(Path(folder) / "workspace").root) as session:
            def load() -> None:
                ingest(session, uri, schema="small")

            load(), scans()
            ours, theirs = [], []
            for _ in range(5):
                theirs.append(once_ms(scans))
                ours.append(once_ms(load))
        bare.close()
        yield ratio("100 small tables in one command, with keys", statistics.median(ours), "the sum of their bare scans",
                    statistics.median(theirs), 2, 1.2)


def ten_million() -> Iterator[Row]:
    """Memory: flat without a key, bounded by the index with one."""
    import psycopg

    with server(10_000_000) as postgres:
        uri = postgres.uri("postgres")
        ours, bare = once("ours", uri), once("scanner", uri)
        yield memory("peak memory, 10M rows with a key", ours, f"bare scanner and key: {bare.rss_mb:.0f} MB",
                     bare.rss_mb + 100, bare.rss_mb + 50)
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute("ALTER TABLE t DROP CONSTRAINT t_pkey")
        yield memory("peak memory, 10M rows without a key", once("ours", uri), "3M rows: the row above", 300, 250)


def all_loads() -> Iterator[Row]:
    yield from files()
    yield from many_small()
    yield from three_million()
    yield from ten_million()
