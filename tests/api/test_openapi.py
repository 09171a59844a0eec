"""The description names what is there, and nothing else."""

from __future__ import annotations

import json
import re
from typing import Any

from pluto_duck.api.openapi import PATHS, SCHEMAS
from pluto_duck.api.query import _BODY, STATUSES
from pluto_duck.api.routes import ROUTES
from pluto_duck.governance.keys import SCOPES
from pluto_duck.runs.model import EVENT_TYPES, SUBTYPES


def test_every_route_and_method_is_described_and_no_other() -> None:
    real = set()
    for pattern, handler in ROUTES[:-1]:
        for method in ("get", "post", "delete", "put", "patch"):
            if getattr(handler, method).__module__.startswith("pluto_duck"):
                real.add((pattern.removeprefix("/api/v1").replace("([^/]+)", "{}"), method))
    described = {(re.sub(r"\{\w+\}", "{}", path), method) for path, methods in PATHS.items() for method in methods}
    assert described == real


def test_words_are_those_of_the_code() -> None:
    assert list(SCHEMAS["Query"]["properties"]) == list(_BODY)
    assert SCHEMAS["Run"]["properties"]["status"]["enum"] == list(STATUSES)
    assert SCHEMAS["Event"]["properties"]["type"]["enum"] == list(EVENT_TYPES)
    assert SCHEMAS["Event"]["properties"]["subtype"]["enum"] == list(SUBTYPES)
    assert SCHEMAS["KeyWanted"]["properties"]["scopes"]["items"]["enum"] == list(SCOPES)


async def test_it_is_served_with_every_reference_resolved(client: Any, jp_base_url: str) -> None:
    answer = await client("openapi.json")
    found = json.loads(answer.body)
    assert found["servers"] == [{"url": f"{jp_base_url}api/v1"}]
    references = set(re.findall(rb'"#/components/schemas/(\w+)"', answer.body))
    assert {one.decode() for one in references} <= set(found["components"]["schemas"])


async def test_what_is_answered_has_no_member_that_is_not_described(client: Any) -> None:
    done = await client.sql("select 1")
    assert set(done) <= set(SCHEMAS["Run"]["properties"])
    await client.sql("create table t (i int)")
    assert set(json.loads((await client("tables", "t")).body)) <= set(SCHEMAS["Table"]["properties"])
    assert set(json.loads((await client("nothing")).body)) <= set(SCHEMAS["Problem"]["properties"])
