"""Rows, relations and sums: the same as SQL says, in one statement a level."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pluto_duck.errors import SessionReset
from pluto_duck.session import Session
from pluto_duck.session.rows import Aggregate, Select
from pluto_duck.workspace import Workspace
from tests.api.door import governed_again
from tests.workspace.worker import Worker

from .conftest import POLICY, Asking


def test_a_list_is_filtered_sorted_and_cut(reader: Asking) -> None:
    found = reader('{customers(where: {region: {_eq: "EU"}, id: {_lt: 5}}, order_by: {id: desc}, limit: 2) {id who: name}}')
    assert found == {"customers": [{"id": 4, "who": "name 4"}, {"id": 2, "who": "name 2"}]}
    assert reader("{customers(order_by: [{region: asc}, {id: desc}], offset: 2, limit: 2) {id region}}") == {
        "customers": [{"id": 0, "region": "EU"}, {"id": 5, "region": "US"}]}


@pytest.mark.parametrize(("where", "ids"), [
    ("{id: {_in: [1, 2, 99]}}", [1, 2]), ("{id: {_nin: [0, 1, 2, 3]}}", [4, 5]), ("{id: {_neq: 3, _gt: 1}}", [2, 4, 5]),
    ("{id: {_gte: 4}}", [4, 5]), ("{id: {_lte: 1}}", [0, 1]), ('{name: {_like: "name _"}, id: {_lt: 1}}', [0]),
    ('{name: {_ilike: "NAME 1"}}', [1]), ('{name: {_nlike: "%"}}', []), ('{name: {_nilike: "NAME 1"}, id: {_lt: 2}}', [0]),
    ("{region: {_is_null: true}}", []), ("{region: {_is_null: false}, id: {_lt: 2}}", [0, 1]),
    ('{_or: [{id: {_eq: 0}}, {region: {_eq: "US"}, id: {_gt: 4}}]}', [0, 5]), ("{_not: {id: {_gt: 0}}}", [0]),
    ("{_and: [{id: {_gt: 0}}, {id: {_lt: 2}}]}", [1]), ("{}", [0, 1, 2, 3, 4, 5]), ("{_or: []}", []), ("{id: {}}", [0, 1, 2, 3, 4, 5])])
def test_conditions(reader: Asking, where: str, ids: list[int]) -> None:
    found = reader(f"{{customers(where: {where}, order_by: {{id: asc}}) {{id}}}}")
    assert [one["id"] for one in found["customers"]] == ids


def test_null_is_no_condition(reader: Asking) -> None:
    for where in ("{id: null}", "{id: {_eq: null}}"):
        error = reader.refused(f"{{customers(where: {where}) {{id}}}}")
        assert "_is_null" in error["extensions"]["hint"]


def test_a_row_by_its_key(reader: Asking) -> None:
    found = reader("{a: items_by_pk(order_id: 3, line: 1) {price} b: items_by_pk(order_id: 3, line: 9) {price}}")
    assert found == {"a": {"price": 2.5}, "b": None}


def test_relations_both_ways_with_arguments(reader: Asking) -> None:
    found = reader("""{orders(where: {id: {_in: [6, 7]}}, order_by: {id: asc}) {
        id customer {name orders(order_by: {id: desc}, limit: 2, where: {id: {_neq: 25}}) {id}}
        items(order_by: {line: desc}, limit: 1, offset: 1) {line order {id}}
        items_aggregate(where: {line: {_gt: 0}}) {aggregate {count max {price}} nodes(order_by: {line: asc}) {line}
            groups(by: [line]) {keys {line} aggregate {count}}}}}""")
    six, seven = found["orders"]
    assert six["customer"] is None
    assert seven == {
        "id": 7, "customer": {"name": "name 1", "orders": [{"id": 19}, {"id": 7}]},
        "items": [{"line": 1, "order": {"id": 7}}],
        "items_aggregate": {"aggregate": {"count": 2, "max": {"price": 5.75}}, "nodes": [{"line": 1}, {"line": 2}],
                            "groups": [{"keys": {"line": 1}, "aggregate": {"count": 1}},
                                       {"keys": {"line": 2}, "aggregate": {"count": 1}}]}}


def test_sums_and_groups(reader: Asking) -> None:
    found = reader("""{orders_aggregate(where: {id: {_lt: 10}}) {
        aggregate {count different: count(column: customer_id, distinct: true) sum {total id} avg {total} min {at status}}
        groups(by: [status], limit: 2) {keys {status id} aggregate {count max {id}}} nodes(limit: 1, order_by: {id: asc}) {id}}}""")
    assert found["orders_aggregate"] == {
        "aggregate": {"count": 10, "different": 6, "sum": {"total": "56.25", "id": 45}, "avg": {"total": 5.625},
                      "min": {"at": "2026-01-01T00:00:00", "status": "new"}},
        "groups": [{"keys": {"status": "new", "id": None}, "aggregate": {"count": 4, "max": {"id": 9}}},
                   {"keys": {"status": "paid", "id": None}, "aggregate": {"count": 3, "max": {"id": 7}}}],
        "nodes": [{"id": 0}]}
    assert reader("{orders_aggregate(where: {id: {_lt: 0}}) {aggregate {count sum {id}} groups(by: [id]) {keys {id}}}}") == {
        "orders_aggregate": {"aggregate": {"count": 0, "sum": {"id": None}}, "groups": []}}


THREE = ("{customers(limit: %d) {name orders(limit: %d) {id items {price} customer {id}} "
         "orders_aggregate {aggregate {count} groups(by: [status]) {aggregate {count}}}}}")


def test_one_statement_a_level_however_many_rows(reader: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    inner = Session.rows

    def counted(self: Session, wanted: Select | Aggregate, **more: Any) -> Any:
        asked.append(f"{type(wanted).__name__} {wanted.table}")
        return inner(self, wanted, **more)

    monkeypatch.setattr(Session, "rows", counted)
    found = []
    for many in (1, 6):
        asked.clear()
        reader(THREE % (many, many))
        found.append(list(asked))
    assert found[0] == found[1] == [
        "Select customers", "Select orders", "Select items", "Select customers", "Aggregate orders", "Aggregate orders"]


def test_statements_are_counted_where_they_run(owner: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same below the seam: DuckDB is given no more of them when there are more rows."""
    from pluto_duck.workspace.database import Cursor

    run: list[str] = []

    def counting(inner: Any) -> Any:
        def counted(self: Cursor, sql: str, *args: Any, **more: Any) -> Any:
            run.append(sql)
            return inner(self, sql, *args, **more)

        return counted

    owner(THREE % (1, 1))
    for name in ("execute", "fetchall"):
        monkeypatch.setattr(Cursor, name, counting(getattr(Cursor, name)))
    counts = []
    for many in (1, 6):
        run.clear()
        owner(THREE % (many, many))
        counts.append(len(run))
    assert counts[0] == counts[1] <= 7, "six, and the BEGIN of their moment"


def test_a_list_that_our_limit_cuts_says_so(reader: Asking) -> None:
    small = Asking(reader.session, default_rows=4, default_nested_rows=2)
    answer = small.whole("{customers {id orders {id}} all: customers(limit: 3) {id}}")
    assert answer.data is not None
    assert [len(one["orders"]) for one in answer.data["customers"]] == [2, 2, 2, 2]
    told = answer.extensions["truncated"]
    assert told == [{"path": ["customers", "orders"], "limit": 2}, {"path": ["customers"], "limit": 4}]
    assert "truncated" not in small.whole("{customers(limit: 4) {id}}").extensions


def test_fragments_aliases_and_directives(reader: Asking) -> None:
    text = """query q($no: Boolean!) {customers(limit: 1, order_by: {id: asc}) {...some id region @skip(if: $no)
        ... on customers @include(if: $no) {x: id} __typename} __typename}
        fragment some on customers {n: name orders(limit: 1, order_by: {id: asc}) {id} ...more}
        fragment more on customers {orders(limit: 1, order_by: {id: asc}) {total}}"""
    found = reader(text, no=True)
    assert found == {"customers": [{"n": "name 0", "orders": [{"id": 0, "total": "0.00"}], "id": 0, "x": 0,
                                    "__typename": "customers"}], "__typename": "Query"}
    assert list(found["customers"][0]) == ["n", "orders", "id", "x", "__typename"], "in the order of the document"


def test_not_a_number_is_null_and_told(owner: Asking) -> None:
    owner.session.query("UPDATE items SET price = 'nan' WHERE order_id = 1 AND line = 0")
    answer = owner.whole("{items(where: {order_id: {_eq: 1}}, order_by: {line: asc}) {price}}")
    assert answer.data == {"items": [{"price": None}, {"price": 1.0}, {"price": 1.25}]}
    assert answer.errors[0]["path"] == ["items", 0, "price"]
    assert answer.errors[0]["extensions"]["code"] == "not_finite"


def test_values_of_every_type(owner: Asking) -> None:
    owner.session.query("""CREATE TABLE every AS SELECT 1 AS id, true AS b, 9007199254740993::BIGINT AS big,
        170141183460469231731687303715884105727::HUGEINT AS huge, 1.10::DECIMAL(5, 2) AS d, 0.5::FLOAT AS f,
        DATE '2026-03-01' AS day, TIMESTAMPTZ '2026-03-01 12:00:00+02' AS tz, TIME '01:02:03' AS t,
        INTERVAL 3 DAYS AS i, '5f0c954e-8d43-4b50-a0a2-1c55d1c1a4e8'::UUID AS u, 'ab'::BLOB AS bytes,
        '{"a": [1, null]}'::JSON AS j, [1, NULL] AS l, {'x y': 1, 'z': [{'q': 'r'}]} AS s, MAP {'k': 1} AS m,
        NULL::STRUCT(a INTEGER) AS none""")
    found = owner("""{every {id b big huge d f day tz t i u bytes j l s {x_y z {q}} m none {a}}}""")["every"][0]
    assert found == {
        "id": 1, "b": True, "big": "9007199254740993", "huge": "170141183460469231731687303715884105727", "d": "1.10",
        "f": 0.5, "day": "2026-03-01", "tz": "2026-03-01T10:00:00Z", "t": "01:02:03", "i": "P3D",
        "u": "5f0c954e-8d43-4b50-a0a2-1c55d1c1a4e8", "bytes": "YWI=", "j": {"a": [1, None]}, "l": [1, None],
        "s": {"x_y": 1, "z": [{"q": "r"}]}, "m": [["k", 1]], "none": None}
    for where in ('big: {_eq: "9007199254740993"}', "big: {_eq: 9007199254740993}", 'd: {_eq: "1.10"}', "d: {_gte: 1.1}",
                  'day: {_gt: "2026-02-28"}', 'tz: {_eq: "2026-03-01T10:00:00Z"}', 'u: {_in: ["5f0c954e-8d43-4b50-a0a2-1c55d1c1a4e8"]}',
                  'bytes: {_eq: "YWI="}', 'i: {_eq: "P3D"}', "l: {_is_null: false}", "none: {_is_null: true}"):
        assert len(owner(f"{{every(where: {{{where}}}) {{id}}}}")["every"]) == 1, where


ROWS = st.lists(st.tuples(st.integers(-5, 5) | st.none(), st.text("ab%_'\"\\é", max_size=3) | st.none()), max_size=8)
OPS = {"_eq": "=", "_neq": "<>", "_gt": ">", "_gte": ">=", "_lt": "<", "_lte": "<="}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, st.sampled_from(sorted(OPS)), st.integers(-5, 5), st.text("ab%_'\"\\é", max_size=3), st.booleans())
def test_graphql_says_what_sql_says(owner: Asking, rows: list[Any], op: str, number: int, text: str, either: bool) -> None:
    owner.session.query("CREATE TABLE IF NOT EXISTS p (id INTEGER PRIMARY KEY, n INTEGER, t VARCHAR); DELETE FROM p")
    objects = [{"id": i, "n": n, "t": t} for i, (n, t) in enumerate(rows)]
    if objects:
        owner("mutation ($o: [p_insert_input!]!) {insert_p(objects: $o) {affected_rows}}", o=objects)
    where: dict[str, Any] = {"n": {op: number}}, {"t": {"_like": text}}  # type: ignore[assignment]
    found = owner("query ($w: p_bool_exp!) {p(where: $w, order_by: {id: asc}) {id n t} p_aggregate(where: $w) "
                  "{aggregate {count sum {n}}}}", w={"_or" if either else "_and": list(where)})
    like = text.replace("'", "''")
    sql = owner.session.query(f"SELECT id, n, t FROM p WHERE n {OPS[op]} {number} {'OR' if either else 'AND'} "
                              f"t LIKE '{like}' ORDER BY id").rows()
    assert [(one["id"], one["n"], one["t"]) for one in found["p"]] == sql
    there = [row[1] for row in sql if row[1] is not None]
    assert found["p_aggregate"]["aggregate"] == {"count": len(sql), "sum": {"n": sum(there) if there else None}}


def test_shapes_are_those_of_graphql_core(reader: Asking) -> None:
    """Our own way through a document gives what graphql-core makes of the same values."""
    from graphql import execute_sync, parse

    text = """{a: customers(limit: 2, order_by: {id: asc}) {...f b: name ...{id} ...f orders(limit: 1) {...g}} __typename}
        fragment f on customers {id __typename region} fragment g on orders {z: id total ...{total}}"""
    mine = reader(text)

    plain = reader("{customers(limit: 2, order_by: {id: asc}) {id name region orders(limit: 1) {id total}}}")
    served = reader.schemas.of(reader.session, None)
    theirs = execute_sync(served.schema, parse(text), root_value=plain)
    assert theirs.errors is None
    assert json.dumps(mine) == json.dumps(theirs.data), "with the order of the fields"


NESTED = """{customers(order_by: {id: asc}, limit: 3) {id orders(order_by: {id: asc}, limit: 2) {id customer {id}}
    orders_aggregate {aggregate {count}}} orders_aggregate {aggregate {count}}}"""


@pytest.mark.parametrize("who", ["owner", "clerk", "guest"])
def test_all_levels_are_of_one_moment(who: str, shop: Workspace, request: pytest.FixtureRequest) -> None:
    with contextlib.ExitStack() as stack:
        if who == "guest":
            stack.enter_context(Worker(shop.root, role="kernel"))
        asking: Asking = request.getfixturevalue("clerk" if who == "clerk" else "owner")
        assert asking.session.hosting == ("guest" if who == "guest" else "host")
        writer = stack.enter_context(Session.open(shop.root))
        before, asked, rows = asking(NESTED), list[int](), Session.rows

        def between(self: Session, *args: Any, **more: Any) -> Any:
            found = rows(self, *args, **more)
            asked.append(len(asked))
            writer.query("DELETE FROM items")
            writer.query(f"DELETE FROM orders WHERE id < {10 * len(asked)}")
            return found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Session, "rows", between)
            assert asking(NESTED) == before
        assert len(asked) == 5
        assert asking(NESTED) != before


def test_a_role_that_may_less_meanwhile_reads_nothing_of_the_moment_before(
        shop: Workspace, eu: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = Session.rows

    def between(self: Session, *args: Any, **more: Any) -> Any:
        found = rows(self, *args, **more)
        governed_again(shop, POLICY.replace("[orders, items]", "[items]"))
        return found

    monkeypatch.setattr(Session, "rows", between)
    with pytest.raises(SessionReset):
        eu.whole("{orders(limit: 2) {id items {line}}}")


def test_what_one_statement_reads_needs_no_moment(reader: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "_begin_moment", lambda self: pytest.fail("a round trip in vain"))
    for text in ("{customers {id name}}", "{customers_aggregate {aggregate {count}}}", "{items_by_pk(order_id: 3, line: 1) {price}}"):
        reader(text)
