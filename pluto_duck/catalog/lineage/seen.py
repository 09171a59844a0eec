"""The lineage as somebody sees it who does not see every table.

What lies between is left out, not cut: where `a` becomes `c` through a view that is hidden, `a` becomes `c`. Nothing
is named but tables and columns that the reader sees anyway; where data came from, who else reads it and why a view
can't be run are the owner's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pluto_duck.catalog.lineage.model import Lineage, Link, Node, Part
from pluto_duck.session import TableInfo
from pluto_duck.workspace.tableref import fold

_MORE = {"": 0, "same": 0, "computed": 1, "aggregated": 2}


def seen(lineage: Lineage, tables: Sequence[TableInfo]) -> Lineage:
    """`tables`: those that the reader sees, with the columns it sees."""
    columns = {one.ref.key: {fold(column.name) for column in one.columns} for one in tables}
    nodes = tuple(Node(one.ref.key, one.kind, str(one.ref), tuple(column.name for column in one.columns))
                  for one in tables if one.ref.key in lineage.nodes)
    links = [shown for node in nodes for link in _reaching(lineage, node.id, columns.keys(), frozenset({node.id}))
             if (shown := _shown(link, columns)) is not None]
    return Lineage([Part(nodes, tuple(links))])


def _reaching(lineage: Lineage, id: str, visible: Iterable[str], passed: frozenset[str]) -> list[Link]:
    """The links from visible nodes to this one, through hidden ones."""
    found = []
    for link in lineage.above(id):
        if link.above in visible:
            found.append(link)
        elif link.above not in passed:
            found += [_through(one, link) for one in _reaching(lineage, link.above, visible, passed | {link.above})]
    return found


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
