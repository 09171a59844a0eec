"""Results of real SQL, and golden files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from pluto_duck.workspace import Column, Result

GOLDEN = Path(__file__).parent / "golden"
Query = Callable[..., Result]


@pytest.fixture
def query() -> Query:
    """A Result by DuckDB itself, with whatever facts a test wants it to have."""
    connection = duckdb.connect()

    def run(sql: str, *, truncated: bool = False) -> Result:
        relation = connection.sql(sql)
        table = relation.to_arrow_table()
        columns = tuple(Column(name, str(kind)) for name, kind in zip(relation.columns, relation.types, strict=True))
        return Result(columns=columns, table=table, sql=sql, statement="SELECT", elapsed_s=0.0, truncated=truncated)

    return run


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compares a text with its file. Delete the file to have it written anew; that test run fails once."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if not path.exists():
            path.write_text(text + "\n", encoding="utf-8")
            pytest.fail(f"{path} was written: read it, then run again")
        assert text + "\n" == path.read_text(encoding="utf-8")

    return check
