"""What a schema is about: the tables that an actor sees under their GraphQL names, and how they hang together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pluto_duck.api.graphql.kinds import Kind, kind_of
from pluto_duck.api.graphql.naming import Taken, given, graphql_name, is_fine

if TYPE_CHECKING:
    from pluto_duck.session import ForeignKey, TableInfo, TableRef

FORMS = (
    "*", "*_by_pk", "*_aggregate", "insert_*", "insert_*_one", "update_*", "update_*_by_pk", "delete_*",
    "delete_*_by_pk",
    "*_bool_exp", "*_order_by", "*_select_column", "*_aggregate_fields", "*_sum_fields", "*_avg_fields", "*_min_fields",
    "*_max_fields", "*_group", "*_keys", "*_insert_input", "*_set_input", "*_pk_columns_input", "*_on_conflict",
    "*_mutation_response")
"""What a table's name is part of; all of it goes with the table where a name is taken."""
RESERVED = (
    "Query", "Mutation", "Subscription", "Int", "Float", "String", "Boolean", "ID", "BigInt", "Decimal", "Date",
    "Timestamp", "TimestampTZ", "Interval", "UUID", "Blob", "JSON", "Run", "RunColumn", "RunEvent", "Change",
    "order_by", "sql", "ask", "run", "cancel_run", "true", "false", "null", *(
        f"{one}_comparison_exp" for one in ("Int", "Float", "String", "Boolean", "BigInt", "Decimal", "Date",
                                            "Timestamp", "TimestampTZ", "Interval", "UUID", "Blob", "JSON", "list")))


@dataclass(frozen=True)
class Rights:
    """What may be written to one table, column names as DuckDB has them. A table without a key has none."""

    insert: frozenset[str] = frozenset()
    update: frozenset[str] = frozenset()
    delete: bool = False


@dataclass(frozen=True)
class Field:
    """A column."""

    name: str
    column: str
    """As DuckDB has it."""
    kind: Kind
    nullable: bool
    comment: str = ""

    @property
    def note(self) -> str:
        """Its description: the comment, and what it is called where that could not be its name."""
        return _note(self.column, self.name, self.kind.duckdb, self.comment)


@dataclass(frozen=True)
class Link:
    """From one table to another, by columns that hold the same values."""

    name: str
    columns: tuple[str, ...]
    to: TableRef
    referenced: tuple[str, ...]
    many: bool


@dataclass(eq=False)
class Entity:
    """A table or view."""

    name: str
    ref: TableRef
    kind: str
    comment: str
    fields: dict[str, Field]
    """By GraphQL name."""
    key: tuple[Field, ...]
    """Its primary key; empty: it has none that the actor sees."""
    rights: Rights = Rights()
    links: dict[str, Link] = field(default_factory=dict)
    by_column: dict[str, Field] = field(default_factory=dict)

    @property
    def note(self) -> str:
        return _note(str(self.ref), self.name, self.kind, self.comment)


def entities(tables: Iterable[TableInfo], rights: Mapping[str, Rights] | None = None) -> list[Entity]:
    """`rights` by `TableRef.key`."""
    from pluto_duck.workspace.tableref import DEFAULT_SCHEMA

    def plain(table: TableInfo) -> str:
        ref = table.ref
        return ref.name if ref.schema == DEFAULT_SCHEMA else f"{ref.schema}_{ref.name}"

    there = sorted(tables, key=lambda one: (not is_fine(plain(one)), one.ref.schema != DEFAULT_SCHEMA, one.ref.key))
    taken, found = Taken(RESERVED), {}
    for table in there:
        name = taken.all(graphql_name(plain(table)), FORMS)
        names = given([one.name for one in table.columns], Taken(["_and", "_or", "_not"]))
        fields = {names[one.name]: Field(names[one.name], one.name, kind_of(one.type), one.nullable, one.comment)
                  for one in table.columns}
        by_column = {one.column: one for one in fields.values()}
        key = tuple(by_column[one] for one in table.primary_key if one in by_column)
        entity = Entity(name, table.ref, table.kind, table.comment, fields,
                        key if len(key) == len(table.primary_key) else (), by_column=by_column)
        if entity.key and rights is not None:
            entity.rights = rights.get(table.ref.key, Rights())
        found[table.ref.key] = entity
    _link(there, found)
    return sorted(found.values(), key=lambda one: one.name)


def _link(tables: Sequence[TableInfo], found: Mapping[str, Entity]) -> None:
    """The relations of foreign keys, both ways: `customer_id` gives `customer`, and customers get `orders`."""
    keys = [(table, key) for table in tables for key in _usable(table, found)]
    taken = {ref: Taken(["__typename", *entity.fields]) for ref, entity in found.items()}
    for table, key in keys:
        child, parent = found[table.ref.key], found[key.table.key]
        name = _one_name(child, parent, key)
        name = taken[table.ref.key].one(name)
        child.links[name] = Link(name, key.columns, key.table, _referenced(key, parent), many=False)
    pairs = [(table.ref.key, key.table.key) for table, key in keys]
    for table, key in keys:
        child, parent = found[table.ref.key], found[key.table.key]
        single = {frozenset(table.primary_key), *map(frozenset, table.unique)} - {frozenset()}
        many = not any(one <= frozenset(key.columns) for one in single)
        wanted = child.name
        if pairs.count((table.ref.key, key.table.key)) > 1 or table.ref.key == key.table.key:
            wanted = f"{child.name}_by_{'_'.join(child.by_column[one].name for one in key.columns)}"
        name = taken[key.table.key].all(wanted, ("*", "*_aggregate") if many else ("*",))
        parent.links[name] = Link(name, _referenced(key, parent), table.ref, key.columns, many)


def _usable(table: TableInfo, found: Mapping[str, Entity]) -> list[ForeignKey]:
    def usable(key: ForeignKey) -> bool:
        parent, child = found.get(key.table.key), found[table.ref.key]
        if parent is None or not all(one in child.by_column for one in key.columns):
            return False
        referenced = _referenced(key, parent)
        return len(referenced) == len(key.columns) and all(one in parent.by_column for one in referenced)

    return sorted((one for one in table.foreign_keys if usable(one)), key=lambda one: (one.columns, one.table.key))


def _referenced(key: ForeignKey, parent: Entity) -> tuple[str, ...]:
    return key.referenced or tuple(one.column for one in parent.key)


def _one_name(child: Entity, parent: Entity, key: ForeignKey) -> str:
    if len(key.columns) == 1:
        name = child.by_column[key.columns[0]].name
        short = re.sub(r"(?<=.)(_id|_key|_code|_no|Id|ID|Key)$", "", name)
        return short if short != name and is_fine(short) else f"{name}_{parent.name}"
    return parent.name


def _note(original: str, name: str, kind: str, comment: str) -> str:
    said = kind if original == name else f"{kind} {original}"
    return f"{comment}\n\n{said}" if comment else said
