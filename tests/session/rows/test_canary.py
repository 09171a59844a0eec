"""Conditions of a role, compiled by us, on a table large enough for the optimiser to re-order them.

The mask of a column fails on every hidden row: whatever compares, sorts or adds up that column below the policy fails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pluto_duck.errors import PlutoError
from pluto_duck.session import Session, TableRef
from pluto_duck.session.rows import Aggregate, All, AnyOf, Compare, Measure, Not, Order, Select
from tests.governance.policy.conftest import Company, lasting_home
from tests.governance.policy.conftest import companies as companies
from tests.governance.policy.test_canary import CLAIMS, POLICIES, ROWS, SECRET, SETUP, VISIBLE

_home = pytest.fixture(autouse=True, scope="module")(lasting_home)
T, V = TableRef("t"), TableRef("only_mine")
MASK = "{v: {expression: 'CAST(v AS INTEGER)'}, n: {expression: 'chr(CAST(n AS INTEGER))'}}"


@pytest.fixture(scope="module")
def company(companies: Callable[[], Company]) -> Company:
    made = companies()
    made.owner.query(SETUP + "ALTER TABLE t ADD PRIMARY KEY (id)")
    roles = "".join(f"  {name}:\n    grants:\n      - {{tables: t, actions: read, rows: \"{rows}\", masks: {MASK}}}\n"
                    for name, rows in POLICIES.items())
    made.allow(f"version: 1\nroles:\n{roles}  view:\n    grants:\n"
               f"      - {{tables: only_mine, actions: read, masks: {MASK}}}\n")
    return made


def wanted(table: TableRef) -> dict[str, tuple[Any, Any]]:
    """What is asked, and its one value."""
    def count(*where: Any) -> Aggregate:
        return Aggregate(table, (Measure("count"),), where=All(where))

    def top(where: Any, *order: Order) -> Select:
        return Select(table, ("v",), where, order, limit=1)

    first = Order("v"), Order("id")
    return {
        "equal": (count(Compare("v", "=", 123)), VISIBLE), "more": (count(Compare("v", ">", 5)), VISIBLE),
        "among": (count(Compare("v", "in", [123, 5])), VISIBLE), "not": (count(Not(Compare("v", "=", 5))), VISIBLE),
        "null": (count(Compare("v", "is not null")), VISIBLE), "text": (count(Compare("n", "like", "A%")), VISIBLE),
        "contains": (count(Compare("n", "contains", "A")), VISIBLE),
        "or": (count(AnyOf((Compare("v", "=", 123), Compare("id", "<", 0)))), VISIBLE),
        "beside the key": (count(Compare("id", ">=", 0), Compare("v", "=", 123), Compare("n", "=", "A")), VISIBLE),
        "hidden key": (count(Compare("id", "=", 1), Compare("v", "=", 123)), 0),
        "hidden keys": (count(Compare("id", "in", list(range(1, 5))), Compare("n", "=", "A")), 0),
        "sum": (Aggregate(table, (Measure("sum", "v"),)), VISIBLE * 123),
        "distinct": (Aggregate(table, (Measure("count distinct", "n"),)), 1),
        "group": (Aggregate(table, (Measure("count"),), ("v", "n"), limit=1), 123),
        "order": (top(None, *first), 123), "order by hidden": (top(Compare("id", ">", 1), *first), 123),
        "each": (Select(table, ("v",), each=(("v", "n"), 1)), 123),
        "plain": (count(Compare("tenant", "!=", "a")), 0),
    }


def found(session: Session, asked: Any) -> Any:
    try:
        return session.rows(asked).rows()[0][0]
    except PlutoError as error:
        return f"{error.message} {error.hint} {error.facts}"


@pytest.mark.parametrize("role", [*POLICIES, "view"])
def test_no_condition_of_a_role_comes_near_a_hidden_row(company: Company, role: str) -> None:
    session = company.as_(role, name="dash", **CLAIMS)
    asked = wanted(V if role == "view" else T)
    told = {name: found(session, one) for name, (one, _expected) in asked.items()}
    assert {name: one for name, one in told.items() if one != asked[name][1]} == {}
    assert SECRET not in str(told)
    if role != "view":
        keys = [[str(i)] for i in (0, 1, 2, 5, ROWS - 5)]
        assert [at is not None for at in session.by_key(T, keys).at] == [True, False, False, True, True]


def test_the_canary_sings_without_the_barrier(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same conditions on the same masks: were all safe without it, the test above would prove nothing."""
    from pluto_duck.session.rows import conditions

    whole = conditions.rows_of
    for module in ("reading", "finding"):
        monkeypatch.setattr(f"pluto_duck.session.rows.{module}.rows_of",
                            lambda *args, **more: whole(*args, **more).replace(" OFFSET 0)", ")"))
    leaks = []
    for role in ("function", "regex", "semijoin", "list", "arithmetic", "lookup"):
        session = company.as_(role, name="dash", **CLAIMS)
        leaks += [name for name, (one, expected) in wanted(T).items() if found(session, one) != expected]
    assert leaks
