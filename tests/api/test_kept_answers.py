"""Answers that were computed before, over HTTP: told as such, never stale, and 304 for who has them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow
import pytest

from pluto_duck.governance import trust
from pluto_duck.governance.keys import Keys
from pluto_duck.governance.policy.file import FILE, wanted
from pluto_duck.governance.policy.reading import read
from pluto_duck.workspace import ControlStore, Workspace
from tests.api.door import Door, governed


async def test_a_query_says_whether_it_was_computed_before(client: Any) -> None:
    await client.sql("create table t as select range as i from range(3)")
    first, again = await client.sql("select sum(i) as n from t"), await client.sql("SELECT sum(i) AS n FROM t -- again")
    assert (first["cache"], again["cache"]) == ("miss", "hit")
    assert again["rows"] == first["rows"] == [[3]]
    await client.sql("insert into t values (7)")
    later = [await client.sql("select sum(i) as n from t") for _ in range(2)]  # the second waits until it is kept
    assert [(one["cache"], one["rows"]) for one in later] == [("miss", [[10]]), ("hit", [[10]])]
    beside = await client.sql("select now()")
    assert (beside["cache"], beside["cache_why"]) == ("bypass", "it calls now()")
    written = await client.sql("insert into t values (7)")
    assert (written["cache"], written["cache_why"]) == ("bypass", "it is not one SELECT")
    cache = json.loads((await client("status")).body)["cache"]
    assert {name: cache[name] for name in ("on", "hits", "misses", "bypassed", "hit_ratio", "answers")} == {
        "on": True, "hits": 2, "misses": 2, "bypassed": 4, "hit_ratio": 0.5, "answers": 2}
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


# -- in one request -------------------------------------------------------------------------------

async def test_one_request_is_enough_for_rows(client: Any) -> None:
    await client.sql("create table t as select range as i from range(3)")
    wanted = {"csv": b'"i"\n0\n1\n2\n', "ndjson": b'{"i":0}\n{"i":1}\n{"i":2}\n'}
    for name, body in wanted.items():
        answer = await client("query", sql="from t order by i", format=name)
        assert (answer.code, answer.body) == (200, body)
    table = pyarrow.ipc.open_stream((await client("query", sql="from t order by i", format="arrow")).body).read_all()
    assert table.to_pydict() == {"i": [0, 1, 2]}
    told = json.loads((await client("query", sql="from t order by i")).body)
    assert (told["status"], told["rows"], told["cache"]) == ("succeeded", [[0], [1], [2]], "hit")
    assert (await client("query", sql="from t", max_rows=1, format="csv")).body == b'"i"\n0\n'


async def test_a_get_changes_nothing_not_even_for_the_owner(client: Any) -> None:
    await client.sql("create table t as select 1 as i")
    for sql in ("insert into t values (1)", "create table x (i int)", "drop table t", "select 1; drop table t", "copy t to 'x.csv'",
                "select * from read_csv('/etc/passwd')", "attach 'x.db'", "set threads = 1", "begin", "checkpoint",
                "call pragma_version()", "from 'x.csv'", "explain analyze insert into t values (1)", "select nextval('s')", ""):
        answer = await client("query", sql=sql, format="csv")
        assert 400 <= answer.code < 500, (sql, answer.body)
        assert (await client.sql("select count(*) from t"))["rows"] == [[1]], sql
    assert (await client("query", sql="from x", format="csv")).code == 404


async def test_an_error_has_its_status_in_every_form(client: Any) -> None:
    for name in ("json", "csv", "parquet"):
        answer = await client("query", sql="select nope from nowhere", format=name)
        assert (answer.code, answer.headers["Content-Type"]) == (404, "application/problem+json")
    for more in ({"format": "events"}, {"format": "xml"}, {"timeout_s": "soon"}, {"max_rows": "-1"}, {"sql": "x" * 8_001}):
        answer = await client("query", **{"sql": "select 1", **more})
        assert answer.code == 400


async def test_who_has_the_rows_of_a_select_gets_304_and_nothing_runs(client: Any) -> None:
    await client.sql("create table t as select 1 as i")
    first = await client("query", sql="from t", format="csv")
    has = {"If-None-Match": first.headers["ETag"]}
    before = json.loads((await client("query")).body)["runs"]
    for sql in ("from t", " FROM  t -- the same"):
        answer = await client("query", sql=sql, format="csv", headers=has)
        assert (answer.code, answer.body, answer.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert json.loads((await client("query")).body)["runs"] == before
    for more in ({"format": "ndjson"}, {"max_rows": 5}, {"sql": "from t limit 1"}):
        assert (await client("query", headers=has, **{"sql": "from t", "format": "csv", **more})).code == 200
    anew = await client("query", sql="from t", format="csv", headers={**has, "Cache-Control": "no-cache"})
    assert (anew.code, anew.headers["ETag"] != first.headers["ETag"]) == (200, True)
    await client.sql("insert into t values (2)")
    answer = await client("query", sql="from t order by i", format="csv", headers=has)
    assert (answer.code, answer.body) == (200, b'"i"\n1\n2\n')


async def test_a_page_of_another_site_has_nothing_run(jp_serverapp: Any, jp_base_url: str, http_server_client: Any) -> None:
    """Its GET comes with the cookie of whoever is logged in."""
    from http.cookies import SimpleCookie

    login = await http_server_client.fetch(f"{jp_base_url}?token={jp_serverapp.identity_provider.token}",
                                           follow_redirects=False, raise_error=False)
    cookies = SimpleCookie()
    for line in login.headers.get_list("Set-Cookie"):
        cookies.load(line)
    cookie = "; ".join(f"{one.key}={one.value}" for one in cookies.values())
    for site, code in (("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)):
        answer = await http_server_client.fetch(
            f"{jp_base_url}api/v1/query?sql=select%201&format=csv", raise_error=False,
            headers={"Cookie": cookie, "Sec-Fetch-Site": site})
        assert answer.code == code, (site, answer.body)


# -- keys -----------------------------------------------------------------------------------------

@pytest.fixture
def door(jp_fetch: Any, jp_base_url: str, http_server_client: Any, workspace: Workspace) -> Iterator[Door]:
    governed(workspace)
    keys = Keys(ControlStore(workspace.control), workspace)
    yield Door(http_server_client.fetch, jp_base_url, keys)
    keys.close()


async def test_a_key_s_answers_and_tags_are_its_own(door: Door, client: Any) -> None:
    """The same SQL, four people: nobody gets, or learns by a tag, what another one has."""
    url = "query?sql=from%20orders%20order%20by%20id&format=csv&max_age=0"
    eu, us = door.key(name="eu"), door.key(name="us", claims={"region": "US"})
    same = door.key(name="same")
    answers = {name: await door(url, key=key) for name, key in (("eu", eu), ("us", us), ("same", same))}
    answers["owner"] = await client("query", sql="from orders order by id", format="csv")
    assert {one.code for one in answers.values()} == {200}, [one.body for one in answers.values()]
    assert answers["same"].body == answers["eu"].body
    assert len({one.body for one in answers.values()}) == 3
    assert len({one.headers["ETag"] for one in answers.values()}) == 3  # who sees the same shares
    for name, key in (("eu", eu), ("us", us)):
        for other, answer in answers.items():
            again = await door(url, key=key, If_None_Match=answer.headers["ETag"])
            assert (again.code == 304) == (answer.headers["ETag"] == answers[name].headers["ETag"]), (name, other)


async def test_a_key_s_hit_is_as_of_now_and_ends_with_a_write(door: Door, client: Any) -> None:
    key, url = door.key(), "query?sql=select%20count(*)%20as%20n%20from%20orders&max_age=0"
    first, again = [json.loads((await door(url, key=key)).body) for _ in range(2)]
    assert ([one["cache"] for one in (first, again)], first["rows"]) == (["miss", "hit"], [[3]])
    assert again["age_s"] < 1
    await client.sql("insert into orders values (10, 'x', 'c', 'US')")  # a row that it does not see
    assert json.loads((await door(url, key=key)).body)["cache"] == "miss"
    await client.sql("insert into orders values (12, 'x', 'c', 'EU')")
    later = json.loads((await door(url, key=key)).body)
    assert (later["cache"], later["rows"]) == ("miss", [[4]])


async def test_a_key_that_loses_a_table_loses_the_answers_with_it(door: Door) -> None:
    key, url = door.key(), "query?sql=select%20count(*)%20as%20n%20from%20orders&max_age=0&format=csv"
    first = await door(url, key=key)
    assert first.code == 200
    policy = "version: 1\nroles: {eu: {}, none: {}}\n"
    (door.workspace.root / FILE).write_text(policy)
    trust.grant(door.workspace, FILE, wanted(read(policy)[1]))
    for more in ({}, {"If_None_Match": first.headers["ETag"]}):
        assert (await door(url, key=key, **more)).code in (403, 404)


async def test_a_key_needs_the_scope_and_lists_nobody_s_runs(door: Door) -> None:
    key = door.key(scopes=("schema:read",))
    assert (await door("query?sql=select%201", key=key)).code == 403
    assert (await door("query", key=door.key(name="whole"))).code == 403
