"""The schema of an actor: query, mutation and subscription over the tables it sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
)

from pluto_duck.api.graphql.inputs import Inputs
from pluto_duck.api.graphql.kinds import Kind
from pluto_duck.api.graphql.model import FORMS, RESERVED, Entity, Field, Link
from pluto_duck.api.graphql.naming import Taken, given
from pluto_duck.api.graphql.scalars import SCALARS

Op = Literal["list", "by_pk", "aggregate", "insert", "insert_one", "update", "update_by_pk", "delete", "delete_by_pk",
             "sql", "ask", "run", "cancel", "changes"]


@dataclass(frozen=True)
class Root:
    """What a root field does; in its `extensions["pluto"]`."""

    op: Op
    entity: Entity | None = None


@dataclass(frozen=True)
class Part:
    """What a field inside a table's type shows."""

    op: Literal["column", "link", "link_aggregate"]
    field: Field | None = None
    link: Link | None = None
    to: Entity | None = None


OURS = "pluto"


def root_of(field: GraphQLField) -> Root:
    return field.extensions[OURS]  # type: ignore[no-any-return]


def part_of(field: GraphQLField) -> Part:
    return field.extensions[OURS]  # type: ignore[no-any-return]


def build(entities: Sequence[Entity], *, sql: bool = False, ask: bool = False, follow: bool = False) -> GraphQLSchema:
    """`sql`, `ask`: whether the actor may start such runs; `follow`: whether it may read changes."""
    return _Builder(entities).schema(sql=sql, ask=ask, follow=follow)


class _Builder:
    def __init__(self, entities: Sequence[Entity]) -> None:
        self.entities = entities
        self.by_key = {one.ref.key: one for one in entities}
        self.types: dict[str, GraphQLObjectType] = {}
        self.taken = Taken([*RESERVED, *(form.replace("*", one.name) for one in entities for form in FORMS)])
        self.enums: dict[tuple[str, str], GraphQLEnumType] = {}
        self.structs: dict[tuple[str, str], GraphQLObjectType] = {}
        for entity in entities:
            for field in entity.fields.values():
                self._prepare(f"{entity.name}_{field.name}", (entity.name, field.name), field.kind)
        self.inputs = Inputs(self.enums)

    def _prepare(self, wanted: str, at: tuple[str, str], kind: Kind) -> None:
        """Types for the enum or struct at the bottom of a column, in a fixed order, so that names stay."""
        while kind.shape == "list" and kind.item is not None:
            kind = kind.item
        if kind.shape == "enum":
            names = given(kind.values, Taken(["true", "false", "null"]))
            self.enums[at] = GraphQLEnumType(self.taken.one(f"{wanted}_enum"), {
                names[one]: GraphQLEnumValue(one, description=None if names[one] == one else repr(one))
                for one in kind.values}, description=kind.duckdb[:200])
        elif kind.shape == "struct":
            names = given([name for name, _kind in kind.members])
            for name, inner in kind.members:
                self._prepare(f"{wanted}_{names[name]}", (at[0], f"{at[1]}.{names[name]}"), inner)
            self.structs[at] = GraphQLObjectType(self.taken.one(f"{wanted}_struct"), {
                names[name]: GraphQLField(self.out(inner, (at[0], f"{at[1]}.{names[name]}")),
                                          extensions={OURS: (name, inner)})
                for name, inner in kind.members}, description=kind.duckdb[:200])

    def out(self, kind: Kind, at: tuple[str, str]) -> Any:
        if kind.shape == "list" and kind.item is not None:
            return GraphQLList(self.out(kind.item, at))
        if kind.shape == "struct":
            return self.structs[at]
        return self.enums[at] if kind.shape == "enum" else SCALARS[kind.scalar]

    # -- tables -----------------------------------------------------------------------------------

    def _type(self, entity: Entity) -> GraphQLObjectType:
        if entity.name not in self.types:
            self.types[entity.name] = GraphQLObjectType(
                entity.name, lambda: self._columns(entity) | self._links(entity), description=entity.note)
        return self.types[entity.name]

    def _columns(self, entity: Entity, nullable: bool = False) -> dict[str, GraphQLField]:
        found = {}
        for one in entity.fields.values():
            type_ = self.out(one.kind, (entity.name, one.name))
            found[one.name] = GraphQLField(type_ if one.nullable or nullable else GraphQLNonNull(type_),
                                           description=one.note, extensions={OURS: Part("column", one)})
        return found

    def _links(self, entity: Entity) -> dict[str, GraphQLField]:
        found = {}
        for link in entity.links.values():
            to = self.by_key[link.to.key]
            if not link.many:
                found[link.name] = GraphQLField(
                    self._type(to), description=f"The row of {to.ref} that {', '.join(link.columns)} leads to.",
                    extensions={OURS: Part("link", None, link, to)})
                continue
            note = f"The rows of {to.ref} whose {', '.join(link.referenced)} leads here"
            found[link.name] = GraphQLField(
                _list(self._type(to)), self.inputs.reading(to), description=note + ".",
                extensions={OURS: Part("link", None, link, to)})
            found[f"{link.name}_aggregate"] = GraphQLField(
                GraphQLNonNull(self._aggregate(to)), {"where": self.inputs.reading(to)["where"]},
                description=note + ", summed up.", extensions={OURS: Part("link_aggregate", None, link, to)})
        return found

    def _aggregate(self, entity: Entity) -> GraphQLObjectType:
        name = f"{entity.name}_aggregate"
        if name not in self.types:
            inside = self._aggregate_fields(entity)
            sorted_ = self.inputs.reading(entity)
            fields: dict[str, GraphQLField] = {"aggregate": GraphQLField(GraphQLNonNull(inside))}
            columns = self.inputs.columns(entity)
            if columns is not None:
                keys = GraphQLObjectType(f"{entity.name}_keys", {
                    name: field for name, field in self._columns(entity, nullable=True).items()
                    if entity.fields[name].kind.comparable})
                group = GraphQLObjectType(f"{entity.name}_group", {
                    "keys": GraphQLField(GraphQLNonNull(keys), description="Null where it is not grouped by."),
                    "aggregate": GraphQLField(GraphQLNonNull(inside))})
                fields["groups"] = GraphQLField(_list(group), {
                    "by": GraphQLArgument(GraphQLNonNull(GraphQLList(GraphQLNonNull(columns)))),
                    "limit": GraphQLArgument(GraphQLInt)},
                    description="One for each value of these columns, in their order.")
            # Without arguments: those of the field outside hold.
            fields["nodes"] = GraphQLField(_list(self._type(entity)), {
                name: sorted_[name] for name in ("order_by", "limit", "offset") if name in sorted_})
            self.types[name] = GraphQLObjectType(name, fields)
        return self.types[name]

    def _aggregate_fields(self, entity: Entity) -> GraphQLObjectType:
        columns = self.inputs.columns(entity)
        args = {} if columns is None else {
            "column": GraphQLArgument(columns, description="Counts its values; all rows without it."),
            "distinct": GraphQLArgument(GraphQLBoolean)}
        fields = {"count": GraphQLField(GraphQLNonNull(SCALARS["BigInt"]), args)}
        numbers = [one for one in entity.fields.values() if one.kind.numeric]
        sorted_ = [one for one in entity.fields.values() if one.kind.comparable]
        for measure, those in (("sum", numbers), ("avg", numbers), ("min", sorted_), ("max", sorted_)):
            if those:
                inner = GraphQLObjectType(f"{entity.name}_{measure}_fields", {
                    one.name: GraphQLField(self._measured(measure, one, entity), extensions={OURS: one})
                    for one in those})
                fields[measure] = GraphQLField(inner)
        return GraphQLObjectType(f"{entity.name}_aggregate_fields", fields)

    def _measured(self, measure: str, field: Field, entity: Entity) -> Any:
        if measure == "avg":
            return GraphQLFloat
        if measure == "sum":
            return {"Int": SCALARS["BigInt"], "BigInt": SCALARS["BigInt"]}.get(field.kind.scalar,
                                                                             SCALARS[field.kind.scalar])
        return self.out(field.kind, (entity.name, field.name))

    # -- roots ------------------------------------------------------------------------------------

    def schema(self, *, sql: bool, ask: bool, follow: bool) -> GraphQLSchema:
        run, event = _run_types()
        query: dict[str, GraphQLField] = {}
        mutation: dict[str, GraphQLField] = {}
        for one in self.entities:
            query |= self._queries(one)
            mutation |= self._changes(one)
        runs = sql or ask
        if runs or not query:
            query["run"] = _field(run, Root("run"), {"run_id": _need(GraphQLID), "wait": _opt(GraphQLFloat)},
                                  "A run that you started; `wait`: seconds to wait for its end, 60 at most.")
        shared = {"max_rows": _opt(GraphQLInt), "timeout_s": _opt(GraphQLFloat), "wait": _opt(GraphQLFloat)}
        if sql:
            mutation["sql"] = _field(GraphQLNonNull(run), Root("sql"), {
                "statement": _need(GraphQLString), "params": _opt(SCALARS["JSON"]), **shared}, "Starts SQL as a run.")
        if ask:
            mutation["ask"] = _field(GraphQLNonNull(run), Root("ask"), {
                "question": _need(GraphQLString), "conversation": _opt(GraphQLString),
                "planner": _opt(GraphQLString), **shared}, "Asks a question in plain words, as a run.")
        if runs:
            mutation["cancel_run"] = _field(run, Root("cancel"), {"run_id": _need(GraphQLID)}, "Stops a run.")
        events: dict[str, GraphQLField] = {}
        if runs:
            events["run"] = _field(GraphQLNonNull(event), Root("run"), {
                "run_id": _need(GraphQLID), "after": _opt(GraphQLInt)}, "The events of a run, from the first on.")
        if follow:
            events["changes"] = _field(GraphQLNonNull(_change_type()), Root("changes"), {
                "tables": _opt(GraphQLList(GraphQLNonNull(GraphQLString))), "since": _opt(GraphQLString),
                "snapshot": _opt(GraphQLBoolean)},
                "The changes of tracked tables as they happen. `since`: behind this position; else from now on. "
                "`snapshot`: the rows as they are first.")
        return GraphQLSchema(
            GraphQLObjectType("Query", query),
            GraphQLObjectType("Mutation", mutation) if mutation else None,
            GraphQLObjectType("Subscription", events) if events else None)

    def _queries(self, one: Entity) -> dict[str, GraphQLField]:
        reading = self.inputs.reading(one)
        found = {
            one.name: _field(_list(self._type(one)), Root("list", one), reading, one.note),
            f"{one.name}_aggregate": _field(GraphQLNonNull(self._aggregate(one)), Root("aggregate", one),
                                            {"where": reading["where"]}, "")}
        if one.key:
            found[f"{one.name}_by_pk"] = _field(self._type(one), Root("by_pk", one), self.inputs.key(one), "")
        return found

    def _changes(self, one: Entity) -> dict[str, GraphQLField]:
        inputs, rights, found = self.inputs, one.rights, {}
        if not one.key:
            return {}
        row = self._type(one)
        many: Callable[[], Any] = lambda: GraphQLNonNull(self._changed(one))  # noqa: E731
        if rights.insert:
            conflict = inputs.conflict(one)
            found[f"insert_{one.name}"] = _field(many(), Root("insert", one), {
                "objects": _need(GraphQLList(GraphQLNonNull(inputs.inserted(one)))), **conflict}, "")
            found[f"insert_{one.name}_one"] = _field(row, Root("insert_one", one), {
                "object": _need(inputs.inserted(one)), **conflict}, "")
        if rights.update:
            found[f"update_{one.name}"] = _field(many(), Root("update", one), {
                "where": _need(inputs.where(one)), "_set": _need(inputs.updated(one))}, "")
            found[f"update_{one.name}_by_pk"] = _field(row, Root("update_by_pk", one), {
                "pk_columns": _need(inputs.key_input(one)), "_set": _need(inputs.updated(one))}, "")
        if rights.delete:
            found[f"delete_{one.name}"] = _field(many(), Root("delete", one), {"where": _need(inputs.where(one))}, "")
            found[f"delete_{one.name}_by_pk"] = _field(row, Root("delete_by_pk", one), inputs.key(one), "")
        return found

    def _changed(self, one: Entity) -> GraphQLObjectType:
        name = f"{one.name}_mutation_response"
        if name not in self.types:
            self.types[name] = GraphQLObjectType(name, {
                "affected_rows": GraphQLField(GraphQLNonNull(GraphQLInt)),
                "returning": GraphQLField(_list(self._type(one)))})
        return self.types[name]


def _run_types() -> tuple[GraphQLObjectType, GraphQLObjectType]:
    text, big, json = GraphQLString, SCALARS["BigInt"], SCALARS["JSON"]
    column = GraphQLObjectType("RunColumn", {"name": GraphQLField(GraphQLNonNull(text)),
                                             "type": GraphQLField(GraphQLNonNull(text))})
    run = GraphQLObjectType("Run", {
        "run_id": GraphQLField(GraphQLNonNull(GraphQLID)), "kind": GraphQLField(GraphQLNonNull(text)),
        "text": GraphQLField(text), "status": GraphQLField(GraphQLNonNull(text), description=(
            "queued, running, succeeded, failed, cancelled or timed_out")),
        "created_at": GraphQLField(text), "started_at": GraphQLField(text), "finished_at": GraphQLField(text),
        "elapsed_s": GraphQLField(GraphQLFloat), "row_count": GraphQLField(big), "error": GraphQLField(json),
        "answer": GraphQLField(json, description="Of a question: its status, words and SQL."),
        "columns": GraphQLField(GraphQLList(GraphQLNonNull(column))),
        "rows": GraphQLField(GraphQLList(GraphQLNonNull(json)), {
            "offset": _opt(GraphQLInt), "limit": _opt(GraphQLInt)}, description="Lists in column order.")})
    event = GraphQLObjectType("RunEvent", {
        "run_id": GraphQLField(GraphQLNonNull(GraphQLID)), "seq": GraphQLField(GraphQLNonNull(GraphQLInt)),
        "at": GraphQLField(text), "type": GraphQLField(GraphQLNonNull(text)),
        "subtype": GraphQLField(GraphQLNonNull(text)), "content": GraphQLField(json),
        "rows": GraphQLField(GraphQLList(GraphQLNonNull(json)), description=(
            "Of an event rows/chunk, lists in column order; a long one comes in several pieces."))})
    return run, event


def _change_type() -> GraphQLObjectType:
    text, json = GraphQLString, SCALARS["JSON"]
    return GraphQLObjectType("Change", {
        "kind": GraphQLField(GraphQLNonNull(text), description=(
            "row; schema, drop or resync of a table; snapshot: all rows were told, changes follow; reset: read anew")),
        "position": GraphQLField(text, description="Where to go on: since. Null for the rows of a snapshot."),
        "op": GraphQLField(text, description="c, u, d, r, t, as Debezium has them"), "table": GraphQLField(text),
        "key": GraphQLField(json), "before": GraphQLField(json), "after": GraphQLField(json),
        "event": GraphQLField(json, description="The whole CloudEvent."),
        "why": GraphQLField(text, description="Of a reset.")})


def _field(type_: Any, root: Root, args: dict[str, GraphQLArgument], note: str) -> GraphQLField:
    return GraphQLField(type_, args, description=note or None, extensions={OURS: root})


def _list(type_: Any) -> Any:
    return GraphQLNonNull(GraphQLList(GraphQLNonNull(type_)))


def _need(type_: Any) -> GraphQLArgument:
    return GraphQLArgument(GraphQLNonNull(type_))


def _opt(type_: Any) -> GraphQLArgument:
    return GraphQLArgument(type_)
