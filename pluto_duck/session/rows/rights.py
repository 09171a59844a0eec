"""Which columns of which tables an actor may write: for doors that describe themselves before anybody writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pluto_duck.workspace.protocol import Json, Reply, Request

if TYPE_CHECKING:
    from pluto_duck.session import Session, TableInfo
    from pluto_duck.session.rows.host import GovernedRows


@dataclass(frozen=True)
class Rights:
    """Of one table. What a write does to each row is checked when it is made."""

    insert: tuple[str, ...] = ()
    update: tuple[str, ...] = ()
    delete: bool = False


def rights(session: Session, tables: Sequence[TableInfo]) -> dict[str, Rights]:
    """By `TableRef.key`; tables that have none are left out."""
    if session.actor is None:
        owners = {one.ref.key: tuple(column.name for column in one.columns) for one in tables if one.kind == "table"}
        return {key: Rights(names, names, True) for key, names in owners.items()}
    found = session._link.call(Request("rights", retry="read")).header["rights"]
    return {key: Rights(tuple(insert), tuple(update), delete) for key, insert, update, delete in found}


def granted(rows: GovernedRows) -> Reply:
    """In the host."""
    rows.begin()
    catalog, found = rows.catalog, list[Json]()
    for key, seen in catalog.seen.items():
        if not seen.stored or rows.seen(seen.ref) is None:
            continue
        plain = [name for name, _type in seen.columns if name in seen.lens.plain]
        insert = [one for one in plain if catalog.writable("insert", seen.ref, [one])]
        update = [one for one in plain if catalog.writable("update", seen.ref, [one])]
        delete = catalog.writable("delete", seen.ref, [])
        if insert or update or delete:
            found.append([key, insert, update, delete])
    return Reply({"rights": found})
