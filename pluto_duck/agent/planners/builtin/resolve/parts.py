"""The parts of a Form that are the same whichever way the tables are joined."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

from pluto_duck.agent.planners.builtin.form import Condition, Field, Having, Measure, Order
from pluto_duck.agent.planners.builtin.resolve.attempt import Attempt, Impossible
from pluto_duck.agent.planners.builtin.resolve.conditions import condition
from pluto_duck.agent.planners.builtin.resolve.fields import fields
from pluto_duck.agent.planners.builtin.resolve.measures import measure
from pluto_duck.agent.planners.builtin.resolve.orders import order
from pluto_duck.catalog import Table


@dataclass(frozen=True)
class Parts:
    measures: tuple[Measure, ...]
    having: tuple[Having, ...]
    conditions: tuple[Condition, ...]
    orders: tuple[Order, ...]
    select: tuple[Field, ...]
    things: tuple[Table, ...]
    either: tuple[tuple[Condition, ...], ...] = ()
    """Tables spoken of that only have to be there."""

    @property
    def counted(self) -> tuple[Measure, ...]:
        """Every measure, also those that only rank or cut."""
        return (
            *self.measures,
            *(one.measure for one in self.having),
            *(one.by for one in self.orders if isinstance(one.by, Measure)),
        )


def parts(attempt: Attempt) -> Parts:
    """Raises Impossible when the readings make no sense together."""
    out = attempt.out
    measures = [measure(attempt, slot) for slot in out.measures]
    having = [
        Having(measure(attempt, slot, counting=True), operator, value)  # type: ignore[arg-type]
        for slot, operator, value in out.having
    ]
    groups: list[list[Condition]] = []
    for slot in out.filters:
        found = condition(attempt, slot)
        if slot.alternative and groups:
            groups[-1].append(found)
        else:
            groups.append([found])
    conditions = [one[0] for one in groups if len(one) == 1]
    either = tuple(tuple(one) for one in groups if len(one) > 1)
    _check_conditions(conditions)
    fixed = {one.field for one in conditions if one.operator in ("=", "in")}
    if any(one.field in fixed for group in either for one in group):
        raise Impossible  # "in Lyon, France or in Oslo, Norway": pairs, not alternatives of one column
    orders = [order(attempt, slot, measures) for slot in out.orders]
    grouping = bool(measures or having or any(isinstance(one.by, Measure) for one in orders))
    named = [mark for mark in [*out.groups, *out.projections] if mark.kind == "mention"]
    select = list(chain.from_iterable(fields(attempt, mark, grouping, orders) for mark in named))
    select = _without_rows(select, measures)
    things = [attempt.reading(mark).table for mark in out.things]
    if not (select or measures or out.groups or out.projections or things or orders):
        raise Impossible
    return Parts(tuple(measures), tuple(having), tuple(conditions), tuple(orders), tuple(select), tuple(things),
                 either)


def _without_rows(select: list[Field], measures: list[Measure]) -> list[Field]:
    """The average population of each city by status: each status, where the cities themselves are measured."""
    if not measures or any(one.function == "count" for one in measures):
        return select
    table = measures[0].table
    rows = [one for one in select if one.table.ref == table.ref and one.column.name in (table.key, table.label)]
    others = [one for one in select if one not in rows]
    return others if table.key is not None and len(rows) == 2 and others else select


def _check_conditions(conditions: list[Condition]) -> None:
    """Nothing is two things at once."""
    equal = [(one.field.table.ref.key, one.field.column.name) for one in conditions if one.operator in ("=", "in")]
    if len(set(equal)) < len(equal):
        raise Impossible
