"""What `make bench` measures of following a PostgreSQL: how many row changes a second go from its log into the tables.

The peer is a bare loop that reads the same messages off a second slot and throws them away.
"""

from __future__ import annotations

import os
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pluto_duck.commands.private_postgres import PrivatePostgres
from pluto_duck.session import Session
from tests.benchmarks.table import Row

BULK = 300_000
SMALL = 20_000
"""Transactions of four changes."""


def _bulk(connection: Any) -> int:
    for at in range(0, BULK, 2_000):
        connection.execute("INSERT INTO t SELECT i, i % 10, i / 3.0, 'name ' || i, now() FROM "
                           f"generate_series({1_000_000 + at}, {1_001_999 + at}) i")
        connection.execute(f"UPDATE t SET amount = amount + 1 WHERE id BETWEEN {at % 100_000} AND {at % 100_000 + 999}")
    return BULK + 150 * 1_000


def _small(connection: Any) -> int:
    for at in range(SMALL):
        low, new = at * 7919 % 100_000, 5_000_000 + at * 2
        connection.execute(
            f"BEGIN; UPDATE t SET amount = amount - 1 WHERE id = {low}; UPDATE t SET amount = amount + 1 WHERE id = "
            f"{(low + 50_000) % 100_000}; INSERT INTO t VALUES ({new}, 1, 2, 'n', now()); DELETE FROM t WHERE id = "
            f"{new - 200}; COMMIT")
    return SMALL * 4 - 100


def all_rows() -> Iterator[Row]:
    import psycopg

    from pluto_duck.ingest.follow import Follower, Told
    from pluto_duck.ingest.options import LoadOptions
    from pluto_duck.workspace import create

    options = {"fsync": "off", "wal_level": "logical", "max_wal_size": "4GB"}
    with tempfile.TemporaryDirectory(prefix="pluto-bench-") as folder:
        os.chmod(folder, 0o755)
        os.environ["PLUTODUCK_HOME"] = f"{folder}/home"
        server = PrivatePostgres(Path(folder) / "server", options=options)
        server.start()
        try:
            uri = server.uri("postgres")
            with psycopg.connect(uri, autocommit=True) as connection, \
                    Session.open(create(Path(folder) / "workspace").root) as session:
                connection.execute("CREATE TABLE t (id bigint PRIMARY KEY, k int, amount numeric(12,2), name text, "
                                   "at timestamptz)")
                connection.execute("INSERT INTO t SELECT i, 1, 1, 'n' || i, now() FROM generate_series(0, 99999) i")

                def follow() -> int:
                    return Follower(session, uri, LoadOptions(tables=("t",)), Told(), once=True).run().rows

                follow()
                slot = connection.execute("SELECT slot_name FROM pg_replication_slots").fetchone()[0]  # type: ignore[index]
                connection.execute("SELECT pg_create_logical_replication_slot('bare', 'pgoutput')")
                for what, work in (("bulk changes, 1,000 to 2,000 rows each", _bulk),
                                   ("transactions of four changes", _small)):
                    count = work(connection)
                    end = connection.execute("SELECT pg_current_wal_lsn()::text").fetchone()[0]  # type: ignore[index]
                    yield _measured(what, count, follow, lambda end=end: _bare(uri, slot, str(end)))  # type: ignore[misc]
        finally:
            server.remove()


def _measured(what: str, count: int, follow: Callable[[], int], bare: Callable[[], None]) -> Row:
    began, cpu = time.perf_counter(), time.process_time()
    applied = follow()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    assert abs(applied - count) <= count // 100, (applied, count)
    began = time.perf_counter()
    bare()
    peer = time.perf_counter() - began
    rate = applied / seconds
    return Row(f"follow PostgreSQL: {what}", f"{rate:,.0f} row changes/s ({applied / cpu:,.0f} a second of its own cpu)",
               f"read and thrown away: {applied / peer:,.0f}/s", f"{rate:,.0f}/s", "30,000/s", "60,000/s", rate >= 30_000)


def _bare(uri: str, publication: str, end: str) -> None:
    """Reads the changes of the slot `bare` up to a position, and confirms them."""
    import select

    import psycopg

    from pluto_duck.ingest.follow.messages import lsn_of

    last = lsn_of(end)
    connection = psycopg.connect(f"{uri}?replication=database", autocommit=True)
    try:
        pg = connection.pgconn
        pg.send_query(f"START_REPLICATION SLOT \"bare\" LOGICAL 0/0 (proto_version '1', publication_names "
                      f"'\"{publication}\"')".encode())
        pg.get_result()
        while True:
            count, data = pg.get_copy_data(1)
            if count == 0:
                select.select([pg.socket], [], [], 1)
                pg.consume_input()
            elif bytes(data[:1]) == b"k" and struct.unpack(">Q", data[1:9])[0] >= last:
                break
        pg.put_copy_data(b"r" + struct.pack(">QQQqB", last, last, last, 0, 0))
        pg.flush()
    finally:
        connection.close()
