"""Tables, columns and rows in the words that a model reads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pluto_duck.agent.sharing import Piece, without_values
from pluto_duck.catalog import Catalog, Column, Table
from pluto_duck.workspace import Result

MAX_CELL = 120
MAX_NAME = 200
MAX_WORDS = 8
MAX_VALUES = 40
"""Stored values that are told with the words for them."""


def short(text: str, most: int = MAX_CELL) -> str:
    """On one line, cut, and unable to close the mark that says where data end."""
    line = " ".join(text.split()).replace("<", "‹").replace(">", "›")
    return line if len(line) <= most else line[:most] + "..."


def headline(table: Table) -> str:
    """With what the semantic file calls it; its description counts before the database's comment."""
    said = table.description or table.comment
    facts = [f"{table.rows:,} rows"]
    if table.words:
        facts.append(f"called {listed(table.words[:MAX_WORDS])}")
    if table.date:
        facts.append(f"its date is {short(table.date, MAX_NAME)}")
    comment = f": {short(said, MAX_NAME)}" if said else ""
    return f"{table.kind} {short(table.ref.sql, MAX_NAME)} ({'; '.join(facts)}){comment}"


def column_line(column: Column) -> str:
    facts = [short(without_values(column.type), MAX_NAME), column.role]
    if column.unique:
        facts.append("unique")
    elif column.distinct:
        facts.append(f"about {column.distinct:,} distinct")
    if column.text_date:
        facts.append("a date as text")
    if column.unit:
        facts.append(f"in {short(column.unit)}")
    if column.words:
        facts.append(f"called {listed(column.words[:MAX_WORDS])}")
    said = column.description or column.comment
    comment = f" -- {short(said, MAX_NAME)}" if said else ""
    return f"  {short(column.name, MAX_NAME)}: {', '.join(facts)}{comment}"


def described(table: Table, catalog: Catalog) -> list[Piece]:
    """A table with its columns, the range of each (which is row data), and its joins."""
    pieces = [Piece(headline(table))]
    for column in table.columns:
        pieces.append(Piece(column_line(column)))
        if column.low is not None:
            low, high = short(str(column.low)), short(str(column.high))
            pieces.append(Piece(f"    from {low} to {high}", "values"))
        pieces += [Piece(f"    {short(value)} is called {listed(words[:MAX_WORDS])}", "values")
                   for value, words in column.value_words[:MAX_VALUES] if words]
    for one in catalog.relations:
        if table.ref in (one.child, one.parent):
            sure = "" if one.declared else " (inferred)"
            pieces.append(Piece(f"  join: {short(one.child.sql)}.{short(one.child_column)} = "
                                f"{short(one.parent.sql)}.{short(one.parent_column)}{sure}"))
    return pieces


def shape(result: Result) -> Piece:
    columns = ", ".join(f"{short(one.name, MAX_NAME)} {short(without_values(one.type), MAX_NAME)}"
                        for one in result.columns)
    more = " or more" if result.truncated else ""
    return Piece(f"{result.row_count:,}{more} rows; columns: {columns}")


def rows(result: Result, limit: int) -> Piece:
    lines = [" | ".join(cell(value) for value in row) for row in result.rows(limit)]
    if result.row_count > limit:
        lines.append(f"... {result.row_count - limit:,} more of those that were fetched")
    return Piece("\n".join(["<data>", *lines, "</data>"]), "rows",
                 instead="The rows themselves stay on this machine.")


def cell(value: Any) -> str:
    return "NULL" if value is None else short(str(value))


def listed(values: Iterable[Any]) -> str:
    return ", ".join(cell(one) for one in values)
