"""Both built-in connectors keep the contract of the seam."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from pluto_duck.commands.private_postgres import PrivatePostgres
from pluto_duck.ingest.connectors.contract import COLUMNS, ROWS, ConnectorContract, Source
from pluto_duck.ingest.connectors.file import FileConnector
from pluto_duck.ingest.connectors.postgres import PostgresConnector
from tests.services.postgres import Database, new_database


class TestPostgres(ConnectorContract):
    @pytest.fixture
    def source(self, database: Database) -> Source:
        _fill(database)
        return Source(PostgresConnector, database.uri)


class TestPostgresWithPassword(ConnectorContract):
    @pytest.fixture
    def source(self, postgres_with_password: PrivatePostgres) -> Source:
        database = new_database(postgres_with_password)
        _fill(database)
        return Source(PostgresConnector, database.uri, secret=(postgres_with_password.folder / "password").read_text())


def _fill(database: Database) -> None:
    database.run("CREATE TABLE things (id int PRIMARY KEY, name text, amount float8)", "CREATE TABLE others (a int)")
    with database.connect() as connection:
        connection.cursor().executemany("INSERT INTO things VALUES (%s, %s, %s)", ROWS)


class TestCsv(ConnectorContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        with open(tmp_path / "things.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([COLUMNS, *ROWS])
        (tmp_path / "others.tsv").write_text("a\tb\n1\t2\n")
        return Source(FileConnector, str(tmp_path), empty_text_is_null=True)


class TestJsonLines(ConnectorContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        lines = [json.dumps(dict(zip(COLUMNS, row, strict=True))) for row in ROWS]
        (tmp_path / "things.ndjson").write_text("\n".join(lines))
        (tmp_path / "others.json").write_text('[{"a": 1}]')
        return Source(FileConnector, str(tmp_path))


class TestParquet(ConnectorContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        import pyarrow
        from pyarrow import parquet

        table = pyarrow.table([list(column) for column in zip(*ROWS, strict=True)], names=list(COLUMNS))
        parquet.write_table(table, tmp_path / "things.parquet")
        parquet.write_table(table, tmp_path / "others.pq")
        return Source(FileConnector, str(tmp_path))
