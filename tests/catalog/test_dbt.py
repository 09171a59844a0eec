"""What dbt says of the tables it makes, from files as dbt writes them (manifest v12)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.agent import ask
from pluto_duck.catalog import Catalog
from pluto_duck.catalog.semantics import dbt
from pluto_duck.session import Session


def _node(kind: str, name: str, description: str = "", columns: dict[str, dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    return {"database": "workspace", "schema": "main", "name": name, "resource_type": kind, "package_name": "shop",
            "path": f"{name}.sql", "original_file_path": f"models/{name}.sql", "unique_id": f"{kind}.shop.{name}",
            "fqn": ["shop", name], "alias": name, "checksum": {"name": "sha256", "checksum": "00"},
            "config": {"enabled": True, "materialized": "table", "meta": {}}, "tags": [], "description": description,
            "columns": {key: {"name": key, "description": "", "meta": {}, "data_type": None, "constraints": [], "quote": None,
                              "tags": []} | told for key, told in (columns or {}).items()},
            "meta": {}, "relation_name": f'"workspace"."main"."{name}"', **more}


def _measure(name: str, agg: str, expr: str | None = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "agg": agg, "description": None, "label": None, "create_metric": False, "expr": expr,
            "agg_params": None, "non_additive_dimension": None, "agg_time_dimension": None} | more


def _metric(name: str, kind: str, description: str = "", filter: str | None = None, **params: Any) -> dict[str, Any]:
    return {"name": name, "resource_type": "metric", "unique_id": f"metric.shop.{name}", "description": description,
            "label": name.replace("_", " ").title(), "type": kind, "meta": {}, "config": {"enabled": True, "meta": {}},
            "filter": {"where_filters": [{"where_sql_template": filter}]} if filter else None,
            "type_params": {"measure": None, "input_measures": [], "numerator": None, "denominator": None, "expr": None,
                            "window": None, "grain_to_date": None, "metrics": []} | params}


def _input(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "filter": None, "alias": None, "offset_window": None, "offset_to_grain": None} | more


MANIFEST: dict[str, Any] = {
    "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "dbt_version": "1.11.2",
                 "adapter_type": "duckdb", "project_name": "shop"},
    "nodes": {
        "model.shop.orders": _node("model", "orders", "One row for each order.", {
            "order_id": {"description": "The key."}, "amt": {"description": "What was paid, in euros.", "meta": {"synonyms": ["price"]}},
            "gone": {"description": "Not in the table any more."}}, meta={"synonyms": ["purchase"]}),
        "model.shop.customers": _node("model", "customers", "Everybody who bought."),
        "model.shop.elsewhere": _node("model", "elsewhere", "Not built here."),
        "test.shop.relationships_orders_buyer__customer_id__ref_customers_.1": _node(
            "test", "relationships_orders_buyer__customer_id__ref_customers_", attached_node="model.shop.orders",
            column_name="buyer", depends_on={"macros": [], "nodes": ["model.shop.customers", "model.shop.orders"]},
            test_metadata={"name": "relationships", "namespace": None, "kwargs": {
                "to": "ref('customers')", "field": "customer_id", "column_name": "buyer",
                "model": "{{ get_where_subquery(ref('orders')) }}"}}),
    },
    "sources": {},
    "semantic_models": {"semantic_model.shop.orders": {
        "name": "orders", "resource_type": "semantic_model", "model": "ref('orders')", "description": "", "label": None,
        "node_relation": {"alias": "orders", "schema_name": "main", "database": "workspace",
                          "relation_name": '"workspace"."main"."orders"'},
        "defaults": {"agg_time_dimension": "ordered_at"}, "primary_entity": None,
        "entities": [{"name": "order", "type": "primary", "expr": "order_id", "description": None, "role": None},
                     {"name": "customer", "type": "foreign", "expr": "buyer", "description": None, "role": None}],
        "dimensions": [{"name": "ordered_at", "type": "time", "expr": None, "type_params": {"time_granularity": "day"}},
                       {"name": "state", "type": "categorical", "expr": "status", "type_params": None}],
        "measures": [_measure("order_total", "sum", "amt"), _measure("order_count", "count", "1"),
                     _measure("buyers", "count_distinct", "buyer"),
                     _measure("p90", "percentile", "amt", agg_params={"percentile": 0.9})]}},
    "metrics": {one["unique_id"]: one for one in (
        _metric("revenue", "simple", "Without what was cancelled.", "{{ Dimension('order__state') }} <> 'X'",
                measure=_input("order_total", join_to_timespine=False, fill_nulls_with=None)),
        _metric("order_count", "simple", measure=_input("order_count")),
        _metric("average_order_value", "ratio", numerator=_input("revenue"), denominator=_input(
            "order_count", filter={"where_filters": [{"where_sql_template": "{{ Dimension('order__state') }} <> 'X'"}]})),
        _metric("revenue_of_a_buyer", "derived", expr="revenue / nullif(b, 0)", metrics=[_input("revenue"), _input("buyers", alias="b")]),
        _metric("buyers", "simple", measure=_input("buyers")),
        _metric("running_revenue", "cumulative", measure=_input("order_total"), window={"count": 7, "granularity": "day"}),
        _metric("revenue_before", "derived", expr="r", metrics=[_input("revenue", alias="r", offset_window={"count": 1, "granularity": "month"})]),
        _metric("french_revenue", "simple", "", "{{ Dimension('customer__country') }} = 'FR'", measure=_input("order_total")))},
}


@pytest.fixture
def shop(session: Session) -> Session:
    session.query("CREATE TABLE customers AS SELECT i AS customer_id, 'customer ' || i AS name FROM range(5) t(i); "
                  "CREATE TABLE orders AS SELECT i AS order_id, i % 5 AS buyer, i * 1.0 AS amt, ['D', 'X'][1 + i % 2] AS status, "
                  "DATE '2024-01-01' + i::INTEGER AS ordered_at FROM range(20) t(i)")
    root = session.workspace.root
    (root / "dbt_project.yml").write_text("name: shop\nversion: '1.0'\n")
    (root / "target").mkdir()
    (root / "target" / "manifest.json").write_text(json.dumps(MANIFEST))
    return session


def test_descriptions_words_dates_and_joins_come_from_dbt(shop: Session) -> None:
    catalog = Catalog.of(shop)
    orders = catalog.table("main.orders")
    assert (orders.description, orders.words, orders.date) == ("One row for each order.", ("purchase",), "ordered_at")
    assert (orders.column("amt").description, orders.column("amt").words) == ("What was paid, in euros.", ("price",))
    assert [(one.child_column, one.parent.name, one.declared) for one in catalog.relations] == [("buyer", "customers", True)]


def test_metrics_of_one_table_are_taken_over_and_give_dbts_numbers(shop: Session) -> None:
    found = {one.name: one for one in Catalog.of(shop).semantics.metrics}
    values = {name: float(shop.query(f"SELECT {one.expression} FROM orders" + (f" WHERE {one.filter}" if one.filter else "")).scalar())
              for name, one in found.items()}
    assert values == {"revenue": 90.0, "order count": 20.0, "average order value": 9.0, "buyers": 5.0, "revenue of a buyer": 18.0}
    assert found["revenue"].date == "ordered_at"
    assert found["average order value"].description == ""
    assert found["revenue"].description == "Without what was cancelled."


def test_a_metric_that_does_not_fit_is_told_and_what_is_elsewhere_is_not(shop: Session) -> None:
    said = [str(one) for one in Catalog.of(shop).semantics.problems]
    assert len(said) == 3
    for name, why in (("running_revenue", "it is cumulative"), ("revenue_before", "it looks back in time"),
                      ("french_revenue", "its filter speaks of another table, or of a point in time")):
        assert f"target/manifest.json: metrics.{name}: This metric of dbt is not used: {why}." in said
    assert ask(shop, "how many orders are there?").assumptions == ()


def test_the_users_own_file_has_the_last_word(shop: Session) -> None:
    (shop.workspace.root / "semantics.yaml").write_text(
        "tables: {orders: {description: Ours., columns: {amt: {hidden: true}}}}\n"
        "metrics: {revenue: {table: orders, expression: count(*)}}")
    catalog = Catalog.of(shop)
    assert (catalog.table("main.orders").description, catalog.table("main.orders").words) == ("Ours.", ("purchase",))
    assert catalog.table("main.orders").column("amt").hidden
    assert [one.expression for one in catalog.semantics.metrics if one.name == "revenue"] == ["COUNT(*)"]


def test_a_new_run_of_dbt_is_seen(shop: Session) -> None:
    before = Catalog.of(shop)
    assert Catalog.of(shop) is before
    changed = json.loads(json.dumps(MANIFEST))
    changed["nodes"]["model.shop.orders"]["description"] = "Another one."
    (shop.workspace.root / "target" / "manifest.json").write_text(json.dumps(changed))
    assert Catalog.of(shop).table("main.orders").description == "Another one."


@pytest.mark.parametrize("text", ["", "{", "[]", '{"nodes": 3}', '{"nodes": {"a": {"resource_type": "model"}}}', "[" * 100_000])
def test_a_damaged_manifest_is_told_and_breaks_nothing(text: str, shop: Session) -> None:
    (shop.workspace.root / "target" / "manifest.json").write_text(text)
    catalog = Catalog.of(shop)
    assert [one.level for one in catalog.semantics.problems] == ["doubtful"]
    assert len(catalog.tables) == 2


def test_sql_of_dbt_can_do_no_more_than_that_of_the_file(shop: Session) -> None:
    hostile = json.loads(json.dumps(MANIFEST))
    measures = hostile["semantic_models"]["semantic_model.shop.orders"]["measures"]
    measures[0]["expr"] = "(SELECT max(content) FROM read_text('/etc/passwd'))"
    (shop.workspace.root / "target" / "manifest.json").write_text(json.dumps(hostile))
    catalog = Catalog.of(shop)
    assert {one.name for one in catalog.semantics.metrics} == {"order count", "buyers"}
    assert "metrics.revenue" in " ".join(one.where for one in catalog.semantics.problems)


def test_metrics_made_of_metrics_made_of_metrics_fill_neither_time_nor_memory(shop: Session) -> None:
    """A hundred times itself, ten times over: the same in a few lines as more characters than there are atoms."""
    hostile = json.loads(json.dumps(MANIFEST))
    for number in range(1, 11):
        below = f"m{number - 1}" if number > 1 else "buyers"
        made = _metric(f"m{number}", "derived", expr=" + ".join(["a"] * 100),
                       metrics=[_input(below, alias=name) for name in ["a", *(f"b{i}" for i in range(100))]])
        hostile["metrics"][made["unique_id"]] = made
    loop = _metric("loop", "derived", expr="loop", metrics=[_input("loop")])
    hostile["metrics"][loop["unique_id"]] = loop
    (shop.workspace.root / "target" / "manifest.json").write_text(json.dumps(hostile))
    said = [str(one) for one in Catalog.of(shop).semantics.problems]
    for name, why in (("m2", "it is too long"), ("m10", "it is too long"), ("loop", "it is made of itself")):
        assert f"target/manifest.json: metrics.{name}: This metric of dbt is not used: {why}." in said
    assert "revenue" in {one.name for one in Catalog.of(shop).semantics.metrics}


def test_models_that_are_a_link_out_of_the_folder_are_not_walked_through(shop: Session, tmp_path: Path) -> None:
    (shop.workspace.root / "target" / "manifest.json").unlink()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "schema.yml").write_text("models: [{name: orders, description: Not ours.}]")
    (shop.workspace.root / "models").symlink_to(elsewhere)
    assert dbt.files(shop.workspace.root) == []
    assert Catalog.of(shop).table("main.orders").description == ""


def test_before_dbt_has_run_its_yml_files_are_read(shop: Session) -> None:
    (shop.workspace.root / "target" / "manifest.json").unlink()
    models = shop.workspace.root / "models" / "marts"
    models.mkdir(parents=True)
    Path(models / "schema.yml").write_text(
        "version: 2\nmodels:\n  - name: orders\n    description: >\n      From the\n      yml file.\n    columns:\n"
        "      - name: amt\n        description: '{{ doc(\"amt\") }}'\n        data_tests: [not_null]\n")
    table = Catalog.of(shop).table("main.orders")
    assert (table.description, table.column("amt").description) == ("From the yml file.", "")
