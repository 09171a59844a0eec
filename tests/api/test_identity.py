"""Every address by every identity: none, a bad key, one that is over, one of another workspace, and the right one."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from tornado.web import RequestHandler

from pluto_duck.api.handler import NotFoundHandler
from pluto_duck.api.routes import ROUTES
from pluto_duck.governance.keys import Key, Keys
from pluto_duck.workspace import ControlStore, Workspace
from tests.api.door import POLICY, Door, takes_tokens
from tests.services.issuer import TestIssuer, private_key

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ADDRESSES = [(method, re.sub(r"\(\[\^/\]\+\)", "x", pattern.removeprefix(r"/api/v1").replace("(?:/.*)?", "/nothing")).strip("/"),
              handler) for pattern, handler in ROUTES for method in METHODS]
OPEN = {("GET", "health"), ("GET", "me"), ("GET", "openapi.json"), ("GET", "docs"), ("GET", "tables"), ("GET", "tables/x"), ("POST", "query"),
        ("GET", "query/x"), ("DELETE", "query/x"), ("GET", "graphql"), ("POST", "graphql"),
        ("GET", "tables/x/rows"), ("POST", "tables/x/rows"), ("GET", "tables/x/rows/x"), ("PUT", "tables/x/rows/x"),
        ("PATCH", "tables/x/rows/x"), ("DELETE", "tables/x/rows/x"), ("POST", "ingest"), ("POST", "ingest/x"), ("POST", "tables/x/profile"), ("GET", "conversations"), ("GET", "conversations/x"), ("DELETE", "conversations/x"),
        ("POST", "conversations/x/replay"), ("GET", "answers/x"), ("POST", "answers/x/rating"),
        ("GET", "lineage"), ("GET", "checks"), ("GET", "changes"), ("GET", "approvals"), ("POST", "approvals"), ("GET", "approvals/x"), ("POST", "approvals/x")}
"""What a key may ask for at all; whoever opens another address to them adds it here, and thinks about it."""


def body(answer: Any) -> dict[str, Any]:
    return json.loads(answer.body)  # type: ignore[no-any-return]


async def outcome(door: Door, key: str, **asked: Any) -> dict[str, Any]:
    started = await door("query", "POST", key, asked)
    assert started.code == 202, started.body
    answer = await door(f"query/{body(started)['run_id']}?wait=30", key=key)
    assert answer.code == 200, answer.body
    return body(answer)


MIXED = {("GET", "query")}
"""With `sql` it is open, and tests/api/test_kept_answers.py has it."""
FREE = {("GET", ".well-known/oauth-protected-resource"), ("GET", "livez"), ("GET", "readyz"), ("GET", "graphiql")}
"""What anybody may ask."""


@pytest.mark.parametrize(("jp_base_url", "each"), [("/", 3), ("/user/a%40b/", 15), pytest.param(
    "/", 1, marks=pytest.mark.soak), pytest.param("/user/a%40b/", 1, marks=pytest.mark.soak)])
async def test_each_address_by_each_identity(door: Door, other_workspace: Workspace, issuer: TestIssuer, each: int) -> None:
    """Of the bad ones, so many share the addresses between them: each address meets one or more, each of them many. A
    method that an address lacks meets one of the good ones; all of it in the soak."""
    takes_tokens(door.workspace, issuer.url)
    elsewhere = Keys(ControlStore(other_workspace.control), other_workspace)
    over = door.key(name="over", expires_s=-1)
    revoked = door.key(name="revoked")
    door.keys.revoke("revoked")
    good, bare = door.key(), door.key("none", name="bare", scopes=("query:ask",))
    token = issuer.token()
    bad = {"wrong key": good[:-9] + "0" + good[-8:], "short key": "pdk_", "other key": elsewhere.create("k", ["eu"])[1],
           "key that is over": over, "revoked key": revoked, "changed key": good.replace("pdk_", "pdk_x"),
           "key with a tail": good + " x", "malformed": "x", "malformed token": "eyJ.x",
           "wrong token": issuer.token(key=private_key("RS256", "stranger")), "token that is over": issuer.token(exp=1),
           "token for others": issuer.token(aud="https://other.example"),
           "token of others": issuer.token(iss="https://login.example"), "token without an end": issuer.token(exp=...),
           "unsigned token": jwt.encode(issuer.claims(), "", algorithm="none", headers={"kid": "one"})}
    elsewhere.close()
    right = {"key": good, "key that may little": bare, "token": token,
             "token that may little": issuer.token(sub="bob", roles=["none"], scope="query:ask")}
    found: dict[tuple[str, str, str], int] = {}
    for number, (method, path, handler) in enumerate(ADDRESSES):
        there = getattr(handler, method.lower()).__module__ != RequestHandler.__module__
        if (method, path) in FREE:
            for sent in ("", *bad.values(), *right.values()):
                assert (await door(path, method, sent)).code == 200
            continue
        answer = await door(path, method)
        assert answer.code in ((401,) if there else (401, 405)), f"{method} {path} without a key"
        assert answer.code == 405 or "error" not in answer.headers["WWW-Authenticate"]
        for name, sent in list(bad.items())[number % each::each] if there else [("wrong key", "pdk_")]:
            answer = await door(path, method, sent)
            assert answer.code == 401, f"{method} {path} with a {name}"
            assert re.match('Bearer realm="pluto-duck", resource_metadata="http[^"]*", error="invalid_token"',
                            answer.headers["WWW-Authenticate"]), f"{method} {path} with a {name}"
            assert answer.headers["Content-Type"] == "application/problem+json"
        asks = list(right.items()) if there or each == 1 else [list(right.items())[number % len(right)]]
        for name, sent in asks:
            answer = await door(path, method, sent)
            assert answer.code < 500, f"{method} {path}: {answer.body}"
            found[method, path, name] = answer.code
        if handler is NotFoundHandler:
            assert {found.pop((method, path, name)) for name, _ in asks} == {404}, "an address that is not there is nobody's"
        elif not there:
            assert {found.pop((method, path, name)) for name, _ in asks} == {405}, f"{method} {path} is not there"
        elif (method, path) not in OPEN:
            assert handler.scopes.get(method) is None or (method, path) in MIXED
            assert {found[method, path, name] for name in right} == {403}, f"{method} {path} with a key or token"
    for kind in ("key", "token"):
        assert {(method, path) for (method, path, name), code in found.items() if name == kind and code != 403} == OPEN
        assert found["GET", "tables", f"{kind} that may little"] == 403, "without its scope"
        assert found["GET", "query/x", kind] == 404


@pytest.mark.parametrize(("method", "path"), [
    ("GET", "api/contents"), ("GET", "api/kernels"), ("POST", "api/kernels"), ("GET", "api/status"), ("GET", "api/me"),
    ("GET", "api/sessions"), ("GET", "api/terminals"), ("GET", "files/pluto.toml"), ("GET", "api/config/x")])
async def test_a_key_opens_nothing_of_jupyters_own(door: Door, method: str, path: str) -> None:
    assert (await door(path, method, door.key(), ours=False)).code in (302, 403, 404, 405)
    answer = await door(path, method, door.key(name="b"), ours=False)
    assert answer.code != 200


async def test_a_key_sees_what_its_roles_see(door: Door) -> None:
    key = door.key()
    listed = body(await door("tables", key=key))
    assert [one["name"] for one in listed["tables"]] == ["orders"]
    assert listed["tables"][0]["row_estimate"] is None
    [full] = body(await door("tables?full=1", key=key))["tables"]
    assert (full["name"], full["rows"], full["loaded_at"], full["source"]) == ("orders", None, None, None)
    assert [one["name"] for one in full["columns"]] == ["id", "email", "region"]
    shown = body(await door("tables/orders", key=key))
    assert [one["name"] for one in shown["columns"]] == ["id", "email", "region"]
    assert (await door("tables/other", key=key)).code == 404
    run = await outcome(door, key, sql="SELECT * FROM orders ORDER BY id")
    assert run["rows"] == [[0, "p***", "EU"], [2, "p***", "EU"], [4, "p***", "EU"]]
    for sql in ("SELECT card FROM orders", "SELECT * FROM other", "DROP TABLE orders", "SELECT email::DATE FROM orders"):
        run = await outcome(door, key, sql=sql)
        assert run["status"] == "failed"
        assert "example" not in str(run["error"])
    asked = await outcome(door, key, question="how many orders are there?")
    assert asked["rows"] == [[3]]
    assert (await door("query", "POST", key, {"question": "how many orders?", "conversation": "x"})).code == 404


async def test_a_key_hears_why_it_sees_nothing_while_no_policy_is_in_force(door: Door) -> None:
    key = door.key()
    for path in ("tables", "tables?full=1", "me"):
        assert "mind" not in body(await door(path, key=key))
    (door.workspace.root / "policy.yaml").write_text(POLICY + "\n  more: {}\n# not allowed yet\n", encoding="utf-8")
    for change in (POLICY.replace("hide: card", "hide: email"), "nonsense: ["):
        (door.workspace.root / "policy.yaml").write_text(change, encoding="utf-8")
        for path in ("tables", "tables?full=1", "me"):
            answer = await door(path, key=key)
            assert (answer.code, body(answer)["tables"]) == (200, [])
            assert "No policy is in force" in body(answer)["mind"], path


async def test_a_key_without_the_scope_sends_no_sql(door: Door) -> None:
    key = door.key(scopes=("query:ask",))
    answer = await door("query", "POST", key, {"sql": "SELECT 1"})
    assert answer.code == 403
    assert 'error="insufficient_scope", scope="query:run"' in answer.headers["WWW-Authenticate"]
    assert (await outcome(door, key, question="how many orders are there?"))["rows"] == [[3]]


async def test_runs_belong_to_whoever_started_them(door: Door, jp_serverapp: Any) -> None:
    mine, theirs = door.key(), door.key(name="other")
    run_id = body(await door("query", "POST", mine, {"sql": "SELECT 1", "detach": True}))["run_id"]
    assert (await door(f"query/{run_id}?wait=20", key=mine)).code == 200
    for method in ("GET", "DELETE"):
        for accept in ("application/json", "text/csv", "text/event-stream"):
            answer = await door(f"query/{run_id}", method, theirs, Accept=accept)
            assert answer.code == 404
    token = jp_serverapp.identity_provider.token
    assert (await door(f"query/{run_id}", Authorization=f"token {token}")).code == 200, "the owner sees all"
    owners = body(await door("query", "POST", body={"sql": "SELECT 7"}, Authorization=f"token {token}"))["run_id"]
    assert (await door(f"query/{owners}", key=mine)).code == 404


async def test_a_new_key_of_an_old_name_reads_nothing_of_the_old_one(door: Door) -> None:
    first = door.key()
    run_id = body(await door("query", "POST", first, {"sql": "SELECT 1", "detach": True}))["run_id"]
    _key, second = door.keys.rotate("dash", overlap_s=100)
    assert (await door(f"query/{run_id}?wait=20", key=second)).code == 200, "its successor by rotation goes on"
    _key, third = door.keys.rotate("dash", overlap_s=100)
    assert (await door(f"query/{run_id}", key=third)).code == 200
    door.keys.revoke("dash")
    assert (await door(f"query/{run_id}", key=door.key())).code == 404


async def test_a_key_is_good_for_its_own_workspace_alone(door: Door) -> None:
    answer = await door("tables?workspace=elsewhere", key=door.key())
    assert answer.code == 404
    assert "elsewhere" not in str(body(answer).get("hint"))


async def test_a_bad_key_never_falls_back_on_a_cookie(door: Door, jp_serverapp: Any) -> None:
    answer = await door(f"health?token={jp_serverapp.identity_provider.token}")
    cookie = "; ".join(one.split(";")[0] for one in answer.headers.get_list("Set-Cookie"))
    assert (await door("health", Cookie=cookie)).code == 200
    assert (await door("tables", key="pdk_wrong", Cookie=cookie)).code == 401
    good = await door("tables", key=door.key(), Cookie=cookie)
    assert [one["name"] for one in body(good)["tables"]] == ["orders"], "a key beside a cookie is still that key"


async def test_a_page_of_another_origin_may_post_with_a_key(door: Door) -> None:
    answer = await door("query", "POST", door.key(), {"sql": "SELECT 1"}, Origin="https://elsewhere.example")
    assert answer.code == 202


async def test_what_is_revoked_is_over_at_once_and_what_is_rotated_after_a_while(door: Door) -> None:
    first = door.key()
    new, second = door.keys.rotate("dash", overlap_s=100)
    assert [(await door("tables", key=one)).code for one in (first, second)] == [200, 200]
    door.keys.revoke(new.id)
    assert [(await door("tables", key=one)).code for one in (first, second)] == [200, 401]
    door.keys.revoke(next(one.id for one in door.keys.list() if one.id != new.id))
    assert (await door("tables", key=first)).code == 401


async def test_no_error_shows_the_key(door: Door) -> None:
    key = door.key()
    for path in ("tables/x", "query/x", "nothing", "tables?workspace=x"):
        assert key[13:50] not in str((await door(path, key=key)).body)
    assert key[13:50].encode() not in b"".join(one.read_bytes() for one in Path(
        door.keys._workspace.folder).glob("control.sqlite*"))


def test_a_record_that_somebody_changed_or_brought_along_is_no_key(workspace: Workspace, tmp_path: Path,
                                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Keys(ControlStore(workspace.control), workspace)
    _key, secret = keys.create("dash", ["eu"], claims={"region": "EU"}, scopes=["schema:read"])
    assert isinstance(keys.verify(secret), Key)
    with keys._control.connection("keys", ()) as db:
        for column, value in (("roles", '["admin"]'), ("claims", '{"region": "US"}'), ("scopes", '["query:run"]'),
                              ("name", "boss"), ("lineage", "abcdefgh"), ("expires_at", str(int(time.time()) + 10**6)), ("roles", "[")):
            before = db.execute(f"SELECT {column} FROM keys").fetchone()[0]
            db.execute(f"UPDATE keys SET {column} = ?", (value,))
            assert keys.verify(secret) is None, column
            db.execute(f"UPDATE keys SET {column} = ?", (before,))
    assert keys.verify(secret) is not None
    monkeypatch.setenv("PLUTODUCK_HOME", str(tmp_path / "another"))
    assert keys.verify(secret) is None, "a folder that was cloned brings no keys"
    keys.close()
