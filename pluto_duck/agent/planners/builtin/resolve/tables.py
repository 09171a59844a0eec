"""Which table's rows are gone through, and by which joins the others are reached."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from pluto_duck.agent.planners.builtin.gate import Doubt
from pluto_duck.agent.planners.builtin.joins import Paths
from pluto_duck.agent.planners.builtin.resolve.attempt import Attempt
from pluto_duck.agent.planners.builtin.resolve.parts import Parts
from pluto_duck.catalog import Catalog, Relation, Table
from pluto_duck.catalog.model import is_date
from pluto_duck.catalog.words import entity


@dataclass(frozen=True)
class Tree:
    root: Table
    joins: tuple[Relation, ...]
    fanned: bool
    """The root is not what is asked for, so that this comes once for each of the root's rows."""

    def reached(self, catalog: Catalog) -> list[Table]:
        return [self.root, *(catalog.table(one.parent) for one in self.joins)]

    def losses(self) -> list[str]:
        return [
            Doubt("lost", f"rows of {one.child} whose {one.child_column} is not among the {one.parent} are left out")
            for one in self.joins
            if not one.complete
        ]


def trees(attempt: Attempt, parts: Parts, *, bridged: bool = False) -> Iterator[Tree]:
    """`bridged`: also from tables that find rows of the measured one several times; they must be made once each."""
    paths = Paths.of(attempt.catalog)
    own = {one.table.ref.key for one in parts.counted} or {one.table.ref.key for one in parts.select}
    needed = _needed(parts)
    forced = [reading.via for reading in attempt.chosen.values() if reading.via is not None]
    sure = {one.table.ref.key for one in parts.counted if one.function not in ("count", "count_distinct", "min", "max")}
    if len(sure) > 1:
        return  # two sums over two tables would multiply each other
    shortest = 0
    found = False
    out = attempt.out
    dated = out.periods or out.days or any(one.kind == "grain" for one in [*out.groups, *out.projections, *out.over])
    for key in sorted(paths.roots, key=lambda k: (k not in own, k not in needed, k)):
        if (sure and not bridged and key not in sure) or (found and not shortest and key not in own):
            continue  # a bridge only where the thing itself does not lead everywhere
        wanted = _dated(attempt.catalog, paths, key, needed) if dated else [needed]
        head = header(attempt.catalog, attempt.catalog.table(key)) if dated and not attempt.out.dated else None
        if head is not None:
            wanted = [{*needed, head.ref.key}]
        for joins in chain.from_iterable(paths.trees(key, sorted(one), forced) for one in wanted):
            fanned = (bool(own) and not own <= ({key} | {j.parent.key for j in joins})) or key not in own
            if key not in own:
                if shortest and len(joins) > shortest:
                    continue  # a longer way round
                shortest = len(joins)
            found = True
            yield Tree(attempt.catalog.table(key), joins, fanned)


def _dated(catalog: Catalog, paths: Paths, root: str, needed: set[str]) -> list[set[str]]:
    """The tables with those beside them that hold dates, where a date is spoken of and none of them has one."""
    if any(_has_dates(catalog.table(key)) for key in {root, *needed}):
        return [needed]
    near = [key for key in paths.start(root) if key not in needed and _has_dates(catalog.table(key))]
    return [needed, *({*needed, key} for key in near[:3])]


def header(catalog: Catalog, table: Table) -> Table | None:
    """The orders of order items: theirs is the date of what has none itself."""
    if _has_dates(table):
        return None
    own = entity(table.ref.name)
    for relation in catalog.relations:
        if relation.child.key == table.ref.key:
            parent = catalog.table(relation.parent)
            its = entity(parent.ref.name)
            if len(its) < len(own) and own[: len(its)] == its and _has_dates(parent):
                return parent
    return None


def dated_tables(attempt: Attempt, reached: Sequence[Table]) -> Sequence[Table]:
    """Those whose dates can be meant."""
    head = header(attempt.catalog, reached[0]) if not attempt.out.dated else None
    return [one for one in reached if head is None or one.ref == head.ref]


def _has_dates(table: Table) -> bool:
    return any(is_date(column.type) or column.text_date or column.part for column in table.columns)


def _needed(parts: Parts) -> set[str]:
    """The keys of all tables that a part of the question speaks of."""
    tables = [*parts.things, *(one.table for one in parts.counted), *(one.table for one in parts.select)]
    tables += [one.field.table for one in parts.conditions]
    tables += [one.field.table for group in parts.either for one in group]
    tables += [one.by.table for one in parts.orders]
    tables += [one.table for one in (*parts.within, *parts.over, *parts.each)]
    tables += [one.table for one in parts.terms]
    return {table.ref.key for table in tables}
