"""What DuckDB writes as JSON comes back as the very same value, for every type."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pluto_duck.errors import UsageError
from pluto_duck.events.decode import sql_value
from pluto_duck.events.jsontext import json_text

LEAVES: dict[str, list[str]] = {
    "BOOLEAN": ["true", "false"],
    "TINYINT": ["-128", "127"],
    "UINTEGER": ["0", "4294967295"],
    "BIGINT": ["9007199254740991", "9007199254740992", "-9223372036854775808", "-9007199254740991"],
    "UBIGINT": ["18446744073709551615", "1"],
    "HUGEINT": ["-170141183460469231731687303715884105728", "170141183460469231731687303715884105727", "7"],
    "UHUGEINT": ["340282366920938463463374607431768211455", "0"],
    "BIGNUM": ["'123456789012345678901234567890123456789012345678901234567890'", "'-1'"],
    "DECIMAL(38,10)": ["'1234567890123456789012345678.0123456789'", "'-0.0000000001'", "'1.50'"],
    "DECIMAL(4,1)": ["'999.9'"],
    "DOUBLE": ["'0.1'", "'-0.0'", "'1e308'", "'5e-324'", "'NaN'", "'inf'", "'-inf'", "'1e16'", "'0.30000000000000004'"],
    "FLOAT": ["'0.1'", "'3.4028235e38'", "'1e-45'", "'nan'", "'-inf'", "'16777217'"],
    "VARCHAR": ["''", "'null'", "'a\"\\b' || chr(0) || chr(10) || chr(31) || chr(127) || '\u2028ü😀'", "'1'", "''''"],
    "JSON": ["'{\"a\": 1.00000000000000000001,  \"a\": [null]}'", "'null'", "'\"x\"'"],
    "UUID": ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"],
    "BLOB": ["'\\x00\\xFF\"'", "''"],
    "BIT": ["'0101'", "'1'", "'00000000000'"],
    "ENUM('a', 'it''s, (b)')": ["'it''s, (b)'", "'a'"],
    "DATE": ["'2024-02-29'", "'infinity'", "'-infinity'", "'0044-03-15 (BC)'", "'5881580-07-10'"],
    "TIME": ["'00:00:00'", "'23:59:59.999999'", "'24:00:00'"],
    "TIME WITH TIME ZONE": ["'10:00:00.5+02:30:15'", "'23:59:59.999999-15:59:59'", "'00:00:00+00'"],
    "TIMESTAMP": ["'2024-01-02 10:00:00.000001'", "'infinity'", "'-infinity'", "'0044-03-15 (BC) 10:00:00'",
                  "'290000-01-01 00:00:00.123456'", "'2024-01-02 00:00:00'"],
    "TIMESTAMP_S": ["'2024-01-02 10:00:01'", "'12345-01-01 00:00:00'"],
    "TIMESTAMP_MS": ["'2024-01-02 10:00:01.001'", "'infinity'"],
    "TIMESTAMP_NS": ["'2024-01-02 10:00:00.123456789'", "'infinity'"],
    "TIMESTAMP WITH TIME ZONE": ["'2024-01-02 10:00:00.123456+05:45'", "'infinity'", "'-infinity'",
                                 "'290000-01-01 10:00:00.123456+02'", "'0044-03-15 (BC) 10:00:00+00'"],
    "INTERVAL": ["'14 months -3 days 100 hours -0.000001 seconds'", "'0 seconds'", "'-1 day'", "'1.5 seconds'",
                 "to_microseconds(-9000000000000000000)", "'-25 months'"],
}
NAMES = ["a", "The \"key\"", "with, comma (x)", "select", "ü"]


@pytest.fixture(scope="module")
def engine() -> Any:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'America/St_Johns'")
    return connection


def strict(text: str) -> Any:
    def refuse(constant: str) -> Any:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse, parse_float=str)


def round_trip(engine: Any, kind: str, value: str) -> Any:
    """The JSON of `value`, once it is known that it makes the same value again."""
    engine.execute(f"CREATE OR REPLACE TABLE was (v {kind})")
    engine.execute(f"INSERT INTO was VALUES ({value})")
    text = engine.execute(f"SELECT {json_text(kind, 'v')} FROM was").fetchall()[0][0]
    found = strict(text)
    engine.execute(f"CREATE OR REPLACE TABLE made (v {kind})")
    engine.execute(f"INSERT INTO made VALUES ({sql_value(kind, found)})")
    # As text, too: -0.0 equals 0.0, and intervals of a month those of 30 days.
    assert engine.execute("SELECT count(*) FROM was, made WHERE was.v IS NOT DISTINCT FROM made.v AND "
                          "CAST(was.v AS VARCHAR) IS NOT DISTINCT FROM CAST(made.v AS VARCHAR)").fetchall() == [(1,)], \
        (kind, value, text)
    return found


@pytest.mark.parametrize("kind", LEAVES)
def test_every_type_keeps_its_edges_and_null(engine: Any, kind: str) -> None:
    for value in LEAVES[kind]:
        assert round_trip(engine, kind, f"CAST({value} AS {kind})") is not None
    assert round_trip(engine, kind, "NULL") is None


@pytest.mark.parametrize(("kind", "value", "json_value"), [
    ("BIGINT", "9007199254740991", 9007199254740991), ("BIGINT", "9007199254740992", "9007199254740992"),
    ("DECIMAL(6,2)", "'1.50'", "1.50"), ("DOUBLE", "'-inf'", "-Infinity"), ("BLOB", "'\\x00\\xFF'", "AP8="),
    ("TIMESTAMP", "'2024-01-02 10:00:00.5'", "2024-01-02T10:00:00.5"), ("DATE", "'infinity'", "infinity"),
    ("TIMESTAMP WITH TIME ZONE", "'2024-01-02 10:00:00+02'", "2024-01-02T08:00:00Z"),
    ("INTERVAL", "'1 month 2 days 3.5 seconds'", "P1M2DT3.5S"), ("INTERVAL", "'0 days'", "PT0S"),
    ("TIMESTAMP_NS", "'2024-01-02 10:00:00.000000001'", "2024-01-02T10:00:00.000000001"),
    ("MAP(VARCHAR, INTEGER)", "map(['x', 'y'], [1, NULL])", [["x", 1], ["y", None]]),
    ("UNION(n INTEGER, s VARCHAR)", "union_value(s := 'x')", {"s": "x"}),
    ("STRUCT(a INTEGER, \"b c\" DATE)", "{'a': NULL, 'b c': DATE '2024-01-01'}", {"a": None, "b c": "2024-01-01"}),
    ("INTEGER[2]", "[1, 2]", [1, 2]), ("JSON", "'{\"a\":  1.0}'", '{"a":  1.0}')])
def test_the_json_is_as_the_table_of_types_says(engine: Any, kind: str, value: str, json_value: Any) -> None:
    assert round_trip(engine, kind, f"CAST({value} AS {kind})") == json_value


def test_a_geometry_is_its_wkt(engine: Any) -> None:
    assert round_trip(engine, "GEOMETRY", "CAST('LINESTRING (0.1 2, -3.25 1e-07)' AS GEOMETRY)").startswith("LINESTRING")


@st.composite
def typed(draw: st.DrawFn, depth: int = 2) -> tuple[str, str]:
    """(type, SQL of a value of it)"""
    shape = draw(st.sampled_from(["leaf", "list", "array", "struct", "map", "union"])) if depth else "leaf"
    if shape == "leaf":
        kind = draw(st.sampled_from(sorted(LEAVES)))
        return kind, draw(st.sampled_from([*(f"CAST({one} AS {kind})" for one in LEAVES[kind]), f"CAST(NULL AS {kind})"]))
    if shape in ("list", "array"):
        kind, value = draw(typed(depth=depth - 1))
        items = draw(st.lists(st.sampled_from([value, f"CAST(NULL AS {kind})"]), min_size=shape == "array", max_size=3))
        made = f"{kind}[]" if shape == "list" else f"{kind}[{len(items)}]"
        return made, f"CAST([{', '.join(items)}] AS {made})"
    if shape == "map":
        key, first = draw(typed(depth=0).filter(lambda one: "NULL" not in one[1]))
        kind, value = draw(typed(depth=depth - 1))
        made = f"MAP({key}, {kind})"
        return made, draw(st.sampled_from([f"CAST(map([{first}], [{value}]) AS {made})", f"CAST(map([], []) AS {made})",
                                           f"CAST(NULL AS {made})"]))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    members = [(name, *draw(typed(depth=depth - 1))) for name in names]
    quoted = [('"' + name.replace('"', '""') + '"', kind, value) for name, kind, value in members]
    listed = ", ".join(f"{name} {kind}" for name, kind, _value in quoted)
    if shape == "struct":
        fields = ", ".join(f"'{name}': {value}" for name, _kind, value in members)
        return f"STRUCT({listed})", draw(st.sampled_from(
            [f"CAST({{{fields}}} AS STRUCT({listed}))", f"CAST(NULL AS STRUCT({listed}))"]))
    name, _kind, value = draw(st.sampled_from(quoted))
    return f"UNION({listed})", f"CAST(union_value({name} := {value}) AS UNION({listed}))"


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(one=typed())
def test_nested_values_come_back_as_they_were(engine: Any, one: tuple[str, str]) -> None:
    kind, value = one
    engine.execute(f"CREATE OR REPLACE TABLE named (v {kind})")
    # As DuckDB writes the type, which is how the Journal knows it.
    kind = engine.execute("SELECT data_type FROM duckdb_columns() WHERE table_name = 'named'").fetchall()[0][0]
    round_trip(engine, kind, value)


@pytest.mark.parametrize(("kind", "value"), [("INTEGER[]", 1), ("INTERVAL", "P1Y"), ("STRUCT(a INTEGER)", {}),
                                             ("UNION(a INTEGER)", {"b": 1}), ("BLOB", 1)])
def test_what_changes_never_write_is_refused(kind: str, value: Any) -> None:
    with pytest.raises(UsageError):
        sql_value(kind, value)
