"""The rows of tables as resources: read, made, changed and taken away over HTTP."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any
from urllib.parse import quote

import pytest

from pluto_duck.session import Session
from pluto_duck.workspace import Workspace


@pytest.fixture
def ask(http_server_client: Any, jp_base_url: str, jp_auth_header: dict[str, str], jp_serverapp: Any,
        workspace: Workspace) -> Any:
    with Session.open(workspace.root) as session:
        session.query(
            "CREATE TABLE items (id BIGINT PRIMARY KEY, name VARCHAR NOT NULL DEFAULT 'new', amount DECIMAL(18,2), "
            "big HUGEINT, day DATE, moment TIMESTAMPTZ, spot STRUCT(x INTEGER, y INTEGER), tags VARCHAR[], code VARCHAR UNIQUE);"
            "INSERT INTO items SELECT i, 'n' || i, CASE WHEN i % 4 <> 0 THEN i * 1.25 END, i, DATE '2024-01-01' + i::INTEGER, "
            "TIMESTAMPTZ '2024-01-01 00:00:00+00', {'x': i, 'y': 0}, ['a', 'b'], 'c' || i FROM range(1, 13) r(i);"
            "CREATE TABLE pairs (a VARCHAR, b INTEGER, v VARCHAR, PRIMARY KEY (a, b));"
            "INSERT INTO pairs VALUES ('x,y', 1, 'comma'), ('a/b', 2, 'slash'), ('ü', 3, 'umlaut');"
            "CREATE TABLE bare (v INTEGER); INSERT INTO bare SELECT * FROM range(5)")

    async def fetch(*path: str, method: str = "GET", body: Any = None, accept: str = "*/*",
                    headers: dict[str, str] | None = None) -> Any:
        data = body if body is None or isinstance(body, bytes | str) else json.dumps(body)
        return await http_server_client.fetch(
            f"{jp_base_url}api/v1/{'/'.join(path)}", method=method, raise_error=False, allow_nonstandard_methods=True,
            headers={**jp_auth_header, "Accept": accept, **(headers or {})}, body=data)

    return fetch


def told(answer: Any, code: int = 200) -> Any:
    assert answer.code == code, answer.body
    return json.loads(answer.body) if answer.body else None


async def rows(ask: Any, query: str) -> list[dict[str, Any]]:
    return told(await ask("tables", f"items/rows?{query}"))["rows"]  # type: ignore[no-any-return]


CONDITIONS = [
    ("amount=gte.10", [9, 10, 11]), ("amount=is.null", [4, 8, 12]), ("amount=not.is.null&id=lt.4", [1, 2, 3]),
    ("id=in.(1,3,99)", [1, 3]), ("name=in.(n1,%22n2%22)", [1, 2]), ("id=not.in.(1,2,3,4,5,6,7,8,9,10)", [11, 12]),
    ("name=like.n1*", [1, 10, 11, 12]), ("name=ilike.N_", list(range(1, 10))), ("name=contains.2", [2, 12]),
    ("or=(id.eq.1,and(id.gt.3,id.lt.6))", [1, 4, 5]), ("or=(name.eq.%22n7%22,name.in.(n8,%22n9%22))", [7, 8, 9]),
    ("not.or=(id.gt.2,amount.is.null)", [1, 2]), ("and=(id.gt.3,not.or(id.gt.5,id.eq.4))", [5]),
    ("id=gt.3&id=lt.5", [4]), ("day=eq.2024-01-06", [5]), ("moment=eq.2024-01-01T00:00:00Z&id=eq.2", [2]),
    ("NAME=eq.n3", [3]), ("name=isdistinct.n1&id=lt.3", [2]), ("big=eq.7", [7]), ("name=eq.", []),
    ("order=amount.desc,id&limit=2", [11, 10]), ("order=amount,id.desc&limit=10&offset=8", [11, 12, 8, 4])]


async def test_conditions_in_the_address_keep_rows(ask: Any) -> None:
    for query, ids in CONDITIONS:
        order = "" if "order=" in query else "&order=id"
        assert [one["id"] for one in await rows(ask, query + order)] == ids, query


async def test_rows_are_objects_with_exact_values(ask: Any) -> None:
    found = (await rows(ask, "id=eq.3"))[0]
    assert found == {"id": 3, "name": "n3", "amount": "3.75", "big": 3, "day": "2024-01-04", "moment": "2024-01-01T00:00:00Z",
                     "spot": {"x": 3, "y": 0}, "tags": ["a", "b"], "code": "c3"}
    assert await rows(ask, "id=eq.3&select=name,ID") == [{"name": "n3", "id": 3}]


async def test_pages_follow_each_other_to_the_end(ask: Any) -> None:
    for query in ("order=amount.desc&limit=5&id=gt.1", "limit=5", "order=amount&limit=1&select=name"):
        found, address, whole = [], f"items/rows?{query}", query.replace("limit=5", "").replace("limit=1&", "")
        while address:
            answer = await ask("tables", address)
            page = told(answer)
            found += page["rows"]
            link = re.fullmatch(r'<(.*)>; rel="next"', answer.headers.get("Link", "<>; rel=\"next\""))
            assert link is not None
            assert link[1] == page["links"].get("next", "")
            address = link[1].partition("/tables/")[2]
        assert found == (await rows(ask, whole + ("" if "order" in query else "&order=id")))
    assert [one["v"] for one in told(await ask("tables", "bare/rows?limit=2&offset=2"))["rows"]] == [2, 3]
    assert "offset=4" in (await ask("tables", "bare/rows?limit=2&offset=2")).headers["Link"]


FORMS = [
    ("application/x-ndjson", b'{"id": 1, "amount": "1.25"}\n'), ("text/csv", b'"id","amount"\n1,1.25\n'),
    ("application/vnd.apache.arrow.stream", b"\xff\xff\xff\xff")]


async def test_a_page_in_other_forms(ask: Any) -> None:
    for accept, first in FORMS:
        answer = await ask("tables", "items/rows?limit=1&select=id,amount&order=id", accept=accept)
        assert answer.code == 200
        assert answer.body.startswith(first)
        assert answer.headers["Content-Type"].startswith(accept)
        assert 'rel="next"' in answer.headers["Link"]


UNREADABLE = [
    "id=eq.x", "id=foo.1", "id=eq", "id=1", "amount=eq.1.234", "id=in.1", "or=id.eq.1", "or=(id)", "and=((", "id=is.5",
    "limit=0", "limit=x", "limit=99999", "offset=-1", "cursor=xx", "cursor=W10", "order=id.nullsfirst", "day=eq.2024-02-31",
    "id=like.1*", 'name=in.(%22a', "or=(" + "not." * 3 + "id.eq.1,or(" * 30 + ")" * 31, "cursor=xx&offset=1",
    "id=" + "not." * 1_000 + "eq.1", "and=(id." + "not." * 1_000 + "eq.1)"]


async def test_what_can_t_be_read_is_a_problem_with_a_hint(ask: Any) -> None:
    for query in UNREADABLE:
        answer = await ask("tables", f"items/rows?{query}")
        assert (answer.code, query) == (400, query), answer.body
        assert told(answer, 400)["detail"]


EVIL = ["1; DROP TABLE items", "1) OR (1=1", "'; DROP TABLE items; --", 'x" OR 1=1 --', "1 UNION SELECT 1", "\\'; --",
        "$$; DROP TABLE items; $$", "%27%20OR%201=1--", "(SELECT 1)", "query('DROP TABLE items')", "items.id", "*,1"]


@pytest.mark.parametrize("each", [3, pytest.param(1, marks=pytest.mark.soak)])
async def test_nothing_that_is_sent_becomes_sql(ask: Any, each: int) -> None:
    """A third of the texts in each place, every text in some; all of them everywhere in the soak."""
    for number, evil in enumerate(EVIL):
        await attacked(ask, evil, number % each, each)


async def attacked(ask: Any, evil: str, first: int, each: int) -> None:
    text = quote(evil, safe="")
    before = told(await ask("tables", "items/rows"))["rows"]
    queries = (f"id=eq.{text}", f"name=eq.{text}", f"name=like.{text}", f"name=in.({text})", f"{text}=eq.1",
               f"select={text}", f"order={text}", f"limit={text}", f"offset={text}", f"cursor={text}", f"or=({text})",
               f"or=(name.eq.{text})", f"and=({text}.eq.1)", f"name={text}", f"on_conflict={text}", f"day=eq.{text}",
               f"spot=eq.{text}", f"tags=eq.{text}", f"moment=gt.{text}", f"code=isdistinct.{text}")
    for query in queries[first::each]:
        for method, body in (("GET", None), ("POST", {"id": evil}), ("POST", {evil: 1})):
            answer = await ask("tables", f"items/rows?{query}", method=method, body=body)
            assert answer.code in (200, 400, 404), (method, query, answer.body)
            assert b"Parser" not in answer.body
    for path in (f"items/rows/{text}", f"{text}/rows", f"{text}/rows/1", f"pairs/rows/{text},1"):
        for method, body in (("GET", None), ("PATCH", {"name": evil}), ("PUT", {"name": evil}), ("DELETE", None)):
            answer = await ask("tables", path, method=method, body=body)
            assert answer.code in (400, 404, 405), (method, path, answer.body)
    answer = await ask("tables", "items/rows/1", method="PATCH", body={"name": evil, "tags": [evil], "code": evil})
    assert told(answer)["name"] == evil
    assert told(await ask("tables", "items/rows?id=gt.1"))["rows"] == before[1:]


async def test_one_row_by_its_key(ask: Any) -> None:
    answer = await ask("tables", "items/rows/3")
    assert told(answer)["name"] == "n3"
    tag = answer.headers["ETag"]
    assert re.fullmatch('"[\\w-]{22}"', tag)
    assert (await ask("tables", "items/rows/3", headers={"If-None-Match": tag})).code == 304
    assert (await ask("tables", "items/rows/3", headers={"If-None-Match": '"other"'})).code == 200
    assert told(await ask("tables", "items/rows/3?select=name")) == {"name": "n3"}
    assert (await ask("tables", "items/rows/99")).code == 404
    assert (await ask("tables", "items/rows/x")).code == 400
    assert (await ask("tables", "nosuch/rows/1")).code == 404
    answer = await ask("tables", "bare/rows/1")
    assert answer.code == 400
    assert "primary key" in told(answer, 400)["detail"]
    for address, value in (("x%2Cy,1", "comma"), ("a%2Fb,2", "slash"), ("%C3%BC,3", "umlaut")):
        assert told(await ask("tables", f"pairs/rows/{address}"))["v"] == value
    assert (await ask("tables", "pairs/rows/x")).code == 400


async def test_made_changed_and_taken_away(ask: Any) -> None:
    made = await ask("tables", "items/rows", method="POST", body={"id": 50, "amount": 12.5, "big": "170141183460469231731"})
    assert told(made, 201)["amount"] == "12.50"
    assert told(made, 201)["name"] == "new"
    assert made.headers["Location"].endswith("/api/v1/tables/items/rows/50")
    assert (await ask("tables", "items/rows/50")).headers["ETag"] == made.headers["ETag"]
    patched = await ask("tables", "items/rows/50", method="PATCH", body={"amount": None, "spot": {"x": 1}},
                        headers={"Content-Type": "application/merge-patch+json"})
    assert told(patched)["amount"] is None
    assert told(patched)["spot"] == {"x": 1, "y": None}
    patched = await ask("tables", "items/rows/50", method="PATCH", body={"spot": {"y": 2}})
    assert told(patched)["spot"] == {"x": 1, "y": 2}, "an object is merged into the struct"
    put = await ask("tables", "items/rows/50", method="PUT", body={"name": "whole", "id": "50"})
    assert told(put) == {"id": 50, "name": "whole", "amount": None, "big": None, "day": None, "moment": None, "spot": None,
                         "tags": None, "code": None}
    put = await ask("tables", "items/rows/51", method="PUT", body={"name": "made"})
    assert told(put, 201)["id"] == 51
    assert put.headers["Location"].endswith("/rows/51")
    assert (await ask("tables", "items/rows/50", method="DELETE")).code == 204
    assert (await ask("tables", "items/rows/50", method="DELETE")).code == 404
    assert (await ask("tables", "items/rows/50", method="PATCH", body={"name": "x"})).code == 404
    assert (await ask("tables", "items/rows/51", method="PUT", body={"id": 52, "name": "x"})).code == 400
    minimal = await ask("tables", "items/rows", method="POST", body={"id": 60}, headers={"Prefer": "return=minimal"})
    assert (minimal.code, minimal.body) == (201, b"")
    assert minimal.headers["Location"].endswith("/rows/60")
    many = told(await ask("tables", "bare/rows", method="POST", body=[{"v": 10}, {"v": 11}, {}]), 201)
    assert (many["affected"], many["rows"]) == (3, [{"v": 10}, {"v": 11}, {"v": None}])


async def test_conditions_on_the_state_of_a_row(ask: Any) -> None:
    tag = (await ask("tables", "items/rows/3")).headers["ETag"]
    changed = await ask("tables", "items/rows/3", method="PATCH", body={"name": "a"}, headers={"If-Match": f'"x", {tag}'})
    assert changed.code == 200
    for method, body in (("PATCH", {"name": "b"}), ("PUT", {"name": "b"}), ("DELETE", None)):
        for given in (tag, f"W/{changed.headers['ETag']}"):
            answer = await ask("tables", "items/rows/3", method=method, body=body, headers={"If-Match": given})
            assert answer.code == 412
    assert (await ask("tables", "items/rows/77", method="PUT", body={}, headers={"If-Match": "*"})).code == 412
    assert (await ask("tables", "items/rows/3", method="PUT", body={}, headers={"If-None-Match": "*"})).code == 412
    assert (await ask("tables", "items/rows/77", method="PUT", body={}, headers={"If-None-Match": "*"})).code == 201
    assert told(await ask("tables", "items/rows/3"))["name"] == "a"
    answer = await ask("tables", "items/rows/3", method="DELETE", headers={"If-Match": changed.headers["ETag"]})
    assert answer.code == 204


async def test_the_setting_demands_if_match(ask: Any, workspace: Workspace) -> None:
    workspace.toml.write_text(workspace.toml.read_text(encoding="utf-8") + '\n[rest]\nif_match = "required"\n',
                              encoding="utf-8")
    for method, body in (("PATCH", {"name": "b"}), ("PUT", {"name": "b"}), ("DELETE", None)):
        assert (await ask("tables", "items/rows/3", method=method, body=body)).code == 428
    assert (await ask("tables", "items/rows/3", method="DELETE", headers={"If-Match": "*"})).code == 204


UNMAKEABLE = [
    ({"id": 3}, 409), ({"id": 90, "name": None}, 409), ({"id": 90, "code": "c1"}, 409), ({"id": "x"}, 400),
    ({"id": 90, "nosuch": 1}, 404), ([], 400), ([1], 400), ("{", 400), ("5", 400), ('{"id": NaN}', 400),
    ('{"id": 1, "id": 2}', 400), ({"id": 90, "amount": "1.999"}, 400), ({"id": 90, "day": "2024-02-30"}, 400),
    ({"id": 90, "spot": {"z": 1}}, 400), ({"id": 90, "tags": "a"}, 400), ("[" * 5000, 400), ('{"id": "\\ud800"}', 400)]


async def test_what_can_t_be_made_is_told(ask: Any) -> None:
    for body, code in UNMAKEABLE:
        answer = await ask("tables", "items/rows", method="POST", body=body)
        assert (answer.code, body) == (code, body), answer.body
        assert "c1" not in told(answer, code)["detail"].replace("column", "")


async def test_a_body_of_another_type_is_415(ask: Any) -> None:
    answer = await ask("tables", "items/rows", method="POST", body=b"id=1", headers={"Content-Type": "text/plain"})
    assert answer.code == 415


async def test_a_request_with_a_key_runs_once(ask: Any) -> None:
    async def post(body: Any, key: str = "k1") -> Any:
        return await ask("tables", "bare/rows", method="POST", body=body, headers={"Idempotency-Key": key})

    first, second = await post({"v": 70}), await post({"v": 70})
    assert (first.code, first.body) == (second.code, second.body) == (201, b'{"v":70}')
    assert second.headers["Idempotency-Replayed"] == "true"
    assert (await post({"v": 71})).code == 422
    assert (await post({"v": 71}, "k2")).code == 201
    assert (await post({"v": "x"}, "k3")).code == 400
    assert (await post({"v": 72}, "k3")).code == 201, "what failed may be tried again"
    assert (await post({"v": 1}, " ")).code == 400
    found = told(await ask("tables", "bare/rows?v=gte.70"))["rows"]
    assert sorted(one["v"] for one in found) == [70, 71, 72]


async def test_two_actors_never_share_a_call(door: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that wait together are one call, each actor's by itself."""
    from pluto_duck.api.rows.desk import Desk
    from tests.api.door import POLICY, governed_again

    with Session.open(door.workspace.root) as session:
        session.query("ALTER TABLE orders ADD PRIMARY KEY (id)")
    governed_again(door.workspace, POLICY.replace("[read, ask]", "[read, ask, update]"))
    keys = {region: door.key(name=region, claims={"region": region}) for region in ("EU", "US")}
    calls: list[tuple[str, set[str], int]] = []

    def spied(name: str) -> Any:
        work = getattr(Desk, name)

        def spy(self: Desk, asked: Any, items: list[Any]) -> Any:
            rows = {one[0] for one in items} if name == "_read" else {one[0][0].where.parts[0] for one in items}
            calls.append((asked.actor.name, rows, len(items)))
            return work(self, asked, items)

        return spy

    for name in ("_read", "_write"):
        monkeypatch.setattr(Desk, name, spied(name))
    mine = {"EU": {"0", "2", "4"}, "US": {"1", "3", "5"}}
    asked = [(region, row) for _ in range(8) for region in keys for row in sorted(mine[region])]
    for method, body in (("GET", None), ("PATCH", {"region": None})):
        calls.clear()
        sent = {region: body and {"region": region} for region in keys}
        answers = await asyncio.gather(*(door(f"tables/orders/rows/{row}", method, keys[region], sent[region])
                                         for region, row in asked))
        assert {one.code for one in answers} == {200}
        assert all(json.loads(answer.body)["region"] == region for (region, _row), answer in zip(asked, answers, strict=True))
        assert calls
        for name, rows, _count in calls:
            assert rows <= mine[name], f"{method}: a call of {name} was about rows of another"
        assert len(calls) < len(asked), f"{method}: none waited together"


async def test_each_write_with_a_key_runs_once(ask: Any) -> None:
    def sent(method: str, body: Any, key: str, row: str = "1", **headers: str) -> Any:
        return ask("tables", f"items/rows/{row}", method=method, body=body, headers={"Idempotency-Key": key, **{
            name.replace("_", "-"): one for name, one in headers.items()}})

    async def between() -> None:
        """What a second run would show."""
        assert (await ask("tables", "items/rows/1", method="PATCH", body={"name": "between"})).code == 200

    for method, body, again in (("PATCH", {"name": "patched"}, {"name": "other"}), ("PUT", {"name": "put"}, {"name": "other"})):
        first = await sent(method, body, method)
        await between()
        second = await sent(method, body, method)
        assert (first.code, first.body, first.headers["ETag"]) == (second.code, second.body, second.headers["ETag"])
        assert (first.code, second.headers["Idempotency-Replayed"]) == (200, "true")
        assert told(await ask("tables", "items/rows/1"))["name"] == "between", method
        assert (await sent(method, again, method)).code == 422
        assert (await sent(method, body, method, row="2")).code == 422
        assert (await sent(method, body, method, If_Match='"x"')).code == 422, "another condition is another request"
        assert (await sent("DELETE", None, method)).code == 422
    made, same = await sent("PUT", {"name": "new"}, "made", row="77"), await sent("PUT", {"name": "new"}, "made", row="77")
    assert (made.code, same.code, same.headers["Location"]) == (201, 201, made.headers["Location"])
    gone = await sent("DELETE", None, "gone", row="77")
    assert (gone.code, (await ask("tables", "items/rows", method="POST", body={"id": 77, "name": "back"})).code) == (204, 201)
    again = await sent("DELETE", None, "gone", row="77")
    assert (again.code, again.headers["Idempotency-Replayed"]) == (204, "true")
    assert (await ask("tables", "items/rows/77")).code == 200, "it was taken away once"


async def test_a_write_that_found_nothing_may_be_tried_again_by_its_key(ask: Any) -> None:
    def delete() -> Any:
        return ask("tables", "items/rows/88", method="DELETE", headers={"Idempotency-Key": "d"})

    assert (await delete()).code == 404
    assert (await ask("tables", "items/rows", method="POST", body={"id": 88, "name": "later"})).code == 201
    assert [(await delete()).code, (await ask("tables", "items/rows/88")).code] == [204, 404]


async def test_a_replayed_change_shows_no_more_than_the_policy_does_now(door: Any) -> None:
    from pluto_duck.session import Session
    from tests.api.door import POLICY, governed_again

    with Session.open(door.workspace.root) as session:
        session.query("ALTER TABLE orders ADD PRIMARY KEY (id)")
    writes = POLICY.replace("[read, ask]", "[read, ask, update]")
    governed_again(door.workspace, writes)
    key = door.key()

    async def patch(key: str) -> Any:
        return await door("tables/orders/rows/2", "PATCH", key, {"region": "EU"}, Idempotency_Key="k")

    first = await patch(key)
    assert (first.code, (await patch(key)).body) == (200, first.body)
    another = await patch(door.key(name="another"))
    assert "Idempotency-Replayed" not in another.headers, "a key of one actor is nobody else's"
    governed_again(door.workspace, writes.replace("hide: card", "hide: [card, region]"))
    later = await patch(key)
    assert (later.code, later.body, "ETag" in later.headers) == (200, b"", False)


async def test_an_answer_that_was_kept_shows_no_more_than_the_policy_does_now(door: Any) -> None:
    from tests.api.door import POLICY, governed_again

    writes = POLICY.replace("[read, ask]", "[read, ask, insert]")
    governed_again(door.workspace, writes)
    key, row = door.key(), {"id": 9, "region": "EU"}

    async def post() -> Any:
        return await door("tables/orders/rows", "POST", key, row, Idempotency_Key="k")

    first, again = await post(), await post()
    assert (first.code, again.code, again.body, again.headers["ETag"]) == (201, 201, first.body, first.headers["ETag"])
    assert json.loads(first.body)["id"] == 9
    for narrower in (writes.replace("hide: card", "hide: [card, id]"), "version: 1\nroles: {none: {}}", writes + "  more: {}"):
        governed_again(door.workspace, narrower)
        later = await post()
        assert (later.code, later.headers["Idempotency-Replayed"]) == (201, "true")
        shown = narrower.startswith(writes)  # what another role is granted changes nothing
        assert (later.body == first.body, "ETag" in later.headers) == (shown, shown), narrower


async def test_a_key_reads_and_writes_by_its_policy(door: Any) -> None:
    key = door.key()
    found = told(await door("tables/orders/rows?order=id", key=key))["rows"]
    assert [one["id"] for one in found] == [0, 2, 4]
    assert {one["email"] for one in found} == {"p***"}
    assert (await door("tables/orders/rows?card=eq.c2", key=key)).code == 404
    assert (await door("tables/other/rows", key=key)).code == 404
    assert (await door("tables/orders/rows", "POST", key, {"id": 9})).code == 403
    reader, writer = door.key(name="r", scopes=("data:read",)), door.key(name="w", scopes=("data:write",))
    assert (await door("tables/orders/rows", "POST", reader, {"id": 9})).code == 403
    answer = await door("tables/orders/rows", key=writer)
    assert answer.code == 403
    assert 'scope="data:read"' in answer.headers["WWW-Authenticate"]


async def test_a_row_that_is_nothing_but_its_key_can_be_put_again(ask: Any, workspace: Workspace) -> None:
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE labels (label VARCHAR PRIMARY KEY)")
    made = await ask("tables", "labels/rows/red", method="PUT", body={})
    again = await ask("tables", "labels/rows/red", method="PUT", body={})
    assert (made.code, told(again), again.headers["ETag"]) == (201, {"label": "red"}, made.headers["ETag"])
    assert (await ask("tables", "labels/rows/red", method="PUT", body={}, headers={"If-None-Match": "*"})).code == 412
    assert (await ask("tables", "labels/rows/red", method="PUT", body={}, headers={"Prefer": "return=minimal"})).code == 204
