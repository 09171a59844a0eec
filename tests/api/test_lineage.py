"""Lineage over HTTP: all of it for the owner, for a key what its roles see, and not a name beside it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pluto_duck.session import Session
from tests.api.door import Door, governed_again

POLICY = """
version: 1
roles:
  eu:
    grants:
      - {tables: orders, actions: read, hide: card}
      - {tables: [last, broken], actions: read, hide: secret_sum}
"""
SECRETS = ("card", "hidden_view", "secret", "gone_table", "other", "archive", "board")


def body(answer: Any) -> dict[str, Any]:
    return json.loads(answer.body)  # type: ignore[no-any-return]


@pytest.fixture
def shop(door: Door) -> Door:
    with Session.open(door.workspace.root) as session:
        session.query("CREATE VIEW hidden_view AS SELECT region, id + 1 AS n, card, email FROM orders "
                      "WHERE email IS NOT NULL AND card > '';"
                      "CREATE VIEW last AS SELECT h.region AS r, h.n, card || 'x' AS secret_sum, o.id AS k "
                      "FROM hidden_view h, other o;"
                      "CREATE TABLE gone_table (x INT); CREATE VIEW broken AS SELECT x FROM gone_table; "
                      "DROP TABLE gone_table")
    governed_again(door.workspace, POLICY)
    return door


async def test_the_owner_sees_all_of_it(shop: Door, jp_fetch: Any) -> None:
    found = body(await jp_fetch("api", "v1", "lineage", params={"table": "last"}))
    assert [one["id"] for one in found["nodes"]] == ["main.last", "main.hidden_view", "main.orders", "main.other",
                                                     "role:eu"]
    found = body(await jp_fetch("api", "v1", "lineage", params={"table": "LAST", "column": "N", "direction": "up", "depth": "1"}))
    assert (found["start"], found["column"], found["more"]) == ("main.last", "n", True)
    assert [(one["above"], one["columns"]) for one in found["links"]] == [
        ("main.hidden_view", [{"above": "n", "below": "n", "how": "same"}])]
    found = body(await jp_fetch("api", "v1", "lineage", params={"table": "orders", "column": "card", "impact": "1"}))
    assert {one["name"]: one["what"] for one in found["effects"]} == {"hidden_view": "breaks", "last": "breaks", "role eu": "loses"}


async def test_a_key_sees_what_becomes_what_and_no_other_name(shop: Door) -> None:
    key = shop.key()
    answer = await shop("lineage?table=last", key=key)
    assert (answer.code, body(answer)["nodes"]) == (200, [
        {"id": "main.last", "kind": "view", "name": "last", "columns": ["r", "n", "k"], "facts": {}, "note": ""},
        {"id": "main.orders", "kind": "table", "name": "orders", "columns": ["id", "email", "region"], "facts": {},
         "note": ""}])
    (link,) = body(answer)["links"]
    assert {(one["above"], one["below"], one["how"]) for one in link["columns"]} == {
        ("region", "r", "same"), ("id", "n", "computed")}
    assert [one["column"] for one in link["uses"]] == ["email"]
    for path in ("lineage?table=last", "lineage?table=orders", "lineage?table=last&column=k",
                 "lineage?table=orders&column=email&direction=down"):
        answer = await shop(path, key=key)
        assert answer.code == 200
        assert all(one not in answer.body.decode() for one in SECRETS), path


@pytest.mark.parametrize("path", ["table=other", "table=hidden_view", "table=gone_table", "table=nothing", "table=broken", "table=role:eu",
                                  "table=orders&column=card", "table=last&column=secret_sum", "table=_pluto.commits", "table=a.b.c.d"])
async def test_what_is_hidden_is_not_there(shop: Door, path: str) -> None:
    answer = await shop(f"lineage?{path}", key=shop.key())
    asked = path.replace("=", "&").split("&")[1::2]
    assert answer.code == 404
    said = answer.body.decode().lower()
    assert all(one not in said for one in SECRETS if one not in asked and one not in "".join(asked)), said


async def test_what_makes_no_sense_is_said(shop: Door) -> None:
    key = shop.key()
    for path in ("lineage", "lineage?table=orders&direction=sideways", "lineage?table=orders&depth=-1",
                 "lineage?table=orders&depth=x"):
        assert (await shop(path, key=key)).code == 400, path
    assert (await shop("lineage?table=orders&impact=1", key=key)).code == 403
    assert (await shop("lineage?table=orders", key=shop.key(name="bare", scopes=("data:read",)))).code == 403
