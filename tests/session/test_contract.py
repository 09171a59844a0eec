"""What a Session promises, run once in the process that hosts and once as its guest."""

from __future__ import annotations

import datetime as dt
import os
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pandas
import polars
import pyarrow
import pytest

from pluto_duck.errors import Cancelled, Refused, SourceError, StatementError, TimedOut, UnknownName, UsageError
from pluto_duck.session import Session, TableRef, WriteColumn
from pluto_duck.workspace import Workspace
from tests.workspace.worker import Worker

ENDLESS = "SELECT count(*) FROM range(100000000000) a, range(1000) b WHERE a.range + b.range = 7"


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """One process for all guests: starting it is most of what such a test takes."""
    home = tmp_path_factory.mktemp("worker")
    with Worker(home, opened=False, PLUTODUCK_HOME=str(home)) as started:
        yield started


@pytest.fixture(params=["host", "guest"])
def session(request: pytest.FixtureRequest, workspace: Workspace, worker: Worker) -> Iterator[Session]:
    if request.param == "host":
        with Session.open(workspace.root) as opened:
            assert opened.hosting == "host"
            yield opened
        return
    assert worker.do("open", root=str(workspace.root), home=os.environ["PLUTODUCK_HOME"]) == "host"
    with Session.open(workspace.root) as opened:
        assert opened.hosting == "guest"
        yield opened
    assert worker.do("close") is True


def test_a_query_returns_rows_types_and_names_in_order(session: Session) -> None:
    result = session.query("SELECT 1 AS a, 'x' AS b, 1.50::DECIMAL(5,2) AS c UNION ALL SELECT 2, NULL, NULL ORDER BY a")
    assert [(c.name, c.type) for c in result.columns] == [("a", "INTEGER"), ("b", "VARCHAR"), ("c", "DECIMAL(5,2)")]
    assert result.rows() == [(1, "x", Decimal("1.50")), (2, None, None)]
    assert (result.row_count, result.truncated, result.statement) == (2, False, "SELECT")
    assert result.workspace == str(session.workspace.root)


def test_python_values_keep_their_types(session: Session) -> None:
    (row,) = session.query(
        "SELECT 170141183460469231731687303715884105727::HUGEINT, DATE '2024-02-29', "
        "TIMESTAMPTZ '2024-01-01 12:00:00+00', uuid '00000000-0000-0000-0000-000000000001', [1, 2], "
        "{'k': 'v'}, 'a'::ENUM('a', 'b'), '\\x00ff'::BLOB, TIME '01:02:03'").rows()
    assert row[0] == 2**127 - 1
    assert row[1] == dt.date(2024, 2, 29)
    assert row[2] == dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC)
    assert row[3] == uuid.UUID(int=1)
    assert row[4:] == ([1, 2], {"k": "v"}, "a", b"\x00ff", dt.time(1, 2, 3))


def test_types_that_arrow_would_change_come_exact(session: Session) -> None:
    result = session.query("SELECT 340282366920938463463374607431768211455::UHUGEINT AS u, "
                           "'10:00:00+02'::TIMETZ AS z, $one AS one ORDER BY u;", {"one": 1})
    assert result.rows() == [(2**128 - 1, "10:00:00+02", 1)]
    assert [c.type for c in result.columns] == ["UHUGEINT", "TIME WITH TIME ZONE", "INTEGER"]


def test_a_pivot_looks_at_its_data_and_changes_no_version(session: Session) -> None:
    session.query("CREATE TABLE t AS SELECT range % 2 AS k, range AS v FROM range(4)")
    before = session.versions()
    assert session.query("SELECT 1; PIVOT t ON k USING sum(v)").rows() == [(2, 4)]
    assert session.query("FROM (PIVOT t ON k USING sum(v)) WHERE true; ").rows() == [(2, 4)]
    assert session.query("PIVOT t ON k USING sum(v); SELECT 'a;b'").rows() == [("a;b",)]
    assert session.versions() == before


def test_another_database_may_be_attached_and_written(session: Session) -> None:
    before = session.versions()
    session.query("ATTACH ':memory:' AS side; CREATE TABLE side.t AS SELECT 1 AS i; INSERT INTO side.main.t VALUES (2)")
    assert session.query("SELECT sum(i) FROM side.t").scalar() == 3
    session.query("USE side; INSERT INTO t VALUES (3)")
    assert session.versions() == before
    session.query("USE workspace; DETACH side")


def test_writes_are_booked_here_wherever_the_session_stands(session: Session) -> None:
    session.query("CREATE TABLE t (i INTEGER); ATTACH ':memory:' AS side; USE side")
    before = session.versions()["main.t"]
    session.query("INSERT INTO workspace.main.t VALUES (1)")
    assert session.versions()["main.t"] > before
    assert [table.ref.name for table in session.tables()] == ["t"]
    rows = pyarrow.table({"i": [5]})
    session.write(TableRef("u"), rows.to_reader(), [WriteColumn("i", "INTEGER", "i")])
    assert session.query("SELECT i FROM workspace.main.u").scalar() == 5


def test_a_temp_table_that_was_rolled_back_hides_nothing(session: Session) -> None:
    session.query("CREATE TABLE t (i INTEGER); BEGIN; CREATE TEMP TABLE t (i INTEGER); ROLLBACK")
    before = session.versions()["main.t"]
    session.query("INSERT INTO t VALUES (1)")
    assert session.versions()["main.t"] > before


def test_rows_that_another_statement_ended_are_not_taken_for_all(session: Session) -> None:
    stream = session.stream("SELECT * FROM range(1000000)")
    batches = iter(stream)
    next(batches)
    assert session.query("SELECT 1").scalar() == 1
    with pytest.raises(StatementError, match="ended these rows"):
        list(batches)
    assert session.query("SELECT 2").scalar() == 2


def test_threads_on_one_session_take_turns(session: Session) -> None:
    with ThreadPoolExecutor(4) as pool:
        sums = list(pool.map(lambda n: session.query(f"SELECT sum(range) FROM range({n})").scalar(), range(1, 60)))
    assert sums == [n * (n - 1) // 2 for n in range(1, 60)]


def test_of_several_statements_the_last_one_answers(session: Session) -> None:
    result = session.query("CREATE TABLE t (i INTEGER); INSERT INTO t VALUES (1), (2); SELECT sum(i) FROM t")
    assert result.scalar() == 3


def test_a_write_tells_how_many_rows(session: Session) -> None:
    session.query("CREATE TABLE t AS SELECT range AS i FROM range(10)")
    assert session.query("UPDATE t SET i = -i WHERE i > 5").affected_rows == 4
    assert session.query("DELETE FROM t").affected_rows == 10


def test_returning_gives_rows(session: Session) -> None:
    session.query("CREATE TABLE t (i INTEGER)")
    assert session.query("INSERT INTO t VALUES (1), (2) RETURNING i * 10 AS ten").rows() == [(10,), (20,)]


def test_a_parameter_arrives_as_it_was(session: Session) -> None:
    for value in (None, True, 7, -(2**62), 2.5, float("inf"), Decimal("12345678901234567890.123"), "O'Brien; DROP TABLE t --",
                  "nul\0inside", "ünïcode 🦆", b"\x00\xff", dt.date(1999, 12, 31), dt.datetime(2024, 1, 2, 3, 4, 5, 6),
                  dt.time(23, 59), uuid.UUID(int=5), [1, 2, 3], ["a", "b'c"], {"a": 1}):
        assert session.query("SELECT $v AS v", {"v": value}).scalar() == value


def test_an_aware_timestamp_is_the_same_moment(session: Session) -> None:
    moment = dt.datetime(2024, 7, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    assert session.query("SELECT $v AS v", {"v": moment}).scalar() == moment


def test_parameters_bind_by_position_too(session: Session) -> None:
    assert session.query("SELECT ? || ? AS v", ["a", "b"]).scalar() == "ab"


def test_parameters_work_where_nothing_can_be_prepared(session: Session) -> None:
    session.query("CREATE TABLE t AS SELECT $word AS word, '$word' AS literal -- $word", {"word": "it's"})
    assert session.query("FROM t").rows() == [("it's", "$word")]


def test_parameters_work_in_writes(session: Session) -> None:
    session.query("CREATE TABLE t (i INTEGER, s VARCHAR)")
    session.query("INSERT INTO t VALUES ($i, $s)", {"i": 1, "s": "x"})
    assert session.query("UPDATE t SET s = $s WHERE i = $i", {"i": 1, "s": "y"}).affected_rows == 1
    assert session.query("FROM t").rows() == [(1, "y")]


def test_a_missing_parameter_is_named(session: Session) -> None:
    with pytest.raises(UsageError, match=r"\$threshold") as caught:
        session.query("SELECT $threshold")
    assert caught.value.facts["name"] == "threshold"


def test_an_unknown_table_offers_the_nearest(session: Session) -> None:
    session.query("CREATE TABLE flights (i INTEGER)")
    with pytest.raises(UnknownName) as caught:
        session.query("SELECT * FROM fligths")
    assert "flights" in caught.value.hint


def test_an_unknown_column_offers_the_nearest(session: Session) -> None:
    session.query("CREATE TABLE flights (carrier VARCHAR)")
    with pytest.raises(UnknownName) as caught:
        session.query("SELECT carier FROM flights")
    assert "carrier" in caught.value.hint


def test_bad_sql_says_where(session: Session) -> None:
    with pytest.raises(StatementError, match="syntax error") as caught:
        session.query("SELEC 1")
    assert "SELEC 1" in caught.value.facts["position"]


def test_frames_of_the_namespace_are_tables(session: Session) -> None:
    names = {
        "frame": pandas.DataFrame({"k": [1, 2, 3], "v": ["a", "b", None]}),
        "polar": polars.DataFrame({"k": [2, 3], "w": [20, 30]}),
        "arrow": pyarrow.table({"k": [3], "x": [True]}),
        "other": 5,
    }
    found = session.query("SELECT k, v, w, x FROM frame JOIN polar USING (k) LEFT JOIN arrow USING (k) ORDER BY k",
                          namespace=names)
    assert found.rows() == [(2, "b", 20, None), (3, None, 30, True)]
    assert session.query("SELECT count(*) FROM found", namespace={"found": found}).scalar() == 2


def test_what_stands_before_a_frame_in_the_text_runs_once(session: Session) -> None:
    frames = {"f": pyarrow.table({"k": [1, 2]}), "g": pyarrow.table({"k": [5]})}
    session.query("CREATE TABLE kept (k INT)")
    text = "INSERT INTO kept VALUES (0); INSERT INTO kept FROM f; INSERT INTO kept VALUES (7); INSERT INTO kept FROM g"
    assert session.query(f"{text}; FROM kept", namespace=frames).rows() == [(0,), (1,), (2,), (7,), (5,)]
    assert session.query("BEGIN; DELETE FROM kept; INSERT INTO kept FROM f; COMMIT; FROM kept",
                         namespace=frames).rows() == [(1,), (2,)]
    with pytest.raises(UnknownName):
        session.query("INSERT INTO kept VALUES (8); FROM f, nowhere", namespace=frames)
    assert session.query("SELECT count_if(k = 8) FROM kept").scalar() == 1
    session.query("SET VARIABLE v = 3; SELECT k + getvariable('v') FROM f", namespace=frames)
    assert session.query("SELECT getvariable('v')").scalar() == 3


def test_a_frame_is_read_as_it_is_now(session: Session) -> None:
    assert session.query("SELECT sum(k) FROM f", namespace={"f": pyarrow.table({"k": [1]})}).scalar() == 1
    assert session.query("SELECT sum(k) FROM f", namespace={"f": pyarrow.table({"k": [5]})}).scalar() == 5
    with pytest.raises(UnknownName):
        session.query("SELECT * FROM f")


def test_a_table_of_the_workspace_comes_before_a_frame(session: Session) -> None:
    session.query("CREATE TABLE f AS SELECT 1 AS k")
    assert session.query("SELECT k FROM f", namespace={"f": pyarrow.table({"k": [9]})}).scalar() == 1


def test_variables_of_python_are_never_read_by_accident(session: Session) -> None:
    secret = pyarrow.table({"k": [1]})
    assert secret.num_rows == 1
    with pytest.raises(UnknownName):
        session.query("SELECT * FROM secret")


def test_max_rows_cuts_and_says_so(session: Session) -> None:
    cut = session.query("SELECT range AS i FROM range(1000000) ORDER BY i", max_rows=3)
    assert (cut.rows(), cut.truncated) == ([(0,), (1,), (2,)], True)
    assert session.query("SELECT * FROM range(3)", max_rows=3).truncated is False
    assert session.query("SELECT 1").scalar() == 1


def test_large_results_come_whole(session: Session) -> None:
    result = session.query("SELECT range AS i, 'row ' || range AS s FROM range(300000)")
    assert result.row_count == 300_000
    assert result.df()["i"].sum() == sum(range(300_000))


def test_a_frame_keeps_decimals_exact_and_sums_whole(session: Session) -> None:
    frame = session.query("SELECT 12345678901234567.89::DECIMAL(19,2) AS d, sum(range) AS s, "
                          "170141183460469231731687303715884105727::HUGEINT AS h FROM range(4)").df()
    assert (frame["d"][0], frame["s"][0]) == (Decimal("12345678901234567.89"), 6)
    assert str(frame["s"].dtype) == "int64"
    assert int(frame["h"][0]) == 2**127 - 1
    assert frame["d"].sum() == Decimal("12345678901234567.89")


def test_a_stream_may_be_left_early(session: Session) -> None:
    with session.stream("SELECT * FROM range(100000000)") as stream:
        assert next(iter(stream)).num_rows > 0
    assert session.query("SELECT 42").scalar() == 42


def test_a_deadline_stops_the_statement(session: Session) -> None:
    with pytest.raises(TimedOut):
        session.query(ENDLESS, timeout_s=0.2)
    assert session.query("SELECT 1").scalar() == 1


def test_interrupt_stops_the_statement_and_the_session_lives_on(session: Session) -> None:
    timer = threading.Timer(0.2, session.interrupt)
    timer.start()
    with pytest.raises(Cancelled):
        session.query(ENDLESS)
    timer.join()
    assert session.query("SELECT 1").scalar() == 1


def test_progress_can_be_asked_while_a_statement_runs(session: Session) -> None:
    session.query("CREATE TABLE t AS SELECT range AS a, random() AS b FROM range(2000000)")
    assert session.progress() == -1
    seen: list[float] = []

    def look() -> None:
        while not any(0 < one <= 100 for one in seen):
            seen.append(session.progress())

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    while looking.is_alive():
        session.query("SELECT count(DISTINCT b), sum(hash(a)) FROM t")
    assert max(seen) > 0


def test_a_transaction_is_all_or_nothing(session: Session) -> None:
    session.query("CREATE TABLE t (i INTEGER)")
    with session.transaction():
        session.query("INSERT INTO t VALUES (1)")
    with pytest.raises(StatementError), session.transaction():
        session.query("INSERT INTO t VALUES (2); SELECT error('no')")
    assert session.query("FROM t").rows() == [(1,)]


def test_temp_tables_are_the_sessions_own(session: Session) -> None:
    session.query("CREATE TEMP TABLE mine AS SELECT 1 AS i")
    session.query("INSERT INTO mine VALUES (2)")
    assert session.query("SELECT sum(i) FROM mine").scalar() == 3
    with Session.open(session.workspace.root) as other, pytest.raises(UnknownName):
        other.query("FROM mine")


def test_two_sessions_see_each_others_commits_and_nothing_earlier(session: Session) -> None:
    session.query("CREATE TABLE t (i INTEGER)")
    with Session.open(session.workspace.root) as other:
        session.query("BEGIN; INSERT INTO t VALUES (1)")
        assert other.query("SELECT count(*) FROM t").scalar() == 0
        session.query("COMMIT")
        assert other.query("SELECT count(*) FROM t").scalar() == 1


def test_rows_can_be_written_from_a_stream(session: Session) -> None:
    rows = pyarrow.table({"id": ["1", "2"], "amount": ["1.25", "2.50"]})
    columns = [WriteColumn("id", "INTEGER", "id"), WriteColumn("amount", "DECIMAL(9,2)", "amount")]
    assert session.write(TableRef("sales", "raw"), rows.to_reader(), columns, primary_key=["id"]) == 2
    assert session.query("FROM raw.sales").rows() == [(1, Decimal("1.25")), (2, Decimal("2.50"))]
    (table,) = session.tables()
    assert (table.ref, table.primary_key) == (TableRef("sales", "raw"), ("id",))
    with pytest.raises(StatementError, match="already exists"):
        session.write(TableRef("sales", "raw"), rows.to_reader(), columns)
    session.write(TableRef("sales", "raw"), rows.slice(0, 1).to_reader(), columns, mode="replace")
    more = rows.slice(1).to_reader()
    session.write(TableRef("sales", "raw"), more, columns, mode="append")
    assert session.query("SELECT count(*) FROM raw.sales").scalar() == 2


def test_an_error_of_the_stream_comes_out_unchanged_and_nothing_is_half_written(session: Session) -> None:
    session.query("CREATE TABLE t AS SELECT 1 AS i")

    def batches() -> Iterator[pyarrow.RecordBatch]:
        yield pyarrow.record_batch({"i": [2]})
        raise SourceError("the source went away")

    schema = pyarrow.schema({"i": pyarrow.int64()})
    for mode in ("replace", "append"):
        reader = pyarrow.RecordBatchReader.from_batches(schema, batches())
        with pytest.raises(SourceError, match="went away"):
            session.write(TableRef("t"), reader, [WriteColumn("i", "INTEGER", "i")], mode=mode)  # type: ignore[arg-type]
    assert session.query("FROM t").rows() == [(1,)]


def test_ctrl_c_in_the_stream_leaves_the_old_table(session: Session) -> None:
    session.query("CREATE TABLE t AS SELECT 1 AS i")

    def batches() -> Iterator[pyarrow.RecordBatch]:
        yield pyarrow.record_batch({"i": [2]})
        raise KeyboardInterrupt

    reader = pyarrow.RecordBatchReader.from_batches(pyarrow.schema({"i": pyarrow.int64()}), batches())
    with pytest.raises(KeyboardInterrupt):
        session.write(TableRef("t"), reader, [WriteColumn("i", "INTEGER", "i")], mode="replace")
    assert session.query("FROM t").rows() == [(1,)]


def test_odd_names_are_just_names(session: Session) -> None:
    ref = TableRef('sel"ect 🦆', "Größe")
    rows = pyarrow.table({"a b": [1], "from": [2]})
    session.write(ref, rows.to_reader(), [WriteColumn("a b", "INTEGER", '"a b"'), WriteColumn("from", "INTEGER", '"from"')])
    assert session.query(f"SELECT * FROM {ref.sql}").rows() == [(1, 2)]
    assert session.tables()[0].ref == ref


def test_versions_move_with_commits_and_only_with_commits(session: Session) -> None:
    session.query("CREATE TABLE a (i INTEGER); CREATE TABLE b (i INTEGER)")
    before = session.versions()
    session.query("INSERT INTO a VALUES (1)")
    session.query("BEGIN; INSERT INTO b VALUES (1); ROLLBACK")
    session.query("SELECT * FROM b")
    after = session.versions()
    assert after["main.a"] > before["main.a"]
    assert after["main.b"] == before["main.b"]


@pytest.mark.parametrize("sql", [
    "DELETE FROM _pluto.commits", "EXPLAIN ANALYZE DELETE FROM _pluto.commits",
    "PREPARE hidden AS DELETE FROM _pluto.commits; EXECUTE hidden",
    "SET search_path = 'main,_pluto'; DELETE FROM commits",
    "SET search_path = '_pluto,main'; EXPLAIN ANALYZE DELETE FROM commits"])
def test_the_records_of_the_workspace_are_read_only(session: Session, sql: str) -> None:
    with pytest.raises(Refused):
        session.query(sql)
    session.query("SET search_path = 'main'")
    assert session.query("SELECT count(*) FROM _pluto.commits").scalar() >= 0
    assert session.tables() == []


def test_read_only_sees_the_tables_and_writes_nothing(session: Session) -> None:
    session.query("CREATE TABLE t AS SELECT 1 AS i; CREATE SCHEMA raw; CREATE TABLE raw.u AS SELECT 2 AS j")
    assert session.query("SELECT i + j FROM t, raw.u", read_only=True).scalar() == 3
    for attack in ("INSERT INTO t VALUES (2)", "DROP TABLE t", "SELECT 1; DROP TABLE t", "SET threads = 1",
                   "SELECT * FROM read_text('/etc/passwd')", "COPY t TO '/tmp/out.csv'"):
        with pytest.raises(Refused):
            session.query(attack, read_only=True)
    assert session.query("SELECT count(*) FROM t").scalar() == 1


def test_read_only_follows_new_tables(session: Session) -> None:
    session.query("CREATE TABLE t AS SELECT 1 AS i")
    assert session.query("SELECT i FROM t", read_only=True).scalar() == 1
    session.query("CREATE OR REPLACE TABLE t AS SELECT 'now text' AS other")
    assert session.query("SELECT other FROM t", read_only=True).scalar() == "now text"
    session.query("DROP TABLE t")
    with pytest.raises((Refused, UnknownName)):
        session.query("SELECT * FROM t", read_only=True)


def test_read_only_sees_harmless_views_and_no_view_over_files_or_settings(session: Session) -> None:
    session.query("""
        CREATE TABLE t AS SELECT range AS i FROM range(3);
        CREATE VIEW plain AS SELECT i * 2 AS d FROM t;
        CREATE VIEW "on a view" (total) AS SELECT sum(d) FROM plain;
        CREATE VIEW file AS SELECT * FROM read_text('/etc/hostname');
        CREATE VIEW settings AS SELECT * FROM duckdb_settings();
        CREATE VIEW records AS SELECT * FROM _pluto.commits;
        CREATE VIEW over_file AS SELECT * FROM file;
        CREATE MACRO peek() AS (SELECT count(*) FROM read_text('/etc/hostname'));
        CREATE VIEW by_macro AS SELECT peek() AS n;
        CREATE MACRO lower(x) AS (SELECT content FROM read_text('/etc/hostname'));
        CREATE VIEW by_shadow AS SELECT lower('x') AS n;
        CREATE MACRO twice(x) AS x * 2;
        CREATE VIEW own_macro AS WITH w AS (FROM t) SELECT twice(max(i)) AS n FROM w WHERE i BETWEEN 0 AND 9 AND i <> 7""")
    assert session.query("SELECT n FROM own_macro", read_only=True).scalar() == 4
    assert session.query('SELECT total FROM "on a view"', read_only=True).scalar() == 6
    for hidden in ("file", "settings", "records", "over_file", "by_macro", "by_shadow"):
        with pytest.raises((Refused, UnknownName)):
            session.query(f"SELECT * FROM {hidden}", read_only=True)
    assert session.query("SELECT count(*) FROM file").scalar() == 1


def test_the_names_of_role_catalogs_are_kept(session: Session) -> None:
    with pytest.raises(Refused, match="pluto_role_"):
        session.query("ATTACH ':memory:' AS pluto_role_agent")


def test_logging_is_refused_to_everyone(session: Session) -> None:
    for attack in ("CALL enable_logging()", "SELECT * FROM enable_logging(storage='file', storage_path='x')"):
        with pytest.raises(Refused):
            session.query(attack)


def test_a_closed_session_says_so(session: Session) -> None:
    session.close()
    session.close()
    with pytest.raises(Exception, match="closed"):
        session.query("SELECT 1")


# -- what must count as a write --------------------------------------------------------------------

def moved(session: Session, *statements: str) -> set[str]:
    """The keys whose version moved."""
    before = session.versions()
    for one in statements:
        session.query(one)
    return {key for key, version in session.versions().items() if version != before.get(key)}


def test_a_temporary_table_that_never_came_hides_no_write(session: Session) -> None:
    session.query("CREATE TABLE t (i INTEGER)")
    with pytest.raises(StatementError):
        session.query("CREATE TEMP TABLE t AS SELECT error('x') AS i")
    assert moved(session, "INSERT INTO t VALUES (1)") == {"main.t"}
    session.query("CREATE TEMP MACRO twice(x) AS x + x")
    assert "#schema" in moved(session, "CREATE MACRO thrice(x) AS 3 * x")


@pytest.mark.parametrize("hidden", [("PREPARE p AS INSERT INTO t VALUES (1)", "EXECUTE p"),
                                    ("EXPLAIN ANALYZE INSERT INTO t VALUES (1)",)])
def test_a_write_inside_another_statement_counts(session: Session, hidden: tuple[str, ...]) -> None:
    session.query("CREATE TABLE t (i INTEGER)")
    assert "*" in moved(session, *hidden)
    assert "*" in moved(session, "BEGIN", hidden[-1], "COMMIT")
    assert session.query("FROM t").rows() == [(1,), (1,)]
    assert moved(session, "EXPLAIN SELECT 1", "SELECT 1") == set()


def test_where_a_bare_name_stands_may_not_be_known(session: Session) -> None:
    session.query("CREATE SCHEMA z; CREATE TABLE t (i INTEGER); SET search_path = 'z,main'")
    assert moved(session, "INSERT INTO t VALUES (1)") == {"*"}


def test_a_failed_call_leaves_its_transaction_known_to_be_open(session: Session) -> None:
    with pytest.raises(StatementError):
        session.query("BEGIN; SELECT error('x')")
    assert session.in_transaction
    session.query("ROLLBACK")
    assert not session.in_transaction


def test_macros_called_as_what_we_use_lock_nobody_out(workspace: Workspace) -> None:
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE t AS SELECT 1 AS i")
        for name in ("max(a, b)", "unnest(a)", "starts_with(a)", "current_database()", "current_schema()",
                     "current_setting(a)", "getvariable(a)"):
            session.query(f"CREATE MACRO {name} AS 'theirs'")
        for name in ("duckdb_tables", "duckdb_views", "duckdb_columns", "duckdb_constraints", "duckdb_databases"):
            session.query(f"CREATE MACRO {name}() AS TABLE SELECT 1 AS one")
    with Session.open(workspace.root) as session:
        session.query("USE main")
        session.query("CREATE TABLE u AS SELECT $n AS i", {"n": 2})
        session.query("INSERT INTO main.u VALUES (3)")
        assert [str(one.ref) for one in session.tables()] == ["t", "u"]
        assert session.query("FROM u", read_only=True).rows() == [(2,), (3,)]


@pytest.mark.parametrize("read_only", [False, True])
def test_text_that_is_not_unicode_is_refused(session: Session, read_only: bool) -> None:
    with pytest.raises(UsageError, match="Unicode"):
        session.query("SELECT '\ud800'", read_only=read_only)
    with pytest.raises(UsageError, match="Unicode"):
        session.query("SELECT $a", {"a": "\ud800"})


def test_what_a_transaction_writes_can_be_looked_at_within_it_by_the_gate_s_rules(session: Session) -> None:
    session.query("CREATE SCHEMA raw; CREATE TABLE raw.t AS SELECT 1 AS a; CREATE TABLE t AS SELECT 1 AS a; "
                  "CREATE TABLE other AS SELECT 9 AS a; CREATE MACRO sum(x) AS 'mine'")
    plain, other = TableRef("t"), TableRef("t", "raw")
    with pytest.raises(UsageError, match="no transaction"):
        session.inside(plain, "SELECT 1 FROM t")
    for table, name in ((plain, "t"), (other, "pluto_arrived")):
        with session.transaction():
            session.query(f"CREATE OR REPLACE TABLE {table.sql} AS SELECT 5 AS b, range AS a FROM range(3)")
            assert session.inside(table, f"SELECT sum(a), max(b) FROM {name}").rows() == [(3, 5)]
            assert session.inside(table, f"SELECT a FROM {name} WHERE a IN (SELECT a - 7 FROM other)").rows() == [(2,)]
            for refused in ("SELECT * FROM _pluto.commits", "SELECT getenv('HOME')", f"DELETE FROM {name}",
                            "SELECT * FROM read_text('/etc/hostname')", f"SELECT 1 FROM {name}; DROP TABLE t"):
                with pytest.raises((Refused, UnknownName, UsageError)):
                    session.inside(table, refused)
            assert session.query("SELECT sum(1)").scalar() == "mine", "it stands where it stood"
            assert session.inside(table, f"SELECT count(*) FROM {name}").scalar() == 3
    with session.transaction():
        session.query("INSERT INTO t VALUES (1, 1)")
    assert session.query("SELECT count(*) FROM t").scalar() == 4
    assert session.query("SELECT count(*) FROM duckdb_views() WHERE temporary AND NOT internal").scalar() == 0


def test_a_look_that_fails_while_it_runs_leaves_the_session_where_it_was(session: Session) -> None:
    session.query("CREATE TABLE t AS SELECT 'x' AS a")
    session.query("BEGIN TRANSACTION; INSERT INTO t VALUES ('y')")
    with pytest.raises(StatementError):
        session.inside(TableRef("t"), "SELECT CAST(a AS INTEGER) FROM t")
    session.query("ROLLBACK")
    assert session.query("SELECT current_schema(), count(*) FROM t").rows() == [("main", 1)]
    assert session.query("SELECT current_database() <> 'pluto_role_agent'").scalar() is True
