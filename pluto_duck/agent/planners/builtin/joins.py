"""How tables hang together: paths that go from many rows to one, so that no row is counted twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, product

from pluto_duck.catalog import Catalog, Relation

MAX_HOPS = 3
Path = tuple[Relation, ...]


class Paths:
    """All shortest many-to-one paths between the tables of a catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._out: dict[str, list[Relation]] = {}
        for relation in catalog.relations:
            self._out.setdefault(relation.child.key, []).append(relation)
        self._from: dict[str, dict[str, list[Path]]] = {}
        self.roots = [table.ref.key for table in catalog.tables]

    @classmethod
    def of(cls, catalog: Catalog) -> Paths:
        known = catalog.derived.get(cls)
        if not isinstance(known, cls):
            known = catalog.derived[cls] = cls(catalog)
        return known

    def start(self, root: str) -> dict[str, list[Path]]:
        """Table key -> the paths there; parallel foreign keys (origin, dest) make several."""
        if root not in self._from:
            self._from[root] = self._search(root)
        return self._from[root]

    def _search(self, root: str) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {root: [()]}
        level: list[tuple[str, Path]] = [(root, ())]
        for _hop in range(MAX_HOPS):
            fresh: dict[str, list[Path]] = {}
            for key, path in level:
                for relation in self._out.get(key, ()):
                    if relation.parent.key not in found:
                        fresh.setdefault(relation.parent.key, []).append((*path, relation))
            found.update(fresh)
            level = [(key, path) for key, paths in fresh.items() for path in paths]
        return found

    def trees(
        self, root: str, needed: Sequence[str], forced: Sequence[Relation]
    ) -> Iterator[tuple[Relation, ...]]:
        """The join lists that bring every needed table to `root`, with the forced relations among them."""
        reach = self.start(root)
        if any(key not in reach for key in needed):
            return
        options = []
        for key in needed:
            ways = reach[key]
            wanted = [one for one in forced if one.parent.key == key]
            if wanted:
                ways = [path for path in ways if path and path[-1] == wanted[-1]]
                if len({w.child_column for w in wanted}) > 1:
                    return  # one table in two roles: not in this grammar
            options.append(ways)
        for choice in islice(product(*options), 12):
            joins: dict[str, Relation] = {}
            if all(joins.setdefault(one.parent.key, one) == one for path in choice for one in path):
                yield _ordered(root, list(joins.values()))


def _ordered(root: str, joins: list[Relation]) -> tuple[Relation, ...]:
    there, out, rest = {root}, [], sorted(joins, key=lambda r: (r.parent.key, r.child.key, r.child_column))
    while rest:
        ready = [one for one in rest if one.child.key in there]
        if not ready:
            return tuple(joins)
        out += ready
        there |= {one.parent.key for one in ready}
        rest = [one for one in rest if one not in ready]
    return tuple(out)

