"""What comes first: by a measure, a column, or what an adjective speaks of."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pluto_duck.agent.planners.builtin.form import Field, Measure, Order
from pluto_duck.agent.planners.builtin.gate import Doubt
from pluto_duck.agent.planners.builtin.lexicon import DELAY_LIKE
from pluto_duck.agent.planners.builtin.marks import Mark
from pluto_duck.agent.planners.builtin.outline import MeasureSlot, OrderSlot
from pluto_duck.agent.planners.builtin.resolve.attempt import Attempt, Impossible
from pluto_duck.agent.planners.builtin.resolve.measures import measure, own_amount
from pluto_duck.agent.planners.builtin.vocabulary import Reading
from pluto_duck.catalog import Column
from pluto_duck.catalog.model import is_date
from pluto_duck.catalog.words import split


def order(attempt: Attempt, slot: OrderSlot, measures: Sequence[Measure]) -> Order:
    if isinstance(slot.by, MeasureSlot):
        by: Measure | Field = measure(attempt, slot.by)
        column = by.column
    elif isinstance(slot.by, Mark):
        reading = _grain(attempt, slot.by) if slot.by.kind == "grain" else attempt.reading(slot.by)
        if reading.column is None:
            if attempt.out.ranked:
                by = Measure("count", reading.table)
            else:
                label = reading.table.label or reading.table.key
                if label is None:
                    raise Impossible
                by = Field(reading.table, reading.table.column(label))
        else:
            by = (
                _same_measure(attempt, reading, measures)
                or _added_up(attempt, slot, reading)
                or Field(reading.table, reading.column)
            )
        column = reading.column
    else:
        by, column = _hinted(attempt, slot, measures)
    return Order(by, _descending(attempt, slot, column))


def _grain(attempt: Attempt, mark: Mark) -> Reading:
    """sorted by year: a column that is called so, of a table that is spoken of."""
    spoken = {one.table.ref.key for one in attempt.chosen.values()}
    for reading in mark.readings:
        if reading.column is not None and reading.strength >= 0.9 and reading.table.ref.key in spoken:
            return reading
    raise Impossible


def _added_up(attempt: Attempt, slot: OrderSlot, reading: Reading) -> Measure | None:
    """The products that sold the fewest units: as many as their order lines say together."""
    asked = {attempt.reading(mark).table.ref.key for mark in attempt.out.projections if mark.kind == "mention"}
    column = reading.column
    if column is None or column.role != "measure" or not asked or reading.table.ref.key in asked:
        return None
    if slot.word.lower() in ("most", "fewest", "least"):
        return Measure("sum", reading.table, column)
    above = {one.parent.key for one in attempt.catalog.relations if one.child.key in asked}
    if slot.word.lower().startswith("top") and reading.table.ref.key not in above:
        attempt.assumptions.append(f"the {column.name} of all their {reading.table.ref} is added up")
        return Measure("sum", reading.table, column)
    return None


def _same_measure(attempt: Attempt, reading: Reading, measures: Sequence[Measure]) -> Measure | None:
    """ "average delay by carrier, highest delay first": the delay that is already averaged."""
    same = [one for one in measures if one.column == reading.column and one.table.ref == reading.table.ref]
    same = same or [one for one in measures if _of_column(one, reading)]
    if same:
        return same[0]
    if measures and reading.column is not None and reading.column.role == "measure":
        raise Impossible
    if attempt.out.groups and attempt.out.ranked and reading.column is not None and reading.column.role == "measure":
        raise Impossible
    return None


def _of_column(measure: Measure, reading: Reading) -> bool:
    """By the score, where the average score is told."""
    column, metric = reading.column, measure.metric
    if metric is None or column is None or measure.table.ref != reading.table.ref:
        return False
    return re.search(rf"\b{re.escape(column.name)}\b", metric.expression) is not None


def _hinted(attempt: Attempt, slot: OrderSlot, measures: Sequence[Measure]) -> tuple[Measure | Field, Column | None]:
    assert isinstance(slot.by, tuple)
    target, hints = slot.by
    if target is not None and "#" in hints and target not in [*attempt.out.projections, *attempt.out.groups]:
        raise Impossible  # who has the most common of something: that something is found first
    if (not hints and slot.direction in ("asc", "desc")) or "#" in hints:
        if len(measures) != 1:
            if "#" in hints and not measures and len(attempt.out.things) == 1:
                return Measure("count", attempt.reading(attempt.out.things[0]).table), None
            if "#" in hints and not measures and len(attempt.out.projections) == 1:
                reading = attempt.reading(attempt.out.projections[0])
                if reading.column is not None and not reading.column.unique:
                    return Measure("count", reading.table), None
            raise Impossible
        return measures[0], measures[0].column
    spoken = [
        attempt.reading(mark)
        for mark in ([target] if target else [*attempt.out.projections, *attempt.out.things])
        if mark.kind == "mention"
    ]
    tables = list({one.table.ref.key: one.table for one in spoken}.values())[:1]
    for table in tables:
        wanted = [c for c in table.columns if _fits(c, slot.direction, hints)]
        if table.date is not None and slot.direction in ("late", "early", "age", "youth") and len(wanted) != 1:
            wanted = [table.column(table.date)]
        rows = any(one.column is None and one.table.ref == table.ref for one in spoken)
        if not wanted and "size" in hints and rows:
            wanted = [c for c in table.columns if own_amount(table, c) and c.numeric]  # the biggest order
        for hint in hints if len(wanted) > 1 else ():  # the price, where there is a cost, too
            closer = [one for one in wanted if hint in split(one.name)]
            if closer:
                wanted = closer
                break
        if len(wanted) == 1:
            attempt.assumptions.append(Doubt("goes", f"'{slot.word}' goes by {wanted[0].name}"))
            return Field(table, wanted[0]), wanted[0]
    for table in tables:
        near = {r.parent.key: r.parent for r in attempt.catalog.relations if r.child.key == table.ref.key}
        fits = [
            (parent, column)
            for parent in map(attempt.catalog.table, near.values())
            for column in parent.columns
            if _fits(column, slot.direction, hints)
        ]
        if len(fits) == 1:
            attempt.assumptions.append(Doubt("goes", f"'{slot.word}' goes by {fits[0][1].name}"))
            return Field(*fits[0]), fits[0][1]
    raise Impossible


def _descending(attempt: Attempt, slot: OrderSlot, column: Column | None) -> bool:
    if slot.direction in ("worst", "best"):
        if column is None or column.role == "key":
            raise Impossible  # the best customer is not the one with the highest number
        less = _less_is_better(split(column.name))
        descending = (slot.direction == "worst") == less
        attempt.assumptions.append(f"'{slot.word}' means the {'highest' if descending else 'lowest'} {column.name}")
        return descending
    if slot.direction in ("age", "youth"):
        by_age = column is not None and "age" in split(column.name)
        return by_age == (slot.direction == "age")
    return slot.direction in ("desc", "late")


def _fits(column: Column, direction: str, hints: Sequence[str]) -> bool:
    words = set(split(column.name))
    if direction in ("late", "early"):
        return is_date(column.type) or column.text_date or (column.part == "year" and len(words) == 1)
    if direction in ("age", "youth"):
        return bool(words & {"age", "birthday", "birthdate", "birth"}) and (column.numeric or is_date(column.type))
    return bool(words & set(hints)) and column.numeric


def _less_is_better(words: Sequence[str]) -> bool:
    return bool(DELAY_LIKE & set(words))
