"""Finds tables and columns by words."""

from __future__ import annotations

from typing import Annotated

from pluto_duck.agent.sharing import Piece
from pluto_duck.agent.tools import Desk, Reply, tool
from pluto_duck.agent.tools.telling import column_line, headline
from pluto_duck.agent.tools.wording import metric_line, term_line
from pluto_duck.catalog import Column, Table
from pluto_duck.catalog.words import split

MAX_TABLES = 15


@tool()
def search_catalog(
    desk: Desk, words: Annotated[str, "What to look for: a few words. Empty: all tables."] = "",
) -> Reply:
    """Find tables and columns by words in their names, synonyms or comments; names come as SQL writes them."""
    catalog = desk.context.catalog()
    wanted = split(words) if words.strip() else ()
    scored = [(_score(table, wanted), table) for table in catalog.tables]
    found = [(score, table) for score, table in scored if score or not wanted]
    found.sort(key=lambda one: (-one[0], str(one[1].ref)))
    pieces = []
    for _, table in found[:MAX_TABLES]:
        pieces.append(Piece(headline(table)))
        pieces += [Piece(column_line(one)) for one in table.columns if _hit(_words(one), wanted)]
    pieces += [metric_line(one) for one in catalog.semantics.metrics if wanted and _hit(" ".join(one.words), wanted)]
    pieces += [term_line(one) for one in catalog.semantics.terms if wanted and _hit(" ".join(one.words), wanted)]
    if len(found) > MAX_TABLES:
        pieces.append(Piece(f"... and {len(found) - MAX_TABLES} more tables: look for other words."))
    if not pieces:
        pieces.append(Piece(f"No table or column is called so. There are {len(catalog.tables)} tables; "
                            "search_catalog with no words lists them."))
    return Reply(tuple(pieces))


def _score(table: Table, wanted: tuple[str, ...]) -> float:
    score = 3.0 * _hit(f"{table.ref} {' '.join(table.words)} {table.description} {table.comment}", wanted)
    return score + sum(_hit(_words(one), wanted) for one in table.columns)


def _words(column: Column) -> str:
    return f"{column.name} {' '.join(column.words)} {column.description} {column.comment}"


def _hit(text: str, wanted: tuple[str, ...]) -> int:
    there = split(text)
    return sum(any(one == other or (len(one) > 3 and (one in other or (other in one and len(other) > 3)))
                   for other in there) for one in wanted)
