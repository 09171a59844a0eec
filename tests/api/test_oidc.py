"""The flows of docs/auth.md with a real OpenID Connect server: a program, a shell, a browser."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pluto_duck.api.issuers import KEEP_S, Issuer
from tests.api.door import Door, takes_tokens
from tests.services.oidc import Oidc, of_browser, of_device


@pytest.fixture
def taking(door: Door, oidc: Oidc) -> Door:
    takes_tokens(door.workspace, oidc.url, roles_claim="roles, client_id", roles="sales-eu=eu, client_id:nightly=eu",
                 claims="tenant=region, sub=person")
    return door


async def seen(door: Door, token: str) -> Any:
    """The rows that it gets of the orders; the status where it gets none."""
    started = await door("query", "POST", token, {"sql": "SELECT id FROM orders ORDER BY id"})
    if started.code != 202:
        return started.code
    found = json.loads((await door(f"query/{json.loads(started.body)['run_id']}?wait=30", key=token)).body)
    return found["rows"] if found["status"] == "succeeded" else found["error"]["code"]


async def test_a_program_gets_in_by_its_client_credentials(taking: Door, oidc: Oidc) -> None:
    assert await seen(taking, oidc.of_program()) == [], "it is nobody of a region"
    tables = json.loads((await taking("tables", key=oidc.of_program())).body)["tables"]
    assert [one["name"] for one in tables] == ["orders"]
    assert await seen(taking, oidc.of_program("schema:read")) == 403, "without the scope"


async def test_a_person_gets_in_by_a_code_that_a_shell_shows(taking: Door, oidc: Oidc) -> None:
    assert await seen(taking, of_device(oidc, "alice")["access_token"]) == [[0], [2], [4]]
    assert isinstance(await seen(taking, of_device(oidc, "bob")["access_token"]), str), "he has no role of ours"


async def test_a_person_gets_in_by_a_browser_and_never_by_the_id_token(taking: Door, oidc: Oidc) -> None:
    given = of_browser(oidc, "alice")
    assert await seen(taking, given["access_token"]) == [[0], [2], [4]]
    assert await seen(taking, given["id_token"]) == 401
    takes_tokens(taking.workspace, oidc.url, audience="cli")  # what an ID token has for aud
    refused = await taking("tables", key=given["id_token"])
    assert refused.code == 401
    assert "not an access token" in refused.headers["WWW-Authenticate"]


async def test_the_servers_key_may_be_turned(taking: Door, oidc: Oidc, jp_serverapp: Any) -> None:
    now = [1000.0]
    jp_serverapp.web_app.settings["pluto_duck"]._issuers[oidc.url] = Issuer(oidc.url, clock=lambda: now[0])
    old = oidc.of_program()
    assert (await taking("tables", key=old)).code == 200
    oidc.turn_key()
    new = oidc.of_program()
    assert new.split(".")[0] != old.split(".")[0]
    assert [(await taking("tables", key=one)).code for one in (new, old)] == [200, 200]
    now[0] += KEEP_S + 1
    assert (await taking("tables", key=new)).code == 200
