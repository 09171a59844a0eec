"""What the description promises is what any request gets: requests made up from it, as owner and by key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.openapi.checks import RejectedPositiveData
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.python._constants.orchestrator import make_constants_value_source
from schemathesis.specs.openapi.checks import positive_data_acceptance

from pluto_duck.api.openapi import PATHS, document
from pluto_duck.api.routes import ROUTES
from tests.serving import Served, serving

load_all_checks()
METHODS = {"get", "put", "post", "delete", "patch", "head", "options"}
ENDLESS = ("/watch", "/panel")
"""They answer for as long as one listens."""
REAL = {"name": "orders", "table": "orders", "key": "2"}
schema = schemathesis.openapi.from_dict(document("/")).exclude(path=list(ENDLESS))
OPEN = [path for path in PATHS for pattern, handler in ROUTES
        if re.fullmatch(pattern, "/api/v1" + path) and handler.scopes]
by_key = schema.include(path=OPEN)
"""The rest is refused to keys before it is looked at."""

SETTING = {r'"(max_rows|timeout_s)" must be from': "how much one may ask for is a setting, and the policy's"}
SQL = {r" statement ": "whether a text is SQL, and the Gate lets it pass"}
CURSOR = {r"cursor=.* is none of ours|is no cursor of these rows": "a cursor is one that was given"}
OF_A_TABLE = {r"is no such value|takes no NULL|needs a value|The key of|nothing to change": "types and keys differ by table"}
ONCE = {r"Idempotency-Key is": "printable characters of ASCII", r"was sent with another request": "a key is of one request"}
CONDITIONS = {r"is no condition|needs brackets|begins with no operator|is no name of a column|can't be read|an opening "
              r"quote|behind its closing quote": "the grammar of conditions"}
CLAIMS = {r"The claim .* can't be used": "a claim is known by name"}
DOCUMENT = {r"application/graphql-response\+json": "whether a document is one by the actor's own schema: test_schemathesis_graphql.py",
            r"variables must be a JSON object": "JSON within a text"}
WEBHOOK = {**CLAIMS, r"can't be sent to this address": "hosts and their addresses", r"is no rule about|never happens|is about "
           r"updates alone": "the grammar of rules", r"is no pattern of tables|is not the name of a table": "of patterns"}
NUMBER = {r"neither the number of a delivery|is not the number of one": "a number, within the path"}
IN_WORDS: dict[str, dict[str, str]] = {
    "POST /query": SETTING,
    "GET /query": {**SETTING, **SQL, r"params must be a JSON": "JSON within a text"},
    "GET /conversations": CURSOR,
    "GET /tables/{name}/rows": {**CONDITIONS, **CURSOR, **OF_A_TABLE, r"takes no offset": "parameters that exclude each other"},
    "POST /tables/{name}/rows": {**OF_A_TABLE, **ONCE},
    "GET /tables/{name}/rows/{key}": OF_A_TABLE,
    **{f"{method} /tables/{{name}}/rows/{{key}}": {**OF_A_TABLE, **ONCE} for method in ("PUT", "PATCH", "DELETE")},
    "POST /rows": {**SETTING, **SQL, r"must name a column|A filter|An? order": "columns differ by table"},
    "POST /keys": {**CLAIMS, r"name on one line": "it can be printed", r"There is a key called": "each has a name of its own"},
    "GET /policy/explain": {**CLAIMS, r"is no name|can't be": "of a role or table"},
    "POST /graphql": DOCUMENT,
    "GET /graphql": DOCUMENT,
    "POST /ingest": {r"is no member of this request|\"mode\" is append or merge|Name one of": "keys may give less than the owner",
                     r" usage .*(sense|goes with|no table|needs|takes|once|without)": "which options go together: docs/ingest.md"},
    "POST /webhooks": WEBHOOK,
    "PATCH /webhooks/{id}": WEBHOOK,
    "GET /webhooks/{id}/deliveries/{n}": NUMBER,
    "POST /webhooks/{id}/deliveries/{n}/redeliver": NUMBER,
    "POST /webhooks/{id}/deliveries/{n}/skip": NUMBER,
    "POST /sinks": {r"option|kept|no sink|There is a sink|can't be the name|unknown_name|\"tables\"|\"options\"|\"secrets\"|keyring":
                    "each kind has options of its own; docs/changes.md"},
    "POST /schedules": {r"is no cron expression|never comes": "the grammar of cron", r"no time zone|no time of that name": "of zones",
                        r" (usage|refused|unknown_name) ": "what a verb takes, and which may run unattended: docs/commands.md"},
    "POST /approvals": {r" (usage|statement|unknown_name) ": "which names, SQL and answers make sense: docs/transform.md"},
    "POST /views": {r" (usage|statement|unknown_name|refused) ": "which SQL and options make sense together: docs/views.md"},
    "GET /checks": {r"is not the name of a table|an opening quote|can't be the name": "the grammar of names"},
    "POST /checks/run": {r"There is no checks\.yaml| (usage|unknown_name) ": "what the workspace's checks.yaml has"},
    "GET /changes": {r"A snapshot comes as events": "parameters that exclude each other"},
    "GET /audit": {r"is no time|is no length of time": "1h, 7d or a date"},
}
"""By operation, what a request may be refused with though it fits its schema: which words, and for which reason."""


def _said(response: Any) -> str:
    found = response.json()
    first = (found.get("errors") or [found])[0]
    code = found.get("code") or first.get("extensions", {}).get("code")
    return f"{response.headers.get('content-type')} {code} {found.get('detail') or first.get('message')}"


def refused_for_a_reason(ctx: Any, response: Any, case: Any) -> None:
    """What fits its schema is accepted, but for what no schema can say."""
    try:
        positive_data_acceptance(ctx, response, case)
    except RejectedPositiveData:
        if not any(re.search(words, _said(response)) for words in IN_WORDS.get(case.operation.label, ())):
            raise


def fails_only_in_time(ctx: Any, response: Any, case: Any) -> None:
    """A 504 is right where the request gave the seconds, and too few."""
    asked = {**(case.query or {}), **(case.body if isinstance(case.body, dict) else {})}
    if response.status_code != 504 or "timeout_s" not in asked:
        not_a_server_error(ctx, response, case)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("schemathesis")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLUTODUCK_HOME", str(folder / "home"))
        patch.setenv("PLUTODUCK_LIMITS__REFUSED", "unlimited")  # it tries without a key, again and again
        with serving(folder) as found, httpx.Client(base_url=found.base, headers=found.identities["key"], timeout=60) as client:
            REAL["run_id"] = client.post("/query", json={"sql": "FROM orders", "detach": True}).json()["run_id"]
            client.get(f"/query/{REAL['run_id']}?wait=30")
            yield found


def rounds(count: int) -> Any:
    return settings(max_examples=count, derandomize=True, deadline=None, database=None, phases=[Phase.explicit, Phase.generate],
                    suppress_health_check=list(HealthCheck))


def _ask(case: Any, served: Served, who: str) -> None:
    case.call_and_validate(base_url=served.base, headers=served.identities[who], timeout=60,
                           excluded_checks=[positive_data_acceptance, not_a_server_error],
                           additional_checks=[refused_for_a_reason, fails_only_in_time])


@schema.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Every other name is one that is there: what is found must fit its description, too."""
    return {name: REAL.get(name, value) if len(str(value)) % 2 == 0 else value
            for name, value in (path_parameters or {}).items()} or path_parameters


def _operations(paths: Sequence[str]) -> list[str]:
    return [f"{method.upper()} {path}" for path in dict.fromkeys(paths) if path not in ENDLESS
            for method in PATHS[path] if method in METHODS]


def _try(described: Any, label: str, served: Served, who: str) -> None:
    """`schema.parametrize()` would make up all requests while tests are collected, in each process of `make test`."""
    operation = described.find_operation_by_label(label)

    @rounds(2)
    def asked(case: Any) -> None:
        _ask(case, served, who)

    build_operation_test(config=described.config, operation=operation, test_func=asked, given_kwargs={},
                         feedback=FeedbackSources(constants_value_source=make_constants_value_source(described)))()


@pytest.mark.parametrize("label", _operations(list(PATHS)))
def test_any_request_gets_what_is_described(label: str, served: Served) -> None:
    _try(schema, label, served, "owner")


@pytest.mark.parametrize("label", _operations(OPEN))
def test_any_request_by_key_gets_what_is_described(label: str, served: Served) -> None:
    _try(by_key, label, served, "key")


def test_every_operation_is_tried() -> None:
    for described, paths in ((schema, list(PATHS)), (by_key, OPEN)):
        assert sorted(one.ok().label for one in described.get_all_operations()) == sorted(_operations(paths))
