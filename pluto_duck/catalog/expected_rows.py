"""What could be tested of the rows of a SELECT, all of it true of them now: by the measures of `expectations`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pluto_duck.catalog.expectations import LEAST_ROWS, MOST_VALUES
from pluto_duck.errors import TimedOut
from pluto_duck.workspace import TableRef
from pluto_duck.workspace.tableref import quote

if TYPE_CHECKING:
    from pluto_duck.catalog import Catalog
    from pluto_duck.catalog.lineage.relation import Origins
    from pluto_duck.session import Session

MOST_COLUMNS = 100
_NO_KEY = ("FLOAT", "DOUBLE", "DECIMAL", "BOOLEAN", "STRUCT", "MAP", "UNION", "BLOB", "JSON")


@dataclass(frozen=True)
class Expected:
    column: str
    kind: Literal["not_null", "unique", "accepted_values", "relationship"]
    sure: bool
    """More than a guess from the rows of today: a key, or what one says."""
    values: tuple[str, ...] = ()
    parent: TableRef | None = None
    parent_column: str = ""


def expected(session: Session, catalog: Catalog, sql: str, columns: Mapping[str, str],
             origins: Mapping[str, Origins], *, timeout_s: float) -> list[Expected]:
    """`columns`: name -> type of the result; `origins`: which stored columns each is made of. Nothing where the rows
    can't be looked at in time."""
    names = list(columns)[:MOST_COLUMNS]
    if not names:
        return []
    picks = ", ".join(f"count({quote(one)}), count(DISTINCT {quote(one)})" for one in names)
    try:
        rows, *counts = session.query(f"SELECT count(*), {picks} FROM (\n{sql}\n)", read_only=True,
                                      timeout_s=timeout_s).rows()[0]
        facts = {name: (counts[2 * i], counts[2 * i + 1]) for i, name in enumerate(names)}
        return list(_each(session, catalog, sql, columns, origins, rows, facts, timeout_s)) if rows else []
    except TimedOut:
        return []


def _each(session: Session, catalog: Catalog, sql: str, columns: Mapping[str, str], origins: Mapping[str, Origins],
          rows: int, facts: Mapping[str, tuple[int, int]], timeout_s: float) -> Iterator[Expected]:
    key = _key(columns, origins, rows, facts)
    for name, (filled, distinct) in facts.items():
        if filled == rows:
            yield Expected(name, "not_null", name == key)
        if name == key:
            yield Expected(name, "unique", True)
        elif columns[name].startswith(("VARCHAR", "ENUM")) and rows >= LEAST_ROWS and 0 < distinct <= MOST_VALUES \
                and rows >= 5 * distinct:
            values = _values(session, sql, name, timeout_s)
            if values:
                yield Expected(name, "accepted_values", False, values)
        yield from _relation(catalog, name, origins.get(name, {}))


def _key(columns: Mapping[str, str], origins: Mapping[str, Origins], rows: int,
         facts: Mapping[str, tuple[int, int]]) -> str | None:
    """The one column that names a row: taken over from a table rather than computed, and no measure."""
    found = [name for name, (filled, distinct) in facts.items()
             if rows > 1 and filled == distinct == rows and not columns[name].startswith(_NO_KEY)
             and not columns[name].endswith("]")]
    kept = [name for name in found if "same" in origins.get(name, {}).values()]
    told = [name for name in found if columns[name].startswith(("VARCHAR", "ENUM", "UUID", "DATE", "TIMESTAMP"))]
    return next(iter((*kept, *told)), None)


def _values(session: Session, sql: str, column: str, timeout_s: float) -> tuple[str, ...]:
    name = quote(column)
    found: Sequence[Sequence[Any]] = session.query(
        f"SELECT DISTINCT CAST({name} AS VARCHAR) FROM (\n{sql}\n) WHERE {name} IS NOT NULL ORDER BY 1", read_only=True,
        max_rows=MOST_VALUES, timeout_s=timeout_s).rows()
    values = tuple(str(row[0]) for row in found)
    return values if all(len(one) <= 60 and one.isprintable() and "{" not in one for one in values) else ()


def _relation(catalog: Catalog, name: str, origins: Origins) -> Iterator[Expected]:
    """Of a column that is one of a table's as it is: what that points at."""
    same = [column for column, how in origins.items() if how == "same"]
    if len(same) != 1 or len(origins) != 1:
        return
    table, column = same[0]
    for one in catalog.relations:
        if (one.child.key, one.child_column) == (table, column) and one.complete and not one.mixed:
            yield Expected(name, "relationship", one.declared, parent=one.parent, parent_column=one.parent_column)
            return
