"""Answers that were computed before, over HTTP: told as such, never stale, and 304 for who has them."""

from __future__ import annotations

import json
from typing import Any


async def test_a_query_says_whether_it_was_computed_before(client: Any) -> None:
    await client.sql("create table t as select range as i from range(3)")
    first, again = await client.sql("select sum(i) as n from t"), await client.sql("SELECT sum(i) AS n FROM t -- again")
    assert (first["cache"], again["cache"]) == ("miss", "hit")
    assert again["rows"] == first["rows"] == [[3]]
    await client.sql("insert into t values (7)")
    assert ((await client.sql("select sum(i) as n from t"))["rows"]) == [[10]]
    beside = await client.sql("select now()")
    assert (beside["cache"], beside["cache_why"]) == ("bypass", "it calls now()")
    written = await client.sql("insert into t values (7)")
    assert (written["cache"], written["cache_why"]) == ("bypass", "it is not one SELECT")
    cache = json.loads((await client("status")).body)["cache"]
    assert {name: cache[name] for name in ("on", "hits", "misses", "bypassed", "hit_ratio", "answers")} == {
        "on": True, "hits": 1, "misses": 2, "bypassed": 4, "hit_ratio": 0.3333, "answers": 2}
    assert cache["bytes"] > 0


async def test_a_request_may_want_it_computed_anew(client: Any) -> None:
    for asked, told in (("", "miss"), ("no-cache", "miss"), ("max-age=0", "miss"), ("No-Store , x", "miss"),
                        ("max-age=60", "hit"), ("", "hit")):
        answer = await client("query", method="POST", body={"sql": "select 42"}, headers={"Cache-Control": asked})
        done = await client.done(json.loads(answer.body)["run_id"])
        assert (asked, done["cache"]) == (asked, told)


async def test_runs_that_share_their_rows_share_their_tags(client: Any) -> None:
    first, again, anew = [await client.run(sql=sql) for sql in ("select 42 as a", "select 42 as a", "select 43 as a")
                          if await client.sql("select 0") or True]
    for one in (first, again, anew):
        await client.done(one)
    for name in ("csv", "ndjson", "parquet", "arrow"):
        answers = [await client("query", one, format=name) for one in (first, again, anew)]
        tags = [one.headers["ETag"] for one in answers]
        assert (tags[0] == tags[1], tags[0] == tags[2]) == (True, False)
        has = await client("query", again, format=name, headers={"If-None-Match": tags[0]})
        assert has.code == 304
    told = (await client("query", first)).body
    assert b'"data"' not in told
