"""Statements of a role that want more than it is granted: refused, in words that tell nothing, and nothing has changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pluto_duck.errors import PlutoError
from pluto_duck.session import Session
from pluto_duck.session.apart import MAIN
from pluto_duck.workspace import Request
from pluto_duck.workspace.reader import Reading
from tests.governance.policy.conftest import Company, lasting_home, rows

HERE = Path(__file__).parent
ESCAPES = [line for line in (HERE / "escapes.sql").read_text(encoding="utf-8").splitlines() if not line.startswith("--")]
HOSTILE = [line for line in (HERE.parent / "hostile.sql").read_text(encoding="utf-8").splitlines()
           if not line.startswith("--")]
SECRET = "never-to-be-seen"
SETUP = f"""
CREATE TABLE people (id INTEGER, email VARCHAR, ssn VARCHAR, region VARCHAR);
INSERT INTO people VALUES (1, 'one@example.com', '{SECRET}', 'EU'), (2, '{SECRET}', '{SECRET}', 'US');
CREATE TABLE salaries AS SELECT 1 AS id, '{SECRET}' AS note;
CREATE VIEW salary_view AS SELECT * FROM salaries;
CREATE SCHEMA secret; CREATE TABLE secret.plans AS SELECT '{SECRET}' AS plan;
CREATE SCHEMA sales; CREATE TABLE sales.orders AS SELECT 1 AS id, 'EU' AS region;
CREATE MACRO peek() AS (SELECT max(note) FROM salaries);
CREATE MACRO peek_table() AS TABLE SELECT * FROM salaries;
CREATE MACRO lower(x) AS (SELECT max(note) FROM salaries);
CREATE TYPE mood AS ENUM ('happy', '{SECRET}');
CREATE SEQUENCE counter START 7;
SET VARIABLE secret_variable = '{SECRET}';
ATTACH ':memory:' AS vault; CREATE TABLE vault.main.gold AS SELECT '{SECRET}' AS bar;
CREATE TABLE vault.main.people AS SELECT '{SECRET}' AS email;
"""
POLICY = """
version: 1
roles:
  reader:
    grants:
      - {tables: people, actions: [read, ask], rows: region = $region, hide: ssn, masks: {email: partial}}
      - {tables: sales.orders, actions: read}
  payroll: {grants: [{tables: salaries, actions: read}]}
"""
STATE = (
    "SELECT * FROM people ORDER BY id", "SELECT database_name, schema_name, table_name FROM duckdb_tables() ORDER BY ALL",
    "SELECT database_name, schema_name, view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY ALL",
    "SELECT database_name, function_name FROM duckdb_functions() WHERE NOT internal ORDER BY ALL",
    "SELECT name, value FROM duckdb_settings() WHERE name NOT LIKE '%progress%' ORDER BY ALL",
    "SELECT database_name FROM duckdb_databases() ORDER BY ALL", "SELECT last_value FROM duckdb_sequences()",
    "SELECT current_database(), getvariable('pluto_claim_region')")

_home = pytest.fixture(autouse=True, scope="module")(lasting_home)


class Attack:
    def __init__(self, company: Company, folder: Path) -> None:
        self.owner = company.owner
        self.owner.query(SETUP)
        company.allow(POLICY)
        self.role = company.as_("reader", region="EU")
        self.other = company.as_("payroll")
        self.places = {"folder": str(folder), "file": str(folder / "secret.csv")}
        (folder / "secret.csv").write_text(f"a,b\n{SECRET},1\n", encoding="utf-8")
        for name, session, table in (("own", self.role, "people"), ("other", self.other, "salaries")):
            rows(session, f"FROM {table}")
            (found,) = rows(self.owner, "SELECT database_name FROM duckdb_views() WHERE database_name LIKE "
                                        f"'pluto_role_set%' AND view_name = '{table}'")
            self.places[name] = str(found[0])
        self.before = self.state()

    def state(self) -> list[object]:
        return [rows(self.owner, sql) for sql in STATE]


@pytest.fixture(scope="module")
def attack(companies: Callable[[], Company], tmp_path_factory: pytest.TempPathFactory) -> Attack:
    return Attack(companies(), tmp_path_factory.mktemp("places"))


def refused(session: Session, sql: str) -> PlutoError:
    with pytest.raises(PlutoError) as error:
        session.query(sql)
    told = f"{error.value.message} {error.value.hint} {error.value.facts}"
    assert SECRET not in told
    return error.value


def test_there_are_many() -> None:
    assert len(set(ESCAPES)) == len(ESCAPES) >= 150


@pytest.mark.parametrize("sql", ESCAPES)
def test_an_escape_is_refused_and_changes_nothing(attack: Attack, sql: str) -> None:
    frame = [SECRET]  # noqa: F841  # a Python name that a replacement scan would find
    error = refused(attack.role, sql.format(**attack.places))
    told = f"{error.message} {error.hint} {error.facts}"
    for name in ("salary_view", "gold", "payroll", "plans"):
        assert name in sql or name not in told, "names of what is there are not told"
    assert attack.state() == attack.before
    assert not list(Path(attack.places["folder"]).glob("out*"))


def test_a_reader_refuses_each_escape_by_itself(attack: Attack) -> None:
    """As if the host had let it pass: the job of a harmless statement, with another text."""
    session = attack.role
    published = session._link.call(Request("publish", {"sql": "FROM people, sales.orders"})).header
    job = {"actor": session.actor.to_dict(), "world": published["world"], "max_rows": 10}  # type: ignore[union-attr]
    readers, passed = session._link.node.readers(MAIN), []

    def run(sql: str) -> object:
        return list(readers.read({**job, "sql": sql}, world=published["world"]["print"], timeout_s=20,
                                 reading=Reading()).batches)

    assert run("SELECT id FROM people")[0].to_pylist() == [{"id": 1}]  # type: ignore[index]
    told = []
    for sql in ESCAPES:
        try:
            passed.append((sql, run(sql.format(**attack.places))))
        except PlutoError as error:
            told.append(str(error.to_dict()))
    assert passed == []
    assert SECRET not in str(told)
    assert attack.state() == attack.before


@pytest.mark.parametrize("sql", ESCAPES)
def test_the_agent_of_a_role_is_not_let_further(attack: Attack, sql: str) -> None:
    refused(attack.role.asking, sql.format(**attack.places))


def test_the_hostile_statements_are_refused_to_a_role_that_may_read_everything(companies: Callable[[], Company],
                                                                               tmp_path: Path) -> None:
    company = companies()
    apart = company.as_("all", apart=True)
    company.owner.query((HERE.parent / "tables.sql").read_text(encoding="utf-8").replace(
        "CREATE SCHEMA _pluto;\n", "").replace("CREATE TABLE _pluto.journal (secret VARCHAR);\n", "").replace(
        f"INSERT INTO _pluto.journal VALUES ('{SECRET}');\n", "").replace(
        "CREATE MACRO peek() AS (SELECT max(secret) FROM _pluto.journal);\n", ""))
    company.allow('version: 1\nroles:\n  all:\n    grants: [{tables: "*.*", actions: [read, ask]}]')
    session = company.as_("all")
    assert len(session.tables()) >= 10
    places = {"file": str(tmp_path / "secret.csv"), "dir": str(tmp_path), "db": str(company.workspace.database)}
    (tmp_path / "secret.csv").write_text(f"a\n{SECRET}\n", encoding="utf-8")
    passed, told = [], []
    for way, sql in ((one, sql) for one in (session, apart) for sql in HOSTILE):
        try:
            way.query(sql.format(**places), timeout_s=5)
        except PlutoError as error:
            told.append(str(error))
        else:
            passed.append(sql)
    assert passed == []
    assert SECRET not in str(told)


@pytest.mark.parametrize("name", ["sales", "SALES", "pg_catalog"])
def test_a_database_attached_under_the_name_of_a_granted_schema_is_not_read(attack: Attack, name: str) -> None:
    attack.owner.query(f"ATTACH ':memory:' AS {name}; CREATE TABLE {name}.main.orders AS SELECT '{SECRET}' AS id")
    try:
        for sql in ("SELECT id FROM sales.orders", "SELECT id FROM sales.orders JOIN sales.orders o USING (id)",
                    "SELECT COLUMNS('id') FROM sales.orders", "SELECT lower('A') FROM sales.orders"):
            try:
                found: object = rows(attack.role, sql)
            except PlutoError as error:
                found = f"{error} {error.hint} {error.facts}"
            assert found in ([(1,)], [("a",)]) or isinstance(found, str)
            assert SECRET not in str(found)
            assert "sales.main" not in str(found)
    finally:
        attack.owner.query(f"DETACH {name}")


def test_what_is_granted_goes_on_working(attack: Attack) -> None:
    assert rows(attack.role, "SELECT id, email, region FROM people") == [(1, "o***", "EU")]
    assert rows(attack.role, "SELECT lower('ABC'), count(*) FROM sales.orders JOIN people USING (id)") == [("abc", 1)]
    assert attack.state() == attack.before
