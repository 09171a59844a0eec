"""What people call their data: the words of a semantic file, as planners get them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pluto_duck.workspace import TableRef

FILE = "semantics.yaml"


@dataclass(frozen=True)
class Metric:
    """A measure with a name: an aggregate over the rows of one table."""

    name: str
    table: TableRef
    expression: str
    """DuckDB SQL over columns of the table alone, each inside an aggregate; it binds, and the Gate lets it pass."""
    filter: str = ""
    """A condition on rows of the table that always holds; empty: all rows."""
    synonyms: tuple[str, ...] = ()
    unit: str = ""
    date: str | None = None
    """The column by which it is put into time; None: the table's own."""
    description: str = ""
    source: str = FILE

    @property
    def words(self) -> tuple[str, ...]:
        return (self.name, *self.synonyms)


@dataclass(frozen=True)
class Term:
    """A condition on rows of a table with a name: an active customer."""

    name: str
    table: TableRef
    filter: str
    synonyms: tuple[str, ...] = ()
    description: str = ""
    source: str = FILE

    @property
    def words(self) -> tuple[str, ...]:
        return (self.name, *self.synonyms)


@dataclass(frozen=True)
class Join:
    """Many rows of `child` belong to one row of `parent`."""

    child: TableRef
    child_column: str
    parent: TableRef
    parent_column: str
    source: str = FILE


@dataclass(frozen=True)
class Verified:
    """A question with the SQL that answers it. Not yet passed by the Gate: it runs like any other."""

    question: str
    sql: str


@dataclass(frozen=True)
class ColumnWords:
    called: str = ""
    synonyms: tuple[str, ...] = ()
    unit: str = ""
    description: str = ""
    values: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """A stored value, as text, and the words people use for it."""
    hidden: bool = False
    line: int = 0


@dataclass(frozen=True)
class TableWords:
    table: TableRef
    called: str = ""
    synonyms: tuple[str, ...] = ()
    description: str = ""
    date: str | None = None
    columns: tuple[tuple[str, ColumnWords], ...] = ()
    """By the column's name as the file writes it."""
    line: int = 0
    source: str = FILE


@dataclass(frozen=True)
class Problem:
    """An entry that was left out, or something that should be looked at."""

    where: str
    """The way to it: `tables.orders.columns.amt`."""
    text: str
    line: int = 0
    """In `source`, from 1; 0: not known."""
    hint: str = ""
    level: Literal["broken", "doubtful"] = "broken"
    """broken: the entry is not used; doubtful: it is."""
    words: tuple[str, ...] = ()
    """What a question could have called the entry by; empty: it can't be told."""
    source: str = FILE

    def __str__(self) -> str:
        at = f"{self.source}:{self.line}" if self.line else self.source
        return f"{at}: {self.where + ': ' if self.where else ''}{self.text}"


@dataclass(frozen=True)
class Semantics:
    """All that is known in the users' words. Tables and columns carry theirs themselves (`Table.words`)."""

    tables: tuple[TableWords, ...] = ()
    metrics: tuple[Metric, ...] = ()
    terms: tuple[Term, ...] = ()
    joins: tuple[Join, ...] = ()
    questions: tuple[Verified, ...] = ()
    problems: tuple[Problem, ...] = ()
    lines: dict[tuple[str, str], int] = field(default_factory=dict, compare=False, repr=False)
    """(section, name) -> the line it stands in."""

    def __bool__(self) -> bool:
        return bool(self.tables or self.metrics or self.terms or self.joins or self.questions)
