"""Values at the edge of their types, loaded by ours and by each peer: exact, refused, failed, or changed without a word.

Each load is a process of its own (some peers end theirs): `python -m tests.benchmarks.edges TOOL URI FOLDER TABLE`
prints what DuckDB then holds, as text.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Edge:
    type: str
    value: str
    """As PostgreSQL reads it."""
    exact: tuple[str, ...] = ()
    """The texts that say the same; none: only the value itself."""

    @property
    def texts(self) -> tuple[str, ...]:
        return self.exact or (self.value,)


EDGES = (
    Edge("numeric(12,2)", "1234567890.12", ("1234567890.12", "1234567890.1200000000")),
    Edge("numeric(12,2)", "NaN", ("NaN", "nan")),
    Edge("numeric", "0.12345678901234567890123456789"),
    Edge("numeric", "123456789012345678901234567890123456789012345.5"),
    Edge("numeric", "NaN", ("NaN", "nan")),
    Edge("double precision", "-0.1"),
    Edge("real", "0.1"),
    Edge("bigint", "-9223372036854775808"),
    Edge("oid", "4294967295"),
    Edge("money", "$12.34", ("12.34", "$12.34")),
    Edge("date", "infinity"),
    Edge("date", "0044-03-15 BC", ("0044-03-15 (BC)", "0044-03-15 BC")),
    Edge("timestamp", "-infinity"),
    Edge("timestamp", "20000-01-01 00:00:00.000001"),
    Edge("timestamptz", "infinity"),
    Edge("timestamptz", "2024-03-31 02:30:00.123456+00"),
    Edge("time", "24:00:00"),
    Edge("timetz", "12:00:00+05:30"),
    Edge("interval", "1 year 2 mons -3 days 04:05:06.789", ("1 year 2 months -3 days 04:05:06.789",)),
    Edge("boolean", "true"),
    Edge("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    Edge("jsonb", '{"n": 12345678901234567890.123}'),
    Edge("json", '{"b":1, "a":1.0}'),
    Edge("char(5)", "ab", ("ab", "ab   ")),
    Edge("text", "naïve 鴨 \U0001f986"),
    Edge("bytea", "\\x00deadbeef", ("\\x00\\xDE\\xAD\\xBE\\xEF",)),
    Edge("mood", "sad"),
    Edge("pair", "(1,\"a,b\")", ("{'x': 1, 'y': 'a,b'}", "{'x': 1, 'y': a,b}", "{\"x\":1,\"y\":\"a,b\"}", "(1,\"a,b\")")),
    Edge("integer[]", "{1,NULL,3}", ("[1, NULL, 3]",)),
    Edge("integer[]", "{{1,2},{3,4}}", ("[[1, 2], [3, 4]]",)),
    Edge("text[]", '{"a,b","NULL",NULL}', ("[a,b, NULL, NULL]", "['a,b', 'NULL', NULL]", "['a,b', NULL, NULL]")),
    Edge("numeric(20,10)[]", "{1234567890.0123456789}", ("[1234567890.0123456789]",)),
    Edge("inet", "10.1.2.3/8"),
    Edge("macaddr", "08:00:2b:01:02:03"),
    Edge("bit(4)", "0101"),
    Edge("int4range", "[1,5)"),
    Edge("tsvector", "'cat':2 'fat':1"),
)
TYPES = ("CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')", "CREATE TYPE pair AS (x integer, y text)")
TOOLS = ("ours", "ours-adbc", "ours-copy", "scanner", "adbc", "connectorx", "dlt")


def load(tool: str, uri: str, folder: str, table: str) -> dict[str, str]:
    """{type, text} of the one value, as DuckDB holds it after the load."""
    import duckdb

    path = Path(folder) / "peer.duckdb"
    if tool.startswith("ours"):
        from pluto_duck.ingest import ingest
        from pluto_duck.session import Session
        from pluto_duck.workspace import create

        os.environ["PLUTODUCK_HOME"] = f"{folder}/home"
        with Session.open(create(Path(folder) / "workspace").root) as session:
            way = tool.partition("-")[2]
            ingest(session, uri, tables=[table], options={"path": way} if way else {})
            row = session.query(f"SELECT typeof(v), CAST(v AS VARCHAR) FROM {table}").rows()[0]
        return {"type": row[0], "text": row[1]}
    if tool == "dlt":
        _dlt(uri, folder, table)
    connection = duckdb.connect(str(path))
    if tool == "scanner":
        from pluto_duck.workspace import extensions

        connection.execute(f"LOAD '{extensions.wheel_file('postgres_scanner', duckdb.__version__)}'")
        connection.execute(f"ATTACH '{uri}' AS pg (TYPE postgres, READ_ONLY)")
        connection.execute(f"CREATE TABLE {table} AS SELECT * FROM pg.{table}")
    elif tool == "adbc":
        from adbc_driver_postgresql import dbapi

        with dbapi.connect(uri) as source, source.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table}")
            connection.register("incoming", cursor.fetch_record_batch())
            connection.execute(f"CREATE TABLE {table} AS FROM incoming")
    elif tool == "connectorx":
        import connectorx as cx

        incoming = cx.read_sql(uri, f"SELECT * FROM {table}", return_type="arrow")
        connection.register("incoming", incoming)
        connection.execute(f"CREATE TABLE {table} AS FROM incoming")
    kind, text = connection.execute(f"SELECT typeof(v), CAST(v AS VARCHAR) FROM {table}").fetchall()[0]
    return {"type": kind, "text": text}


def _dlt(uri: str, folder: str, table: str) -> None:
    os.environ.update(RUNTIME__DLTHUB_TELEMETRY="false", RUNTIME__LOG_LEVEL="CRITICAL", DLT_DATA_DIR=folder)
    import dlt
    from dlt.sources.sql_database import sql_table

    pipeline = dlt.pipeline("peer", pipelines_dir=folder, dataset_name="main",
                            destination=dlt.destinations.duckdb(str(Path(folder) / "peer.duckdb")))
    pipeline.run(sql_table(uri.replace("postgresql://", "postgresql+psycopg://"), table=table, backend="sqlalchemy",
                           reflection_level="full_with_precision"), write_disposition="replace")


def verdict(edge: Edge, tool: str, uri: str, table: str) -> str:
    with tempfile.TemporaryDirectory(prefix="pluto-bench-") as folder:
        done = subprocess.run([sys.executable, "-m", "tests.benchmarks.edges", tool, uri, folder, table], cwd=ROOT,
                              capture_output=True, text=True)
    if done.returncode:
        return "refused" if "ColumnRefused" in done.stderr or "SourceError" in done.stderr else "fails"
    seen = json.loads(done.stdout.strip().splitlines()[-1])
    if seen["text"] in edge.texts:
        return "exact"
    return f"**{seen['text'] if seen['text'] is not None else 'NULL'}**".replace("|", "\\|").replace("\n", " ")


def table_of(tools: tuple[str, ...] = TOOLS) -> Iterator[str]:
    """The lines of a Markdown table; what a tool changed without a word stands in bold."""
    import psycopg

    from tests.benchmarks.loads import server

    yield "| type | value | " + " | ".join(tools) + " |"
    yield "|---|---|" + "---|" * len(tools)
    with server(1) as postgres:
        uri = postgres.uri("postgres")
        with psycopg.connect(uri, autocommit=True) as connection:
            for statement in TYPES:
                connection.execute(statement)
            for number, edge in enumerate(EDGES):
                connection.execute(f"CREATE TABLE e{number} (v {edge.type})")
                connection.execute(f"INSERT INTO e{number} VALUES (%s::{edge.type})", (edge.value,))
        for number, edge in enumerate(EDGES):
            found = [verdict(edge, tool, uri, f"e{number}") for tool in tools]
            value = edge.value.replace("|", "\\|")
            yield f"| {edge.type} | `{value}` | " + " | ".join(found) + " |"


if __name__ == "__main__":
    answer: dict[str, Any] = load(*sys.argv[1:5])
    print(json.dumps(answer))
