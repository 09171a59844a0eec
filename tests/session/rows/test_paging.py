"""Filters, orders and cursors held against plain SQL, over values, NULLs and ties of many types."""

from __future__ import annotations

import random
from typing import Any

import pytest

from pluto_duck.errors import UsageError
from pluto_duck.session import Session, TableRef
from pluto_duck.session.rows import All, AnyOf, Compare, Condition, Not, Order, Select

T = TableRef("many")
VALUES: dict[str, tuple[str, list[Any]]] = {
    "i": ("INTEGER", [0, 1, -5, 7, None, 2147483647]),
    "h": ("HUGEINT", ["170141183460469231731687303715884105727", "-3", "0", None]),
    "d": ("DECIMAL(18,4)", ["0.0001", "-1.5", "12345678901234.5678", None]),
    "f": ("DOUBLE", [0.1, -0.0, "NaN", "Infinity", "-Infinity", 1e-300, None]),
    "r": ("FLOAT", [0.1, 3.5, None]),
    "s": ("VARCHAR", ["", "a", "A", "ä", "it's", 'q"q', "%_", "x\0y", None]),
    "b": ("BOOLEAN", [True, False, None]),
    "day": ("DATE", ["2024-02-29", "0001-01-01", "9999-12-31", "infinity", None]),
    "t": ("TIMESTAMP", ["2024-01-01T10:00:00.123456", "1969-12-31T23:59:59", None]),
    "z": ("TIMESTAMP WITH TIME ZONE", ["2024-01-01T10:00:00Z", "2024-01-01T10:00:00+05:30", None]),
    "n": ("TIMESTAMP_NS", ["2024-01-01 10:00:00.123456789", "2024-01-01 10:00:00.123456788", None]),
    "u": ("UUID", ["5e0f7d3a-9d1c-4f3e-8a52-000000000001", "00000000-0000-0000-0000-000000000000", None]),
    "l": ("INTEGER[]", [[1, 2], [], [1, None], None]),
    "st": ("STRUCT(a INTEGER, b VARCHAR)", [{"a": 1, "b": "x"}, {"a": None, "b": "y"}, None]),
    "e": ("ENUM('small', 'big')", ["small", "big", None]),
    "bl": ("BLOB", ["AAE=", "", None]),
    "iv": ("INTERVAL", ["P1D", "PT24H", "P1M2DT3.5S", None]),
    "tm": ("TIME", ["10:00:00", "23:59:59.5", None]),
    "m": ("MAP(VARCHAR, INTEGER)", [[["a", 1]], [], None]),
    "bit": ("BIT", ["0101", "1", None]),
}
SORTED = [one for one in VALUES if one not in ("m",)]


@pytest.fixture
def many(session: Session) -> Session:
    from pluto_duck.session.rows import Insert

    columns = ", ".join(f"{name} {kind}" for name, (kind, _values) in VALUES.items())
    session.query(f"CREATE TABLE many (k1 VARCHAR, k2 INTEGER, {columns}, PRIMARY KEY (k1, k2))")
    draw = random.Random(7)
    rows = [{"k1": draw.choice("abc"), "k2": i, **{name: draw.choice(values) for name, (_k, values) in VALUES.items()}}
            for i in range(80)]
    assert session.change([Insert(T, tuple(rows))])[0].affected == 80
    return session


def walked(session: Session, wanted: Select) -> list[tuple[Any, ...]]:
    """All pages, one after the other."""
    from dataclasses import replace

    found: list[tuple[Any, ...]] = []
    for _ in range(200):
        page = session.page(wanted)
        found += page.result.rows()
        if page.next is None:
            return found
        wanted = replace(wanted, after=page.next)
    raise AssertionError("pages without an end")


def test_all_pages_together_are_the_whole_in_its_order(many: Session) -> None:
    draw = random.Random(11)
    for _ in range(60):
        order = tuple(Order(name, draw.random() < 0.5) for name in draw.sample(SORTED, draw.randint(0, 3)))
        terms = ", ".join([f"{o.column} {'DESC' if o.descending else ''} NULLS LAST" for o in order] + ["k1", "k2"])
        expected = many.query(f"SELECT k1, k2 FROM many ORDER BY {terms}").rows()
        found = walked(many, Select(T, ("k1", "k2"), order=order, limit=draw.choice([1, 3, 7, 79, 80, 81])))
        assert found == expected, order


def test_every_type_is_found_by_its_own_values_and_ordered_between(many: Session) -> None:
    for name, (_kind, values) in VALUES.items():
        for value in values:
            same = many.rows(Select(T, ("k2",), Compare(name, "is not distinct from", value))).row_count
            assert same + many.rows(Select(T, ("k2",), Compare(name, "is distinct from", value))).row_count == 80
            assert same > 0, (name, value)
            if value is None or name == "m":
                continue
            parts = [many.rows(Select(T, ("k2",), Compare(name, op, value))).row_count for op in ("<", "=", ">")]
            nulls = many.rows(Select(T, ("k2",), Compare(name, "is null"))).row_count
            assert sum(parts) + nulls == 80, (name, value)


LITERALS = {"i": ("{}", ["<", ">=", "=", "!="]), "s": ("'{}'", ["=", "!=", "like", "ilike", "<"]),
            "d": ("{}", ["<", ">", "="]), "b": ("{}", ["="])}


def drawn(draw: random.Random, depth: int) -> tuple[Condition, str]:
    """A condition, and the same in SQL."""
    if depth and draw.random() < 0.6:
        parts = [drawn(draw, depth - 1) for _ in range(draw.randint(1, 3))]
        if draw.random() < 0.3:
            return Not(parts[0][0]), f"(NOT {parts[0][1]})"
        joint, kind = draw.choice([("AND", All), ("OR", AnyOf)])
        return kind(tuple(one for one, _sql in parts)), "(" + f" {joint} ".join(sql for _one, sql in parts) + ")"
    name = draw.choice(list(LITERALS))
    form, ops = LITERALS[name]
    if draw.random() < 0.2:
        op = draw.choice(["is null", "is not null"])
        return Compare(name, op), f"({name} {op})"
    values = [one for one in VALUES[name][1] if one is not None and "\0" not in str(one)]
    if draw.random() < 0.2:
        some = [draw.choice(values), draw.choice(values)]
        listed = ", ".join(form.format(str(one).replace("'", "''")) for one in some)
        return Compare(name, "in", some), f"({name} IN ({listed}))"
    op, value = draw.choice(ops), draw.choice(values)
    return Compare(name, op, value), f"({name} {op} {form.format(str(value).replace(chr(39), chr(39) * 2))})"


def test_drawn_conditions_keep_what_the_same_sql_keeps(many: Session) -> None:
    draw = random.Random(13)
    for _ in range(120):
        condition, sql = drawn(draw, 3)
        found = many.rows(Select(T, ("k2",), condition, (Order("k2"),))).rows()
        assert found == many.query(f"SELECT k2 FROM many WHERE {sql} ORDER BY k2").rows(), sql


def test_writes_between_pages_lose_and_double_no_row_that_stays(many: Session) -> None:
    page = many.page(Select(T, ("k1", "k2"), order=(Order("i"),), limit=20))
    first = page.result.rows()
    for k1, k2 in first[:10]:
        many.query(f"DELETE FROM many WHERE k1 = '{k1}' AND k2 = {k2}")
    many.query("INSERT INTO many (k1, k2, i) VALUES ('a', 1000, -99)")
    rest = walked(many, Select(T, ("k1", "k2"), order=(Order("i"),), limit=7, after=page.next))
    assert len(set(first) | set(rest)) == 80
    assert not set(first) & set(rest)


def test_a_cursor_of_something_else_is_none(many: Session) -> None:
    for after in (("x", "a", "1"), ("1", "a", "x"), ("1",), ("1", "a", "1; DROP TABLE many"), ()):
        with pytest.raises(UsageError):
            many.page(Select(T, order=(Order("i"),), limit=3, after=after))
