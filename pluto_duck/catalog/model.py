"""What the catalog knows: tables, columns with the part they play, and how tables hang together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pluto_duck.workspace import TableRef

ColumnRole = Literal["measure", "dimension", "key", "date", "boolean", "text"]
Part = Literal["year", "quarter", "month", "day"]


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    """DuckDB type text."""
    role: ColumnRole
    comment: str = ""
    distinct: int = 0
    """Approximate number of distinct values, over the profiled rows."""
    unique: bool = False
    """No value twice and none missing: exact, not estimated."""
    low: Any = None
    high: Any = None
    """Smallest and largest value of the profiled rows; None for types without a plain order."""
    part: Part | None = None
    """For an integer column that holds one part of a date: a table with year, month, day columns."""
    text_date: bool = False
    """A date that is stored as ISO text and must be cast."""
    called: str = ""
    """The one name that the semantic file gives it; empty: none."""
    words: tuple[str, ...] = ()
    """All that people call it, by the semantic file: that name and the synonyms."""
    description: str = ""
    """Of the semantic file, or of dbt."""
    unit: str = ""
    hidden: bool = False
    """Never offered to a planner; a join may still use it."""
    value_words: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Stored values, as text, and the words people use for them."""

    @property
    def numeric(self) -> bool:
        return is_numeric(self.type)

    @property
    def textual(self) -> bool:
        return self.type.startswith(("VARCHAR", "ENUM"))


@dataclass(frozen=True)
class Table:
    ref: TableRef
    kind: Literal["table", "view"]
    columns: tuple[Column, ...]
    """Without the hidden ones."""
    rows: int
    key: str | None
    """The column that names a row: declared, or the first one found unique. None: there is none."""
    label: str | None
    """The column a person would call a row by (name, title); None: there is none."""
    comment: str = ""
    version: int = 0
    called: str = ""
    """What the semantic file calls one row of it; empty: nothing."""
    words: tuple[str, ...] = ()
    """All that people call it, by the semantic file: that name and the synonyms."""
    description: str = ""
    """Of the semantic file, or of dbt."""
    date: str | None = None
    """The column that questions with a date mean, where none is named; None: not said."""
    concealed: tuple[Column, ...] = ()
    """Its hidden columns."""

    @property
    def every_column(self) -> tuple[Column, ...]:
        return (*self.columns, *self.concealed)

    def column(self, name: str) -> Column:
        """Raises KeyError: names come from the catalog itself."""
        for column in self.every_column:
            if column.name == name:
                return column
        raise KeyError(name)


@dataclass(frozen=True)
class Relation:
    """Many rows of `child` belong to at most one row of `parent`."""

    child: TableRef
    child_column: str
    parent: TableRef
    parent_column: str
    declared: bool
    confidence: float
    """1 for a declared key; less for one inferred from names and data."""
    complete: bool = True
    """Every value of the child was found in the parent; a join loses no row but those without a value."""
    mixed: bool = False
    """Numbers on one side, their digits as text on the other: both must be cast to meet."""


def is_numeric(type_text: str) -> bool:
    return type_text.startswith(
        (
            "TINYINT",
            "SMALLINT",
            "INTEGER",
            "BIGINT",
            "HUGEINT",
            "UTINYINT",
            "USMALLINT",
            "UINTEGER",
            "UBIGINT",
            "UHUGEINT",
            "FLOAT",
            "DOUBLE",
            "DECIMAL",
        )
    )


def is_integer(type_text: str) -> bool:
    return is_numeric(type_text) and not type_text.startswith(("FLOAT", "DOUBLE", "DECIMAL"))


def is_date(type_text: str) -> bool:
    return type_text.startswith(("DATE", "TIMESTAMP"))
