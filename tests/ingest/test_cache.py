"""Copies of live tables: exact, as old as they may be, and served when the source is not there."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from pluto_duck.errors import PlutoError, Refused, UnknownName, Untrusted, UsageError
from pluto_duck.ingest import cache, live
from pluto_duck.ingest.spans import seconds, span_text
from pluto_duck.session import Session
from pluto_duck.workspace import Workspace, create
from tests.ingest import tiny
from tests.workspace.worker import Worker

ORDERS = "CREATE TABLE orders AS SELECT range::INTEGER AS id, 'n' || range AS name FROM range(1, 4)"


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(cache, "now", made)
    return made


@pytest.fixture
def shop(session: Session, tmp_path: Path) -> Path:
    """A live source `shop` with a table `orders`; where it lies."""
    tiny.install()
    live.attach(session, tiny.make(tmp_path / "shop.tiny", ORDERS, "CREATE SCHEMA s; CREATE TABLE s.items AS SELECT 7 AS item"))
    return tmp_path / "shop.tiny"


def add_row(shop: Path) -> None:
    with duckdb.connect(str(shop)) as other:
        other.execute("INSERT INTO orders SELECT max(id) + 1, 'new' FROM orders")


def cached(session: Session, table: str = "shop.main.orders", **wanted: object) -> cache.Cache:
    return cache.create(session, cache.estimate(session, table, **wanted))  # type: ignore[arg-type]


def count(session: Session, **options: object) -> int:
    return int(session.query("SELECT count(*) FROM orders", **options).scalar())  # type: ignore[arg-type]


def notices(session: Session, sql: str = "SELECT count(*) FROM orders", **options: object) -> str:
    return " ".join(session.query(sql, **options).notices)  # type: ignore[arg-type]


def test_a_copy_is_an_ordinary_table_that_agents_see(session: Session, shop: Path) -> None:
    made = cached(session)
    assert (str(made.ref), made.rows, made.origin) == ("orders", 3, "shop.main.orders")
    assert count(session, read_only=True) == 3
    assert [str(one.ref) for one in session.tables()] == ["orders"]
    assert session.query("SELECT table_key, rows FROM _pluto.loads").rows() == [("main.orders", 3)]


def test_it_may_be_filtered_and_named(session: Session, shop: Path) -> None:
    assert cached(session, "shop.orders", where="id > 2", name="raw.late").rows == 1
    assert session.query("SELECT id FROM raw.late").rows() == [(3,)]
    assert cached(session, "SHOP.s.items").rows == 1


def test_it_is_refreshed_at_the_next_use_when_older_than_its_ttl(session: Session, shop: Path, clock: Clock) -> None:
    cached(session, ttl_s=3600)
    add_row(shop)
    clock.now += 3600
    assert count(session) == 3
    clock.now += 1
    assert count(session) == 4
    assert cache.get(session.control, "orders").age_s == 0


def test_one_without_a_ttl_is_refreshed_by_hand_alone(session: Session, shop: Path, clock: Clock) -> None:
    made = cached(session)
    add_row(shop)
    clock.now += 1e9
    assert count(session) == 3
    assert cache.refresh(session, made).rows == 4


def test_an_agents_statement_refreshes_it_too(session: Session, shop: Path, clock: Clock) -> None:
    cached(session, ttl_s=60)
    add_row(shop)
    clock.now += 61
    assert count(session, read_only=True) == 4


def test_other_statements_leave_it_alone(session: Session, shop: Path, clock: Clock) -> None:
    cached(session, ttl_s=60)
    add_row(shop)
    clock.now += 61
    session.query("SELECT 1 AS reorders")
    session.query("DROP TABLE IF EXISTS no_orders")
    assert cache.get(session.control, "orders").rows == 3


def test_when_the_source_is_down_the_old_rows_come_with_their_age(session: Session, shop: Path, clock: Clock) -> None:
    cached(session, ttl_s=60)
    shop.rename(shop.with_suffix(".away"))
    clock.now += 7200
    assert count(session) == 3
    told = notices(session)
    assert "orders is a copy from 2 h ago" in told
    assert "is gone" in told
    shop.with_suffix(".away").rename(shop)
    add_row(shop)
    assert count(session) == 3  # it is left in peace for a while
    clock.now += 61
    assert count(session) == 4


def test_one_that_takes_long_is_served_with_its_age(session: Session, shop: Path, clock: Clock) -> None:
    made = cached(session, ttl_s=60)
    add_row(shop)
    with session.control.connection("caches", cache.MIGRATIONS) as db:
        db.execute("UPDATE caches SET elapsed_s = 40")
    clock.now += 120
    assert "takes about 40 s: pluto-duck cache --refresh orders" in notices(session)
    assert count(session) == 3
    assert cache.refresh(session, made).rows == 4


def test_waiting_may_be_forbidden(workspace: Workspace, session: Session, shop: Path, clock: Clock) -> None:
    cached(session, ttl_s=60)
    clock.now += 61
    with Session.open(workspace.root, cache__wait_s=0) as hasty:
        assert "pluto-duck cache --refresh orders" in notices(hasty)


def test_in_a_transaction_it_stays_as_it_is(session: Session, shop: Path, clock: Clock) -> None:
    cached(session, ttl_s=60)
    add_row(shop)
    clock.now += 61
    with session.transaction():
        assert "while a transaction is open" in notices(session)
    assert count(session) == 4


def test_rows_of_ones_own_are_not_lost(session: Session, shop: Path, clock: Clock) -> None:
    made = cached(session, ttl_s=60)
    session.query("INSERT INTO orders VALUES (100, 'mine')")
    clock.now += 61
    assert "was written to since it was copied" in notices(session)
    assert count(session) == 4
    with pytest.raises(Refused, match="would be lost"):
        cache.refresh(session, made)
    assert cache.refresh(session, cache.get(session.control, "orders"), overwrite=True).rows == 3


def test_a_copy_that_was_dropped_comes_back(session: Session, shop: Path) -> None:
    made = cached(session)
    session.query("DROP TABLE orders")
    assert cache.refresh(session, made).rows == 3
    assert count(session) == 3


def test_a_refresh_that_fails_leaves_the_rows(session: Session, shop: Path) -> None:
    made = cached(session)
    shop.unlink()
    with pytest.raises(PlutoError, match="is gone"):
        cache.refresh(session, made)
    assert count(session) == 3
    assert "is gone" in cache.get(session.control, "orders").failure


def test_two_do_not_refresh_it_at_once(session: Session, shop: Path, clock: Clock) -> None:
    made = cached(session, ttl_s=60)
    add_row(shop)
    assert cache._claim(session.control, made)
    clock.now += 61
    assert "being refreshed at this moment" in notices(session)
    with pytest.raises(Refused, match="at this moment"):
        cache.refresh(session, made)


def test_another_process_refreshes_it_as_well(session: Session, workspace: Workspace, shop: Path) -> None:
    cached(session, ttl_s=0.001)
    add_row(shop)
    with Worker(workspace.root) as guest:
        guest.do("python", code="from tests.ingest import tiny; tiny.install()")
        assert guest.query("SELECT count(*) FROM orders")["rows"] == [[4]]


def test_a_large_table_asks_first_and_a_filter_answers(workspace: Workspace, session: Session, shop: Path) -> None:
    with Session.open(workspace.root, ingest__ask_above_mb=0.0001) as careful:
        wanted = cache.estimate(careful, "shop.orders")
        assert (wanted.rows, wanted.size_bytes, wanted.asks) == (3, 300, True)
        assert not cache.estimate(careful, "shop.orders", where="id > 2").asks
    assert not cache.estimate(session, "shop.orders").asks


def test_a_name_in_the_way_is_refused(session: Session, shop: Path) -> None:
    session.query("CREATE TABLE orders AS SELECT 1 AS mine")
    with pytest.raises(UsageError, match="which is no copy"):
        cache.estimate(session, "shop.orders")
    cached(session, "shop.orders", name="copied")
    with pytest.raises(UsageError, match=r"is a copy of shop.main.orders already"):
        cache.estimate(session, "shop.s.items", name="copied")
    assert session.query("SELECT mine FROM orders").rows() == [(1,)]


def test_a_slip_in_a_name_is_told_with_the_nearest(session: Session, shop: Path) -> None:
    with pytest.raises(UnknownName, match="live source"):
        cache.estimate(session, "shopp.orders")
    with pytest.raises(UsageError, match="is a live source, not a table"):
        cache.estimate(session, "shop")


def test_what_is_forgotten_stays_a_table(session: Session, shop: Path, clock: Clock) -> None:
    cached(session, ttl_s=60)
    add_row(shop)
    assert str(cache.remove(session, "shop.main.orders").ref) == "orders"
    clock.now += 1e6
    assert count(session) == 3
    assert notices(session) == ""
    with pytest.raises(UnknownName):
        cache.remove(session, "orders")


def test_a_copy_outlives_its_source(session: Session, shop: Path, clock: Clock) -> None:
    made = cached(session, ttl_s=60)
    live.detach(session, "shop")
    clock.now += 61
    assert "no live source" in notices(session)
    assert count(session) == 3
    with pytest.raises(UnknownName):
        cache.refresh(session, made)


def test_a_cloned_folder_refreshes_nothing(session: Session, workspace: Workspace, shop: Path, tmp_path: Path,
                                           clock: Clock) -> None:
    made = cached(session, ttl_s=60)
    add_row(shop)
    session.close()
    shutil.copytree(workspace.folder, tmp_path / "clone" / workspace.folder.name)
    clock.now += 61
    with Session.open(create(tmp_path / "clone").root) as other:
        assert "came with this folder" in notices(other)
        assert count(other) == 3
        with pytest.raises(Untrusted):
            cache.refresh(other, made)


def test_spans_are_read_and_written_as_people_do() -> None:
    assert [seconds(one) for one in ("90s", "30m", "1h", "1.5 hours", "7d", "2 weeks")] == [
        90, 1800, 3600, 5400, 604_800, 1_209_600]
    for wrong in ("", "1", "h", "1 fortnight", "-1h", "0s"):
        with pytest.raises(UsageError):
            seconds(wrong)
    assert [span_text(one) for one in (0.2, 40, 150, 7200, 600_000)] == ["0 s", "40 s", "2 min", "2 h", "7 days"]
