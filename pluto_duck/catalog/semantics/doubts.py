"""What fits and is doubtful all the same: words with two meanings, values that no row has, joins that lose rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pluto_duck.catalog.model import Column, Table
from pluto_duck.catalog.semantics.model import FILE, Problem
from pluto_duck.catalog.words import entity, split
from pluto_duck.errors import PlutoError, nearest
from pluto_duck.session import Session
from pluto_duck.workspace.tableref import fold, quote

if TYPE_CHECKING:
    from pluto_duck.catalog import Catalog

TIMEOUT_S = 10.0


def doubts(catalog: Catalog, session: Session) -> list[Problem]:
    """By line. Reads the data: values and questions are held against it."""
    lines = _Lines(catalog)
    twice = [one for table in catalog.tables for one in _double_values(table, lines)]
    found = [*_double_words(catalog, lines), *twice, *_values(catalog, session, lines), *_joins(catalog, lines),
             *_questions(catalog, session, lines)]
    return sorted(found, key=lambda one: (one.source, one.line, one.where))


class _Lines:
    """Where in the file a table, column or entry stands; 0 where it is not of the file."""

    def __init__(self, catalog: Catalog) -> None:
        self.sections = catalog.semantics.lines
        self.tables: dict[str, int] = {}
        self.columns: dict[tuple[str, str], int] = {}
        for words in catalog.semantics.tables:
            if words.source == FILE:
                self.tables[words.table.key] = words.line
                self.columns |= {(words.table.key, fold(name)): one.line for name, one in words.columns}

    def of(self, table: Table, column: Column | None = None) -> int:
        if column is None:
            return self.tables.get(table.ref.key, 0)
        return self.columns.get((table.ref.key, fold(column.name)), 0)

    def entry(self, section: str, name: str) -> int:
        return self.sections.get((section, name), 0)


@dataclass(frozen=True)
class _Meaning:
    """What a word may stand for: a table, a column, a metric or a term."""

    what: str
    table: str
    """Its key."""
    column: str = ""
    sql: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)
    given: bool = field(default=True, compare=False)
    """By the file, not by the name it has anyway."""


def _double_words(catalog: Catalog, lines: _Lines) -> Iterator[Problem]:
    """One word, two columns; one name, two metrics; a synonym that is another table's name."""
    meanings: dict[tuple[str, ...], tuple[str, dict[_Meaning, _Meaning]]] = {}
    for word, meaning in _meanings(catalog, lines):
        _said, held = meanings.setdefault(split(word), (word, {}))
        held.setdefault(meaning, meaning)
    together: dict[tuple[_Meaning, ...], list[str]] = defaultdict(list)
    for said, held in meanings.values():
        apart = _apart(list(held), catalog)
        if len(apart) > 1 and any(one.given for one in apart):
            together[tuple(apart)].append(said)
    for apart_, words in together.items():
        yield Problem("", f"{_listed([repr(one) for one in words], 'and')} may mean "
                      f"{_listed([one.what for one in apart_])}.", max(one.line for one in apart_), "", "doubtful")


def _meanings(catalog: Catalog, lines: _Lines) -> Iterator[tuple[str, _Meaning]]:
    for table in catalog.tables:
        key, line = table.ref.key, lines.of(table)
        for word in table.words:
            yield word, _Meaning(f"the table {table.ref}", key, line=line)
        yield " ".join(entity(table.ref.name)), _Meaning(f"the table {table.ref}", key, line=line, given=False)
        for column in table.columns:
            line = lines.of(table, column)
            for word in column.words:
                yield word, _Meaning(f"{table.ref}.{column.name}", key, column.name, line=line)
            if not column.words:
                yield column.name, _Meaning(f"{table.ref}.{column.name}", key, column.name, line=line, given=False)
    for metric in catalog.semantics.metrics:
        line = lines.entry("metrics", metric.name)
        for word in metric.words:
            yield word, _Meaning(f"the metric {metric.name}", metric.table.key, sql=metric.expression, line=line)
    for term in catalog.semantics.terms:
        for word in term.words:
            yield word, _Meaning(f"the term {term.name}", term.table.key, sql=term.filter,
                                 line=lines.entry("terms", term.name))


def _apart(held: list[_Meaning], catalog: Catalog) -> list[_Meaning]:
    """Without those that come to the same: a key and the table it points at, a metric and the column it adds up,
    a table and the column with its name."""
    left: list[_Meaning] = []
    for one in held:
        if not any(_alike(one, other, catalog) for other in left):
            left.append(one)
    return left


def _alike(one: _Meaning, other: _Meaning, catalog: Catalog) -> bool:
    if one.table == other.table:
        a, b = (one, other) if one.sql else (other, one)
        if a.sql and not b.sql:
            return not b.column or b.column in a.sql
        return not (a.sql or (a.column and b.column))
    ends = {(one.table, one.column), (other.table, other.column)}
    return not (one.sql or other.sql) and any(
        ends <= {(join.child.key, join.child_column), (join.parent.key, join.parent_column), (join.parent.key, "")}
        for join in catalog.relations)


def _double_values(table: Table, lines: _Lines) -> Iterator[Problem]:
    for column in table.columns:
        said: dict[str, list[str]] = defaultdict(list)
        for value, words in column.value_words:
            for word in words:
                said[word.casefold()].append(value)
        for word, values in said.items():
            if len(set(values)) > 1:
                yield Problem(f"tables.{table.ref}.columns.{column.name}.values",
                              f"'{word}' is said of {_listed([repr(one) for one in dict.fromkeys(values)])}.",
                              lines.of(table, column), "A word for a value should mean one of them.", "doubtful")


def _values(catalog: Catalog, session: Session, lines: _Lines) -> Iterator[Problem]:
    for table in catalog.tables:
        for column in table.columns:
            wanted = [value for value, _words in column.value_words]
            if not wanted:
                continue
            there = _stored(table, column, session)
            if there is None:
                continue
            for value in wanted:
                if value not in there:
                    close = nearest(value, there)
                    yield Problem(f"tables.{table.ref}.columns.{column.name}.values.{value}",
                                  f"No row has the value {value!r}.", lines.of(table, column),
                                  f"Did you mean {close[0]}?" if close else "", "doubtful")


def _stored(table: Table, column: Column, session: Session) -> list[str] | None:
    """Its distinct values, up to some thousand; None where they can't be read."""
    name = quote(column.name)
    try:
        rows = session.query(f"SELECT DISTINCT CAST({name} AS VARCHAR) FROM {table.ref.sql} WHERE {name} IS NOT NULL "
                             "LIMIT 5000", read_only=True, timeout_s=TIMEOUT_S).rows()
    except PlutoError:
        return None
    return [str(row[0]) for row in rows]


def _joins(catalog: Catalog, lines: _Lines) -> Iterator[Problem]:
    for number, join in enumerate(catalog.semantics.joins):
        for one in catalog.relations:
            same = (one.child, one.child_column, one.parent) == (join.child, join.child_column, join.parent)
            if same and not one.complete:
                line = lines.entry("joins", str(number)) if join.source == FILE else 0
                key = f"{join.parent}.{join.parent_column}"
                yield Problem(f"joins[{number}]", f"Not every {join.child}.{join.child_column} is found in {key}: a "
                              "question that joins them loses those rows, and says so.", line, "", "doubtful",
                              source=join.source)


def _questions(catalog: Catalog, session: Session, lines: _Lines) -> Iterator[Problem]:
    for number, one in enumerate(catalog.semantics.questions):
        try:
            session.query(one.sql, read_only=True, timeout_s=TIMEOUT_S, max_rows=1)
        except PlutoError as error:
            yield Problem(f"questions[{number}]", f"Its SQL does not run: {error.message.splitlines()[0]}",
                          lines.entry("questions", str(number)), error.hint, "doubtful")


def _listed(words: list[str], last: str = "or") -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
