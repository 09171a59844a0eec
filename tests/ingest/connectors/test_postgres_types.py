"""PostgreSQL's types on every path that rows can take: what PostgreSQL says as text is what DuckDB says back."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from pluto_duck.commands.private_postgres import PrivatePostgres
from pluto_duck.session import Session
from pluto_duck.workspace import create
from tests.ingest.connectors.postgres_paths import PATHS, loaded, taken
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
