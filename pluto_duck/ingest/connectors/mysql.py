"""MySQL and MariaDB: many tables as of one moment, exact or refused by name. Extra: `mysql`.

DuckDB's own scanner is not used: it is half as fast, reads tinyint(1) of 2 as true, a zero date as NULL and
decimal(65) as a double, and can't be taken to another connection's moment.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, ClassVar, Self

from pluto_duck.errors import SourceError, UsageError
from pluto_duck.ingest.connectors import EVERYTHING, Selection, SourceColumn, SourceTable
from pluto_duck.ingest.connectors import mysql_address as address
from pluto_duck.ingest.connectors import mysql_types as types
from pluto_duck.ingest.connectors.defaults import Defaults, pick
from pluto_duck.ingest.connectors.mysql_catalog import Catalog, Relation, described
from pluto_duck.ingest.connectors.mysql_rows import Lines, RowParser, TooLong

LOCK_WAIT_S = 10
_LOST = (2006, 2013, 1053, 1927, 4031)


@dataclass(frozen=True)
class MysqlColumn(SourceColumn):
    carrier: types.Carrier | None = None
    incoming: str = ""


class MysqlConnector(Defaults):
    """One load's view of one server: a transaction that stays open, with a consistent snapshot (InnoDB)."""

    kind: ClassVar[str] = "mysql"
    selects = frozenset({"where", "cursor", "after", "limit", "sample"})

    def __init__(self, uri: str) -> None:
        super().__init__()
        self._address = address.Address(uri)
        self.source = self._address.shown
        self._connection: Any = None
        self._at = ""
        self._relations: dict[tuple[str, str], str] = {}
        """(schema, table) -> what stands for it after FROM."""
        self._stream: Iterator[Any] | None = None

    @classmethod
    def accepts(cls, uri: str) -> bool:
        return address.accepts(uri)

    def __enter__(self) -> Self:
        self._connection = self._address.connect()
        with self._translated("the snapshot was taken"):
            for statement in ("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SET time_zone = '+00:00'",
                              f"SET SESSION lock_wait_timeout = {LOCK_WAIT_S}", "SET NAMES utf8mb4",
                              "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"):
                self._run(statement)
            self._at = f"{self._run('SELECT utc_timestamp(6)')[0][0]}+00"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._connection is not None:
            result = getattr(self._connection, "_result", None)
            with suppress(Exception):
                if getattr(result, "unbuffered_active", False):
                    self._connection._force_close()  # close() would first read whatever is still to come
                else:
                    self._connection.close()
            self._stream = None

    def _run(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, values or None)
            return list(cursor.fetchall())

    def check(self) -> str:
        with self._translated("it was asked for its version"):
            version, database = self._run("SELECT version(), database()")[0]
        name = "MariaDB" if "mariadb" in version.lower() else "MySQL"
        return f"{name} {version.split('-')[0]}, " + (f"database {database}" if database else "no database chosen")

    @property
    def encryption(self) -> str:
        """How the open connection is encrypted: "TLSv1.3"; "" when it is not."""
        # PyMySQL has no name of its own for it.
        version = getattr(getattr(self._connection, "_sock", None), "version", None)
        return str(version()) if version is not None else ""

    def state(self) -> Mapping[str, Any]:
        return {"at": self._at}

    # -- what is there ----------------------------------------------------------------------------

    def discover(self, tables: Sequence[str] | None = None, *, schema: str | None = None,
                 query: str | None = None) -> list[SourceTable]:
        self._end_stream()
        if query is not None:
            with self._translated("the query was read", sql=query):
                return [self._query(tables[0] if tables else "query", query)]
        with self._translated("its catalog was read"):
            catalog = Catalog(self._connection)
            home = catalog.schema(schema or self._address.database)
            found: dict[tuple[str, str], Relation] = {}
            for name in [None] if tables is None else tables:
                for relation in self._found(catalog, name, home):
                    found[relation.schema, relation.name] = relation
            return [self._table(catalog, relation) for relation in found.values()]

    def _found(self, catalog: Catalog, name: str | None, schema: str) -> list[Relation]:
        there = catalog.relations(schema)
        if name is not None and name not in there and "." in name:
            other, _, rest = name.partition(".")
            if other in catalog.schemas():
                name, schema, there = rest, other, catalog.relations(other)
        picked = pick(None if name is None else [name], {one: there[one].kind == "table" for one in there},
                      where=f"database {schema}")
        return [there[one] for one in picked]

    def _table(self, catalog: Catalog, relation: Relation) -> SourceTable:
        at = f"{_quote(relation.schema)}.{_quote(relation.name)}"
        self._relations[relation.schema, relation.name] = at
        # Keeps the shape of the table until the load ends; waiting for that lock happens here.
        self._run(f"SELECT 1 FROM {at} LIMIT 0")
        columns = tuple(_column(place, one.name, one.type, one.nullable, one.default, one.comment)
                        for place, one in enumerate(catalog.columns(relation)))
        primary, unique = catalog.keys(relation)
        return SourceTable(relation.name, relation.schema, columns, primary, relation.row_estimate, relation.kind,
                           unique, catalog.foreign_keys(relation), relation.comment, relation.size_bytes)

    def _query(self, name: str, query: str) -> SourceTable:
        at = f"({query.strip().rstrip(';')}\n) AS `query`"
        with self._connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {at} LIMIT 0")
            fields = described(cursor._result.fields)
            cursor.fetchall()
        self._relations["", name] = at
        return SourceTable(name, "", tuple(_column(place, *field) for place, field in enumerate(fields)), kind="query")

    def cast(self, table: SourceTable, column: SourceColumn, to: str) -> SourceColumn:
        way = types.cast(column.source_type, to)
        if way is None:
            raise UsageError(f"{to!r} is not a MySQL type that can be cast to.",
                             hint=f"For example --cast {column.name}=char, bigint, decimal(38,10), date or datetime")
        assert isinstance(column, MysqlColumn)
        return replace(column, source_type=f"{column.source_type} as {to}", type=way.duckdb, refusal="", cast_to="",
                       expression=way.expression.format(column.incoming), carrier=way, note=way.note, default="",
                       nullable=column.nullable or "NULL" in way.select)

    # -- rows -------------------------------------------------------------------------------------

    def read(self, table: SourceTable, selection: Selection = EVERYTHING) -> Any:
        import pyarrow

        self._end_stream()
        columns = [(column.incoming, column.name, column.carrier) for column in table.columns
                   if isinstance(column, MysqlColumn) and column.carrier]
        parser = RowParser(table.name, columns)
        fields = ",X'2C',".join(way.field(_quote(name)) for _incoming, name, way in columns)
        sql = (f"SELECT CONCAT({fields},X'0A') FROM {self._relations[table.schema, table.name]}"
               f"{self._filter(table, selection)}")
        self._stream = self._batches(table.name, sql, parser, selection.where)
        return pyarrow.RecordBatchReader.from_batches(parser.schema, self._stream)

    def _batches(self, table: str, sql: str, parser: RowParser, where: str) -> Iterator[Any]:
        cursor = self._connection.cursor()
        rows: Lines | None = None
        try:
            with self._translated(f"{table} was read", sql=where):
                cursor.execute(sql)
                rows = Lines(cursor)
                try:
                    yield from parser.batches(rows)
                except TooLong:
                    raise SourceError(
                        f"{table} holds a row that is longer than the server's max_allowed_packet.",
                        hint="Raise it (SET GLOBAL max_allowed_packet = 1073741824) and run it again, or leave the "
                             "long column out with --skip.") from None
        finally:
            if rows is not None and not rows.ended:
                with suppress(Exception):
                    self._kill()  # the connection stays, and with it the moment
                rows.leave()

    def _end_stream(self) -> None:
        if self._stream is not None:
            with suppress(Exception):
                self._stream.close()  # type: ignore[attr-defined]
            self._stream = None

    def _kill(self) -> None:
        number = self._connection.thread_id()
        with self._address.connect(timeout_s=1) as other, other.cursor() as cursor:
            cursor.execute(f"KILL QUERY {int(number)}")

    def interrupt(self) -> None:
        connection = self._connection
        if connection is None or self._stream is None:
            return
        with suppress(Exception):
            self._kill()
        with suppress(Exception):  # whatever the server does, whoever waits for it wakes up
            connection._sock.shutdown(socket.SHUT_RDWR)

    def _filter(self, table: SourceTable, selection: Selection) -> str:
        conditions = []
        if selection.where:
            conditions.append(f"({selection.where}\n)")
        if selection.cursor and selection.after is not None:
            kind = next((one.type for one in table.columns if one.name == selection.cursor), "")
            conditions.append(f"{_quote(selection.cursor)} >= {self._literal(selection.after, kind)}")
        if selection.sample is not None:
            conditions.append(f"RAND() * 100 < {float(selection.sample)!r}")
        limit = f" LIMIT {int(selection.limit)}" if selection.limit is not None else ""
        return (f" WHERE {' AND '.join(conditions)}" if conditions else "") + limit

    def _literal(self, after: str, kind: str) -> str:
        """A value of the cursor as the column compares with it: a number as text would be compared as a double."""
        if re.match(r"U?(TINY|SMALL|BIG)?INT|DECIMAL|DOUBLE|FLOAT", kind):
            if not re.fullmatch(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", after.strip()):
                raise UsageError(f"{after!r} is not a number.", hint="The cursor column holds numbers.")
            return after.strip()
        if kind == "TIMESTAMPTZ":
            import datetime as dt

            text = re.sub(r"([+-]\d\d)$", r"\1:00", after.strip())
            moment = dt.datetime.fromisoformat(text)
            after = (moment.astimezone(dt.UTC) if moment.tzinfo else moment).replace(tzinfo=None).isoformat(" ")
        return str(self._connection.literal(after))

    @contextmanager
    def _translated(self, when: str, *, sql: str = "") -> Iterator[None]:
        driver = address.pymysql()
        try:
            yield
        except driver.Error as error:
            number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
            said = self._address.words(str(error.args[1] if len(error.args) > 1 else error)).rstrip(".")
            raise self._in_words(number, said, when, sql) from None
        except (OSError, AttributeError, ValueError) as error:  # the driver's own words for a socket that is gone
            if isinstance(error, ValueError) and "closed file" not in str(error):
                raise
            raise self._in_words(2013, str(error), when, sql) from None

    def _in_words(self, number: int, said: str, when: str, sql: str) -> SourceError | UsageError:
        if number in _LOST or number == 0:
            return SourceError(f"The connection to {self.source} was lost while {when}.",
                               hint="Nothing of this load was kept; run it again when the server is back.",
                               reason="lost")
        if number in (1142, 1143, 1044, 1227, 1370):
            return SourceError(f"{self.source} refuses while {when}: {said}.",
                               hint="Ask for SELECT on it, or name the tables to load with --table.",
                               reason="permission")
        if number == 1205:
            return SourceError(f"{self.source}: a table stayed locked for {LOCK_WAIT_S} s while {when}.",
                               hint="Run it again when the change to that table is done.", reason="locked")
        if number == 1317:
            return SourceError(f"Reading {self.source} was stopped while {when}.", reason="interrupted")
        if number == 1412:
            return SourceError(f"{self.source}: the table was changed while {when}.", hint="Run it again.",
                               reason="changed")
        if number == 1146:
            return SourceError(f"{self.source}: the table is gone: {said}.", hint="Run it again.", reason="changed")
        if sql:
            return UsageError(f"MySQL does not understand {sql!r}: {said}.", hint="It is read as MySQL's own SQL.")
        return SourceError(f"{self.source} reports while {when}: {said}.")


def _quote(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _column(place: int, name: str, kind: str, nullable: bool = True, default: str = "",
            comment: str = "") -> MysqlColumn:
    way, incoming = types.carrier(kind), f"c{place}"
    if way is None:
        return MysqlColumn(name, kind, expression=incoming, nullable=nullable, refusal=types.refusal(kind),
                           cast_to="char", comment=comment, incoming=incoming)
    return MysqlColumn(name, kind, way.duckdb, way.expression.format(incoming), nullable, default=default,
                       comment=comment, note=way.note, carrier=way, incoming=incoming)
