"""The address itself: forms, status codes, who may what, and that it asks what the workspace is now."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from pluto_duck.governance.keys import Keys
from pluto_duck.session import Session
from pluto_duck.workspace import Workspace

Fetch = Callable[..., Awaitable[Any]]
RESPONSE = "application/graphql-response+json"


class Door:
    def __init__(self, fetch: Any, base_url: str, token: str) -> None:
        self._fetch, self._base_url, self._token = fetch, base_url, token

    async def __call__(self, text: str | None = None, *, key: str | None = None, method: str = "POST", body: Any = None,
                       query: dict[str, str] | None = None, operation: str | None = None, **variables: Any) -> Any:
        headers = {"Authorization": f"Bearer {key}" if key else f"token {self._token}"} if key != "" else {}
        return await self.raw(method, body if body is not None else
                              {"query": text, "variables": variables, "operationName": operation}, query, headers)

    async def raw(self, method: str, body: Any = None, query: dict[str, str] | None = None,
                  headers: dict[str, str] | None = None, kind: str = "application/json") -> Any:
        url = f"{self._base_url}api/v1/graphql" + (f"?{urlencode(query)}" if query else "")
        sent = {"Content-Type": kind, **(headers or {})} if method == "POST" else headers or {}
        data = (body if isinstance(body, str) else json.dumps(body)) if method == "POST" else None
        return await self._fetch(url, method=method, headers=sent, body=data, raise_error=False, follow_redirects=False)

    @property
    def owner(self) -> dict[str, str]:
        return {"Authorization": f"token {self._token}"}


@pytest.fixture
def door(shop: Workspace, http_server_client: Any, jp_base_url: str, jp_serverapp: Any) -> Door:
    return Door(http_server_client.fetch, jp_base_url, jp_serverapp.identity_provider.token)


def told(answer: Any) -> dict[str, Any]:
    return json.loads(answer.body)  # type: ignore[no-any-return]


async def test_a_query_by_post_and_by_get(door: Door) -> None:
    text = "query q($i: Int!) {customers_by_pk(id: $i) {name}}"
    answer = await door(text, i=3)
    assert (answer.code, told(answer)) == (200, {"data": {"customers_by_pk": {"name": "name 3"}}})
    assert answer.headers["Content-Type"].startswith(RESPONSE)
    assert answer.headers["Cache-Control"] == "no-store"
    by_get = await door.raw("GET", query={"query": text, "variables": '{"i": 3}'}, headers=door.owner)
    assert told(by_get) == told(answer)
    plain = await door.raw("POST", {"query": text, "variables": {"i": 4}}, headers={**door.owner, "Accept": "application/json"})
    assert plain.headers["Content-Type"].startswith("application/json")
    odd = await door.raw("POST", {"query": text}, headers={**door.owner, "Accept": "text/html"})
    assert odd.code == 406


async def test_what_is_no_request_is_a_problem(door: Door) -> None:
    for body in ("[]", '[{"query": "{__typename}"}]', "{", '"x"', "{}", '{"query": 1}', '{"query": ""}',
                 '{"query": "{a}", "variables": []}', '{"query": "{a}", "more": 1}'):
        answer = await door.raw("POST", body, headers=door.owner)
        assert answer.code == 400, body
        assert answer.headers["Content-Type"] == "application/problem+json"


async def test_a_document_that_is_wrong_is_400_in_the_new_form_and_200_in_the_old(door: Door) -> None:
    for text in ("{nothing}", "{", "query a {__typename} query b {__typename}", "query($i: Int!) {customers_by_pk(id: $i) {id}}"):
        answer = await door(text)
        assert answer.code == 400
        assert "data" not in told(answer)
        assert told(answer)["errors"][0]["extensions"]["code"] == "usage"
        old = await door.raw("POST", {"query": text}, headers={**door.owner, "Accept": "application/json"})
        assert (old.code, told(old)["errors"]) == (200, told(answer)["errors"])
    named = await door("query a {x: __typename} query b {y: __typename}", operation="b")
    assert told(named) == {"data": {"y": "Query"}}


async def test_nothing_is_changed_by_get_or_by_a_form(door: Door) -> None:
    text = 'mutation {insert_secrets_one(object: {id: 7, word: "x"}) {id}}'
    answer = await door.raw("GET", query={"query": text}, headers=door.owner)
    assert answer.code == 400
    assert "POST" in told(answer)["errors"][0]["extensions"]["hint"]
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        answer = await door.raw("POST", {"query": text}, headers=door.owner, kind=kind)
        assert answer.code == 415, kind
    assert told(await door("{secrets_by_pk(id: 7) {id}}")) == {"data": {"secrets_by_pk": None}}


async def test_a_cookie_alone_changes_nothing_without_its_xsrf_token(door: Door, jp_serverapp: Any) -> None:
    token = jp_serverapp.identity_provider.token
    login = await door._fetch(f"{door._base_url}api/v1/health?token={token}")
    cookie = "; ".join(one.split(";")[0] for one in login.headers.get_list("Set-Cookie"))
    answer = await door.raw("POST", {"query": "{__typename}"}, headers={"Cookie": cookie})
    assert answer.code == 403
    elsewhere = await door.raw("GET", query={"query": "{__typename}"}, headers={"Cookie": cookie, "Origin": "https://elsewhere.example"})
    assert elsewhere.code in (403, 404), "Jupyter's own answer to another origin"
    assert (await door.raw("GET", query={"query": "{__typename}"}, headers={"Cookie": cookie})).code == 200


async def test_a_key_sees_its_own_schema_and_rows(door: Door, keys: Keys) -> None:
    key = keys.create("eu", ["eu"], claims={"region": "EU"}, scopes=("schema:read", "data:read", "data:write"))[1]
    found = told(await door("{customers(order_by: {id: asc}) {id name} __schema {types {name}}}", key=key))
    assert found["data"]["customers"] == [{"id": i, "name": "n***"} for i in (0, 2, 4)]
    names = {one["name"] for one in found["data"]["__schema"]["types"]}
    assert "customers" in names
    assert not {one for one in names if "secret" in one or "card" in one or "sales" in one}
    assert "customers_insert_input" in names
    assert not {"orders_insert_input", "customers_mutation_response_"} & names
    for text in ("{secrets {id}}", "{customers {card}}", "{sales_orders {a}}", 'mutation {sql(statement: "SELECT 1") {run_id}}'):
        answer = await door(text, key=key)
        assert answer.code == 400, text
        assert "hidden" not in answer.body.decode()


async def test_who_may_not_look_at_the_schema_is_told_nothing_of_it(door: Door, keys: Keys) -> None:
    key = keys.create("blind", ["eu"], claims={"region": "EU"}, scopes=("query:ask", "data:read"))[1]
    for text in ("{__schema {types {name}}}", '{customers {id} x: __type(name: "customers") {name}}',
                 "query {...f} fragment f on Query {__schema {queryType {name}}}"):
        answer = await door(text, key=key)
        assert answer.code == 400
        assert told(answer)["errors"][0]["extensions"]["code"] == "refused"
        assert "schema:read" in told(answer)["errors"][0]["extensions"]["hint"]
    assert told(await door("{__typename customers(limit: 1) {__typename}}", key=key))["data"]["__typename"] == "Query"
    wrong = told(await door("{customer {id}}", key=key))["errors"][0]
    assert "Did you mean" not in wrong["message"]


async def test_the_schema_follows_tables_and_policy(door: Door, keys: Keys, shop: Workspace) -> None:
    from pluto_duck.governance import trust
    from pluto_duck.governance.policy.file import FILE, wanted
    from pluto_duck.governance.policy.reading import read

    key = keys.create("eu", ["eu"], claims={"region": "EU"}, scopes=("schema:read", "data:read", "data:write"))[1]
    text = "{fresh {id}}"
    assert (await door(text)).code == 400
    assert told(await door('mutation {sql(statement: "CREATE TABLE fresh (id INTEGER PRIMARY KEY)", wait: 20) {status}}'))[
        "data"] == {"sql": {"status": "succeeded"}}
    assert told(await door(text)) == {"data": {"fresh": []}}
    assert (await door(text, key=key)).code == 400
    policy = (shop.root / FILE).read_text().replace("  none: {}", "  none: {}").replace(
        "- {tables: [orders, items], actions: [read, ask]}", "- {tables: [fresh], actions: [read]}")
    (shop.root / FILE).write_text(policy)
    trust.grant(shop, FILE, wanted(read(policy)[1]))
    assert told(await door(text, key=key)) == {"data": {"fresh": []}}
    assert (await door("{orders {id}}", key=key)).code == 400


async def test_runs_start_and_show_their_rows(door: Door, keys: Keys) -> None:
    key = keys.create("runner", ["eu"], claims={"region": "EU"}, scopes=("schema:read", "query:run", "query:ask"))[1]
    text = 'mutation {sql(statement: "SELECT id FROM customers ORDER BY id", wait: 20) {run_id status row_count rows columns {name type}}}'
    found = told(await door(text, key=key))["data"]["sql"]
    assert (found["status"], found["rows"], found["columns"]) == ("succeeded", [[0], [2], [4]], [{"name": "id", "type": "INTEGER"}])
    again = told(await door("query($r: ID!) {run(run_id: $r) {rows(offset: 1, limit: 1) kind error}}", key=key, r=found["run_id"]))
    assert again == {"data": {"run": {"rows": [[2]], "kind": "sql", "error": None}}}
    other = keys.create("other", ["eu"], claims={"region": "EU"}, scopes=("query:run",))[1]
    theirs = told(await door("query($r: ID!) {run(run_id: $r) {rows}}", key=other, r=found["run_id"]))
    assert theirs["data"] == {"run": None}
    assert theirs["errors"][0]["extensions"]["code"] == "run_not_found"
    asked = told(await door('mutation {ask(question: "how many customers are there?", wait: 30) {status rows answer}}', key=key))
    assert asked["data"]["ask"]["rows"] == [[3]]
    failed = told(await door('mutation {sql(statement: "SELECT * FROM secrets", wait: 20) {status error}}', key=key))
    assert failed["data"]["sql"]["status"] == "failed"
    assert "hidden" not in str(failed)


async def test_scopes_rule_what_a_schema_has(door: Door, keys: Keys) -> None:
    def key(*scopes: str) -> str:
        return keys.create("-".join(scopes).replace(":", "_"), ["clerk"], scopes=scopes)[1]

    read, write, none = "{orders {id}}", "mutation {delete_items(where: {order_id: {_eq: 77}}) {affected_rows}}", key("query:ask")
    for text in (read, write):
        refused = await door(text, key=none)
        assert refused.code == 400
        assert "data:read" in told(refused)["errors"][0]["extensions"]["hint"]
    reader, both = key("data:read"), key("data:read", "data:write")
    assert ((await door(read, key=reader)).code, (await door(write, key=reader)).code) == (200, 400)
    assert told(await door(write, key=both)) == {"data": {"delete_items": {"affected_rows": 0}}}
    assert (await door(write, key=key("data:write"))).code == 400


async def test_reads_by_key_that_wait_together_are_one_statement(door: Door, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "query($i: Int!) {customers_by_pk(id: $i) {id name}}"
    eu = keys.create("eu", ["eu"], claims={"region": "EU"}, scopes=("data:read",))[1]
    us = keys.create("us", ["eu"], claims={"region": "US"}, scopes=("data:read",))[1]
    asked: list[tuple[str, list[Any]]] = []
    inner = Session.by_key

    def counted(self: Session, table: Any, wanted: Any, columns: Any = None) -> Any:
        assert self.actor is not None
        asked.append((self.actor.claims["region"], list(wanted)))  # type: ignore[arg-type]
        return inner(self, table, wanted, columns)

    for key in (eu, us):
        await door(text, key=key, i=0)
    monkeypatch.setattr(Session, "by_key", counted)
    both = [(key, i) for i in range(6) for key in (eu, us)] * 3
    answers = await asyncio.gather(*(door(text, key=key, i=i) for key, i in both))
    for (key, i), answer in zip(both, answers, strict=True):
        seen = (i % 2 == 0) == (key == eu)
        assert told(answer)["data"]["customers_by_pk"] == ({"id": i, "name": "n***"} if seen else None)
    assert max(len(some) for _region, some in asked) > 1, "they were read together"
    assert {region for region, _keys in asked} == {"EU", "US"}, "and never those of two actors"
    wrong = await asyncio.gather(door(text, key=eu, i="x"), door(text, key=eu, i=2))
    assert [one.code for one in wrong] == [400, 200], "nor does the error of one reach another"


async def test_a_bad_key_is_401_and_so_is_none(door: Door) -> None:
    for method in ("GET", "POST"):
        for headers in ({"Authorization": "Bearer pdk_wrong"}, {}):
            answer = await door.raw(method, {"query": "{__typename}"}, {"query": "{__typename}"}, headers)
            assert answer.code == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


async def test_a_document_is_read_once(door: Door, jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from pluto_duck.api.graphql import serving

    text, count = "query($i: Int!) {customers_by_pk(id: $i) {id name}}", 0
    inner = serving.validate

    def counted(*args: Any, **more: Any) -> Any:
        nonlocal count
        count += 1
        return inner(*args, **more)

    monkeypatch.setattr(serving, "validate", counted)
    for i in (1, 2, 1):
        assert told(await door(text, i=i))["data"]["customers_by_pk"]["id"] == i
    assert count == 1


def test_one_schema_for_each_set_of_roles(shop: Workspace) -> None:
    from pluto_duck.api.graphql.serving import Schemas
    from pluto_duck.governance import Actor

    schemas = Schemas()

    def of(*roles: str, region: str = "EU") -> Any:
        with Session.open(shop.root, actor=Actor("key", "k", roles, {"region": region})) as session:
            return schemas.of(session, frozenset(["data:read"]))

    assert of("eu") is of("eu", region="US"), "claims rule rows, not names"
    assert of("eu") is not of("clerk")
    assert schemas.made == 2
    with Session.open(shop.root) as session:
        first = schemas.of(session, None)
        assert schemas.of(session, None) is first
        session.query("CREATE TABLE more (id INTEGER)")
        assert schemas.of(session, None) is not first
        session.query("INSERT INTO more VALUES (1)")
        assert schemas.of(session, None) is schemas.of(session, None)
    assert schemas.made == 4
