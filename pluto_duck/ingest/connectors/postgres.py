"""PostgreSQL: many tables as of one moment, exact or refused by name, whichever of three paths the rows take.

The host's DuckDB reads through its postgres extension (`native`, `scan`); else `read` streams through ADBC, or
through COPY with psycopg alone. `path=scanner|adbc|copy` picks one. Extra: `postgres`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from pluto_duck.errors import ColumnRefused, PlutoError, SourceError, UsageError
from pluto_duck.ingest.connectors import EVERYTHING, Checksums, NativeScan, Selection, SourceColumn, SourceTable
from pluto_duck.ingest.connectors import postgres_adbc as adbc
from pluto_duck.ingest.connectors import postgres_address as address
from pluto_duck.ingest.connectors import postgres_counts as counts
from pluto_duck.ingest.connectors import postgres_errors as errors
from pluto_duck.ingest.connectors import postgres_probe as probe
from pluto_duck.ingest.connectors import postgres_scanner as scanner
from pluto_duck.ingest.connectors.postgres_carrier import SAME, put
from pluto_duck.ingest.connectors.postgres_catalog import Catalog, Relation, Shapes
from pluto_duck.ingest.connectors.postgres_describe import Path, PostgresColumn, column, stream_way, table
from pluto_duck.ingest.connectors.postgres_nested import Compiler
from pluto_duck.ingest.connectors.postgres_selection import selected
from pluto_duck.ingest.connectors.postgres_stop import Stopper
from pluto_duck.ingest.connectors.postgres_stream import AdbcRows, CopyRows, Rows
from pluto_duck.ingest.connectors.postgres_types import kind as kind_of
from pluto_duck.session import NativeSource
from pluto_duck.workspace import quote

_READ_ONLY = "SET default_transaction_read_only = on"
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# What a value looks like as text hangs on these; a role or database may have set them otherwise.
_WORDS = ("SET LOCAL TimeZone = 'UTC'", "SET LOCAL DateStyle = 'ISO, YMD'", "SET LOCAL extra_float_digits = 3",
          "SET LOCAL bytea_output = 'hex'", "SET LOCAL IntervalStyle = 'postgres_verbose'")
_TYPE_TEXT = re.compile(r'[A-Za-z_"][\w. "]*(\(\s*\d+\s*(,\s*-?\d+\s*)?\))?( with(out)? time zone)?(\[\])?', re.I)
_OPTIONS = {"path": ("scanner", "adbc", "copy"), "row_security": ("on", "off")}


class PostgresConnector:
    """One load's view of one database: a transaction that stays open and whose snapshot everything else adopts."""

    kind = "postgres"
    selects = frozenset({"where", "cursor", "after", "changed_since", "limit", "sample"})

    def __init__(self, uri: str) -> None:
        self._address = address.Address(uri)
        self.source = self._address.shown
        self._name = f"pluto-duck {uuid.uuid4().hex[:12]}"
        self._path = ""
        self._begin: tuple[str, ...] = _WORDS
        self._connection: Any = None
        self._snapshot = ""
        self._shared = False
        """Somebody has adopted the snapshot: the moment can't move any more."""
        self._attached = ""
        self._relations: dict[tuple[str, str], Relation] = {}
        self._query = ""
        self._glancing = False
        self._rows: Rows | None = None
        self._stopper = Stopper(self._address, self._name)

    def __repr__(self) -> str:
        return f"PostgresConnector({self.source})"

    @classmethod
    def accepts(cls, uri: str) -> bool:
        return address.accepts(uri)

    def configure(self, options: Mapping[str, str]) -> None:
        """`path`: which way the rows take. `row_security=off`: fail where row security hides rows, not just note it."""
        for name, value in options.items():
            if name not in _OPTIONS:
                raise UsageError(f"There is no option {name!r} for a PostgreSQL source.",
                                 hint=f"Options: {', '.join(_OPTIONS)}")
            if value not in _OPTIONS[name]:
                raise UsageError(f"{name} can't be {value!r}.", hint=f"{name}={'|'.join(_OPTIONS[name])}")
        self._path = options.get("path", self._path)
        if self._path == "adbc" and not adbc.installed():
            raise address.missing_adbc()
        if options.get("row_security") == "off":
            self._begin = (*_WORDS, "SET LOCAL row_security = off")

    def __enter__(self) -> Self:
        if self._connection is not None:  # a twin is open already
            return self
        self._connection = self._address.connect(application_name=self._name)
        self._stopper.main = self._connection
        with self._translated("the snapshot was taken"):
            self._take_moment(())
        return self

    def _take_moment(self, lock: Sequence[Relation]) -> None:
        locking = (f"LOCK TABLE {', '.join(one.sql for one in lock)} IN ACCESS SHARE MODE",) if lock else ()
        # Of all the statements, in one round trip, only the last has rows.
        cursor = self._connection.execute("; ".join(
            (_READ_ONLY, _BEGIN, *self._begin, *locking, "SELECT pg_export_snapshot()")))
        while cursor.nextset():
            pass
        row = cursor.fetchone()
        # It goes into SQL, also of this workspace's DuckDB, and the server may be anybody.
        if row is None or not re.fullmatch(r"[0-9A-Fa-f-]{1,64}", str(row[0])):
            raise SourceError(f"{self.source} does not answer as a PostgreSQL does.", hint="Is it one?")
        self._snapshot = str(row[0])

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._end_stream()
        if self._connection is not None:
            with suppress(Exception):
                self._connection.close()

    def twin(self) -> Self | None:
        self._shared = True
        other = type(self)(self._address.uri)
        other._path, other._begin, other._attached = self._path, self._begin, self._attached
        other._relations, other._query, other._shared = dict(self._relations), self._query, True
        other._snapshot = self._snapshot
        other._stopper.names.add(self._name)
        other._connection = other._stopper.main = self._address.connect(application_name=other._name)
        with other._translated("the snapshot was taken"):
            other._connection.execute("; ".join((_READ_ONLY, *other._adopting())))
        return other

    def _adopting(self) -> tuple[str, ...]:
        return (_BEGIN, f"SET TRANSACTION SNAPSHOT '{self._snapshot}'", *self._begin)

    def check(self) -> str:
        with self._translated("it was asked for its version"):
            version, database = self._connection.execute(
                "SELECT current_setting('server_version'), current_database()").fetchone()
        return f"PostgreSQL {version.split()[0]}, database {database}"

    @property
    def encryption(self) -> str:
        """Whether the open connection is encrypted: "TLS", or ""."""
        return "TLS" if self._connection.pgconn.ssl_in_use else ""

    def state(self) -> Mapping[str, Any]:
        with self._translated("it was asked for its state"):
            xmin, xmax, at, server = self._connection.execute(
                "SELECT pg_snapshot_xmin(s)::text, pg_snapshot_xmax(s)::text, now()::text, "
                "(SELECT oid::text || ' ' || datname FROM pg_database WHERE datname = current_database()) "
                "FROM pg_current_snapshot() AS s").fetchone()
            with suppress(address.psycopg().Error), self._connection.transaction():
                server = self._connection.execute(
                    "SELECT system_identifier::text || ' ' || %s FROM pg_control_system()", (server,)).fetchone()[0]
        return {"xmin": xmin, "xmax": xmax, "at": at, "server": server}

    # -- what is there ----------------------------------------------------------------------------

    def discover(self, tables: Sequence[str] | None = None, *, schema: str | None = None,
                 query: str | None = None) -> list[SourceTable]:
        if query is not None:
            return [self._described(query.strip().rstrip(";"), tables[0] if tables else "query")]
        with self._translated("its catalog was read"):
            catalog = Catalog(self._connection)
            relations = catalog.find(tables, schema)
            if not self._lock([one for one in relations if one.kind in "rp" and one.readable]):
                relations = catalog.find(tables, schema)
            shapes = catalog.shapes(relations)
            return [self._table(relation, shapes) for relation in relations]

    def glance(self, tables: Sequence[str] | None = None, *, schema: str | None = None) -> list[SourceTable]:
        """As `discover`, out of the catalog alone: types that only the values tell come as text."""
        self._glancing = True
        return self.discover(tables, schema=schema)

    def _lock(self, relations: Sequence[Relation]) -> bool:
        """Keeps the shape of the tables until the load ends, as pg_dump does. Waiting for a lock happens here,
        where Ctrl-C reaches it. False when the moment had to move on behind somebody's ALTER TABLE."""
        if not relations:
            return True
        every = ", ".join(one.sql for one in relations)
        driver = address.psycopg()
        try:
            with self._connection.transaction():
                self._connection.execute(f"LOCK TABLE {every} IN ACCESS SHARE MODE NOWAIT")
            return True
        except driver.errors.LockNotAvailable:
            if self._shared:
                self._connection.execute(f"LOCK TABLE {every} IN ACCESS SHARE MODE")
                return True
        self._connection.execute("ROLLBACK")
        # A snapshot from before the change would see the old catalog and the new table.
        self._take_moment(relations)
        return False

    def _table(self, relation: Relation, shapes: Shapes) -> SourceTable:
        self._relations[relation.schema, relation.name] = relation
        shape = _of(shapes, relation)
        told = [SourceColumn(name, text, nullable=nullable, default=default or "", comment=comment or "")
                for name, _oid, _modifier, text, nullable, default, comment in shape["columns"] or ()]
        kinds = [(int(oid), int(modifier)) for _name, oid, modifier, *_rest in shape["columns"] or ()]
        return table(relation, shape, self._columns(
            told, kinds, [quote(one.name) for one in told], relation.sql, relation.name, shapes))

    def _columns(self, told: Sequence[SourceColumn], kinds: Sequence[tuple[int, int]], accesses: Sequence[str],
                 relation: str, label: str, shapes: Shapes) -> tuple[PostgresColumn, ...]:
        made = [kind_of(shapes.types, oid, modifier) for oid, modifier in kinds]
        asked = [one for kind, access in zip(made, accesses, strict=True) for one in probe.questions(kind, access)]
        compiler = Compiler(self._ask(relation, asked), shapes.money_digits)
        return tuple(
            column(one, kind, compiler.carrier(kind, access, f"{label}.{one.name}"), access, f"c{place}",
                   self._stream_path)
            for place, (one, kind, access) in enumerate(zip(told, made, accesses, strict=True)))

    def _ask(self, relation: str, asked: Sequence[probe.Question]) -> probe.Answers:
        """Without an answer the columns come as text; a table that can't be read at all says so when it is."""
        if self._glancing:
            return {}
        driver = address.psycopg()
        try:
            with self._connection.transaction():
                return probe.ask(self._connection, relation, asked)
        except (driver.errors.InsufficientPrivilege, driver.errors.UndefinedTable, driver.errors.QueryCanceled,
                driver.errors.DataException):
            return {}

    def _described(self, query: str, name: str) -> SourceTable:
        """A SELECT as a table; its columns are c0, c1, ... inside, because a query may name two of them alike."""
        driver = address.psycopg()
        try:
            with self._translated("the query was described"), self._connection.transaction():
                shown = self._prepared(query)
        except SourceError as error:
            said = error.facts.get("said")
            raise UsageError(f"PostgreSQL can't run that query: {f'{said}.' if said else error.message}",
                             hint="Check its SQL and names, with psql perhaps." if said else error.hint) from None
        if shown.nfields == 0:
            raise UsageError("That query returns no columns.", hint="Write one SELECT, in PostgreSQL's SQL.")
        names = [shown.fname(place).decode() for place in range(shown.nfields)]
        kinds = [(shown.ftype(place), shown.fmod(place)) for place in range(shown.nfields)]
        inside = [f"c{place}" for place in range(shown.nfields)]
        self._query = f"(\n{query}\n) AS q({', '.join(inside)})"
        self._relations["", name] = Relation(0, "", name, "query", False, None)
        try:
            shapes = Catalog(self._connection).types([oid for oid, _modifier in kinds])
        except driver.Error as error:  # pragma: no cover - the connection broke just now
            raise errors.lost(self.source, "the query was described") from error
        texts = [shapes.types[str(oid)]["text"] for oid, _modifier in kinds]
        told = [SourceColumn(one, text) for one, text in zip(names, texts, strict=True)]
        return SourceTable(name, "", self._columns(told, kinds, inside, self._query, name, shapes), kind="query")

    def _prepared(self, sql: str) -> Any:
        """Describes one statement; a second one behind a semicolon is refused by the server."""
        driver = address.psycopg()
        raw = self._connection.pgconn
        for result in (raw.prepare(b"", sql.encode()), raw.describe_prepared(b"")):
            if result.status not in (driver.pq.ExecStatus.COMMAND_OK, driver.pq.ExecStatus.TUPLES_OK):
                raise driver.errors.error_from_result(result)
        return result

    def cast(self, table: SourceTable, column: SourceColumn, to: str) -> SourceColumn:
        hint = f"For example --cast {column.name}=text or --cast {column.name}=numeric(38,10)"
        to = to.strip()
        if not _TYPE_TEXT.fullmatch(to):
            raise UsageError(f"{to!r} is not the name of a PostgreSQL type.", hint=hint)
        driver = address.psycopg()
        assert isinstance(column, PostgresColumn)
        try:
            with self._connection.transaction():
                # Asked of the server: only it knows domains, aliases (int, varchar) and enums.
                shown = self._prepared(f"SELECT NULL::{to}")
                kinds = [(shown.ftype(0), shown.fmod(0))]
                shapes = Catalog(self._connection).types([kinds[0][0]])
        except driver.ProgrammingError as error:
            raise UsageError(f"PostgreSQL has no type {to!r}.", hint=hint) from error
        access = f"({column.access})::{to}"
        told = replace(SourceColumn(column.name, f"{column.source_type} as {to}"), nullable=column.nullable,
                       comment=column.comment)
        made, = self._columns([told], kinds, [access], self._from(table), table.name, shapes)
        incoming = column.incoming
        expression = put(stream_way(made.carrier, self._stream_path).expression, incoming) if made.carrier else ""
        return replace(made, incoming=incoming, expression=expression)

    # -- rows -------------------------------------------------------------------------------------

    @property
    def _stream_path(self) -> Path:
        if self._path in ("adbc", "copy"):
            return "adbc" if self._path == "adbc" else "copy"
        # Beside the host's own scan a stream carries few rows, and ADBC takes 50 ms to connect.
        return "copy" if scanner.installed() or not adbc.installed() else "adbc"

    def _from(self, table: SourceTable) -> str:
        return self._query if table.kind == "query" else f"{quote(table.schema)}.{quote(table.name)}"

    def _chosen(self, table: SourceTable, selection: Selection) -> str:
        kind = "query" if table.kind == "query" else self._relations[table.schema, table.name].kind
        moment = self.state() if selection.changed_since is not None else {}
        return selected(self._from(table), kind, selection, moment=moment)

    def _selected(self, table: SourceTable, selection: Selection, picks: str) -> str:
        return f"SELECT {picks} FROM {self._chosen(table, selection)}"

    def read(self, table: SourceTable, selection: Selection = EVERYTHING) -> Any:
        self._end_stream()
        self._shared = True
        columns = _ours(table)
        path = self._stream_path
        ways = [stream_way(column.carrier, path) for column in columns if column.carrier is not None]
        picks = ", ".join(f"{put(way.select, one.access)} AS {one.incoming}"
                          for way, one in zip(ways, columns, strict=True))
        sql = self._selected(table, selection, picks)
        if selection.where:  # COPY would run a second statement behind a semicolon; the other two prepare theirs
            with self._translated(f"{table.name} was read"), self._connection.transaction():
                self._prepared(sql)
        if path == "adbc":
            options = self._address.options(self._connection, self._name)
            self._rows = AdbcRows(scanner.conninfo(options), self._adopting(), sql)
        else:
            self._rows = CopyRows(self._address, self._name, self._adopting(), sql, table.name,
                                  [(one.incoming, one.name, way.arrow) for way, one in zip(ways, columns, strict=True)])
        self._stopper.rows = self._rows
        with self._translated(f"{table.name} was read"):
            return self._rows.reader(lambda: self._translated(f"{table.name} was read"))

    def rejects(self, table: SourceTable) -> Any | None:
        return None

    # -- what the server counts by itself ---------------------------------------------------------

    def pulse(self, table: SourceTable, selection: Selection) -> str | None:
        if selection.sample is not None:
            return None
        self._shared = True
        chosen = self._chosen(table, selection)
        with self._translated(f"{table.name} was looked at"):
            count, text = self._connection.execute(counts.pulse(_ours(table), selection, chosen)).fetchone()
        return None if count > counts.MOST_ROWS else str(text)

    def stamp(self, name: str, schema: str, selection: Selection, *, default: bool) -> str | None:
        if selection.sample is not None or selection.changed_since is not None:
            return None
        relation = f"{quote(schema)}.{quote(name)}"
        sql = counts.stamp(name, schema, selected(relation, "r", selection, moment={}), default=default)
        driver = address.psycopg()
        try:
            with self._connection.transaction() if self._shared else nullcontext():
                shape, count, text = self._connection.execute(sql).fetchone()
        except driver.Error:
            if not self._shared and not self._connection.closed:
                with self._translated("the snapshot was taken"):
                    self._connection.execute("ROLLBACK")
                    self._take_moment(())
            return None
        return None if shape is None or count > counts.MOST_ROWS else f"{shape} {text}"

    def checksums(self, table: SourceTable, selection: Selection = EVERYTHING) -> Checksums | None:
        if selection.sample is not None or selection.limit is not None:
            return None
        sql, names = counts.checksums(_ours(table), self._chosen(table, selection))
        with self._translated(f"{table.name} was counted"):
            return counts.read(names, self._connection.execute(sql).fetchone()[0])

    def _end_stream(self) -> None:
        if self._rows is not None:
            with suppress(Exception):  # a stream that fails while it is being ended has ended
                self._rows.close()
        self._rows = self._stopper.rows = None

    def native(self, name: str | None = None) -> NativeSource | None:
        if self._path not in ("", "scanner") or self._connection is None:
            return None
        self._attached = name or f"pluto_source_{uuid.uuid4().hex}"
        return scanner.source(self._attached, self._address.options(self._connection, self._name))

    def live(self, name: str) -> NativeSource | None:
        """What attaches the database outside of any load; connects once, for what libpq finds in the environment,
        the service file and the password file of this process."""
        connection = self._address.connect(application_name="pluto-duck live")
        try:
            return scanner.source(name, self._address.options(connection, "pluto-duck live"))
        finally:
            connection.close()

    def scan(self, table: SourceTable, selection: Selection = EVERYTHING) -> NativeScan | None:
        if not self._attached:
            return None
        self._shared = True
        columns = _ours(table)
        return self._scanned(table, selection, columns,
                             direct=self._fit_for_direct(table, selection, columns) and not self.at_risk(table))

    def quick_scan(self, table: SourceTable, selection: Selection = EVERYTHING) -> NativeScan | None:
        if not self._attached:
            return None
        self._shared = True
        columns = _ours(table)
        direct = self._fit_for_direct(table, selection, columns)
        scan = self._scanned(table, selection, columns, direct=direct)
        doubts = tuple(put(one.carrier.doubt, "{}") if one.carrier else "" for one in columns)
        return replace(scan, doubts=doubts) if direct and any(doubts) else scan

    def _scanned(self, table: SourceTable, selection: Selection, columns: Sequence[PostgresColumn], *,
                 direct: bool) -> NativeScan:
        begin = scanner.begin(self._attached, self._adopting()[1:])
        if direct:
            sql = scanner.direct(self._attached, table.schema, table.name,
                                 [(one.name, one.incoming) for one in columns])
            ways = [one.carrier.direct for one in columns if one.carrier]
        else:
            ways = [one.carrier.query or one.carrier.text for one in columns if one.carrier]
            picks = ", ".join(f"{put(way.select, one.access)} AS {one.incoming}"
                              for way, one in zip(ways, columns, strict=True) if way)
            sql = scanner.query(self._attached, self._selected(table, selection, picks))
        return NativeScan(sql, tuple(put((way or SAME).expression, one.incoming)
                                     for way, one in zip(ways, columns, strict=True)), begin)

    def _fit_for_direct(self, table: SourceTable, selection: Selection, columns: Sequence[PostgresColumn]) -> bool:
        relation = self._relations.get((table.schema, table.name))
        names = {one.name.lower() for one in columns}
        return (relation is not None and relation.kind in "rm" and not relation.ambiguous and selection == EVERYTHING
                and len(names) == len(columns) and (table.size_bytes or 0) >= scanner.PARALLEL_BYTES
                and all(one.carrier and one.carrier.direct and one.access == quote(one.name) for one in columns))

    def at_risk(self, table: SourceTable) -> bool:
        """One pass of the server over the columns whose values a direct scan might change. True also when it can't
        be told: the way by a query then refuses the very value, or says what is wrong with the table."""
        risky = [put(one.carrier.risk, one.access) for one in _ours(table) if one.carrier and one.carrier.risk]
        if not risky:
            return False
        try:
            with self._connection.transaction():
                found = self._connection.execute(
                    f"SELECT EXISTS (SELECT FROM {self._from(table)} WHERE {' OR '.join(risky)})").fetchone()
                return bool(found[0])
        except address.psycopg().errors.DatabaseError as error:
            if self._connection.closed:
                raise errors.lost(self.source, f"{table.name} was checked") from error
            return True

    def explained(self, error: PlutoError, table: SourceTable) -> PlutoError:
        text = error.message
        labels = {f"{table.name}.{one.name}": one.name for one in table.columns}
        when = f"{table.name} was read"
        return (errors.of_value(text, table.name, labels)
                or errors.of_text(text, self.source, when, self._address) or error)

    def interrupt(self) -> None:
        self._stopper.stop()

    @contextmanager
    def _translated(self, when: str) -> Iterator[None]:
        driver = address.psycopg()
        try:
            yield
        except (PlutoError, driver.Error) as error:
            if isinstance(error, PlutoError):
                raise
            if error.sqlstate is None and isinstance(error, driver.OperationalError | driver.InterfaceError):
                raise errors.lost(self.source, when) from None
            said = self._address.words(error.diag.message_primary or str(error)).rstrip(".")
            raise errors.of_state(error.sqlstate, said, self.source, when) from None
        except Exception as error:
            # ADBC's own, and what Arrow makes of them in mid-stream.
            if not isinstance(error, OSError) and type(error).__module__.split(".")[0] not in (
                    "adbc_driver_manager", "pyarrow"):
                raise
            said = self._address.words(str(error)).rstrip(".")
            told = errors.of_text(str(error), self.source, when, self._address)
            raise told or SourceError(f"{self.source} reports while {when}: {said}.") from None


def _ours(table: SourceTable) -> list[PostgresColumn]:
    columns = [one for one in table.columns if isinstance(one, PostgresColumn)]
    refused = [one.name for one in columns if one.refusal]
    if refused or len(columns) < len(table.columns):
        raise ColumnRefused(f"{table.name} still has columns that can't be carried.", columns=refused)
    return columns


def _of(shapes: Shapes, relation: Relation) -> Mapping[str, Any]:
    return shapes.tables[relation.oid]
