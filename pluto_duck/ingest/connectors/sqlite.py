"""SQLite: every table as of one moment, each column as what it really holds.

One read transaction of Python's own driver is the moment. For the host a private copy is taken of that moment:
its scanner brings a second SQLite library into the process, and two of them lose each other's locks on one file.
Source: https://sqlite.org/howtocorrupt.html, 2.2.1
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, ClassVar, Self

from pluto_duck.errors import ColumnRefused, PlutoError, SourceError, UsageError
from pluto_duck.ingest.connectors import EVERYTHING, NativeScan, Selection, SourceColumn, SourceTable
from pluto_duck.ingest.connectors.defaults import Defaults, pick
from pluto_duck.ingest.connectors.sqlite_catalog import Catalog, Declared, default
from pluto_duck.ingest.connectors.sqlite_copy import PrivateCopy
from pluto_duck.ingest.connectors.sqlite_file import connect, found_file
from pluto_duck.ingest.connectors.sqlite_rows import batches, schema_of
from pluto_duck.ingest.connectors.sqlite_types import PLAIN_TIMESTAMP, TIMESTAMP, Carrier, cast_to, promised
from pluto_duck.ingest.connectors.sqlite_values import Values
from pluto_duck.session import NativeSource
from pluto_duck.workspace import quote

ENDINGS = (".sqlite", ".sqlite3", ".db", ".db3", ".s3db", ".sl3", ".gpkg")


@dataclass(frozen=True)
class SqliteColumn(SourceColumn):
    carrier: Carrier | None = None


class SqliteConnector(Defaults):
    kind: ClassVar[str] = "sqlite"
    selects = frozenset({"where", "cursor", "after", "limit", "sample"})
    options: ClassVar[Mapping[str, str]] = {"immutable": "true for a file on a medium that nobody can write"}

    def __init__(self, uri: str) -> None:
        super().__init__()
        self._path = found_file(uri)
        self.source = str(self._path)
        self._connection: Any = None
        self._monitor: Any = None
        """Outside any transaction: tells whether somebody committed since the moment."""
        self._version = 0
        self._relations: dict[str, str] = {}
        """Table -> what stands for it after FROM."""
        self._copy: PrivateCopy | None = None
        self._rows: dict[str, int] = {}

    @classmethod
    def accepts(cls, uri: str) -> bool:
        return uri.startswith("sqlite:") or ("://" not in uri and uri.lower().endswith(ENDINGS))

    def __enter__(self) -> Self:
        immutable = self.configured.get("immutable", "").lower() in ("1", "true", "yes", "on")
        with self._translated("it was opened"):
            self._monitor = connect(self._path, immutable=immutable)
            self._connection = connect(self._path, immutable=immutable)
            self._version = self._committed()
            while True:
                self._begin(self._connection)
                now = self._committed()
                if now == self._version:
                    return self
                self._version = now
                self._connection.execute("COMMIT")

    @staticmethod
    def _begin(connection: Any) -> None:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the first read is the moment

    def _committed(self) -> int:
        return int(self._monitor.execute("PRAGMA data_version").fetchone()[0])

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        for connection in (self._connection, self._monitor):
            if connection is not None:
                with suppress(Exception):
                    connection.close()
        if self._copy is not None:
            self._copy.close()
            self._copy = None

    def check(self) -> str:
        with self._translated("it was asked what it is"):
            tables = len(Catalog(self._connection).names())
        return f"SQLite {sqlite3.sqlite_version}, {tables} tables and views, {self._path.stat().st_size:,} bytes"

    def twin(self) -> Self | None:
        twin = type(self)(self.source)
        twin.configure(self.configured)
        twin._connection = connect(self._path, immutable=bool(self.configured.get("immutable")))
        twin._monitor = None
        self._begin(twin._connection)
        if self._committed() != self._version:
            twin._connection.close()
            return None
        twin._relations, twin._rows = self._relations, self._rows
        return twin

    # -- what is there ----------------------------------------------------------------------------

    def discover(self, tables: Sequence[str] | None = None, *, schema: str | None = None,
                 query: str | None = None) -> list[SourceTable]:
        if schema not in (None, "main"):
            raise UsageError("SQLite has no schemas.", hint="Leave --schema out.")
        if query is not None:
            name = tables[0] if tables else "query"
            with self._translated("the query was read", sql=query):
                return [self._query(name, query)]
        with self._translated("its tables were read"):
            catalog = Catalog(self._connection)
            kinds = catalog.names()
            return [self._table(catalog, name, kinds[name]) for name in
                    pick(tables, {name: kind == "table" for name, kind in kinds.items()}, where=self.source)]

    def _table(self, catalog: Catalog, name: str, kind: str) -> SourceTable:
        self._relations[name] = quote(name)
        declared = catalog.columns(name)
        key = catalog.primary_key(name, declared)
        unique = catalog.unique(name) if kind == "table" else ()
        columns = self._columns(name, declared, {*key, *(one for names in unique for one in names)})
        return SourceTable(name, "", columns, key, self._rows[name], "view" if kind == "view" else "table", unique,
                           catalog.foreign_keys(name) if kind == "table" else ())

    def _query(self, name: str, query: str) -> SourceTable:
        self._relations[name] = f"({query.strip().rstrip(';')}\n)"
        described = self._connection.execute(f"SELECT * FROM {self._relations[name]} LIMIT 0").description
        declared = [Declared(one[0], "", True, None, 0) for one in described]
        return SourceTable(name, "", self._columns(name, declared, set()), (), self._rows[name], "query")

    def _columns(self, table: str, declared: Sequence[Declared], keys: set[str]) -> tuple[SqliteColumn, ...]:
        expected = {one.name: _expected(one, one.name in keys) for one in declared}
        values = Values(self._connection, self._relations[table])
        self._rows[table] = values.count()
        ways = values.ways(expected)
        columns = []
        for place, one in enumerate(declared):
            way, classes = ways[one.name]
            kind = one.type or "no declared type"
            if way is None:
                columns.append(SqliteColumn(one.name, kind, nullable=one.nullable, expression=f"c{place}",
                                            refusal=f"holds {classes} values side by side", cast_to="TEXT"))
                continue
            wanted = expected[one.name]
            note = "" if wanted in (None, way) else f"declared {kind}, but not every value is one"
            columns.append(SqliteColumn(one.name, kind, way.duckdb, f"c{place}::{way.duckdb}", one.nullable,
                                        default=default(one.default, way.duckdb), note=note, carrier=way))
        return tuple(columns)

    def cast(self, table: SourceTable, column: SourceColumn, to: str) -> SourceColumn:
        way = cast_to(to)
        if way is None:
            raise UsageError(f"{to!r} is not a type that SQLite can cast to.",
                             hint=f"For example --cast {column.name}=TEXT; others: INTEGER, REAL, BLOB, BOOLEAN, DATE, "
                                  "TIMESTAMP, TIME, DECIMAL(12,2), JSON")
        with self._translated(f"{column.name} was looked at"):
            misfit = Values(self._connection, self._relations[table.name]).misfit(column.name, way)
        if misfit is not None:
            raise ColumnRefused(f"{table.name}.{column.name} can't be loaded as {to}: it holds {misfit[0]!r}.",
                                hint=f"--cast {column.name}=TEXT", column=column.name, table=table.name)
        assert isinstance(column, SqliteColumn)
        incoming = column.expression.split("::")[0]
        return replace(column, source_type=f"{column.source_type} as {to}", type=way.duckdb, refusal="", cast_to="",
                       expression=f"{incoming}::{way.duckdb}", carrier=replace(way, scanned=""), note="", default="")

    # -- rows -------------------------------------------------------------------------------------

    def read(self, table: SourceTable, selection: Selection = EVERYTHING) -> Any:
        import pyarrow

        columns = [(column, column.carrier) for column in table.columns
                   if isinstance(column, SqliteColumn) and column.carrier is not None]
        picked = ", ".join(way.select.format(quote(column.name)) for column, way in columns)
        sql = f"SELECT {picked} FROM {self._relations[table.name]}{self._filter(table, selection)}"
        schema = schema_of([(column.expression.split("::")[0], way.arrow) for column, way in columns])
        with self._translated(f"{table.name} was read", sql=selection.where):
            cursor = self._connection.execute(sql)
        return pyarrow.RecordBatchReader.from_batches(schema, self._batches(cursor, schema, table, selection.where))

    def _batches(self, cursor: Any, schema: Any, table: SourceTable, where: str) -> Iterator[Any]:
        with self._translated(f"{table.name} was read", sql=where, table=table):
            try:
                yield from batches(cursor.fetchmany, schema)
            finally:
                with suppress(sqlite3.Error):
                    cursor.close()

    def _filter(self, table: SourceTable, selection: Selection) -> str:
        conditions = []
        if selection.where:
            conditions.append(f"({selection.where}\n)")
        if selection.cursor and selection.after is not None:
            conditions.append(self._at_least(table, selection.cursor, selection.after))
        if selection.sample is not None:
            conditions.append(f"abs(random() % 1000000) < {round(selection.sample * 10_000)}")
        limit = f" LIMIT {int(selection.limit)}" if selection.limit is not None else ""
        return (f" WHERE {' AND '.join(conditions)}" if conditions else "") + limit

    def _at_least(self, table: SourceTable, name: str, after: str) -> str:
        column = quote(name)
        way = next((one.carrier for one in table.columns if one.name == name and isinstance(one, SqliteColumn)), None)
        kind = way.duckdb if way else "VARCHAR"
        if kind in ("BIGINT", "DOUBLE", "BOOLEAN") or kind.startswith("DECIMAL"):
            if not re.fullmatch(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?|true|false", after.strip()):
                raise UsageError(f"{after!r} is not a number, but {table.name}.{name} holds numbers.")
            return f"{column} >= {after.strip()}"
        if kind == "TIMESTAMP":  # a fraction without its zeros sorts before every longer way to write it
            column = f"replace({column}, 'T', ' ')"
            after = re.sub(r"(\.\d*?)0+$", r"\1", after.replace("T", " ")).rstrip(".")
        return f"{column} >= '{after.replace(chr(39), chr(39) * 2)}'"

    # -- through the host -------------------------------------------------------------------------

    def native(self, name: str | None = None) -> NativeSource | None:
        if self._copy is None and PrivateCopy.is_worth(self._path, sum(self._rows.values())):
            with self._translated("it was copied"):
                self._copy = PrivateCopy.of(self._connection, self._path)
        return self._copy.native(name) if self._copy is not None else None

    def live(self, name: str) -> NativeSource | None:
        """What attaches the file itself, not a copy of it."""
        path = str(self._path).replace("'", "''")
        return NativeSource(("sqlite_scanner",), (f"ATTACH '{path}' AS {quote(name)} (TYPE sqlite, READ_ONLY)",),
                            (f"DETACH {quote(name)}",))

    def scan(self, table: SourceTable, selection: Selection = EVERYTHING) -> NativeScan | None:
        if self._copy is None or table.kind != "table" or selection != EVERYTHING:
            return None
        ways = {column.name: column.carrier for column in table.columns if isinstance(column, SqliteColumn)}
        return self._copy.scan(table.name, ways)

    def explained(self, error: PlutoError, table: SourceTable) -> PlutoError:
        if self._copy is None or ("qlite" not in error.message and str(self._copy.path) not in error.message):
            return error
        return SourceError(f"{self.source}, {table.name}: {error.message}".replace(str(self._copy.path), self.source))

    @contextmanager
    def _translated(self, when: str, *, sql: str = "", table: SourceTable | None = None) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise _in_words(error, self.source, when, sql, table) from error


def _expected(one: Declared, is_key: bool) -> Carrier | None:
    way = promised(one.type)
    return PLAIN_TIMESTAMP if is_key and way is TIMESTAMP else way


def _in_words(error: Exception, source: str, when: str, sql: str, table: SourceTable | None) -> PlutoError:
    said = str(error)
    undecoded = re.search(r"Could not decode to UTF-8 column '(.*?)' with text", said, re.S)
    if undecoded:
        name = re.sub(r'^"|"$', "", undecoded[1]).replace('""', '"')
        return ColumnRefused(f"{table.name if table else source}.{name} holds text that is not UTF-8.",
                             hint=f"Load its bytes with --cast {name}=BLOB, or leave it out with --skip {name}.",
                             column=name, table=table.name if table else "")
    if "locked" in said or "busy" in said:
        return SourceError(f"{source} is locked by a program that writes to it.",
                           hint="Run it again when that program has finished.", reason="locked")
    if "interrupted" in said:
        return SourceError(f"Reading {source} was stopped.", reason="interrupted")
    if "malformed" in said or "corrupt" in said:
        return SourceError(f"{source} is damaged: {said}.",
                           hint="sqlite3 FILE .recover | sqlite3 NEW saves what is left.")
    if "not a database" in said:
        return SourceError(f"{source} is not a SQLite database, or is encrypted.")
    if sql:
        return UsageError(f"SQLite does not understand {sql!r}: {said}.", hint="It is read as SQLite's own SQL.")
    return SourceError(f"{source} reports while {when}: {said}.")
