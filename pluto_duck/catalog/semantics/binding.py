"""A semantic file held against the tables there are: what fits goes into the catalog, the rest is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, ParamSpec, TypeVar

from pluto_duck.catalog.model import Column, Table
from pluto_duck.catalog.semantics.expressions import Bind, Unusable, checked_metric, checked_term
from pluto_duck.catalog.semantics.model import (
    FILE,
    ColumnWords,
    Join,
    Metric,
    Problem,
    Semantics,
    TableWords,
    Term,
)
from pluto_duck.errors import nearest
from pluto_duck.workspace import TableRef
from pluto_duck.workspace.tableref import fold


class NotThere(Unusable):
    """Told of the user's own file; dbt may well know tables that this database does not have."""


P = ParamSpec("P")
T = TypeVar("T")
M = TypeVar("M", Metric, Term)

MAX_ENTRIES = 500
"""Metrics, and terms, that are used."""


@dataclass(frozen=True)
class _At:
    """Where an entry stands, and what it could have been called by."""

    where: str
    line: int
    words: tuple[str, ...]
    source: str


def bound(semantics: Semantics, tables: Sequence[Table], bind: Bind) -> tuple[Semantics, tuple[Table, ...]]:
    """What of it fits, and the tables with their words."""
    return _Binding(semantics, tables, bind).done()


class _Binding:
    def __init__(self, semantics: Semantics, tables: Sequence[Table], bind: Bind) -> None:
        self.semantics = semantics
        self.tables = {table.ref.key: table for table in tables}
        self.bind = bind
        self.problems = list(semantics.problems)

    def done(self) -> tuple[Semantics, tuple[Table, ...]]:
        said = self.semantics
        for words in said.tables:
            spoken = (str(words.table), words.called, *words.synonyms)
            at = _At(f"tables.{words.table}", words.line, spoken, words.source)
            worded = self._try(at, self._worded, words, at)
            if worded is not None:
                self.tables[worded.ref.key] = worded
        joins = [self._try(_At(f"joins[{number}]", self._line("joins", str(number)), (), one.source), self._join, one)
                 for number, one in enumerate(said.joins)]
        metrics = [self._try(at, self._metric, one, at) for one in self._first("metrics", said.metrics)
                   for at in [self._at("metrics", one)]]
        terms = [self._try(self._at("terms", one), self._term, one) for one in self._first("terms", said.terms)]
        return replace(said, metrics=_left(metrics), terms=_left(terms), joins=_left(joins),
                       problems=tuple(self.problems)), tuple(self.tables.values())

    def _first(self, section: str, entries: Sequence[M]) -> Sequence[M]:
        """Each has to be bound by the database, at the first question of every process."""
        for one in entries[MAX_ENTRIES:]:
            said = f"There are more than {MAX_ENTRIES} {section}: it is not used."
            self._broken(self._at(section, one), Unusable(said))
        return entries[:MAX_ENTRIES]

    def _at(self, section: str, one: Metric | Term) -> _At:
        return _At(f"{section}.{one.name}", self._line(section, one.name), one.words, one.source)

    def _line(self, section: str, name: str) -> int:
        return self.semantics.lines.get((section, name), 0)

    def _try(self, at: _At, make: Callable[P, T], *args: P.args, **more: P.kwargs) -> T | None:
        """None, and a problem more, where it is unusable."""
        try:
            return make(*args, **more)
        except Unusable as error:
            self._broken(at, error)
            return None

    def _broken(self, at: _At, error: Unusable) -> None:
        words = tuple(one for one in at.words if one)
        level: Literal["broken", "doubtful"] = "broken" if at.source == FILE else "doubtful"
        if level == "broken" or not isinstance(error, NotThere):
            self.problems.append(Problem(at.where, error.text, at.line, error.hint, level, words, at.source))

    # -- entries ----------------------------------------------------------------------------------

    def _table(self, ref: TableRef) -> Table:
        found = self.tables.get(ref.key)
        if found is None:
            close = nearest(str(ref), [str(one.ref) for one in self.tables.values()])
            raise NotThere(f"There is no table {ref}.", f"Did you mean {close[0]}?" if close else "")
        return found

    def _worded(self, words: TableWords, at: _At) -> Table:
        table = self._table(words.table)
        told: dict[str, ColumnWords] = {}
        for name, one in words.columns:
            here = _At(f"{at.where}.columns.{name}", one.line, (one.called, *one.synonyms), at.source)
            column = self._try(here, _column, table, name)
            if column is not None:
                told[column.name] = one
        date = self._try(replace(at, where=f"{at.where}.date", words=()), _date, words.date, table)
        columns = tuple(_told(column, told[column.name]) if column.name in told else column for column in table.columns)
        shown = tuple(column for column in columns if not column.hidden)
        return replace(
            table, columns=shown, concealed=(*table.concealed, *(column for column in columns if column.hidden)),
            label=table.label if any(column.name == table.label for column in shown) else None,
            date=date or table.date, called=words.called or table.called,
            words=_words(words.called, words.synonyms, table.words), description=words.description or table.description)

    def _metric(self, metric: Metric, at: _At) -> Metric:
        table = self._table(metric.table)
        metric = checked_metric(metric, table, self.bind)
        return replace(metric, table=table.ref,
                       date=self._try(replace(at, where=f"{at.where}.date", words=()), _date, metric.date, table))

    def _term(self, term: Term) -> Term:
        table = self._table(term.table)
        return replace(checked_term(term, table, self.bind), table=table.ref)

    def _join(self, join: Join) -> Join:
        child, parent = self._table(join.child), self._table(join.parent)
        one, other = _column(child, join.child_column), _column(parent, join.parent_column)
        if not other.unique:
            raise Unusable(f"{parent.ref}.{other.name} is not unique or has gaps: "
                           f"a row of {child.ref} could meet several.",
                           "A join leads from many rows to one: {from: many.key, to: one.key}.")
        return replace(join, child=child.ref, child_column=one.name, parent=parent.ref, parent_column=other.name)


def _column(table: Table, name: str) -> Column:
    found = next((one for one in table.every_column if fold(one.name) == fold(name)), None)
    if found is None:
        close = nearest(name, [one.name for one in table.every_column])
        raise NotThere(f'{table.ref} has no column "{name}".', f"Did you mean {close[0]}?" if close else "")
    return found


def _date(name: str | None, table: Table) -> str | None:
    if name is None:
        return None
    column = _column(table, name)
    if column.role != "date":
        raise Unusable(f"{column.name} is no date: it is {column.type}.")
    return column.name


def _told(column: Column, words: ColumnWords) -> Column:
    return replace(column, called=words.called or column.called, unit=words.unit or column.unit,
                   words=_words(words.called, words.synonyms, column.words), hidden=words.hidden,
                   description=words.description or column.description,
                   value_words=(*words.values, *column.value_words))


def _words(called: str, synonyms: Iterable[str], before: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for one in (called, *synonyms, *before) if one))


def _left(found: Iterable[T | None]) -> tuple[T, ...]:
    return tuple(one for one in found if one is not None)
