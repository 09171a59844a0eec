"""Ending what a PostgreSQL does for one load, from another thread and whichever driver waits for it.

Neither DuckDB's extension nor ADBC looks at an interrupt while the server sends nothing. So every connection of a
load carries the load's own application_name, and the server is asked to end those that are busy.
"""

from __future__ import annotations

import os
import socket
import stat
import time
from contextlib import suppress
from typing import Any

from pluto_duck.ingest.connectors.postgres_address import Address
from pluto_duck.ingest.connectors.postgres_stream import Rows

WAIT_S = 1.0
_BUSY = ("SELECT pid, client_port FROM pg_stat_activity WHERE application_name = ANY (%s) AND state = 'active' "
         "AND pid <> ALL (%s)")


class Stopper:
    def __init__(self, address: Address, name: str) -> None:
        self._address = address
        self.names = {name}
        """Of every connection that may read for this load, the host's included."""
        self.main: Any = None
        self.rows: Rows | None = None

    def stop(self) -> None:
        """Never raises."""
        rows, main = self.rows, self.main
        if rows is not None:
            with suppress(Exception):
                rows.stop()
        if main is None or main.closed:
            return
        with suppress(Exception):
            if main.info.transaction_status.name == "ACTIVE":
                main.cancel_safe(timeout=1)
        with suppress(Exception), self._address.connect(
                application_name="pluto-duck stop", timeout_s=2) as asking:
            self._end(asking, main.info.backend_pid)

    def _end(self, asking: Any, keep: int) -> None:
        end = time.monotonic() + WAIT_S
        names, pids = sorted(self.names), [keep]
        busy = asking.execute(_BUSY, (names, pids)).fetchall()
        for pid, _port in busy:
            asking.execute("SELECT pg_terminate_backend(%s)", (pid,))
        while busy and time.monotonic() < end:
            busy = asking.execute(_BUSY, (names, pids)).fetchall()
            time.sleep(0.01)
        # A backend that does not even die: whoever waits for it in this process is woken by a closed line.
        _hang_up({port for _pid, port in busy if port and port > 0})


def _hang_up(ports: set[int]) -> None:
    """Shuts down this process's own TCP sockets with these local ports."""
    for number in range(3, 4096) if ports else ():
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                with socket.socket(fileno=os.dup(number)) as line:
                    if line.family in (socket.AF_INET, socket.AF_INET6) and line.getsockname()[1] in ports:
                        line.shutdown(socket.SHUT_RDWR)
