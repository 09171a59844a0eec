"""One load by one tool, in a process of its own: `python -m tests.benchmarks.peers NAME URI FOLDER` prints seconds
and peak memory as JSON. Imports are not part of the time, connecting is."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# How the text that ADBC and connectorx give for some columns becomes the type of the source again.
COLUMNS = "id, k, CAST(amt AS DECIMAL(12,2)) AS amt, name, ts, d, b, f, CAST(j AS JSON) AS j"


def _file(folder: str) -> Any:
    import duckdb

    return duckdb.connect(str(Path(folder) / "peer.duckdb"))


def _with_key(connection: Any) -> None:
    connection.execute("ALTER TABLE t ADD PRIMARY KEY (id)")
    connection.close()


def scanner(uri: str, folder: str) -> Callable[[], None]:
    """The bare extension: no checks, NaN becomes 0."""
    import duckdb

    from pluto_duck.workspace import extensions

    path = extensions.wheel_file("postgres_scanner", duckdb.__version__)
    connection = _file(folder)
    connection.execute(f"LOAD '{path}'")

    def work() -> None:
        connection.execute(f"ATTACH '{uri}' AS pg (TYPE postgres, READ_ONLY)")
        connection.execute("CREATE TABLE t AS SELECT * FROM pg.t")
        _with_key(connection)

    return work


def adbc(uri: str, folder: str) -> Callable[[], None]:
    from adbc_driver_postgresql import dbapi

    connection = _file(folder)

    def work() -> None:
        with dbapi.connect(uri) as source, source.cursor() as cursor:
            cursor.execute("SELECT * FROM t")
            connection.register("incoming", cursor.fetch_record_batch())
            connection.execute(f"CREATE TABLE t AS SELECT {COLUMNS} FROM incoming")
        _with_key(connection)

    return work


def connectorx(uri: str, folder: str) -> Callable[[], None]:
    import connectorx as cx

    connection = _file(folder)

    def work() -> None:
        connection.register("incoming", cx.read_sql(uri, "SELECT * FROM t", return_type="arrow"))
        connection.execute(f"CREATE TABLE t AS SELECT {COLUMNS} FROM incoming")
        _with_key(connection)

    return work


def dlt(uri: str, folder: str) -> Callable[[], None]:
    """dlt's quickest backend, connectorx."""
    os.environ.update(RUNTIME__DLTHUB_TELEMETRY="false", RUNTIME__LOG_LEVEL="CRITICAL", DLT_DATA_DIR=folder)
    import dlt as library
    from dlt.sources.sql_database import sql_table

    pipeline = library.pipeline("peer", pipelines_dir=folder, dataset_name="main",
                                destination=library.destinations.duckdb(str(Path(folder) / "peer.duckdb")))
    address = uri.replace("postgresql://", "postgresql+psycopg://")

    def work() -> None:
        table = sql_table(address, table="t", backend="connectorx", reflection_level="full_with_precision",
                          backend_kwargs={"conn": uri})
        pipeline.run(table, write_disposition="replace", primary_key="id")

    return work


def _ours(path: str) -> Callable[[str, str], Callable[[], None]]:
    def prepare(uri: str, folder: str) -> Callable[[], None]:
        import psycopg  # noqa: F401

        if path:  # where the host reads by itself, nobody needs it
            import pyarrow  # noqa: F401

        from pluto_duck.ingest import ingest
        from pluto_duck.session import Session
        from pluto_duck.workspace import create

        os.environ["PLUTODUCK_HOME"] = f"{folder}/home"
        session = Session.open(create(Path(folder) / "workspace").root)

        def work() -> None:
            ingest(session, uri, tables=["t"], options={"path": path} if path else {})
            session.close()

        return work

    return prepare


def _file_tool(ours: bool) -> Callable[[str, str], Callable[[], None]]:
    def prepare(path: str, folder: str) -> Callable[[], None]:
        if not ours:
            connection = _file(folder)
            return lambda: connection.execute(f"CREATE TABLE t AS FROM '{path}'").close()
        from pluto_duck.ingest import ingest
        from pluto_duck.session import Session
        from pluto_duck.workspace import create

        os.environ["PLUTODUCK_HOME"] = f"{folder}/home"
        session = Session.open(create(Path(folder) / "workspace").root)

        def work() -> None:
            ingest(session, path, into="t")
            session.close()

        return work

    return prepare


TOOLS: dict[str, Callable[[str, str], Callable[[], None]]] = {
    "scanner": scanner, "adbc": adbc, "connectorx": connectorx, "dlt": dlt,
    "ours": _ours(""), "ours-adbc": _ours("adbc"), "ours-copy": _ours("copy"),
    "file": _file_tool(False), "ours-file": _file_tool(True),
}

def peak_mb() -> float:
    """Of this process alone: a child's `ru_maxrss` begins with the peak of the parent that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    prepared = TOOLS[sys.argv[1]](sys.argv[2], sys.argv[3])
    began = time.perf_counter()
    prepared()
    print(json.dumps({"seconds": time.perf_counter() - began,
                      "rss_mb": peak_mb()}))
