"""PostgreSQL: many tables as of one moment, by COPY, exact or refused by name. Extra: `postgres`."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

from pluto_duck.errors import ColumnRefused, PlutoError, SourceError, UsageError
from pluto_duck.ingest.connectors import EVERYTHING, NativeScan, Selection, SourceColumn, SourceTable
from pluto_duck.ingest.connectors import postgres_address as address
from pluto_duck.ingest.connectors.postgres_catalog import Catalog, Relation
from pluto_duck.ingest.connectors.postgres_copy import RowParser, blocks
from pluto_duck.ingest.connectors.postgres_types import Carrier, carrier, refusal
from pluto_duck.session import NativeSource
from pluto_duck.workspace import quote

# What COPY writes hangs on these; a role or database may have set them otherwise.
_OUTPUT = ("SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL extra_float_digits = 3; "
           "SET LOCAL bytea_output = 'hex'; SET LOCAL IntervalStyle = 'postgres'")
_TYPE_TEXT = re.compile(r'[A-Za-z_][\w. ]*(\(\s*\d+\s*(,\s*-?\d+\s*)?\))?( with(out)? time zone)?', re.I)


@dataclass(frozen=True)
class PostgresColumn(SourceColumn):
    carrier: Carrier | None = None
    select: str = ""
    """SQL that PostgreSQL evaluates."""
    incoming: str = ""
    """Its name in the stream: c0, c1, ..., because a name in the source may be anything."""


class PostgresConnector:
    """One load's view of one database: a transaction that stays open and whose snapshot every stream,
    on a connection of its own, adopts."""

    kind = "postgres"
    selects: frozenset[str] = frozenset()

    def __init__(self, uri: str) -> None:
        self._address = address.Address(uri)
        self.source = self._address.shown
        self._connection: Any = None
        self._snapshot = ""
        self._relations: dict[tuple[str, str], Relation] = {}
        self._stream: Iterator[Any] | None = None
        self._reading_now: tuple[Any, socket.socket] | None = None
        """The connection of the open stream, and a second handle on its line."""

    def __repr__(self) -> str:
        return f"PostgresConnector({self.source})"

    @classmethod
    def accepts(cls, uri: str) -> bool:
        return address.accepts(uri)

    def __enter__(self) -> Self:
        self._connection = self._address.connect()
        with self._translated("the snapshot was taken"):
            self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            self._connection.execute(_OUTPUT)
            self._snapshot = self._connection.execute("SELECT pg_export_snapshot()").fetchone()[0]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._end_stream()
        if self._connection is not None:
            with suppress(Exception):
                self._connection.close()

    def check(self) -> str:
        with self._translated("it was asked for its version"):
            version, database = self._connection.execute(
                "SELECT current_setting('server_version'), current_database()").fetchone()
        return f"PostgreSQL {version.split()[0]}, database {database}"

    def configure(self, options: Mapping[str, str]) -> None:
        if options:
            raise UsageError(f"There is no option {min(options)} for this source.", hint="It has none.")

    def rejects(self, table: SourceTable) -> Any | None:
        return None

    def native(self, name: str | None = None) -> NativeSource | None:
        return None

    def scan(self, table: SourceTable, selection: Selection = EVERYTHING) -> NativeScan | None:
        return None

    def explained(self, error: PlutoError, table: SourceTable) -> PlutoError:
        return error

    def twin(self) -> Self | None:
        return None

    def state(self) -> Mapping[str, Any]:
        with self._translated("it was asked for its state"):
            xmin, at = self._connection.execute(
                "SELECT pg_snapshot_xmin(pg_current_snapshot())::text, now()::text").fetchone()
        return {"xmin": xmin, "at": at}

    # -- what is there ----------------------------------------------------------------------------

    def discover(self, tables: Sequence[str] | None = None, *, schema: str | None = None,
                 query: str | None = None) -> list[SourceTable]:
        with self._translated("its catalog was read"):
            catalog = Catalog(self._connection)
            relations = catalog.find(tables, schema)
            catalog.lock(relations)
            found = [self._table(catalog, relation) for relation in relations]
        return found

    def _table(self, catalog: Catalog, relation: Relation) -> SourceTable:
        self._relations[relation.schema, relation.name] = relation
        columns = tuple(_column(name, kind, base, f"c{place}", is_enum=is_enum, nullable=nullable)
                        for place, (name, kind, base, is_enum, nullable) in enumerate(catalog.columns(relation)))
        return SourceTable(relation.name, relation.schema, columns, catalog.primary_key(relation),
                           relation.row_estimate)

    def cast(self, table: SourceTable, column: SourceColumn, to: str) -> SourceColumn:
        if not _TYPE_TEXT.fullmatch(to.strip()):
            raise UsageError(f"{to!r} is not the name of a PostgreSQL type.",
                             hint=f"For example --cast {column.name}=text or --cast {column.name}=numeric(38,10)")
        driver = address.psycopg()
        try:
            with self._connection.transaction():
                # Asked of the server: only it knows domains, aliases (int, varchar) and enums.
                kind, is_enum = Catalog(self._connection).type_of(to)
        except driver.ProgrammingError as error:
            raise UsageError(f"PostgreSQL has no type {to!r}.",
                             hint=f"For example --cast {column.name}=text or --cast {column.name}=numeric(38,10)"
                             ) from error
        assert isinstance(column, PostgresColumn)
        cast = _column(column.name, kind, kind, column.incoming, is_enum=is_enum, nullable=column.nullable,
                       cast=to.strip())
        if cast.refusal:
            raise ColumnRefused(f"{table.name}.{column.name} can't be loaded as {to}: it {cast.refusal}.",
                                hint=f"--cast {column.name}={cast.cast_to}", column=column.name, table=table.name)
        return replace(cast, source_type=f"{column.source_type} as {to.strip()}")

    # -- rows -------------------------------------------------------------------------------------

    def read(self, table: SourceTable, selection: Selection = EVERYTHING) -> Any:
        import pyarrow

        self._end_stream()
        columns = [column for column in table.columns if isinstance(column, PostgresColumn)]
        parser = RowParser(table.name, [(c.incoming, c.name, c.carrier) for c in columns if c.carrier])
        picked = ", ".join(column.select for column in columns)
        relation = f"{quote(table.schema)}.{quote(table.name)}"
        self._stream = self._batches(table.name, f"COPY (SELECT {picked} FROM {relation}) TO STDOUT (FORMAT csv)",
                                     parser)
        return pyarrow.RecordBatchReader.from_batches(parser.schema, self._stream)

    def _batches(self, table: str, sql: str, parser: RowParser) -> Iterator[Any]:
        with self._translated(f"{table} was read"), self._reading() as connection, \
                connection.cursor().copy(sql) as copy:
            for block in blocks(copy):
                yield from parser.batches(block)

    @contextmanager
    def _reading(self) -> Iterator[Any]:
        connection = self._address.connect()
        try:
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            connection.execute(f"SET TRANSACTION SNAPSHOT '{self._snapshot}'")
            connection.execute(_OUTPUT)
            with socket.socket(fileno=os.dup(connection.pgconn.socket)) as line:
                self._reading_now = connection, line
                yield connection
        finally:
            self._reading_now = None
            connection.close()

    def interrupt(self) -> None:
        reading = self._reading_now
        if reading is None:
            return
        connection, line = reading
        with suppress(Exception):  # a server that hangs takes no cancel either
            connection.cancel_safe(timeout=1)
        with suppress(OSError):  # whatever the server does, whoever waits for it wakes up
            line.shutdown(socket.SHUT_RDWR)

    def _end_stream(self) -> None:
        if self._stream is not None:
            with suppress(Exception):  # a stream that fails while it is being ended has ended
                self._stream.close()  # type: ignore[attr-defined]
            self._stream = None

    @contextmanager
    def _translated(self, when: str) -> Iterator[None]:
        driver = address.psycopg()
        try:
            yield
        except driver.errors.InsufficientPrivilege as error:
            raise SourceError(f"{self.source} refuses while {when}: {self._said(error)}.",
                              hint="Ask for SELECT on it, or name the tables to load with --table.") from None
        except (driver.OperationalError, driver.InterfaceError) as error:
            if error.sqlstate and not error.sqlstate.startswith(("57P", "08")):
                raise SourceError(f"{self.source} stopped while {when}: {self._said(error)}.") from None
            raise SourceError(f"The connection to {self.source} was lost while {when}.",
                              hint="Nothing of this load was kept; run it again when the server is back.",
                              reason="lost") from None
        except driver.Error as error:
            raise SourceError(f"{self.source} reports while {when}: {self._said(error)}.") from None

    def _said(self, error: Any) -> str:
        return self._address.words(error.diag.message_primary or str(error)).rstrip(".")


def _column(name: str, kind: str, base: str, incoming: str, *, is_enum: bool, nullable: bool,
            cast: str = "") -> PostgresColumn:
    """`kind` is the declared type, `base` what it is once domains are resolved."""
    way = carrier(base, is_enum=is_enum)
    if way is None:
        why, cast_to = refusal(base)
        return PostgresColumn(name, kind, nullable=nullable, refusal=why, cast_to=cast_to, incoming=incoming)
    select = quote(name)
    if cast:
        select = f"{select}::{cast}"
    if base.startswith("character("):
        select = f"{select}::text"  # PostgreSQL's own conversion drops the padding of char(n)
    return PostgresColumn(name, kind, way.duckdb, way.expression.format(incoming), nullable, carrier=way,
                          select=select, incoming=incoming)
