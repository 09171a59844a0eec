"""Values that a machine thought of, for every type and on every path: PostgreSQL's text is what DuckDB says back."""

from __future__ import annotations

import datetime as dt
import json
import struct
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pluto_duck.commands.private_postgres import PrivatePostgres
from pluto_duck.session import Session
from pluto_duck.workspace import create
from tests.ingest.connectors.postgres_paths import PATHS, loaded, taken
from tests.ingest.connectors.test_postgres_types import bc, exact_float, fields
from tests.services.postgres import Database, new_database


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with Session.open(create(tmp_path_factory.mktemp("values")).root) as opened:
        yield opened


@pytest.fixture(scope="module")
def database(postgres: PrivatePostgres) -> Database:
    return new_database(postgres)


@pytest.fixture(params=PATHS)
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, session: Session) -> str:
    return taken(request.param, monkeypatch, session)


def whole(bits: int) -> st.SearchStrategy[str]:
    return st.integers(-2**(bits - 1), 2**(bits - 1) - 1).map(str)


def decimals(width: int, scale: int) -> st.SearchStrategy[str]:
    return st.integers(-10**width + 1, 10**width - 1).map(lambda n: f"{n}e-{scale}")


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
JSON = st.recursive(st.none() | st.booleans() | st.integers(-10**30, 10**30) | TEXT,
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6)
DAYS = st.dates().map(str) | st.sampled_from(["infinity", "-infinity"]) | st.integers(1, 4712).map(
    lambda year: f"{year:04}-02-28 BC")
MOMENTS = st.datetimes().map(str) | st.tuples(st.integers(1, 294246), st.integers(0, 86_399_999_999)).map(
    lambda one: f"{one[0]:04}-03-01 {dt.timedelta(microseconds=one[1])}") | st.sampled_from(["infinity", "-infinity"])
INTERVALS = st.tuples(st.integers(-2**31 + 1, 2**31 - 2), st.integers(-2**31 + 1, 2**31 - 2),
                      st.integers(-2**63 + 1, 2**63 - 2)).map(lambda one: f"{one[0]} mons {one[1]} days {one[2]} us")
CLOCKS = st.times().map(str) | st.just("24:00:00")
ZONED = st.tuples(CLOCKS, st.sampled_from("+-"), st.times(dt.time(0), dt.time(15, 59))).map(
    lambda one: f"{one[0]}{one[1]}{one[2]:%H:%M}")  # DuckDB keeps +00:00:01 too, but writes it as +00:01

VALUES: dict[str, tuple[st.SearchStrategy[str], Any]] = {
    "smallint": (whole(16), str), "integer": (whole(32), str), "bigint": (whole(64), str),
    "oid": (st.integers(0, 2**32 - 1).map(str), str),
    "real": (st.floats(width=32).map(str), lambda text: struct.pack(">f", float(text))),
    "double precision": (st.floats().map(str), exact_float),
    "numeric(9,3)": (decimals(9, 3), Decimal), "numeric(38,17)": (decimals(38, 17), Decimal),
    "numeric": (decimals(38, 12), Decimal), "money": (st.integers(-2**63, 2**63 - 1).map(
        lambda n: str(Decimal(n).scaleb(-2))), lambda text: Decimal(text.replace("$", "").replace(",", ""))),
    "text": (TEXT, str), "char(30)": (TEXT, str), "varchar": (TEXT, str),
    "date": (DAYS, bc), "timestamp": (MOMENTS, bc), "time": (CLOCKS, str),
    "timetz": (ZONED, str), "interval": (INTERVALS, fields), "uuid": (st.uuids().map(str), str),
    "json": (JSON.map(lambda one: json.dumps(one, ensure_ascii=False)), str),
    "varbit": (st.text("01", min_size=1, max_size=70), str),
    "inet": (st.ip_addresses().map(str), str), "int8range": (
        st.tuples(st.integers(-99, 0), st.integers(0, 99)).map(lambda one: f"[{one[0]},{one[1]}]"), str),
}


DIRECT = ("smallint", "integer", "bigint", "oid", "real", "double precision", "numeric(9,3)", "numeric(38,17)", "text",
          "varchar", "date", "timestamp", "time", "timetz", "uuid", "json")
"""What a scan by pages can carry: in a table of their own, or it would not be one."""
SETTINGS = settings(max_examples=3, deadline=None, database=None, suppress_health_check=list(HealthCheck),
                    phases=[Phase.explicit, Phase.generate])
"""Few, because each example is a table with a dozen values of every type; and shrinking one takes minutes."""


@pytest.mark.parametrize("kinds", [DIRECT, tuple(VALUES), tuple(f"{kind}[]" for kind in VALUES)],
                         ids=["direct", "all", "arrays"])
def test_any_value(kinds: tuple[str, ...], path: str, database: Database, session: Session) -> None:
    plain = [kind.removesuffix("[]") for kind in kinds]
    element = "[1]" if kinds[0].endswith("[]") else ""
    columns = [f"c{place}" for place in range(len(kinds))]

    @SETTINGS
    @given(st.fixed_dictionaries({kind: st.lists(VALUES[kind][0], min_size=12, max_size=12) for kind in plain}))
    def holds(values: dict[str, list[str]]) -> None:
        database.run("DROP TABLE IF EXISTS t", "CREATE TABLE t (n int, "
                     + ", ".join(f"{c} {kind}" for c, kind in zip(columns, kinds, strict=True)) + ")")
        with database.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            made = [f"ARRAY[v.{c}::{kind}, NULL]" if element else f"v.{c}::{kind}"
                    for c, kind in zip(columns, plain, strict=True)]
            connection.execute(
                f"INSERT INTO t SELECT n, {', '.join(made)} FROM unnest({', '.join(['%s::text[]'] * len(kinds))}) "
                f"WITH ORDINALITY AS v({', '.join(columns)}, n)", [values[kind] for kind in plain])
            theirs = connection.execute(
                "SELECT " + ", ".join(f"{c}{element}::text" for c in columns) + " FROM t ORDER BY n").fetchall()
        loaded(session, database, path)
        ours = session.query("SELECT " + ", ".join(f"{c}{element}::VARCHAR" for c in columns) + " FROM t ORDER BY n")
        for place, kind in enumerate(plain):
            compare = VALUES[kind][1]
            assert [compare(row[place]) for row in ours.rows()] == [compare(row[place]) for row in theirs], kind

    holds()


def test_any_moment_with_a_time_zone(path: str, database: Database, session: Session) -> None:
    @SETTINGS
    @given(st.lists(MOMENTS.filter(lambda one: "infinity" not in one), min_size=1, max_size=60))
    def holds(values: list[str]) -> None:
        database.run("DROP TABLE IF EXISTS t", "CREATE TABLE t (n int, v timestamptz)")
        with database.connect() as connection:
            connection.execute("SET TimeZone = 'Asia/Kathmandu'")
            connection.execute("INSERT INTO t SELECT n, v FROM unnest(%s::text[]::timestamptz[]) "
                               "WITH ORDINALITY AS given(v, n)", (values,))
            theirs = connection.execute("SELECT (extract(epoch FROM v) * 1000000)::bigint FROM t ORDER BY n").fetchall()
        loaded(session, database, path)
        # By number: DuckDB's own way of writing one loses microseconds in the far future.
        assert session.query("SELECT epoch_us(v) FROM t ORDER BY n").rows() == theirs

    holds()
