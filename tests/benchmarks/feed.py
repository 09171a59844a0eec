"""What `make bench` measures of reading changes: from a commit to a stream of events, in bulk, and while all is quiet."""

from __future__ import annotations

import os
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from pluto_duck.events.model import Position
from pluto_duck.session import Session, TableRef
from pluto_duck.workspace import Workspace
from tests.benchmarks.table import Row

ROUNDS = 100
BULK = 100_000
QUIET_S = 60.0
ORDERS = ("CREATE TABLE orders (id BIGINT PRIMARY KEY, name VARCHAR, price DECIMAL(12,2), moment TIMESTAMP, d DOUBLE, "
          "flag BOOLEAN)")


def all_rows() -> Iterator[Row]:
    from pluto_duck.workspace import create

    with tempfile.TemporaryDirectory(prefix="pluto-bench-") as folder:
        os.environ["PLUTODUCK_HOME"] = f"{folder}/home"
        workspace = create(Path(folder) / "workspace")
        yield from _served(workspace, Path(folder))
        yield _bulk(workspace.root)


def _served(workspace: Workspace, folder: Path) -> Iterator[Row]:
    """A server that hosts, a client that follows, and a writer that is its guest."""
    from tests.serving import TOKEN, serving

    with serving(folder, "", workspace=workspace) as served:
        client = socket.create_connection(("127.0.0.1", served.port))
        client.sendall(f"GET /api/v1/changes HTTP/1.1\r\nHost: localhost\r\nAuthorization: token {TOKEN}"
                       "\r\nAccept: text/event-stream\r\n\r\n".encode())
        while b"retry" not in client.recv(1 << 16):
            pass
        with Session.open(workspace.root) as session:
            session.query(ORDERS)
            session.track(TableRef("orders"), before=True)
            came: list[float] = []
            ring = threading.Condition()

            def listen() -> None:
                while data := _received(client):
                    if b"event: change" in data:
                        with ring:
                            came.append(time.perf_counter())
                            ring.notify()

            threading.Thread(target=listen, daemon=True).start()
            took = []
            for i in range(ROUNDS + 10):
                session.query(f"INSERT INTO orders VALUES ({i}, 'name {i}', 1.5, now(), 0.5, true)")
                done = time.perf_counter()
                with ring:
                    ring.wait_for(lambda: len(came) > i, 60)  # noqa: B023
                took.append(max(0.0, came[i] - done) * 1000)
                time.sleep(0.01)
            median = statistics.median(took[10:])
        yield Row("commit acknowledged to event at a client (SSE), p50", f"{median:.1f} ms", "-", f"{median:.1f} ms",
                  "10 ms", "-", median <= 10)
        began = _cpu_s(served.process.pid)
        time.sleep(QUIET_S)
        used = (_cpu_s(served.process.pid) - began) / QUIET_S * 100
        client.close()
        yield Row(f"CPU of a server with a tracked table and a follower, {QUIET_S:.0f} s quiet", f"{used:.2f} %", "-",
                  f"{used:.2f} %", "0.5 %", "-", used < 0.5)


def _bulk(root: Path) -> Row:
    with Session.open(root) as session:
        at = Position(session.changes_head(), Position.LAST)
        session.query(f"INSERT INTO orders SELECT i, 'name ' || i, i / 7, now(), i / 3.0, true FROM range({10**6}, "
                      f"{10**6 + BULK}) r(i)")
        count, began, cpu = 0, time.perf_counter(), time.process_time()
        while count < BULK:
            batch = session.changes(at, limit=5_000)
            count, at = count + batch.table.num_rows, batch.position
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    return Row(f"events made of {BULK:,} changes of one commit, six columns", f"{count / wall:,.0f} /s",
               f"{count / cpu:,.0f} per second of CPU", f"{count / wall:,.0f} /s", "20,000 /s", "-", count / wall >= 20_000)


def _received(client: socket.socket) -> bytes:
    try:
        return client.recv(1 << 20)
    except OSError:
        return b""  # closed at the end


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


__all__ = ["all_rows"]
