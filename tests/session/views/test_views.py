"""Views whose rows are kept: made, refreshed from changes or anew, and never half."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable

import pyarrow
import pytest

from pluto_duck.errors import PlutoError, Refused, StatementError, UnknownName, UsageError
from pluto_duck.events.model import Position
from pluto_duck.events.retention import Keep
from pluto_duck.session import Session, TableRef, WriteColumn
from pluto_duck.session.handler import SessionHandler
from pluto_duck.session.rows.model import Insert
from pluto_duck.workspace.database import _open

TOTALS, BIG = TableRef("totals"), TableRef("big")
GROUPED = ("SELECT region, count(*) AS n, sum(price) AS total, min(price) AS least, avg(id) AS middle FROM orders "
           "GROUP BY region")


@pytest.fixture
def orders(session: Session) -> Session:
    session.query("CREATE TABLE orders AS SELECT i AS id, i % 3 AS region, (i * 1.5)::DECIMAL(10,2) AS price "
                  "FROM range(100) r(i)")
    return session


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def rows(session: Session, sql: str) -> list[tuple[object, ...]]:
    return sorted(session.query(sql).rows(), key=repr)


def same(session: Session, view: TableRef) -> bool:
    return rows(session, f"FROM {view.sql}") == rows(session, session.views.show(view).sql)


def test_appends_come_from_the_changes_alone(orders: Session) -> None:
    made = orders.views.create(TOTALS, GROUPED)
    assert (made.state, made.behind, made.tracked, made.incremental) == ("fresh", 0, "orders", "incremental")
    orders.views.create(BIG, "SELECT *, price * 2 AS twice FROM orders AS o WHERE o.price > 100")
    orders.query("INSERT INTO orders SELECT i, CASE WHEN i % 2 = 0 THEN NULL ELSE 7 END, i FROM range(100, 110) r(i)")
    assert [(one.state, one.behind) for one in orders.views.list()] == [("stale", 10)] * 2
    for view in (TOTALS, BIG):
        done = orders.views.refresh(view)
        assert (done.way, done.because) == ("incremental", "")
        assert same(orders, view)
        assert orders.views.refresh(view).way == "nothing"
    assert [one.way for one in orders.views.show(TOTALS).history] == ["incremental", "full"]


def test_rows_that_go_are_subtracted_where_that_is_exact(orders: Session) -> None:
    orders.track(TableRef("orders"), full_row=True)
    exact = "SELECT region, count(price) AS n, sum(price) AS total FROM orders GROUP BY ALL"
    orders.views.create(TOTALS, exact)
    orders.views.create(BIG, "SELECT price * 2 AS twice FROM orders WHERE id % 2 = 0")
    orders.query("DELETE FROM orders WHERE id < 10")
    orders.query("UPDATE orders SET region = 9 WHERE region = 1")
    for view in (TOTALS, BIG):
        assert orders.views.refresh(view).way == "incremental"
        assert same(orders, view)
    orders.views.create(TableRef("least"), "SELECT min(price) AS least FROM orders")
    orders.query("DELETE FROM orders WHERE id = 10")
    done = orders.views.refresh(TableRef("least"))
    assert (done.way, done.because) == ("full", "a row that went may have held the smallest or largest value")
    assert same(orders, TableRef("least"))


ANEW = [
    ("SELECT o.id FROM orders o JOIN other USING (id)", "it reads several tables"),
    ("SELECT a.id FROM orders a JOIN orders b USING (id)", "it joins tables"),
    ("SELECT id FROM orders ORDER BY id", "it is ordered"),
    ("SELECT id FROM orders LIMIT 3", "it has a LIMIT"),
    ("SELECT DISTINCT region FROM orders", "it is DISTINCT"),
    ("SELECT region, count(*) FROM orders GROUP BY 1 HAVING count(*) > 1", "it has HAVING"),
    ("SELECT region, sum(price::DOUBLE) FROM orders GROUP BY 1", "a sum of DOUBLE hangs on the order of the rows"),
    ("SELECT count(DISTINCT region) AS c FROM orders", "c counts each value once"),
    ("SELECT count(*) FROM orders GROUP BY region", "it groups by what it does not show"),
    ("SELECT id, row_number() OVER () FROM orders", "it has a window function"),
    ("SELECT rowid AS r FROM orders", "it names more of its table than its columns"),
    ("SELECT count(rowid) AS n FROM orders", "its parts can't be computed apart"),
    ("SELECT median(price) AS m FROM orders", "m is more than a column or an aggregate"),
    ("SELECT id, now() AS at FROM orders", "it calls now()"),
    ("SELECT id, random() AS r FROM orders", "it calls random()"),
    ("SELECT id FROM seen", "it reads a view"),
    ("SELECT region, count(*) FROM orders GROUP BY CUBE (region)", "it groups in several ways"),
]


def test_what_can_not_be_kept_from_changes_says_why_and_is_made_anew(orders: Session) -> None:
    orders.query("CREATE TABLE other AS SELECT 1 AS id")
    orders.query("CREATE VIEW seen AS SELECT * FROM orders")
    for number, (sql, because) in enumerate(ANEW):
        made = orders.views.create(TableRef(f"v{number}"), sql)
        assert made.incremental == f"full: because {because}", sql
        assert made.tracked == ""
    orders.query("INSERT INTO orders VALUES (1000, 1, 1)")
    assert {one.state for one in orders.views.list() if one.materialized} == {"stale"}
    for number, (_sql, because) in list(enumerate(ANEW))[::3]:
        assert orders.views.refresh(TableRef(f"v{number}")).way == "full"
        unsure = (("unknown", because) if "()" in because else ("fresh", ""))
        found = orders.views.show(TableRef(f"v{number}"))
        assert (found.state, found.why) == unsure


def test_another_time_zone_makes_it_anew(session: Session) -> None:
    session.query("CREATE TABLE calls AS SELECT i AS id, TIMESTAMPTZ '2024-01-01 00:00:00+00' + to_hours(i::INTEGER) AS came "
                  "FROM range(10) r(i)")
    days, each = TableRef("days"), TableRef("each")
    session.views.create(days, "SELECT came::DATE AS day, count(*) AS n FROM calls GROUP BY 1")
    session.views.create(each, "SELECT id, came::DATE AS day FROM calls")
    try:
        for zone in ("Asia/Tokyo", "America/New_York"):  # as a process elsewhere has it
            session.query(f"SET GLOBAL TimeZone = '{zone}'")
            session.query("DELETE FROM calls WHERE id = (SELECT min(id) FROM calls)")
            for view in (days, each):
                done = session.views.refresh(view)
                assert (done.way, done.because) == ("full", "the time zone or another setting is another one")
                assert same(session, view)
            session.query("DELETE FROM calls WHERE id = (SELECT min(id) FROM calls)")
            assert {session.views.refresh(view).way for view in (days, each)} == {"incremental"}
            assert same(session, days)
            assert same(session, each)
    finally:
        session.query("RESET GLOBAL TimeZone")


def test_what_is_no_append_makes_it_anew(orders: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pluto_duck.session.views.applying.SMALL", 1_000)
    orders.views.create(TOTALS, GROUPED)
    orders.views.create(BIG, "SELECT * FROM orders")
    shape = "orders has another shape, or was tracked anew"
    for write, because in (
            ("TRUNCATE orders", {"orders was emptied"}),
            ("ALTER TABLE orders ADD COLUMN extra INT", {shape, "its columns are others"}),
            ("UPDATE orders SET id = id", {""}),
            ("CREATE OR REPLACE TABLE orders AS SELECT i AS id, 2 AS region, 3::DECIMAL(10,2) AS price "
             "FROM range(2000) r(i)", {shape, "its columns are others"}),
            ("DELETE FROM orders WHERE id < 1500", {"much of orders has changed"}),
            ("DROP TABLE orders; CREATE TABLE orders (id INT, price DECIMAL(10,2), region INT)",
             {shape, "its columns are others"})):
        orders.query(write)
        for view in (TOTALS, BIG):
            assert orders.views.refresh(view).because in because
            assert same(orders, view)


def test_it_is_no_table_to_write_to(orders: Session) -> None:
    orders.views.create(BIG, "SELECT * FROM orders")
    for sql in ("INSERT INTO big VALUES (1, 1, 1)", "UPDATE main.big SET id = 1", "DELETE FROM BIG", "DROP TABLE big",
                "TRUNCATE big", "ALTER TABLE big RENAME TO other", "CREATE OR REPLACE TABLE big AS SELECT 1",
                "COPY big FROM 'x.csv'", "ALTER TABLE orders RENAME TO big"):
        with pytest.raises(Refused) as refused:
            orders.query(sql)
        assert "view refresh big" in refused.value.hint
    with pytest.raises(UsageError):
        orders.views.create(BIG, "SELECT 1")
    with pytest.raises(UsageError):
        orders.views.create(TableRef("orders"), "SELECT 1", replace=True)


def test_rows_are_not_written_to_it_without_sql_either(orders: Session) -> None:
    orders.views.create(BIG, "SELECT * FROM orders")
    [done] = orders.change_each([[Insert(BIG, ({"id": 1, "region": 1, "price": "1"},))]])
    assert isinstance(done, Refused)
    with pytest.raises(Refused):
        orders.write(BIG, pyarrow.table({"id": [1]}).to_reader(), [WriteColumn("id", "BIGINT", "id")], mode="append")
    with pytest.raises(Refused):
        orders.query("PREPARE p AS DELETE FROM big; EXECUTE p")
    assert orders.views.show(BIG).state == "fresh"


def test_who_writes_past_us_is_noticed_and_the_view_made_anew(orders: Session) -> None:
    orders.views.create(BIG, "SELECT * FROM orders")
    database = next(one for one in _open if one.path == orders.workspace.database)
    native = database.cursor().native()
    native.execute("DELETE FROM big")
    assert orders.views.show(BIG).state == "stale"
    assert orders.views.refresh(BIG).way == "full"
    assert same(orders, BIG)


def test_a_source_that_is_gone_leaves_the_rows_and_says_so(orders: Session) -> None:
    orders.views.create(BIG, "SELECT id, price FROM orders")
    orders.query("ALTER TABLE orders DROP COLUMN price")
    with pytest.raises(PlutoError):
        orders.views.refresh(BIG)
    broken = orders.views.show(BIG)
    assert broken.state == "broken"
    assert "price" in broken.why
    assert broken.history[0].way == "failed"
    assert orders.query("SELECT count(*) FROM big").rows() == [(100,)]
    orders.query("ALTER TABLE orders ADD COLUMN price INTEGER")
    assert orders.views.refresh(BIG).way == "full"
    assert orders.views.show(BIG).state == "fresh"
    assert same(orders, BIG)
    orders.query("DROP TABLE orders")
    with pytest.raises(PlutoError):
        orders.views.refresh(BIG)
    assert orders.views.show(BIG).state == "broken"


def test_definitions_that_make_no_sense_leave_nothing(orders: Session) -> None:
    for sql, error in (("SELECT 1; SELECT 2", UsageError), ("DELETE FROM orders", UsageError),
                       ("SELECT * FROM _pluto.commits", Refused), ("SELECT * FROM nobody", UnknownName),
                       ("SELECT $1", UsageError), ("SELEC", StatementError), ("SELECT * FROM big", PlutoError)):
        with pytest.raises(error):
            orders.views.create(BIG, sql)
    for schema in ("temp", "System", "_pluto"):
        with pytest.raises(Refused):
            orders.views.create(TableRef("big", schema), "SELECT * FROM orders")
    assert orders.views.list() == []
    assert orders.tracked()["tables"] == []
    with pytest.raises(UnknownName):
        orders.views.refresh(BIG)


def test_views_of_views_are_refreshed_through_but_make_no_circle(orders: Session) -> None:
    orders.views.create(BIG, "SELECT * FROM orders WHERE price > 10")
    orders.views.create(TOTALS, "SELECT region, count(*) AS n FROM big GROUP BY region")
    with pytest.raises(UsageError, match="made of itself"):
        orders.views.create(BIG, "SELECT * FROM totals", replace=True)
    orders.query("INSERT INTO orders VALUES (1000, 1, 100)")
    assert orders.views.show(TOTALS).state == "fresh"
    orders.views.refresh(BIG)
    assert orders.views.refresh(TOTALS).way == "incremental"
    assert same(orders, TOTALS)


def test_on_change_it_is_refreshed_soon_and_never_by_the_writer(orders: Session) -> None:
    orders.views.create(BIG, "SELECT * FROM orders", refresh="on-change")
    orders.views.create(TOTALS, "SELECT count(*) AS n FROM big", refresh="on-change")
    for i in range(5):
        orders.query(f"INSERT INTO orders VALUES ({1000 + i}, 1, 1)")
    until(lambda: orders.query("FROM totals").rows() == [(105,)])
    until(lambda: [one.state for one in orders.views.list()] == ["fresh", "fresh"])


def test_an_error_on_change_is_kept_with_the_view_and_ends_with_the_next_good_commit(orders: Session) -> None:
    orders.views.create(BIG, "SELECT CAST(CASE WHEN id < 0 THEN 'no' ELSE '1' END AS INTEGER) AS e FROM orders",
                        refresh="on-change")
    orders.query("INSERT INTO orders VALUES (-1, 1, 1)")
    until(lambda: orders.views.show(BIG).state == "broken")
    assert orders.query("SELECT count(*) FROM big").rows() == [(100,)]
    orders.query("DELETE FROM orders WHERE id < 0")
    until(lambda: orders.views.show(BIG).state == "fresh")


def test_the_next_host_goes_on_where_the_last_one_was(orders: Session) -> None:
    orders.views.create(BIG, "SELECT * FROM orders", refresh="on-change")
    orders.views.create(TOTALS, GROUPED)
    orders.query("INSERT INTO orders VALUES (1000, 1, 1)")
    root = orders.workspace.root
    orders.close()
    with Session.open(root) as again:
        until(lambda: again.views.show(BIG).state == "fresh")
        assert same(again, BIG)
        assert again.views.refresh(TOTALS).way == "incremental"
        assert same(again, TOTALS)


def test_a_host_that_leaves_brings_up_to_date_what_is_quickly_done(
        orders: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pluto_duck.session.views.working.TOGETHER_S", 60.0)  # its thread comes too late, as in a shell
    orders.views.create(TOTALS, GROUPED, refresh="on-change")
    orders.views.create(BIG, "SELECT * FROM orders WHERE price > 5")
    orders.query("INSERT INTO orders VALUES (1000, 9, 50)")
    root = orders.workspace.root
    orders.close()
    with Session.open(root) as again:
        assert {one.ref: one.state for one in again.views.list()} == {TOTALS: "fresh", BIG: "stale"}
        assert same(again, TOTALS)


def test_whoever_reads_rows_that_are_behind_is_told(orders: Session) -> None:
    orders.views.create(TOTALS, GROUPED)
    assert orders.query("FROM totals").notices == ()
    orders.query("INSERT INTO orders VALUES (1000, 9, 50)")
    for way in ({}, {"read_only": True}):
        [told] = orders.query('SELECT n FROM "Totals"', **way).notices
        assert told.startswith("totals is as of 20")
        assert told.endswith("what it is made of has changed since (view refresh totals).")
    assert orders.query("FROM orders").notices == ()
    orders.views.refresh(TOTALS)
    assert orders.query("FROM totals").notices == ()


def test_two_refreshes_at_once_come_to_one(orders: Session) -> None:
    orders.views.create(TOTALS, GROUPED)
    orders.query("INSERT INTO orders VALUES (1000, 1, 1)")
    ways: list[str] = []

    def work() -> None:
        with Session.open(orders.workspace.root) as own:
            ways.append(own.views.refresh(TOTALS).way)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(ways) == ["incremental", "nothing", "nothing"]


def test_a_view_can_be_tracked_itself(orders: Session) -> None:
    orders.views.create(TOTALS, "SELECT region, count(*) AS n FROM orders GROUP BY region")
    orders.track(TOTALS, full_row=True)
    head = orders.changes_head()
    orders.query("INSERT INTO orders VALUES (1000, 1, 1)")
    assert orders.views.refresh(TOTALS).way == "incremental"
    told = orders.changes(Position(head, Position.LAST), tables=[TOTALS]).table
    assert sorted(told["op"].to_pylist()) == ["c", "d"]


def test_history_that_is_gone_makes_it_anew_but_it_is_kept_for_those_who_wait(orders: Session) -> None:
    orders.views.create(TOTALS, GROUPED)
    orders.query("INSERT INTO orders VALUES (1000, 1, 1)")
    handler = handler_of(orders)
    handler.retaining.keep = Keep(0, 0, 30)
    handler.retaining.trim(now_ms=2**45)
    handler.retaining.keep = Keep(0, 0, 10_000_000)
    assert handler.views.waits() is not None
    orders.query("INSERT INTO orders VALUES (1001, 1, 1)")
    done = orders.views.refresh(TOTALS)
    assert (done.way, done.because) == ("full", "changes that it had not seen are no longer kept")
    assert handler.views.waits() is None
    orders.query("INSERT INTO orders VALUES (1002, 1, 1)")
    handler.retaining.trim()
    assert orders.views.refresh(TOTALS).way == "incremental"
    assert same(orders, TOTALS)


def test_a_fresh_view_misses_nothing_when_history_goes(orders: Session) -> None:
    orders.views.create(TOTALS, GROUPED)
    orders.query("CREATE TABLE other (id INTEGER)")
    orders.track(TableRef("other"), full_row=True)
    orders.query("INSERT INTO other VALUES (1)")
    handler = handler_of(orders)
    handler.retaining.keep = Keep(0, 0, 0)
    assert handler.retaining.trim(now_ms=2**45) > 0
    orders.query("INSERT INTO orders VALUES (1000, 1, 1)")
    assert orders.views.refresh(TOTALS).way == "incremental"
    assert same(orders, TOTALS)


def handler_of(session: Session) -> SessionHandler:
    return next(one for one in gc.get_objects() if isinstance(one, SessionHandler)
                and one.database.path == session.workspace.database and not one.database._closed)


def test_plain_views_are_made_listed_and_dropped(orders: Session) -> None:
    made = orders.views.create(BIG, "SELECT id FROM orders", materialized=False)
    assert (made.materialized, made.state, made.sql) == (False, "plain", "SELECT id FROM orders")
    with pytest.raises(UsageError, match="plain view"):
        orders.views.refresh(BIG)
    orders.views.create(BIG, "SELECT id FROM orders", replace=True)
    assert orders.views.show(BIG).materialized
    orders.views.create(BIG, "SELECT id FROM orders", replace=True, materialized=False)
    orders.views.drop(BIG)
    assert orders.views.list() == []


def test_a_view_may_have_the_oddest_names(orders: Session) -> None:
    orders.query('CREATE SCHEMA "o d"')
    orders.query('CREATE TABLE "o d"."ta""b.le" AS SELECT 1 AS "a b", 2 AS "GROUP"')
    odd = TableRef('v "1"', "o d")
    orders.views.create(odd, 'SELECT "a b", sum("GROUP") AS "sum.x" FROM "o d"."ta""b.le" AS "t t" GROUP BY "a b"')
    orders.query('INSERT INTO "o d"."ta""b.le" VALUES (1, 5), (NULL, 7)')
    assert orders.views.refresh(odd).way == "incremental"
    assert same(orders, odd)
