"""Trees that no engine writes today: whatever the Gate doesn't know, it refuses."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pluto_duck.errors import PlutoError, Refused
from pluto_duck.governance import Names
from pluto_duck.governance.functions import allowed
from pluto_duck.governance.walk import Walk
from pluto_duck.workspace import TableRef
from pluto_duck.workspace.parser import Parser
from tests.governance.conftest import Agent

PARSER = Parser()
FUNCTIONS = allowed(PARSER.version())
TABLES = [TableRef(name) for name in ("people", "cities", "orders", "adults", "moods", "cities_by_city", "order",
                                      "range", "Sélection d'été")]
NAMES = Names([*TABLES, TableRef("sensors", "raw"), TableRef("hot", "raw"), TableRef("odd.table", "My schema")])
LINES = Path(__file__).with_name("legitimate.sql").read_text(encoding="utf-8").splitlines()
TREES = [tree["statements"][0] for tree in (PARSER.tree(line) for line in LINES
                                            if not line.startswith(("--", "SHOW TABLES")))]
SETTINGS = settings(max_examples=150, deadline=None, derandomize=True, database=None,
                    suppress_health_check=[HealthCheck.too_slow])


def read(tree: dict[str, Any]) -> None:
    Walk(NAMES, FUNCTIONS).read(tree)


DATA = {"literal", "sample", "qualified_exclude_list", "rename_list", "user_type_modifiers"}


def nodes(tree: Any, key: str = "") -> Iterator[dict[str, Any]]:
    """Every node that says what kind it is, outside of constants."""
    if isinstance(tree, dict):
        if isinstance(tree.get("type"), str) and ("class" in tree or key != "value"):
            yield tree
        for name, value in tree.items():
            if name not in DATA and not (name == "value" and tree.get("class") == "CONSTANT") and name != "values":
                yield from nodes(value, name)
    elif isinstance(tree, list):
        for one in tree:
            yield from nodes(one, key)


@pytest.mark.parametrize("tree", TREES, ids=range(len(TREES)))
def test_the_trees_as_they_are_pass(tree: dict[str, Any]) -> None:
    read(tree)


@given(st.data())
@SETTINGS
def test_an_unknown_kind_of_node_is_refused(data: st.DataObject) -> None:
    tree = copy.deepcopy(data.draw(st.sampled_from(TREES)))
    node = data.draw(st.sampled_from(list(nodes(tree))))
    key = "class" if "class" in node and data.draw(st.booleans()) else "type"
    if key == "type" and node["type"] in ("ORDER_DEFAULT", "ASCENDING", "DESCENDING"):
        return  # a direction of sorting, not a kind of node
    node[key] = data.draw(st.sampled_from(["NEW_KIND", "DELETE_QUERY_NODE", "INSERT_QUERY_NODE", "STATEMENT_NODE",
                                           "COLUMN_DATA", "DELIM_GET", "BOUND_REF", "LAMBDA_REF", "DEFAULT", "", "x"]))
    with pytest.raises(Refused):
        read(tree)


@given(st.data())
@SETTINGS
def test_an_unknown_field_with_something_in_it_is_refused(data: st.DataObject) -> None:
    tree = copy.deepcopy(data.draw(st.sampled_from(TREES)))
    found = [one for one in nodes(tree) if not str(one["type"]).endswith("_TYPE_INFO")]
    node = data.draw(st.sampled_from(found))
    node["a_new_field"] = data.draw(st.sampled_from([{"class": "FUNCTION"}, [1], "text", True, 7]))
    with pytest.raises(Refused):
        read(tree)


@given(st.data())
@SETTINGS
def test_a_table_that_is_not_granted_is_refused_wherever_it_stands(data: st.DataObject) -> None:
    tree = copy.deepcopy(data.draw(st.sampled_from(TREES)))
    tables = [one for one in nodes(tree) if one["type"] == "BASE_TABLE"]
    if not tables:
        return
    node = data.draw(st.sampled_from(tables))
    node["table_name"] = "journal"
    if "qualified_name" in node:
        node["qualified_name"] = {"path": [*node["qualified_name"]["path"][:-1], "journal"]}
    with pytest.raises(PlutoError):
        read(tree)


@given(st.data())
@SETTINGS
def test_a_denied_function_is_refused_wherever_it_stands(data: st.DataObject) -> None:
    tree = copy.deepcopy(data.draw(st.sampled_from(TREES)))
    calls = [one for one in nodes(tree) if one.get("class") in ("FUNCTION", "WINDOW")]
    if not calls:
        return
    node = data.draw(st.sampled_from(calls))
    node["function_name"] = name = data.draw(st.sampled_from(["getvariable", "read_text", "query", "stats", "nope"]))
    if "qualified_name" in node:
        node["qualified_name"] = {"path": [*node["qualified_name"]["path"][:-1], name]}
    with pytest.raises(Refused):
        read(tree)


@given(st.data())
@SETTINGS
def test_a_name_that_is_written_twice_must_say_the_same_twice(data: st.DataObject) -> None:
    tree = copy.deepcopy(data.draw(st.sampled_from(TREES)))
    named = [one for one in nodes(tree) if one["type"] in ("BASE_TABLE", "FUNCTION")]
    if not named:
        return
    node = data.draw(st.sampled_from(named))
    node["qualified_name"] = {"path": ["workspace", "_pluto", "journal"]}
    with pytest.raises(Refused):
        read(tree)


def test_a_deep_tree_is_refused_and_not_an_overflow() -> None:
    deep = json.loads(json.dumps(PARSER.tree("SELECT -1")["statements"][0]))
    leaf = {"class": "COLUMN_REF", "type": "COLUMN_REF", "column_names": ["a"]}
    for _ in range(3_000):
        leaf = {"class": "OPERATOR", "type": "OPERATOR_NOT", "children": [leaf]}  # type: ignore[dict-item]
    deep["node"]["select_list"] = [leaf]
    with pytest.raises(Refused, match="nested too deep"):
        read(deep)


PIECES = ["SELECT", "FROM", "people", "_pluto.journal", "(", ")", ",", "*", "WITH", "t", "AS", "UNION ALL", "JOIN",
          "ON true", "WHERE", "1", "'a'", "read_text", "range", "$x", ";", "PIVOT", "IN", "lambda", "x:", "x", "[", "]",
          "FOR", "main.", "DESCRIBE", "SHOW", "LIMIT", "ORDER BY", "CASE WHEN", "END", "::", "mood", "INTEGER", "secret",
          "EXISTS", "LATERAL", "VALUES", "query('SELECT secret FROM _pluto.journal')", "GROUP BY ALL", "QUALIFY",
          "name", "age", "id", "NULL", "name, age", "people,", "count(*)", "(SELECT secret FROM _pluto.journal)"]


def test_no_random_statement_that_passes_shows_the_secret(agent: Agent) -> None:
    """Half are random words, half are legitimate statements with one word exchanged."""
    chance = random.Random(20_240_229)
    passed = refused = 0
    lines = [line.split(" ") for line in LINES if not line.startswith("--")]
    for turn in range(1_500):
        if turn % 2:
            words = ["SELECT", *chance.choices(PIECES, k=chance.randint(2, 10))]
        else:
            words = list(chance.choice(lines))
            words[chance.randrange(len(words))] = chance.choice(PIECES)
        sql = " ".join(words)
        try:
            agent.check(sql)
        except PlutoError:
            refused += 1
            continue
        passed += 1
        try:
            shown = repr(agent.query(sql, max_rows=50))
        except PlutoError as error:
            shown = str(error)
        assert "never-to-be-seen" not in shown, sql
    assert passed > 50 < refused
