"""Filters and rules about a change of state."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from pluto_duck.errors import PlutoError
from pluto_duck.events.webhooks.rules import Filter, StateRule
from pluto_duck.workspace.tableref import TableRef


@pytest.mark.parametrize(("rule", "before", "after", "fits"), [
    ("status: PROPOSED -> ACTIVE", {"status": "PROPOSED"}, {"status": "ACTIVE"}, True),
    ("status: PROPOSED -> ACTIVE", {"status": "CLOSED"}, {"status": "ACTIVE"}, False),
    ("status: PROPOSED -> ACTIVE", {"status": "PROPOSED"}, {"status": "PROPOSED"}, False),
    ("STATUS:PROPOSED->ACTIVE", {"Status": "PROPOSED"}, {"Status": "ACTIVE"}, True),
    ("status: * -> ACTIVE", {"status": None}, {"status": "ACTIVE"}, True),
    ("status: * -> ACTIVE", {"status": "ACTIVE"}, {"status": "ACTIVE"}, False),
    ("status: * -> *", {"status": "a"}, {"status": "b"}, True),
    ("status: * -> *", {"status": "a"}, {"status": "a"}, False),
    ("status: NULL -> *", {"status": None}, {"status": "x"}, True),
    ("status: NULL -> *", {"status": "NULL"}, {"status": "x"}, False),
    ("status: 'NULL' -> *", {"status": "NULL"}, {"status": "x"}, True),
    ("status: '*' -> x", {"status": "*"}, {"status": "x"}, True),
    ("status: 'it''s' -> x", {"status": "it's"}, {"status": "x"}, True),
    ("n: 1 -> 2.0", {"n": 1}, {"n": Decimal("2.00")}, True),
    ("n: 1 -> 2", {"n": "1"}, {"n": "2"}, True),
    ("n: 1.5 -> 2", {"n": "1.50"}, {"n": "2.00"}, True),
    ("n: '1.5' -> 2", {"n": "1.50"}, {"n": "2.00"}, False),
    ("code: 7 -> *", {"code": "007"}, {"code": "8"}, False),
    ("n: '1' -> 2", {"n": 1}, {"n": 2}, False),
    ("paid: false -> true", {"paid": False}, {"paid": True}, True),
    ("paid: 0 -> 1", {"paid": False}, {"paid": True}, False),
    ('"a: b": x -> y z', {"a: b": "x"}, {"a: b": "y z"}, True),
    ("gone: * -> *", {"other": 1}, {"gone": 2}, False)])
def test_a_rule_fits_exactly_its_change(rule: str, before: dict[str, object], after: dict[str, object], fits: bool) -> None:
    read = StateRule.parse(rule)
    assert read.fits(before, after) is fits
    assert StateRule.parse(str(read)) == read


@pytest.mark.parametrize("text", ["", "status", "status: a", "status -> a", ": a -> b", "status: -> b", "status: a ->",
                                  "status: a -> a"])
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(PlutoError):
        StateRule.parse(text)


def test_a_filter_by_table_and_op() -> None:
    wish = Filter.read(["orders", "sales.*"], ["insert", "d"], [])
    assert wish.wants(TableRef("ORDERS"), "c")
    assert wish.wants(TableRef("x", "sales"), "d")
    assert not wish.wants(TableRef("orders"), "u")
    assert not wish.wants(TableRef("orders", "other"), "c")
    assert wish.wants(TableRef("orders"), "resync"), "what could not be seen can't be filtered"
    assert not wish.wants(TableRef("other"), "resync")
    assert not Filter().wants(TableRef("tracked", "_pluto"), "c"), "nothing of ours"


def test_rules_are_about_updates_whose_both_rows_are_known() -> None:
    wish = Filter.read([], [], ["status: * -> ACTIVE", "status: * -> CLOSED"])
    assert wish.ops == ("u",)
    for op, data, about in (("u", {"before": {"status": "x"}, "after": {"status": "CLOSED"}}, True),
                            ("u", {"before": None, "after": {"status": "CLOSED"}}, False),
                            ("u", {"before": {"status": "x"}, "after": {"status": "y"}}, False), ("resync", {}, True)):
        assert wish.about(op, json.loads(json.dumps({"data": data}))) is about


@pytest.mark.parametrize(("tables", "ops", "when"), [([""], [], []), (["a.b.c"], [], []), ([], ["upsert"], []),
                                                     ([], ["c"], ["a: b -> c"])])
def test_a_filter_that_makes_no_sense_is_refused(tables: list[str], ops: list[str], when: list[str]) -> None:
    with pytest.raises(PlutoError):
        Filter.read(tables, ops, when)
