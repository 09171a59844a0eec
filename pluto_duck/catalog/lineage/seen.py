"""The lineage as somebody sees it who does not see every table.

What lies between is left out, not cut: where `a` becomes `c` through a view that is hidden, `a` becomes `c`. Nothing
is named but tables and columns that the reader sees anyway; where data came from, who else reads it and why a view
can't be run are the owner's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pluto_duck.catalog.lineage.model import Lineage, Link, Node, Part
from pluto_duck.session import TableInfo
from pluto_duck.workspace.tableref import fold

_MORE = {"": 0, "same": 0, "computed": 1, "aggregated": 2}


def seen(lineage: Lineage, tables: Sequence[TableInfo]) -> Lineage:
    """`tables`: those that the reader sees, with the columns it sees."""
    columns = {one.ref.key: {fold(column.name) for column in one.columns} for one in tables}
    nodes = tuple(Node(one.ref.key, one.kind, str(one.ref), tuple(column.name for column in one.columns))
                  for one in tables if one.ref.key in lineage.nodes)
    reaching = _Reaching(lineage, columns.keys())
    links = [shown for node in nodes for link in reaching.to(node.id)
             if (shown := _shown(link, columns)) is not None]
    return Lineage([Part(nodes, tuple(links))])


class _Reaching:
    """The links from visible nodes to others, through hidden ones, each of which is looked at once."""

    def __init__(self, lineage: Lineage, visible: Collection[str]) -> None:
        self._lineage, self._visible = lineage, visible
        self._known: dict[str, list[Link]] = {}
        """Of hidden nodes."""

    def to(self, id: str) -> list[Link]:
        """One for each visible node above; not from itself."""
        self._learn(id)
        return [one for one in self._put_together(id) if one.above != id]

    def _learn(self, id: str) -> None:
        # A stack of our own: views may lie deeper upon each other than Python's goes.
        waiting = [(link.above, False) for link in self._lineage.above(id)]
        begun: set[str] = set()
        while waiting:
            hidden, ready = waiting.pop()
            if ready:
                self._known[hidden] = self._put_together(hidden)
            elif hidden not in self._visible and hidden not in self._known and hidden not in begun:
                begun.add(hidden)
                waiting.append((hidden, True))
                waiting += [(link.above, False) for link in self._lineage.above(hidden)]

    def _put_together(self, id: str) -> list[Link]:
        found: dict[str, Link] = {}
        for link in self._lineage.above(id):
            for one in ([link] if link.above in self._visible else
                        [_through(first, link) for first in self._known.get(link.above, ())]):
                found[one.above] = _both(found[one.above], one) if one.above in found else one
        return list(found.values())


def _both(first: Link, second: Link) -> Link:
    return Link(first.above, first.below, first.by, tuple(dict.fromkeys((*first.columns, *second.columns))),
                frozenset(), tuple(dict((*first.uses, *second.uses)).items()), first.whole or second.whole)


def _through(first: Link, second: Link) -> Link:
    """Two links as one."""
    pairs = [(above, below, _worse(how, how2)) for above, middle, how in first.columns
             for middle2, below, how2 in second.columns if fold(middle) == fold(middle2)]
    chosen = {fold(name) for name, _kinds in second.uses}
    used = dict(first.uses)
    used.update({above: ("filter",) for above, middle, _how in first.columns if fold(middle) in chosen
                 and above not in used})
    return Link(first.above, second.below, second.by, tuple(dict.fromkeys(pairs)), frozenset(),
                tuple(sorted(used.items())), first.whole or second.whole)


def _worse(first: str, second: str) -> str:
    return max(first, second, key=lambda one: _MORE.get(one, 1))


def _shown(link: Link, columns: dict[str, set[str]]) -> Link | None:
    above, below = columns[link.above], columns[link.below]
    pairs = tuple(one for one in link.columns if fold(one[0]) in above and fold(one[1]) in below)
    uses = tuple(one for one in link.uses if fold(one[0]) in above)
    return Link(link.above, link.below, link.by, pairs, frozenset(), uses, link.whole)
