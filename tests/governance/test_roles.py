"""The role's catalog: views that follow the owner's tables, and where names really lead."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pluto_duck.errors import PlutoError, Refused, StatementError, UnknownName
from pluto_duck.workspace import TableRef
from pluto_duck.workspace.database import Database
from tests.governance.conftest import Agent, open_database


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path / "company")
    yield opened
    opened.close()


@pytest.fixture
def agent(company: Database) -> Agent:
    return Agent(company)


def names(agent: Agent) -> list[str]:
    return [str(one) for one in agent.catalog.names]


def test_views_follow_tables_that_come_change_and_go(agent: Agent) -> None:
    agent.owner("CREATE TABLE a (i INTEGER); INSERT INTO a VALUES (1)")
    agent.refresh()
    assert agent.query("SELECT * FROM a") == [(1,)]
    agent.owner("ALTER TABLE a ADD COLUMN t VARCHAR DEFAULT 'x'")
    agent.refresh()
    assert agent.query("SELECT * FROM a") == [(1, "x")]
    agent.owner("CREATE OR REPLACE TABLE a AS SELECT 'new' AS only")
    agent.refresh()
    assert agent.query("SELECT * FROM a") == [("new",)]
    agent.owner("DROP TABLE a")
    agent.refresh()
    assert names(agent) == []
    with pytest.raises(UnknownName):
        agent.query("SELECT * FROM a")


def test_nothing_is_rebuilt_while_the_version_stands(agent: Agent) -> None:
    before = agent.catalog.names
    agent.catalog.refresh(agent._version)
    assert agent.catalog.names is before


def test_rows_are_seen_as_they_are_now(agent: Agent) -> None:
    agent.owner("CREATE TABLE a (i INTEGER)")
    agent.refresh()
    agent.owner("INSERT INTO a VALUES (1), (2)")
    assert agent.query("SELECT count(*) FROM a") == [(2,)]


@pytest.mark.parametrize("name", [
    'odd "name"', "naïve été", "select", "a.b", "semi;colon", "new\nline", "it's", "CamelCase", "🦆", "range",
    "query", "read_csv", "main", "temp", "pg_tables", "duckdb_tables", "sqlite_master", "--", "x" * 300])
def test_odd_names_work(agent: Agent, name: str) -> None:
    table = TableRef(name)
    agent.owner(f"CREATE TABLE {table.sql} AS SELECT 42 AS answer")
    agent.refresh()
    quoted = table.sql.split(".", 1)[1]
    assert agent.query(f"SELECT answer FROM {quoted}") == [(42,)]
    assert agent.query(f"SELECT answer FROM main.{quoted}") == [(42,)]
    assert agent.query("SHOW TABLES") == [(name,)]


@pytest.mark.parametrize("schema", ["raw", "My schema", 'q"q', "été", "select", "a.b", "workspace2"])
def test_odd_schemas_work(agent: Agent, schema: str) -> None:
    table = TableRef("t", schema)
    agent.owner(f"CREATE SCHEMA {table.sql.rsplit('.', 1)[0]}; CREATE TABLE {table.sql} AS SELECT 42 AS answer")
    agent.refresh()
    assert agent.query(f"SELECT answer FROM {table.sql}") == [(42,)]
    with pytest.raises(UnknownName):
        agent.query("SELECT answer FROM t")


def test_a_schema_called_as_the_roles_catalog_leads_nowhere_else(agent: Agent) -> None:
    agent.owner("CREATE TABLE t AS SELECT 1 AS i; CREATE SCHEMA workspace.pluto_role_agent; "
                "CREATE TABLE workspace.pluto_role_agent.t2 AS SELECT 2 AS i; "
                "CREATE MACRO workspace.pluto_role_agent.lower(x) AS 'theirs'; "
                "CREATE MACRO workspace.pluto_role_agent.repeat(a, b) AS 'theirs'")
    agent.refresh()
    assert agent.query("SELECT i, lower('X'), repeat('a', 2) FROM t") == [(1, "x", "aa")]
    with pytest.raises(StatementError, match="too large"):
        agent.query("SELECT repeat('a', 1000000000)")


def test_macros_called_as_what_we_use_change_nothing(agent: Agent) -> None:
    agent.owner("CREATE TABLE t AS SELECT 1 AS i; CREATE MACRO current_database() AS 'other'; "
                "CREATE MACRO duckdb_tables() AS TABLE SELECT 1 AS one; "
                "CREATE MACRO duckdb_views() AS TABLE SELECT 1 AS one; "
                "CREATE MACRO duckdb_databases() AS TABLE SELECT 1 AS one; CREATE MACRO sum(x) AS 'theirs'")
    agent.refresh()
    assert names(agent) == ["t"]
    assert agent.query("SELECT sum(i) FROM t JOIN t AS u USING (i)") == [(1,)]


def test_the_same_name_in_two_schemas_is_two_tables(agent: Agent) -> None:
    agent.owner("CREATE SCHEMA raw; CREATE TABLE t AS SELECT 1 AS i; CREATE TABLE raw.t AS SELECT 2 AS i")
    agent.refresh()
    assert agent.query("SELECT t.i, r.i FROM t, raw.t r") == [(1, 2)]


def test_our_own_schema_and_temporary_tables_are_never_shown(agent: Agent) -> None:
    cursor = agent.database.cursor()
    for sql in ("CREATE SCHEMA _pluto", "CREATE TABLE _pluto.journal AS SELECT 1 AS secret",
                "CREATE TEMP TABLE scratch AS SELECT 1 AS i", "CREATE TEMP VIEW peek AS SELECT * FROM _pluto.journal"):
        cursor.execute(sql)
    agent.refresh()
    assert names(agent) == []
    cursor.close()


def test_a_view_that_nobody_could_read_is_left_out(agent: Agent) -> None:
    cursor = agent.database.cursor()
    for sql in ("CREATE TABLE gone AS SELECT 1 AS i", "CREATE VIEW broken AS SELECT * FROM gone", "DROP TABLE gone",
                "CREATE TEMP TABLE scratch AS SELECT 1 AS i", "CREATE TABLE fine AS SELECT 1 AS i"):
        cursor.execute(sql)
    try:
        cursor.execute("CREATE VIEW on_scratch AS SELECT * FROM scratch")
    except PlutoError:
        pass  # an engine that refuses it is as good
    agent.refresh()
    assert names(agent) == ["fine"]
    cursor.execute("CREATE TABLE gone AS SELECT 7 AS i")
    agent.refresh()
    assert agent.query("SELECT i FROM broken") == [(7,)]
    cursor.close()


def test_a_view_over_our_records_is_not_shown(agent: Agent) -> None:
    agent.owner("CREATE SCHEMA _pluto; CREATE TABLE _pluto.journal AS SELECT 1 AS seq; "
                "CREATE VIEW journal_sizes AS SELECT count(*) AS n FROM _pluto.journal")
    agent.refresh()
    for name in ("journal_sizes", "_pluto.journal"):
        with pytest.raises(UnknownName):
            agent.query(f"SELECT * FROM {name}")


def test_a_macro_of_the_owner_does_not_shadow_a_built_in(agent: Agent) -> None:
    agent.owner("CREATE MACRO lower(x) AS 'hijacked'; CREATE MACRO sum(x) AS 'hijacked'; "
                "CREATE MACRO range(n) AS TABLE SELECT 'hijacked'")
    agent.refresh()
    assert agent.query("SELECT lower('A'), (SELECT sum(range) FROM range(3))") == [("a", 3)]


def outcome(agent: Agent, sql: str) -> object:
    try:
        return agent.query(sql)[0][0]
    except (Refused, StatementError):  # ours, or DuckDB's "Ambiguous reference to catalog or schema"
        return "refused"


@pytest.mark.parametrize("attached", ["raw", "pg_catalog", "RAW"])
def test_a_database_attached_under_a_schemas_name_is_never_read(agent: Agent, attached: str) -> None:
    schema = attached.lower() if attached != "pg_catalog" else "raw"
    agent.owner(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.t AS SELECT 'granted' AS i")
    agent.refresh()
    cursor = agent.database.cursor()
    cursor.execute(f"ATTACH ':memory:' AS {attached}")
    cursor.execute(f"CREATE TABLE {attached}.main.t AS SELECT 'foreign' AS i")
    cursor.execute(f"CREATE MACRO {attached}.main.lower(x) AS 'hijacked'")
    agent.refresh()
    for sql in (f"SELECT i FROM {schema}.t", f"SELECT i FROM {schema}.t NATURAL JOIN {schema}.t b",
                f"SELECT COLUMNS('i') FROM {schema}.t", f"SELECT lower('A') FROM {schema}.t"):
        assert outcome(agent, sql) in ("granted", "a", "refused")
    with pytest.raises((Refused, UnknownName)):
        agent.query(f"SELECT i FROM {attached}.main.t")
    with pytest.raises(Refused):
        agent.query(f"SELECT {attached}.lower('A')")
    cursor.close()


@pytest.mark.parametrize("schema", ["temp", "system", "workspace"])
def test_a_schema_called_like_a_database_leads_nowhere_else(agent: Agent, schema: str) -> None:
    try:
        agent.owner(f"CREATE SCHEMA workspace.{schema}; CREATE TABLE workspace.{schema}.t AS SELECT 'granted' AS i")
    except PlutoError:
        return  # the engine itself refuses such a schema
    agent.owner("CREATE TABLE t AS SELECT 'another' AS i")
    agent.refresh()
    assert outcome(agent, f"SELECT i FROM {schema}.t") in ("granted", "refused")
    assert outcome(agent, f"SELECT i FROM {schema}.t JOIN {schema}.t u USING (i)") in ("granted", "refused")


def test_the_cross_check_refuses_what_the_gate_did_not_see(agent: Agent) -> None:
    agent.owner("CREATE SCHEMA _pluto; CREATE TABLE _pluto.journal AS SELECT 1 AS secret; "
                "CREATE TABLE t AS SELECT 1 AS i")
    agent.refresh()
    cursor = agent.catalog.cursor()
    agent.catalog.check_resolved(cursor, "SELECT * FROM t")
    with pytest.raises(Refused, match="not granted"):
        agent.catalog.check_resolved(cursor, "SELECT * FROM workspace._pluto.journal")
    cursor.close()


def test_a_foreign_database_is_not_part_of_the_catalog(agent: Agent) -> None:
    cursor = agent.database.cursor()
    cursor.execute("ATTACH ':memory:' AS elsewhere")
    cursor.execute("CREATE TABLE elsewhere.main.t AS SELECT 1 AS i")
    agent.refresh()
    assert names(agent) == []
    for sql in ("SELECT * FROM elsewhere.t", "SELECT * FROM elsewhere.main.t", "SELECT * FROM t"):
        with pytest.raises((Refused, UnknownName)):
            agent.query(sql)
    cursor.close()


def test_a_read_only_cursor_has_no_other_role_and_no_claims(agent: Agent) -> None:
    owner = agent.database.cursor()
    owner.execute("SET VARIABLE claim = 'mine'")
    cursor = agent.catalog.cursor()
    assert cursor.fetchall("SELECT getvariable('claim'), current_database()") == [(None, "pluto_role_agent")]
    cursor.close()
    owner.close()


def test_a_view_that_joins_by_using_is_there_and_leads_nowhere_else(agent: Agent) -> None:
    """DuckDB can't tell the tables behind it."""
    agent.owner("CREATE TABLE a (i INTEGER, t VARCHAR); INSERT INTO a VALUES (1, 'x');"
                "CREATE TABLE b (i INTEGER, u VARCHAR); INSERT INTO b VALUES (1, 'y');"
                "CREATE VIEW both_of AS SELECT i, t, u FROM a JOIN b USING (i);"
                "CREATE VIEW above AS SELECT u FROM both_of")
    agent.refresh()
    assert agent.query("SELECT * FROM both_of") == [(1, "x", "y")]
    assert agent.query("SELECT u FROM above JOIN a ON true") == [("y",)]
    agent.owner("DROP TABLE b")
    agent.refresh()
    assert names(agent) == ["a"]
