"""Rows read and written without SQL, by the owner."""

from __future__ import annotations

from typing import Any

import pytest

from pluto_duck.errors import (
    Conflict,
    PreconditionFailed,
    Refused,
    SessionReset,
    StatementError,
    UnknownName,
    UsageError,
)
from pluto_duck.session import Session, TableRef
from pluto_duck.session.rows import (
    Aggregate,
    All,
    AnyOf,
    Compare,
    Delete,
    Insert,
    Measure,
    Not,
    Order,
    Select,
    TextsFound,
    Update,
)
from pluto_duck.workspace import Workspace
from pluto_duck.workspace.guest import GuestChannel
from pluto_duck.workspace.protocol import Request
from tests.workspace.worker import Worker

T = TableRef("orders")


@pytest.fixture
def orders(session: Session) -> Session:
    session.query("CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL)")
    session.query("CREATE TABLE orders (id BIGINT PRIMARY KEY, customer INTEGER REFERENCES customers (id), "
                  "amount DECIMAL(10,2) CHECK (amount >= 0), note VARCHAR DEFAULT 'none', code VARCHAR UNIQUE, "
                  "twice DECIMAL(12,2) GENERATED ALWAYS AS (amount * 2))")
    session.query("INSERT INTO customers VALUES (1, 'Ann'), (2, 'Bob')")
    session.query("INSERT INTO orders SELECT i, 1 + i % 2, i * 1.5, CASE WHEN i % 3 = 0 THEN NULL ELSE 'n' || i END, "
                  "'c' || i FROM range(1, 21) r(i)")
    return session


def ids(session: Session, where: Any) -> list[int]:
    return [row[0] for row in session.rows(Select(T, ("id",), where, (Order("id"),))).rows()]


@pytest.mark.parametrize(("where", "sql"), [
    (Compare("amount", ">=", "15.00"), "amount >= 15"),
    (Compare("id", "in", [3, "5", 7.0]), "id IN (3, 5, 7)"),
    (Compare("id", "not in", [3, 5]), "id NOT IN (3, 5)"),
    (Compare("note", "is null"), "note IS NULL"),
    (Compare("note", "is not distinct from", None), "note IS NULL"),
    (Compare("note", "like", "n1%"), "note LIKE 'n1%'"),
    (Compare("NOTE", "ilike", "N_"), "note ILIKE 'N_'"),
    (Compare("note", "contains", "%"), "false"),
    (Compare("note", "ends with", "7"), "note LIKE '%7'"),
    (Not(Compare("customer", "=", 1)), "customer <> 1"),
    (All((Compare("customer", "=", 2), AnyOf((Compare("id", "<", 5), Compare("id", ">", 15))))),
     "customer = 2 AND (id < 5 OR id > 15)"),
    (All(()), "true"), (AnyOf(()), "false"), (Compare("id", "in", []), "false"),
    (Compare("twice", "=", "9"), "amount = 4.5"),
])
def test_a_condition_keeps_what_the_same_sql_keeps(orders: Session, where: Any, sql: str) -> None:
    assert ids(orders, where) == [row[0] for row in orders.query(f"SELECT id FROM orders WHERE {sql} ORDER BY id").rows()]


@pytest.mark.parametrize(("column", "value"), [
    ("id", "x"), ("id", 1.5), ("id", 2**63), ("id", True), ("amount", "1.234"), ("amount", "123456789.00"),
    ("amount", "NaN"), ("note", 5), ("note", ["x"]), ("id", "1); DROP TABLE orders; --"), ("customer", "1 OR 1=1")])
def test_a_value_that_the_column_cant_hold_is_one_clear_error(orders: Session, column: str, value: Any) -> None:
    with pytest.raises(UsageError) as error:
        orders.rows(Select(T, where=Compare(column, "=", value)))
    assert column in error.value.message
    assert error.value.facts["type"] in error.value.message


def test_names_are_looked_up_and_never_become_sql(orders: Session) -> None:
    for name in ('id"; DROP TABLE orders; --', "nosuch", "id, note", "orders.id", "rowid"):
        for wanted in (Select(T, (name,)), Select(T, where=Compare(name, "=", 1)), Select(T, order=(Order(name),)),
                       Aggregate(T, (Measure("count"),), (name,)), Aggregate(T, (Measure("sum", name),))):
            with pytest.raises(UnknownName):
                orders.rows(wanted)
    with pytest.raises(UnknownName):
        orders.rows(Select(TableRef("nosuch")))
    with pytest.raises(UnknownName):
        orders.rows(Select(TableRef("commits", "_pluto")))


def test_at_most_so_many_rows_for_each_of_a_column(orders: Session) -> None:
    found = orders.rows(Select(T, ("customer", "id"), order=(Order("customer"), Order("id", True)),
                               each=(("customer",), 2), offset=1)).rows()
    assert found == [(1, 18), (1, 16), (2, 17), (2, 15)]


def test_aggregates_group_and_measure(orders: Session) -> None:
    found = orders.rows(Aggregate(T, (Measure("count"), Measure("sum", "amount"), Measure("avg", "amount", "mean"),
                                      Measure("count distinct", "note"), Measure("max", "code")), ("customer",),
                                  order=(Order("mean", True),)))
    assert [one.name for one in found.columns] == ["customer", "count", "sum_amount", "mean", "count_distinct_note",
                                                   "max_code"]
    assert found.rows() == orders.query(
        "SELECT customer, count(*), sum(amount), avg(amount), count(DISTINCT note), max(code) FROM orders "
        "GROUP BY 1 ORDER BY 4 DESC").rows()
    with pytest.raises(UsageError):
        orders.rows(Aggregate(T, (Measure("sum", "note"),)))


def test_rows_are_found_by_their_keys_in_one_statement(orders: Session) -> None:
    found = orders.by_key(T, [["3"], ["99"], ["x"], ["007"], ["3"], ["1", "2"]], ("code", "id"))
    rows = found.result.rows()
    assert [None if i is None else rows[i] for i in found.at] == [("c3", 3), None, None, ("c7", 7), ("c3", 3), None]
    assert sorted(found.errors) == [2, 5]
    orders.query("CREATE TABLE two (a VARCHAR, b DATE, v INTEGER, PRIMARY KEY (a, b)); "
                 "INSERT INTO two VALUES ('x', '2024-01-01', 1), ('x', '2024-01-02', 2)")
    found = orders.by_key(TableRef("two"), [["x", "2024-01-02"], ["x", "2024-01-03"]])
    assert (found.at, found.key, found.result.rows()[0][2]) == ((0, None), ("a", "b"), 2)
    orders.query("CREATE TABLE bare AS SELECT 1 AS a")
    with pytest.raises(UsageError, match="no primary key"):
        orders.by_key(TableRef("bare"), [["1"]])


def test_writes_give_back_what_they_wrote(orders: Session) -> None:
    before = orders.versions()["main.orders"]
    done, = orders.change([Insert(T, ({"id": 100, "amount": "7.25", "customer": 1}, {"id": 101, "note": None}))])
    assert done.affected == 2
    assert done.rows is not None
    assert [row[0] for row in done.rows.rows()] == [100, 101]
    assert [row[3] for row in done.rows.rows()] == ["none", None], "a column that is not named gets its default"
    assert done.version > before
    assert orders.versions()["main.orders"] == done.version
    changed, = orders.change([Update(T, Compare("id", "in", [100, 101]), {"note": "it's"}, reset=("customer",))])
    assert changed.affected == 2
    deleted, = orders.change([Delete(T, Compare("id", ">=", 100))])
    assert deleted.rows is not None
    assert [row[3] for row in deleted.rows.rows()] == ["it's", "it's"]
    assert ids(orders, Compare("id", ">", 50)) == []


def test_changes_are_all_or_nothing(orders: Session) -> None:
    with pytest.raises(Conflict):
        orders.change([Insert(T, ({"id": 100},)), Insert(T, ({"id": 100},))])
    assert ids(orders, Compare("id", "=", 100)) == []
    orders.query("BEGIN")
    orders.change([Insert(T, ({"id": 100},))])
    orders.query("ROLLBACK")
    assert ids(orders, Compare("id", "=", 100)) == []


@pytest.mark.parametrize(("change", "constraint", "columns"), [
    (Insert(T, ({"id": 1},)), "unique", ["id"]), (Insert(T, ({"id": 50, "code": "c3"},)), "unique", ["code"]),
    (Insert(T, ({"id": 50, "amount": -1},)), "check", []), (Insert(T, ({"id": 50, "customer": 9},)), "foreign_key", []),
    (Insert(TableRef("customers"), ({"id": 3},)), "not_null", ["name"]),
    (Delete(TableRef("customers"), Compare("id", "=", 1)), "foreign_key", [])])
def test_a_violation_tells_its_columns_and_no_value(orders: Session, change: Any, constraint: str,
                                                    columns: list[str]) -> None:
    with pytest.raises(Conflict) as error:
        orders.change([change])
    assert (error.value.facts["constraint"], error.value.facts["columns"]) == (constraint, columns)
    assert "c3" not in error.value.message


def test_what_waits_together_is_written_together_and_judged_alone(orders: Session) -> None:
    groups = [[Insert(T, ({"id": 200 + i, "amount": i},))] for i in range(5)]
    groups[2] = [Insert(T, ({"id": 1},))]
    outcomes = orders.change_each(groups)
    assert [isinstance(one, Conflict) for one in outcomes] == [False, False, True, False, False]
    assert ids(orders, Compare("id", ">=", 200)) == [200, 201, 203, 204]
    seq = orders.query("SELECT max(seq) FROM _pluto.commits").scalar()
    outcomes = orders.change_each([[Insert(T, ({"id": 300 + i},))] for i in range(5)], tokens=list("abcde"))
    assert [one[0].rows.rows()[0][0] for one in outcomes if isinstance(one, list) and one[0].rows] == list(range(300, 305))
    assert orders.query("SELECT max(seq) FROM _pluto.commits").scalar() == seq + 1, "one commit"


def test_a_token_runs_once(orders: Session) -> None:
    change = [Insert(TableRef("customers"), ({"id": 7, "name": "Eve"},))]
    assert orders.change(change, token="t1")[0].affected == 1
    again, = orders.change(change, token="t1")
    assert (again.affected, again.rows) == (1, None)
    with pytest.raises(Conflict):
        orders.change(change, token="t2")


def test_a_row_that_is_not_as_expected_is_not_written(orders: Session) -> None:
    from pluto_duck.session.rows.tags import tags

    where = Compare("id", "=", 3)
    seen = orders.rows(Select(T, where=where))
    tag = tags(seen.arrow(), seen.columns)[0]
    assert orders.change([Update(T, where, {"note": "a"}, expect=(tag,))])[0].affected == 1
    for change in (Update(T, where, {"note": "b"}, expect=(tag,)), Delete(T, where, expect=(tag, "x")),
                   Delete(T, Compare("id", "=", 99), expect=("*",))):
        with pytest.raises(PreconditionFailed):
            orders.change([change])
    assert orders.rows(Select(T, ("note",), where)).scalar() == "a"
    assert orders.change([Delete(T, where, expect=("*",))])[0].affected == 1


def test_views_and_computed_columns_are_not_written(orders: Session) -> None:
    orders.query("CREATE VIEW v AS SELECT id, amount FROM orders")
    assert orders.rows(Select(TableRef("v"), where=Compare("id", "=", 2))).rows()[0][0] == 2
    with pytest.raises(Refused, match="view"):
        orders.change([Insert(TableRef("v"), ({"id": 1},))])
    with pytest.raises(UsageError, match="computed"):
        orders.change([Insert(T, ({"id": 90, "twice": 1},))])


def test_upserts_update_the_columns_they_name(orders: Session) -> None:
    orders.change([Insert(T, ({"id": 3, "note": "new"}, {"id": 60, "note": "new"}), "update")])
    assert orders.query("SELECT id, note, code FROM orders WHERE note = 'new' ORDER BY id").rows() == [
        (3, "new", "c3"), (60, "new", None)]
    assert orders.change([Insert(T, ({"id": 3, "note": "x"},), "ignore")])[0].affected == 0


def test_users_macros_change_nothing(orders: Session) -> None:
    for name in ("count", "sum", "min", "avg", "contains", "row_number", "coalesce"):
        try:
            orders.query(f"CREATE MACRO {name}(x) AS 42")
        except UsageError:
            continue
    found = orders.rows(Aggregate(T, (Measure("count"), Measure("sum", "amount"), Measure("count distinct", "id"))))
    assert [int(one) for one in found.rows()[0]] == [20, 315, 20]
    assert ids(orders, Compare("note", "contains", "n1")) == [1, 10, 11, 13, 14, 16, 17, 19]


def test_the_log_is_written_when_it_is_long_and_not_with_every_row(orders: Session) -> None:
    wal = orders.workspace.database.with_name(orders.workspace.database.name + ".wal")
    sizes = []
    for i in range(8):
        orders.change([Insert(T, ({"id": 1000 + i, "note": "x" * 60_000},))])
        sizes.append(wal.stat().st_size if wal.exists() else 0)
    assert sizes[0] > 60_000, "a row of a keyed table does not write the table"
    assert max(sizes) < 400_000
    assert min(sizes[3:]) < sizes[2], "and yet the log ends"


def test_what_fails_within_a_moment_takes_nothing_else_along(session: Session) -> None:
    session.query("CREATE TABLE good AS SELECT 1 AS i")
    session.query("CREATE VIEW bad AS SELECT error('no') AS i FROM good")
    with session.moment():
        for wanted, error in (("bad", StatementError), ("nothere", UnknownName)):
            with pytest.raises(error):
                session.rows(Select(TableRef(wanted)))
            assert session.rows(Select(TableRef("good"))).rows() == [(1,)]
        with Session.open(session.workspace.root) as writer:
            writer.query("UPDATE good SET i = 2")
        assert session.rows(Select(TableRef("good"))).rows() == [(1,)]
    assert session.rows(Select(TableRef("good"))).rows() == [(2,)]


def test_a_moment_that_its_host_knows_nothing_of_is_over(session: Session) -> None:
    session.query("CREATE TABLE good AS SELECT 1 AS i")
    with session.moment():
        session._link._channel._served.session.leave_moment()  # type: ignore[union-attr]
        with pytest.raises(SessionReset):
            session.rows(Select(TableRef("good")))
    assert session.rows(Select(TableRef("good"))).rows() == [(1,)]


@pytest.mark.parametrize("kind", ["by_key", "texts_by_key"])
def test_a_guest_asks_for_many_rows_by_key_in_one_round_trip(orders: Session, workspace: Workspace, kind: str,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    orders.close()
    with Worker(workspace.root, role="kernel"), Session.open(workspace.root) as guest:
        assert guest.query("SELECT count(*) FROM orders").scalar() == 20
        assert guest.hosting == "guest"
        asked, call = list[str](), GuestChannel.call

        def counted(self: GuestChannel, request: Request) -> Any:
            asked.append(request.op)
            return call(self, request)

        monkeypatch.setattr(GuestChannel, "call", counted)
        found = getattr(guest, kind)(T, [[str(i)] for i in range(64)], ["id", "note"])
        assert asked == ["by_key"]
        there = found.rows if isinstance(found, TextsFound) else found.at
        assert sum(one is not None for one in there) == 20
