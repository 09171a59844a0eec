"""What an answer hangs on: a stamp moves with everything that could change the rows, and with little else."""

from __future__ import annotations

import time

import pytest

from pluto_duck.session import Session, Stamp
from pluto_duck.workspace import Workspace
from pluto_duck.workspace.database import WAL_BYTES, _open
from tests.governance.policy.conftest import Company, company  # noqa: F401
from tests.workspace.worker import Worker

MADE = """
CREATE TABLE t AS SELECT range AS i, 'x' || range AS s FROM range(5);
CREATE TABLE u AS SELECT 1 AS i;
CREATE SCHEMA odd; CREATE TABLE odd."na.me" AS SELECT 1 AS i;
CREATE VIEW v AS SELECT i FROM t WHERE i > 1;
CREATE VIEW vv AS WITH t AS (FROM v) SELECT count(*) AS n FROM t;
CREATE VIEW clock AS SELECT now() AS at;
CREATE VIEW over_clock AS FROM clock;
CREATE MACRO twice(x) AS x + x;
CREATE VIEW over_macro AS SELECT twice(i) AS n FROM u;
CREATE SEQUENCE numbers;
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TABLE luck (i INTEGER, n DOUBLE GENERATED ALWAYS AS (random()));
"""


@pytest.fixture
def made(session: Session) -> Session:
    for one in MADE.split(";"):
        session.query(one)
    return session


def key(session: Session, sql: str, **more: object) -> str:
    found = session.stamp(sql, **more)  # type: ignore[arg-type]
    assert found.key, (sql, found.why)
    return found.key


KEPT = [
    "FROM t", "SELECT * FROM main.t", "SELECT * FROM workspace.main.t", "SELECT * FROM workspace.t", "FROM vv",
    'FROM odd."na.me"', "WITH t AS (SELECT 1) FROM t", "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r "
    "WHERE n < 5) FROM r", "SELECT 1", "VALUES (1)", "SELECT sum(i) OVER (ORDER BY i), rank() OVER (ORDER BY i) FROM t",
    "SELECT list_transform([i], lambda x: x + 1), date_trunc('month', DATE '2020-02-02'), list_sum([i]) FROM t",
    "SELECT 'glad'::mood", "SELECT * FROM range(3), unnest([1, 2])", "FROM t SEMI JOIN u USING (i)",
    "PIVOT t ON s IN ('x1') USING sum(i)", "SELECT string_agg(s, ',' ORDER BY i), median(i) FROM t GROUP BY ALL",
]
CHANGING = [
    ("SELECT now()", "now"), ("SELECT current_date", "current_date"), ("SELECT today() FROM t", "today"),
    ("SELECT Current_Timestamp", "current_timestamp"), ("SELECT random() FROM t", "random"), ("SELECT uuid()", "uuid"),
    ("SELECT nextval('numbers')", "nextval"), ("SELECT current_setting('threads')", "current_setting"),
    ("SELECT getvariable('x')", "getvariable"), ("SELECT ago(INTERVAL 1 day)", "ago"),
    ("SELECT i FROM t USING SAMPLE 2", "sample"), ("SELECT i FROM t TABLESAMPLE 50%", "sample"),
    ("FROM 'x.csv'", "x.csv"), ("FROM read_csv('x.csv')", "read_csv"), ("FROM duckdb_tables()", "duckdb_tables"),
    ("FROM information_schema.tables", "information_schema"), ("FROM _pluto.commits", "_pluto"),
    ("SELECT twice(1)", "twice"), ("FROM over_macro", "twice"), ("FROM clock", "now"), ("FROM over_clock", "now"),
    ("WITH c AS (SELECT random()) FROM c", "random"), ("SELECT (SELECT now())", "now"),
    ("SELECT * FROM t WHERE i < (SELECT random())", "random"), ("FROM luck", "generated"), ("FROM frame", "frame"),
    ("SELECT sum(i) FILTER (random() < 0.5) FROM t", "random"), ("SELECT i FROM t ORDER BY random()", "random"),
    ("SELECT i FROM t LIMIT (SELECT random() * 5)::INT", "random"), ("INSERT INTO u VALUES (1)", "SELECT"),
    ("SELECT 1; SELECT 2", "SELECT"), ("SET threads = 2", "SELECT"), ("EXPLAIN FROM t", "SELECT"), ("", "SELECT"),
    ("SHOW TABLES", "shows"), ("DESCRIBE t", "shows"), ("SUMMARIZE t", "shows"), ("SELEKT", "not run"),
    ("EXECUTE nothing", "SELECT"), ("FROM pragma_version()", "pragma_version"), ("FROM query('SELECT 1')", "query"),
]


def test_what_depends_on_its_tables_alone_can_be_kept(made: Session) -> None:
    for sql in KEPT:
        made.query(sql)
        assert key(made, sql) == key(made, sql)


def test_whatever_else_is_computed_each_time(made: Session) -> None:
    for sql, why in CHANGING:
        found = made.stamp(sql)
        assert (found.key, why in found.why) == ("", True), (sql, found)


WRITES = ["INSERT INTO t VALUES (9, 'n')", "UPDATE t SET s = 'y' WHERE i = 1", "DELETE FROM t WHERE i = 1", "TRUNCATE t",
          "CREATE OR REPLACE TABLE t AS SELECT 3 AS i", "CREATE OR REPLACE VIEW v AS SELECT 5 AS i",
          "ALTER TABLE t ADD COLUMN n INTEGER", "ALTER TABLE u RENAME TO w", "MERGE INTO t USING (SELECT 1 AS i) AS m "
          "USING (i) WHEN MATCHED THEN DELETE", "BEGIN; DELETE FROM t; COMMIT", "SET GLOBAL TimeZone = 'Asia/Tokyo'",
          "CREATE SCHEMA t", "DROP VIEW over_clock", "CREATE MACRO count(x) AS 7"]


NOTHING = ["INSERT INTO u VALUES (2)", "BEGIN; DELETE FROM t; ROLLBACK", 'DELETE FROM odd."na.me"',
           "CREATE TEMP TABLE t2 AS FROM t", "SET TimeZone = 'Asia/Tokyo'"]


def test_a_stamp_moves_with_what_could_change_the_rows_and_only_then(made: Session, workspace: Workspace) -> None:
    writes = [(one, False) for one in NOTHING] + [(one, True) for one in WRITES]
    for write, moves in writes:
        with Session.open(workspace.root) as reader:
            before = reader.stamp("FROM vv")
        made.query(write)
        with Session.open(workspace.root) as reader:
            assert (reader.stamp("FROM vv") != before) == moves, write


def test_texts_that_mean_the_same_have_one_stamp(made: Session) -> None:
    assert key(made, "SELECT i FROM t") == key(made, "select  i -- all\n FROM /* of */ t ;")
    other = {key(made, one) for one in ("SELECT i FROM t", "SELECT I FROM t", "SELECT i AS i FROM t", "SELECT i FROM T",
                                        "SELECT 'a b'", "SELECT 'a  b'", "SELECT 1.0", "SELECT 1.00", "SELECT 1e0",
                                        "SELECT 9007199254740993", "SELECT 9007199254740992", "SELECT 1e300",
                                        "SELECT 1.0000000000000002e0", "SELECT 'x' AS \"A\"", "SELECT 'x' AS a")}
    assert len(other) == 15


def test_parameters_and_limits_are_part_of_it(made: Session) -> None:
    sql = "SELECT count(*) FROM t WHERE i < $most"
    keys = {key(made, sql, params={"most": 1}), key(made, sql, params={"most": "1"}), key(made, sql, params={"most": 1.0}),
            key(made, sql, params={"most": 1}, max_rows=5), key(made, sql, params={"most": None})}
    assert len(keys) == 5
    assert key(made, sql, params={"most": 1}) == key(made, sql, params={"most": 1})


def test_a_session_that_has_something_of_its_own_bypasses(made: Session) -> None:
    assert "transaction" in _while(made, "BEGIN", "ROLLBACK").why
    assert "another schema" in _while(made, "USE odd", "USE workspace.main").why
    assert "prepared" in _while(made, "PREPARE p AS SELECT 1", "SELECT 1").why
    made.query("CREATE TEMP TABLE t AS SELECT 7 AS i")
    assert "tables of its own" in made.stamp("FROM t").why


def _while(session: Session, begin: str, end: str) -> Stamp:
    session.query(begin)
    try:
        return session.stamp("FROM t")
    finally:
        session.query(end)


def test_a_database_that_is_attached_takes_names_away(made: Session) -> None:
    before = key(made, 'FROM odd."na.me"')
    made.query("ATTACH ':memory:' AS odd; CREATE TABLE odd.main.\"na.me\" AS SELECT 2 AS i")
    with Session.open(made.workspace.root) as other:
        assert "no table of this workspace" in other.stamp('FROM odd."na.me"').why
        assert key(other, "FROM t") != before


@pytest.mark.parametrize("write", ["INSERT INTO t VALUES (7, 'native')", "CREATE OR REPLACE TABLE t AS "
                                   "SELECT range AS i, md5(range::VARCHAR) AS s FROM range(300000)",
                                   "DELETE FROM t; CHECKPOINT"])
def test_what_is_written_past_us_is_noticed_before_anything_is_looked_up(made: Session, write: str) -> None:
    database = next(one for one in _open if one.path == made.workspace.database)
    database.checkpoint()
    made.query("INSERT INTO u VALUES (7)")
    before = key(made, "FROM vv")
    native = database.cursor().native()
    for one in write.split(";"):
        native.execute(one)
    assert key(made, "FROM vv") != before


def test_a_large_native_write_that_leaves_no_log_is_noticed(made: Session) -> None:
    database = next(one for one in _open if one.path == made.workspace.database)
    made.query("SET GLOBAL checkpoint_threshold = '1 byte'")  # every commit is a large one
    made.query("INSERT INTO u VALUES (7)")
    before = key(made, "FROM t")
    assert database.wal_size() == 0
    database.cursor().native().execute("INSERT INTO t VALUES (7, 'native')")
    assert database.wal_size() == 0
    assert key(made, "FROM t") != before


def test_a_log_that_native_writes_have_filled_is_written_into_the_file_by_itself(made: Session) -> None:
    """A fail-over replays it: 16 MB of small commits, where DuckDB itself would write it, take seconds."""
    database = next(one for one in _open if one.path == made.workspace.database)
    database.checkpoint()
    before, native = made.versions(), database.cursor().native()
    text = "x" * 20_000
    while database.wal_size() < 2 * WAL_BYTES:
        native.execute(f"INSERT INTO t VALUES (7, '{text}')")
    deadline = time.monotonic() + 60
    while database.wal_size() > WAL_BYTES:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert made.versions() != before, "and it was noticed"


def test_a_stamp_is_worth_nothing_once_the_file_was_closed(workspace: Workspace) -> None:
    found = set()
    for _ in range(2):
        with Session.open(workspace.root) as session:
            session.query("CREATE TABLE IF NOT EXISTS t AS SELECT 1 AS i")
            found.add(key(session, "FROM t"))
    assert len(found) == 2


def test_a_guest_gets_the_stamps_of_the_host(workspace: Workspace) -> None:
    with Worker(workspace.root), Session.open(workspace.root) as guest:
        assert guest.hosting == "guest"
        guest.query("CREATE TABLE t AS SELECT 1 AS i")
        before = key(guest, "FROM t")
        assert key(guest, "FROM t") == before
        guest.query("INSERT INTO t VALUES (2)")
        assert key(guest, "FROM t") != before


# -- roles ----------------------------------------------------------------------------------------

POLICY = """
version: 1
roles:
  region: {grants: [{tables: people, actions: read, rows: region = $region}]}
  mine: {grants: [{tables: people, actions: read, rows: name = $actor}]}
  plain: {grants: [{tables: people, actions: read, hide: pay}]}
  today: {grants: [{tables: people, actions: read, rows: seen < current_date}]}
  through: {grants: [{tables: people, actions: read, rows: "id IN (SELECT a.id FROM access a)"}]}
"""


@pytest.fixture
def people(company: Company) -> Company:  # noqa: F811
    company.owner.query("CREATE TABLE people AS SELECT 1 AS id, 'Ada' AS name, 'EU' AS region, 5 AS pay, "
                        "DATE '2020-01-01' AS seen; CREATE TABLE access AS SELECT 1 AS id; CREATE TABLE other (i INT)")
    company.allow(POLICY)
    return company


def test_who_may_see_the_same_shares_and_nobody_else(people: Company) -> None:
    sql = "SELECT id FROM people"
    same = {key(people.as_("region", name=name, region="EU", shoe=shoe), sql) for name, shoe in (("a", 1), ("b", 2))}
    assert len(same) == 1
    others = [people.as_("region", region="US"), people.as_("mine", name="a"), people.as_("mine", name="b"),
              people.as_("plain"), people.as_("region", "plain", region="EU"), people.owner]
    assert len(same | {key(one, sql) for one in others}) == len(others) + 1


def test_a_claim_that_nobody_asks_for_is_no_part_of_it(people: Company) -> None:
    assert key(people.as_("plain", name="a", region="EU"), "FROM people") == key(
        people.as_("plain", name="b", region="US"), "FROM people")


def test_a_condition_that_looks_at_the_clock_bypasses(people: Company) -> None:
    assert "current_date" in people.as_("today").stamp("FROM people").why


@pytest.mark.parametrize(("write", "moves"), [
    ("INSERT INTO access VALUES (2)", True), ("UPDATE people SET pay = 6", True), ("INSERT INTO other VALUES (1)", False)])
def test_a_role_s_stamp_moves_with_what_its_conditions_read(people: Company, write: str, moves: bool) -> None:
    reader = people.as_("through")
    before = key(reader, "FROM people")
    people.owner.query(write)
    assert (key(reader, "FROM people") != before) == moves


def test_a_policy_that_comes_back_is_another_moment(people: Company) -> None:
    reader = people.as_("plain")
    before = reader.stamp("FROM people")
    people.allow(POLICY.replace("hide: pay", "hide: id"))
    assert reader.stamp("FROM people") != before
    people.allow(POLICY)
    assert reader.stamp("FROM people") != before


def test_what_a_role_may_not_name_has_no_stamp(people: Company) -> None:
    assert people.as_("plain").stamp("FROM other").key == ""
    assert people.as_("plain").stamp("SELECT pay FROM people").key != ""  # fails when it runs, and is never kept


def test_what_reads_only_has_stamps_of_its_own(made: Session) -> None:
    assert key(made, "FROM vv", read_only=True) not in ("", key(made, "FROM vv"))
    assert made.stamp("FROM clock", read_only=True).key == ""
    before = key(made, "FROM vv", read_only=True)
    made.query("INSERT INTO t VALUES (1, 'x')")
    assert key(made, "FROM vv", read_only=True) != before
