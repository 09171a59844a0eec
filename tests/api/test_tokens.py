"""Access tokens at the door: what they open, where their keys come from, and what an issuer that fails does."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pluto_duck.api.issuers import AFTER_FAILURE_S, KEEP_S, UNKNOWN_EVERY_S, Issuer
from pluto_duck.commands import Door as CommandDoor
from pluto_duck.commands import invoke
from pluto_duck.errors import IssuerUnreachable
from pluto_duck.governance import trust
from pluto_duck.governance.audit import Chain
from pluto_duck.governance.keys import Keys
from pluto_duck.governance.tokens.revoking import Revocations
from pluto_duck.governance.tokens.verifying import Verified
from pluto_duck.session import Session
from pluto_duck.workspace import ControlStore, Workspace, create
from tests.api.door import Door, governed, takes_tokens
from tests.services.issuer import TestIssuer, private_key, public_jwk


@pytest.fixture
def taking(door: Door, issuer: TestIssuer) -> Door:
    takes_tokens(door.workspace, issuer.url)
    return door


def body(answer: Any) -> dict[str, Any]:
    return json.loads(answer.body)  # type: ignore[no-any-return]


async def rows(door: Door, token: str, sql: str) -> Any:
    started = await door("query", "POST", token, {"sql": sql})
    assert started.code == 202, started.body
    return body(await door(f"query/{body(started)['run_id']}?wait=30", key=token)).get("rows")


async def test_a_token_sees_what_its_roles_and_claims_see(taking: Door, issuer: TestIssuer) -> None:
    token = issuer.token(region="US")
    assert [one["name"] for one in body(await taking("tables", key=token))["tables"]] == ["orders"]
    assert await rows(taking, token, "SELECT * FROM orders ORDER BY id") == [[n, "p***", "US"] for n in (1, 3, 5)]
    assert await rows(taking, issuer.token(region=...), "SELECT * FROM orders") == [], "without the claim no row"
    assert await rows(taking, issuer.token(region="' OR true --"), "SELECT * FROM orders") == []
    assert body(await taking("tables", key=issuer.token(roles=["owner", "admin"])))["tables"] == []


async def test_runs_belong_to_the_subject_of_one_issuer(taking: Door, issuer: TestIssuer) -> None:
    first, again, other = issuer.token(), issuer.token(jti="2"), issuer.token(sub="bob")
    run_id = body(await taking("query", "POST", first, {"sql": "SELECT 1", "detach": True}))["run_id"]
    assert (await taking(f"query/{run_id}?wait=20", key=again)).code == 200, "the same person with another token"
    assert (await taking(f"query/{run_id}", key=other)).code == 404
    key = taking.key(name=f"{issuer.url}|alice")
    assert (await taking(f"query/{run_id}", key=key)).code == 404, "a key that is called the same"


async def test_a_token_opens_nothing_of_jupyters_own(taking: Door, issuer: TestIssuer) -> None:
    for path in ("api/contents", "api/kernels", "api/status", "api/me", "api/sessions", "api/terminals", "files/pluto.toml"):
        assert (await taking(path, key=issuer.token(), ours=False)).code in (302, 403, 404), path


async def test_a_token_in_the_address_is_refused(taking: Door, issuer: TestIssuer, jp_serverapp: Any) -> None:
    token = issuer.token()
    for name in ("access_token", "token", "bearer", "authorization"):
        assert (await taking(f"tables?{name}={token}")).code in (400, 401), name
    answer = await taking(f"tables?access_token={token}", key=token)
    assert answer.code == 400
    assert 'error="invalid_request"' in answer.headers["WWW-Authenticate"]
    owner = f"token {jp_serverapp.identity_provider.token}"
    assert (await taking(f"tables?access_token={token}", Authorization=owner)).code == 400


async def test_a_bad_token_never_falls_back_on_a_cookie(taking: Door, issuer: TestIssuer, jp_serverapp: Any) -> None:
    answer = await taking(f"health?token={jp_serverapp.identity_provider.token}")
    cookie = "; ".join(one.split(";")[0] for one in answer.headers.get_list("Set-Cookie"))
    assert (await taking("health", Cookie=cookie)).code == 200
    for bad in (issuer.token(exp=1), "eyJhbGciOiJub25lIn0.e30."):
        assert (await taking("tables", key=bad, Cookie=cookie)).code == 401
    assert len(body(await taking("tables", key=issuer.token(), Cookie=cookie))["tables"]) == 1, "as the token, not as owner"


async def test_a_foreign_page_may_post_with_a_token(taking: Door, issuer: TestIssuer) -> None:
    answer = await taking("query", "POST", issuer.token(), {"sql": "SELECT 1"}, Origin="https://elsewhere.example")
    assert answer.code == 202


async def test_a_missing_scope_is_told(taking: Door, issuer: TestIssuer) -> None:
    answer = await taking("query", "POST", issuer.token(scope="query:ask"), {"sql": "SELECT 1"})
    assert answer.code == 403
    assert 'error="insufficient_scope", scope="query:run"' in answer.headers["WWW-Authenticate"]
    assert (await taking("tables", key=issuer.token(scope=...))).code == 403


async def test_the_owner_takes_its_word_back_at_once(taking: Door, issuer: TestIssuer, jp_serverapp: Any) -> None:
    token = issuer.token()
    assert (await taking("tables", key=token)).code == 200
    trust.forget(taking.workspace)
    answer = await taking("tables", key=token)
    assert answer.code == 401, "nobody's tokens are taken any more"
    assert "resource_metadata" not in answer.headers["WWW-Authenticate"]
    owner = f"token {jp_serverapp.identity_provider.token}"
    assert (await taking("tables", Authorization=owner)).code == 200


async def test_a_token_that_is_revoked_is_over_with_the_next_request(taking: Door, issuer: TestIssuer, jp_serverapp: Any) -> None:
    owner = {"Authorization": f"token {jp_serverapp.identity_provider.token}"}
    now = int(time.time())
    tokens = {name: issuer.token(sub=sub, jti=jti, iat=iat) for name, sub, jti, iat in (
        ("one", "alice", "1", now - 9), ("two", "alice", "2", now - 9),
        ("other", "bob", "4", now - 9), ("without", "bob", ..., now - 9))}

    async def good() -> list[str]:
        return [name for name, token in tokens.items() if (await taking("tables", key=token)).code == 200]

    async def revoke(**wanted: str) -> int:
        return int((await taking("revocations", "POST", body=wanted, **owner)).code)

    assert await good() == ["one", "two", "other", "without"]
    assert await revoke(id="1", issuer="https://elsewhere.example") == 201
    assert await good() == ["one", "two", "other", "without"], "of another issuer"
    assert await revoke(id="1") == 201
    assert await good() == ["two", "other", "without"]
    answer = await taking("tables", key=tokens["one"])
    assert (answer.code, "revoked" in body(answer)["detail"]) == (401, True)
    assert await revoke(subject="alice", issuer=issuer.url) == 201
    assert await good() == ["other", "without"]
    for wanted in ({}, {"id": "1", "subject": "alice"}, {"id": "a\nb"}):
        assert await revoke(**wanted) == 400
    listed = body(await taking("revocations", **owner))["revocations"]
    assert {(one["kind"], one["value"]) for one in listed} == {("id", "1"), ("subject", "alice")}
    with Session.open(taking.workspace.root) as session:
        known = Revocations(session.control, session.workspace)
        later = Verified(issuer.url, "alice", {"iat": now + 60, "sub": "alice"}, now + 90.0)
        assert not known.hold(later), "what is issued from then on is good"
        assert known.hold(replace(later, claims={"iat": now - 1, "sub": "alice"}))
        door = CommandDoor(lambda: session)
        assert "bob" in str(invoke(["tokens", "revoke", "bob"], door))
        assert ("subject", "bob") in {row[:2] for row in invoke(["tokens"], door).rows}  # type: ignore[attr-defined]
        told = [json.loads(row[0])["action"] for row in Chain(session.workspace, session.control).reading().execute(
            "SELECT body FROM audit")]
        assert told.count("token.revoke") == 4
    assert await good() == []


async def test_settings_that_make_no_sense_stop_tokens_alone(taking: Door, issuer: TestIssuer, jp_serverapp: Any,
                                                             caplog: pytest.LogCaptureFixture) -> None:
    takes_tokens(taking.workspace, issuer.url, algorithms="HS256")
    with caplog.at_level(logging.WARNING):
        assert (await taking("tables", key=issuer.token())).code == 401
    assert "auth.algorithms names HS256" in caplog.text
    assert (await taking("tables", key=taking.key())).code == 200
    assert (await taking("tables", Authorization=f"token {jp_serverapp.identity_provider.token}")).code == 200


# -- who gives tokens ---------------------------------------------------------------------------------

@pytest.mark.parametrize("jp_base_url", ["/", "/user/a%40b/"])
async def test_a_client_finds_the_issuer_by_itself(taking: Door, issuer: TestIssuer, http_server_client: Any, jp_base_url: str,
                                                   http_server_port: Any) -> None:
    refused = await taking("tables")
    assert refused.code == 401
    (url,) = [one.split('"')[1] for one in refused.headers["WWW-Authenticate"].split(", ") if one.startswith("resource_metadata=")]
    origin = f"http://127.0.0.1:{http_server_port[1]}"
    told = refused.request.url.split("/api/v1")[0]
    assert url == f"{told}/api/v1/.well-known/oauth-protected-resource"
    api = f"{jp_base_url}api/v1"
    for path in (f"{api}/.well-known/oauth-protected-resource", f"/.well-known/oauth-protected-resource{api}"):
        answer = await http_server_client.fetch(path, raise_error=False, headers={"Authorization": "Bearer wrong"})
        assert answer.code == 200, f"{path} is for everybody"
        found = body(answer)
        assert found["resource"] == f"{told}/api/v1"
        assert found["authorization_servers"] == [issuer.url]
        assert found["bearer_methods_supported"] == ["header"]
        assert set(found["scopes_supported"]) >= {"schema:read", "query:ask", "query:run"}
    assert origin.startswith("http://127.0.0.1:")


async def test_without_an_issuer_there_is_nothing_to_find(door: Door) -> None:
    assert (await door(".well-known/oauth-protected-resource")).code == 404
    assert (await door("tables")).headers["WWW-Authenticate"] == 'Bearer realm="pluto-duck"'


# -- its keys -----------------------------------------------------------------------------------------

class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(jp_serverapp: Any, issuer: TestIssuer) -> Clock:
    """Of the issuer's keys in the server."""
    found = Clock()
    app = jp_serverapp.web_app.settings["pluto_duck"]
    app._issuers[issuer.url] = Issuer(issuer.url, clock=found)
    return found


def fetched(issuer: TestIssuer) -> int:
    return issuer.asked.count("/keys")


async def test_keys_are_fetched_once_and_again_after_ten_minutes(taking: Door, issuer: TestIssuer, clock: Clock) -> None:
    answers = await asyncio.gather(*(taking("health", key=issuer.token(jti=str(n))) for n in range(20)))
    assert {one.code for one in answers} == {200}
    assert fetched(issuer) == 1, "whoever comes meanwhile waits for the same"
    clock.now += KEEP_S - 1
    assert (await taking("health", key=issuer.token())).code == 200
    assert fetched(issuer) == 1
    clock.now += 2
    assert (await taking("health", key=issuer.token())).code == 200
    assert fetched(issuer) == 2


async def test_a_key_that_was_turned_is_found_and_a_withdrawn_one_is_over(taking: Door, issuer: TestIssuer, clock: Clock) -> None:
    old = issuer.token()
    assert (await taking("health", key=old)).code == 200
    issuer.keys["two"] = ("ES256", private_key("ES256"))
    clock.now += 1
    assert (await taking("health", key=issuer.token(kid="two"))).code == 200, "an unknown kid is looked for at once"
    assert (await taking("health", key=old)).code == 200, "both are there"
    del issuer.keys["one"]
    clock.now += KEEP_S + 1
    assert (await taking("health", key=old)).code == 401, "although it was verified before"


async def test_a_flood_of_made_up_kids_asks_the_issuer_once_a_minute(taking: Door, issuer: TestIssuer, clock: Clock) -> None:
    assert (await taking("health", key=issuer.token())).code == 200
    stranger = private_key("RS256", "stranger")
    for _ in range(2):
        flood = [issuer.token(kid=f"k{n}", key=stranger) for n in range(50)]
        answers = await asyncio.gather(*(taking("health", key=one) for one in flood))
        assert {one.code for one in answers} == {401}
    assert fetched(issuer) == 2
    clock.now += UNKNOWN_EVERY_S + 1
    assert (await taking("health", key=flood[0])).code == 401
    assert fetched(issuer) == 3


async def test_an_issuer_that_is_down_stops_new_tokens_only_when_its_keys_are_too_old(
        taking: Door, issuer: TestIssuer, clock: Clock) -> None:
    good = issuer.token()
    assert (await taking("health", key=good)).code == 200
    issuer.answers["/keys"] = issuer.answers["/.well-known/openid-configuration"] = (503, {}, "{}")
    clock.now += KEEP_S - 1
    assert (await taking("health", key=issuer.token(sub="bob"))).code == 200, "also one that was never seen"
    unknown = await taking("health", key=issuer.token(kid="new", key=private_key("RS256", "stranger")))
    assert unknown.code == 401
    clock.now += AFTER_FAILURE_S + 2
    asked = len(issuer.asked)
    answers = await asyncio.gather(*(taking("health", key=good) for _ in range(10)))
    assert {one.code for one in answers} == {503}
    assert {int(one.headers["Retry-After"]) for one in answers} <= set(range(1, 11))
    assert len(issuer.asked) - asked <= 1, "nobody waits for it or asks it again"
    assert (await taking("health", key=taking.key())).code == 200, "keys of ours need nobody"
    issuer.answers.clear()
    clock.now += AFTER_FAILURE_S + 1
    assert (await taking("health", key=good)).code == 200


async def _keys_of(issuer: TestIssuer) -> Any:
    return await Issuer(issuer.url).keys()


def _elsewhere(issuer: TestIssuer) -> None:
    issuer.answers["/.well-known/openid-configuration"] = (302, {"Location": f"{issuer.url}/moved"}, "")
    issuer.answers["/moved"] = (200, {}, json.dumps(issuer.document("/.well-known/openid-configuration")))


BAD: dict[str, Callable[[TestIssuer], Any]] = {
    "another issuer": lambda one: one.discovery.update(issuer="https://evil.example"),
    "a slash more": lambda one: one.discovery.update(issuer=one.url + "/"),
    "no jwks_uri": lambda one: one.discovery.update(jwks_uri=None),
    "keys over plain http": lambda one: one.discovery.update(jwks_uri="http://keys.example/keys"),
    "keys in a file": lambda one: one.discovery.update(jwks_uri="file:///etc/passwd"),
    "a redirect": _elsewhere,
    "keys by a redirect": lambda one: one.answers.update({"/keys": (307, {"Location": f"{one.url}/other"}, "")}),
    "too many bytes": lambda one: one.answers.update({"/keys": (200, {}, json.dumps({"keys": [], "x": "x" * 300_000}))}),
    "no JSON": lambda one: one.answers.update({"/keys": (200, {}, "<html>")}),
    "no object": lambda one: one.answers.update({"/keys": (200, {}, "[1]")}),
    "no keys": lambda one: one.answers.update({"/keys": (200, {}, "{}")}),
    "nested without an end": lambda one: one.answers.update({"/keys": (200, {}, "[" * 100_000)}),
    "an error": lambda one: one.answers.update({"/keys": (500, {}, "{}")}),
}


@pytest.mark.parametrize("name", list(BAD))
async def test_an_issuer_that_answers_wrong_vouches_for_nobody(name: str, issuer: TestIssuer) -> None:
    assert (await _keys_of(issuer)).keys
    BAD[name](issuer)
    with pytest.raises(IssuerUnreachable):
        await _keys_of(issuer)
    assert "/moved" not in issuer.asked
    assert "/other" not in issuer.asked


async def test_an_issuer_that_is_slow_is_not_waited_for(issuer: TestIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pluto_duck.api.issuers.TIMEOUT_S", 0.05)
    issuer.waits_s = 30
    with pytest.raises(IssuerUnreachable):
        await _keys_of(issuer)


async def test_no_issuer_sends_us_to_our_own_machine() -> None:
    with pytest.raises(ValueError, match="this machine"):
        Issuer("https://login.example")._must_be_its_own("http://127.0.0.1:8888/keys")
    Issuer("https://login.example")._must_be_its_own("https://keys.example/jwks?v=1")


async def test_a_secret_among_the_keys_signs_nothing(taking: Door, issuer: TestIssuer) -> None:
    import jwt

    issuer.more_keys = [{"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA", "kid": "hmac", "alg": "HS256"},
                        public_jwk(private_key("short"), kid="short")]
    secret = jwt.encode(issuer.claims(), "secret-secret-secret-secret-secret", algorithm="HS256", headers={"kid": "hmac"})
    assert (await taking("health", key=secret)).code == 401
    assert (await taking("health", key=issuer.token(kid="short", key=private_key("short"), alg="RS256"))).code == 401
    assert (await taking("health", key=issuer.token())).code == 200


# -- several workspaces -------------------------------------------------------------------------------

class TestTenants:
    @pytest.fixture
    def other(self, tmp_path: Any) -> Workspace:
        found = create(tmp_path / "other")
        governed(found)
        return found

    @pytest.fixture
    def jp_server_config(self, jp_server_config: dict[str, Any], other: Workspace) -> dict[str, Any]:
        jp_server_config["PlutoDuckApp"]["workspaces"] = [str(other.root)]
        return jp_server_config

    async def test_keys_of_one_are_nothing_in_the_other(self, door: Door, other: Workspace) -> None:
        store = Keys(ControlStore(other.control), other)
        theirs = store.create("dash", ["eu"], claims={"region": "US"}, scopes=["schema:read", "query:run"])[1]
        store.close()
        mine = door.key()
        run_ids = {}
        for name, key, region in (("workspace", mine, "EU"), ("other", theirs, "US")):
            assert body(await door("tables", key=key))["workspace"] == name
            assert (await rows(door, key, "SELECT DISTINCT region FROM orders")) == [[region]]
            run_ids[name] = body(await door("query", "POST", key, {"sql": "SELECT 1", "detach": True}))["run_id"]
        for key, name, foreign in ((mine, "other", run_ids["other"]), (theirs, "workspace", run_ids["workspace"])):
            assert (await door(f"tables?workspace={name}", key=key)).code == 404
            assert (await door("query", "POST", key, {"sql": "SELECT 1", "workspace": name})).code == 404
            for path in (f"query/{foreign}", f"query/{foreign}?workspace={name}"):
                for method in ("GET", "DELETE"):
                    assert (await door(path, method, key)).code == 404

    async def test_a_token_opens_the_workspaces_that_take_it(self, door: Door, other: Workspace, issuer: TestIssuer) -> None:
        takes_tokens(other, issuer.url, roles="theirs=eu")
        assert (await door("tables", key=issuer.token())).code == 200
        found = body(await door("tables", key=issuer.token(roles=["theirs"])))
        assert (found["workspace"], len(found["tables"])) == ("other", 1)
        assert (await door("tables?workspace=workspace", key=issuer.token())).code == 401, "that one takes nobody's"
        takes_tokens(door.workspace, issuer.url, audience="https://mine.example")
        mine, both = issuer.token(aud="https://mine.example"), issuer.token(
            aud=["https://mine.example", "https://data.example/api"])
        assert body(await door("tables", key=mine))["workspace"] == "workspace"
        assert (await door("tables?workspace=other", key=mine)).code == 401
        assert body(await door("tables", key=both))["workspace"] == "workspace", "the first that takes it"
        assert len(body(await door("tables?workspace=other", key=both))["tables"]) == 0, "with the rules of that one"
        run_id = body(await door("query", "POST", mine, {"sql": "SELECT 1", "detach": True}))["run_id"]
        assert (await door(f"query/{run_id}?workspace=other", key=both)).code == 404
        assert (await door("query", "POST", both, {"sql": "SELECT 1", "workspace": "other"})).code == 404
