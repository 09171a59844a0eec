"""MariaDB for tests: one server for the whole run, a database of its own for each test."""

from __future__ import annotations

import getpass
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

START_S = 30.0
PASSWORD = "mind the gap: %@/\u9d28"
_numbers = itertools.count(1)


class MariaDb:
    """A server in a folder of its own, on a loopback port; the user `pluto` may do anything."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = _program("mariadbd") or _program("mysqld")
        installer = _program("mariadb-install-db")
        if program is None or installer is None:
            pytest.skip("MariaDB is not installed (apt-get install mariadb-server)")
        data = self.folder / "data"
        if not data.exists():
            subprocess.run(
                [installer, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal",
                 f"--user={getpass.getuser()}", "--skip-test-db"], check=True, capture_output=True, timeout=120)
        self.port = self.port or _free_port()
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                [program, "--no-defaults", f"--datadir={data}", f"--user={getpass.getuser()}", f"--port={self.port}",
                 "--bind-address=127.0.0.1", f"--socket={self.folder}/s", f"--pid-file={self.folder}/pid",
                 "--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--innodb-doublewrite=0",
                 "--innodb-buffer-pool-size=64M", "--skip-log-bin",
                 "--sql-mode=ANSI_QUOTES", "--character-set-server=utf8mb4", "--local-infile=1"],
                stdout=log, stderr=log, start_new_session=True)
        self._wait()
        if not (self.folder / "ready").exists():
            self.run("CREATE USER 'pluto'@'%' IDENTIFIED BY '" + PASSWORD + "'",
                     "GRANT ALL ON *.* TO 'pluto'@'%' WITH GRANT OPTION", user="root", password="")
            (self.folder / "ready").touch()

    def _wait(self) -> None:
        import pymysql

        until = time.monotonic() + START_S
        while True:
            assert self._process is not None
            try:
                self.connect(user="root", password="").close()
                return
            except pymysql.Error:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise AssertionError(f"MariaDB did not start: {self.log()}") from None
                time.sleep(0.05)

    def connect(self, database: str | None = None, *, user: str = "pluto", password: str = PASSWORD) -> Any:
        import pymysql

        where = {"unix_socket": f"{self.folder}/s"} if user == "root" else {"host": "127.0.0.1", "port": self.port}
        return pymysql.connect(user=user, password=password.encode(), database=database, autocommit=True,
                               charset="utf8mb4", connect_timeout=5, **where)

    def run(self, *statements: str, database: str | None = None, **who: str) -> list[tuple[Any, ...]]:
        """Runs statements; the rows of the last one."""
        with self.connect(database, **who) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def kill(self) -> None:
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def log(self, lines: int = 30) -> str:
        try:
            return "\n".join((self.folder / "log").read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Database:
    def __init__(self, server: MariaDb, name: str) -> None:
        from urllib.parse import quote

        self.server = server
        self.name = name
        self.uri = f"mysql://pluto:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}/{name}"

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        return self.server.run(*statements, database=self.name)


def new_database(server: MariaDb) -> Database:
    name = f"test_{next(_numbers)}"
    server.run(f"CREATE DATABASE {name}")
    return Database(server, name)


def start() -> MariaDb:
    """A server in a new temporary folder; skips, with the reason, where none can be had."""
    pytest.importorskip("pymysql", reason="pymysql is not installed")
    server = MariaDb(Path(tempfile.mkdtemp(prefix="pluto-duck-test-mariadb-")))
    try:
        server.start()
    except BaseException:
        server.remove()
        raise
    return server


def _program(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin")))


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    """The run's server."""
    server = start()
    yield server
    server.remove()


@pytest.fixture
def mortal_mariadb() -> Iterator[MariaDb]:
    """A server for one test, which may kill it."""
    server = start()
    yield server
    server.remove()


@pytest.fixture
def mysql_database(mariadb: MariaDb) -> Database:
    """A database of the test's own, empty."""
    return new_database(mariadb)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """The end of the server's log stands in the report of a test that failed."""
    report = yield
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            server = value.server if isinstance(value, Database) else value
            if isinstance(server, MariaDb):
                report.sections.append(("MariaDB's log", server.log()))
                break
    return report
