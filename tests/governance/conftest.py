"""A small company in a real workspace file, and an agent that reads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pluto_duck.governance import Gate, RoleCatalog
from pluto_duck.settings import Settings
from pluto_duck.workspace import Workspace
from pluto_duck.workspace.database import Cursor, Database

SETUP = (Path(__file__).parent / "tables.sql").read_text(encoding="utf-8")


class Agent:
    """What a host does with a read-only statement: Gate, cross-check, READ ONLY transaction, rows."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.gate = Gate(database.parser, [database.path, f"{database.path}.wal"])
        self.catalog = RoleCatalog(database, "agent")
        self._version = 0
        self.refresh()

    def refresh(self) -> None:
        self._version += 1
        self.catalog.refresh(self._version)

    def check(self, sql: str) -> str:
        return self.gate.read_only(sql, self.catalog.names)

    def query(self, sql: str, *, max_rows: int = 1000) -> list[tuple[object, ...]]:
        approved = self.check(sql)
        cursor = self.catalog.cursor()
        try:
            self.catalog.check_resolved(cursor, approved)
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            reader = cursor.execute(approved, select=True).reader(max_rows)
            rows: list[tuple[object, ...]] = []
            for batch in reader:
                # By columns, not as dicts: a join has two columns of one name.
                rows += list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
                if len(rows) >= max_rows:
                    break
            return rows[:max_rows]
        finally:
            cursor.close()

    def owner(self, sql: str) -> list[tuple[object, ...]]:
        cursor = self.database.cursor()
        try:
            for statement in self.gate.statements(sql):
                rows = cursor.execute(statement.sql)
            return rows.fetchall()
        finally:
            cursor.close()


def open_database(root: Path) -> Database:
    workspace = Workspace(root)
    workspace.folder.mkdir(parents=True, exist_ok=True)
    return Database(workspace, Settings.load(environ={}))


def fill(database: Database) -> None:
    cursor: Cursor = database.cursor()
    for statement in database.parser.statements(SETUP):
        cursor.execute(statement.sql)
    cursor.close()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder = tmp_path_factory.mktemp("company")
    opened = open_database(folder)
    fill(opened)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def agent(database: Database) -> Agent:
    return Agent(database)
