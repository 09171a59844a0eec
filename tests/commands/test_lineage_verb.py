"""`lineage`: as text, as JSON, and what would break."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pluto_duck.commands import Door, invoke
from pluto_duck.commands.render import to_bundles, to_text
from pluto_duck.errors import UnknownName, UsageError
from pluto_duck.ingest import ingest
from pluto_duck.session import Session


@pytest.fixture
def door(session: Session, tmp_path: Path) -> Door:
    (session.workspace.root / "orders.csv").write_text("id,customer,amount\n1,a,3.5\n2,b,4\n")
    ingest(session, str(session.workspace.root / "orders.csv"))
    session.query("CREATE VIEW per_customer AS SELECT customer, sum(amount) AS total FROM orders WHERE id > 0 GROUP BY 1;"
                  "CREATE VIEW best AS SELECT * FROM per_customer WHERE total > 3;"
                  "CREATE SCHEMA raw; CREATE TABLE raw.orders (x INT); CREATE VIEW raw.v AS SELECT x FROM raw.orders")
    return Door(lambda: session)


def _said(door: Door, *words: str) -> str:
    return to_text(invoke(["lineage", *words], door))


def test_up_to_the_file_and_down_to_the_last_view(door: Door) -> None:
    text = _said(door, "per_customer")
    assert text.splitlines()[0] == "per_customer, a view"
    assert "is made of:\n  └─ orders  [table]" in text
    assert "\n     └─ orders.csv  [file]\nis read by:\n  └─ best  [view]" in text


def test_one_column(door: Door) -> None:
    assert "per_customer.total  [view]\n" in _said(door, "best.total", "--up")
    assert "orders.amount  [table]  aggregated" in _said(door, "best.total", "--up")
    assert "amount in orders.csv" in _said(door, "best.total", "--up")
    assert "is read by" not in _said(door, "best.total", "--up")
    assert "per_customer  [view]  filter" in _said(door, "orders.id", "--down")


def test_what_breaks_without_a_column(door: Door) -> None:
    text = _said(door, "orders.amount", "--impact")
    assert "per_customer  view       breaks: it names orders.amount" in text
    assert text.endswith("2 would break or fail.")
    assert "Nothing that is known would break" in _said(door, "best.total", "--impact")


def test_as_json(door: Door) -> None:
    told = json.loads(_said(door, "orders.amount", "--down", "--depth", "1", "--json"))
    assert (told["start"], told["column"], told["more"]) == ("main.orders", "amount", True)
    assert [one["id"] for one in told["nodes"]] == ["main.orders", "main.per_customer"]
    assert told["links"][0]["columns"] == [{"above": "amount", "below": "total", "how": "aggregated"}]
    broken = json.loads(_said(door, "orders", "--impact", "--json"))
    assert {one["name"]: one["what"] for one in broken["effects"]} == {"per_customer": "breaks", "best": "breaks"}


def test_names_of_schemas_and_columns_are_told_apart(door: Door) -> None:
    assert _said(door, "raw.orders").startswith("raw.orders, a table")
    assert _said(door, "RAW.Orders.X").startswith("raw.orders.x, a column of a table")
    assert _said(door, "orders.ID").startswith("orders.id, a column")
    with pytest.raises(UnknownName, match="amuont") as column:
        _said(door, "orders.amuont")
    assert "amount" in str(column.value.hint)
    with pytest.raises(UnknownName) as table:
        _said(door, "ordrs")
    assert "orders" in str(table.value.hint)
    with pytest.raises(UsageError):
        _said(door, "a.b.c.d")


def test_the_notebook_shows_it_too(door: Door) -> None:
    bundle = to_bundles(invoke(["lineage", "best"], door))[0]
    assert "per_customer" in bundle["text/plain"]
