"""Lineage as text: a tree up and a tree down, and what would break."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pluto_duck.catalog.lineage import Around, Branch, Impact, Node

KINDS = {"missing": "missing table"}
_SAID = {"breaks": "breaks", "fails next": "fails when it is made next", "may break": "may break",
         "loses": "goes on without",
         "stale": "is not renewed", "refused": "DuckDB refuses"}
_COLUMNS = 4
_BRIEF = ("dbt", "connection", "loaded at", "loaded by", "made by SQL at", "kept view", "owner", "to", "runs")
"""Facts that a line of the tree has room for."""


def text(around: Around) -> str:
    start, column = around.start, around.column
    lines = [_titled(start, column)]
    for way, heading, branches, none in (("up", "is made of", around.up, "nothing that is known"),
                                         ("down", "is read by", around.down, "nobody that is known")):
        if way not in around.asked:
            continue
        lines.append(f"{heading}:" if branches else f"{heading}: {none}")
        lines += _tree(branches)
    if around.more:
        lines.append("There is more beyond --depth.")
    return "\n".join(lines)


def impact_text(found: Impact) -> str:
    what = named(found.start, found.column)
    if not found.effects:
        return f"Nothing that is known would break without {what}."
    lines = [f"Without {what}:"]
    width = max(len(one.node.name) for one in found.effects)
    for one in found.effects:
        columns = ", ".join(one.columns[:_COLUMNS]) + ("..." if len(one.columns) > _COLUMNS else "")
        # The columns of checks are the single checks.
        said = _SAID[one.what] + (f" {columns}" if columns and (one.what == "loses" or one.node.kind == "check")
                                  else "")
        lines.append(f"  {one.node.name:{width}}  {kind_of(one.node):9}  {said}: {one.why}")
    broken = len(found.broken)
    if any(one.what == "refused" for one in found.effects):
        lines.append("DuckDB would not drop it as it is." + (f" Else {broken - 1} would break or fail." if broken > 1
                                                             else ""))
    else:
        lines.append(f"{broken} would break or fail." if broken else "Nothing would break.")
    return "\n".join(lines)


def named(node: Node, column: str | None) -> str:
    if column is None:
        return node.name
    return f"{node.name}.{column}" if node.kind in ("table", "view", "missing") else f"{column} in {node.name}"


def _titled(start: Node, column: str | None) -> str:
    what = f"{'an' if kind_of(start)[:1] in 'aeiou' else 'a'} {kind_of(start)}"
    kind = f", a column of {what}" if column is not None else f", {what}"
    return f"{named(start, column)}{kind}{_about(start)}"


def kind_of(node: Node) -> str:
    return node.fact("kind") or KINDS.get(node.kind, node.kind)


def _about(node: Node) -> str:
    facts = [f"{name} {value}" for name, value in node.facts if name not in ("kind", "comment")]
    return (f" ({', '.join(facts)})" if facts else "") + (f"  ! {node.note}" if node.note else "")


def _briefly(node: Node) -> str:
    facts = [f"{name} {value}" for name, value in node.facts if name in _BRIEF]
    return (f"  {', '.join(facts)}" if facts else "") + (f"  ! {node.note}" if node.note else "")


def _tree(branches: Sequence[Branch], before: str = "  ") -> Iterator[str]:
    for place, one in enumerate(branches):
        last = place == len(branches) - 1
        yield before + ("└─ " if last else "├─ ") + _line(one)
        yield from _tree(one.branches, before + ("   " if last else "│  "))


def _line(one: Branch) -> str:
    how = f"  {one.how}" if one.how and one.how != "same" else ""
    again = "  (see above)" if one.again else ""
    return f"{named(one.node, one.column)}  [{kind_of(one.node)}]{how}{_briefly(one.node)}{again}"
