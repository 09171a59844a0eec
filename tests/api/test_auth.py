"""Jupyter's own login guards every address: nobody in without it, nothing around its XSRF rule."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jupyter_server.auth.authorizer import Authorizer

ADDRESSES = [("GET", "query"), ("POST", "query"), ("GET", "query/x"), ("DELETE", "query/x"), ("GET", "tables"),
             ("GET", "tables/x"), ("GET", "workspaces"), ("GET", "health"), ("GET", "openapi.json"), ("GET", "nothing"),
             ("POST", "nothing"), ("GET", "conversations"), ("GET", "conversations/x"), ("DELETE", "conversations/x"),
             ("POST", "conversations/x/replay"), ("GET", "answers/x"), ("POST", "answers/x/rating"), ("GET", "verified"),
             ("POST", "verified"), ("DELETE", "verified"), ("GET", "approvals"), ("GET", "approvals/x"),
             ("POST", "approvals/x"), ("POST", "tables/x/profile"), ("POST", "rows"), ("GET", "status"), ("GET", "watch"),
             ("GET", "panel"), ("POST", "panel")]


@pytest.fixture
def raw(jp_serverapp: Any, http_server_client: Any, jp_base_url: str) -> Any:
    """A client that sends no credentials of its own."""
    async def fetch(path: str, method: str = "GET", headers: dict[str, str] | None = None, body: Any = None) -> Any:
        return await http_server_client.fetch(
            f"{jp_base_url}api/v1/{path}", method=method, headers=headers or {}, raise_error=False,
            body=json.dumps(body) if body is not None else None, allow_nonstandard_methods=True)

    return fetch


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
async def test_nobody_gets_in_without_a_token(raw: Any, method: str, path: str) -> None:
    answer = await raw(path, method)
    assert answer.code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="pluto-duck"', "nothing was wrong: nothing was sent"


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
async def test_a_wrong_token_is_as_good_as_none(raw: Any, method: str, path: str) -> None:
    answer = await raw(path, method, {"Authorization": "token wrong"})
    assert answer.code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert "token" in json.loads(answer.body)["hint"]


@pytest.mark.parametrize("scheme", ["token", "Bearer"])
async def test_the_servers_token_opens_the_door(raw: Any, jp_serverapp: Any, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {jp_serverapp.identity_provider.token}"}
    assert (await raw("health", headers=headers)).code == 200
    assert (await raw("query", "POST", headers, {"sql": "select 1"})).code == 202


async def _cookie(raw: Any, jp_serverapp: Any) -> dict[str, str]:
    """The cookies of a browser that has logged in by the token in its address."""
    answer = await raw(f"health?token={jp_serverapp.identity_provider.token}")
    cookies = [one.split(";")[0] for one in answer.headers.get_list("Set-Cookie")]
    assert any(one.startswith("username-") for one in cookies)
    return {"Cookie": "; ".join(cookies)}


async def test_a_browser_may_read_with_its_cookie(raw: Any, jp_serverapp: Any) -> None:
    headers = await _cookie(raw, jp_serverapp)
    assert (await raw("health", headers=headers)).code == 200


async def test_a_browser_may_not_post_by_its_cookie_alone(raw: Any, jp_serverapp: Any) -> None:
    headers = await _cookie(raw, jp_serverapp)
    for method, path in (("POST", "query"), ("DELETE", "query/x")):
        answer = await raw(path, method, headers, {"sql": "select 1"} if method == "POST" else None)
        assert answer.code == 403
        assert "_xsrf" in json.loads(answer.body)["detail"]


async def test_a_browser_may_post_with_its_xsrf_token(
        raw: Any, jp_serverapp: Any, http_server_client: Any, jp_base_url: str) -> None:
    headers = await _cookie(raw, jp_serverapp)
    page = await http_server_client.fetch(f"{jp_base_url}login", raise_error=False)
    cookies = [one.split(";")[0] for one in page.headers.get_list("Set-Cookie")]
    xsrf = dict(one.split("=", 1) for one in cookies)["_xsrf"]
    browser = {"Cookie": f"{headers['Cookie']}; _xsrf={xsrf}"}
    body = {"sql": "select 1"}
    assert (await raw("query", "POST", {**browser, "X-XSRFToken": "wrong"}, body)).code == 403
    assert (await raw("query", "POST", {**browser, "X-XSRFToken": xsrf}, body)).code == 202


async def test_another_sites_page_may_not_post(raw: Any, jp_serverapp: Any) -> None:
    headers = {**await _cookie(raw, jp_serverapp), "Origin": "https://elsewhere.example"}
    answer = await raw("query", "POST", headers, {"sql": "select 1"})
    assert answer.code in (403, 404)
    assert "Access-Control-Allow-Origin" not in answer.headers


class NoPluto(Authorizer):
    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        return resource != "pluto_duck"


class TestAuthorizer:
    @pytest.fixture
    def jp_server_config(self, jp_server_config: dict[str, Any]) -> dict[str, Any]:
        jp_server_config["ServerApp"]["authorizer_class"] = NoPluto
        return jp_server_config

    @pytest.mark.parametrize(("method", "path"), ADDRESSES)
    async def test_a_sites_authorizer_may_close_every_address(self, client: Any, method: str, path: str) -> None:
        assert (await client(*path.split("/"), method=method)).code == 403
