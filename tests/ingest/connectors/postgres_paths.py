"""The four ways that rows of a PostgreSQL table can take, for tests that hold them to one result."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from pluto_duck.errors import PlutoError
from pluto_duck.ingest.connectors import EVERYTHING, Selection, SourceTable
from pluto_duck.ingest.connectors import postgres_scanner as scanner
from pluto_duck.ingest.connectors.postgres import PostgresConnector
from pluto_duck.session import NativeSource, Scan, Session, WriteColumn
from pluto_duck.workspace import TableRef
from tests.services.postgres import Database

PATHS = ("direct", "query", "adbc", "copy")
"""`direct` and `query` are the two ways of DuckDB's own extension: a scan by pages, and a SELECT of ours."""


def taken(path: str, monkeypatch: pytest.MonkeyPatch, session: Session) -> str:
    """`path`, once it is the one that will be taken; skips where its library is not there."""
    if path in ("direct", "query"):
        with session.open_source(NativeSource((scanner.EXTENSION,))) as opened:
            if not opened:
                pytest.skip("DuckDB's postgres extension does not load here")
    if path == "adbc" and find_spec("adbc_driver_postgresql") is None:
        pytest.skip("adbc-driver-postgresql is not installed")
    monkeypatch.setattr(scanner, "PARALLEL_BYTES", 0 if path == "direct" else 1 << 60)
    return path


def opened(database: Database, path: str) -> PostgresConnector:
    connector = PostgresConnector(database.uri)
    connector.configure({"path": "scanner" if path in ("direct", "query") else path})
    return connector


def load(session: Session, connector: PostgresConnector, path: str, table: SourceTable,
         selection: Selection = EVERYTHING) -> int:
    """One table by one path into a table of its name, as a load does."""
    ref = TableRef(table.name)
    try:
        if path in ("direct", "query"):
            native = connector.native()
            assert native is not None
            with session.open_source(native) as is_open:
                assert is_open
                scan = connector.scan(table, selection)
                assert scan is not None
                columns = [WriteColumn(c.name, c.type, e) for c, e in zip(table.columns, scan.expressions, strict=True)]
                return session.write(ref, Scan(scan.sql, scan.begin), columns, mode="replace")
        columns = [WriteColumn(c.name, c.type, c.expression) for c in table.columns]
        return session.write(ref, connector.read(table, selection), columns, mode="replace")
    except PlutoError as error:
        raise connector.explained(error, table) from error


def loaded(session: Session, database: Database, path: str, name: str = "t") -> SourceTable:
    with opened(database, path) as connector:
        table = connector.discover([name])[0]
        load(session, connector, path, table)
        return table


