"""PostgreSQL's types on every path that rows can take: what PostgreSQL says as text is what DuckDB says back."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from pluto_duck.commands.private_postgres import PrivatePostgres
from pluto_duck.errors import ColumnRefused
from pluto_duck.ingest.connectors.postgres_carrier import base, put
from pluto_duck.ingest.connectors.postgres_types import Kind
from pluto_duck.session import Session
from pluto_duck.workspace import create
from tests.ingest.connectors.postgres_paths import PATHS, load, loaded, opened, taken
from tests.services.postgres import Database, new_database


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """One workspace for all of these: loading an extension anew for each would take a second each time."""
    with Session.open(create(tmp_path_factory.mktemp("types")).root) as opened:
        yield opened


@pytest.fixture(scope="module")
def database(postgres: PrivatePostgres) -> Database:
    return new_database(postgres)


@pytest.fixture(params=PATHS)
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, session: Session) -> str:
    return taken(request.param, monkeypatch, session)


def bc(text: str) -> str:
    """PostgreSQL writes BC at the end, DuckDB behind the date."""
    return re.sub(r"^(\S+)(.*) BC$", r"\1 (BC)\2", text)


def fields(text: str) -> tuple[int, int, int]:
    """(months, days, microseconds) of an interval as either of the two writes it."""
    months = days = 0
    micros = 0
    negative = False
    text = text.replace("@ ", "")
    if text.endswith(" ago"):
        negative, text = True, text[:-4]
    for number, unit in re.findall(r"([+-]?\d+(?:\.\d+)?) (year|mon|month|day|hour|min|sec)s?\b", text):
        value = Decimal(number)
        if unit in ("year", "mon", "month"):
            months += int(value) * (12 if unit == "year" else 1)
        elif unit == "day":
            days += int(value)
        else:
            micros += int(value * {"hour": 3_600_000_000, "min": 60_000_000, "sec": 1_000_000}[unit])
    clock = re.search(r"([+-]?)(\d+):(\d\d):(\d\d(?:\.\d+)?)$", text)
    if clock:
        whole = (int(clock[2]) * 3600 + int(clock[3]) * 60) * 1_000_000 + int(Decimal(clock[4]) * 1_000_000)
        micros += -whole if clock[1] == "-" else whole
    sign = -1 if negative else 1
    return sign * months, sign * days, sign * micros


def exact_float(text: str) -> bytes:
    return struct.pack(">d", float(text))


Compare = Callable[[str], Any]
SAME: Compare = str
KINDS: dict[str, tuple[str, Compare, list[str]]] = {
    # PostgreSQL type: (DuckDB type, what makes two texts equal, values)
    "boolean": ("BOOLEAN", SAME, ["true", "false"]),
    "smallint": ("SMALLINT", SAME, ["-32768", "32767"]),
    "integer": ("INTEGER", SAME, ["-2147483648", "2147483647"]),
    "bigint": ("BIGINT", SAME, ["-9223372036854775808", "9223372036854775807"]),
    "oid": ("UINTEGER", SAME, ["0", "4294967295"]),
    "real": ("FLOAT", exact_float, ["NaN", "Infinity", "-Infinity", "-0", "0.1", "1e-37", "3.4028235e38", "1e-45"]),
    "double precision": ("DOUBLE", exact_float, ["NaN", "-Infinity", "-0", "5e-324", "1.7976931348623157e308", "0.1"]),
    "numeric(12,2)": ("DECIMAL(12,2)", Decimal, ["9999999999.99", "-0.01", "0.00"]),
    "numeric(38,0)": ("DECIMAL(38,0)", Decimal, ["9" * 38, "-" + "9" * 38]),
    "numeric(38,38)": ("DECIMAL(38,38)", Decimal, ["0." + "9" * 38, "-0." + "0" * 37 + "1"]),
    "numeric(3,5)": ("DECIMAL(5,5)", Decimal, ["0.00999"]),
    "numeric(2,-3)": ("DECIMAL(5,0)", Decimal, ["99000", "-1000"]),
    "numeric": ("DECIMAL(38,20)", Decimal, ["123456789012345678.12345678901234567890", "-1", "0.5"]),
    "numeric(50,2)": ("DECIMAL(38,2)", Decimal, ["9" * 36 + ".99", "0.00"]),
    "money": ("DECIMAL(19,2)", lambda text: Decimal(re.sub("[$,]", "", text)),
              ["92233720368547758.07", "-92233720368547758.08", "0.10"]),
    "text": ("VARCHAR", SAME, ["", " ", "NULL", "\\N", '"', "a,b", "l\nb\r\nend\n", "naïve 鴨 \U0001f986", "'", "\t",
                               "\\x41", "NaN", "\x01\x7f"]),
    "varchar(10)": ("VARCHAR", SAME, ["trailing  ", ""]),
    "char(5)": ("VARCHAR", SAME, ["ab", "", " a", "a\n"]),
    '"char"': ("VARCHAR", SAME, ["a", ""]),
    "name": ("VARCHAR", SAME, ["pg_class"]),
    "date": ("DATE", bc, ["0001-01-01", "9999-12-31", "1582-10-10", "infinity", "-infinity", "4713-01-01 BC",
                          "5874897-12-31", "0044-03-15 BC"]),
    "timestamp": ("TIMESTAMP", bc, ["0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "infinity", "-infinity",
                                    "4713-01-01 00:00:00 BC", "294247-01-10 04:00:54.775806",
                                    "0044-03-15 12:00:00.5 BC", "2024-02-29 12:00:00.000001"]),
    "timestamptz": ("TIMESTAMP WITH TIME ZONE", bc, [
        "0001-01-01 00:00:00+00", "infinity", "-infinity", "4713-01-01 00:00:00+00 BC",
        "2024-06-30 12:00:00+05:45", "1900-01-01 00:00:00+00"]),
    "time": ("TIME", SAME, ["00:00:00", "23:59:59.999999", "24:00:00"]),
    "timetz": ("TIME WITH TIME ZONE", SAME, ["24:00:00+15:59", "00:00:00-15:59", "12:00:00.123456+05:45",
                                             "12:00:00+05:30:17"]),
    "interval": ("INTERVAL", fields, ["1 year 2 mons 3 days 04:05:06.789", "-1 year 2 mons -3 days 04:05:06",
                                      "178000000 years", "2562047788 hours", "-2562047788 hours -54.775806 secs", "0",
                                      "-1 us", "-1 day", "1 mon -1 day"]),
    "uuid": ("UUID", SAME, ["00000000-0000-0000-0000-000000000000", "f47ac10b-58cc-4372-a567-0e02b2c3d479"]),
    "json": ("JSON", SAME, ['{"a":1, "a":2, "big":12345678901234567890.12345678901234567890}', "null", '"\\u00e9"',
                            "[ ]", "[1e400]"]),
    "jsonb": ("JSON", SAME, ['{"big": 12345678901234567890.123}', "null", '[1E400]']),
    "bit(3)": ("BIT", SAME, ["101", "000"]),
    "varbit": ("BIT", SAME, ["1", "0000000001", "1" * 70]),
    "inet": ("VARCHAR", SAME, ["::1", "10.0.0.1/8"]), "cidr": ("VARCHAR", SAME, ["10.0.0.0/8"]),
    "macaddr": ("VARCHAR", SAME, ["08:00:2b:01:02:03"]), "macaddr8": ("VARCHAR", SAME, ["08:00:2b:01:02:03:04:05"]),
    "int4range": ("VARCHAR", SAME, ["[1,5)", "empty"]), "nummultirange": ("VARCHAR", SAME, ["{[1.5,2),(3,)}"]),
    "tstzrange": ("VARCHAR", SAME, ['["2024-01-01 00:00:00+00",infinity)']),
    "tsvector": ("VARCHAR", SAME, ["'fat':2 'rat':3A"]),
    "tsquery": ("VARCHAR", SAME, ["'fat' & 'rat'"]), "point": ("VARCHAR", SAME, ["(1.5,-2)"]),
    "polygon": ("VARCHAR", SAME, ["((0,0),(1,1))"]), "xid": ("VARCHAR", SAME, ["4294967295"]),
    "xid8": ("VARCHAR", SAME, ["18446744073709551615"]), "pg_lsn": ("VARCHAR", SAME, ["16/B374D848"]),
    "regclass": ("VARCHAR", SAME, ["pg_class"]), "tid": ("VARCHAR", SAME, ["(0,1)"]),
    "jsonpath": ("VARCHAR", SAME, ['$."a"']),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_postgres_says_as_text_is_what_duckdb_says(kind: str, path: str, database: Database,
                                                        session: Session) -> None:
    duckdb_type, compare, values = KINDS[kind]
    theirs = filled(database, kind, values)
    loaded(session, database, path)
    ours = [row[0] for row in session.query('SELECT v::VARCHAR FROM t ORDER BY n').rows()]
    assert session.query("SELECT typeof(v) FROM t").rows()[0][0] == duckdb_type
    assert [one and compare(one) for one in ours] == [one and compare(one) for one in theirs]


def filled(database: Database, kind: str, values: list[str]) -> list[str | None]:
    """A table t (n, v) of the values and a NULL; its texts."""
    database.run("DROP TABLE IF EXISTS t", f"CREATE TABLE t (n int PRIMARY KEY, v {kind})")
    with database.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.cursor().executemany(f"INSERT INTO t VALUES (%s, %s::text::{kind})",
                                        list(enumerate([*values, None])))
        return [row[0] for row in connection.execute("SELECT v::text FROM t ORDER BY n").fetchall()]


def texts(session: Session, sql: str) -> list[Any]:
    return [row[0] for row in session.query(sql).rows()]


def test_bytes_and_the_last_microsecond_are_exact(path: str, database: Database, session: Session) -> None:
    filled(database, "bytea", ["\\x00ff5c27", "\\x", "\\x61625c78"])
    loaded(session, database, path)
    assert texts(session, "SELECT v FROM t ORDER BY n") == [b"\x00\xff\\'", b"", b"ab\\x", None]
    filled(database, "timestamptz", ["294247-01-10 04:00:54.775806+00"])
    loaded(session, database, path)
    assert texts(session, "SELECT epoch_us(v) FROM t ORDER BY n") == [2**63 - 2, None]


def test_an_enum_keeps_its_order_and_a_domain_is_what_it_is_made_of(
        path: str, database: Database, session: Session) -> None:
    database.run("DROP TABLE IF EXISTS t", "DROP TYPE IF EXISTS mood", "DROP DOMAIN IF EXISTS net, price",
                 "CREATE TYPE mood AS ENUM ('so so', '', 'it''s {}')",
                 "CREATE DOMAIN price AS numeric(10,2)", "CREATE DOMAIN net AS price",
                 "CREATE TABLE t (n int, m mood, p net, ms mood[], ps net[])",
                 "INSERT INTO t VALUES (1, 'it''s {}', 1.5, '{so so,NULL,\"\"}', '{1.25}'), (2, '', NULL, NULL, '{}')")
    table = loaded(session, database, path)
    enum = "ENUM('so so', '', 'it''s {}')"
    assert [c.type for c in table.columns] == ["INTEGER", enum, "DECIMAL(10,2)", enum + "[]", "DECIMAL(10,2)[]"]
    assert session.query("SELECT m, p, ms, ps FROM t ORDER BY m DESC").rows() == [
        ("it's {}", Decimal("1.50"), ["so so", None, ""], [Decimal("1.25")]), ("", None, None, [])]


ARRAYS = [
    ("int[]", "INTEGER[]", ["{1,NULL,-2}", "{}"], [[1, None, -2], [], None]),
    ("int[][]", "INTEGER[][]", ["{{1,2},{3,NULL}}", "{}"], [[[1, 2], [3, None]], [], None]),
    ("int[]", "INTEGER[][][]", ["{{{1},{2}}}"], [[[[1], [2]]], None]),
    ("text[]", "VARCHAR[]", ['{"a,b","NULL",NULL,"{}","\\"q\\\\"}'], [["a,b", "NULL", None, "{}", '"q\\'], None]),
    ("bool[]", "BOOLEAN[]", ["{t,f}"], [[True, False], None]),
    ("bytea[]", "BLOB[]", ['{"\\\\x00ff"}'], [[b"\x00\xff"], None]),
    ("numeric[]", "DECIMAL(38,3)[]", ["{1.5,2.125}"], [[Decimal("1.500"), Decimal("2.125")], None]),
    ("numeric(5,1)[]", "DECIMAL(5,1)[]", ["{1.5}"], [[Decimal("1.5")], None]),
    ("money[]", "DECIMAL(19,2)[]", ["{$1.50}"], [[Decimal("1.50")], None]),
    ("jsonb[]", "JSON[]", ['{"{\\"a\\": 1.10}"}'], [['{"a": 1.10}'], None]),
]


@pytest.mark.parametrize(("kind", "duck", "values", "expected"), ARRAYS, ids=[one[1] for one in ARRAYS])
def test_arrays_become_lists_as_deep_as_they_are(kind: str, duck: str, values: list[str], expected: list[Any],
                                                 path: str, database: Database, session: Session) -> None:
    filled(database, kind, values)
    assert loaded(session, database, path).columns[1].type == duck
    assert texts(session, "SELECT v FROM t ORDER BY n") == expected


@pytest.mark.parametrize(("values", "why"), [
    (["{1}", "{{1}}"], "1 to 2 dimensions"), (["[0:1]={1,2}"], "do not begin at 1")])
def test_arrays_of_other_shapes_stay_in_the_words_of_postgres(
        values: list[str], why: str, path: str, database: Database, session: Session) -> None:
    theirs = filled(database, "int[]", values)
    column = loaded(session, database, path).columns[1]
    assert column.type == "VARCHAR"
    assert why in column.note
    assert texts(session, "SELECT v FROM t ORDER BY n") == theirs


def test_times_inside_arrays_are_as_exact_as_outside(path: str, database: Database, session: Session) -> None:
    for kind in ("date", "timestamp", "interval", "timetz", "double precision"):
        _duck, compare, values = KINDS[kind]
        database.run("DROP TABLE IF EXISTS t", f"CREATE TABLE t (n int, v {kind}[])")
        with database.connect() as connection:
            connection.execute(f"INSERT INTO t VALUES (1, %s::{kind}[])", (values,))
            theirs = connection.execute("SELECT v::text[] FROM t").fetchone()[0]
        loaded(session, database, path)
        ours = texts(session, "SELECT unnest(v)::VARCHAR FROM t")
        assert [compare(one) for one in ours] == [compare(one) for one in theirs]


def test_composites_become_structs_however_deep(path: str, database: Database, session: Session) -> None:
    database.run("DROP TABLE IF EXISTS t", "DROP TYPE IF EXISTS person, place",
                 'CREATE TYPE place AS ("a \'b\'" text, at date, tags int[])',
                 "CREATE TYPE person AS (name text, home place, paid numeric, seen place[])",
                 "CREATE TABLE t (n int, v person, many person[])",
                 "INSERT INTO t VALUES (1, ROW('x', ROW('q\"', 'infinity', '{1,NULL}')::place, 1.25, NULL), '{}'), "
                 "(2, ROW(NULL, NULL, NULL, NULL), ARRAY[NULL, ROW('y', ROW(NULL, NULL, '{2}')::place, 3.5, "
                 "ARRAY[ROW('z', '0044-03-15 BC', NULL)::place])]::person[]), (3, NULL, NULL)")
    table = loaded(session, database, path)
    assert table.columns[1].type.startswith('STRUCT("name" VARCHAR, "home" STRUCT("a \'b\'" VARCHAR, "at" DATE, ')
    assert texts(session, "SELECT v.home.at::VARCHAR FROM t ORDER BY n") == ["infinity", None, None]
    assert texts(session, "SELECT v.home.tags FROM t ORDER BY n") == [[1, None], None, None]
    assert texts(session, "SELECT v.paid FROM t ORDER BY n") == [Decimal("1.25"), None, None]
    assert texts(session, "SELECT v IS NULL FROM t ORDER BY n") == [False, False, True]
    assert texts(session, "SELECT len(many) FROM t ORDER BY n") == [0, 2, None]
    assert texts(session, "SELECT many[2].home.tags FROM t ORDER BY n") == [None, "{2}", None]
    # Nothing is asked about what lies inside an array of rows: it stays in PostgreSQL's words.
    assert texts(session, "SELECT many[2].paid FROM t ORDER BY n") == [None, "3.5", None]
    assert texts(session, "SELECT many[2].seen FROM t ORDER BY n") == [None, '{"(z,\\"0044-03-15 BC\\",)"}', None]


def test_contributed_types_arrive(path: str, database: Database, session: Session) -> None:
    database.run("DROP TABLE IF EXISTS t", *[f"CREATE EXTENSION IF NOT EXISTS {one}"
                                             for one in ("hstore", "citext", "ltree", "vector")])
    database.run("CREATE TABLE t (n int, h hstore, hs hstore[], c citext, l ltree, v vector(3), hv halfvec(2))",
                 r"""INSERT INTO t VALUES (1, 'a=>1, "b \""=>NULL', '{"x=>y"}', 'Ab', 'a.b', '[1,0.1,-4e9]', """
                 "'[0.5,1]'), (2, '', NULL, NULL, NULL, NULL, NULL)")
    table = loaded(session, database, path)
    assert [c.type for c in table.columns[1:]] == [
        "MAP(VARCHAR, VARCHAR)", "MAP(VARCHAR, VARCHAR)[]", "VARCHAR", "VARCHAR", "FLOAT[]", "FLOAT[]"]
    assert session.query("SELECT h['a'], h['b \"'], cardinality(h), hs[1]['x'], c, l, v, hv FROM t WHERE n = 1").rows() == [
        ("1", None, 2, "y", "Ab", "a.b", [1.0, struct.unpack("f", struct.pack("f", 0.1))[0], -4e9], [0.5, 1.0])]
    assert texts(session, "SELECT cardinality(h) FROM t WHERE n = 2") == [0]


def test_postgis_comes_as_ewkb() -> None:
    """PostGIS is not among the test services: the SQL that would be sent is held here."""
    for name in ("geometry", "geography"):
        made = base(Kind(name, name, extension="postgis", own=False), "t.shape")
        assert (made.duckdb, put(made.text.select, '"shape"'), put(made.text.expression, "c0")) == (
            "BLOB", '"shape"::text', "unhex(c0)")


NUMBERS = [(["1.5", "2.25"], "DECIMAL(38,2)"), ([], "DECIMAL(38,10)"), (["1e-20", "9" * 18], "DECIMAL(38,20)"),
           (["1.500000000000000000000", "9" * 20], "DECIMAL(38,1)"), (["9" * 38, "0"], "DECIMAL(38,0)"),
           (["0." + "1" * 38], "DECIMAL(38,38)"), (["9" * 39], "VARCHAR"), (["1", "NaN"], "VARCHAR"),
           (["Infinity"], "VARCHAR"), (["1e30", "1e-30"], "VARCHAR")]


@pytest.mark.parametrize(("values", "duck"), NUMBERS)
def test_a_numeric_without_precision_gets_the_decimal_that_holds_it(
        values: list[str], duck: str, path: str, database: Database, session: Session) -> None:
    theirs = filled(database, "numeric", values)
    column = loaded(session, database, path).columns[1]
    assert column.type == duck
    assert bool(column.note) == (duck == "VARCHAR")
    ours = texts(session, "SELECT v::VARCHAR FROM t ORDER BY n")
    if duck == "VARCHAR":
        assert ours == theirs
    else:
        assert [one and Decimal(one) for one in ours] == [one and Decimal(one) for one in theirs]


REFUSED = [("numeric(12,2)", "NaN"), ("timestamp", "294276-12-31 23:59:59.999999"),
           ("timestamp", "294247-01-10 04:00:54.775807"), ("timestamptz", "294247-01-10 04:00:54.775807+00"),
           ("timestamptz", "294276-12-31 23:59:59.999999+00"), ("interval", "infinity"), ("interval", "-infinity"),
           ("varbit", ""), ("json", '"\\ud800"'), ("timestamp[]", "{294276-12-31 23:59:59}"),
           ("numeric(5,1)[]", "{NaN}")]


@pytest.mark.parametrize(("kind", "value"), REFUSED)
def test_a_value_that_duckdb_has_not_is_refused_by_column_with_a_way_out(
        kind: str, value: str, path: str, database: Database, session: Session) -> None:
    session.query("CREATE OR REPLACE TABLE t AS SELECT 'old' AS v")
    theirs = filled(database, kind, [value])
    with pytest.raises(ColumnRefused, match=r"t\.v holds .*, which .* does not have") as caught:
        loaded(session, database, path)
    assert caught.value.facts["column"] == "v"
    assert "--cast v=text" in caught.value.hint
    assert texts(session, "SELECT v FROM t") == ["old"]
    with opened(database, path) as connector:
        table = connector.discover(["t"])[0]
        column = connector.cast(table, table.columns[1], "text")
        load(session, connector, path, replace(table, columns=(table.columns[0], column)))
    if kind != "interval":  # in PostgreSQL's most careful style: @ 1 day ago
        assert texts(session, "SELECT v FROM t ORDER BY n") == theirs
