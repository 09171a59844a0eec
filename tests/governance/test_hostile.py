"""The Gate against statements that want more than it grants: refused, and nothing has changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pluto_duck.errors import Refused, StatementError, UnknownName
from tests.governance.conftest import Agent

LINES = Path(__file__).with_name("hostile.sql").read_text(encoding="utf-8").splitlines()
HOSTILE = [line for line in LINES if not line.startswith("--")]
SECRET = "never-to-be-seen"


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory, agent: Agent) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("places")
    (folder / "secret.csv").write_text(f"a,b\n{SECRET},1\n", encoding="utf-8")
    (folder / "empty").mkdir()
    return {"file": str(folder / "secret.csv"), "dir": str(folder / "empty"), "db": str(agent.database.path)}


def state(agent: Agent) -> list[object]:
    """Everything that a statement could have changed."""
    cursor = agent.database.cursor()
    try:
        return [cursor.fetchall(sql) for sql in (
            "SELECT * FROM people ORDER BY id", "SELECT * FROM _pluto.journal", "SELECT current_database()",
            "SELECT schema_name, table_name, estimated_size FROM duckdb_tables() ORDER BY ALL",
            "SELECT database_name, schema_name, view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY ALL",
            "SELECT database_name, schema_name, function_name FROM duckdb_functions() WHERE NOT internal ORDER BY ALL",
            "SELECT database_name, path FROM duckdb_databases() ORDER BY ALL", "SELECT * FROM duckdb_variables()",
            "SELECT name, value FROM duckdb_settings() WHERE name NOT LIKE '%progress%' ORDER BY ALL",
            "SELECT sequence_name, last_value FROM duckdb_sequences()", "SELECT name FROM duckdb_secrets()",
            "SELECT type_name FROM duckdb_types() WHERE NOT internal ORDER BY ALL",
        )]
    finally:
        cursor.close()


@pytest.fixture(scope="module")
def unchanged(agent: Agent, places: dict[str, str]) -> Iterator[None]:
    before = state(agent)
    yield
    assert state(agent) == before
    assert list(Path(places["dir"]).iterdir()) == []


def test_there_are_many_hostile_statements() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) >= 300


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("sql", HOSTILE)
def test_a_hostile_statement_is_refused_and_changes_nothing(agent: Agent, places: dict[str, str], sql: str) -> None:
    with pytest.raises((Refused, UnknownName, StatementError)) as refused:
        # The Gate alone, before DuckDB has seen the statement on any cursor that has data.
        agent.check(sql.format(**places))
    assert SECRET not in str(refused.value)
    if isinstance(refused.value, Refused):
        assert refused.value.hint
