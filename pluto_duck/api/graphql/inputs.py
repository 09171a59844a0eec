"""What goes in: conditions, orders and values; as types of the schema, and read as those of `session.rows`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
)

from pluto_duck.api.graphql.kinds import Kind
from pluto_duck.api.graphql.model import Entity, Field
from pluto_duck.api.graphql.scalars import SCALARS
from pluto_duck.errors import UsageError

if TYPE_CHECKING:
    from pluto_duck.session.rows import Condition, Order

OPERATORS = {"_eq": "=", "_neq": "!=", "_gt": ">", "_gte": ">=", "_lt": "<", "_lte": "<=", "_in": "in",
             "_nin": "not in", "_like": "like", "_nlike": "not like", "_ilike": "ilike", "_nilike": "not ilike"}
DIRECTIONS = GraphQLEnumType("order_by", {
    "asc": GraphQLEnumValue(False), "desc": GraphQLEnumValue(True)}, description="Nulls come last, either way.")


class Inputs:
    """The input types of one schema, each made once."""

    def __init__(self, enums: Mapping[tuple[str, str], GraphQLEnumType]) -> None:
        self._enums = enums
        self._made: dict[str, Any] = {}

    def _once(self, name: str, fields: Any, note: str | None = None) -> GraphQLInputObjectType:
        if name not in self._made:
            self._made[name] = GraphQLInputObjectType(name, fields, description=note)
        return self._made[name]  # type: ignore[no-any-return]

    def reading(self, entity: Entity) -> dict[str, GraphQLArgument]:
        found = {"where": GraphQLArgument(self.where(entity))}
        if any(one.kind.comparable for one in entity.fields.values()):
            found["order_by"] = GraphQLArgument(GraphQLList(GraphQLNonNull(self._order(entity))))
        return found | {"limit": GraphQLArgument(GraphQLInt), "offset": GraphQLArgument(GraphQLInt)}

    def where(self, entity: Entity) -> GraphQLInputObjectType:
        name = f"{entity.name}_bool_exp"

        def fields() -> dict[str, GraphQLInputField]:
            this = self.where(entity)
            several = GraphQLInputField(GraphQLList(GraphQLNonNull(this)))
            columns = {one.name: GraphQLInputField(self._comparison(entity, one)) for one in entity.fields.values()}
            return {"_and": several, "_or": several, "_not": GraphQLInputField(this)} | columns

        return self._once(name, fields)

    def _comparison(self, entity: Entity, field: Field) -> GraphQLInputObjectType:
        kind = field.kind
        if kind.shape in ("list", "struct"):
            return self._once("list_comparison_exp", {"_is_null": GraphQLInputField(GraphQLBoolean)})
        type_ = self._enums[entity.name, field.name] if kind.shape == "enum" else SCALARS[kind.scalar]
        equal = {} if kind.scalar == "JSON" else {one: GraphQLInputField(type_) for one in ("_eq", "_neq")}
        if kind.comparable:
            equal |= {one: GraphQLInputField(type_) for one in ("_gt", "_gte", "_lt", "_lte")}
            equal |= {one: GraphQLInputField(GraphQLList(GraphQLNonNull(type_))) for one in ("_in", "_nin")}
        if kind.scalar == "String":
            text = GraphQLInputField(SCALARS["String"], description="% stands for any text, _ for one character.")
            equal |= dict.fromkeys(("_like", "_nlike", "_ilike", "_nilike"), text)
        equal["_is_null"] = GraphQLInputField(GraphQLBoolean)
        return self._once(f"{type_.name}_comparison_exp", equal)

    def _order(self, entity: Entity) -> GraphQLInputObjectType:
        return self._once(f"{entity.name}_order_by", {
            one.name: GraphQLInputField(DIRECTIONS) for one in entity.fields.values() if one.kind.comparable},
            "One column each; several in a list, the first first.")

    def columns(self, entity: Entity) -> GraphQLEnumType | None:
        """Those that can be counted and grouped by."""
        name, there = f"{entity.name}_select_column", [one for one in entity.fields.values() if one.kind.comparable]
        if there and name not in self._made:
            # The value is the name itself: `true` is a fine column, but no name of an enum's value.
            self._made[name] = GraphQLEnumType(name, {
                one.name if one.name not in ("true", "false", "null") else f"{one.name}_": GraphQLEnumValue(one.name)
                for one in there})
        return self._made.get(name)

    # -- writing ----------------------------------------------------------------------------------

    def key(self, entity: Entity) -> dict[str, GraphQLArgument]:
        return {one.name: GraphQLArgument(GraphQLNonNull(self.taken(entity, one))) for one in entity.key}

    def key_input(self, entity: Entity) -> GraphQLInputObjectType:
        return self._once(f"{entity.name}_pk_columns_input", {
            one.name: GraphQLInputField(GraphQLNonNull(self.taken(entity, one))) for one in entity.key})

    def inserted(self, entity: Entity) -> GraphQLInputObjectType:
        return self._once(f"{entity.name}_insert_input", self._values(entity, entity.rights.insert),
                          "A column that is left out gets its default.")

    def updated(self, entity: Entity) -> GraphQLInputObjectType:
        return self._once(f"{entity.name}_set_input", self._values(entity, entity.rights.update))

    def conflict(self, entity: Entity) -> dict[str, GraphQLArgument]:
        if "on_conflict" not in self._made:
            self._made["on_conflict"] = GraphQLEnumType("on_conflict", {
                one: GraphQLEnumValue(one) for one in ("error", "ignore", "update")},
                description="What becomes of a row whose key is there already.")
        return {"on_conflict": GraphQLArgument(self._made["on_conflict"], default_value="error")}

    def _values(self, entity: Entity, columns: frozenset[str]) -> dict[str, GraphQLInputField]:
        return {one.name: GraphQLInputField(self.taken(entity, one), description=one.note)
                for one in entity.fields.values() if one.column in columns}

    def taken(self, entity: Entity, field: Field) -> Any:
        """The type that a value of a column comes in as."""
        def of(kind: Kind) -> Any:
            if kind.shape == "list" and kind.item is not None:
                return GraphQLList(of(kind.item))
            if kind.shape == "enum":
                return self._enums[entity.name, field.name]
            return SCALARS["JSON" if kind.shape == "struct" else kind.scalar]

        return of(field.kind)


# -- read as conditions -------------------------------------------------------------------------------

def condition(entity: Entity, told: Mapping[str, Any] | None) -> Condition | None:
    """Empty objects are true, as everywhere else. Raises UsageError for `_eq: null`, which is no question."""
    from pluto_duck.session.rows import All

    parts = _parts(entity, told or {})
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _parts(entity: Entity, told: Mapping[str, Any]) -> list[Condition]:
    from pluto_duck.session.rows import All, AnyOf, Compare, Not

    found: list[Condition] = []
    for name, value in told.items():
        if value is None:
            if name in entity.fields:
                raise UsageError(f"{name}: null is no condition.", hint=f"Write {name}: {{_is_null: true}}.")
            continue
        if name in ("_and", "_or"):
            each = [condition(entity, one) or All(()) for one in value]
            found.append(All(tuple(each)) if name == "_and" else AnyOf(tuple(each)))
        elif name == "_not":
            found.append(Not(condition(entity, value) or All(())))
        else:
            column = entity.fields[name].column
            for op, operand in value.items():
                if operand is None:
                    raise UsageError(f"{name}: {{{op}: null}} is no condition.",
                                     hint=f"Write {name}: {{_is_null: true}}.")
                if op == "_is_null":
                    found.append(Compare(column, "is null" if operand else "is not null"))
                else:
                    found.append(Compare(column, OPERATORS[op], operand))
    return found


def order(entity: Entity, told: list[Mapping[str, Any]] | None) -> tuple[Order, ...]:
    from pluto_duck.session.rows import Order

    return tuple(Order(entity.fields[name].column, bool(descending))
                 for one in told or () for name, descending in one.items() if descending is not None)


def values(entity: Entity, told: Mapping[str, Any]) -> dict[str, Any]:
    """By column; what a column of JSON holds is text."""
    found = {}
    for name, value in told.items():
        field = entity.fields[name]
        if field.kind.scalar == "JSON" and field.kind.duckdb.upper() == "JSON" and value is not None:
            value = json.dumps(value, ensure_ascii=False, allow_nan=False)
        found[field.column] = value
    return found


def from_json_text(value: Any) -> Any:
    """What a column of JSON holds; as text where it can't be read, or where a reader would lose digits."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
