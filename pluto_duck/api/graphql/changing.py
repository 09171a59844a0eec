"""insert_, update_ and delete_: all of a request's in one transaction, in the order of the document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pluto_duck.api.graphql import inputs
from pluto_duck.api.graphql.plan import TYPENAME, Planner, Rows
from pluto_duck.api.graphql.read import Level, Path, Reading
from pluto_duck.errors import UsageError

if TYPE_CHECKING:
    from graphql import FieldNode, GraphQLObjectType

    from pluto_duck.api.graphql.model import Entity
    from pluto_duck.api.graphql.schema import Root
    from pluto_duck.session import Session
    from pluto_duck.session.rows import Change, Changed, Condition

MOST = 1_000
"""Rows that one field inserts."""


@dataclass
class Changing:
    change: Change
    rows: Rows
    """How the rows written are shown."""
    out: dict[str, str] | None
    """Response name -> affected_rows, returning or a type's name; None: the row itself."""
    type_name: str = ""


def by_key(entity: Entity, args: Mapping[str, Any]) -> Condition:
    from pluto_duck.session.rows import All, Compare

    parts = tuple(Compare(one.column, "=", args[one.name]) for one in entity.key)
    return parts[0] if len(parts) == 1 else All(parts)


def planned(planner: Planner, type_: GraphQLObjectType, root: Root, nodes: list[FieldNode], args: Mapping[str, Any],
            ) -> Changing:
    from graphql import GraphQLObjectType, get_named_type

    entity = root.entity
    assert entity is not None
    change = _change(root, entity, args)
    single = root.op.endswith("_one") or root.op.endswith("_by_pk")
    times = len(args.get("objects", ())) if root.op == "insert" else 1 if single else planner.limits.default_rows
    planner.spend(times)
    if single:
        return Changing(change, Rows(entity, planner.out(type_, nodes, times), single=True), None)
    out: dict[str, str] = {}
    rows = Rows(entity)
    for key, those in planner.inside(nodes).items():
        name = those[0].name.value
        out[key] = type_.name if name == TYPENAME else name
        if name == "returning":
            inner = get_named_type(type_.fields[name].type)
            assert isinstance(inner, GraphQLObjectType)
            if rows.out:
                raise UsageError("`returning` stands there twice.", hint="Ask for it once.")
            rows.out = planner.out(inner, those, times)
    return Changing(change, rows, out, type_.name)


def _change(root: Root, entity: Entity, args: Mapping[str, Any]) -> Change:
    from pluto_duck.session.rows import Delete, Insert, Update

    if root.op in ("insert", "insert_one"):
        objects = args["objects"] if root.op == "insert" else [args["object"]]
        if len(objects) > MOST:
            raise UsageError(f"{len(objects)} rows are more than {MOST}.", hint="Insert them in several requests.")
        return Insert(entity.ref, tuple(inputs.values(entity, one) for one in objects),
                      args.get("on_conflict") or "error")
    if root.op in ("update", "update_by_pk"):
        where = by_key(entity, args["pk_columns"]) if root.op == "update_by_pk" else _whose(entity, args["where"])
        values = inputs.values(entity, args["_set"])
        if not values:
            raise UsageError("_set names no column.", hint="For example: _set: {name: \"new\"}.")
        return Update(entity.ref, where, values)
    return Delete(entity.ref, by_key(entity, args) if root.op == "delete_by_pk" else _whose(entity, args["where"]))


def _whose(entity: Entity, told: Mapping[str, Any]) -> Condition:
    """`{}` is every row, as with Hasura: it has to be written."""
    from pluto_duck.session.rows import All

    return inputs.condition(entity, told) or All(())


def write(session: Session, plans: Sequence[tuple[str, Changing]]) -> dict[str, Changed]:
    done = session.change([plan.change for _key, plan in plans])
    return {key: one for (key, _plan), one in zip(plans, done, strict=True)}


def shown(reading: Reading, plan: Changing, done: Changed, path: Path) -> Any:
    wanted = plan.rows
    rows: list[dict[str, Any]] = []
    if done.rows is not None and (plan.out is None or "returning" in plan.out.values()):
        where = path if plan.out is None else (*path, "returning")
        rows = reading.shown(wanted, Level(wanted.entity, done.rows), where)
    if plan.out is None:
        return rows[0] if rows else None
    return {key: done.affected if name == "affected_rows" else rows if name == "returning" else name
            for key, name in plan.out.items()}
