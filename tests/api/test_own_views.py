"""What keys learn of tables without asking for rows: as much as their roles see, and nothing beside it."""

from __future__ import annotations

import json
from typing import Any

from pluto_duck.session import Session
from tests.api.door import Door


def body(answer: Any) -> dict[str, Any]:
    return json.loads(answer.body)  # type: ignore[no-any-return]


async def profile(door: Door, key: str, **asked: Any) -> tuple[dict[str, dict[str, Any]], str]:
    """By column, and all that was sent."""
    started = await door("tables/orders/profile", "POST", key, asked)
    assert started.code == 202, started.body
    address = f"query/{body(started)['run_id']}"
    done = body(await door(f"{address}?wait=30", key=key))
    assert done["status"] == "succeeded", done
    events = (await door(address, key=key, Accept="text/event-stream")).body.decode()
    told = [json.loads(line.removeprefix("data: ")) for line in events.splitlines() if line.startswith("data: ")]
    columns = [one["content"]["column"] for one in told if one["type"] == "progress"]
    return {one["name"]: one for one in columns}, events


async def test_a_profile_is_of_what_the_role_sees(door: Door) -> None:
    with Session.open(door.workspace.root) as session:
        session.query("CREATE TYPE mood AS ENUM ('calm', 'secretmood'); ALTER TABLE orders ADD COLUMN mood mood; "
                      "UPDATE orders SET mood = if(region = 'EU', 'calm', 'secretmood')")
    found, sent = await profile(door, door.key())
    assert list(found) == ["id", "email", "region", "mood"]
    assert {one["rows"] for one in found.values()} == {3}, "rows of the others do not count"
    assert (found["id"]["low"], found["id"]["high"]) == ("0", "4")
    assert [one["value"] for one in found["email"]["top"]] == ["p***"], "masked as everywhere"
    assert found["region"]["top"] == [{"value": "EU", "count": 3}]
    assert (found["mood"]["type"], found["mood"]["top"]) == ("VARCHAR", [{"value": "calm", "count": 3}])
    assert all(one not in sent for one in ("secretmood", "US", "example", "card"))
    other, sent = await profile(door, door.key(name="us", claims={"region": "US"}))
    assert (other["id"]["low"], other["id"]["high"], "calm" in sent) == ("1", "5", False)
    assert (await profile(door, door.key(name="more"), columns=["card", "id"]))[0].keys() == {"id"}


async def test_a_profile_needs_both_scopes_and_a_table_that_is_seen(door: Door) -> None:
    key = door.key()
    for name in ("other", "_pluto.commits", "nothing"):
        answer = await door(f"tables/{name}/profile", "POST", key)
        assert answer.code == 404
    for scope, missing in (("schema:read", "data:read"), ("data:read", "schema:read")):
        answer = await door("tables/orders/profile", "POST", door.key(name=scope, scopes=(scope,)))
        assert (answer.code, f'scope="{missing}"' in answer.headers["WWW-Authenticate"]) == (403, True)


async def test_the_run_of_a_profile_is_its_own(door: Door) -> None:
    key = door.key()
    run = body(await door("tables/orders/profile", "POST", key))["run_id"]
    assert (await door(f"query/{run}", key=door.key(name="else"))).code == 404
    assert (await door(f"query/{run}?wait=30", key=key)).code == 200
