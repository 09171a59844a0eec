"""Changes as roles read them: through the conditions and masks that their reads go through."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pluto_duck.errors import Refused, UnknownName
from pluto_duck.events.model import Position
from pluto_duck.session import Session, TableRef
from tests.governance.policy.conftest import Company, company  # noqa: F401
from tests.session.changes.test_reading import START, data, every

ORDERS = TableRef("orders")
POLICY = """
version: 1
roles:
  region:
    grants:
      - {tables: orders, actions: [read], rows: region = $region, hide: card, masks: {email: hash}}
  masked:
    grants:
      - {tables: orders, actions: [read], hide: card, masks: {id: hash}}
  plain:
    grants:
      - {tables: open, actions: [read]}
  looks:
    grants:
      - {tables: orders, actions: [read], rows: "region IN (SELECT region FROM main.seen_by)"}
"""


@pytest.fixture
def shop(company: Company) -> Company:  # noqa: F811
    company.owner.query("CREATE TABLE orders (id INTEGER PRIMARY KEY, email VARCHAR, card VARCHAR, region VARCHAR);"
                        "CREATE TABLE open (id INTEGER PRIMARY KEY); CREATE TABLE seen_by AS SELECT 'EU' AS region")
    company.owner.track([ORDERS, TableRef("open")], before=True)
    company.allow(POLICY)
    return company


def told(session: Session, after: Position = START, **asked: Any) -> list[tuple[str, Any, Any]]:
    return [(one["op"], data(one)["before"], data(one)["after"]) for one in every(session, after, **asked)]


def test_rows_come_into_sight_and_go_out_of_it(shop: Company) -> None:
    eu, owner = shop.as_("region", region="EU"), shop.owner
    owner.query("INSERT INTO orders VALUES (1, 'a@x', 'kk-1', 'EU'), (2, 'b@x', 'c2', 'US')")
    owner.query("UPDATE orders SET region = 'EU' WHERE id = 2")
    owner.query("UPDATE orders SET card = 'new' WHERE id = 2")
    owner.query("UPDATE orders SET region = 'US' WHERE id = 1")
    owner.query("UPDATE orders SET email = 'other@x' WHERE id = 1")
    owner.query("DELETE FROM orders")
    found = every(eu)
    assert [(one["op"], one["key"]) for one in found] == [
        ("c", '{"id":1}'), ("c", '{"id":2}'), ("u", '{"id":2}'), ("d", '{"id":1}'), ("d", '{"id":2}')]
    assert data(found[1])["before"] is None
    assert data(found[3])["after"] is None
    text = json.dumps([one["event"] for one in found])
    assert "card" not in text
    assert "kk-1" not in text
    assert "@x" not in text
    assert "US" not in text
    mask = eu.query("SELECT email FROM orders").rows()
    assert mask == []
    assert data(found[0])["source"]["actor"] is None
    assert [one["type"] for one in map(json.loads, (one["event"] for one in found))][1] == "io.plutoduck.row.created"
    us = shop.as_("region", region="US")
    assert [one["op"] for one in every(us)] == ["c", "d", "c", "u", "d"]
    assert every(shop.as_("region")) == []  # no claim, no row


def test_masks_are_those_of_reads_and_a_masked_key_is_no_key(shop: Company) -> None:
    owner = shop.owner
    owner.query("INSERT INTO orders VALUES (1, 'a@x', 'c1', 'EU')")
    masked, eu = shop.as_("masked"), shop.as_("region", region="EU")
    found = every(masked)[0]
    assert found["key"] is None
    assert "subject" not in json.loads(found["event"])
    assert data(found)["after"] == {"id": masked.query("SELECT id FROM orders").rows()[0][0], "email": "a@x",
                                    "region": "EU"}
    assert data(every(eu)[0])["after"]["email"] == eu.query("SELECT email FROM orders").rows()[0][0]


def test_tables_of_others_are_not_there(shop: Company) -> None:
    owner = shop.owner
    owner.query("INSERT INTO orders VALUES (1, 'a@x', 'c1', 'EU'); INSERT INTO open VALUES (7)")
    owner.query("TRUNCATE orders; ALTER TABLE orders ADD COLUMN secret VARCHAR")
    plain = shop.as_("plain")
    assert told(plain) == [("c", None, {"id": 7})]
    with pytest.raises(UnknownName) as error:
        plain.changes(Position(), tables=(ORDERS,))
    with pytest.raises(UnknownName) as absent:
        plain.changes(Position(), tables=(TableRef("nothing"),))
    assert str(error.value).replace("orders", "nothing") == str(absent.value)
    assert every(shop.as_("nobody")) == []


def test_changes_of_shape_name_no_hidden_column(shop: Company) -> None:
    shop.owner.query("ALTER TABLE orders ADD COLUMN more VARCHAR")
    shop.owner.query("INSERT INTO orders VALUES (1, 'a@x', 'c1', 'EU', 'm')")
    assert data(every(shop.as_("region", region="EU"))[1])["after"]["more"] == "m"
    shop.owner.query("ALTER TABLE orders DROP COLUMN more")
    found = every(shop.as_("region", region="EU"))
    assert [one["op"] for one in found] == ["schema", "c", "schema"]
    assert [one["name"] for one in data(found[0])["columns"]] == ["id", "email", "region"]  # what is gone may have been hidden
    assert "more" not in data(found[1])["after"]
    assert "card" not in json.dumps(found)


def test_without_the_rows_before_a_filtered_reader_is_refused_and_learns_no_key(shop: Company) -> None:
    owner = shop.owner
    owner.track(ORDERS)
    owner.query("INSERT INTO orders VALUES (1, 'a@x', 'c1', 'EU'), (2, 'a@x', 'c1', 'US')")
    owner.query("UPDATE orders SET region = 'US' WHERE id = 1; UPDATE orders SET region = 'XX' WHERE id = 2;"
                "DELETE FROM orders")
    eu = shop.as_("region", region="EU")
    with pytest.raises(Refused, match="can't be told") as refused:
        eu.changes(Position(), tables=(ORDERS,))
    assert "--before" in refused.value.hint
    assert every(eu) == []
    assert [one["op"] for one in every(shop.as_("masked"))] == ["c", "c", "u", "u", "d", "d"]
    # Once they are kept, the time before is told as one thing: read it anew.
    owner.track(ORDERS, before=True)
    owner.query("INSERT INTO orders VALUES (3, 'a@x', 'c1', 'EU')")
    found = every(eu)
    assert [one["op"] for one in found] == ["c", "resync", "resync", "resync", "c"]
    assert all(one["key"] is None for one in found if one["op"] == "resync")


def test_what_moves_a_condition_moves_the_view(shop: Company) -> None:
    looks = shop.as_("looks")
    shop.owner.query("INSERT INTO orders VALUES (1, 'a@x', 'c1', 'US')")
    before = looks.changes(Position())
    assert before.table.num_rows == 0
    assert set(before.view) == {"main.orders"}
    shop.owner.query("CREATE TABLE beside AS SELECT 1 AS a")
    assert looks.changes(Position()).view == before.view
    shop.owner.query("INSERT INTO seen_by VALUES ('US')")
    after = looks.changes(Position())
    assert after.view != before.view
    assert after.table.num_rows == 1
    shop.allow(POLICY.replace("hide: card, masks: {id: hash}", "hide: email"))
    assert "email" not in json.dumps(every(shop.as_("masked")))


def test_a_snapshot_shows_what_a_read_shows(shop: Company) -> None:
    shop.owner.query("INSERT INTO orders SELECT i, 'p' || i, 'c', ['EU', 'US'][1 + i % 2] FROM range(10) t(i)")
    eu = shop.as_("region", region="EU")
    at, rows = eu.snapshot_changes(ORDERS)
    found = [data(one)["after"] for one in rows.read_all().to_pylist()]
    assert sorted(map(tuple, (one.values() for one in found))) == sorted(map(tuple, eu.query("FROM orders").rows()))
    assert at.seq == shop.owner.changes_head()
    with pytest.raises(UnknownName):
        shop.as_("plain").snapshot_changes(ORDERS)
    with pytest.raises(Refused):
        eu.changes_head()


def test_a_condition_that_names_what_an_old_shape_lacks_tells_that_time_as_one_thing(shop: Company) -> None:
    shop.owner.query("INSERT INTO open VALUES (1)")
    shop.owner.query("ALTER TABLE open ADD COLUMN region VARCHAR")
    shop.owner.query("INSERT INTO open VALUES (2, 'EU'), (3, 'US')")
    shop.allow(POLICY + "  later:\n    grants: [{tables: open, actions: [read], rows: region = 'EU'}]\n")
    assert [one["op"] for one in every(shop.as_("later"))] == ["resync", "schema", "c"]


def test_a_condition_that_can_not_be_told_for_changes_is_refused_with_a_hint(shop: Company) -> None:
    shop.allow(POLICY + "  long:\n    grants: [{tables: orders, actions: [read], rows: main.orders.region = 'EU'}]\n")
    shop.owner.query("INSERT INTO orders VALUES (1, 'a@x', 'c1', 'US')")
    session = shop.as_("long")
    assert session.query("FROM orders").rows() == []
    with pytest.raises(Refused, match="can't be told") as refused:
        session.changes(START, tables=(ORDERS,))
    assert "policy check" in refused.value.hint
    assert every(session) == []


@pytest.mark.parametrize("then", ["ALTER TABLE orders RENAME number TO card", "ALTER TABLE orders DROP number"])
def test_a_column_that_got_the_name_by_which_it_is_hidden_only_later_is_not_in_older_changes(
        shop: Company, then: str) -> None:
    owner = shop.owner
    owner.query("ALTER TABLE orders RENAME card TO number; INSERT INTO orders VALUES (1, 'a@x', 'secret', 'EU')")
    owner.query(then)
    found = every(shop.as_("region", region="EU"))
    assert [one["key"] for one in found if one["op"] == "c"] == ['{"id":1}']
    text = json.dumps([one["event"] for one in found])
    assert "secret" not in text
    assert "number" not in text
