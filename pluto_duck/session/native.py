"""Sources that the host's DuckDB reads itself: a file, or a database through an extension."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NativeSource:
    """What the host opens before it can scan; all of it is SQL of our own making, for the host alone."""

    extensions: tuple[str, ...] = ()
    """DuckDB extensions, by name; where one does not load, nothing is opened."""
    open: tuple[str, ...] = ()
    """Run once: CREATE TEMPORARY SECRET, ATTACH ... (READ_ONLY). Names must be unique (a uuid)."""
    close: tuple[str, ...] = ()
    """Run at the end, also when the session dies: DETACH, DROP SECRET."""


@dataclass(frozen=True)
class Scan:
    """Rows for `Session.write` that the host reads by itself."""

    sql: str
    """A SELECT, made by our own code."""
    begin: tuple[str, ...] = ()
    """Run once in each transaction, before its first scan: takes the source to the moment all tables share."""


@dataclass(frozen=True)
class Part:
    """Which of the rows that come `Session.write` keeps, where the source itself can't choose."""

    where: str = ""
    """A condition over the written columns, by name; may be a person's."""
    limit: int | None = None
    sample: float | None = None
    """Percent of the rows, 0 to 100, at random; drawn before the condition."""
