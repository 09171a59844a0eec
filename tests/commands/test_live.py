"""`ingest --live`, `detach`, `cache` and `tables`, as a person at a door sees them."""

from __future__ import annotations

from pathlib import Path

import pytest

import pluto_duck
from pluto_duck.commands import Door, Rows, invoke
from pluto_duck.commands.render import to_text
from pluto_duck.commands.table import live
from pluto_duck.errors import Refused, UnknownName, UsageError
from pluto_duck.ingest import LoadOptions
from pluto_duck.ingest.live import Attached, LiveSource, LiveTable
from pluto_duck.ingest.live_risks import Risk
from pluto_duck.session import Session
from pluto_duck.workspace import Workspace
from tests.ingest import tiny


@pytest.fixture
def address(tmp_path: Path) -> str:
    tiny.install()
    return tiny.make(tmp_path / "shop.tiny", "CREATE TABLE orders AS SELECT range::INTEGER AS id FROM range(3)",
                     "CREATE TABLE items AS SELECT 7 AS item")


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def door(session: Session, said: list[str]) -> Door:
    return Door(open_session=lambda: session, say=said.append)


def test_a_live_source_is_attached_listed_and_detached(door: Door, address: str) -> None:
    text = live.attach(door, address, None, LoadOptions())
    assert text == (f"Attached {address} as shop, read-only: 2 tables.\n"
                    "Read it by name: SELECT * FROM shop.main.items. An exact copy: pluto-duck cache shop.main.items")
    shown = to_text(invoke(["tables"], door))
    assert "shop.main.orders" in shown
    assert "live" in shown
    assert invoke(["detach", "shop"], door) == "Detached shop."
    assert "shop" not in to_text(invoke(["tables"], door))
    with pytest.raises(UnknownName):
        invoke(["detach", "shop"], door)


@pytest.mark.parametrize("name", ["shop.main.orders", "SHOP.orders"])
def test_a_live_table_is_described_by_its_source(door: Door, address: str, name: str) -> None:
    live.attach(door, address, None, LoadOptions())
    assert [line.split()[:2] for line in to_text(invoke(["describe", name], door)).splitlines()[2:-1]] == [
        ["id", "INTEGER"]]
    for wrong in ("shop.main.nothing", "a.b.c"):
        with pytest.raises((UnknownName, UsageError)):
            invoke(["describe", wrong], door)


def test_options_of_a_copy_do_not_go_with_live(door: Door, address: str) -> None:
    with pytest.raises(UsageError, match="attaches a whole database") as refused:
        live.attach(door, address, None, LoadOptions(where="id > 1"))
    assert "cache TABLE --where" in refused.value.hint
    assert live.attach(door, address, None, LoadOptions(into="other")).startswith(f"Attached {address} as other")


def test_a_cached_table_is_made_refreshed_listed_and_forgotten(door: Door, address: str) -> None:
    live.attach(door, address, None, LoadOptions())
    text = str(invoke(["cache", "shop.orders", "--ttl", "1h"], door))
    assert text.startswith("Copied shop.main.orders to orders: 3 rows in ")
    assert text.endswith("It is refreshed at the next use when older than 60 min.")
    assert "pluto-duck cache --refresh few" in str(invoke(
        ["cache", "shop.orders", "--where", "id < 1", "--as", "few"], door))
    listed = invoke(["cache", "--list"], door)
    assert isinstance(listed, Rows)
    assert [(row[0], row[1], row[2], row[3], row[5], row[6]) for row in listed.rows] == [
        ("few", "shop.main.orders", "id < 1", 1, "", "by hand"),
        ("orders", "shop.main.orders", "", 3, "60 min", "fresh")]
    assert str(invoke(["cache", "--refresh", "orders"], door)).startswith("Refreshed orders from shop.main.orders: 3 rows")
    assert str(invoke(["cache", "--refresh"], door)).count("Refreshed") == 2
    assert "ordinary table" in str(invoke(["cache", "--remove", "few"], door))
    assert invoke(["detach", "shop"], door) == "Detached shop. Its copies stay as they are: orders."
    assert invoke(["cache"], door).rows == ()  # type: ignore[attr-defined]


def test_one_copy_that_fails_does_not_keep_the_others(door: Door, said: list[str], address: str, session: Session) -> None:
    live.attach(door, address, None, LoadOptions())
    invoke(["cache", "shop.orders"], door)
    invoke(["cache", "shop.items"], door)
    session.query("INSERT INTO items VALUES (1)")
    with pytest.raises(Refused, match="1 of 2 copies"):
        invoke(["cache", "--refresh"], door)
    assert [one.split(":")[0] for one in said] == ["items was not refreshed", "Refreshed orders from shop.main.orders"]
    assert "Refreshed items" in str(invoke(["cache", "--refresh", "items", "--yes"], door))


def test_a_large_table_asks_where_somebody_can_answer(workspace: Workspace, address: str) -> None:
    with Session.open(workspace.root, ingest__ask_above_mb=0.0001) as session:
        asked: list[str] = []
        door = Door(open_session=lambda: session)
        live.attach(door, address, None, LoadOptions())
        with pytest.raises(Refused, match=r"shop.main.orders is about 300 bytes, 3 rows\.") as refused:
            invoke(["cache", "shop.orders"], door)
        assert "--where" in refused.value.hint
        assert "--yes" in refused.value.hint
        door.interactive, door.ask = True, lambda text: bool(asked.append(text))
        with pytest.raises(Refused):
            invoke(["cache", "shop.orders"], door)
        door.ask = lambda text: not asked.append(text)
        assert "3 rows" in str(invoke(["cache", "shop.orders"], door))
        assert asked == ["shop.main.orders is about 300 bytes, 3 rows. Copy all of it?"] * 2
        assert "3 rows" in str(invoke(["cache", "shop.orders", "--as", "again", "--yes"], Door(open_session=lambda: session)))


def test_what_makes_no_sense_says_so(door: Door, address: str) -> None:
    live.attach(door, address, None, LoadOptions())
    for line in (["cache", "--list", "--refresh"], ["cache", "shop.orders", "--ttl", "soon"],
                 ["cache", "--list", "--ttl", "1h"], ["cache", "--remove"], ["cache", "shop"]):
        with pytest.raises(UsageError):
            invoke(line, door)


def test_the_columns_that_do_not_come_exactly_are_named() -> None:
    source = LiveSource("shop", "postgresql://me@db/shop", "", tables=(
        LiveTable("shop", "public", "orders", 10, None, ("a",)),))
    risks = tuple(Risk("orders", f"c{i}", "shows NaN as 0") for i in range(8))
    assert live.attached_text(Attached(source, risks), "%pluto") == """\
Attached postgresql://me@db/shop as shop, read-only: 1 table.
8 columns do not come exactly when read live; a copy does:
  orders.c0 shows NaN as 0
  orders.c1 shows NaN as 0
  orders.c2 shows NaN as 0
  orders.c3 shows NaN as 0
  orders.c4 shows NaN as 0
  orders.c5 shows NaN as 0
  and 2 more
Read it by name: SELECT * FROM shop.public.orders. An exact copy: %pluto cache shop.orders"""


def test_sizes_are_written_as_people_say_them() -> None:
    assert [live.size_text(one) for one in (12, 3_400, 820_000_000, 5_000_000_000, 12_000_000_000, 3 * 10**12)] == [
        "12 bytes", "3.4 kB", "820 MB", "5.0 GB", "12 GB", "3.0 TB"]


def test_the_verb_attaches_by_address_and_by_connection(door: Door, session: Session, address: str) -> None:
    door.workspace = str(session.workspace.root)
    assert "as shop" in str(invoke(["ingest", "--live", address], door))
    invoke(["connections", "add", "store", address], door)
    assert str(invoke(["ingest", "--live", "--from", "store"], door)).startswith("Attached store as store, read-only")
    assert session.query("SELECT count(*) FROM store.orders").rows() == [(3,)]
    with pytest.raises(Refused, match="password"):
        invoke(["ingest", "--live", "postgresql://me:geheim@db.example/shop"], door)


def test_a_script_has_them_too(workspace: Workspace, address: str) -> None:
    with pluto_duck.open(workspace.root) as bench:
        assert bench.attach(address).source.name == "shop"
        assert bench.cache("shop.orders", ttl="1h", where="id > 0").rows == 2
        assert bench.query("SELECT count(*) FROM shop.orders, orders").rows() == [(6,)]
        bench.detach("shop")
