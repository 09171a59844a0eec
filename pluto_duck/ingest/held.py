"""Rows that wait for a person: of a table whose load, where a check fails, is to be approved or dropped.

They are written aside and committed before they are tried on their table, so that a load that is refused loses nothing
of them, nor does a restart. Approving loads them from there, as the source would have brought them.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from pluto_duck.errors import PlutoError, Refused, UsageError
from pluto_duck.ingest.connectors import EVERYTHING, NativeScan, Selection, SourceColumn, SourceTable
from pluto_duck.ingest.connectors.defaults import Defaults
from pluto_duck.ingest.options import LoadOptions
from pluto_duck.ingest.supply import Columns, Request, Supply
from pluto_duck.session import NativeSource, Scan, Session, WriteColumn
from pluto_duck.workspace import TableRef, quote

if TYPE_CHECKING:
    from pluto_duck.ingest.carry import TableJob

SCHEMA, PREFIX = "_pluto", "held_"
_SAMPLE = re.compile(r'SELECT \* FROM "_pluto"\."failed_[0-9a-f]{8}_[0-9]+_[0-9]+"\Z')
_NAME = re.compile(r"held_[0-9]{10,16}_[0-9a-f]{8}\Z")
ORPHAN_S = 86_400.0
"""After that, rows that nobody asks about any more are let go: a process was killed before it could ask."""
_DONE = ("tables", "exclude", "schema", "skip", "cast", "rejects", "verify", "check", "parallel", "options",
         "connector", "limit", "sample", "into")
"""Options that have had their effect on the rows that are held."""


@dataclass(frozen=True)
class Held:
    """All that publishing them needs, as plain JSON values."""

    name: str
    """Of the table in `_pluto`."""
    target: str
    """As TableRef.parse reads it."""
    version: int
    """Of the target, when the rows were tried on it."""
    rows: int
    source: str
    shown: str
    table: Mapping[str, Any]
    """name, schema, primary_key, comment and columns of the source's table, as far as they came."""
    options: Mapping[str, Any]
    state: Mapping[str, Any] | None
    failed: Sequence[Sequence[str]]
    """(check, what it says), with the SELECT that shows rows, where there is one."""

    def text(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @staticmethod
    def read(text: str) -> Held:
        """Raises UsageError for a text that is none."""
        try:
            found = Held(**json.loads(text))
            TableRef.parse(found.target)
        except (ValueError, TypeError, PlutoError):
            raise UsageError("What is held is not told in a way that can be read.") from None
        if not _NAME.match(str(found.name)) or any(sample and not _SAMPLE.match(sample) for *_, sample in found.failed):
            raise UsageError("There are no held rows of that name.")
        return found

    @property
    def ref(self) -> TableRef:
        return TableRef(self.name, SCHEMA)

    @property
    def load_options(self) -> LoadOptions:
        known = {one.name for one in fields(LoadOptions)}
        given: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value
                                 for name, value in self.options.items() if name in known}
        return replace(LoadOptions(**given), into=self.target)

    def there(self, session: Session) -> bool:
        return bool(session.internal([
            "SELECT 1 FROM system.main.duckdb_tables() WHERE schema_name = '_pluto' AND database_name = "
            f"system.main.current_database() AND table_name = '{self.name}'"])[0])


class Aside(Supply):
    """The rows of one table of a load, once they lie aside."""

    def __init__(self, real: Supply, job: TableJob, worker: Session) -> None:
        """Brings them there, in a transaction of its own."""
        vars(self).update(vars(real))
        self.job = job
        self.ref = TableRef(f"{PREFIX}{int(time.time() * 1000)}_{uuid.uuid4().hex[:8]}", SCHEMA)
        self.version = _version(worker, job.load.ref)
        columns = job.load.table.columns

        def picked(expressions: Sequence[str]) -> list[WriteColumn]:
            return [WriteColumn(one.name, columns[one.place].type, expressions[one.place])
                    for one in job.load.columns]

        with worker.transaction():
            self.rows = real.write(worker, job.request, self.ref, picked)
            real.finish(job.request)

    def write(self, worker: Session, request: Request, ref: TableRef, columns: Columns, *,
              mode: Literal["create", "replace", "append"] = "create", temporary: bool = False) -> int:
        names = {one.place: quote(one.name) for one in self.job.load.columns}
        picks = columns([names.get(place, "NULL") for place in range(len(request.table.columns))])
        return worker.write(ref, Scan(f"SELECT * FROM {self.ref.sql}"), picks, mode=mode, temporary=temporary)

    def finish(self, request: Request) -> None:
        """It was, when the rows were read."""

    def held(self, failed: Sequence[Sequence[str]]) -> Held:
        job, table, options = self.job, self.job.load.table, self.job.common.options
        columns = [{"held": one.name, "name": it.name, "source_type": it.source_type, "type": it.type,
                    "nullable": it.nullable, "default": it.default, "comment": it.comment}
                   for one in job.load.columns for it in (table.columns[one.place],)]
        given = {name: value for name, value in asdict(options).items()
                 if name not in _DONE and value != getattr(LoadOptions(), name)}
        return Held(self.ref.name, job.load.ref.sql, self.version, self.rows, job.common.source, job.common.shown,
                    {"name": table.name, "schema": table.schema, "primary_key": list(table.primary_key),
                     "comment": table.comment, "columns": columns}, json.loads(json.dumps(given)),
                    json.loads(json.dumps(job.common.source_state)), [list(one) for one in failed])

    def drop(self, worker: Session) -> None:
        drop(worker, self.ref)


def drop(session: Session, ref: TableRef) -> None:
    with suppress(PlutoError), session.transaction():  # what is left is let go later
        session.internal([f"DROP TABLE IF EXISTS {ref.sql}"], writes=[ref.key, "#schema"])


def sweep(session: Session, wanted: Sequence[str]) -> None:
    """Lets go of rows that nobody asks about: of no proposal, and older than any load that is still going on."""
    with suppress(PlutoError):
        rows = session.internal(["SELECT table_name FROM system.main.duckdb_tables() WHERE schema_name = '_pluto' AND "
                                 "database_name = system.main.current_database() AND "
                                 f"starts_with(table_name, '{PREFIX}')"])[0]
        for (name,) in rows:
            if name not in wanted and _NAME.match(name) and \
                    int(name.split("_")[1]) / 1000 < time.time() - ORPHAN_S:
                drop(session, TableRef(name, SCHEMA))


def must_be_unmoved(worker: Session, ref: TableRef, version: int) -> None:
    """Within the transaction that writes. Raises Refused where somebody wrote to the table after it was tried."""
    if _version(worker, ref) != version:
        raise Refused(f"{ref} has changed since these rows were held back.",
                      hint="Reject them, and load again: what is new is looked at then.")


def _version(session: Session, ref: TableRef) -> int:
    """Reads the table's catalog entry first: from then on the transaction sees no other version."""
    found = session.tables([ref])
    return found[0].version if found else 0


class HeldConnector(Defaults):
    """Brings the rows that are held, as their source brought them."""

    kind = "held"
    selects = frozenset({"where", "cursor", "after", "changed_since", "limit", "sample"})
    """What was chosen then has been chosen."""

    def __init__(self, session: Session, held: Held) -> None:
        super().__init__()
        self._session, self._held, self.source = session, held, held.source
        self._own: Session | None = None

    @classmethod
    def accepts(cls, uri: str) -> bool:
        return False

    def __exit__(self, *_: object) -> None:
        if self._own is not None:
            self._own.close()

    def check(self) -> str:
        return f"{self._held.rows:,} rows that are held"

    def discover(self, tables: Sequence[str] | None = None, *, schema: str | None = None,
                 query: str | None = None) -> list[SourceTable]:
        told = self._held.table
        columns = tuple(SourceColumn(one["name"], one["source_type"], one["type"], quote(one["held"]),
                                     nullable=one["nullable"], default=one["default"], comment=one["comment"])
                        for one in told["columns"])
        return [SourceTable(told["name"], told["schema"], columns, tuple(told["primary_key"]), self._held.rows,
                            comment=told["comment"])]

    def cast(self, table: SourceTable, column: SourceColumn, to: str) -> SourceColumn:
        raise UsageError("What is held comes as it is.")

    def read(self, table: SourceTable, selection: Selection = EVERYTHING) -> Any:
        import pyarrow

        if self._own is None:
            self._own = Session(self._session.workspace, self._session.settings, role=self._session.role, label="held")
        stream = self._own.stream(f"SELECT * FROM {self._held.ref.sql}")
        return pyarrow.RecordBatchReader.from_batches(stream.schema, stream)

    def native(self, name: str | None = None) -> NativeSource | None:
        return NativeSource()

    def scan(self, table: SourceTable, selection: Selection = EVERYTHING) -> NativeScan | None:
        return NativeScan(f"SELECT * FROM {self._held.ref.sql}", tuple(one.expression for one in table.columns))

    def state(self) -> Mapping[str, Any]:
        return self._held.state or {}
