"""The seam where data comes from: one Protocol, on one page. `contract.py` has the tests each one must pass.

    with PostgresConnector(uri) as source:          # one moment in time for everything below
        for table in source.discover():
            reader = source.read(table)             # a pyarrow.RecordBatchReader, never held whole

A connector enters by the entry-point group `pluto_duck.connectors`; its module must import lightly, and the
client library inside the functions that need it. Errors: SourceError and its kin, UnknownName with the
nearest names, MissingExtra. No password may stand in an error, in `source` or in a repr.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self


@dataclass(frozen=True)
class SourceColumn:
    """How one column is carried over, or why it is not."""

    name: str
    source_type: str
    """In the source's own words."""
    type: str = ""
    """DuckDB type text; "" when the column is refused."""
    expression: str = ""
    """DuckDB SQL over the columns of the stream that `read` returns."""
    nullable: bool = True
    refusal: str = ""
    """Why it can't be carried exactly, as the rest of a sentence: "is an interval"."""
    cast_to: str = ""
    """For a refused column: the source type worth casting to."""


@dataclass(frozen=True)
class SourceTable:
    name: str
    schema: str
    """"" where the source has none."""
    columns: tuple[SourceColumn, ...]
    """In the source's order, refused ones included."""
    primary_key: tuple[str, ...] = ()
    row_estimate: int | None = None


class Connector(Protocol):
    """One source, opened for one load. Used by one thread at a time, which need not be always the same."""

    kind: str
    source: str
    """What people and the load history see: where the data come from, without any secret."""

    def __init__(self, uri: str) -> None:
        """Makes no connection; raises UsageError when the address makes no sense."""

    @classmethod
    def accepts(cls, uri: str) -> bool:
        """True when an address is of this kind; looks at nothing but the text."""

    def __enter__(self) -> Self:
        """Connects, and fixes the moment that all reading sees."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Ends every stream that is still open. Never raises."""

    def check(self) -> str:
        """One line on what answers, such as "PostgreSQL 18.6, database flights"."""

    def discover(self, tables: Sequence[str] | None = None, *, schema: str | None = None) -> list[SourceTable]:
        """The named tables in that order (globs allowed, sorted within one), or all of them; never none.

        Raises UnknownName for a table or schema that is not there.
        """

    def cast(self, table: SourceTable, column: SourceColumn, to: str) -> SourceColumn:
        """The column as it comes when the source casts it to one of its own types."""

    def read(self, table: SourceTable) -> Any:
        """The rows as a pyarrow.RecordBatchReader over `table.columns`, which hold no refused one.

        The stream may be left early. While one is open no other may be read.
        """

    def interrupt(self) -> None:
        """From any thread: the stream that is being read ends soon, with an error. Nothing when none
        is. Never raises."""

    def state(self) -> Mapping[str, Any]:
        """Where this moment stands in the source's own history, as JSON values; {} when it can't tell."""
