"""What would no longer work without a table, or without one of its columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from pluto_duck.catalog.lineage.model import TABLES, Lineage, Link, Node
from pluto_duck.workspace.tableref import fold

What = Literal["refused", "breaks", "fails next", "may break", "loses", "stale"]
"""`refused`: DuckDB would not drop it; `breaks`: can't be read any more; `fails next`: stays as it is until it is made
the next time, which fails; `may break`: which columns it reads is not known; `loses`: works on without the column;
`stale`: works on over something that fails next."""
ORDER: tuple[What, ...] = ("refused", "breaks", "fails next", "may break", "loses", "stale")


@dataclass(frozen=True)
class Effect:
    node: Node
    what: What
    columns: tuple[str, ...]
    """Of `node`: those that go, or are made of what goes."""
    why: str
    """By which node above, and how."""


@dataclass(frozen=True)
class Impact:
    start: Node
    column: str | None
    effects: tuple[Effect, ...]
    """The worst first."""

    @property
    def broken(self) -> tuple[Effect, ...]:
        return tuple(one for one in self.effects if one.what in ("refused", "breaks", "fails next"))


def impact(lineage: Lineage, id: str, column: str | None = None, *, refused: str = "") -> Impact:
    """If `column` of it were dropped, or all of it. `refused`: why DuckDB would not drop it."""
    walk = _Walk(lineage)
    if column is None:
        walk.gone(lineage.nodes[id])
    else:
        walk.without(lineage.nodes[id], column)
    walk.run()
    walk.effects.pop(id, None)
    if refused:
        walk.effects[id] = Effect(lineage.nodes[id], "refused", (column,) if column else (), refused)
    found = sorted(walk.effects.values(), key=lambda one: (ORDER.index(one.what), one.node.kind, one.node.name))
    return Impact(lineage.nodes[id], column, tuple(found))


class _Walk:
    def __init__(self, lineage: Lineage) -> None:
        self._lineage = lineage
        self.effects: dict[str, Effect] = {}
        self._waiting: list[Callable[[], None]] = []
        """What follows from what was found: chains may be longer than Python's stack."""

    def run(self) -> None:
        while self._waiting:
            self._waiting.pop()()

    def _add(self, node: Node, what: What, why: str, columns: tuple[str, ...] = ()) -> bool:
        """Whether that is news."""
        known = self.effects.get(node.id)
        if known is not None and ORDER.index(known.what) <= ORDER.index(what) and set(columns) <= set(known.columns):
            return False
        worse = what if known is None or ORDER.index(what) < ORDER.index(known.what) else known.what
        kept = known.columns if known is not None else ()
        self.effects[node.id] = Effect(node, worse, tuple(dict.fromkeys((*kept, *columns))),
                                       why if known is None or worse != known.what else known.why)
        return True

    def gone(self, node: Node) -> None:
        """`node` can't be read any more."""
        for link in self._lineage.below(node.id):
            below = self._lineage.nodes[link.below]
            columns = tuple(dict.fromkeys(name for _above, name, _how in link.columns))
            if self._add(below, _kept(below, "loses"), f"it reads {node.name}", columns):
                self._onward(link, below)

    def without(self, node: Node, column: str) -> None:
        """`node` has a column less."""
        for link in self._lineage.below(node.id):
            below = self._lineage.nodes[link.below]
            made = tuple(name for name, _how in link.becomes(column) if name != "*")
            if link.whole and not link.named:
                self._add(below, "may break", f"it reads {node.name}; of which columns is not known", made)
            elif fold(column) in {fold(one) for one in link.named}:
                how = ", ".join(link.used(column))
                why = f"it names {node.name}.{column}" + (f" ({how})" if how else "")
                if self._add(below, _kept(below, "breaks"), why, made):
                    self._onward(link, below)
            elif made and self._add(below, "loses", f"it takes all columns of {node.name}", made):
                self._waiting += [partial(self.without, below, name) for name in made]

    def _onward(self, link: Link, below: Node) -> None:
        if below.kind in ("view", "check"):
            self._waiting.append(partial(self.gone, below))
        elif below.kind in TABLES:
            self._waiting.append(partial(self._stale, below))

    def _stale(self, node: Node) -> None:
        """`node` stays as it is, and gets no new rows."""
        for link in self._lineage.below(node.id):
            below = self._lineage.nodes[link.below]
            what: What = "fails next" if below.kind == "schedule" else "stale"
            if self._add(below, what, f"{node.name} is not made anew") and below.kind in TABLES:
                self._waiting.append(partial(self._stale, below))


def _kept(below: Node, served: What) -> What:
    """Of what is made from time to time, the last one stays. `served`: for who is served with rows."""
    if below.kind == "table":
        return "fails next"
    return served if below.kind in ("role", "sink", "webhook") else "breaks"
