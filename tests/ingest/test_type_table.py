"""The table of types in docs/ingest.md, held against a real PostgreSQL."""

from __future__ import annotations

import re
from pathlib import Path

from pluto_duck.ingest import ingest
from pluto_duck.session import Session
from tests.services.postgres import Database

PAGE = (Path(__file__).parents[2] / "docs" / "ingest.md").read_text(encoding="utf-8")
# Digits and dimensions are facts of the values: one that needs what the table says.
VALUES = {"numeric": "0.0123456789", "numeric(50,2)": "1", "integer[]": "'{1,2}'", "text[]": "'{a}'"}


def rows(heading: str) -> list[tuple[str, str]]:
    """(source type, DuckDB type) of the table under a heading."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    cells = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ")]
    return [(one[0].strip(), one[1].strip()) for one in cells[1:]]


def test_each_postgres_type_arrives_as_the_docs_say(session: Session, database: Database) -> None:
    told = rows("Types from PostgreSQL")
    assert len(told) > 30
    database.run("CREATE TABLE things (" + ", ".join(f"c{n} {kind}" for n, (kind, _duck) in enumerate(told)) + ")",
                 "INSERT INTO things (" + ", ".join(f"c{n}" for n, (kind, _duck) in enumerate(told) if kind in VALUES)
                 + ") VALUES (" + ", ".join(VALUES[kind] for kind, _duck in told if kind in VALUES) + ")")
    ingest(session, database.uri, tables=["things"])
    (table,) = session.tables()
    arrived = {kind: column.type for (kind, _duck), column in zip(told, table.columns, strict=True)}
    assert {kind: re.sub("WITH TIME ZONE", "", one) for kind, one in arrived.items()} == {
        kind: _spelled(duck) for kind, duck in told}


def _spelled(kind: str) -> str:
    """As DuckDB writes it."""
    return {"TIMESTAMPTZ": "TIMESTAMP ", "TIMETZ": "TIME "}.get(kind, kind)
