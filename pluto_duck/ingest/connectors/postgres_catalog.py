"""What a PostgreSQL database holds: tables by name or glob, and the shape of any number of them in one question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from pluto_duck.errors import SourceError, UnknownName, UsageError, unknown_name
from pluto_duck.ingest.connectors import TableKind
from pluto_duck.ingest.connectors.postgres_types import DESCRIBED
from pluto_duck.workspace import TableRef
from pluto_duck.workspace.tableref import fold

KINDS: Mapping[str, TableKind] = {"r": "table", "p": "partitioned table", "f": "foreign table", "v": "view",
                                  "m": "view"}
LOADED_BY_DEFAULT = frozenset("rpf")
"""Tables, partitioned and foreign ones. A view comes when it is named, a partition with its parent."""

_RELATIONS = """
SELECT here.name, n.nspname, c.oid, c.relname, c.relkind::text, c.relispartition, c.reltuples::bigint,
       has_table_privilege(c.oid, 'SELECT')
FROM (SELECT coalesce(current_schema(), 'public') AS name) AS here CROSS JOIN pg_namespace n
LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'f', 'v', 'm')
     AND n.nspname = ANY (%s::text[] || CASE WHEN %s THEN here.name::text END)
ORDER BY n.nspname, c.relname"""

_THEIR_TYPES = "(SELECT array_agg(DISTINCT (x->>1)::oid) FROM columns, json_array_elements(every) x)"
_SHAPES = f"""
WITH wanted AS (SELECT unnest(%s::oid[]) AS oid),
columns AS (
  SELECT a.attrelid, json_agg(json_build_array(
    a.attname, a.atttypid, a.atttypmod, format_type(a.atttypid, a.atttypmod),
    NOT a.attnotnull OR EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = a.attrelid AND k.contype = 'n'
                                AND NOT k.convalidated AND a.attnum = ANY (k.conkey)),
    CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END,
    col_description(a.attrelid, a.attnum)) ORDER BY a.attnum) AS every
  FROM wanted w JOIN pg_attribute a ON a.attrelid = w.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  GROUP BY a.attrelid),
keys AS (
  SELECT k.conrelid, json_agg(json_build_array(
    k.contype, (SELECT json_agg(a.attname ORDER BY o.place) FROM unnest(k.conkey) WITH ORDINALITY o(num, place)
                JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = o.num),
    n.nspname, c.relname,
    (SELECT json_agg(a.attname ORDER BY o.place) FROM unnest(k.confkey) WITH ORDINALITY o(num, place)
     JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = o.num)) ORDER BY k.conname) AS every
  FROM wanted w JOIN pg_constraint k ON k.conrelid = w.oid AND k.contype IN ('p', 'u', 'f') AND k.convalidated
  LEFT JOIN pg_class c ON c.oid = k.confrelid LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
  -- A key WITHOUT OVERLAPS excludes ranges; as a plain key it would mean something else.
  WHERE k.conexclop IS NULL
  GROUP BY k.conrelid)
SELECT json_agg(json_build_object(
    'oid', w.oid::bigint, 'columns', columns.every, 'keys', keys.every, 'comment', obj_description(w.oid, 'pg_class'),
    'bytes', pg_table_size(w.oid), 'hidden_rows', row_security_active(w.oid))),
  ({DESCRIBED.replace('%s::oid[]', _THEIR_TYPES)}),
  scale(0::int::money::numeric)
FROM wanted w LEFT JOIN columns ON columns.attrelid = w.oid LEFT JOIN keys ON keys.conrelid = w.oid"""


@dataclass(frozen=True)
class Relation:
    oid: int
    schema: str
    name: str
    kind: str
    is_partition: bool
    row_estimate: int | None
    readable: bool = True
    ambiguous: bool = False
    """Another relation of the schema has this name in other letters: DuckDB can't tell them apart."""

    @property
    def sql(self) -> str:
        return TableRef(self.name, self.schema).sql


@dataclass(frozen=True)
class Shapes:
    """What one question about many tables brought."""

    tables: Mapping[int, Mapping[str, Any]]
    types: Mapping[str, Mapping[str, Any]]
    money_digits: int


class Catalog:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def find(self, names: Sequence[str] | None, schema: str | None) -> list[Relation]:
        """The named relations in that order without repeats; all tables of the schema for None."""
        home, schemas = self._relations(names, schema)
        if home not in schemas:
            raise _no_schema(home, schemas)
        if names is None:
            found = [one for one in schemas[home] if _by_default(one)]
            if not found:
                others = self._schemas_with_tables()
                raise SourceError(f"The schema {home!r} holds no table that this user may see.",
                                  hint=f"Tables are in: {', '.join(others)} (--schema)." if others else "")
            return found
        picked: dict[int, Relation] = {}
        for name in names:
            for relation in _match(name, home, schemas):
                picked.setdefault(relation.oid, relation)
        return list(picked.values())

    def _relations(self, names: Sequence[str] | None, schema: str | None) -> tuple[str, dict[str, list[Relation]]]:
        """The schema that plain names mean, and every schema with the relations of those that the names speak of."""
        spoken = {schema} if schema is not None else set()
        for name in names or ():
            if "." in name and _parses(name):
                spoken |= {TableRef.parse(name).schema, fold(TableRef.parse(name).schema)}
        home, schemas = schema or "public", dict[str, list[Relation]]()
        rows = self._connection.execute(_RELATIONS, (sorted(spoken), schema is None)).fetchall()
        for here, space, oid, name, kind, part, tuples, readable in rows:
            home = here if schema is None else schema
            held = schemas.setdefault(space, [])
            if oid is not None:
                held.append(Relation(int(oid), space, name, kind, part, tuples if tuples >= 0 else None,
                                     readable))
        return home, {space: _marked(held) for space, held in schemas.items()}

    def _schemas_with_tables(self) -> list[str]:
        return [row[0] for row in self._connection.execute(
            "SELECT DISTINCT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname NOT LIKE 'pg\\_%' "
            "AND n.nspname <> 'information_schema' ORDER BY 1").fetchall()]

    def shapes(self, relations: Sequence[Relation]) -> Shapes:
        tables, types, money = self._connection.execute(
            _SHAPES, ([relation.oid for relation in relations],)).fetchone()
        return Shapes({int(one["oid"]): one for one in tables or ()}, types, int(money))

    def types(self, oids: Sequence[int]) -> Shapes:
        types, money = self._connection.execute(
            f"SELECT ({DESCRIBED}), scale(0::int::money::numeric)", (list(oids),)).fetchone()
        return Shapes({}, types, int(money))


def _marked(held: list[Relation]) -> list[Relation]:
    times: dict[str, int] = {}
    for one in held:
        times[fold(one.name)] = times.get(fold(one.name), 0) + 1
    return [replace(one, ambiguous=times[fold(one.name)] > 1) for one in held]


def _match(name: str, home: str, schemas: Mapping[str, Sequence[Relation]]) -> list[Relation]:
    known = {one.name: one for one in schemas[home]}
    if name in known:  # a name may hold a dot or a star
        return [known[name]]
    ref = TableRef.parse(name)
    wanted, space = ref.name, home
    if "." in name and (ref.schema != "main" or name.startswith(("main.", '"main".'))):
        space = ref.schema if ref.schema in schemas else fold(ref.schema)
        if space not in schemas:
            raise _no_schema(ref.schema, schemas)
        known = {one.name: one for one in schemas[space]}
    for spelling in (wanted, wanted.lower()):  # PostgreSQL folds what is not quoted
        if spelling in known:
            return [known[spelling]]
    if any(mark in wanted for mark in "*?["):
        matched = [known[one] for one in sorted(known) if fnmatchcase(one, wanted) and _by_default(known[one])]
        if matched:
            return matched
    raise unknown_name("table", wanted, known, where=f"schema {space}")


def _by_default(relation: Relation) -> bool:
    return relation.kind in LOADED_BY_DEFAULT and not relation.is_partition


def _no_schema(name: str, schemas: Mapping[str, Any]) -> UnknownName:
    return unknown_name("schema", name, [one for one in schemas if not one.startswith("pg_")])


def _parses(name: str) -> bool:
    try:
        TableRef.parse(name)
    except UsageError:
        return False
    return True
