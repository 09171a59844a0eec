"""What may stand in the tree of a read-only statement: kinds of nodes, their fields, types.

The tree is json_serialize_sql's. 1.5 and 2.0 differ in names of fields, so each kind lists those of both.
Whatever isn't here is refused: a kind, a type of node, or a field that is not empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

Part = Literal["data", "expression", "expressions", "query", "queries", "statement", "from", "ctes", "modifiers",
               "arguments", "cases", "named", "orders", "order", "type", "pivots", "name", "never"]
"""What a field holds, and so how it is read. `data`: names of columns, constants and flags, not read.
`name`: read by the rule of its node. `never`: must be empty."""

Fields = dict[str, Part]

_PLACE: Fields = {"class": "data", "type": "data", "alias": "data", "query_location": "data",
                  "query_location_length": "data"}
_NAME: Fields = {"qualified_name": "name", "catalog": "name", "schema": "name"}

_COMPARISONS = frozenset({
    "COMPARE_EQUAL", "COMPARE_NOTEQUAL", "COMPARE_LESSTHAN", "COMPARE_GREATERTHAN", "COMPARE_LESSTHANOREQUALTO",
    "COMPARE_GREATERTHANOREQUALTO", "COMPARE_DISTINCT_FROM", "COMPARE_NOT_DISTINCT_FROM"})

EXPRESSIONS: dict[str, tuple[frozenset[str], Fields]] = {
    "BETWEEN": (frozenset({"COMPARE_BETWEEN", "COMPARE_NOT_BETWEEN"}),
                {"input": "expression", "lower": "expression", "upper": "expression"}),
    "CASE": (frozenset({"CASE_EXPR"}), {"case_checks": "cases", "else_expr": "expression"}),
    "CAST": (frozenset({"OPERATOR_CAST"}),
             {"child": "expression", "cast_type": "type", "type_expr": "type", "try_cast": "data"}),
    "COLLATE": (frozenset({"COLLATE"}), {"child": "expression", "collation": "data"}),
    "COLUMN_REF": (frozenset({"COLUMN_REF"}), {"column_names": "data"}),
    "COMPARISON": (_COMPARISONS, {"left": "expression", "right": "expression"}),
    "CONJUNCTION": (frozenset({"CONJUNCTION_AND", "CONJUNCTION_OR"}), {"children": "expressions"}),
    "CONSTANT": (frozenset({"VALUE_CONSTANT"}), {"value": "data", "literal": "data"}),
    "FUNCTION": (frozenset({"FUNCTION"}), {
        **_NAME, "function_name": "name", "children": "expressions", "arguments": "arguments",
        "filter": "expression", "order_bys": "order", "distinct": "data", "is_operator": "data",
        "export_state": "never"}),
    "LAMBDA": (frozenset({"LAMBDA"}), {"lhs": "expression", "expr": "expression", "syntax_type": "data"}),
    "OPERATOR": (frozenset({
        "COMPARE_IN", "COMPARE_NOT_IN", "OPERATOR_NOT", "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL",
        "OPERATOR_COALESCE", "OPERATOR_NULLIF", "OPERATOR_TRY", "OPERATOR_UNPACK", "ARRAY_EXTRACT", "ARRAY_SLICE",
        "ARRAY_CONSTRUCTOR", "STRUCT_EXTRACT", "ARROW", "GROUPING_FUNCTION"}), {"children": "expressions"}),
    "POSITIONAL_REFERENCE": (frozenset({"POSITIONAL_REFERENCE"}), {"index": "data"}),
    "STAR": (frozenset({"STAR"}), {
        "relation_name": "data", "exclude_list": "data", "qualified_exclude_list": "data", "rename_list": "data",
        "replace_list": "named", "columns": "data", "expr": "expression"}),
    "SUBQUERY": (frozenset({"SUBQUERY"}), {
        "subquery_type": "data", "subquery": "statement", "child": "expression", "comparison_type": "data"}),
    "WINDOW": (frozenset({
        "WINDOW_AGGREGATE", "WINDOW_RANK", "WINDOW_RANK_DENSE", "WINDOW_NTILE", "WINDOW_PERCENT_RANK",
        "WINDOW_CUME_DIST", "WINDOW_ROW_NUMBER", "WINDOW_FIRST_VALUE", "WINDOW_LAST_VALUE", "WINDOW_LEAD",
        "WINDOW_LAG", "WINDOW_NTH_VALUE", "WINDOW_FILL"}), {
        **_NAME, "function_name": "name", "children": "expressions", "arguments": "arguments",
        "partitions": "expressions", "orders": "orders", "arg_orders": "orders", "start": "data", "end": "data",
        "start_expr": "expression", "end_expr": "expression", "offset_expr": "expression",
        "default_expr": "expression", "filter_expr": "expression", "ignore_nulls": "data",
        "has_ignore_nulls": "data", "exclude_clause": "data", "distinct": "data"}),
}

QUERIES: dict[str, Fields] = {
    "SELECT_NODE": {
        "modifiers": "modifiers", "cte_map": "ctes", "select_list": "expressions", "from_table": "from",
        "where_clause": "expression", "group_expressions": "expressions", "group_sets": "data",
        "aggregate_handling": "data", "having": "expression", "sample": "data", "qualify": "expression"},
    "SET_OPERATION_NODE": {
        "modifiers": "modifiers", "cte_map": "ctes", "setop_type": "data", "setop_all": "data", "left": "query",
        "right": "query", "children": "queries"},
    "RECURSIVE_CTE_NODE": {
        "modifiers": "modifiers", "cte_map": "ctes", "cte_name": "data", "union_all": "data", "left": "query",
        "right": "query", "aliases": "data", "key_targets": "expressions"},
}

FROM: dict[str, Fields] = {
    "BASE_TABLE": {
        **_PLACE, "sample": "data", "schema_name": "name", "table_name": "name", "catalog_name": "name",
        "qualified_name": "name", "column_name_alias": "data", "at_clause": "never"},
    "SUBQUERY": {**_PLACE, "sample": "data", "subquery": "statement", "column_name_alias": "data"},
    "JOIN": {
        **_PLACE, "sample": "data", "left": "from", "right": "from", "condition": "expression",
        "join_type": "data", "ref_type": "data", "using_columns": "data", "delim_flipped": "data",
        "duplicate_eliminated_columns": "never", "is_implicit": "data", "ranking_expression": "expression",
        "nearest_count": "data", "nearest_order_type": "data", "nearest_approx": "data"},
    "EXPRESSION_LIST": {
        **_PLACE, "sample": "data", "expected_names": "data", "expected_types": "never", "values": "name",
        "column_name_alias": "data"},
    "TABLE_FUNCTION": {
        **_PLACE, "sample": "data", "function": "name", "column_name_alias": "data", "with_ordinality": "data"},
    "PIVOT": {
        **_PLACE, "sample": "data", "source": "from", "aggregates": "expressions", "unpivot_names": "data",
        "pivots": "pivots", "groups": "data", "column_name_alias": "data", "include_nulls": "data"},
    "EMPTY": {**_PLACE, "sample": "data"},
    "SHOW_REF": {
        **_PLACE, "sample": "data", "query": "query", "show_type": "data", "table_name": "name",
        "schema_name": "name", "catalog_name": "name", "qualified_name": "name"},
}

MODIFIERS: dict[str, Fields] = {
    "ORDER_MODIFIER": {"type": "data", "orders": "orders"},
    "LIMIT_MODIFIER": {"type": "data", "limit": "expression", "offset": "expression", "limit_type": "data"},
    "LIMIT_PERCENT_MODIFIER": {"type": "data", "limit": "expression", "offset": "expression"},
    "DISTINCT_MODIFIER": {"type": "data", "distinct_on_targets": "expressions"},
}

EXPRESSION_FIELDS: dict[str, Fields] = {kind: _PLACE | fields for kind, (_types, fields) in EXPRESSIONS.items()}

# Small records without a kind of their own.
STATEMENT: Fields = {"node": "query", "named_param_map": "never"}
CTE: Fields = {"aliases": "data", "query": "statement", "query_node": "query", "materialized": "data",
               "key_targets": "expressions", "payload_aggregates": "expressions"}
ORDER: Fields = {"type": "data", "null_order": "data", "expression": "expression"}
CASE_CHECK: Fields = {"when_expr": "expression", "then_expr": "expression"}
ARGUMENT: Fields = {"name": "data", "expression": "expression"}
PIVOT_COLUMN: Fields = {"pivot_expressions": "expressions", "unpivot_names": "data", "entries": "data",
                        "pivot_enum": "never"}
PIVOT_ENTRY: Fields = {"values": "data", "star_expr": "expression", "alias": "data"}
NAMED_EXPRESSION: Fields = {"key": "data", "value": "expression"}

TYPE_NAMES = frozenset({
    "array", "bigint", "bignum", "binary", "bit", "bitstring", "blob", "bool", "boolean", "bpchar", "bytea",
    "char", "date", "datetime", "dec", "decimal", "double", "float", "float4", "float8", "geometry", "guid",
    "hugeint", "int", "int1", "int128", "int16", "int2", "int32", "int4", "int64", "int8", "integer",
    "integral", "interval", "json", "list", "logical", "long", "map", "null", "numeric", "nvarchar", "oid",
    "real", "row", "short", "signed", "smallint", "string", "struct", "text", "time", "time with time zone",
    "time_ns", "timestamp", "timestamp with time zone", "timestamp_ms", "timestamp_ns", "timestamp_s",
    "timestamp_us", "timestamptz", "timestamptz_ns", "timetz", "tinyint", "tuple", "ubigint", "uhugeint",
    "uint128", "uint16", "uint32", "uint64", "uint8", "uinteger", "union", "usmallint", "utinyint", "uuid",
    "varbinary", "varchar", "variant", "varint",
})
"""Built-in types by every name they have. An ENUM is none of these: casting to one shows its members."""

TYPE_INFOS: dict[str, frozenset[str]] = {
    "LIST_TYPE_INFO": frozenset({"child_type"}),
    "ARRAY_TYPE_INFO": frozenset({"child_type", "size"}),
    "STRUCT_TYPE_INFO": frozenset({"child_types"}),
    "DECIMAL_TYPE_INFO": frozenset({"width", "scale"}),
    "STRING_TYPE_INFO": frozenset({"collation"}),
    "UNBOUND_TYPE_INFO": frozenset({"name", "catalog", "schema", "user_type_modifiers"}),
}
"""How 1.5 writes what a type is made of; 2.0 has TYPE nodes instead."""


def nodes(part: Any) -> Iterator[dict[str, Any]]:
    """Every object of a tree, whatever its kind; those of one level in no order."""
    stack = [part]
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            yield one
            stack.extend(one.values())
        elif isinstance(one, list):
            stack.extend(one)
