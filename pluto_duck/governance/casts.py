"""The types that a statement names: built-in ones only."""

from __future__ import annotations

from collections.abc import Iterator

from pluto_duck.governance import tree
from pluto_duck.governance.refusals import Node, path_of, refused_type, unknown_part
from pluto_duck.workspace.tableref import fold

_TYPE_FIELDS = {*tree.EXPRESSION_FIELDS["CONSTANT"], "catalog", "schema", "type_name", "children", "qualified_name"}


def refuse_types(node: Node) -> Iterator[Node]:
    """Raises Refused; yields the constants inside a type (the 10 of DECIMAL(10, 2)), which are expressions."""
    if node.get("class") == "TYPE":
        yield from _node(node)
    else:
        _record(node)


def _node(node: Node) -> Iterator[Node]:
    """2.0: a TYPE node, whose children are types and constants."""
    path = path_of(node, "catalog", "schema", "type_name")
    if node.get("type") != "TYPE" or len(path) != 1 or fold(path[0]) not in tree.TYPE_NAMES:
        raise refused_type(".".join(path))
    if set(node) - _TYPE_FIELDS:
        raise unknown_part("CAST")
    for child in node.get("children") or ():
        if child.get("class") == "CONSTANT":
            yield child
        else:
            yield from _node(child)


def _record(node: Node) -> None:
    """1.5: {"id", "type_info"}."""
    info = node.get("type_info") or {}
    kind = str(node.get("id"))
    if set(node) - {"id", "type_info"}:
        raise unknown_part("CAST")
    if kind == "VARIANT":
        return  # its inner structure is the engine's own
    if kind == "UNBOUND":
        if info.get("catalog") or info.get("schema"):
            raise refused_type(f"{info.get('schema')}.{info.get('name')}")
        kind = str(info.get("name"))
    if fold(kind) not in tree.TYPE_NAMES:
        raise refused_type(kind)
    if not info:
        return
    known = tree.TYPE_INFOS.get(str(info.get("type")))
    if known is None or any(value for key, value in info.items() if key not in {*known, "type", "alias"}):
        raise refused_type(kind)
    for child in info.get("child_types") or ():
        _record(child["second"])
    if info.get("child_type"):
        _record(info["child_type"])
