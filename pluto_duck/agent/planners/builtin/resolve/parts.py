"""The parts of a Form that are the same whichever way the tables are joined."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

from pluto_duck.agent.planners.builtin.form import Condition, Field, Having, Measure, Named, Order
from pluto_duck.agent.planners.builtin.outline import MeasureSlot
from pluto_duck.agent.planners.builtin.resolve.attempt import Attempt, Impossible
from pluto_duck.agent.planners.builtin.resolve.conditions import condition, named
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
    """Tables spoken of that only have to be there."""
    either: tuple[tuple[Condition, ...], ...] = ()
    terms: tuple[Named, ...] = ()
    within: tuple[Field, ...] = ()
    over: tuple[Field, ...] = ()
    each: tuple[Field, ...] = ()

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
    terms: list[Named] = []
    for slot in out.filters:
        term = named(attempt, slot)
        if term is not None:
            terms.append(term)
            continue
        found = condition(attempt, slot)
        if slot.alternative and groups:
            groups[-1].append(found)
        else:
            groups.append([found])
    conditions = [one[0] for one in groups if len(one) == 1]
    either = tuple(tuple(one) for one in groups if len(one) > 1)
    _check_conditions(conditions)
    beside = any(one.operator == "in" for one in conditions) or any(slot.alternative for slot in out.periods)
    if out.versus and len({one.field for one in conditions}) > 1 and not beside:
        raise Impossible  # two values of two columns: nothing stands beside each other
    fixed = {one.field for one in conditions if one.operator in ("=", "in")}
    if any(one.field in fixed for group in either for one in group):
        raise Impossible  # "in Lyon, France or in Oslo, Norway": pairs, not alternatives of one column
    having += [Having(_averaged(attempt, slot, measures), sign, kind) for slot, sign, kind in out.above]  # type: ignore[arg-type]
    for mark in attempt.marks:
        reading = attempt.reading(mark)
        if mark.kind == "mention" and reading.term is not None:
            terms.append(Named(reading.table, reading.term))
    orders = [order(attempt, slot, measures) for slot in out.orders]
    grouping = bool(measures or having or any(isinstance(one.by, Measure) for one in orders))
    mentioned = [mark for mark in [*out.groups, *out.projections] if mark.kind == "mention"]
    select = list(chain.from_iterable(fields(attempt, mark, grouping, orders) for mark in mentioned))
    select = _without_rows(select, measures)
    if out.versus and grouping:  # Europe and Asia, each on its own
        select += [one.field for one in conditions if one.operator == "in" and one.field not in select]
    things = [attempt.reading(mark).table for mark in out.things]
    if not (select or measures or out.groups or out.projections or things or orders):
        raise Impossible
    beyond = [
        tuple(chain.from_iterable(fields(attempt, mark, True, ()) for mark in marks if mark.kind == "mention"))
        for marks in (out.within, out.over, out.each)
    ]
    return Parts(tuple(measures), tuple(having), tuple(conditions), tuple(orders), tuple(select), tuple(things),
                 either, tuple(dict.fromkeys(terms)), *beyond)


def _averaged(attempt: Attempt, slot: MeasureSlot | None, measures: list[Measure]) -> Measure:
    """What has to be above the average: a figure of its own, or the only one that is asked for."""
    if slot is not None:
        return measure(attempt, slot, counting=True)
    if len(measures) != 1:
        raise Impossible
    return measures[0]


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
