"""Pages of other origins: those that are listed, with a key or token, on our addresses; nobody else, nowhere else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from traitlets import TraitError
from traitlets.config import Config

from pluto_duck.api.app import PlutoDuckApp
from pluto_duck.api.cors import ALLOWED, is_origin
from tests.api.door import Door

LISTED, OTHER = "https://app.example.com", "https://elsewhere.example"
HEADERS = [f"Access-Control-{one}" for one in (
    "Allow-Origin", "Allow-Credentials", "Allow-Methods", "Allow-Headers", "Expose-Headers", "Max-Age")]


@pytest.fixture
def jp_server_config(jp_server_config: dict[str, Any]) -> dict[str, Any]:
    jp_server_config["PlutoDuckApp"]["cors_origins"] = [LISTED, "http://localhost:3000"]
    return jp_server_config


def told(answer: Any) -> set[str]:
    return {name for name in HEADERS if name in answer.headers}


async def preflight(door: Door, origin: str, path: str = "query", ours: bool = True) -> Any:
    return await door(path, "OPTIONS", ours=ours, Origin=origin, Access_Control_Request_Method="POST",
                      Access_Control_Request_Headers="authorization, content-type")


@pytest.mark.parametrize("jp_base_url", ["/", "/user/a%40b/"])
async def test_a_listed_page_may_ask_with_a_key(door: Door, jp_base_url: str) -> None:
    for path in ("query", "query/x", "tables", "health", "nothing"):
        asked = await preflight(door, LISTED, path)
        assert asked.code == 204
        assert asked.headers["Access-Control-Allow-Origin"] == LISTED
        assert "Origin" in asked.headers["Vary"]
        assert {"Authorization", "Content-Type", "If-Match", "Idempotency-Key", "Last-Event-ID"} <= set(ALLOWED)
        assert asked.headers["Access-Control-Allow-Headers"] == ", ".join(ALLOWED)
        assert int(asked.headers["Access-Control-Max-Age"]) > 0
        assert "Access-Control-Allow-Credentials" not in asked.headers
        assert not asked.body
    assert (await preflight(door, LISTED)).headers["Access-Control-Allow-Methods"] == "GET, POST, OPTIONS"
    answer = await door("query", "POST", door.key(), {"sql": "SELECT 1"}, Origin=LISTED)
    assert answer.code == 202
    assert answer.headers["Access-Control-Allow-Origin"] == LISTED
    exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"ETag", "Link", "Location", "RateLimit", "RateLimit-Policy", "Retry-After"} <= set(exposed)
    assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_a_listed_page_can_read_its_errors(door: Door) -> None:
    for key, path, code in (("", "tables", 401), ("pdk_wrong", "tables", 401), (door.key(), "tables/x", 404),
                            (door.key(name="b", scopes=("query:ask",)), "tables", 403)):
        answer = await door(path, key=key, Origin=LISTED)
        assert answer.code == code
        assert answer.headers["Access-Control-Allow-Origin"] == LISTED


@pytest.mark.parametrize("origin", [OTHER, "null", "*", "", LISTED + ".evil.example", LISTED.upper(), LISTED + "/", LISTED + ":443",
                                    "http://app.example.com", "https://evil.example?" + LISTED, f"{LISTED}, {OTHER}", "file://"])
async def test_any_other_page_reads_nothing_whatever_it_sends(door: Door, jp_serverapp: Any, origin: str) -> None:
    assert told(await preflight(door, origin)) == set()
    token = f"token {jp_serverapp.identity_provider.token}"
    for sent in ({"key": door.key(name=origin or "x")}, {"Authorization": token}, {}):
        answer = await door("tables", Origin=origin, **sent)
        assert told(answer) == set(), "Jupyter echoes any origin to whoever sends its token"
        assert "Origin" in answer.headers["Vary"], "a cache must not give one page what was another's"


async def test_a_listed_page_gets_nothing_by_a_cookie(door: Door, jp_serverapp: Any) -> None:
    answer = await door(f"health?token={jp_serverapp.identity_provider.token}")
    cookie = "; ".join(one.split(";")[0] for one in answer.headers.get_list("Set-Cookie"))
    assert (await door("health", Cookie=cookie)).code == 200
    for method, body in (("GET", None), ("POST", {"sql": "SELECT 1"})):
        answer = await door("query", method, body=body, Cookie=cookie, Origin=LISTED)
        assert answer.code in (403, 404)
        assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_jupyters_own_addresses_are_not_touched(door: Door, jp_serverapp: Any) -> None:
    for path in ("api/status", "api/contents"):
        assert "Access-Control-Allow-Origin" not in (await preflight(door, LISTED, path, ours=False)).headers
        answer = await door(path, ours=False, key=door.key(name=path), Origin=LISTED)
        assert answer.code in (403, 404)
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_every_form_of_an_answer_says_that_it_differs_by_origin(door: Door) -> None:
    key = door.key()
    run_id = json.loads((await door("query", "POST", key, {"sql": "SELECT 1", "detach": True})).body)["run_id"]
    assert (await door(f"query/{run_id}?wait=20", key=key)).code == 200
    for accept in ("application/json", "text/csv", "text/event-stream", "application/vnd.apache.arrow.stream"):
        answer = await door(f"query/{run_id}", key=key, Accept=accept, Origin=LISTED)
        assert answer.code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == LISTED, accept
        assert "Origin" in answer.headers["Vary"].split(", "), accept
        assert "Accept" in answer.headers["Vary"].split(", "), accept


class TestNobodyIsListed:
    @pytest.fixture
    def jp_server_config(self, jp_server_config: dict[str, Any]) -> dict[str, Any]:
        jp_server_config["PlutoDuckApp"]["cors_origins"] = []
        return jp_server_config

    async def test_no_page_reads_anything(self, door: Door) -> None:
        assert told(await preflight(door, LISTED)) == set()
        answer = await door("tables", key=door.key(), Origin=LISTED)
        assert answer.code == 200
        assert told(answer) == set()
        assert "Origin" not in answer.headers.get("Vary", "")


@pytest.mark.parametrize("origin", ["*", "null", "https://", "app.example.com", "https://app.example.com/", "https://*.example.com",
                                    "HTTPS://APP.EXAMPLE.COM", "https://a.example, https://b.example", "file:///x", "https://a b"])
def test_what_is_no_origin_can_not_be_listed(origin: str) -> None:
    assert not is_origin(origin)
    with pytest.raises(TraitError, match="no origin"):
        PlutoDuckApp(config=Config({"PlutoDuckApp": {"cors_origins": [origin]}}))
