"""What may be asked next: questions that the builtin planner has answered before they are offered."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pluto_duck.agent.answer import Answer
from pluto_duck.agent.asking import ask
from pluto_duck.catalog import Catalog, Column, Table
from pluto_duck.catalog.words import split
from pluto_duck.errors import PlutoError
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef

MOST = 3
PATIENCE_S = 1.5
"""They are a courtesy: what is not found by then is not offered."""
FEW = 40
"""Values that a column may have to be asked "by" it."""
_JOINTS = {"", "by", "per", "of", "in", "for", "and", "from", "to", "at", "with"}
_CLOCK = {"time", "year", "hour", "minute"}
"""An average of these says nothing."""
LARGE = 5_000_000
"""Rows of a table about which nothing is tried unasked."""


@dataclass(frozen=True)
class Offer:
    question: str
    table: str


def next_questions(session: Session, answer: Answer, history: Sequence[Answer] = (), *, value: str = "") -> list[Offer]:
    """After an answer edits of its question; after a declined one what its known words can be asked about.

    `history`: the answers before it. `value`: one that its rows have, for "only ...".
    """
    tables = {one.ref.key: one for one in Catalog.of(session).tables}
    if any(one.rows > LARGE for one in tables.values()):
        return []
    if answer.status == "declined":
        return _tried(session, _instead(answer, list(tables.values())), (), "")
    if answer.sql:
        return _tried(session, _edits(answer, tables, value), (*history, answer), answer.sql)
    return []


def _tried(session: Session, offers: Iterator[Offer], history: Sequence[Answer], sql: str) -> list[Offer]:
    until, found, seen = time.monotonic() + PATIENCE_S, list[Offer](), {sql}
    for one in offers:
        if len(found) == MOST or time.monotonic() > until:
            break
        try:
            answer = ask(session, one.question, planner="builtin", history=history, verified=False)
        except PlutoError:
            continue
        rows = answer.result.row_count if answer.result is not None else 0
        if answer.status in ("answered", "assumed") and rows and answer.sql not in seen:
            seen.add(answer.sql)
            found.append(one)
    return found


def _edits(answer: Answer, tables: dict[str, Table], value: str) -> Iterator[Offer]:
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(answer.sql, dialect="duckdb")
    except (SqlglotError, RecursionError):
        return
    first = tree.find(exp.Table)
    table = tables.get(TableRef(first.name, first.db or "main").key) if first is not None else None
    if table is None:
        return
    used = {one.name.lower() for one in tree.find_all(exp.Column)}
    group = tree.find(exp.Group) is not None
    counts = next((True for one in tree.find_all(exp.Count, exp.Sum)), False)
    free = [one for one in table.columns if one.name.lower() not in used and not one.hidden]
    if group and value and len(value) < 40:
        yield Offer(f"only {value}", table.ref.name)
    measured = counts or next((True for one in tree.find_all(exp.AggFunc)), False)
    if measured:
        groups = [one for one in free if one.role == "dimension" and 1 < one.distinct <= FEW]
        times = [one for one in free if one.part == "month" or one.role == "date"]
        for column in groups[:2]:
            yield Offer(f"by {_called(column)}", table.ref.name)
        if times:
            yield Offer("by month", table.ref.name)
        if group and counts:
            yield Offer("as a share", table.ref.name)
        if group and tree.args.get("limit") is None:
            yield Offer("top 5", table.ref.name)
        for column in groups[2:5]:
            yield Offer(f"by {_called(column)}", table.ref.name)
    else:
        yield Offer("how many are there", table.ref.name)


def _instead(answer: Answer, tables: list[Table]) -> Iterator[Offer]:
    """The question without its unknown words, then with something known in the place of the first one."""
    words = [one for one in answer.unknown_words if one]
    if not words:
        return
    without = answer.question
    for word in words:
        without = re.sub(rf"\b{re.escape(word)}\b", " ", without, flags=re.IGNORECASE)
    without = " ".join(without.split())
    said = set(split(answer.question))
    # Tables and columns that the question speaks of come first, then the larger ones.
    ranked = sorted(tables, key=lambda one: (-len(said & _words(one)), -one.rows))[:4]
    if without:
        yield Offer(without, ranked[0].ref.name if ranked else "")
    # Late flights: the noun is there. Churn by carrier: it is what is missing.
    stands = re.search(rf"\b(?P<agg>average|mean|total|median|highest|lowest)?\s*\b{re.escape(words[0])}\b"
                       r"(?P<after>\s*\w*)", answer.question, flags=re.IGNORECASE)
    if stands is None or stands["after"].strip().lower() not in _JOINTS:
        return
    for figure, table in _figures(ranked, named=stands["agg"] is not None):
        text = re.sub(rf"\b{re.escape(words[0])}\b", lambda _, figure=figure: figure, answer.question, count=1,  # type: ignore[misc]
                      flags=re.IGNORECASE)
        for word in words[1:]:
            text = re.sub(rf"\b{re.escape(word)}\b", " ", text, flags=re.IGNORECASE)
        yield Offer(" ".join(text.split()), table.ref.name)


def _figures(tables: list[Table], *, named: bool) -> Iterator[tuple[str, Table]]:
    """`named`: the question says average or total itself."""
    for table in tables[:2] if not named else ():
        yield f"number of {table.ref.name.replace('_', ' ')}", table
    for table in tables:
        measures = [one for one in table.columns if one.role == "measure" and not one.hidden
                    and split(one.name)[-1] not in _CLOCK]
        for column in measures[:3]:
            yield _called(column) if named else f"average {_called(column)}", table


def _words(table: Table) -> set[str]:
    return {word for name in (table.ref.name, *(one.name for one in table.columns)) for word in split(name)}


def _called(column: Column) -> str:
    return column.called or column.name.replace("_", " ")
