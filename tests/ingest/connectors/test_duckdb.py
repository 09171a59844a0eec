"""Another DuckDB database: every type, names, keys, and what a locked or foreign file says."""

from __future__ import annotations

from pathlib import Path

import pytest

from pluto_duck.ingest.connectors.contract import ROWS, ConnectorContract, Source
from pluto_duck.ingest.connectors.duckdb import DuckdbConnector
from pluto_duck.workspace.database import open_memory


class TestContract(ConnectorContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        memory = open_memory([f"ATTACH '{tmp_path}/s.duckdb' AS s", "USE s"])
        memory.execute("CREATE TABLE things (id int PRIMARY KEY, name text, amount double)")
        memory.execute("CREATE TABLE others (a int)")
        memory.executemany("INSERT INTO things VALUES (?, ?, ?)", ROWS)
        memory.close()
        return Source(DuckdbConnector, f"{tmp_path}/s.duckdb")
