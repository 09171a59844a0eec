"""The seam where data comes from: one Protocol, on one page. `contract.py` has the tests each one must pass.

    with PostgresConnector(uri) as source:          # one moment in time for everything below
        for table in source.discover():
            reader = source.read(table)             # a pyarrow.RecordBatchReader, never held whole

Where DuckDB itself can read the source (a file; a database through an extension), `native` and `scan` say
how, and the host's DuckDB reads it: 1.4 to 1.9 times as fast as the same rows through Arrow, in half the
memory. `read` must give the same values, and stays the way where the extension does not load.

A connector enters by the entry-point group `pluto_duck.connectors`; its module must import lightly, and the
client library inside the functions that need it. Errors: SourceError and its kin, UnknownName with the
nearest names, MissingExtra. No password may stand in an error, in `source` or in a repr.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Protocol, Self

from pluto_duck.errors import PlutoError
from pluto_duck.session import NativeSource

TableKind = Literal["table", "view", "foreign table", "partitioned table", "query", "file"]


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
    default: str = ""
    """DuckDB SQL of a default that means the same here; "" for none or one that DuckDB has not."""
    comment: str = ""
    note: str = ""
    """What a reader of the type should know: "kept as text, in PostgreSQL's own words"."""
    guess: bool = False
    """The note tells what was guessed and may be wrong, so a load says it, too."""


@dataclass(frozen=True)
class SourceKey:
    """A foreign key of the source."""

    columns: tuple[str, ...]
    schema: str
    table: str
    referenced: tuple[str, ...]


@dataclass(frozen=True)
class SourceTable:
    name: str
    schema: str
    """"" where the source has none."""
    columns: tuple[SourceColumn, ...]
    """In the source's order, refused ones included."""
    primary_key: tuple[str, ...] = ()
    row_estimate: int | None = None
    kind: TableKind = "table"
    unique: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[SourceKey, ...] = ()
    comment: str = ""
    size_bytes: int | None = None
    """As it lies in the source, None when not known."""
    note: str = ""
    """What a reader of the rows should know: "row security hides some rows from this user"."""
    problem: PlutoError | None = None
    """Why this table alone can't be read, where others of the source can; it has no columns then."""


@dataclass(frozen=True)
class Selection:
    """Which rows of a table. Filters hold together (AND)."""

    where: str = ""
    """A condition in the source's own SQL, as the person wrote it."""
    cursor: str = ""
    """A column; with `after`, rows at or above that value come (at: two rows may share it)."""
    after: str | None = None
    """A value of the cursor as text that both the source and DuckDB read: 2024-05-01 12:00:00+00, 17."""
    changed_since: Mapping[str, Any] | None = None
    """An earlier `state`: rows written since come, and some older ones may."""
    limit: int | None = None
    sample: float | None = None
    """Percent of the rows, 0 to 100, at random."""


EVERYTHING = Selection()


@dataclass(frozen=True)
class NativeScan:
    """How the host's DuckDB reads one table itself."""

    sql: str
    """A SELECT, run in the host after `native` has been opened there."""
    expressions: tuple[str, ...]
    """DuckDB SQL over its columns, one for each of `SourceTable.columns`; then cast to their types."""
    begin: tuple[str, ...] = ()
    """Run once in each transaction, before its first scan: takes the source to this connector's moment."""
    doubts: tuple[str, ...] = ()
    """Of `Checked.quick_scan`, one for each column: a condition over the value {} as it arrived, or ""."""
    rejects: str = ""
    """A SELECT for after the scan, in the same transaction: (file, line, column, reason, text) of what was left out."""


@dataclass(frozen=True)
class Checksums:
    """What a source counts by itself over the rows of a selection, for `Checked.checksums`."""

    rows: int
    columns: Mapping[str, str | None]
    """As text, what `measures.measure` says of the column's type: of whole numbers the sum, of texts a digest; None
    for no value. What the source can't count exactly is left out."""


class Connector(Protocol):
    """One source, opened for one load. Used by one thread at a time, which need not be always the same."""

    kind: str
    source: str
    """What people and the load history see: where the data come from, without any secret."""
    selects: frozenset[str]
    """The fields of Selection that the source applies itself; the load does the others over the stream."""

    def __init__(self, uri: str) -> None:
        """Makes no connection; raises UsageError when the address makes no sense."""

    @classmethod
    def accepts(cls, uri: str) -> bool:
        """True when an address is of this kind; looks at nothing but the text."""

    def configure(self, options: Mapping[str, str]) -> None:
        """Options of this kind of source, before it is entered: encoding=latin-1, sheet=Budget.

        Raises UsageError for one it does not know, naming those it does.
        """

    def __enter__(self) -> Self:
        """Connects, and fixes the moment that all reading sees."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Ends every stream that is still open. Never raises."""

    def check(self) -> str:
        """One line on what answers, such as "PostgreSQL 18.6, database flights"."""

    def discover(self, tables: Sequence[str] | None = None, *, schema: str | None = None,
                 query: str | None = None) -> list[SourceTable]:
        """The named tables in that order (globs allowed, sorted within one), or all of them; never none.

        `query`: a SELECT in the source's own SQL instead, as the one table `tables[0]` (else "query");
        UsageError where the source has no SQL. Raises UnknownName for a table or schema that is not there.
        """

    def cast(self, table: SourceTable, column: SourceColumn, to: str) -> SourceColumn:
        """The column as it comes when the source casts it to one of its own types."""

    def read(self, table: SourceTable, selection: Selection = EVERYTHING) -> Any:
        """The rows as a pyarrow.RecordBatchReader over `table.columns`, which hold no refused one.

        The stream may be left early. While one is open no other may be read: see `twin`.
        """

    def rejects(self, table: SourceTable) -> Any | None:
        """After `read` has ended: a RecordBatchReader of (file, line, column, reason, text), one row for each
        row that was left out; None when none was."""

    def native(self, name: str | None = None) -> NativeSource | None:
        """What the host's DuckDB must open before it can `scan`; None when it can't read this source.

        A database is attached as `name`, else under a unique one that begins with pluto_source_.
        """

    def scan(self, table: SourceTable, selection: Selection = EVERYTHING) -> NativeScan | None:
        """The same rows, read by the host's DuckDB; None when this table must come by `read`."""

    def explained(self, error: PlutoError, table: SourceTable) -> PlutoError:
        """An error of the host's DuckDB during `scan`, in the words of the source and without its secrets;
        the error itself where it has nothing to do with the source."""

    def twin(self) -> Self | None:
        """One more connector on the same moment, already open, for another thread; the caller closes it.
        None when tables must come one after the other."""

    def interrupt(self) -> None:
        """From any thread: whatever is being read, by `read` or by the host, ends soon with an error.
        Nothing when nothing is. Never raises."""

    def state(self) -> Mapping[str, Any]:
        """Where this moment stands in the source's own history, as JSON values; {} when it can't tell."""


class Checked(Protocol):
    """What a Connector may offer besides."""

    def checksums(self, table: SourceTable, selection: Selection = EVERYTHING) -> Checksums | None:
        """As of this connector's moment; None when it can't tell. Not while a stream is open."""

    def pulse(self, table: SourceTable, selection: Selection) -> str | None:
        """A short text that stays the same as long as the rows of a selection do: their number and a sum of
        their hashes, say. Asked before each increment, so it must be quick; None when it can't be."""

    def stamp(self, name: str, schema: str, selection: Selection, *, default: bool) -> str | None:
        """As `pulse`, of a table by its exact name and without a look at it before, with the shape of the table in
        it. `default`: the schema must be the one that plain names mean. None when it can't be told."""

    def quick_scan(self, table: SourceTable, selection: Selection = EVERYTHING) -> NativeScan | None:
        """As `scan`, without its look at the values before: where one that arrived meets a doubt, and `at_risk` says
        that there is such a value, the rows are read again by `scan`."""

    def at_risk(self, table: SourceTable) -> bool:
        """Whether `quick_scan` has changed a value, or that can't be told."""

    def finish(self, table: SourceTable) -> None:
        """After a `scan`, before its rows are committed: raises SourceError when the source changed meanwhile."""
