"""Keys and the policy over REST, for the owner; and for everybody who they are."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from jupyter_server.auth.authorizer import Authorizer

from pluto_duck.api.openapi_identity import IDENTITY_SCHEMAS
from tests.api.door import Door, takes_tokens
from tests.services.issuer import TestIssuer


def body(answer: Any) -> dict[str, Any]:
    return json.loads(answer.body)  # type: ignore[no-any-return]


async def made(client: Any, **wanted: Any) -> dict[str, Any]:
    answer = await client("keys", method="POST", body={"name": "dash", "roles": ["eu"], "claims": {"region": "EU"}, **wanted})
    assert answer.code == 201, answer.body
    assert answer.headers["Cache-Control"] == "no-store"
    found = body(answer)
    assert answer.headers["Location"].endswith(f"/api/v1/keys/{found['id']}")
    assert set(found) <= set(IDENTITY_SCHEMAS["NewKey"]["properties"])
    return found


async def test_a_key_is_made_used_rotated_and_revoked(door: Door, client: Any) -> None:
    first = await made(client, scopes=["schema:read"], expires="90d")
    ends = dt.datetime.fromisoformat(first["expires_at"]) - dt.datetime.now(dt.UTC)
    assert dt.timedelta(days=89) < ends <= dt.timedelta(days=90)
    assert (first["good"], first["mind"]) == (True, "")
    assert (await door("tables", key=first["secret"])).code == 200
    again = body(await client("keys", "dash", "rotate", method="POST", body={"overlap": "1h"}))
    assert again["id"] != first["id"]
    assert [(await door("tables", key=one["secret"])).code for one in (first, again)] == [200, 200]
    old = body(await client("keys", first["id"]))
    assert old["successor"] == again["id"]
    assert old["last_used_at"] is not None
    assert body(await client("keys", again["id"], method="DELETE"))["keys"][0]["good"] is False
    assert [(await door("tables", key=one["secret"])).code for one in (first, again)] == [200, 401]
    assert len(body(await client("keys", "dash", method="DELETE"))["keys"]) == 1
    assert (await door("tables", key=first["secret"])).code == 401
    for path in (("keys",), ("keys", first["id"])):
        answer = await client(*path)
        assert answer.code == 200
        assert "secret" not in body(answer)
        for one in (first, again):
            assert one["secret"][13:50].encode() not in answer.body, "never again"


async def test_a_rotation_needs_no_body(client: Any, door: Door) -> None:
    await made(client)
    assert (await client("keys", "dash", "rotate", method="POST")).code == 201


@pytest.mark.parametrize(("wanted", "code"), [
    ({"roles": []}, 400), ({"roles": [1]}, 400), ({"roles": ["a b"]}, 400), ({"name": ""}, 400), ({"name": "a\nb"}, 400),
    ({"scopes": ["admin"]}, 404), ({"scopes": [["query:run"]]}, 400), ({"expires": "soon"}, 400), ({"claims": {"roles": ["x"]}}, 400),
    ({"claims": {"a": {"b": 1}}}, 400), ({"claims": {"a": [1, "x"]}}, 400), ({"other": 1}, 400), ({"claims": {"a": None}}, 400)])
async def test_what_makes_no_sense_makes_no_key(client: Any, door: Door, wanted: dict[str, Any], code: int) -> None:
    answer = await client("keys", method="POST", body={"name": "dash", "roles": ["eu"], **wanted})
    assert answer.code == code, answer.body
    assert body(await client("keys"))["keys"] == []


async def test_no_such_key(client: Any, door: Door) -> None:
    for path, method in ((("keys", "x"), "GET"), (("keys", "x"), "DELETE"), (("keys", "x", "rotate"), "POST")):
        assert (await client(*path, method=method)).code == 404


async def test_a_role_that_is_not_there_is_told(client: Any, door: Door) -> None:
    assert "no role boss" in (await made(client, roles=["boss"]))["mind"]


class NoKeys(Authorizer):
    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        return resource != "pluto_duck_keys"


class TestAuthorizer:
    @pytest.fixture
    def jp_server_config(self, jp_server_config: dict[str, Any]) -> dict[str, Any]:
        jp_server_config["ServerApp"]["authorizer_class"] = NoKeys
        return jp_server_config

    async def test_a_site_may_keep_keys_to_others(self, client: Any, door: Door) -> None:
        for path, method in ((("keys",), "GET"), (("keys",), "POST"), (("keys", "x"), "GET"), (("keys", "x"), "DELETE"),
                             (("keys", "x", "rotate"), "POST")):
            assert (await client(*path, method=method, body={} if method == "POST" else None)).code == 403
        assert (await client("tables")).code == 200


async def test_the_policy_tells_what_is_in_force_and_which_rule_decides(client: Any, door: Door) -> None:
    found = body(await client("policy"))
    assert (found["in_force"], found["why"]) == (True, "")
    assert [one["text"] for one in found["findings"]] == ["The role none is granted nothing."]
    assert {one["name"]: one["sees"] for one in found["roles"]} == {"eu": ["orders"], "none": []}
    (orders,) = body(await client("policy", "explain", role="eu", table="orders"))["tables"]
    assert orders["allowed"]
    assert orders["missing_claims"] == ["region"]
    assert orders["rows"][0]["where"] == "region = $region"
    assert "partial" in {one["name"]: one["shown"] for one in orders["columns"]}["email"]
    everything = body(await client("policy", "explain", role="none", claim="region=EU"))["tables"]
    assert {one["table"]: one["allowed"] for one in everything} == {"orders": False, "other": False}
    assert (await client("policy", "explain")).code == 400
    assert (await client("policy", "explain", role="eu", table="nothing")).code == 404
    assert (await client("policy", "explain", role="eu", action="fly")).code == 404
    (door.workspace.root / "policy.yaml").write_text('version: "1"\nroles: {a: {grants: [{tables: x, actions: read}]}}')
    changed = body(await client("policy"))
    assert not changed["in_force"]
    assert "not been allowed" in changed["why"]
    assert changed["findings"]
    key = door.key()
    run = body(await door(f"query/{body(await door('query', 'POST', key, {'sql': 'FROM orders'}))['run_id']}?wait=30", key=key))
    for refused in (body(await door("tables/orders/rows", key=key)), body(await door("tables/orders", key=key)), run["error"]):
        assert "pluto-duck policy check" in refused["hint"], "whoever sees nothing would look for a wrong name"


async def test_everybody_may_ask_who_they_are(client: Any, door: Door, issuer: TestIssuer) -> None:
    takes_tokens(door.workspace, issuer.url)
    owner = body(await client("me"))
    assert (owner["kind"], owner["roles"], owner["tables"]) == ("owner", None, None)
    key = body(await door("me", key=door.key()))
    assert (key["kind"], key["name"], key["roles"], key["claims"]) == ("key", "dash", ["eu"], {"region": "EU"})
    assert key["tables"] == [{"name": "orders", "actions": ["read", "ask"]}], "nothing of the other one"
    token = body(await door("me", key=issuer.token(roles=["eu", "boss"])))
    assert (token["kind"], token["name"], token["roles"]) == ("token", f"{issuer.url}|alice", ["eu"])
    assert {"query:ask", "query:run", "schema:read"} <= set(token["scopes"])
    assert body(await door("me", key=issuer.token(scope="query:ask")))["tables"] is None, "without schema:read"
