"""What a load may be told, from any door: keywords in Python, options of a shell, keys of a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Mode = Literal["replace", "append", "merge", "scd2"]
Columns = Literal["evolve", "freeze", "discard"]


@dataclass(frozen=True)
class LoadOptions:
    tables: tuple[str, ...] = ()
    """Names or globs of the source; none: all of them."""
    exclude: tuple[str, ...] = ()
    """Names or globs left out of those."""
    schema: str | None = None
    """Of the source."""
    query: str | None = None
    """A SELECT in the source's own SQL, loaded as one table."""
    into: str | None = None
    """A table name for one table, `schema.*` for several."""
    mode: Mode = "replace"
    key: tuple[str, ...] = ()
    """What tells rows apart in merge and scd2; none: the primary key of the source."""
    delete_missing: bool = False
    """merge, scd2: what the source has no more is deleted, or closed."""
    cursor: str | None = None
    """A column that only grows; each load takes what is new. `xmin`: PostgreSQL's own row versions."""
    lag: str | None = None
    """How far before the last cursor value each load looks again: "1 hour", "1000"."""
    since: str | None = None
    """The first load takes rows at or above this cursor value."""
    where: str | None = None
    """A condition in the source's own SQL."""
    limit: int | None = None
    sample: float | None = None
    """Percent of the rows."""
    columns: Columns = "evolve"
    """A column that is new at the source: added here (evolve), an error (freeze), left out (discard)."""
    skip: tuple[str, ...] = ()
    """Columns left out, by `column` or `table.column`."""
    cast: Mapping[str, str] = field(default_factory=dict)
    """Column -> type of the source, by `column` or `table.column`."""
    rejects: Literal["refuse", "keep"] = "refuse"
    """Rows of a file that can't be read: an error, or kept in a side table while the others are loaded."""
    verify: bool = False
    """Compares sums over numbers and lengths of texts with the source, besides the row count."""
    check: bool = False
    """The checks of checks.yaml are run before anybody may see the rows: where one that must hold fails, the table
    stays as it was. A table of which the file says `publish: checked` is checked without it."""
    parallel: int = 0
    """Tables at once; 0: as many as there are cores."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Of the kind of source: encoding=latin-1, sheet=Budget."""
    connector: str | None = None
    """By name, where the address does not tell."""


@dataclass(frozen=True)
class Progress:
    """How far one table is; sent from whichever thread loads it."""

    table: str
    """The source's name of it."""
    rows: int
    """So far; while the host reads the source itself, an estimate."""
    total_rows: int | None = None
    """The source's estimate; None when it has none."""
    bytes: int | None = None
    done: bool = False
