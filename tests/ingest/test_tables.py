"""Each table of a load: whole, with its keys and comments, or as it was."""

from __future__ import annotations

import hashlib
import threading
import time
from pathlib import Path

import pytest

from pluto_duck.errors import Cancelled, ColumnRefused, DatabaseBusy, PartlyLoaded, SourceError, UsageError
from pluto_duck.ingest import Progress, ingest
from pluto_duck.ingest.attempts import freshness, history
from pluto_duck.ingest.connectors import Checksums, SourceKey
from pluto_duck.session import ForeignKey, Session
from pluto_duck.workspace import TableRef
from tests.ingest.memory import Memory, Table


def shop() -> Memory:
    return Memory(
        customers=Table({"id": "BIGINT", "name": "VARCHAR"}, [(1, "Ann"), (2, "Bo")], key=("id",), not_null=("name",),
                        comment="who buys, it's they", comments={"name": "as they 'write' it"}, unique=(("name",),)),
        orders=Table({"id": "BIGINT", "customer": "BIGINT", "state": "VARCHAR"}, [(10, 1, "new"), (11, 2, "paid")],
                     key=("id",), defaults={"state": "'new'"},
                     foreign_keys=(SourceKey(("customer",), "shop", "customers", ("id",)),)))


def test_keys_not_null_defaults_and_comments_come_along(session: Session) -> None:
    ingest(session, shop().open())
    customers, orders = session.tables()
    assert (customers.primary_key, orders.primary_key) == (("id",), ("id",))
    assert [column.nullable for column in customers.columns] == [False, False]
    assert (customers.comment, customers.columns[1].comment) == ("who buys, it's they", "as they 'write' it")
    session.query("INSERT INTO orders (id) VALUES (12)")
    assert session.query("SELECT state FROM orders WHERE id = 12").rows() == [("new",)]


def test_foreign_keys_are_known_without_keeping_a_table_from_being_replaced(session: Session) -> None:
    ingest(session, shop().open(), into="raw.*")
    key = ForeignKey(("customer",), TableRef("customers", "raw"), ("id",))
    assert session.tables()[1].foreign_keys == (key,)
    ingest(session, shop().open(), into="raw.*")
    assert session.tables()[1].foreign_keys == (key,)
    session.query("DROP TABLE raw.customers")
    assert session.tables()[0].foreign_keys == ()
    ingest(session, shop().open(), tables=["customers"], into="raw.*")
    assert session.tables()[1].foreign_keys == (key,)
    session.query("DROP TABLE raw.orders")
    session.query("CREATE TABLE raw.orders (customer BIGINT)")
    assert session.tables()[1].foreign_keys == ()


def test_one_of_ten_fails_and_the_nine_others_arrive(session: Session) -> None:
    source = Memory(**{f"t{i}": Table({"id": "BIGINT"}, [(i,)], key=("id",)) for i in range(10)})

    def refuse(table: str, batch: int) -> None:
        if table == "t4":
            raise SourceError("permission denied for table t4", hint="Ask for SELECT on it.")

    source.on_batch = refuse
    with pytest.raises(PartlyLoaded) as caught:
        ingest(session, source.open())
    assert caught.value.message == "9 of 10 tables were loaded. Failed: t4: permission denied for table t4."
    assert caught.value.hint == "t4: Ask for SELECT on it."
    assert [one.source_name for one in caught.value.report.failed] == ["t4"]
    assert len(caught.value.report.tables) == 9
    assert caught.value.exit_code != 0
    assert [one.ref.name for one in session.tables()] == [f"t{i}" for i in range(10) if i != 4]
    with pytest.raises(SourceError, match="permission denied") as single:
        ingest(session, source.open(), tables=["t4"])
    assert type(single.value) is SourceError


def test_a_column_that_can_not_be_carried_keeps_only_its_table_out(session: Session) -> None:
    source = shop()
    source.tables["orders"].refused = ("state",)
    with pytest.raises(PartlyLoaded, match=r"1 of 2 tables was loaded. Failed: orders: .*orders.state is odd") as caught:
        ingest(session, source.open())
    assert "--skip orders.state" in caught.value.hint
    with pytest.raises(ColumnRefused, match="state is odd"):
        ingest(session, source.open(), tables=["orders"])
    assert ingest(session, source.open(), skip="orders.state").rows == 4


def test_a_key_that_does_not_hold_leaves_the_old_table(session: Session) -> None:
    source = shop()
    ingest(session, source.open())
    source.tables["customers"].rows.append((1, "twice"))
    with pytest.raises(SourceError, match="the key id does not tell rows apart: 1 comes twice"):
        ingest(session, source.open(), tables=["customers"])
    assert session.query("SELECT count(*) FROM customers").rows() == [(2,)]


def test_the_host_reads_by_itself_where_it_can(session: Session, tmp_path: Path) -> None:
    source = shop()
    source.native_folder = tmp_path
    report = ingest(session, source.open())
    assert [table.native for table in report.tables] == [True, True]
    assert not source.reads
    assert session.query("SELECT * FROM orders ORDER BY id").rows() == source.tables["orders"].rows


def test_several_tables_come_at_once(session: Session) -> None:
    source = shop()
    both = threading.Barrier(2)
    source.on_batch = lambda table, batch: (both.wait(20), None)[1]  # type: ignore[func-returns-value]
    assert ingest(session, source.open(), parallel=2).rows == 4


def test_one_stream_at_a_time_where_the_source_has_but_one(session: Session) -> None:
    source = shop()
    source.twins = False
    reading = threading.Lock()

    def alone(table: str, batch: int) -> None:
        assert reading.acquire(blocking=False)
        time.sleep(0.01)
        reading.release()

    source.on_batch = alone
    assert ingest(session, source.open(), parallel=4).rows == 4


@pytest.mark.parametrize("native", [False, True])
def test_an_interrupt_of_the_session_ends_the_load_and_keeps_what_was_there(
        session: Session, tmp_path: Path, native: bool) -> None:
    source = shop()
    ingest(session, source.open())
    begun = threading.Event()
    source.tables["orders"].rows = [(i, 1, "x") for i in range(100)]
    source.batch_rows = 10

    def wait(table: str, batch: int) -> None:
        begun.set()
        source.interrupted.wait(20)

    source.on_batch = wait
    raised: list[BaseException] = []

    def work() -> None:
        try:
            ingest(session, source.open(), tables=["orders"])
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(20)
    session.interrupt()
    thread.join(20)
    assert [type(one) for one in raised] == [Cancelled]
    assert session.query("SELECT count(*) FROM orders").rows() == [(2,)]
    assert history(session)[0].state == "cancelled"


def test_two_loads_of_one_table_refuse_by_name_and_others_go_on(session: Session) -> None:
    source, other = shop(), shop()
    refused: list[DatabaseBusy] = []

    def meanwhile(table: str, batch: int) -> None:
        if refused or table != "orders":
            return
        with Session.open(session.workspace.root) as second:
            try:
                ingest(second, other.open(), tables=["orders"])
            except DatabaseBusy as error:
                refused.append(error)
            assert ingest(second, other.open(), tables=["customers"]).rows == 2

    source.on_batch = meanwhile
    report = ingest(session, source.open(), tables=["orders"])
    assert f"(load {report.load_id[:8]})" in refused[0].message
    assert refused[0].message.startswith("orders is being loaded since ")
    assert ingest(session, other.open(), tables=["orders"]).rows == 2


def test_every_attempt_is_remembered_with_what_became_of_it(session: Session) -> None:
    source = shop()
    ingest(session, source.open())

    def fail(table: str, batch: int) -> None:
        raise SourceError("the line went dead")

    source.on_batch = fail
    with pytest.raises(SourceError):
        ingest(session, source.open(), tables=["orders"])
    latest = history(session)
    assert [(one.table, one.state, one.rows, one.error) for one in latest] == [
        ("main.orders", "failed", None, "the line went dead"), ("main.orders", "succeeded", 2, ""),
        ("main.customers", "succeeded", 2, "")]
    assert len(history(session, limit=1)) == 1
    fresh = freshness(session)
    assert [(one.table, one.rows, one.mode, one.source) for one in fresh] == [
        ("main.customers", 2, "replace", "memory:test"), ("main.orders", 2, "replace", "memory:test")]
    assert 0 <= fresh[0].age_s < 60
    session.query("DROP TABLE orders")
    assert [one.table for one in freshness(session)] == ["main.customers"]


def test_verify_compares_with_what_the_source_counts(session: Session) -> None:
    source = shop()
    digest = sum(int(hashlib.md5(state).hexdigest()[:8], 16) for state in (b"new", b"paid"))
    source.sums = Checksums(2, {"id": "21", "customer": "3", "state": str(digest)})
    assert ingest(session, source.open(), tables=["orders"], verify=True).tables[0].verified
    source.sums = Checksums(2, {"id": "22"})
    with pytest.raises(SourceError, match="the values of id add up to 21 here and 22 at the source"):
        ingest(session, source.open(), tables=["orders"], verify=True)
    source.sums = Checksums(3, {})
    with pytest.raises(SourceError, match="2 rows were written, and the source has 3"):
        ingest(session, source.open(), tables=["orders"], verify=True, mode="append")
    assert session.query("SELECT count(*) FROM orders").rows() == [(2,)]


def test_verify_reads_again_where_the_source_does_not_count(session: Session) -> None:
    source = shop()
    assert ingest(session, source.open(), tables=["orders"], verify=True, mode="merge").tables[0].verified
    assert len(source.reads) == 2
    done = ingest(session, source.open(), tables=["orders"], verify=True, limit=1)
    assert not done.tables[0].verified
    assert "never the same rows twice" in done.tables[0].notices[0]
    readings: list[str] = []

    def change(table: str, batch: int) -> None:
        readings.append(table)
        if len(readings) == 1:
            source.tables["orders"].rows[0] = (10, 1, "old")

    source.on_batch = change
    with pytest.raises(SourceError, match="the values of state were others when they were read again"):
        ingest(session, source.open(), tables=["orders"], verify=True, mode="append")


def test_rows_that_could_not_be_read_are_kept_beside_the_table(session: Session) -> None:
    source = shop()
    source.tables["orders"].rejects = [("o.csv", 7, "id", "not a number", "x,1,new")]
    report = ingest(session, source.open(), tables=["orders"], rejects="keep")
    assert report.tables[0].rejected == 1
    assert session.query("SELECT * FROM orders_rejects").rows() == [
        ("o.csv", 7, "id", "not a number", "x,1,new", report.load_id)]
    ingest(session, source.open(), tables=["orders"], rejects="keep", mode="merge")
    assert session.query("SELECT count(*) FROM orders_rejects").rows() == [(2,)]
    source.tables["orders"].rejects = []
    ingest(session, source.open(), tables=["orders"], rejects="keep")
    assert [one.ref.name for one in session.tables()] == ["orders"]
    session.query("CREATE TABLE orders_rejects (mine INTEGER)")
    source.tables["orders"].rejects = [("o.csv", 7, "id", "not a number", "x,1,new")]
    with pytest.raises(UsageError, match="would go into orders_rejects, which is another table"):
        ingest(session, source.open(), tables=["orders"], rejects="keep")


def test_a_load_inside_a_transaction_is_refused(session: Session) -> None:
    session.query("BEGIN")
    with pytest.raises(UsageError, match="is in a transaction"):
        ingest(session, shop().open())


def test_tables_are_left_out_by_name_or_glob(session: Session) -> None:
    assert [one.source_name for one in ingest(session, shop().open(), exclude=["cust*"]).tables] == ["orders"]
    with pytest.raises(UsageError, match="Every table of the source is left out"):
        ingest(session, shop().open(), exclude=["*"])


def test_progress_begins_at_nothing_and_ends_with_all(session: Session, tmp_path: Path) -> None:
    for native in (None, tmp_path):
        source = shop()
        source.native_folder = native
        seen: list[Progress] = []
        ingest(session, source.open(), tables=["orders"], on_progress=seen.append)
        assert (seen[0].rows, seen[0].total_rows, seen[0].done) == (0, 2, False)
        assert (seen[-1].rows, seen[-1].done) == (2, True)


def test_an_error_of_whoever_watches_ends_the_load(session: Session) -> None:
    def strike(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(session, shop().open(), on_progress=strike)
    assert session.tables() == []
    assert {one.state for one in history(session)} == {"cancelled"}


def test_names_of_every_kind_arrive(session: Session) -> None:
    odd = 'sel"ect; -- ü'
    source = Memory(**{odd: Table({odd: "BIGINT", "group": "VARCHAR", "x" * 63: "VARCHAR"}, [(1, "a", "b")], key=(odd,),
                                  comments={odd: odd})})
    for mode in ("merge", "merge", "append", "replace"):
        skip = [odd] if mode == "append" else []
        ingest(session, source.open(), mode=mode, skip=skip, into=None if mode != "append" else "other")
    ingest(session, source.open(), mode="scd2", into="h")
    table = {one.ref.name: one for one in session.tables()}[odd]
    assert (table.primary_key, table.columns[0].comment) == ((odd,), odd)


def test_a_table_of_1600_columns_arrives(session: Session) -> None:
    source = Memory(wide=Table({f"c{i}": "BIGINT" for i in range(1600)}, [tuple(range(1600))], key=("c0",)))
    for mode in ("replace", "merge"):
        assert ingest(session, source.open(), mode=mode).tables[0].source_name == "wide"
    assert len(session.tables()[0].columns) == 1600


