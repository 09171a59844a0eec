"""Another DuckDB database: attached read-only by the host itself, else read by a private instance.

While somebody reads the file, DuckDB's own lock keeps writers out: any two looks are at the same moment.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from pluto_duck.errors import PlutoError, SourceError, StatementError, UnknownName, UsageError, unknown_name
from pluto_duck.ingest.connectors import EVERYTHING, NativeScan, Selection, SourceColumn, SourceTable
from pluto_duck.ingest.connectors.defaults import Defaults, pick
from pluto_duck.ingest.connectors.duckdb_catalog import Catalog
from pluto_duck.session import NativeSource
from pluto_duck.workspace import TableRef, quote

ENDINGS = (".duckdb", ".ddb")
BATCH_ROWS = 65_536
INSIDE = "source"
"""The name of the file in the private instance."""


@dataclass(frozen=True)
class DuckdbColumn(SourceColumn):
    select: str = ""
    """SQL over the table itself."""


class DuckdbConnector(Defaults):
    kind: ClassVar[str] = "duckdb"
    selects = frozenset({"where", "cursor", "after", "limit", "sample"})

    def __init__(self, uri: str) -> None:
        super().__init__()
        text = re.sub(r"^duckdb:(//)?", "", uri).split("?", 1)[0]
        if text.startswith("//") or (text.startswith("/") and not os.path.exists(text) and os.path.exists(text[1:])):
            text = text[1:]  # duckdb:///data.duckdb is relative where there is no /data.duckdb
        if not text.strip("/"):
            raise UsageError("The address names no file.", hint="For example duckdb:///folder/data.duckdb")
        self._path = Path(os.path.abspath(os.path.expanduser(text)))
        self.source = str(self._path)
        self._connection: Any = None
        self._owned = True
        self._queries: dict[str, str] = {}
        self._name = INSIDE

    @classmethod
    def accepts(cls, uri: str) -> bool:
        return uri.startswith("duckdb:") or ("://" not in uri and uri.lower().endswith(ENDINGS))

    def __enter__(self) -> Self:
        from pluto_duck.workspace.database import is_open_here, open_memory

        if is_open_here(self._path):
            raise UsageError(f"{self._path} is the database of this workspace.",
                             hint="Its tables are here already: CREATE TABLE copy AS FROM name.")
        if not self._path.is_file():
            there = os.listdir(self._path.parent) if self._path.parent.is_dir() else []
            raise unknown_name("file", self._path.name, there, where=str(self._path.parent))
        # Without the setting, HUGEINT goes through Arrow as a double and TIMETZ without its offset.
        self._connection = open_memory(["SET TimeZone = 'UTC'", "SET arrow_lossless_conversion = true"])
        try:
            with self._translated("it was opened"):
                self._connection.execute(f"ATTACH {self._literal} AS {INSIDE} (READ_ONLY)")
                # Its views and macros are a stranger's SQL: they reach this file, and nothing else.
                self._connection.execute("SET enable_external_access = false")
        except BaseException:
            self._connection.close()
            raise
        return self

    @property
    def _literal(self) -> str:
        return "'" + str(self._path).replace("'", "''") + "'"

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._connection is not None:
            with suppress(Exception):
                self._connection.close()

    def check(self) -> str:
        catalog = Catalog(self._connection, INSIDE)
        count = sum(len(catalog.tables(schema)) for schema in catalog.schemas())
        return f"DuckDB database, {count} tables and views, {self._path.stat().st_size:,} bytes"

    def twin(self) -> Self | None:
        twin = type(self)(self.source)
        twin._connection = self._connection.cursor()
        twin._queries, twin._name = dict(self._queries), self._name
        return twin

    # -- what is there ----------------------------------------------------------------------------

    def discover(self, tables: Sequence[str] | None = None, *, schema: str | None = None,
                 query: str | None = None) -> list[SourceTable]:
        if query is not None:
            return [self._query(tables[0] if tables else "query", query)]
        catalog = Catalog(self._connection, INSIDE)
        known = catalog.schemas()
        if schema is not None and schema not in known:
            raise unknown_name("schema", schema, known, where=self.source)
        if tables is None:
            return [self._table(catalog, one) for one in self._found(catalog, None, schema or "main")]
        found: dict[TableRef, None] = {}
        for name in tables:
            found.update(dict.fromkeys(self._found(catalog, name, schema or "main")))
        return [self._table(catalog, one) for one in found]

    def _found(self, catalog: Catalog, name: str | None, schema: str) -> list[TableRef]:
        there = catalog.tables(schema)
        if name is not None and name not in there and "." in name:
            ref = TableRef.parse(name)
            if ref.schema in catalog.schemas():
                name, schema, there = ref.name, ref.schema, catalog.tables(ref.schema)
        others = [one for one in catalog.schemas() if one != schema and catalog.tables(one)]
        if not there and name is None and others:
            raise SourceError(f"The schema {schema!r} of {self.source} holds no table.",
                              hint=f"Tables are in: {', '.join(others)} (--schema).")
        picked = pick(None if name is None else [name], {one: kind == "table" for one, kind in there.items()},
                      where=self.source)
        return [TableRef(one, schema) for one in picked]

    def _table(self, catalog: Catalog, ref: TableRef) -> SourceTable:
        with self._translated(f"{ref.name} was looked at"):
            columns = tuple(self._column(place, one.name, one.type, one.nullable, one.default, one.comment)
                            for place, one in enumerate(catalog.columns(ref)))
            keys = catalog.keys(ref)
            return SourceTable(ref.name, ref.schema, columns, keys.primary, catalog.estimate(ref),
                               "view" if catalog.tables(ref.schema)[ref.name] == "view" else "table",
                               keys.unique, keys.foreign, catalog.comment(ref))

    def _query(self, name: str, query: str) -> SourceTable:
        text = query.strip().rstrip(";")
        with self._translated("the query was read", sql=query), self._inside() as cursor:
            described = cursor.execute(f"DESCRIBE SELECT * FROM ({text}\n)").fetchall()
        self._queries[name] = text
        return SourceTable(name, "", tuple(self._column(place, row[0], row[1]) for place, row in enumerate(described)),
                           kind="query")

    @contextmanager
    def _inside(self) -> Iterator[Any]:
        """A cursor to which the file's names are its own."""
        cursor = self._connection.cursor()
        try:
            cursor.execute(f"USE {INSIDE}")
            yield cursor
        finally:
            cursor.close()

    @staticmethod
    def _column(place: int, name: str, kind: str, nullable: bool = True, default: str = "",
                comment: str = "") -> DuckdbColumn:
        select, expression = quote(name), f"c{place}"
        if kind == "VARIANT":  # Arrow has no such type yet; as JSON its dates would come back as text
            return DuckdbColumn(name, kind, nullable=nullable, expression=expression, cast_to="JSON",
                                refusal="is a VARIANT, which has no exact way out of its file yet")
        return DuckdbColumn(name, kind, kind, expression, nullable, default=default, comment=comment, select=select)

    def cast(self, table: SourceTable, column: SourceColumn, to: str) -> SourceColumn:
        if not re.fullmatch(r'[\w ]+(\(\s*\d+\s*(,\s*\d+\s*)?\))?(\[\d*\])*', to.strip()):
            raise UsageError(f"{to!r} is not the name of a DuckDB type.",
                             hint=f"For example --cast {column.name}=VARCHAR")
        assert isinstance(column, DuckdbColumn)
        relation = self._relation(table, INSIDE)
        try:
            with self._translated("a type was looked up"), self._inside() as cursor:
                row = cursor.execute(f"DESCRIBE SELECT {quote(column.name)}::{to} FROM {relation}").fetchall()[0]
        except PlutoError as error:
            raise UsageError(f"{table.name}.{column.name} can't be cast to {to}: {error.message}",
                             hint=f"For example --cast {column.name}=VARCHAR") from error
        place = int(column.expression[1:])
        cast = self._column(place, column.name, row[1], column.nullable, comment=column.comment)
        return replace(cast, source_type=f"{column.source_type} as {to}", select=f"{quote(column.name)}::{to}")

    # -- rows -------------------------------------------------------------------------------------

    def read(self, table: SourceTable, selection: Selection = EVERYTHING) -> Any:
        import pyarrow

        sql = self._select(table, selection, INSIDE, [column.expression for column in table.columns])
        with self._translated(f"{table.name} was read", sql=selection.where):
            cursor = self._connection.cursor()
            if table.name in self._queries and table.kind == "query":
                cursor.execute(f"USE {INSIDE}")
            reader = cursor.sql(sql).to_arrow_reader(BATCH_ROWS)
        return pyarrow.RecordBatchReader.from_batches(reader.schema, self._batches(cursor, reader, table.name))

    def _batches(self, cursor: Any, reader: Any, table: str) -> Iterator[Any]:
        with self._translated(f"{table} was read"):
            try:
                yield from reader
            except OSError as error:  # DuckDB's errors, as they come through Arrow
                raise SourceError(f"{self.source}, {table}: {error}") from error
            finally:
                with suppress(Exception):
                    cursor.close()

    def _relation(self, table: SourceTable, attached: str) -> str:
        if table.kind == "query":
            return f"({self._queries[table.name]}\n)"
        return f"{attached}.{quote(table.schema)}.{quote(table.name)}"

    def _select(self, table: SourceTable, selection: Selection, attached: str, names: Sequence[str]) -> str:
        columns = [column for column in table.columns if isinstance(column, DuckdbColumn)]
        picked = ", ".join(f"{column.select} AS {quote(name)}" for column, name in zip(columns, names, strict=True))
        sql = f"SELECT {picked} FROM {self._relation(table, attached)}"
        conditions = []
        if selection.where:
            self._understood(table, selection.where)
            conditions.append(f"({selection.where}\n)")
        if selection.cursor and selection.after is not None:
            kind = next((one.type for one in table.columns if one.name == selection.cursor), "") or "VARCHAR"
            after = selection.after.replace("'", "''")
            conditions.append(f"{quote(selection.cursor)} >= '{after}'::{kind}")
        if selection.sample is not None:
            conditions.append(f"random() * 100 < {float(selection.sample)!r}")
        if conditions:
            sql += f" WHERE {' AND '.join(conditions)}"
        return sql + (f" LIMIT {int(selection.limit)}" if selection.limit is not None else "")

    def _understood(self, table: SourceTable, where: str) -> None:
        """Raises for what is no condition: it may run in the host, so it must not be more than one."""
        sql = f"SELECT 1 FROM {self._relation(table, INSIDE)} WHERE ({where}\n)"
        with self._translated("the condition was read", sql=where), self._inside() as cursor:
            if len(cursor.extract_statements(sql)) != 1:
                raise UsageError(f"{where!r} is not a condition.", hint="For example --where \"day > '2024-01-01'\"")
            cursor.execute(f"EXPLAIN {sql}").fetchall()

    # -- through the host -------------------------------------------------------------------------

    def native(self, name: str | None = None) -> NativeSource | None:
        self._name = name or f"pluto_source_{uuid.uuid4().hex}"
        return NativeSource((), (f"ATTACH {self._literal} AS {self._name} (READ_ONLY)",), (f"DETACH {self._name}",))

    def scan(self, table: SourceTable, selection: Selection = EVERYTHING) -> NativeScan | None:
        # The names of a query are the file's own, and the host's are others. What a view or a generated column
        # computes is a stranger's SQL, which runs where it can reach nothing.
        if table.kind != "table" or Catalog(self._connection, INSIDE).generated(TableRef(table.name, table.schema)):
            return None
        columns = [column for column in table.columns if isinstance(column, DuckdbColumn)]
        return NativeScan(self._select(table, selection, self._name, [column.name for column in columns]),
                          tuple(quote(column.name) for column in columns))

    def explained(self, error: PlutoError, table: SourceTable) -> PlutoError:
        if self._name not in error.message:
            return error
        return SourceError(f"{self.source}, {table.name}: {error.message.replace(self._name, self.source)}",
                           hint=error.hint)

    @contextmanager
    def _translated(self, when: str, *, sql: str = "") -> Iterator[None]:
        from pluto_duck.workspace.engine_errors import translated

        try:
            with translated(sql):
                yield
        except SourceError:
            raise
        except PlutoError as error:
            raise self._in_words(error, when, sql) from error

    def _in_words(self, error: PlutoError, when: str, sql: str) -> PlutoError:
        said = error.message
        if "disabled by configuration" in said or "disabled by the configuration" in said:
            return SourceError(f"{self.source} holds SQL that reads beyond the file, and it is not run: {said}",
                               hint="Load the tables that it is made from. Files of your own: ingest them first, then "
                                    "join here.", reason="beyond")
        if "lock on file" in said or "being used by another process" in said:
            holder = re.search(r"held in (.*?) \(PID (\d+)\)", said)
            who = f" ({holder[1]}, pid {holder[2]})" if holder and holder[2] != "0" else ""
            return SourceError(f"{self.source} is held by another program{who}.",
                               hint="Close it there; DuckDB lets nobody read a file that somebody writes.",
                               reason="locked")
        if "read only versions between" in said or "version number" in said:
            return SourceError(f"{self.source} was written by a newer DuckDB than the one installed.",
                               hint="pip install -U 'duckdb>=2', or write it again with "
                                    "ATTACH ... (STORAGE_VERSION 'v1.5.0').")
        if "Corrupt" in said:
            return SourceError(f"{self.source} is damaged: {said}", hint="Restore it from a backup.")
        if "not a valid DuckDB" in said:
            return SourceError(f"{self.source} is not a DuckDB database.", hint="Is it SQLite? sqlite:///PATH")
        if "ncrypt" in said:
            return SourceError(f"{self.source} is encrypted.", hint="Copy it into one without a key first.")
        if sql and isinstance(error, StatementError | UnknownName | UsageError):
            return UsageError(f"DuckDB does not understand {sql!r}: {said}", hint=error.hint)
        return SourceError(f"{self.source} reports while {when}: {said}", hint=error.hint)
