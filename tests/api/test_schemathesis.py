"""What the description promises is what any request gets: requests made up from it, as owner and by key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from pluto_duck.api.openapi import PATHS, document
from pluto_duck.api.routes import ROUTES
from tests.serving import Served, serving

ENDLESS = ("/watch", "/panel")
"""They answer for as long as one listens."""
REAL = {"name": "orders", "table": "orders", "key": "2"}
schema = schemathesis.openapi.from_dict(document("/")).exclude(path=list(ENDLESS))
OPEN = [path for path in PATHS for pattern, handler in ROUTES
        if re.fullmatch(pattern, "/api/v1" + path) and handler.scopes]
by_key = schema.include(path=OPEN)
"""The rest is refused to keys before it is looked at."""


IN_WORDS = ("/query", "/conversations", "/verified", "/approvals", "/rows", "/tables", "/graphql", "/ingest", "/policy",
            "/audit", "/keys")
"""Where a request may be refused for what its schema says in words alone: which members go together, whether a
text is SQL, a cursor one of ours. An empty parameter counts as none where the schema has an enum."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("schemathesis")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLUTODUCK_HOME", str(folder / "home"))
        patch.setenv("PLUTODUCK_LIMITS__REFUSED", "unlimited")  # it tries without a key, again and again
        with serving(folder) as found, httpx.Client(base_url=found.base, headers=found.identities["key"]) as client:
            REAL["run_id"] = client.post("/query", json={"sql": "FROM orders", "detach": True}).json()["run_id"]
            client.get(f"/query/{REAL['run_id']}?wait=30")
            yield found


def rounds(count: int) -> Any:
    return settings(max_examples=count, derandomize=True, deadline=None, database=None, phases=[Phase.explicit, Phase.generate],
                    suppress_health_check=list(HealthCheck))


def _ask(case: Any, served: Served, who: str) -> None:
    if "timeout_s" in (case.query or {}):
        case.query["timeout_s"] = 30  # who asks for an answer within 5e-324 s gets a 504, and rightly so
    case.call_and_validate(base_url=served.base, headers=served.identities[who], timeout=60,
                           excluded_checks=[positive_data_acceptance, negative_data_rejection]
                           if case.operation.path.startswith(IN_WORDS) else [])


@schema.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Every other name is one that is there: what is found must fit its description, too."""
    return {name: REAL.get(name, value) if len(str(value)) % 2 == 0 else value
            for name, value in (path_parameters or {}).items()} or path_parameters


@schema.parametrize()
@rounds(4)
def test_any_request_gets_what_is_described(case: Any, served: Served) -> None:
    _ask(case, served, "owner")


@by_key.parametrize()
@rounds(4)
def test_any_request_by_key_gets_what_is_described(case: Any, served: Served) -> None:
    _ask(case, served, "key")


@pytest.mark.soak
@schema.parametrize()
@rounds(150)
def test_many_requests_get_what_is_described(case: Any, served: Served) -> None:
    _ask(case, served, "owner")


@pytest.mark.soak
@by_key.parametrize()
@rounds(150)
def test_many_requests_by_key_get_what_is_described(case: Any, served: Served) -> None:
    _ask(case, served, "key")
