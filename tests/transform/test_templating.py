"""SQL into the text of a model and back: the names of tables change, nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pluto_duck.errors import StatementError, UsageError
from pluto_duck.transform.dbt.templating import OnlyDbt, compiled, escaped, places, ref_call, source_call, templated
from pluto_duck.workspace import TableRef

KNOWN = {"orders": ref_call("orders"), "é": source_call("raw", "é"), "my table": source_call("raw", "my table")}
MODELS = {"orders": TableRef("orders")}
SOURCES = {("raw", "é"): TableRef("é"), ("raw", "my table"): TableRef("my table")}


def _called(path: tuple[str, ...]) -> str:
    return KNOWN.get(path[-1].lower(), "") if len(path) == 1 or path[-2].lower() == "main" else ""


@pytest.mark.parametrize(("sql", "text"), [
    ("SELECT * FROM Orders", "SELECT * FROM {{ ref('orders') }}"),
    ('FROM  main . "ORDERS" o -- of orders\n', "FROM  {{ ref('orders') }} o -- of orders\n"),
    ("SELECT 'é', orders.a FROM \"É\" JOIN orders USING (a)",
     "SELECT 'é', orders.a FROM {{ source('raw', 'é') }} JOIN {{ ref('orders') }} USING (a)"),
    ("SELECT (SELECT max(a) FROM \"my table\") FROM orders WHERE EXISTS (FROM other.orders)",
     "SELECT (SELECT max(a) FROM {{ source('raw', 'my table') }}) FROM {{ ref('orders') }} WHERE EXISTS "
     "(FROM other.orders)"),
    # Names of CTEs are no tables, where they can be seen; the table of that name inside of it is one.
    ("WITH orders AS (SELECT * FROM orders) SELECT * FROM orders",
     "WITH orders AS (SELECT * FROM {{ ref('orders') }}) SELECT * FROM orders"),
    ("WITH a AS (WITH orders AS (SELECT 1 AS x) FROM orders), b AS (FROM orders) FROM a, b",
     "WITH a AS (WITH orders AS (SELECT 1 AS x) FROM orders), b AS (FROM {{ ref('orders') }}) FROM a, b"),
    ("WITH RECURSIVE orders(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM orders WHERE n < 3) FROM orders",
     "WITH RECURSIVE orders(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM orders WHERE n < 3) FROM orders"),
    ("FROM 'orders.csv'", "FROM 'orders.csv'"),
    ("FROM other.main.x", "FROM other.main.x"),
    ("FROM range(3) orders", "FROM range(3) orders"),
    ("SELECT '{{ x }} {% y %} {# z #}', {'a': {'b': 1}} FROM orders",
     "SELECT '{{ '{{' }} x }} {{ '{%' }} y %} {{ '{#' }} z #}', {'a': {'b': 1}} FROM {{ ref('orders') }}"),
])
def test_tables_that_are_known_are_named_as_dbt_does_and_the_rest_stays(sql: str, text: str) -> None:
    assert templated(sql, _called) == text


@pytest.mark.parametrize("sql", ["SELECT 1; SELECT 2", "DELETE FROM orders", "SELECT $x", "SELECT ?", "", "nonsense ("])
def test_only_one_select_without_parameters_becomes_a_model(sql: str) -> None:
    with pytest.raises((UsageError, StatementError)):
        places(sql)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.text(st.sampled_from("{}%#'\"-+ax\n"), max_size=30))
def test_whatever_stands_in_the_sql_jinja_gives_it_back(text: str) -> None:
    # A last line break is Jinja's to drop.
    assert compiled(escaped(text) + ".", {}, {}, TableRef("x")) == text + "."


def test_what_is_compiled_here_runs_no_code_of_the_project() -> None:
    def back(text: str) -> str:
        return compiled(text, MODELS, SOURCES, TableRef("mine"))

    assert back("{{ config(materialized='table') }}FROM {{ ref('orders') }}, {{ source('raw', 'my table') }}") == (
        'FROM "main"."orders", "main"."my table"')
    assert back("SELECT 1{% if is_incremental() %} WHERE a > (SELECT max(a) FROM {{ this }}){% endif %}") == "SELECT 1"
    for text, why in (("{{ ref('gone') }}", "gone"), ("{{ my_macro() }}", "my_macro"), ("{{ run_query('x') }}", "run"),
                      ("{{ ''.__class__.__mro__ }}", "unsafe"), ("{{ env_var('HOME') }}", "env_var"),
                      ("{{ source('raw') }}", "raw"), ("{% if %}", "xpected")):
        with pytest.raises(OnlyDbt, match=why):
            back(text)
