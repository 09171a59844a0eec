"""What a PostgreSQL database holds: tables by name or glob, their columns and keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from pluto_duck.errors import SourceError, unknown_name
from pluto_duck.workspace import TableRef

KINDS = "'r', 'p', 'f', 'v', 'm'"
LOADED_BY_DEFAULT = frozenset("rpf")
"""Tables, partitioned and foreign ones. A view comes when it is named, a partition with its parent."""


@dataclass(frozen=True)
class Relation:
    oid: int
    schema: str
    name: str
    kind: str
    is_partition: bool
    row_estimate: int | None

    @property
    def sql(self) -> str:
        return TableRef(self.name, self.schema).sql


class Catalog:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def _rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return list(self._connection.execute(sql, values).fetchall())

    # -- tables -----------------------------------------------------------------------------------

    def find(self, names: Sequence[str] | None, schema: str | None) -> list[Relation]:
        """The named relations in that order without repeats; all tables of the schema for None."""
        schema = self._schema(schema)
        if names is None:
            found = [one for one in self._relations(schema) if one.kind in LOADED_BY_DEFAULT and not one.is_partition]
            if not found:
                others = self._schemas_with_tables()
                raise SourceError(f"The schema {schema!r} holds no table that this user may see.",
                                  hint=f"Tables are in: {', '.join(others)} (--schema)." if others else "")
            return found
        picked: dict[int, Relation] = {}
        for name in names:
            for relation in self._match(name, schema):
                picked.setdefault(relation.oid, relation)
        return list(picked.values())

    def _match(self, name: str, schema: str) -> list[Relation]:
        known = {one.name: one for one in self._relations(schema)}
        if name in known:  # a name may hold a dot or a star
            return [known[name]]
        ref = TableRef.parse(name)
        wanted = ref.name
        if ref.schema != "main" or "." in name:
            schema = self._schema(ref.schema)
            known = {one.name: one for one in self._relations(schema)}
        for spelling in (wanted, wanted.lower()):  # PostgreSQL folds what is not quoted
            if spelling in known:
                return [known[spelling]]
        if any(mark in wanted for mark in "*?["):
            matched = [known[one] for one in sorted(known) if fnmatchcase(one, wanted)
                       and known[one].kind in LOADED_BY_DEFAULT and not known[one].is_partition]
            if matched:
                return matched
        raise unknown_name("table", wanted, known, where=f"schema {schema}")

    def _relations(self, schema: str) -> list[Relation]:
        rows = self._rows(
            f"SELECT c.oid, n.nspname, c.relname, c.relkind, c.relispartition, c.reltuples::bigint "
            f"FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            f"WHERE n.nspname = %s AND c.relkind IN ({KINDS}) ORDER BY c.relname", schema)
        return [Relation(int(oid), space, name, _letter(kind), part, tuples if tuples >= 0 else None)
                for oid, space, name, kind, part, tuples in rows]

    def _schema(self, name: str | None) -> str:
        if name is None:
            return str(self._rows("SELECT coalesce(current_schema(), 'public')")[0][0])
        known = [row[0] for row in self._rows("SELECT nspname FROM pg_namespace")]
        if name not in known:
            raise unknown_name("schema", name, [one for one in known if not one.startswith("pg_")])
        return name

    def _schemas_with_tables(self) -> list[str]:
        return [row[0] for row in self._rows(
            "SELECT DISTINCT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname NOT LIKE 'pg\\_%%' "
            "AND n.nspname <> 'information_schema' ORDER BY 1")]

    def lock(self, relations: Sequence[Relation]) -> None:
        """Keeps the shape of the tables until the load ends, as pg_dump does. Waiting for a lock happens
        here, where Ctrl-C reaches it."""
        for relation in relations:
            if relation.kind in "rp":
                self._connection.execute(f"LOCK TABLE {relation.sql} IN ACCESS SHARE MODE")

    # -- columns ----------------------------------------------------------------------------------

    def columns(self, relation: Relation) -> list[tuple[str, str, str, bool, bool]]:
        """(name, declared type, type with domains resolved, is an enum, may be NULL) in order."""
        return [tuple(row) for row in self._rows("""
            WITH RECURSIVE layer AS (
              SELECT a.attnum, a.atttypid AS kind, a.atttypmod AS modifier, 0 AS depth
              FROM pg_attribute a WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped
              UNION ALL
              SELECT l.attnum, t.typbasetype, t.typtypmod, l.depth + 1
              FROM layer l JOIN pg_type t ON t.oid = l.kind WHERE t.typtype = 'd')
            SELECT DISTINCT ON (a.attnum) a.attname, format_type(a.atttypid, a.atttypmod),
                   format_type(l.kind, l.modifier), t.typtype = 'e', NOT a.attnotnull
            FROM layer l JOIN pg_type t ON t.oid = l.kind
            JOIN pg_attribute a ON a.attrelid = %s AND a.attnum = l.attnum
            ORDER BY a.attnum, l.depth DESC""", relation.oid, relation.oid)]

    def type_of(self, text: str) -> tuple[str, bool]:
        """(a type in full words, is an enum); domains resolved one step. `text` was checked before."""
        cursor = self._connection.execute(f"SELECT NULL::{text}")
        row = self._rows("SELECT format_type(%s::oid, %s), typtype = 'e' FROM pg_type WHERE oid = %s::oid",
                         cursor.pgresult.ftype(0), cursor.pgresult.fmod(0), cursor.pgresult.ftype(0))[0]
        return str(row[0]), bool(row[1])

    def primary_key(self, relation: Relation) -> tuple[str, ...]:
        return tuple(row[0] for row in self._rows(
            "SELECT a.attname FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place), "
            "pg_attribute a WHERE i.indrelid = %s AND i.indisprimary AND a.attrelid = i.indrelid "
            "AND a.attnum = k.attnum ORDER BY k.place", relation.oid))


def _letter(kind: Any) -> str:
    return kind.decode() if isinstance(kind, bytes) else str(kind)
