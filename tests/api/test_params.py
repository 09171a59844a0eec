"""Parameters of a key's SQL: on every way in, with the owner's answers and errors, and no way round what it may see."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from tests.api.conftest import Client
from tests.api.door import Door
from tests.api.test_identity import outcome

TRICKS = ("' OR 1=1 --", "$region", "a\0b", "$$", "?", "ü'\"\\")


async def got(door: Door, key: str, sql: str, params: Any, **more: str) -> Any:
    return await door(f"query?format=json&sql={quote(sql)}&params={quote(json.dumps(params))}", key=key, **more)


async def test_values_travel_beside_the_statement(door: Door) -> None:
    key = door.key()
    sql = "SELECT id FROM orders WHERE id IN $ids AND id > $least ORDER BY id LIMIT $n"
    params = {"ids": [0, 2, 4], "least": -1, "n": 2, "unused": "x"}
    assert (await outcome(door, key, sql=sql, params=params))["rows"] == [[0], [2]]
    assert json.loads((await got(door, key, sql, params)).body)["rows"] == [[0], [2]]
    assert json.loads((await got(door, key, "SELECT id FROM orders WHERE id = ?", [4])).body)["rows"] == [[4]]
    asked = "mutation($s: String!, $p: JSON) { sql(statement: $s, params: $p, wait: 30) { status rows } }"
    told = json.loads((await door("graphql", "POST", key, {"query": asked, "variables": {"s": sql, "p": params}},
                                 Content_Type="application/json")).body)
    assert told["data"]["sql"]["rows"] == [[0], [2]], told
    for trick in TRICKS:
        answer = await got(door, key, "SELECT $a AS a, '$a' AS b", {"a": trick})
        assert json.loads(answer.body)["rows"] == [[trick, "$a"]]


async def test_a_name_never_reads_a_claim_or_a_table(door: Door) -> None:
    key = door.key()
    for sql in ("SELECT $region", "SELECT $pluto_claim_region", "SELECT getvariable('region')", "SELECT $region, $a"):
        run = await outcome(door, key, sql=sql, params={"a": 1})
        assert run["status"] == "failed", run
        assert "EU" not in json.dumps(run)
    for sql in ("SELECT * FROM $t", "SELECT * FROM query_table($t)", "SELECT * FROM read_csv($t)"):
        assert (await outcome(door, key, sql=sql, params={"t": "customers"}))["status"] == "failed"
    assert (await outcome(door, key, sql="SELECT count(*) FROM orders WHERE $a", params={"a": True}))["rows"] == [[3]]


async def test_errors_are_the_owners_and_hold_no_value(door: Door, client: Client) -> None:
    key = door.key()
    for sql, params in (("SELECT $a, $b", {"a": "hush"}), ("SELECT ?, ?", ["hush"])):
        mine = (await client.done(await client.run(sql=sql, params=params)))["error"]
        theirs = (await outcome(door, key, sql=sql, params=params))["error"]
        assert (mine["code"], mine["message"]) == (theirs["code"], theirs["message"])
    for sql in ("SELECT $a, nothere FROM orders", "SELECT\n$a || $a, $a::INT FROM orders", "SELECT $a FROM orders WHERE nothere = $a"):
        error = (await outcome(door, key, sql=sql, params={"a": "hush\nhush"}))["error"]
        assert "hush" not in json.dumps(error)
        if "nothere" in sql:
            assert error["facts"]["position"] == f"line 1, column {sql.index('nothere') + 1}"
    for bad in ("1", '"x"', "{", "null", '{"a": "\\ud800"}', "[" * 50_000):
        assert (await door(f"query?sql=SELECT%201&params={quote(bad[:7_000])}", key=key)).code == 400


async def test_kept_answers_are_those_of_the_values(door: Door) -> None:
    key, sql = door.key(), "SELECT id FROM orders WHERE id = $a"
    tags = []
    for value in (2, 4, 2):
        answer = await door(f"query?format=csv&sql={quote(sql)}&params={quote(json.dumps({'a': value}))}", key=key)
        assert answer.body.decode().split() == ['"id"', str(value)]
        tags.append(answer.headers["ETag"])
    assert tags[0] == tags[2] != tags[1]
    one = f"query?format=csv&sql={quote(sql)}&params="
    assert (await door(one + quote('{"a": 2}'), key=key, **{"If-None-Match": tags[0]})).code == 304
    assert (await door(one + quote('{"a": 4}'), key=key, **{"If-None-Match": tags[0]})).code == 200
