"""Into PostgreSQL: every value arrives as it was, or the export is refused and nothing is changed there."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pluto_duck.errors import ColumnRefused, PlutoError, Refused, TargetError, UnknownName, UsageError
from pluto_duck.ingest.export import export
from pluto_duck.session import Session
from tests.services.postgres import Database

# DuckDB type -> (PostgreSQL type, values as DuckDB reads them, what PostgreSQL then says as text; None: the same)
EDGES: dict[str, tuple[str, list[tuple[str, str | None]]]] = {
    "BOOLEAN": ("boolean", [("true", None), ("false", None)]),
    "TINYINT": ("smallint", [("-128", None)]),
    "UBIGINT": ("numeric(20,0)", [("18446744073709551615", None)]),
    "HUGEINT": ("numeric(39,0)", [("-170141183460469231731687303715884105728", None)]),
    "UHUGEINT": ("numeric(39,0)", [("340282366920938463463374607431768211455", None)]),
    "DECIMAL(38,10)": ("numeric(38,10)", [("1234567890123456789012345678.0123456789", None), ("0.0000000001", None)]),
    "DOUBLE": ("double precision", [("0.30000000000000004", None), ("nan", "NaN"), ("-inf", "-Infinity"),
                                    ("5e-324", None), ("-0.0", "-0")]),
    "FLOAT": ("real", [("3.4028235e38", "3.4028235e+38"), ("inf", "Infinity")]),
    "VARCHAR": ("text", [("", None), ("\\N", None), ("a\tb\nc\rd\\e", None), ("'\"{}NULL", None), ("é🦆", None)]),
    "ENUM('sad', 'o''k')": ("text", [("o'k", None)]),
    "JSON": ("json", [('{"b": 1.10, "a": [12345678901234567890123.5], "b": null}', None)]),
    "UUID": ("uuid", [("b1a0c2de-0000-4000-8000-000000000001", None)]),
    "BIT": ("bit varying", [("0101011", None)]),
    "BLOB": ("bytea", [("\\x00\\xFF\\x5C\\x0A", "\\x00ff5c0a"), ("", "\\x")]),
    "DATE": ("date", [("0001-01-01", None), ("infinity", None), ("-infinity", None), ("0044-03-15 (BC)", "0044-03-15 BC"),
                      ("12345-06-07", None)]),
    "TIMESTAMP": ("timestamp without time zone", [("2024-02-29 23:59:59.999999", None), ("infinity", None),
                                                  ("0044-03-15 (BC) 12:00:00", "0044-03-15 12:00:00 BC")]),
    "TIMESTAMP_S": ("timestamp without time zone", [("2024-02-29 23:59:59", None)]),
    "TIMESTAMP_NS": ("timestamp without time zone", [("2024-02-29 23:59:59.123456", None)]),
    "TIMESTAMPTZ": ("timestamp with time zone", [("2024-02-29 23:59:59.5+05:30", "2024-02-29 18:29:59.5+00"),
                                                 ("-infinity", None), ("1850-01-01 00:00:00+00", None)]),
    "TIME": ("time without time zone", [("24:00:00", None), ("00:00:00.000001", None)]),
    "TIMETZ": ("time with time zone", [("12:00:00.5+05:30", None), ("12:00:00-15:30:15", None)]),
    "INTERVAL": ("interval", [("1 year 2 months 3 days 04:05:06.789", "1 year 2 mons 3 days 04:05:06.789"),
                              ("-1 month 3 days -25:00:00.000001", "-1 mons +3 days -25:00:00.000001")]),
    "INTEGER[]": ("integer[]", [("[1, NULL, -3]", "{1,NULL,-3}"), ("[]", "{}")]),
    "VARCHAR[]": ("text[]", [("['a,b', NULL, '', 'NULL', '\"q\"', 'back\\\\slash']",
                              '{"a,b",NULL,"","NULL","\\"q\\"","back\\\\slash"}')]),
    "INTEGER[][]": ("integer[]", [("[[1, 2], [3, NULL]]", "{{1,2},{3,NULL}}")]),
    "VARCHAR[][][]": ("text[]", [("[[['a'], ['b']], [['c'], [NULL]]]", "{{{a},{b}},{{c},{NULL}}}")]),
    "TIMESTAMPTZ[]": ("timestamp with time zone[]", [("['2024-01-01 00:00:00+01']", '{"2023-12-31 23:00:00+00"}')]),
    "DOUBLE[2]": ("double precision[]", [("[1.5, nan]", "{1.5,NaN}")]),
    "BLOB[]": ("bytea[]", [("['\\\\x00']", '{"\\\\x00"}')]),
    "STRUCT(a DECIMAL(30,10), \"b c\" VARCHAR[])": ("jsonb", [
        ("{'a': 12345678901234567890.0123456789, 'b c': ['x', NULL]}",
         '{"a": 12345678901234567890.0123456789, "b c": ["x", null]}')]),
    "STRUCT(d DOUBLE)[]": ("jsonb[]", [("[{'d': nan}, {'d': 1.5}]", '{"{\\"d\\": \\"nan\\"}","{\\"d\\": 1.5}"}')]),
    "MAP(VARCHAR, INTEGER)": ("jsonb", [("{k=1}", '{"k": 1}')]),
}


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@pytest.mark.parametrize("kind", EDGES)
def test_every_value_arrives_as_it_was(session: Session, database: Database, kind: str) -> None:
    wanted, values = EDGES[kind]
    rows = ", ".join(f"({i}, {_literal(value)}::{kind})" for i, (value, _said) in enumerate(values))
    session.query(f"SET TimeZone = 'America/New_York'; CREATE TABLE t (id INTEGER, v {kind}); "
                  f"INSERT INTO t VALUES {rows}, (99, NULL)")
    done = export(session, "t", database.uri)
    assert done.row_count == len(values) + 1
    assert "password" not in done.target
    found = database.run("SET TimeZone = 'UTC'", "SET extra_float_digits = 1", "SELECT v::text FROM t ORDER BY id")
    assert [row[0] for row in found] == [said or value for value, said in values] + [None]
    assert database.run("SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 't'::regclass "
                        "AND attname = 'v'") == [(wanted,)]


_SAFE = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
_ROW = st.fixed_dictionaries({
    "i": st.none() | st.integers(-2**63, 2**63 - 1),
    "n": st.none() | st.decimals(min_value=-10**20, max_value=10**20, places=8),
    "f": st.none() | st.floats(allow_nan=False),
    "s": st.none() | _SAFE,
    "b": st.none() | st.binary(max_size=20),
    "d": st.none() | st.dates(),
    "moment": st.none() | st.datetimes(),
    "tz": st.none() | st.datetimes(min_value=dt.datetime(2, 1, 1), max_value=dt.datetime(9998, 1, 1),
                                   timezones=st.just(dt.UTC)),
    "u": st.none() | st.uuids(),
    "l": st.none() | st.lists(st.none() | _SAFE, max_size=4),
    "t": st.none() | st.times(),
})
_TYPES = {"i": "BIGINT", "n": "DECIMAL(38,8)", "f": "DOUBLE", "s": "VARCHAR", "b": "BLOB", "d": "DATE", "moment": "TIMESTAMP",
          "tz": "TIMESTAMPTZ", "u": "UUID", "l": "VARCHAR[]", "t": "TIME"}


@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(_ROW, max_size=5))
def test_what_goes_there_and_comes_back_is_the_same(session: Session, database: Database, rows: list[dict[str, Any]]) -> None:
    session.query(f"CREATE OR REPLACE TABLE t (id INTEGER, {', '.join(f'{name} {kind}' for name, kind in _TYPES.items())})")
    for number, row in enumerate(rows):
        session.query(f"INSERT INTO t (id, {', '.join(row)}) VALUES ({number}, {', '.join(f'${name}' for name in row)})", row)
    export(session, "t", database.uri, mode="replace")
    import psycopg

    with psycopg.connect(database.uri) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(f"SELECT {', '.join(_TYPES)} FROM t ORDER BY id").fetchall()
    assert [dict(zip(_TYPES, row, strict=True)) for row in found] == rows
    types = {type(value) for row in found for value in row}
    assert types <= {type(None), int, Decimal, float, str, bytes, dt.date, dt.datetime, uuid.UUID, list, dt.time}


def test_the_way_there_and_back_through_ingest_is_equal(session: Session, database: Database) -> None:
    session.query("CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, n DECIMAL(12,2), moment TIMESTAMP, l INTEGER[])"
                  "; INSERT INTO t SELECT range, 'n ' || range, range / 3, TIMESTAMP '2024-01-01' + INTERVAL (range) HOUR, "
                  "[range, NULL] FROM range(1000); COMMENT ON TABLE t IS 'all of it'; COMMENT ON COLUMN t.n IS 'euros'")
    export(session, "t", database.uri, into="back")
    from pluto_duck.ingest import ingest

    try:
        ingest(session, database.uri, tables=["back"])
    except ColumnRefused:  # lists come with another change
        ingest(session, database.uri, tables=["back"], skip=["l"])
        session.query("ALTER TABLE t DROP l")
    assert session.query("SELECT count(*) FROM (FROM t EXCEPT FROM back)").scalar() == 0
    there = {str(one.ref): one for one in session.tables()}
    assert there["back"].primary_key == ("id",)
    assert [(one.name, one.type, one.nullable) for one in there["back"].columns] == [
        (one.name, one.type, one.nullable) for one in there["t"].columns]
    assert database.run("SELECT obj_description('back'::regclass), col_description('back'::regclass, 3)") == [
        ("all of it", "euros")]


def test_what_it_can_not_hold_is_refused_by_name(session: Session, database: Database) -> None:
    session.query("CREATE TABLE t (fine INTEGER, u UNION(n INTEGER, s VARCHAR), s STRUCT(b BLOB))")
    with pytest.raises(ColumnRefused) as refused:
        export(session, "t", database.uri)
    assert refused.value.facts["columns"] == ["u", "s"]
    assert "--sql" in refused.value.hint
    for value in ("'2024-01-01 00:00:00.123456789'::TIMESTAMP_NS", "[[1], []]", "[[1], NULL]", "[[1], [2, 3]]", "chr(0)"):
        with pytest.raises(PlutoError):
            export(session, f"SELECT {value} AS v", database.uri, into="t")
    with pytest.raises(UsageError, match="63 bytes"):
        export(session, f'SELECT 1 AS "{"x" * 64}"', database.uri, into="t")
    assert database.run("SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == []


def test_a_table_that_is_there_is_kept_replaced_or_added_to(session: Session, database: Database) -> None:
    session.query("CREATE TABLE t AS SELECT 1 AS n, 'a' AS s")
    export(session, "t", database.uri)
    with pytest.raises(Refused, match="already"):
        export(session, "t", database.uri)
    export(session, "t", database.uri, mode="append")
    assert database.run("SELECT n, s FROM t") == [(1, "a"), (1, "a")]
    export(session, "SELECT 2 AS n, 'b' AS s, true AS fresh", database.uri, into="t", mode="replace")
    assert database.run("SELECT * FROM t") == [(2, "b", True)]
    with pytest.raises(UnknownName):
        export(session, "t", database.uri, into="nowhere", mode="append")
    with pytest.raises(UnknownName):
        export(session, "SELECT 1 AS m", database.uri, into="t", mode="append")
    database.run("CREATE TABLE narrow (n SMALLINT, d NUMERIC(10,1), x DOUBLE PRECISION)")
    for column in ("1::INTEGER AS n", "1.25 AS d", "1::BIGINT AS x"):
        with pytest.raises(UsageError, match="could change"):
            export(session, f"SELECT {column}", database.uri, into="narrow", mode="append")
    export(session, "SELECT 1::TINYINT AS n, 1.5 AS d, 1::INTEGER AS x", database.uri, into="narrow", mode="append")
    database.run("CREATE VIEW watching AS SELECT * FROM t")
    with pytest.raises(TargetError, match="depend"):
        export(session, "t", database.uri, mode="replace")
    assert database.run("SELECT n FROM watching") == [(2,)]


def test_odd_names_and_schemas(session: Session, database: Database) -> None:
    database.run('CREATE SCHEMA "My schema"')
    session.query('CREATE TABLE "select" AS SELECT 1 AS "a ""b""", 2 AS "%s", 3 AS "user"')
    export(session, '"select"', database.uri, into='"My schema"."od""d"')
    assert database.run('SELECT "a ""b""", "%s", "user" FROM "My schema"."od""d"') == [(1, 2, 3)]
    with pytest.raises(UsageError, match="no name"):
        export(session, "SELECT 1 AS n", database.uri)
    with pytest.raises(TargetError):
        export(session, '"select"', database.uri, into="nowhere.t")


def test_a_failure_in_the_middle_changes_nothing_there(session: Session, database: Database) -> None:
    session.query("CREATE TABLE t AS SELECT range AS n FROM range(300_000)")
    export(session, "t", database.uri)
    for sql in ("SELECT CASE WHEN n = 299_999 THEN error('late') ELSE n END AS n FROM t",
                "SELECT CASE WHEN n = 299_999 THEN NULL ELSE n END AS n FROM t"):
        database.run("ALTER TABLE t ALTER n SET NOT NULL")
        for mode in ("append", "replace"):
            if mode == "replace" and "NULL" in sql:
                continue
            with pytest.raises(PlutoError):
                export(session, sql, database.uri, into="t", mode=mode)  # type: ignore[arg-type]
    assert database.run("SELECT count(*), max(n) FROM t") == [(300_000, 299_999)]
    assert session.query("SELECT count(*) FROM t").scalar() == 300_000


def test_no_password_is_told(session: Session, postgres_with_password: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    session.query("CREATE TABLE t AS SELECT 1 AS n")
    uri = postgres_with_password.uri()
    secret = uri.split("://")[1].split("@")[0].split(":")[1]
    monkeypatch.setenv("SHOP", uri)
    assert export(session, "t", "env:SHOP").target == 'env:SHOP, table "t"'
    with pytest.raises(Refused) as refused:
        export(session, "t", uri)
    assert secret not in str(refused.value.to_dict())
    with pytest.raises(PlutoError) as failed:
        export(session, "t", uri.replace("postgres?", "nowhere?").replace("/postgres", "/nowhere"))
    assert secret not in str(failed.value.to_dict())
