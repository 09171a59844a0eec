"""What is counted, added up or averaged, and whether that makes sense for the column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pluto_duck.agent.planners.builtin.form import Field, Measure
from pluto_duck.agent.planners.builtin.gate import Doubt
from pluto_duck.agent.planners.builtin.marks import Mark
from pluto_duck.agent.planners.builtin.outline import MeasureSlot
from pluto_duck.agent.planners.builtin.resolve.attempt import Attempt, Impossible
from pluto_duck.catalog import Column, Metric, Table
from pluto_duck.catalog.model import is_date
from pluto_duck.catalog.words import ID_WORDS, singular, split


def measure(attempt: Attempt, slot: MeasureSlot, *, counting: bool = False) -> Measure:
    if slot.target is None:
        raise Impossible
    reading = attempt.reading(slot.target) if id(slot.target) in attempt.chosen else None
    if reading is None:
        raise Impossible
    table, column = reading.table, reading.column
    if reading.metric is not None:
        return _figure(attempt, slot, table, reading.metric)
    if slot.function == "metric":
        raise Impossible
    if slot.function == "sum" and column is None and (len(attempt.out.measures) > 1 or not slot.target.plural):
        raise Impossible  # the total stock is no number of rows
    if slot.function in ("count", "sum") and column is None:
        return Measure("count", table)
    if column is None:
        column = _only_measure(attempt, slot, table)
    if slot.function != "count" and _points(attempt, table, column):
        raise Impossible
    if slot.function == "count":
        if _points(attempt, table, column):
            attempt.cost += 0.0 if says_id(slot.target, column) else 0.2
            return Measure("count_distinct", table, column)
        if column.role == "measure" and _counts(column):
            attempt.cost += 0.1
            attempt.assumptions.append(Doubt("summed", f"'{slot.target.text}' is added up from {column.name}"))
            return Measure("sum", table, column)
        if column.role == "measure":
            attempt.cost += 0.25
        if column.unique and (column.name == table.key or counting) and reading.via is None:
            return Measure("count", table)
        if (column.role == "key" or also_a_table(attempt, slot.target, table, column)) and not says_id(
            slot.target, column
        ):
            attempt.cost += 0.2  # "customers" are the rows of customers, before the ids in some other table
        return Measure("count_distinct", table, column)
    if slot.function in ("sum", "avg") and (not column.numeric or column.role in ("key", "date")):
        raise Impossible
    if slot.function in ("sum", "avg") and column.role == "dimension":
        attempt.cost += 0.2
    if slot.function in ("min", "max") and not (column.numeric or is_date(column.type) or column.text_date):
        raise Impossible
    if slot.function in ("median", "quantile") and (not column.numeric or column.role == "key"):
        raise Impossible
    return Measure(slot.function, table, column, at=slot.at)  # type: ignore[arg-type]


def _figure(attempt: Attempt, slot: MeasureSlot, table: Table, metric: Metric) -> Measure:
    """A figure of the semantic file; another function than its own asks for something else."""
    said = metric.expression.lower()
    if slot.function == "count" and metric.unit:
        attempt.assumptions.append(f"the rows of {table.ref} behind {metric.name} are counted")
        return Measure("count", table)
    plain = said.startswith(("sum(", "avg(")) and said.count("(") == 1
    if plain and slot.function in _OF_ROWS and not (slot.function == "avg" and said.startswith("avg(")):
        return _of_rows(attempt, slot, table, metric)
    if slot.function not in ("metric", "sum", "count", "avg") or (slot.function == "avg" and "avg(" not in said):
        raise Impossible
    return Measure("metric", table, metric=metric)


def _points(attempt: Attempt, table: Table, column: Column) -> bool:
    """A number that says which row of another table: nothing to add up, whatever it is called."""
    return column.role == "measure" and any(
        one.child.key == table.ref.key and one.child_column == column.name for one in attempt.catalog.relations
    )


_OF_ROWS = {"avg": "average", "median": "median", "quantile": "quantile of", "min": "lowest", "max": "highest"}


def _of_rows(attempt: Attempt, slot: MeasureSlot, table: Table, metric: Metric) -> Measure:
    """The median freight cost: of what is added up or averaged, row by row."""
    inside, _close, rest = metric.expression[4:].partition(")")
    arguments = f"{inside}, {slot.at}" if slot.function == "quantile" else inside
    name = {"quantile": "quantile_cont"}.get(slot.function, slot.function)
    called = f"{_OF_ROWS[slot.function]} {metric.name}"
    if slot.function == "quantile":
        called = f"{100 * slot.at:g}% quantile of {metric.name}"
    attempt.assumptions.append(f"{called} is taken over the rows of {table.ref}")
    return Measure("metric", table, metric=replace(metric, name=called, expression=f"{name}({arguments}){rest}"))


def _counts(column: Column) -> bool:
    """Numbers that can be counts: whole, and not below zero."""
    if column.low is None or column.low < 0:
        return False
    return float(column.low).is_integer() and float(column.high).is_integer()


def _only_measure(attempt: Attempt, slot: MeasureSlot, table: Table) -> Column:
    """The average rating, where a rating has nothing but its stars to measure."""
    measures = [column for column in table.columns if column.role == "measure"]
    if len(measures) > 1 and slot.function in ("avg", "median", "max", "min"):
        measures = [one for one in measures if own_amount(table, one)]
    if len(measures) != 1 or slot.target is None:
        raise Impossible
    attempt.cost += 0.1
    attempt.assumptions.append(f"'{slot.target.text}' is measured by {measures[0].name}")
    return measures[0]


def own_amount(table: Table, column: Column) -> bool:
    """The amount of an invoice: called so, or after its table."""
    own = {split(one) for one in (table.called or table.ref.name, table.ref.name)}
    wanted = {(*words, "amount") for name in own for words in (name[-1:], ())}
    return any(split(name) in wanted for name in (*column.words, column.name))


def check_groups(measures: Sequence[Measure], select: Sequence[Field], root: Table) -> None:
    """Counting what the rows are grouped by gives 1 in every group: that was not asked."""
    for measure in measures:
        if measure.function == "count_distinct" and any(
            f.column == measure.column and f.table.ref == measure.table.ref for f in select
        ):
            raise Impossible
        own = any(f.column.name == root.key and f.table.ref == root.ref for f in select)
        if measure.function == "count_distinct" and own and measure.table.ref != root.ref:
            raise Impossible  # a row has one of them, no more
        if measure.function == "count" and any(f.column.name == root.key and f.table.ref == root.ref for f in select):
            raise Impossible


def rooted(measure: Measure, root: Table) -> Measure:
    """The measure as it must be taken when the rows of `root` are what is gone through."""
    if measure.table.ref == root.ref:
        return measure
    if measure.function == "count":
        if measure.table.key is None:
            raise Impossible
        return Measure("count_distinct", measure.table, measure.table.column(measure.table.key))
    if measure.function not in ("min", "max", "count_distinct"):
        raise Impossible  # the join would count rows twice
    return measure


def also_a_table(attempt: Attempt, mark: Mark, table: Table, column: Column) -> bool:
    """The word names a table, too, and the column is the code it is pointed at by: its rows are meant before that."""
    if split(column.name)[-1] not in ID_WORDS:
        return False
    named = {r.table.ref.key for r in mark.readings if r.column is None and r.metric is None}
    return any(
        one.child.key == table.ref.key and one.child_column == column.name and one.parent.key in named
        for one in attempt.catalog.relations
    )


def says_id(mark: Mark, column: Column) -> bool:
    words = split(column.name)
    return len(words) == 1 or singular(mark.text.lower().split()[-1]) in (words[-1], "id", "number", "code")
