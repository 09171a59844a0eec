"""Changes as the owner reads them: in their order, in lots of any size, from the host and from a guest."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from pluto_duck.errors import Cancelled, HistoryGone, UnknownName, UsageError
from pluto_duck.events.decode import insert_sql
from pluto_duck.events.journal import Journal
from pluto_duck.events.model import ChangeReader, Position
from pluto_duck.session import Session, TableRef
from pluto_duck.workspace import Workspace
from pluto_duck.workspace.tableref import quote

START = Position()
ORDERS, ITEMS = TableRef("orders"), TableRef("Items", "shop")


@pytest.fixture
def shop(session: Session) -> Session:
    session.query("CREATE TABLE orders (id INTEGER PRIMARY KEY, name VARCHAR, price DECIMAL(12,2));"
                  "CREATE SCHEMA shop; CREATE TABLE shop.\"Items\" (a BIGINT, b VARCHAR)")
    session.track(ORDERS, before=True)
    session.track(ITEMS, full_row=True)
    return session


def every(reader: ChangeReader, after: Position = START, *, limit: int = 1000,
          tables: tuple[TableRef, ...] = ()) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        batch = reader.changes(after, limit=limit, tables=tables)
        found += batch.table.to_pylist()
        assert all(after < Position(one["seq"], one["n"]) <= batch.position for one in batch.table.to_pylist())
        after = batch.position
        if after.seq >= batch.head and not batch.table.num_rows:
            return found


def data(one: dict[str, Any]) -> dict[str, Any]:
    return json.loads(one["event"])["data"]  # type: ignore[no-any-return]


def test_a_transaction_over_two_tables_is_told_in_its_order(shop: Session) -> None:
    with shop.transaction():
        shop.query("INSERT INTO orders VALUES (1, 'a', 1.5)")
        shop.query("INSERT INTO shop.\"Items\" VALUES (9007199254740993, NULL)")
        shop.query("UPDATE orders SET name = 'b'")
        shop.query("DELETE FROM shop.\"Items\"")
        shop.query("TRUNCATE orders")
    found = every(shop)
    assert [(one["n"], one["op"], one["schema"], one["name"], one["key"], one["last"]) for one in found] == [
        (1, "c", "main", "orders", '{"id":1}', False), (2, "c", "shop", "Items", None, False),
        (3, "u", "main", "orders", '{"id":1}', False), (4, "d", "shop", "Items", None, False),
        (5, "t", "main", "orders", None, True)]
    assert data(found[2])["before"] == {"id": 1, "name": "a", "price": "1.50"}
    assert data(found[2])["after"] == {"id": 1, "name": "b", "price": "1.50"}
    assert data(found[3])["before"] == {"a": "9007199254740993", "b": None}
    assert {data(one)["transaction"]["id"] for one in found} == {data(found[0])["transaction"]["id"]}


def test_every_change_is_a_cloud_event_and_has_what_debezium_readers_look_for(shop: Session) -> None:
    shop.query("INSERT INTO orders VALUES (1, 'a \"quote\"', 1.5)")
    shop.query("ALTER TABLE orders ADD COLUMN more VARCHAR")
    shop.query("DROP TABLE shop.\"Items\"")
    ids = set()
    for one in every(shop):
        event = JSONFormat().read(CloudEvent, one["event"])  # raises for what is no CloudEvent 1.0
        assert event.get_type().startswith("io.plutoduck.")
        assert event.get_source().endswith(f"/tables/{one['schema']}.{one['name']}")
        assert event.get_extension("sequence") == f"{one['seq']:016}.{one['n']:012}"
        ids.add(event.get_id())
        body: dict[str, Any] = event.get_data()  # type: ignore[assignment]
        assert {"before", "after", "op", "ts_ms", "source", "transaction"} <= set(body)
        assert body["op"] == one["op"]
        assert (body["source"]["seq"], body["source"]["n"], body["source"]["table"]) == (one["seq"], one["n"], one["name"])
        assert body["ts_ms"] == int(event.get_time().timestamp() * 1000)  # type: ignore[union-attr]
    assert len(ids) == len(every(shop)) == 3
    created, altered, dropped = (json.loads(one["event"]) for one in every(shop))
    assert created["subject"] == '{"id":1}'
    assert altered["type"] == "io.plutoduck.table.altered"
    assert altered["data"]["columns"][-1] == {"name": "more", "type": "VARCHAR"}
    assert created["dataschema"].endswith(":main.orders:1")
    assert altered["dataschema"].endswith(":main.orders:2")
    assert dropped["type"] == "io.plutoduck.table.dropped"


def test_a_large_transaction_is_cut_and_goes_on_where_it_was_cut(shop: Session) -> None:
    shop.query("INSERT INTO orders SELECT i, 'n', i FROM range(1, 2501) t(i)")
    shop.query("INSERT INTO orders VALUES (0, 'last', 0)")
    first = shop.changes(Position(), limit=1000)
    assert (first.table.num_rows, first.position.n) == (1000, 1000)
    assert not any(first.table.column("last").to_pylist())
    found = every(shop, limit=999)
    assert [data(one)["after"]["id"] for one in found] == [*range(1, 2501), 0]
    assert [i for i, one in enumerate(found) if one["last"]] == [2499, 2500]
    # Of a table that has few of many changes, too.
    shop.query("INSERT INTO shop.\"Items\" VALUES (1, 'x')")
    assert len(every(shop, limit=10, tables=(ITEMS,))) == 1
    assert len(every(shop, limit=97, tables=(ITEMS, ORDERS))) == 2502


def test_a_guest_reads_what_the_host_reads_and_any_position_can_be_gone_on_from(shop: Session) -> None:
    for i in range(5):
        shop.query(f"INSERT INTO orders VALUES ({i}, 'n', 1), ({i + 100}, 'm', 2)")
    found = every(shop)
    for i, one in enumerate(found):
        assert every(shop, Position(one["seq"], one["n"])) == found[i + 1:]
    assert [one["seq"] for one in every(shop, Position(found[0]["seq"], Position.LAST))] == [
        one["seq"] for one in found[2:]]


def test_who_waits_is_told_of_the_next_commit_and_may_use_the_session_meanwhile(shop: Session) -> None:
    start = shop.changes(Position()).position
    told: list[Any] = []
    waiter = threading.Thread(target=lambda: told.append(shop.changes(start, tables=(ORDERS,), wait_s=60)))
    waiter.start()
    shop.query("INSERT INTO shop.\"Items\" VALUES (1, 'not asked for')")
    shop.query("INSERT INTO orders VALUES (1, 'a', 1)")
    waiter.join(60)
    assert [one["op"] for one in told[0].table.to_pylist()] == ["c"]
    none = shop.changes(told[0].position, wait_s=0.05)
    assert (none.table.num_rows, none.position) == (0, told[0].position)


def test_a_commit_that_the_reading_does_not_see_yet_is_not_passed_over(shop: Session) -> None:
    shop.query("INSERT INTO orders VALUES (1, 'a', 1)")
    batch = shop.changes(Position())
    journal = shop._link.node._host._handler.ledger.journal  # type: ignore[union-attr]
    journal.head += 5  # as it is for a moment, where the reading began before a COMMIT and looks after it
    assert shop.changes(batch.position).position == batch.position


def test_waiting_ends_when_it_is_cancelled(shop: Session) -> None:
    start = shop.changes(Position()).position
    caught: list[BaseException] = []

    def wait() -> None:
        try:
            shop.changes(start, wait_s=600)
        except Cancelled as error:
            caught.append(error)

    waiter = threading.Thread(target=wait)
    waiter.start()
    while waiter.is_alive():
        shop.interrupt()
        waiter.join(0.05)
    assert len(caught) == 1


def test_a_snapshot_and_the_changes_after_it_make_the_table(shop: Session) -> None:
    shop.query("INSERT INTO orders SELECT i, 'n' || i, i / 7 FROM range(3000) t(i)")
    at, rows = shop.snapshot_changes(ORDERS)
    first = rows.read_next_batch()
    shop.query("UPDATE orders SET name = 'changed' WHERE id = 7")
    shop.query("DELETE FROM orders WHERE id = 8")
    table = {row["key"]: data(row)["after"] for row in first.to_pylist()}
    for batch in rows:
        table |= {row["key"]: data(row)["after"] for row in batch.to_pylist()}
    assert len(table) == 3000
    assert {row["op"] for row in first.to_pylist()} == {"r"}
    assert first.schema.names == shop.changes(at).table.schema.names
    for one in every(shop, at):
        table[one["key"]] = data(one)["after"]
        if one["op"] == "d":
            del table[one["key"]]
    columns = [("id", "INTEGER"), ("name", "VARCHAR"), ("price", "DECIMAL(12,2)")]
    shop.query("CREATE TABLE copy AS FROM orders LIMIT 0")
    shop.query(f"BEGIN; {'; '.join(insert_sql('copy', columns, row) for row in table.values())}; COMMIT")
    assert shop.query("(FROM orders EXCEPT FROM copy) UNION ALL (FROM copy EXCEPT FROM orders)").rows() == []


def test_rows_that_are_gone_show_their_key_alone_where_nothing_else_is_kept(session: Session) -> None:
    session.query("CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR)")
    session.track(TableRef("t"))
    session.query("INSERT INTO t VALUES (1, 'a'); UPDATE t SET v = 'b'; DELETE FROM t")
    session.track(TableRef("t"), before=True)
    session.query("INSERT INTO t VALUES (2, 'a'); DELETE FROM t")
    assert [(one["op"], data(one)["before"]) for one in every(session) if one["op"] in "ud"] == [
        ("u", None), ("d", {"id": 1}), ("d", {"id": 2, "v": "a"})]


def test_what_is_not_kept_is_said(shop: Session) -> None:
    shop.query("CREATE TABLE other (a INTEGER)")
    with pytest.raises(UsageError, match="not kept") as told:
        shop.changes(Position(), tables=(TableRef("other"),))
    assert "changes track other" in told.value.hint
    shop.query("CREATE TABLE \"my other.one\" (i INTEGER)")
    with pytest.raises(UsageError) as odd:
        shop.changes(Position(), tables=[TableRef("my other.one")])
    assert "changes track '\"my other.one\"'" in odd.value.hint
    with pytest.raises(UnknownName):
        shop.changes(Position(), tables=(TableRef("ordres"),))
    shop.query("DROP TABLE orders")
    assert [one["op"] for one in every(shop, tables=(ORDERS,))] == ["drop"]
    with pytest.raises(UnknownName):
        shop.snapshot_changes(ORDERS)


def test_history_that_is_gone_is_an_error_with_the_position_of_now(shop: Session, workspace: Workspace) -> None:
    shop.query("INSERT INTO orders VALUES (1, 'a', 1)")
    seq = shop.changes(Position()).head
    shop.query("INSERT INTO orders VALUES (2, 'b', 1)")
    with shop.transaction():
        shop.internal([f"INSERT INTO _pluto.change_trim VALUES ({seq})"], writes=["_pluto.change_trim"])
    with pytest.raises(HistoryGone) as told:
        shop.changes(Position(seq, 0))
    assert told.value.facts["head"] == seq + 1
    assert len(every(shop, Position(seq, Position.LAST))) == 1


def test_a_position_that_no_commit_has_had_is_refused_instead_of_waited_for(shop: Session) -> None:
    shop.query("INSERT INTO orders VALUES (1, 'a', 1)")
    head = shop.changes(Position()).head
    assert shop.changes(Position(head, Position.LAST)).table.num_rows == 0
    with pytest.raises(HistoryGone) as told:
        shop.changes(Position(head + 1, 1))
    assert (told.value.facts["oldest"], told.value.facts["head"]) == (head, head)


def test_a_commit_while_changes_are_read_is_told_next(shop: Session, workspace: Workspace,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    shop.query("INSERT INTO orders SELECT 0, 'z', 1")  # which is in the tables alone
    plain = Journal.oldest
    once: list[bool] = []

    def oldest(journal: Journal, cursor: Any) -> int:
        found = plain(journal, cursor)
        if not once:
            once.append(True)
            with Session.open(workspace.root) as other:
                other.query("INSERT INTO orders VALUES (1, 'a', 1)")
        return found

    monkeypatch.setattr(Journal, "oldest", oldest)
    now = shop.changes(Position()).position
    assert once
    assert [data(one)["after"]["id"] for one in every(shop, now)] == [1]


def test_after_everything_was_dropped_by_age_a_snapshot_can_be_gone_on_from(shop: Session) -> None:
    shop.query("INSERT INTO orders VALUES (1, 'a', 1)")
    seq = shop.changes(Position()).head
    with shop.transaction():
        shop.internal([f"INSERT INTO _pluto.change_trim VALUES ({seq})", "DELETE FROM _pluto.change_log"],
                      writes=["_pluto.change_trim", "_pluto.change_log"])
    position, reader = shop.snapshot_changes(ORDERS)
    assert (reader.read_all().num_rows, shop.changes(position).table.num_rows) == (1, 0)


@pytest.mark.parametrize("name", ['"', 'a"b', 'a"."b', "x.y", "..", " ", "line\nbreak", "it's"])
def test_names_that_no_parser_would_take_are_told_as_long_as_their_changes_are_kept(session: Session, name: str) -> None:
    ref = TableRef(name)
    session.query(f"CREATE TABLE {quote(name)} ({quote(name)} INTEGER PRIMARY KEY)")
    session.track(ref)
    session.query(f"INSERT INTO {quote(name)} VALUES (1)")
    assert [one["name"] for one in every(session, tables=(ref,))] == [name]
    session.untrack(ref)
    assert [one["name"] for one in every(session)] == [name]
