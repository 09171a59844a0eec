"""`lineage`: what a table or column is made of, who reads it, and what would break without it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from pluto_duck.commands import Door
from pluto_duck.commands.group import SECTIONS, Whole, verb
from pluto_duck.commands.lineage_whole import whole
from pluto_duck.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from pluto_duck.catalog.lineage import Around, Impact, Lineage, Link, Node
    from pluto_duck.session import Session


@verb(SECTIONS[2], "lineage orders", "lineage orders.total --up", "lineage impact raw.customers.email",
      "lineage orders --down --depth 1 --json")
@click.argument("words", metavar="[impact] TABLE[.COLUMN]", nargs=-1, required=True)
@click.option("--up", is_flag=True, help="Only what it is made of.")
@click.option("--down", is_flag=True, help="Only what is made of it, and who reads it.")
@click.option("--depth", type=Whole(1), metavar="N", help="So many steps in each direction; else all.")
@click.option("--impact", "breaks", is_flag=True, help="The same as `lineage impact NAME`.")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def lineage(door: Door, words: tuple[str, ...], up: bool, down: bool, depth: int | None, breaks: bool,
            as_json: bool) -> object:
    """Where a table or column comes from, and what hangs on it: loads, views, dbt models, questions, who is served.

    `lineage impact NAME`: what would break without it.
    """
    name, breaks = words[-1], breaks or (words[0] == "impact" and len(words) == 2)
    if len(words) > 1 + (words[0] == "impact"):
        raise UsageError("Name one table or column.", hint=f"{door.program} lineage orders.total; quote what has "
                                                           "spaces: '\"my table\".total'")
    session = door.open_session()
    known = whole(session)
    id, column = find(known, name)
    if breaks:
        found = broken(session, known, id, column)
        return _json(impact_object(found)) if as_json else found
    around = known.around(id, column, up=up or not down, down=down or not up, depth=depth or 0)
    return _json(as_object(around)) if as_json else around


def broken(session: Session, known: Lineage, id: str, column: str | None) -> Impact:
    """What would break without it, and whether DuckDB would drop it at all."""
    from pluto_duck.catalog.lineage import impact, refusal

    table = next((one for one in session.tables() if one.ref.key == id), None)
    return impact(known, id, column, refused="" if table is None else refusal(session, table, column))


def find(lineage: Lineage, name: str) -> tuple[str, str | None]:
    """The id and the column that are meant. Raises UnknownName with the nearest names."""
    from pluto_duck.workspace.tableref import TableRef, parts

    by_name = _names(lineage)
    if name in by_name:
        return by_name[name], None
    path = parts(name)
    if not 1 <= len(path) <= 3 or not all(path):
        raise UsageError(f"{name!r} is not the name of a table or column.",
                         hint='table, schema.table, table.column or schema.table.column; quote odd names: "my.table"')
    for length in (2, 1):
        if len(path) - length not in (0, 1):
            continue
        node = lineage.nodes.get(TableRef(path[length - 1], *path[:length - 1]).key)
        if node is not None:
            return node.id, None if len(path) == length else column_of(node, path[-1])
    raise unknown_name("table", name, by_name)


def table_of(lineage: Lineage, name: str) -> str:
    """The id of a table, or of anything else that goes by that name. Raises UnknownName."""
    from pluto_duck.workspace import TableRef

    by_name = _names(lineage)
    if name in by_name:
        return by_name[name]
    try:
        key = TableRef.parse(name).key
    except UsageError:
        key = ""
    if key not in lineage.nodes:
        raise unknown_name("table", name, by_name)
    return key


def column_of(node: Node, name: str) -> str:
    """As the table writes it. Raises UnknownName; of a table that is not there any column may be asked for."""
    from pluto_duck.workspace.tableref import fold

    found = next((one for one in node.columns if fold(one) == fold(name)), None)
    if found is None and (node.columns or node.kind != "missing"):
        raise unknown_name("column", name, node.columns, where=node.name)
    return found or name


def _names(lineage: Lineage) -> dict[str, str]:
    return {one.name: one.id for one in reversed(lineage.nodes.values())}


def as_object(around: Around) -> dict[str, Any]:
    """As REST has it, too."""
    return {"start": around.start.id, "column": around.column, "more": around.more,
            "nodes": [_node(one) for one in around.nodes], "links": [_link(one) for one in around.links]}


def impact_object(found: Impact) -> dict[str, Any]:
    return {"start": found.start.id, "column": found.column, "effects": [
        {"id": one.node.id, "kind": one.node.kind, "name": one.node.name, "what": one.what,
         "columns": list(one.columns), "why": one.why} for one in found.effects]}


def _node(node: Node) -> dict[str, Any]:
    return {"id": node.id, "kind": node.kind, "name": node.name, "columns": list(node.columns),
            "facts": dict(node.facts), "note": node.note}


def _link(link: Link) -> dict[str, Any]:
    return {"above": link.above, "below": link.below, "by": link.by, "whole": link.whole,
            "columns": [{"above": above, "below": below, "how": how} for above, below, how in link.columns],
            "uses": [{"column": column, "for": list(kinds)} for column, kinds in link.uses]}


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)


__all__ = ["as_object", "broken", "column_of", "find", "impact_object", "lineage", "table_of", "whole"]
