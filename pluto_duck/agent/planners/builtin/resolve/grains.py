"""By month, by year: which column is cut, or which one already holds that part of the date."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, product

from pluto_duck.agent.planners.builtin.form import Field
from pluto_duck.agent.planners.builtin.marks import Mark
from pluto_duck.agent.planners.builtin.resolve.attempt import Attempt
from pluto_duck.agent.planners.builtin.resolve.periods import usual_date
from pluto_duck.catalog import Column, Table
from pluto_duck.catalog.model import is_date
from pluto_duck.catalog.words import split


def grain_choices(
    attempt: Attempt, reached: Sequence[Table], grouping: bool
) -> Iterator[tuple[tuple[Field, ...], float]]:
    out = attempt.out
    marks = [mark for mark in [*out.groups, *out.projections, *out.over] if mark.kind == "grain"]
    if not marks:
        yield (), 0.0
        return
    options = [list(_grain_options(attempt, mark, reached, grouping)) for mark in marks]
    for choice in islice(product(*options), 6):
        yield tuple(field for one in choice for field in one[0]), sum(one[1] for one in choice)


def _grain_options(
    attempt: Attempt, mark: Mark, reached: Sequence[Table], grouping: bool
) -> Iterator[tuple[tuple[Field, ...], float]]:
    for depth, table in enumerate(reached):
        parts = {c.part: c for c in table.columns if c.part and split(c.name) == (c.part,)}
        if mark.value in parts:
            part = parts[mark.value]
            fields = [Field(table, part)]
            year = parts.get("year")
            if mark.value != "year" and year is not None and year.low != year.high and grouping:
                fields.insert(0, Field(table, year))
            if mark.value == "day" and "month" in parts:
                fields.insert(-1, Field(table, parts["month"]))
            yield tuple(fields), 0.15 * depth
            continue
        named = [
            r
            for r in mark.readings
            if r.table.ref == table.ref and r.column is not None and r.strength > 0.95 and not is_date(r.column.type)
        ]
        if named and named[0].column is not None:
            yield (Field(table, named[0].column),), 0.15 * depth
            continue
        parts_named = [r for r in mark.readings if r.table.ref == table.ref and r.column is not None
                       and (r.column.part == mark.value or not is_date(r.column.type))]
        if not grouping and len(parts_named) == 1 and parts_named[0].column is not None:
            yield (Field(table, parts_named[0].column),), 0.15 * depth + 0.1
            continue
        if grouping:
            usual = usual_date(attempt, table)
            for column in table.columns:
                dated = is_date(column.type) or column.text_date
                if dated and (usual is None or column.name == usual or _named(attempt, table, column)):
                    yield (Field(table, column, mark.value),), 0.15 * depth + 0.05 * bool(
                        attempt.out.dated and not _named(attempt, table, column))


def _named(attempt: Attempt, table: Table, column: Column) -> bool:
    """A verb spoke of this date."""
    return any(r.column == column and r.table.ref == table.ref for mark in attempt.out.dated for r in mark.readings)
