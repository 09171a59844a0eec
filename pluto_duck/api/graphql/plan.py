"""From a checked document to what must be read and written, with its price: all of it known before any SQL is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLIncludeDirective,
    GraphQLObjectType,
    GraphQLSkipDirective,
    InlineFragmentNode,
    SelectionSetNode,
    get_argument_values,
    get_directive_values,
    get_named_type,
)
from graphql.execution.values import VariableValues

from pluto_duck.api.graphql import inputs
from pluto_duck.api.graphql.kinds import Kind
from pluto_duck.api.graphql.limits import Limits, TooMuch
from pluto_duck.api.graphql.model import Entity, Field, Link
from pluto_duck.api.graphql.schema import OURS, part_of
from pluto_duck.errors import UsageError

if TYPE_CHECKING:
    from pluto_duck.api.graphql.read import Level
    from pluto_duck.session.rows import Condition, Measure, Order

TYPENAME = "__typename"


@dataclass
class Column:
    field: Field
    show: Callable[[Any], Any] | None
    """From the JSON of a value to what stands in the answer; None: as it is. Raises ValueError for what has none."""


@dataclass(frozen=True)
class FoundAt:
    level: Level
    at: int | None
    """None: there is no such row."""
    error: UsageError | None = None


@dataclass
class Rows:
    """A list of rows, or at most one of them."""

    entity: Entity
    out: dict[str, Out] = field(default_factory=dict)
    """By response name, in the order of the answer."""
    where: Condition | None = None
    order: tuple[Order, ...] = ()
    limit: int = 1
    asked: bool = True
    """False: the limit is ours, and whoever reads is told where it cuts."""
    offset: int = 0
    single: bool = False
    """True for a root field that is the row itself, or null."""
    key: tuple[str, ...] | None = None
    """The values of its key as text, where one can be told by it alone."""
    found: FoundAt | None = None
    """Where it was read already, with others."""


@dataclass
class Linked:
    link: Link
    rows: Rows


@dataclass
class Sums:
    """One row of measures, or one for each group."""

    out: dict[str, str | int | dict[str, Any]]
    """By response name: the number of a measure; nested names for sum, avg, min, max; a text for __typename."""
    measures: list[Measure]
    shows: list[Callable[[Any], Any] | None]


@dataclass
class Groups:
    by: tuple[Field, ...]
    out: dict[str, str | dict[str, Any] | Sums]
    """`keys` as a dict of response name -> Column or text."""
    limit: int


@dataclass
class Totals:
    """An `_aggregate` field."""

    entity: Entity
    out: dict[str, str | Sums | Groups | Rows]
    where: Condition | None
    link: Link | None = None


Out = Column | Linked | Totals | str


class Planner:
    """Reads one operation with its variables. `spent` is what its lists could hold."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode], variables: VariableValues, limits: Limits,
                 ) -> None:
        self._fragments, self._variables, self.limits = fragments, variables, limits
        self.spent = 0

    # -- the tree ---------------------------------------------------------------------------------

    def fields(self, *sets: SelectionSetNode | None) -> dict[str, list[FieldNode]]:
        """Those to answer, by response name, fragments written out, what is skipped left out."""
        found: dict[str, list[FieldNode]] = {}
        for one in sets:
            self._collect(one, found, set())
        return found

    def _collect(self, set_: SelectionSetNode | None, found: dict[str, list[FieldNode]], seen: set[str]) -> None:
        for node in set_.selections if set_ is not None else ():
            if node.directives and not self._included(node):
                continue
            if isinstance(node, FieldNode):
                found.setdefault((node.alias or node.name).value, []).append(node)
            elif isinstance(node, FragmentSpreadNode):
                if node.name.value not in seen:
                    seen.add(node.name.value)
                    self._collect(self._fragments[node.name.value].selection_set, found, seen)
            else:
                assert isinstance(node, InlineFragmentNode)
                self._collect(node.selection_set, found, seen)

    def _included(self, node: Any) -> bool:
        skip = get_directive_values(GraphQLSkipDirective, node, self._variables)
        include = get_directive_values(GraphQLIncludeDirective, node, self._variables)
        return not (skip and skip["if"]) and not (include and not include["if"])

    def arguments(self, field: GraphQLField, node: FieldNode) -> dict[str, Any]:
        return get_argument_values(field, node, self._variables)

    def inside(self, nodes: Iterable[FieldNode]) -> dict[str, list[FieldNode]]:
        return self.fields(*(one.selection_set for one in nodes))

    # -- rows -------------------------------------------------------------------------------------

    def rows(self, type_: GraphQLObjectType, entity: Entity, nodes: list[FieldNode], args: Mapping[str, Any], *,
             times: int = 1, one: bool = False, nested: bool = False) -> Rows:
        """`times`: how many lists of them there may be; `one`: at most one row each."""
        found = Rows(entity)
        if not one:
            found.where, found.order = inputs.condition(entity, args.get("where")), inputs.order(
                entity, args.get("order_by"))
            found.asked = args.get("limit") is not None
            default = self.limits.default_nested_rows if nested else self.limits.default_rows
            found.limit, found.offset = self._limit(args.get("limit"), default), self._offset(args.get("offset"))
        times *= found.limit
        self.spend(times)
        found.out = self.out(type_, nodes, times)
        return found

    def out(self, type_: GraphQLObjectType, nodes: list[FieldNode], times: int) -> dict[str, Out]:
        """What is shown of each row of a table, which are `times` at most."""
        found: dict[str, Out] = {}
        for key, those in self.inside(nodes).items():
            name = those[0].name.value
            if name == TYPENAME:
                found[key] = type_.name
                continue
            field = type_.fields[name]
            part, inner = part_of(field), get_named_type(field.type)
            if part.op == "column" and part.field is not None:
                found[key] = Column(part.field, self._shown(part.field.kind, inner, those))
            elif part.link is not None and part.to is not None and isinstance(inner, GraphQLObjectType):
                args = self.arguments(field, those[0])
                if part.op == "link_aggregate":
                    found[key] = self.totals(inner, part.to, those, args, times=times, link=part.link)
                else:
                    found[key] = Linked(part.link, self.rows(inner, part.to, those, args, times=times,
                                                             one=not part.link.many, nested=True))
        return found

    def spend(self, rows: int) -> None:
        self.spent += rows
        if self.spent > self.limits.cost:
            raise TooMuch(f"The lists of this document could hold more than {self.limits.cost} rows together.",
                          hint="Give the lists a smaller `limit`; those within others are multiplied by them. The "
                               "setting graphql.max_cost is the limit.")

    def _limit(self, asked: int | None, default: int) -> int:
        if asked is None:
            return min(default, self.limits.rows)
        if not 0 <= asked <= self.limits.rows:
            raise TooMuch(f"limit: {asked} must be from 0 to {self.limits.rows}.",
                          hint="Take pages with `offset`, or by a condition on the key. The setting graphql.max_rows "
                               "is the limit.")
        return asked

    @staticmethod
    def _offset(asked: int | None) -> int:
        if asked is not None and asked < 0:
            raise UsageError(f"offset: {asked} is less than nothing.")
        return asked or 0

    # -- values -----------------------------------------------------------------------------------

    def _shown(self, kind: Kind, type_: Any, nodes: list[FieldNode]) -> Callable[[Any], Any] | None:
        inner = self._shown_inside(kind, type_, nodes)
        if inner is None or kind.shape == "list":
            return inner
        shown = inner
        return lambda value: None if value is None else shown(value)

    def _shown_inside(self, kind: Kind, type_: Any, nodes: list[FieldNode]) -> Callable[[Any], Any] | None:
        if kind.shape == "list" and kind.item is not None:
            each = self._shown(kind.item, type_, nodes)
            return None if each is None else lambda values: None if values is None else [each(one) for one in values]
        if kind.shape == "enum" and isinstance(type_, GraphQLEnumType):
            names = {one.value: name for name, one in type_.values.items()}
            return None if all(name == value for value, name in names.items()) else names.__getitem__
        if kind.shape == "struct" and isinstance(type_, GraphQLObjectType):
            return self._struct(type_, nodes)
        if kind.scalar == "Float":
            return _finite
        return inputs.from_json_text if kind.duckdb.upper() == "JSON" else None

    def _struct(self, type_: GraphQLObjectType, nodes: list[FieldNode]) -> Callable[[Any], Any]:
        parts: list[tuple[str, str | None, Callable[[Any], Any] | None]] = []
        for key, those in self.inside(nodes).items():
            if those[0].name.value == TYPENAME:
                parts.append((key, None, lambda _value: type_.name))
                continue
            field = type_.fields[those[0].name.value]
            name, kind = field.extensions[OURS]
            parts.append((key, name, self._shown(kind, get_named_type(field.type), those)))

        def show(value: Mapping[str, Any]) -> dict[str, Any]:
            found = {}
            for key, name, inner in parts:
                held = value[name] if name is not None else None
                found[key] = held if inner is None else inner(held)
            return found

        return show

    # -- sums -------------------------------------------------------------------------------------

    def totals(self, type_: GraphQLObjectType, entity: Entity, nodes: list[FieldNode], args: Mapping[str, Any], *,
               times: int = 1, link: Link | None = None) -> Totals:
        found = Totals(entity, {}, inputs.condition(entity, args.get("where")), link)
        self.spend(times)
        for key, those in self.inside(nodes).items():
            name = those[0].name.value
            if name == TYPENAME:
                found.out[key] = type_.name
                continue
            field = type_.fields[name]
            inner, told = get_named_type(field.type), self.arguments(field, those[0])
            assert isinstance(inner, GraphQLObjectType)
            if name == "aggregate":
                found.out[key] = self._sums(inner, entity, those)
            elif name == "groups":
                found.out[key] = self._groups(inner, entity, those, told, times)
            else:
                found.out[key] = self.rows(inner, entity, those, {**told, "where": args.get("where")}, times=times,
                                           nested=link is not None)
        return found

    def _groups(self, type_: GraphQLObjectType, entity: Entity, nodes: list[FieldNode], args: Mapping[str, Any],
                times: int) -> Groups:
        by = tuple(entity.fields[one] for one in dict.fromkeys(args["by"]))
        if not by:
            raise UsageError("groups(by: []) groups by nothing.", hint="Name a column, or ask for `aggregate`.")
        found = Groups(by, {}, self._limit(args.get("limit"), self.limits.default_rows))
        self.spend(times * found.limit)
        for key, those in self.inside(nodes).items():
            name = those[0].name.value
            if name == TYPENAME:
                found.out[key] = type_.name
                continue
            inner = get_named_type(type_.fields[name].type)
            assert isinstance(inner, GraphQLObjectType)
            if name == "aggregate":
                found.out[key] = self._sums(inner, entity, those)
                continue
            keys: dict[str, Any] = {}
            for inside, each in self.inside(those).items():
                held = each[0].name.value
                keys[inside] = inner.name if held == TYPENAME else Column(
                    entity.fields[held], self._shown(entity.fields[held].kind,
                                                     get_named_type(inner.fields[held].type), each))
            found.out[key] = keys
        return found

    def _sums(self, type_: GraphQLObjectType, entity: Entity, nodes: list[FieldNode]) -> Sums:
        from pluto_duck.session.rows import Measure

        found = Sums({}, [], [])

        def measure(function: Any, column: str | None, show: Callable[[Any], Any] | None) -> int:
            found.measures.append(Measure(function, column, f"pluto:{len(found.measures)}"))
            found.shows.append(show)
            return len(found.measures) - 1

        for key, those in self.inside(nodes).items():
            name = those[0].name.value
            if name == TYPENAME:
                found.out[key] = type_.name
                continue
            field = type_.fields[name]
            if name == "count":
                told = self.arguments(field, those[0])
                column = entity.fields[told["column"]].column if told.get("column") else None
                if told.get("distinct") and column is None:
                    raise UsageError("count(distinct: true) needs a column.", hint="count(column: id, distinct: true)")
                found.out[key] = measure("count distinct" if told.get("distinct") else "count", column, None)
                continue
            inner = get_named_type(field.type)
            assert isinstance(inner, GraphQLObjectType)
            found.out[key] = {inside: inner.name if each[0].name.value == TYPENAME else measure(
                name, entity.fields[each[0].name.value].column,
                self._measured(name, entity.fields[each[0].name.value], inner.fields[each[0].name.value], each))
                for inside, each in self.inside(those).items()}
        return found

    def _measured(self, function: str, held: Field, field: GraphQLField, nodes: list[FieldNode],
                  ) -> Callable[[Any], Any] | None:
        if function in ("sum", "avg"):
            return None if held.kind.scalar != "Float" and function == "sum" else _finite_or_none
        return self._shown(held.kind, get_named_type(field.type), nodes)


def _finite(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError(f"{value} is no Float of GraphQL.")
    return value


def _finite_or_none(value: Any) -> Any:
    return None if value is None else _finite(value)


def refused(error: GraphQLError) -> UsageError:
    """What graphql-core finds wrong with a value, as an error of ours."""
    return UsageError(error.message[:300])
