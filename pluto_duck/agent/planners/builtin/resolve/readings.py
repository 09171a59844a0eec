"""Which marks need a meaning, and which meanings each may have."""

from __future__ import annotations

from dataclasses import replace

from pluto_duck.agent.planners.builtin.marks import Mark
from pluto_duck.agent.planners.builtin.outline import MeasureSlot, Outline
from pluto_duck.agent.planners.builtin.vocabulary import Reading
from pluto_duck.catalog import Catalog
from pluto_duck.catalog.words import split


def measured(out: Outline) -> list[Mark]:
    """The marks that say what is counted or measured."""
    slots = [*out.measures, *(having[0] for having in out.having)]
    slots += [order.by for order in out.orders if isinstance(order.by, MeasureSlot)]
    slots += [one[0] for one in out.above if one[0] is not None]
    return [one.target for one in slots if one.target is not None]


def marks_to_read(out: Outline, catalog: Catalog) -> list[Mark]:
    """Every mark that has to be given one meaning, once."""
    slots: list[Mark | None] = [*out.projections, *out.groups, *out.things, *out.within, *out.over, *measured(out)]
    for order in out.orders:
        if isinstance(order.by, MeasureSlot):
            continue
        if isinstance(order.by, Mark):
            slots.append(order.by)
        else:
            slots.append(order.by[0])
    for one in out.filters:
        slots.append(one.target)
        if one.target is None:
            slots.append(one.values[0])
    found: dict[int, Mark] = {}
    for mark in slots:
        if mark is not None and mark.kind in ("mention", "value", "event"):
            if mark.kind == "event" and not mark.readings:
                mark.readings = _events(catalog)
            found.setdefault(id(mark), mark)
    return list(found.values())


def _events(catalog: Catalog) -> list[Reading]:
    """Departures and arrivals are rows of a table that says from where and to where."""
    return [
        Reading(table, None, 0.9, "as its rows")
        for table in catalog.tables
        if any(set(split(c.name)) & {"origin", "source", "from"} for c in table.columns)
        and any(set(split(c.name)) & {"dest", "destination", "to"} for c in table.columns)
    ]


def options(mark: Mark, *, thing: bool = False, figure: bool = False) -> list[Reading]:
    """For a value: one reading for each column that has it, the values joined by a line feed."""
    if mark.kind != "value":
        named = [one for one in mark.readings if (one.metric is not None) == figure]
        readings = named or ([] if not figure else mark.readings)
        tables = [one for one in readings if one.column is None]
        return tables if thing and tables else readings
    by_column: dict[tuple[str, str], Reading] = {}
    for one in mark.readings:
        at = (one.table.ref.key, one.column.name if one.column is not None else one.term.name if one.term else "")
        if at in by_column:
            before = by_column[at]
            by_column[at] = replace(before, value=before.value + "\n" + one.value)
        else:
            by_column[at] = one
    return sorted(by_column.values(), key=lambda one: -one.strength)
