"""The two businesses: they come out alike each time, and what their semantic files say is true of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from tests.agent.business.__main__ import BUILDERS, HERE
from tests.agent.business.drawing import FIRST_DAY, TODAY


@pytest.fixture(params=sorted(BUILDERS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def database(folder: Path, name: str) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(folder / "db" / f"{name}.duckdb"), read_only=True) as connection:
        yield connection


@pytest.fixture
def told(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((HERE / f"{name}.semantics.yaml").read_text(encoding="utf-8"))
    return loaded


def _columns(database: duckdb.DuckDBPyConnection) -> dict[str, set[str]]:
    rows = database.execute("SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal").fetchall()
    return {table: {column for other, column in rows if other == table} for table, _column in rows}


ROWS = {
    "sales": "90f6c7d076d906a79e22fa587457cc19f363c0fe65304d0afac93c2628b19748",
    "subscriptions": "6504e27f9ab3cd68d7a7b5c3855146d730617eac7c165606faa607bcadfaf05d",
}


def _digest(database: duckdb.DuckDBPyConnection) -> str:
    digest = hashlib.sha256()
    for table in sorted(_columns(database)):
        digest.update(repr((table, database.execute(f"FROM {table}").fetchall())).encode())
    return digest.hexdigest()


def test_a_business_comes_out_the_same_everywhere(database: duckdb.DuckDBPyConnection, name: str) -> None:
    """What was measured on other rows can't be compared."""
    assert _digest(database) == ROWS[name]


def test_a_business_is_of_a_real_size_and_ends_on_its_last_day(
    database: duckdb.DuckDBPyConnection, told: dict[str, Any]
) -> None:
    tables = _columns(database)
    assert 8 <= len(tables) <= 12
    sizes = {table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}
    assert 5_000 < max(sizes.values()) < 50_000
    for table in [one for one in tables if sizes[one] > 5_000]:
        date = told["tables"][table].get("date")
        if date and table not in ("users", "shipments"):
            first, last = database.execute(f"SELECT min({date})::DATE, max({date})::DATE FROM {table}").fetchone()
            assert last == TODAY
            assert (first - FIRST_DAY).days < 30


def test_every_table_and_column_of_a_semantic_file_is_there(
    database: duckdb.DuckDBPyConnection, told: dict[str, Any]
) -> None:
    columns = _columns(database)
    assert told["version"] == 1
    assert set(told["tables"]) == set(columns)
    for table, one in told["tables"].items():
        assert set(one) <= {"name", "synonyms", "description", "date", "columns"}
        assert set(one.get("columns", ())) <= columns[table]
        assert one.get("date", next(iter(columns[table]))) in columns[table]
        for about in one.get("columns", {}).values():
            assert set(about) <= {"name", "synonyms", "unit", "description", "values", "hidden"}


def test_every_value_of_a_semantic_file_is_stored(database: duckdb.DuckDBPyConnection, told: dict[str, Any]) -> None:
    for table, one in told["tables"].items():
        for column, about in one.get("columns", {}).items():
            stored = {row[0] for row in database.execute(f"SELECT DISTINCT {column}::VARCHAR FROM {table}").fetchall()}
            assert set(about.get("values", ())) <= stored, (table, column)


def test_every_metric_and_term_runs_and_finds_rows(database: duckdb.DuckDBPyConnection, told: dict[str, Any]) -> None:
    columns = _columns(database)
    assert 8 <= len(told["metrics"]) <= 15
    for metric, one in told["metrics"].items():
        assert set(one) <= {"table", "expression", "filter", "synonyms", "unit", "date", "description"}
        assert "date" not in one or one["date"] in columns[one["table"]]
        value = database.execute(
            f"SELECT {one['expression']} FROM {one['table']} WHERE {one.get('filter', 'true')}"
        ).fetchone()[0]
        assert (value or 0) > 0, metric
    for term, one in told["terms"].items():
        assert set(one) <= {"table", "filter", "synonyms", "description"}
        some, rows = database.execute(f"SELECT count_if({one['filter']}), count(*) FROM {one['table']}").fetchone()
        assert 0 < some < rows, term


def test_every_join_leads_from_many_to_one(database: duckdb.DuckDBPyConnection, told: dict[str, Any]) -> None:
    for one in told["joins"]:
        (table, column), (other, key) = one["from"].split("."), one["to"].split(".")
        assert database.execute(f"SELECT count(*) = count(DISTINCT {key}) FROM {other}").fetchone()[0], one
        # Codes of promotions are typed by people, some in lower case.
        lost = database.execute(
            f"SELECT count(*) FROM {table} WHERE {column} IS NOT NULL"
            f" AND upper({column}::VARCHAR) NOT IN (SELECT upper({key}::VARCHAR) FROM {other})"
        ).fetchone()[0]
        assert lost == 0, one


def test_every_verified_question_runs_and_finds_rows(
    database: duckdb.DuckDBPyConnection, told: dict[str, Any]
) -> None:
    for one in told["questions"]:
        assert database.execute(one["sql"]).fetchall(), one["question"]


def test_revenue_by_order_is_revenue_by_line(folder: Path) -> None:
    with duckdb.connect(str(folder / "db" / "sales.duckdb"), read_only=True) as database:
        by_order = database.execute("SELECT sum(total_eur) FROM orders WHERE status <> 'X'").fetchone()
        assert database.execute("SELECT sum(line_eur) FROM order_items WHERE NOT cancelled").fetchone() == by_order
