"""PostgreSQL for tests: one server for the whole run, a database of its own for each test."""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pluto_duck.commands.private_postgres import PrivatePostgres
from pluto_duck.errors import PlutoError

# Safe to lose, so quick; wal_level for tests that follow changes.
OPTIONS = {"fsync": "off", "log_checkpoints": "off", "wal_level": "logical", "max_wal_senders": "100",
           "max_replication_slots": "100"}

_numbers = itertools.count(1)


class Database:
    """One database of a server, with what tests do to it."""

    def __init__(self, server: PrivatePostgres, name: str) -> None:
        self.server = server
        self.name = name
        self.uri = server.uri(name)

    def connect(self) -> Any:
        import psycopg

        return psycopg.connect(self.uri, autocommit=True)

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """Runs statements; the rows of the last one."""
        with self.connect() as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []


class _Copied(PrivatePostgres):
    """Made from a copy of the first one: making one anew takes seconds."""

    made: ClassVar[Path | None] = None

    def _initialise(self, home: Path) -> None:
        if self.auth != "trust" or sys.platform == "win32":
            super()._initialise(home)
            return
        if _Copied.made is None:
            super()._initialise(home)
            kept = Path(tempfile.mkdtemp(prefix="pluto-duck-test-postgres-"))
            atexit.register(shutil.rmtree, kept, ignore_errors=True)
            subprocess.run(["cp", "-a", str(home / "data"), str(kept)], check=True)
            _Copied.made = kept
            return
        shutil.rmtree(home / "data", ignore_errors=True)
        subprocess.run(["cp", "-a", str(_Copied.made / "data"), str(home)], check=True)


def start(auth: str = "trust") -> PrivatePostgres:
    """A server in a new temporary folder; skips, with the reason, where none can be had."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    folder = Path(tempfile.mkdtemp(prefix="pluto-duck-test-postgres-"))
    server = _Copied(folder, auth=auth, options=OPTIONS)  # type: ignore[arg-type]
    try:
        server.start()
    except PlutoError as error:
        if error.code in ("missing_extra", "usage"):
            pytest.skip(f"{error.message} {error.hint}")
        raise
    return server


def new_database(server: PrivatePostgres) -> Database:
    name = f"test_{next(_numbers)}"
    Database(server, "postgres").run(f'CREATE DATABASE "{name}"')
    return Database(server, name)


def discard(server: PrivatePostgres) -> None:
    """Ends a server whose data nobody wants: an orderly end would first write all of its databases out."""
    pid = server.pid
    server.kill()
    until = time.monotonic() + 10
    while pid is not None and _lives(pid) and time.monotonic() < until:
        time.sleep(0.01)
    server.remove()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(scope="session")
def postgres() -> Iterator[PrivatePostgres]:
    """The run's server; lets every local user in."""
    server = start()
    yield server
    discard(server)


@pytest.fixture(scope="session")
def postgres_with_password() -> Iterator[PrivatePostgres]:
    server = start("scram")
    yield server
    discard(server)


@pytest.fixture
def mortal_postgres() -> Iterator[PrivatePostgres]:
    """A server for one test, which may kill it."""
    server = start()
    yield server
    discard(server)


@pytest.fixture
def database(postgres: PrivatePostgres) -> Database:
    """A database of the test's own, empty. It goes with the server: dropping it costs 0.3 s."""
    return new_database(postgres)


@pytest.fixture(scope="session")
def flights_uri(postgres: PrivatePostgres) -> str:
    """A database with the real flights, to be read only."""
    from pluto_duck.commands.flights import load_flights

    Database(postgres, "postgres").run('CREATE DATABASE "flights"')
    uri = postgres.uri("flights")
    load_flights(uri)
    return uri


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """The end of the server's log stands in the report of a test that failed."""
    report = yield
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            server = value.server if isinstance(value, Database) else value
            if isinstance(server, PrivatePostgres):
                report.sections.append(("PostgreSQL's log", server.log(30)))
                break
    return report
