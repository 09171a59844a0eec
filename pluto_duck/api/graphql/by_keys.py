"""Requests of one actor that wait together and ask for rows by their keys: one statement for each table and columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pluto_duck.api.graphql.plan import Column, FoundAt, Rows
from pluto_duck.api.graphql.read import Level, Path, Reading, columns

if TYPE_CHECKING:
    from pluto_duck.api.graphql.answering import Prepared
    from pluto_duck.api.graphql.model import Entity
    from pluto_duck.session import Session, TableRef

_TOLD = ("Int", "BigInt", "String", "UUID", "Date")
"""Scalars whose text is the value."""


def key_of(entity: Entity, args: Mapping[str, Any]) -> tuple[str, ...] | None:
    if any(one.kind.shape != "scalar" or one.kind.scalar not in _TOLD for one in entity.key):
        return None
    return tuple(str(args[one.name]) for one in entity.key)


def fits(plan: Any) -> bool:
    return isinstance(plan, Rows) and plan.key is not None and all(
        isinstance(one, Column | str) for one in plan.out.values())


def look_up(session: Session, all_: Sequence[Prepared]) -> None:
    """Reads what they all ask for, and leaves it with their plans."""
    groups: dict[tuple[TableRef, tuple[str, ...]], list[Rows]] = {}
    for one in all_:
        for _key, plan, _nullable in one.work:
            if one.ready and fits(plan):
                groups.setdefault((plan.entity.ref, columns(plan)), []).append(plan)
    for (ref, names), plans in groups.items():
        keys = list(dict.fromkeys(plan.key for plan in plans if plan.key is not None))
        found = session.by_key(ref, keys, names)
        level = Level(plans[0].entity, found.result)
        places = {key: FoundAt(level, found.at[i], found.errors.get(i)) for i, key in enumerate(keys)}
        for plan in plans:
            assert plan.key is not None
            plan.found = places[plan.key]


def shown(reading: Reading, plan: Rows, found: FoundAt, path: Path) -> dict[str, Any] | None:
    if found.error is not None:
        raise type(found.error)(found.error.message, hint=found.error.hint, **found.error.facts)
    if found.at is None:
        return None
    reading.count += 1
    row: dict[str, Any] = {}
    for key, out in plan.out.items():
        if not isinstance(out, Column):
            row[key] = out
            continue
        value = found.level.column(out.field.column)[found.at]
        row[key] = value if out.show is None else reading.one(out.show, value, (*path, key))
    return row
