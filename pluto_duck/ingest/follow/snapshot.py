"""The tables as they were at the moment where a slot begins, through the ways that every load takes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pluto_duck.errors import SourceError, UsageError
from pluto_duck.ingest.connectors import SourceTable
from pluto_duck.ingest.connectors.postgres import PostgresConnector
from pluto_duck.ingest.connectors.postgres_catalog import Relation
from pluto_duck.ingest.connectors.postgres_describe import PostgresColumn
from pluto_duck.ingest.connectors.postgres_probe import Question
from pluto_duck.ingest.follow.shapes import Listed
from pluto_duck.ingest.follow.slot import Published
from pluto_duck.ingest.follow.state import FollowedTable, KnownColumn
from pluto_duck.ingest.follow.texts import unsent
from pluto_duck.ingest.options import LoadOptions
from pluto_duck.ingest.plan import targets
from pluto_duck.workspace import quote

_COLUMNS = """
SELECT a.attrelid::bigint, a.attname, a.attnum, a.atttypid::bigint, a.atttypmod,
  a.attgenerated::text, a.atthasdef OR a.attidentity <> '', a.attmissingval::text
FROM pg_attribute a WHERE a.attrelid = ANY (%s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum"""


class SnapshotConnector(PostgresConnector):
    """A PostgreSQL as of the moment that a slot exported. Of its tables it shows those that are published."""

    def __init__(self, uri: str, snapshot: str, wanted: Sequence[Published]) -> None:
        super().__init__(uri)
        self._given = snapshot
        self._wanted = {(one.schema, one.name): one for one in wanted}
        self.answers: dict[str, Any] = {}
        """Of the looks at values: by relation (SQL) and question."""
        self.found: dict[tuple[str, str], SourceTable] = {}

    def _take_moment(self, lock: Sequence[Relation]) -> None:
        if lock:
            raise SourceError(f"{self.source} changed while it was copied.", hint="Run it again.", reason="changed")
        # It goes into SQL, and the server may be anybody.
        if not re.fullmatch(r"[0-9A-Fa-f-]{1,64}", self._given):
            raise SourceError(f"{self.source} does not answer as a PostgreSQL does.", hint="Is it one?")
        self._shared = True  # this moment is the only one that will do
        self._snapshot = self._given
        self._connection.execute("; ".join(("SET default_transaction_read_only = on", *self._adopting())))
        # From now on it does not hang on the connection that made the slot.
        self._snapshot = str(self._connection.execute("SELECT pg_export_snapshot()").fetchone()[0])
        if not re.fullmatch(r"[0-9A-Fa-f-]{1,64}", self._snapshot):
            raise SourceError(f"{self.source} does not answer as a PostgreSQL does.", hint="Is it one?")

    def twin(self) -> Any:
        other = type(self).__new__(type(self))
        PostgresConnector.__init__(other, self._address.uri)
        other._given, other._wanted = self._snapshot, self._wanted
        other.answers, other.found = self.answers, self.found
        other._path, other._begin, other._attached = self._path, self._begin, self._attached
        other._relations, other._query, other._shared = dict(self._relations), self._query, True
        other._snapshot = self._snapshot
        other._stopper.names.add(self._name)
        other._connection = other._stopper.main = self._address.connect(application_name=other._name)
        with other._translated("the snapshot was taken"):
            other._connection.execute("; ".join(("SET default_transaction_read_only = on", *other._adopting())))
        return other

    def discover(self, tables: Sequence[str] | None = None, *, schema: str | None = None,
                 query: str | None = None) -> list[SourceTable]:
        found = [one for one in super().discover(tables, schema=schema, query=query)
                 if (one.schema, one.name) in self._wanted]
        made = []
        for one in found:
            published = self._wanted[one.schema, one.name]
            # Where UPDATE and DELETE name whole rows, no key of the source holds here.
            one = replace(one, primary_key=tuple(published.key) if set(published.key) <= {
                column.name for column in one.columns} else ())
            if hidden := [column.name for column in one.columns if column.name in self.unsent(one)]:
                one = replace(one, columns=tuple(c for c in one.columns if c.name not in hidden))
            self.found[one.schema, one.name] = one
            made.append(one)
        return made

    def unsent(self, table: SourceTable) -> set[str]:
        """Columns that a publication can't carry as a load does."""
        published = self._wanted[table.schema, table.name]
        known = self.columns([published.oid])[published.oid]
        version = self._connection.info.server_version
        made = {name for name, (_n, _o, _m, generated, _f, _v) in known.items()
                if generated == "v" or (generated == "s" and version < 180000)}
        return made | {one.name for one in table.columns
                       if isinstance(one, PostgresColumn) and one.kind is not None and unsent(one.kind)}

    def columns(self, oids: Sequence[int]) -> dict[int, dict[str, tuple[int, int, int, str, bool, str | None]]]:
        with self._translated("its catalog was read"):
            return columns(self._connection, oids)

    def _ask(self, relation: str, asked: Sequence[Question]) -> Mapping[str, Any]:
        found = super()._ask(relation, asked)
        self.answers.update({f"{relation}\n{key}": value for key, value in found.items()})
        return found

    def followed(self, options: LoadOptions) -> list[FollowedTable]:
        """What has been loaded, as following goes on with it."""
        tables = list(self.found.values())
        refs = targets(tables, options.into)
        listed = self.columns([self._wanted[one.schema, one.name].oid for one in tables])
        made = []
        for table, ref in zip(tables, refs, strict=True):
            published = self._wanted[table.schema, table.name]
            known = listed[published.oid]
            relation = f"{quote(table.schema)}.{quote(table.name)}"
            answers = {key.partition("\n")[2]: value for key, value in self.answers.items()
                       if key.partition("\n")[0] == relation}
            kept = [one for one in table.columns if isinstance(one, PostgresColumn)
                    and not {one.name, f"{table.name}.{one.name}"} & set(options.skip)]
            if lost := [name for name in published.key if name not in {one.name for one in kept}]:
                raise UsageError(f"{', '.join(lost)} of {table.name} tells its rows apart and can't be left out.",
                                 hint="Leave --skip out, or the table, with --exclude.")
            columns_ = tuple(KnownColumn(one.name, one.name, known[one.name][0], known[one.name][1],
                                         known[one.name][2], one.type, one.access) for one in kept)
            skip = tuple(name for name in known if name not in {one.name for one in kept})
            made.append(FollowedTable(published.oid, table.schema, table.name, ref, columns_, published.key, answers,
                                      skip))
        return made


def columns(connection: Any, oids: Sequence[int]) -> dict[int, dict[str, tuple[int, int, int, str, bool, str | None]]]:
    """By table and name: (number, type, modifier, how it is generated, whether it fills itself, the text of what older
    rows read as)."""
    found: dict[int, dict[str, tuple[int, int, int, str, bool, str | None]]] = {oid: {} for oid in oids}
    for oid, name, *rest in connection.execute(_COLUMNS, (list(oids),)).fetchall():
        found[int(oid)][name] = tuple(rest)
    return found


def listed(connection: Any, oid: int) -> dict[str, Listed]:
    """The columns of a table as the source's catalog has them now."""
    made = {}
    for name, (number, _oid, _modifier, _generated, fills, missing) in columns(connection, [oid])[oid].items():
        # The text of an array of the one value.
        value = None if missing is None else one_of(missing)
        made[name] = Listed(number, fills, value)
    return made


def one_of(text: str) -> str | None:
    from pluto_duck.ingest.follow.texts import _array

    if text.startswith("{{"):  # an array in the array
        return text[1:-1]
    found = _array(text, 1, ",")
    return None if found[0] is None else str(found[0])
