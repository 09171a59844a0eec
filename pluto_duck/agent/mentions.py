"""`@flights`, `@weather.wind_gust`: a person points at a table or a column, so that no word is guessed for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pluto_duck.agent.answer import Answer
from pluto_duck.agent.planners import Context
from pluto_duck.catalog import Catalog, Column, Table
from pluto_duck.errors import StatementError
from pluto_duck.session import Session
from pluto_duck.workspace.tableref import fold

_NAME = r'(?:"(?:[^"]|"")+"|[^\W\d]\w*)'
# Not within a word: an address of a mail is none.
_MENTION = re.compile(rf'(?<![\w@])@({_NAME}(?:\.{_NAME})*)')
_PARTS = re.compile(_NAME)
_PATH = re.compile(r'(?<![\w@])@(?:"([^"]+)"|([\w./-]*\w))')


@dataclass(frozen=True)
class Mention:
    text: str
    """As it was typed, with its @."""
    table: Table
    column: Column | None
    """None: the whole table."""
    start: int
    end: int
    """Where it stands in the question."""

    @property
    def name(self) -> str:
        return str(self.table.ref) + (f".{self.column.name}" if self.column is not None else "")


def mentions(question: str, catalog: Catalog) -> list[Mention]:
    """In the order of the question. What names nothing here is no mention but words: `@nasa` may be a value."""
    found = []
    for match in _MENTION.finditer(question):
        parts = _names(match[1])
        for size in range(len(parts), 0, -1):  # a full stop may end the sentence: the longest that is a name
            there = _there(parts[:size], catalog)
            if there is not None:
                end = match.start(1) + _length(match[1], size)
                found.append(Mention(question[match.start():end], *there, match.start(), end))
                break
    return found


def _names(text: str) -> list[str]:
    return [one[1:-1].replace('""', '"') if one.startswith('"') else one for one in _PARTS.findall(text)]


def _length(text: str, size: int) -> int:
    return [match.end() for match in _PARTS.finditer(text)][size - 1]


def _there(parts: Sequence[str], catalog: Catalog) -> tuple[Table, Column | None] | None:
    """A table before a column of that name: orders, sales.orders; then orders.amount, sales.orders.amount."""
    table = _table(parts, catalog)
    if table is not None:
        return table, None
    table = _table(parts[:-1], catalog)
    for column in table.columns if table is not None else ():
        if table is not None and fold(column.name) == fold(parts[-1]):
            return table, column
    return None


def _table(parts: Sequence[str], catalog: Catalog) -> Table | None:
    if not 1 <= len(parts) <= 2:
        return None
    schema, name = (parts[0], parts[1]) if len(parts) == 2 else ("main", parts[0])
    for table in catalog.tables:
        if (fold(table.ref.schema), fold(table.ref.name)) == (fold(schema), fold(name)):
            return table
    return None


def unused(sql: str, pointed: Sequence[Mention]) -> list[Mention]:
    """Those that some SQL leaves out; all of them where it can't be read."""
    import sqlglot
    from sqlglot import expressions

    if not pointed:
        return []
    try:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
    except sqlglot.errors.SqlglotError:
        return list(pointed)
    tables = {(fold(one.db or "main"), fold(one.name)) for one in tree.find_all(expressions.Table)}
    columns = {fold(one.name) for one in tree.find_all(expressions.Column)}
    whole = any(True for one in tree.find_all(expressions.Star) if not isinstance(one.parent, expressions.Count))
    return [one for one in pointed if (fold(one.table.ref.schema), fold(one.table.ref.name)) not in tables
            or (one.column is not None and fold(one.column.name) not in columns and not whole)]


def held(answer: Answer, pointed: Sequence[Mention], context: Context) -> Answer:
    """The answer, where it uses what was pointed at; readings that don't are no choices; else it says so."""
    if not pointed:
        return answer
    if answer.choices:
        fitting = tuple(one for one in answer.choices if not unused(one.sql, pointed))
        if len(fitting) != 1:
            return replace(answer, choices=fitting or answer.choices)
        try:
            result = context.run(fitting[0].sql)
        except StatementError:
            return answer
        names = ", ".join(one.text for one in pointed)
        return replace(answer, status="answered", text=fitting[0].text, sql=fitting[0].sql, choices=(), result=result,
                       evidence=(*answer.evidence, f"the only reading that uses {names}"))
    if not answer.sql:
        return answer
    left = unused(answer.sql, pointed)
    if not left:
        return answer
    notes = tuple(f"{one.text} is not used in this answer" for one in left)
    return replace(answer, status="assumed", assumptions=(*notes, *answer.assumptions))


def unloaded(question: str, session: Session) -> str:
    """The path of a file of the workspace's folder that is mentioned but is no table; "" for none."""
    root = session.workspace.root.resolve()
    for match in _PATH.finditer(question):
        path = match[1] or match[2]
        whole = (root / path).resolve()
        try:
            if whole.is_relative_to(root) and whole.is_file() and whole.suffix:
                return Path(path).as_posix()
        except (OSError, ValueError):
            continue
    return ""


def named(question: str, frames: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the DataFrames that are mentioned; a table of that name is to be looked for first."""
    return {name: frames[name] for name in _heads(question) if name in frames}


def _heads(question: str) -> Iterator[str]:
    for match in _MENTION.finditer(question):
        yield _names(match[1])[0]
