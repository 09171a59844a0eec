"""What a role sees: its tables, rows and masked values, from the host and as a guest."""

from __future__ import annotations

import json
import multiprocessing
import os
import time

import pytest

from pluto_duck.errors import PlutoError, Refused, StatementError, UnknownName
from pluto_duck.governance import Actor
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef
from tests.governance.policy.conftest import Company, rows

PEOPLE = """
CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR, email VARCHAR, ssn VARCHAR, region VARCHAR, pay DECIMAL(10,2));
INSERT INTO people VALUES (1, 'Ada', 'ada@example.com', '111', 'EU', 10), (2, 'Bob', 'bob@example.com', '222', 'US', 20),
                          (3, 'Cy', NULL, '333', 'EU', 30), (4, 'Di', 'x', '444', NULL, 40);
CREATE SCHEMA sales;
CREATE TABLE sales.orders (id INTEGER, person INTEGER, amount INTEGER);
INSERT INTO sales.orders VALUES (1, 1, 5), (2, 2, 6), (3, 3, 7);
CREATE TABLE access (person INTEGER, who VARCHAR);
INSERT INTO access VALUES (1, 'dash'), (3, 'dash'), (2, 'other');
CREATE VIEW europeans AS SELECT id, name FROM people WHERE region = 'EU';
"""
POLICY = """
version: 1
roles:
  europe:
    grants:
      - {tables: people, actions: [read, ask], rows: region = $region, hide: ssn, masks: {email: partial, pay: "null"}}
  everybody:
    grants:
      - {tables: people, actions: read, columns: [id, name, region, pay], masks: {name: hash}}
  mine:
    grants:
      - {tables: sales.orders, actions: read, rows: "person IN (SELECT a.person FROM access a WHERE a.who = $actor)"}
  views: {grants: [{tables: europeans, actions: read}]}
  loose:
    grants:
      - {tables: people, actions: read, rows: "region IS DISTINCT FROM $region"}
      - {tables: sales.orders, actions: read, rows: "person = $person OR $person IS NULL"}
"""


@pytest.fixture
def filled(company: Company) -> Company:
    company.owner.query(PEOPLE)
    company.allow(POLICY)
    return company


def tables(session: Session) -> list[str]:
    return [str(one.ref) for one in session.tables()]


def test_a_role_sees_its_rows_and_masked_values(filled: Company) -> None:
    session = filled.as_("europe", region="EU")
    assert tables(session) == ["people"]
    assert rows(session, "FROM people ORDER BY id") == [
        (1, "Ada", "a***", "EU", None), (3, "Cy", None, "EU", None)]
    assert rows(session, "SHOW TABLES") == [("people",)]
    (people,) = session.tables()
    assert [(one.name, one.type) for one in people.columns] == [
        ("id", "INTEGER"), ("name", "VARCHAR"), ("email", "VARCHAR"), ("region", "VARCHAR"), ("pay", "DECIMAL(10,2)")]
    assert people.row_estimate is None, "the number of hidden rows"


def test_a_short_value_is_masked_whole(filled: Company) -> None:
    assert rows(filled.as_("europe", region="US"), "SELECT email FROM people") == [("b***",)]
    filled.owner.query("UPDATE people SET email = 'x' WHERE id = 2")
    assert rows(filled.as_("europe", region="US"), "SELECT email FROM people") == [("***",)]


@pytest.mark.parametrize("roles", [("europe",), ("loose",), ("mine",), ("europe", "loose", "mine")])
def test_no_claim_no_row(filled: Company, roles: tuple[str, ...]) -> None:
    session = filled.as_(*roles)
    assert tables(session)
    for name in tables(session):
        assert rows(session, f"SELECT count(*) FROM {name}") == [(0,)]


def test_claims_of_one_actor_are_not_anothers(filled: Company) -> None:
    europe, america = filled.as_("europe", region="EU"), filled.as_("europe", region="US")
    for _ in range(3):
        assert rows(europe, "SELECT id FROM people ORDER BY 1") == [(1,), (3,)]
        assert rows(america, "SELECT id FROM people ORDER BY 1") == [(2,)]
    assert rows(filled.as_("europe"), "SELECT id FROM people") == []


def test_a_condition_may_look_into_a_table_that_the_role_may_not(filled: Company) -> None:
    session = filled.as_("mine", name="dash")
    assert rows(session, "SELECT id FROM sales.orders ORDER BY 1") == [(1,), (3,)]
    with pytest.raises(UnknownName):
        session.query("SELECT * FROM access")


def test_a_view_may_be_granted_without_what_it_reads(filled: Company) -> None:
    session = filled.as_("views")
    assert rows(session, "FROM europeans ORDER BY 1") == [(1, "Ada"), (3, "Cy")]
    with pytest.raises(UnknownName):
        session.query("SELECT * FROM people")


def test_two_roles_add_up_row_by_row_and_lift_no_mask_from_the_rows_of_another(filled: Company) -> None:
    session = filled.as_("europe", "everybody", region="EU")
    found = session.query("SELECT id, name, email, pay FROM people ORDER BY TRY_CAST(id AS INTEGER)").rows()
    # europe shows the name and part of the address of its rows, everybody the pay of all.
    named = [(row[0], row[1] if row[1] in ("Ada", "Cy") else "hashed", row[2], row[3]) for row in map(tuple, found)]
    assert [(str(a), b, c, None if d is None else str(d)) for a, b, c, d in named] == [
        ("1", "Ada", "a***", "10.00"), ("2", "hashed", None, "20.00"), ("3", "Cy", None, "30.00"),
        ("4", "hashed", None, "40.00")]


def test_a_hash_is_the_same_for_the_same_value_and_tells_nothing(filled: Company) -> None:
    one, two = filled.as_("everybody"), filled.as_("everybody", name="another")
    first = rows(one, "SELECT name FROM people ORDER BY id")
    assert first == rows(two, "SELECT name FROM people ORDER BY id")
    assert len({name for (name,) in first}) == 4
    assert rows(one, "SELECT count(*) FROM people WHERE name = left(sha256('Ada'), 16)") == [(0,)], "it is salted"


@pytest.mark.parametrize("roles", [(), ("unknown",), ("mine", "unknown")])
def test_what_nobody_grants_is_denied(filled: Company, roles: tuple[str, ...]) -> None:
    session = filled.as_(*roles)
    with pytest.raises(UnknownName) as error:
        session.query("SELECT * FROM people")
    assert "europeans" not in str(error.value) + error.value.hint


def test_without_a_policy_nobody_but_the_owner_sees_anything(company: Company) -> None:
    company.owner.query("CREATE TABLE t AS SELECT 1 AS i")
    assert company.as_("europe").tables() == []
    assert len(company.owner.tables()) == 1


def test_a_policy_that_its_owner_has_not_allowed_grants_nothing(filled: Company) -> None:
    session = filled.as_("europe", region="EU")
    assert tables(session) == ["people"]
    filled.file.write_text(POLICY.replace("hide: ssn, ", ""), encoding="utf-8")
    assert tables(session) == [], "a pull that takes the hiding away must not take effect by itself"
    filled.allow(filled.file.read_text(encoding="utf-8"))
    assert "ssn" in [one.name for one in session.tables()[0].columns]
    filled.file.write_text("roles: [", encoding="utf-8")
    assert tables(session) == []
    filled.file.unlink()
    assert tables(session) == []


def test_the_catalog_follows_tables_and_policy(filled: Company) -> None:
    session = filled.as_("everybody")
    filled.owner.query("CREATE OR REPLACE TABLE people AS SELECT 7 AS id, 'Eve' AS name, 'secret' AS extra")
    assert rows(session, "SELECT id FROM people") == [(7,)]
    with pytest.raises(UnknownName):
        session.query("SELECT extra FROM people")
    filled.owner.query("ALTER TABLE people RENAME TO persons")
    with pytest.raises(UnknownName):
        session.query("SELECT * FROM people")
    filled.allow(POLICY.replace("{tables: people, actions: read, columns", "{tables: persons, actions: read, columns"))
    assert rows(session, "SELECT id FROM persons") == [(7,)]


def test_a_condition_that_can_not_be_run_hides_its_table(filled: Company) -> None:
    filled.allow("version: 1\nroles:\n  a:\n    grants:\n"
                 "      - {tables: people, actions: read, rows: no_such_column = 1}\n"
                 "      - {tables: sales.orders, actions: read}")
    assert tables(filled.as_("a")) == ["sales.orders"]


@pytest.mark.parametrize("condition", [
    "true) OR (true", "1 = 1; DROP TABLE people", "id = 1 -- ", "id IN (SELECT * FROM read_csv('x'))", "*", "id, name",
    "id FROM people", "getvariable('pluto_claim_region') = 'EU'", "id IN (SELECT table_oid FROM duckdb_tables())",
    "id IN (WITH a AS (SELECT 1) SELECT * FROM a)", "id IN (SELECT seq FROM _pluto.commits)", "sum(id) > 1", "$1 = id",
    "id IN (SELECT id FROM workspace.main.people)", "current_setting('memory_limit') = ''", ""])
def test_a_condition_is_one_expression_over_the_workspaces_tables(filled: Company, condition: str) -> None:
    filled.allow("version: 1\nroles:\n  a:\n    grants:\n      - tables: people\n        actions: read\n"
                 f"        masks: {{id: {{expression: {json.dumps(condition)}}}}}")
    session = filled.as_("a", region="EU")
    if condition == "id = 1 -- ":  # a comment ends with its line
        assert rows(session, "SELECT count(*) FROM people") == [(4,)]
    else:
        assert tables(session) == []
    assert len(rows(filled.owner, "FROM people")) == 4


def test_only_reading_is_given(filled: Company) -> None:
    session = filled.as_("everybody")
    for sql in ("DELETE FROM people", "UPDATE people SET name = 'x'", "CREATE TABLE t (i INTEGER)", "DROP TABLE people",
                "BEGIN", "SET memory_limit = '1GB'", "ATTACH ':memory:' AS x", "EXPLAIN SELECT * FROM people",
                "COPY people TO 'x.csv'", "PRAGMA version", "CALL duckdb_tables()", "SELECT 1; SELECT 2"):
        with pytest.raises(PlutoError):
            session.query(sql)
        with pytest.raises(PlutoError):
            session.query(sql, read_only=False)
    assert len(rows(filled.owner, "FROM people")) == 4


def test_every_other_operation_of_a_session_is_the_owners(filled: Company) -> None:
    import pyarrow

    session = filled.as_("everybody")
    batch = pyarrow.table({"i": [1]}).to_reader()
    from pluto_duck.session import WriteColumn

    for attempt in (lambda: session.write(TableRef("x"), batch, [WriteColumn("i", "INTEGER", "i")]),
                    lambda: session.internal(["SELECT 1"]), lambda: session.trim(), lambda: session.policy("check"),
                    lambda: session.look_at_live({}), lambda: session.control, lambda: session.lend("x").__enter__(),
                    lambda: session.transaction().__enter__(), lambda: session.bulk().__enter__()):
        with pytest.raises(PlutoError) as error:
            attempt()
        assert isinstance(error.value, Refused), error.value


def test_an_operation_that_the_owner_has_is_no_roles_by_itself(filled: Company) -> None:
    from pluto_duck.workspace.protocol import Request

    owner, role = filled.owner, filled.as_("everybody")
    operations = set(owner._link._channel._served.session._ops)  # type: ignore[union-attr]
    assert len(operations) > 12
    for op in operations - {"query", "tables", "versions", "rows", "by_key", "change", "publish", "stamp", "moment",
                            "changes", "changes_head", "snapshot_changes"}:
        with pytest.raises(Refused):
            role._link.call(Request(op, {}))


def test_the_agent_sees_what_may_be_read_and_asked_about(filled: Company) -> None:
    session = filled.as_("europe", "mine", region="EU", name="dash")
    assert tables(session) == ["people", "sales.orders"]
    assert tables(session.asking) == ["people"]
    with pytest.raises(UnknownName):
        session.asking.query("SELECT * FROM sales.orders")


def test_dataframes_are_no_tables_for_a_role(filled: Company) -> None:
    import pyarrow

    with pytest.raises(UnknownName):
        filled.as_("everybody").query("SELECT * FROM frame", namespace={"frame": pyarrow.table({"i": [1]})})


def test_keys_are_told_only_where_all_their_columns_are_seen(filled: Company) -> None:
    assert filled.as_("europe", region="EU").tables()[0].primary_key == ("id",)
    filled.allow(POLICY.replace("columns: [id, name", "columns: [name"))
    assert filled.as_("everybody").tables()[0].primary_key == ()


def test_versions_are_those_of_what_is_seen(filled: Company) -> None:
    found = filled.as_("views").versions()
    assert {key for key in found if "." in key} == {"main.europeans"}


def test_an_enum_does_not_tell_the_values_of_hidden_rows(filled: Company) -> None:
    filled.owner.query("CREATE TYPE mood AS ENUM ('happy', 'it''s secret'); CREATE TABLE moods AS "
                       "SELECT 'happy'::mood AS m, ['happy'::mood] AS l UNION ALL SELECT 'it''s secret'::mood, []")
    filled.allow("version: 1\nroles:\n  a:\n    grants: [{tables: moods, actions: read, rows: m = 'happy'}]")
    session = filled.as_("a")
    assert [one.type for one in session.tables()[0].columns] == ["VARCHAR", "VARCHAR[]"]
    assert rows(session, "FROM moods") == [("happy", ["happy"])]


def _guest(root: str, results: multiprocessing.Queue) -> None:  # type: ignore[type-arg]
    session = Session.open(root, actor=Actor("key", "guest", ("europe",), {"region": "US"}))
    seen = [tuple(row) for row in session.query("SELECT id FROM people").rows()]
    try:
        session.query("SELECT ssn FROM people")
        error = ""
    except PlutoError as found:
        error = type(found).__name__
    results.put((session.hosting, seen, error, [str(one.ref) for one in session.tables()], os.getpid()))
    session.close()


def test_a_guest_of_another_process_is_ruled_by_the_host(filled: Company) -> None:
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=_guest, args=(str(filled.workspace.root), results))
    process.start()
    hosting, seen, error, names, pid = results.get(timeout=60)
    process.join(30)
    assert pid != os.getpid()
    assert (hosting, seen, error, names) == ("guest", [(2,)], "UnknownName", ["people"])


def test_a_statement_of_a_role_can_be_stopped_and_has_a_deadline(filled: Company) -> None:
    from pluto_duck.errors import TimedOut

    session = filled.as_("everybody")
    began = time.monotonic()
    with pytest.raises((TimedOut, StatementError)):
        session.query("SELECT count(*) FROM range(100000) a, range(100000) b, range(100000) c WHERE a.range + b.range + "
                      "c.range = -1", timeout_s=0.3)
    assert time.monotonic() - began < 30


def test_only_so_many_catalogs_are_kept_and_one_that_went_comes_again(filled: Company) -> None:
    from pluto_duck.governance.governed import MOST

    names = [f"r{i}" for i in range(MOST + 3)]
    filled.allow("version: 1\nroles:\n" + "".join(
        f"  {name}: {{grants: [{{tables: people, actions: read, rows: id = {i % 4 + 1}}}]}}\n"
        for i, name in enumerate(names)))
    for i, name in enumerate((*names, names[0])):
        with Session.open(filled.workspace.root, actor=Actor("key", name, (name,))) as session:
            assert rows(session, "SELECT id FROM people") == [((i % len(names)) % 4 + 1,)]
    (count,) = rows(filled.owner, "SELECT count(*) FROM duckdb_databases() WHERE database_name LIKE 'pluto_role_set_%'")
    assert count == (MOST,)
