"""What a column holds at a glance."""

from __future__ import annotations

import pytest

from pluto_duck.catalog.explore import BINS, explore
from pluto_duck.session import Session


@pytest.fixture
def shop(session: Session) -> Session:
    session.query("""CREATE TABLE t AS SELECT i AS id, CASE WHEN i % 4 = 0 THEN NULL ELSE i % 10 END AS k,
        CASE WHEN i = 999 THEN 'infinity' ELSE i / 4 END::DOUBLE AS d, (i / 3)::DECIMAL(10, 2) AS amt,
        DATE '2024-01-01' + (i % 366)::INTEGER AS day, TIMESTAMPTZ '2024-01-01 00:00:00Z' + to_hours(i) AS at,
        CASE WHEN i % 10 < 7 THEN 'often' WHEN i % 10 < 9 THEN 'rare' END AS word, [i] AS list, i % 2 = 0 AS even,
        CASE WHEN i = 5 THEN 1000000 ELSE i % 100 END AS far
        FROM range(1000) AS r(i)""")
    return session


def test_every_kind_of_column_is_told(shop: Session) -> None:
    table = shop.tables()[0]
    seen = {one.name: one for one in explore(shop, table)}
    assert list(seen) == [one.name for one in table.columns]
    assert all(one.rows == 1000 for one in seen.values())
    assert {name: one.nulls for name, one in seen.items() if one.nulls} == {"k": 250, "word": 100}
    assert (seen["id"].low, seen["id"].high, seen["id"].mean) == ("0", "999", "499.5")
    for name in ("id", "d", "amt", "day", "at", "far", "k"):
        assert len(seen[name].bins) == (10 if name == "k" else BINS), name
        assert sum(one.count for one in seen[name].bins) == 1000 - {"d": 1, "k": 250}.get(name, 0), name
    assert seen["d"].high == "inf", "what is not finite is told, and not drawn"
    assert (seen["day"].bins[0].low, seen["day"].bins[-1].high) == ("2024-01-01", "2024-12-31")
    assert [(one.value, one.count) for one in seen["word"].top] == [("often", 700), ("rare", 200)]
    assert (seen["word"].distinct, seen["word"].exact) == (2, True)
    assert {one.value for one in seen["even"].top} == {"true", "false"}
    assert not seen["list"].bins
    assert not seen["list"].top


def test_a_far_value_does_not_hide_the_others(shop: Session) -> None:
    far = next(one for one in explore(shop, shop.tables()[0], ["far"]))
    assert far.cut
    assert far.bins[-1].high == "1000000"
    assert sum(1 for one in far.bins if one.count) > BINS / 2


def test_only_the_columns_that_were_named(shop: Session) -> None:
    assert [one.name for one in explore(shop, shop.tables()[0], ["k", "day"])] == ["k", "day"]


def test_one_value_or_none_is_one_bar_or_none(session: Session) -> None:
    session.query("CREATE TABLE t AS SELECT 7 AS same, NULL::INTEGER AS nothing, 'x' AS word FROM range(3)")
    same, nothing, word = explore(session, session.tables()[0])
    assert [(one.low, one.high, one.count) for one in same.bins] == [("7", "7", 3)]
    assert (nothing.bins, nothing.nulls, nothing.distinct) == ((), 3, 0)
    assert [(one.value, one.count) for one in word.top] == [("x", 3)]


def test_an_empty_table_has_columns_too(session: Session) -> None:
    session.query('CREATE TABLE t (a INTEGER, "odd ""name" VARCHAR, c DATE)')
    assert [(one.name, one.rows, one.bins) for one in explore(session, session.tables()[0])] == [
        ("a", 0, ()), ('odd "name', 0, ()), ("c", 0, ())]
