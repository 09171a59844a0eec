"""Bombs are refused before any SQL, and before they are held against the schema where that would be slow."""

from __future__ import annotations

from typing import Any

import pytest

from pluto_duck.api.graphql import serving
from pluto_duck.session import Session

from .conftest import Asking

REFUSED = {
    "ten thousand aliases": "{" + " ".join(f"a{i}: __typename" for i in range(10_000)) + "}",
    "aliases within the tokens": "{" + " ".join(f"a{i}: customers(limit: 10000) {{id}}" for i in range(300)) + "}",
    "one field again and again": "{customers {" + "id " * 900 + "}}",
    "a tower": "{customers" + "{orders{customer" * 900 + "{id}" + "}}" * 900 + "}",
    "nine deep": "{customers {orders {customer {orders {customer {orders {customer {orders {id}}}}}}}}}",
    "fragments that double": "{customers {...f0}}" + " ".join(
        f"fragment f{i} on customers {{a: orders {{customer {{...f{i + 1}}}}} b: orders {{customer {{...f{i + 1}}}}}}}" for i in range(30))
        + " fragment f30 on customers {id}",
    "a fragment within itself": "{customers {...f}} fragment f on customers {orders {customer {...f}}}",
    "fragments in a ring": "{...a} fragment a on Query {...b} fragment b on Query {...a}",
    "many fragments": "{customers {id}}" + " ".join(f"fragment f{i} on customers {{id}}" for i in range(200)),
    "directives": "{__typename" + " @skip(if: false)" * 500 + "}",
    "many operations": " ".join(f"query q{i} {{__typename}}" for i in range(100)),
    "lists within lists": "{customers(where: {id: {_in: " + "[" * 900 + "]" * 900 + "}}) {id}}",
    "conditions within conditions": "{customers(where: " + "{_not: " * 60 + "{}" + "}" * 60 + ") {id}}",
    "a list of values": "{customers(where: {id: {_in: [" + "1 " * 5_000 + "]}}) {id}}",
    "a long number": "{customers(where: {id: {_eq: " + "1" * 200_000 + "}}) {id}}",
    "a long text": '{customers(where: {name: {_eq: "' + "x" * 400_000 + '"}}) {id}}',
    "introspection in loops": "{__schema {types {fields {type {fields {type {fields {type {fields {name}}}}}}}}}}",
    "introspection in depth": "{__schema {types" + " {ofType" * 20 + " {name}" + "}" * 20 + "}}",
    "rows of rows": "{customers(limit: 10000) {orders(limit: 100) {id}}}",
    "rows of rows by aliases": "{" + " ".join(f"a{i}: orders(limit: 1000) {{items {{line}}}}" for i in range(12)) + "}",
    "too long a list": "{customers(limit: 10001) {id}}",
    "a list below nothing": "{customers(limit: -1) {id}}",
    "an offset below nothing": "{customers(offset: -1) {id}}",
    "groups of groups": "{customers(limit: 5000) {orders_aggregate {groups(by: [id], limit: 1000) {keys {id}}}}}",
    "nothing": "", "no GraphQL": "{{{{", "a type": "type X {a: Int}", "a deep value": "{customers(where: {_or: " + "[{_or: " * 40 + "[]" + "}]" * 40 + "}) {id}}"}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_it_is_refused_before_any_sql(reader: Asking, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reader("{__typename}")

    def never(*_args: Any, **_more: Any) -> Any:
        raise AssertionError("SQL was made")

    monkeypatch.setattr(Session, "rows", never)
    monkeypatch.setattr(Session, "query", never)
    answer = reader.whole(REFUSED[name])
    assert not answer.began
    assert {one["extensions"]["code"] for one in answer.errors} <= {"too_much", "usage"}
    assert all(len(one["message"]) < 400 for one in answer.errors)


@pytest.mark.parametrize("name", ["ten thousand aliases", "one field again and again", "fragments that double", "directives"])
def test_what_would_be_slow_to_check_is_not_checked(reader: Asking, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_args: Any, **_more: Any) -> Any:
        raise AssertionError("it was checked")

    reader("{__typename}")
    monkeypatch.setattr(serving, "validate", never)
    assert reader.whole(REFUSED[name]).errors[0]["extensions"]["code"] in ("too_much", "usage")


def test_variables_are_weighed_too(reader: Asking) -> None:
    deep: Any = {}
    for _ in range(40):
        deep = {"_not": deep}
    error = reader.refused("query ($w: customers_bool_exp) {customers(where: $w) {id}}", w=deep)
    assert error["extensions"]["code"] == "too_much"
    many = reader.refused("query ($i: [Int!]) {customers(where: {id: {_in: $i}}) {id}}", i=list(range(30_000)))
    assert many["extensions"]["code"] == "too_much"
    wrong = reader.refused("query ($i: Int!) {customers(where: {id: {_eq: $i}}) {id}}", i="x")
    assert wrong["extensions"]["code"] == "usage"


def test_a_cost_is_what_the_lists_could_hold(reader: Asking) -> None:
    def cost(text: str) -> int:
        answer = reader.whole(text)
        assert answer.began
        return answer.cost

    assert cost("{customers(limit: 10) {id}}") == 10
    assert cost("{customers {id}}") == 100
    assert cost("{customers(limit: 10) {orders(limit: 5) {items(limit: 2) {line} customer {id}}}}") == 10 + 50 + 100 + 50
    assert cost("{...f ...f} fragment f on Query {customers(limit: 10) {id}}") == 10, "one field, however it is named"
    assert cost("{a: customers(limit: 10) {id} b: customers(limit: 10) {id}}") == 20
    assert cost("{customers_by_pk(id: 1) {orders {id}}}") == 21


def test_what_tools_ask_of_a_schema_is_let_through(reader: Asking) -> None:
    from graphql import build_client_schema, get_introspection_query

    found = reader.whole(get_introspection_query(descriptions=True, input_value_deprecation=True))
    assert not found.errors
    assert "customers" in build_client_schema(found.data).type_map  # type: ignore[arg-type]


def test_the_standard_settings_are_the_limits(reader: Asking) -> None:
    from pluto_duck.api.graphql.limits import Limits

    assert Limits.of(reader.session.settings) == Limits()
