"""Documents made up from the GraphQL schema that a caller is told: answered as that schema has it, and never by a 5xx."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import graphql
import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.graphql import nodes

from pluto_duck.workspace import create
from tests.serving import Served, serving, with_policy

WORDS = st.sampled_from(["1", "-7", "2.50", "2026-03-01", "2026-03-01T12:30:00", "P1DT2H", "aGVsbG8=", "x", "1e400"])
for name in ("BigInt", "Decimal", "Date", "Timestamp", "TimestampTZ", "Interval", "UUID", "Blob", "JSON"):
    schemathesis.graphql.scalar(name, WORDS.map(nodes.String))
TABLES = """CREATE TABLE orders (id INTEGER PRIMARY KEY, email VARCHAR, card VARCHAR, region VARCHAR, amount DECIMAL(12, 2));
INSERT INTO orders SELECT i, 'p' || i, 'card', ['EU', 'US'][1 + i % 2], i * 1.5 FROM range(20) t(i);
CREATE TABLE items (id BIGINT, line SMALLINT, order_id INTEGER REFERENCES orders (id), moment TIMESTAMPTZ, took INTERVAL, bytes BLOB,
  tags VARCHAR[], more JSON, part STRUCT(a INTEGER, b VARCHAR), mood ENUM ('good', 'bad'), day DATE, PRIMARY KEY (id, line));
INSERT INTO items SELECT i, i % 3, i % 20, '2026-03-01 12:00:00+00'::TIMESTAMPTZ, INTERVAL 3 DAY, 'ab'::BLOB, ['x'], '{"a": 1}',
  {'a': i, 'b': 'c'}, 'good', DATE '2026-03-01' FROM range(40) t(i)"""
POLICY = """
version: 1
roles:
  eu:
    grants:
      - {tables: orders, actions: [read, ask, insert, update, delete], rows: region = $region, hide: card,
         masks: {email: partial}}
      - {tables: items, actions: [read, insert, update, delete]}
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("schemathesis_graphql")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLUTODUCK_HOME", str(folder / "home"))
        workspace = create(folder / "workspace")
        with serving(folder, with_policy(workspace, POLICY, TABLES)[0], workspace=workspace) as found:
            yield found


def _ask(served: Served, who: str, count: int) -> int:
    headers, url = served.identities[who], f"{served.base}/graphql"
    told = httpx.post(url, headers=headers, json={"query": graphql.get_introspection_query()}, timeout=60, verify=False).json()["data"]
    known = graphql.build_client_schema(told)
    schema = schemathesis.graphql.from_dict(told)
    asked = 0
    with httpx.Client(headers=headers, timeout=60, verify=False) as client:
        for found in schema.get_all_operations():
            operation = found.ok()

            @settings(max_examples=count, derandomize=True, deadline=None, database=None, phases=[Phase.generate],
                      suppress_health_check=list(HealthCheck))
            @given(case=operation.as_strategy())
            def tries(case: Any) -> None:
                nonlocal asked
                asked += 1
                response = client.post(url, json={"query": case.body})
                _fits(known, case.body, response)

            tries()
    return asked


def _fits(known: graphql.GraphQLSchema, text: str, response: httpx.Response) -> None:
    said = response.json()
    assert response.status_code in (200, 400), said
    for error in said.get("errors", ()):
        assert error["message"], (text, error)
        assert error["extensions"]["code"] not in ("", "internal"), (text, error)
    if response.status_code == 400:
        assert said["errors"], (text, said)
        assert said.get("data") is None, (text, said)
    elif said["data"] is None:
        assert said["errors"], (text, said)
    else:
        document = graphql.parse(text)
        asked = document.definitions[0]
        assert isinstance(asked, graphql.OperationDefinitionNode)
        _object(known, known.get_root_type(asked.operation), asked.selection_set, said["data"], text)


def _object(known: graphql.GraphQLSchema, kind: Any, chosen: Any, value: Any, text: str) -> None:
    fields = [one for one in chosen.selections if isinstance(one, graphql.FieldNode)]
    if len(fields) == len(chosen.selections):  # none in fragments
        assert list(value) == list(dict.fromkeys((one.alias or one.name).value for one in fields)), (text, value)
    for one in fields:
        if not one.name.value.startswith("__"):
            _value(known, kind.fields[one.name.value].type, one.selection_set, value[(one.alias or one.name).value], text)


def _value(known: graphql.GraphQLSchema, kind: Any, chosen: Any, value: Any, text: str) -> None:
    if isinstance(kind, graphql.GraphQLNonNull):
        assert value is not None, text
        kind = kind.of_type
    if value is None:
        return
    if isinstance(kind, graphql.GraphQLList):
        assert isinstance(value, list), (text, value)
        for one in value:
            _value(known, kind.of_type, chosen, one, text)
    elif isinstance(kind, graphql.GraphQLObjectType):
        _object(known, kind, chosen, value, text)
    elif isinstance(kind, graphql.GraphQLEnumType):
        assert value in kind.values, (text, value)
    elif kind.name in SHAPES:
        assert isinstance(value, SHAPES[kind.name]), (text, value)
        assert (kind.name == "Boolean") == isinstance(value, bool), (text, value)


SHAPES: dict[str, tuple[type, ...]] = {
    "Int": (int,), "Float": (int, float, str), "String": (str,), "ID": (str,), "Boolean": (bool,), "BigInt": (int, str),
    "Decimal": (str,), "Date": (str,), "Timestamp": (str,), "TimestampTZ": (str,), "Interval": (str,), "UUID": (str,),
    "Blob": (str,)}


@pytest.mark.parametrize("who", ["owner", "key"])
def test_any_document_is_answered_as_its_schema_says(served: Served, who: str) -> None:
    assert _ask(served, who, 3) >= 10


@pytest.mark.soak
@pytest.mark.parametrize("who", ["owner", "key"])
def test_many_documents_are_answered_as_their_schema_says(served: Served, who: str) -> None:
    assert _ask(served, who, 150) >= 500
