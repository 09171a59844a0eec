"""SQLite: values of any type in any column, one moment, the host's way and the driver's."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from pluto_duck.ingest.connectors.contract import ROWS, ConnectorContract, Source
from pluto_duck.ingest.connectors.sqlite import SqliteConnector


class TestContract(ConnectorContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        with sqlite3.connect(tmp_path / "it's.sqlite") as connection:
            connection.execute("CREATE TABLE things (id integer PRIMARY KEY, name text, amount double)")
            connection.execute("CREATE TABLE others (a int)")
            connection.executemany("INSERT INTO things VALUES (?, ?, ?)", ROWS)
        connection.close()
        return Source(SqliteConnector, f"sqlite:///{tmp_path}/it's.sqlite")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data.db"


@pytest.fixture
def writer(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None, timeout=0)
    yield connection
    connection.close()
