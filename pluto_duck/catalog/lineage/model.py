"""What comes from what: nodes, links between them with their columns, and the way up or down from one of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from pluto_duck.workspace.tableref import fold

Kind = Literal["table", "view", "missing", "source", "file", "dashboard", "question", "answer", "role", "sink",
               "webhook", "check", "metric", "term", "join", "schedule", "notebook"]
By = Literal["load", "view", "dbt", "statement", "question", "served", "check", "words", "schedule", "notebook"]
Direction = Literal["up", "down"]
DEEPEST = 200
"""Steps that are followed at most: DuckDB runs no view over many more, and no reader follows them."""
TABLES = ("table", "view", "missing")
"""Kinds of what is, or was, a table of the workspace; the id of one is `TableRef.key`."""


@dataclass(frozen=True)
class Node:
    id: str
    kind: Kind
    name: str
    """As a reader calls it."""
    columns: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    note: str = ""
    """What is wrong with it, or not known."""

    def fact(self, name: str) -> str:
        return next((value for key, value in self.facts if key == name), "")


@dataclass(frozen=True)
class Link:
    above: str
    below: str
    by: By
    columns: tuple[tuple[str, str, str], ...] = ()
    """(column above, column below, `same`, `computed` or `aggregated`); both `*`: each under its own name."""
    named: frozenset[str] = frozenset()
    """Columns above without which what makes `below` would not run."""
    uses: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(column above, what rows are chosen by it for: filter, join, group, sort)."""
    whole: bool = False
    """Which columns become which is not known."""

    def made_of(self, column: str) -> list[tuple[str, str]]:
        """(column above, how) for one below."""
        return [(above if below != "*" else column, how) for above, below, how in self.columns
                if fold(below) in ("*", fold(column))]

    def becomes(self, column: str) -> list[tuple[str, str]]:
        """(column below, how) for one above."""
        return [(below if below != "*" else column, how) for above, below, how in self.columns
                if fold(above) in ("*", fold(column))]

    def used(self, column: str) -> tuple[str, ...]:
        return next((kinds for name, kinds in self.uses if fold(name) == fold(column)), ())


@dataclass(frozen=True)
class Branch:
    """One step of a way up or down, with those behind it."""

    node: Node
    column: str | None = None
    """None: the table as a whole."""
    how: str = ""
    """Of a column: same, computed, aggregated, or what its rows are chosen by it for."""
    by: str = ""
    branches: tuple[Branch, ...] = ()
    again: bool = False
    """It stands elsewhere in the tree already, with what is behind it."""


@dataclass(frozen=True)
class Around:
    """What lies above and below one table or column."""

    start: Node
    column: str | None
    up: tuple[Branch, ...]
    down: tuple[Branch, ...]
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    """Between those nodes; of a column only with the columns that hang together with it."""
    asked: tuple[Direction, ...] = ("up", "down")
    more: bool = False
    """There is more, beyond the depth that was asked for."""


@dataclass(frozen=True)
class Part:
    """What one collector knows."""

    nodes: tuple[Node, ...] = ()
    links: tuple[Link, ...] = ()


class Lineage:
    """All that is known, put together from its parts. What several of them say of one node adds up."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self.nodes: dict[str, Node] = {}
        links: dict[tuple[str, str], Link] = {}
        for part in parts:
            for node in part.nodes:
                self.nodes[node.id] = _together(self.nodes[node.id], node) if node.id in self.nodes else node
            for link in part.links:
                at = (link.above, link.below)
                links[at] = _both(links[at], link) if at in links else link
        self.links = tuple(one for one in links.values() if one.above in self.nodes and one.below in self.nodes)

    @cached_property
    def _up(self) -> Mapping[str, list[Link]]:
        return _grouped(self.links, lambda one: one.below)

    @cached_property
    def _down(self) -> Mapping[str, list[Link]]:
        return _grouped(self.links, lambda one: one.above)

    def above(self, id: str) -> Sequence[Link]:
        return self._up.get(id, [])

    def below(self, id: str) -> Sequence[Link]:
        return self._down.get(id, [])

    def around(self, id: str, column: str | None = None, *, up: bool = True, down: bool = True,
               depth: int = 0) -> Around:
        """`depth`: steps in each direction; 0: as many as there are, up to DEEPEST."""
        walk = _Walk(self, min(depth or DEEPEST, DEEPEST))
        walk.seen.add((id, column))
        ways: dict[Direction, tuple[Branch, ...]] = {"up": (), "down": ()}
        for direction, wanted in (("up", up), ("down", down)):
            if wanted:
                ways[direction] = walk.steps(id, column, direction, 1)  # type: ignore[index,arg-type]
        nodes = [self.nodes[one] for one in dict.fromkeys([id, *walk.reached])]
        asked: tuple[Direction, ...] = (*(("up",) if up else ()), *(("down",) if down else ()))
        return Around(self.nodes[id], column, ways["up"], ways["down"], tuple(nodes), tuple(walk.links()), asked,
                      walk.more)


@dataclass
class _Walk:
    lineage: Lineage
    depth: int
    seen: set[tuple[str, str | None]] = field(default_factory=set)
    reached: dict[str, None] = field(default_factory=dict)
    used: dict[tuple[str, str], set[tuple[str, str, str]] | None] = field(default_factory=dict)
    """Of each link the pairs of columns that were followed; None: all of it."""
    more: bool = False

    def steps(self, id: str, column: str | None, direction: Direction, level: int) -> tuple[Branch, ...]:
        found = []
        links = self.lineage.above(id) if direction == "up" else self.lineage.below(id)
        for link in links:
            for there, name, how in self._ways(link, column, direction):
                if level > self.depth:
                    self.more = True
                    return ()
                self.reached[there] = None
                self._follow(link, column, name, how, direction)
                # Rows that are chosen by a column which is there itself: what is made of them is all that lies below,
                # and would bury what is made of the column.
                aside = column is not None and name is None and direction == "down" and bool(link.becomes(column))
                again = (there, name) in self.seen
                if not aside:
                    self.seen.add((there, name))
                behind = () if again or aside else self.steps(there, name, direction, level + 1)
                again = again and bool(self.lineage.above(there) if direction == "up" else self.lineage.below(there))
                found.append(Branch(self.lineage.nodes[there], name, how, link.by, behind, again))
        return tuple(found)

    def _ways(self, link: Link, column: str | None, direction: Direction) -> list[tuple[str, str | None, str]]:
        """(node, column or None, how) at the other end of a link."""
        there = link.above if direction == "up" else link.below
        if column is None or link.whole:
            return [(there, None, "")]
        ways: list[tuple[str, str | None, str]] = [
            (there, name if name != "*" else None, how) for name, how in (
                link.made_of(column) if direction == "up" else link.becomes(column))]
        if direction == "down" and (used := link.used(column) or ("named",) * (not ways and column in link.named)):
            ways.append((there, None, ", ".join(used)))
        return ways

    def _follow(self, link: Link, column: str | None, name: str | None, how: str, direction: Direction) -> None:
        at = (link.above, link.below)
        if column is None or link.whole:
            self.used[at] = None
            return
        pairs = self.used.setdefault(at, set())
        if pairs is not None:  # of a file all of it is meant: *
            pairs.add((name or "*", column, how) if direction == "up" else (column, name or "*", how))

    def links(self) -> Iterable[Link]:
        for link in self.lineage.links:
            at = (link.above, link.below)
            if at in self.used:
                pairs = self.used[at]
                yield link if pairs is None else replace(
                    link, columns=tuple(one for one in link.columns if _folded(one) in {_folded(p) for p in pairs}))


def _folded(pair: tuple[str, str, str]) -> tuple[str, str]:
    return fold(pair[0]), fold(pair[1])


def _grouped(links: Iterable[Link], key: object) -> dict[str, list[Link]]:
    found: dict[str, list[Link]] = {}
    for link in links:
        found.setdefault(key(link), []).append(link)  # type: ignore[operator]
    return found


def _together(first: Node, second: Node) -> Node:
    known = dict(first.facts)
    facts = (*first.facts, *((name, value) for name, value in second.facts if name not in known))
    if first.kind == "missing" and second.kind != "missing":
        return replace(second, facts=facts)
    return replace(first, facts=facts, note=first.note or (second.note if second.kind != "missing" else ""),
                   columns=first.columns or second.columns)


def _both(first: Link, second: Link) -> Link:
    """What binds more closely tells which column becomes which."""
    if first.whole != second.whole:
        first, second = (second, first) if first.whole else (first, second)
        return replace(first, named=first.named | second.named)
    return replace(first, columns=tuple(dict.fromkeys((*first.columns, *second.columns))),
                   named=first.named | second.named, uses=tuple(dict((*first.uses, *second.uses)).items()))
