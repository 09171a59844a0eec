"""Names: what GraphQL can't write is changed, always in the same way; relations are named by their columns."""

from __future__ import annotations

import itertools

import pytest
from graphql import assert_name, validate_schema
from hypothesis import given as cases
from hypothesis import settings
from hypothesis import strategies as st

from pluto_duck.api.graphql.kinds import kind_of
from pluto_duck.api.graphql.model import Rights, entities
from pluto_duck.api.graphql.naming import given, graphql_name
from pluto_duck.api.graphql.schema import build
from pluto_duck.session import ColumnInfo, ForeignKey, TableInfo, TableRef

from .conftest import Asking


@pytest.mark.parametrize(("name", "wanted"), [
    ("orders", "orders"), ("order details", "order_details"), ("1st", "_1st"), ("__typename", "_typename"), ("Größe", "Grosse"),
    ("数据", "u6570u636e"), ("a-b.c", "a_b_c"), ("", "_"), ("\u0301", "_"), ("_", "_"), ("ΔT", "u0394T"), ("a" * 80, "a" * 55 + "_" + "2ce4cf5d")])
def test_names(name: str, wanted: str) -> None:
    made = graphql_name(name)
    assert made[:56] == wanted[:56]
    assert len(made) <= 64
    assert_name(made)


@settings(max_examples=60, deadline=None)
@cases(st.lists(st.text(max_size=8), unique=True, max_size=12))
def test_any_names_become_as_many_good_ones(names: list[str]) -> None:
    found = given(names)
    assert len(set(found.values())) == len(names)
    for name, made in found.items():
        assert_name(made)
        assert not made.startswith("__")
        assert made == name or not (name.isascii() and name.isidentifier() and not name.startswith("__"))
    assert found == given(list(names)), "the same each time"


def table(name: str, *columns: str, schema: str = "main", key: tuple[str, ...] = (),
          foreign: tuple[ForeignKey, ...] = ()) -> TableInfo:
    return TableInfo(TableRef(name, schema), "table", tuple(ColumnInfo(one, "INTEGER") for one in columns or ("id",)), None, 0, key,
                     (), foreign)


def test_names_that_clash_are_settled_whatever_the_order() -> None:
    tables = [table("orders", key=("id",)), table("orders_aggregate"), table("sales_orders"), table("orders", schema="sales"),
              table("Query"), table("String"), table("or ders"), table("or_ders"), table("sql"), table("order_by"), table("Run")]
    wanted = None
    for some in itertools.islice(itertools.permutations(tables), 0, 40_000, 4_001):
        made = entities(some, {one.ref.key: Rights(frozenset(["id"]), frozenset(["id"]), True) for one in some})
        names = {str(one.ref): one.name for one in made}
        assert wanted in (None, names)
        wanted = names
        assert validate_schema(build(made, sql=True, ask=True, follow=True)) == []
    assert wanted is not None
    assert (wanted["or_ders"], wanted["or ders"]) == ("or_ders", "or_ders_2")
    assert (wanted["sales_orders"], wanted["sales.orders"]) == ("sales_orders", "sales_orders_2")
    assert wanted["Query"] == "Query_2"
    assert {wanted["orders"], wanted["orders_aggregate"]} == {"orders", "orders_aggregate_2"}


def test_columns_that_clash_with_words_of_conditions() -> None:
    (made,) = entities([table("t", "_and", "_or", "_not", "__typename", "true", "null", "id")])
    assert list(made.fields) == ["_and_2", "_or_2", "_not_2", "_typename", "true", "null", "id"]
    assert validate_schema(build([made])) == []


def test_relations_have_names_of_their_own() -> None:
    people = table("people", "id", "boss", "name", key=("id",), foreign=(ForeignKey(("boss",), TableRef("people"), ("id",)),))
    sales = table("sales", "buyer_id", "seller_id", "item", key=("buyer_id", "seller_id"), foreign=(
        ForeignKey(("buyer_id",), TableRef("people"), ("id",)), ForeignKey(("seller_id",), TableRef("people"), ()),
        ForeignKey(("item",), TableRef("gone"), ("id",))))
    passports = table("passports", "person_id", "name", key=("person_id",), foreign=(
        ForeignKey(("person_id",), TableRef("people"), ("id",)),))
    made = {one.name: one for one in entities([people, sales, passports])}
    assert set(made["sales"].links) == {"buyer", "seller"}
    assert {name: one.many for name, one in made["people"].links.items()} == {
        "boss_people": False, "people_by_boss": True, "sales_by_buyer_id": True, "sales_by_seller_id": True, "passports": False}


@pytest.mark.parametrize(("text", "shape", "scalar"), [
    ("INTEGER", "scalar", "Int"), ("BIGINT", "scalar", "BigInt"), ("DECIMAL(18,3)", "scalar", "Decimal"), ("VARCHAR", "scalar", "String"),
    ("TIMESTAMP WITH TIME ZONE", "scalar", "TimestampTZ"), ("MAP(VARCHAR, INTEGER)", "scalar", "JSON"), ("UNION(a INTEGER)", "scalar", "JSON"),
    ("INTEGER[]", "list", ""), ("INTEGER[3]", "list", ""), ("STRUCT(a INTEGER, \"b, c\" VARCHAR[])", "struct", ""),
    ("ENUM('a', 'it''s, (b)')", "enum", "String"), ("ENUM(" + ", ".join(f"'{i}'" for i in range(500)) + ")", "scalar", "String"),
    ("GEOMETRY", "scalar", "JSON")])
def test_types(text: str, shape: str, scalar: str) -> None:
    kind = kind_of(text)
    assert (kind.shape, kind.scalar) == (shape, scalar)
    if shape == "struct":
        assert [name for name, _kind in kind.members] == ["a", "b, c"]
        assert kind.members[1][1].item is not None
    if shape == "enum":
        assert kind.values == ("a", "it's, (b)")


def test_odd_names_are_read_and_written(owner: Asking) -> None:
    owner.session.query("""CREATE SCHEMA "My schema"; CREATE TABLE "My schema"."1 数据" ("id no" INTEGER PRIMARY KEY, "Ünïcode" VARCHAR,
        "select" INTEGER, "a""b" INTEGER, s STRUCT("x y" INTEGER), e ENUM ('a b', 'a_b', 'true', '1'))""")
    name = "My_schema_1_u6570u636e"
    made = owner(f"mutation {{insert_{name}_one(object: {{id_no: 1, Unicode: \"ü\", select: 2, a_b: 3, e: true_2}}) "
                 "{id_no Unicode select a_b s {x_y} e}}")
    assert made == {f"insert_{name}_one": {"id_no": 1, "Unicode": "ü", "select": 2, "a_b": 3, "s": None, "e": "true_2"}}
    assert owner(f"{{{name}(where: {{e: {{_eq: true_2}}, a_b: {{_gt: 2}}}}) {{id_no}} {name}_by_pk(id_no: 1) {{e}}}}") == {
        name: [{"id_no": 1}], f"{name}_by_pk": {"e": "true_2"}}
    noted = owner(f'{{__type(name: "{name}") {{description fields {{name description}}}}}}')["__type"]
    assert "My schema.1 数据" in noted["description"]
    assert "INTEGER id no" in {one["description"] for one in noted["fields"]}


def test_a_schema_of_many_tables_is_made() -> None:
    tables = [table(f"t{i}", *(f"c{j}" for j in range(10)), key=("c0",)) for i in range(200)]
    assert len(build(entities(tables)).type_map) > 200 * 8
